# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about this computer and this Python, as the answer to `hello` has them."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Any

from models import __version__
from models.generation.devices import devices
from models.machine import engines, package_versions, worker_threads
from models.worker import PROTOCOL

PRESETS_FOLDER = Path(__file__).parent.parent / "presets"


def installed_presets() -> list[str]:
    """Presets that have weights and can generate."""
    return sorted({weights.parent.name for weights in PRESETS_FOLDER.glob("*/*.safetensors")})


def hello_facts() -> dict[str, Any]:
    """The answer to `hello`."""
    return {
        "protocol": PROTOCOL,
        "version": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "packages": package_versions(),
        "engines": engines(),
        "devices": devices(),
        "threads": worker_threads(),
        "presets": installed_presets(),
    }
