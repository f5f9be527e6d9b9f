# SPDX-License-Identifier: GPL-3.0-or-later
"""What torch can compute on, and what it does compute on."""

from __future__ import annotations

import platform
from typing import Any

import torch

from models.errors import UserError
from models.machine import memory_gb


def accelerators() -> list[dict[str, Any]]:
    """GPUs that torch can compute on, best first: `name`, `memory_gb` and `description` of each."""
    found: list[dict[str, Any]] = []
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        memory = round(properties.total_memory / 1e9, 1)
        found.append({"name": "cuda", "memory_gb": memory, "description": properties.name})
    if torch.backends.mps.is_available():
        # Apple's GPU shares the computer's memory.
        description = platform.processor() or "Apple GPU"
        found.append({"name": "mps", "memory_gb": memory_gb(), "description": description})
    return found


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
