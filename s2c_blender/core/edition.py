# SPDX-License-Identifier: GPL-3.0-or-later
"""Which edition of the extension this is. No bpy.

The self-contained one is the full one without what downloads or runs anything else: it lacks the folder `install`, and
that is how it is told.
"""

from __future__ import annotations

from pathlib import Path

FULL = (Path(__file__).resolve().parents[1] / "install").is_dir()
"""Whether torch can be installed, and a Python of the user's own be named."""
