# SPDX-License-Identifier: GPL-3.0-or-later
"""What this computer can compute on. torch is asked for GPUs where it may know of one, and imported only there."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from pathlib import Path
from typing import Any

from models.machine import cores, memory_gb


def devices() -> list[dict[str, Any]]:
    """Devices that a job can run on, best first: `name`, `memory_gb` (None where unknown) and `description` of each."""
    cpu = {"name": "cpu", "memory_gb": memory_gb(), "description": f"{platform.machine()}, {cores()} cores"}
    if not torch_may_have_accelerator():
        return [cpu]
    from models.networks.device import accelerators

    return [*accelerators(), cpu]


def has_accelerator() -> bool:
    """Whether torch is here and can compute on a GPU; imports it only where it may."""
    return bool(devices()[0]["name"] != "cpu")


def torch_may_have_accelerator() -> bool:
    """Whether torch is installed with support for more than the CPU; read from its files, without importing it."""
    found = importlib.util.find_spec("torch")
    if found is None:
        return False
    if "torch" in sys.modules or sys.platform == "darwin":
        return True
    if not found.submodule_search_locations:
        return False
    try:
        text = (Path(found.submodule_search_locations[0]) / "version.py").read_text(encoding="utf-8")
    except OSError:
        return True
    return re.search(r"^(?:cuda|hip|xpu)\b[^=\n]*=\s*['\"]", text, re.MULTILINE) is not None
