# SPDX-License-Identifier: GPL-3.0-or-later
"""The device that torch computes on."""

from __future__ import annotations

import torch

from models.errors import UserError


def choose_device(name: str) -> torch.device:
    """The torch device for `auto`, `cpu`, `cuda` or `mps`; `UserError` where this computer lacks it."""
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if name not in ("cpu", "cuda", "mps"):
        raise UserError(
            "unknown_device", f"There is no device called {name!r}; choose auto, cpu, cuda or mps."
        )
    if (name == "cuda" and not cuda) or (name == "mps" and not mps):
        raise UserError("device_missing", f"This computer offers no {name} device; choose auto or cpu.")
    return torch.device(name)
