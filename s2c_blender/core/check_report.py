# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check of the generator found, as lines for the panel. No bpy."""

from __future__ import annotations

from typing import Any

from ..plain_text import shown
from .jobs import Job
from .protocol import is_number
from .runtime import PythonChoice

MOST_DEVICES = 16
ENGINES = (("onnxruntime", "ONNX Runtime"), ("torch", "torch"))
"""Packages that compute, and what they are called."""
WHERE = {
    "built-in": "The built-in engine: nothing else is needed.",
    "installed": "The engine that Install Generator downloaded.",
    "preferences": "The engine of a Python of your own.",
}


def describe_check(job: Job, runtime: PythonChoice) -> list[str]:
    """A worker's answers as lines for the panel; runtime: the Python that it was started with."""
    hello = job.hello
    packages = _object(hello.get("packages"))
    engines = [f"{title} {_word(packages[name])}" for name, title in ENGINES if packages.get(name)]
    lines = [
        WHERE.get(runtime.source, WHERE["preferences"]),
        ", ".join([f"Python {_word(hello.get('python'))}", *engines]),
        *runtime.remarks,
    ]
    devices = hello.get("devices")
    for device in devices[:MOST_DEVICES] if isinstance(devices, list) else []:
        name, memory = _object(device).get("name"), _object(device).get("memory_gb")
        lines.append(f"{_word(name)}, {_word(memory)} GB")
    for result in job.results:
        total, frames, fps = (
            _object(result.get("seconds")).get("total"),
            result.get("frames"),
            result.get("fps"),
        )
        if is_number(total) and is_number(frames) and is_number(fps) and min(total, frames, fps) > 0:
            music = frames / max(fps, 1e-3)
            lines.append(f"Test: {music:.0f} s of music in {total:.1f} s on {_word(result.get('device'))}")
    return lines


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str:
    """A short text or a number of an answer; a question mark for anything else."""
    return shown(str(value), 60) if isinstance(value, str) or is_number(value) else "?"
