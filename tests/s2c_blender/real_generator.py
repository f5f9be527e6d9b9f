# SPDX-License-Identifier: GPL-3.0-or-later
"""The real worker and a piece for it, for tests that look at what it makes on hands in Blender."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from s2c_blender.install.environment import PYTHON_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
NEEDED = "import numpy, scipy, onnxruntime, safetensors, threadpoolctl, array_api_compat"
HAS_GENERATOR = all(
    importlib.util.find_spec(name) is not None for name in ("scipy", "safetensors", "array_api_compat")
)
SECONDS = 6.0
"""Of the piece."""


def worker_python() -> str:
    """A Python that runs the generator: the one that is named, this one, or the checkout's."""
    candidates = (os.environ.get(PYTHON_VARIABLE, ""), sys.executable, str(ROOT / ".venv" / "bin" / "python"))
    for candidate in candidates:
        if candidate and Path(candidate).is_file():
            asked = [candidate, "-c", NEEDED]
            if subprocess.run(asked, capture_output=True, check=False).returncode == 0:
                return candidate
    return ""


def two_hands(path: Path) -> Path:
    """A melody over broken chords and held ones, white and black keys."""
    from models.body.notes import Notes
    from models.music.midi import write_midi

    melody = (64, 66, 67, 71, 69, 67, 66, 62, 64, 67, 71, 74, 73, 71, 69, 66)
    rows = [[0.5 + 0.3 * i, 0.75 + 0.3 * i, pitch, 60 + 3 * (i % 4), 1] for i, pitch in enumerate(melody)]
    for bar, chord in enumerate(((40, 47, 52), (43, 50, 55), (45, 52, 57), (42, 49, 54))):
        rows += [[0.5 + 1.2 * bar + 0.3 * i, 1.6 + 1.2 * bar, pitch, 55, 0] for i, pitch in enumerate(chord)]
    table = np.array(sorted(rows))
    write_midi(path, Notes.from_arrays(table[:, :4], hand=table[:, 4].astype(np.int8)))
    return path
