# SPDX-License-Identifier: GPL-3.0-or-later
"""The contact sheet's command, from a take file to a sheet in which hands move and keys go down."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demo.looks.pieces import EXCERPTS
from demo.looks.takes import play
from models.body.take import Take

DRAW = """
import os, sys
from pathlib import Path
import numpy as np
from demo import contact_sheet
views = ["player", "front", "side", "hand"]
rows = contact_sheet.rows_of([Path(sys.argv[1])], views, contact_sheet.busiest(1), (120, 80))
np.savez(sys.argv[2], **{f"{r}_{c}": cell.pixels for r, row in enumerate(rows) for c, cell in enumerate(row.cells)})
contact_sheet.sheet.write_sheet(rows, Path(sys.argv[3]))
sys.stdout.flush()
os._exit(0)
"""


def test_pictures_show_skin_and_keys_from_both_sides(tmp_path: Path, project_root: Path) -> None:
    sample = play(EXCERPTS[1], tmp_path, seed=1)  # the scale needs no score
    take = tmp_path / "scale.npz"
    Take(sample.motion, sample.notes, {"hand_size": 1.0}).save(take)
    pictures, sheet = tmp_path / "pictures.npz", tmp_path / "sheet.jpg"
    command = [sys.executable, "-c", DRAW, str(take), str(pictures), str(sheet)]
    done = subprocess.run(command, cwd=project_root, capture_output=True, text=True, timeout=200)
    if done.returncode and "No OpenGL vendor" in done.stdout + done.stderr:
        pytest.skip("Blender's Workbench cannot draw here: no EGL")
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(pictures) as found:
        assert sorted(found) == [f"{row}_{column}" for row in range(4) for column in range(2)]
        for name in found:
            red, blue = found[name][..., 0], found[name][..., 2]
            assert ((red > 0.25) & (red > 1.25 * blue)).mean() > 0.025, f"no hands in picture {name}"
            white = (found[name].min(-1) > 0.45).mean()
            assert white > 0.01, f"no white keys in picture {name}"
        assert np.abs(found["0_0"] - found["0_1"]).max() > 0.1  # the hands have moved
    assert sheet.stat().st_size > 2000
