# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check of the generator found, as lines for the panel. No bpy."""

from __future__ import annotations

from typing import Any

from .jobs import Job


def describe_check(job: Job) -> list[str]:
    """A worker's answers as lines for the panel."""
    hello: dict[str, Any] = job.hello
    packages = hello.get("packages") or {}
    lines = [f"Python {hello.get('python', '?')}, torch {packages.get('torch', '?')}"]
    for device in hello.get("devices") or []:
        lines.append(f"{device.get('name', '?')}, {device.get('memory_gb', '?')} GB")
    for result in job.results:
        seconds, frames, fps = result.get("seconds") or {}, result.get("frames"), result.get("fps")
        total = seconds.get("total")
        if total and frames and fps:
            lines.append(
                f"Test: {frames / fps:.0f} s of music in {total:.1f} s on {result.get('device', '?')}"
            )
    return lines
