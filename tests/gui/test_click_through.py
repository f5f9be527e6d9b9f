# SPDX-License-Identifier: GPL-3.0-or-later
"""The click test, where there is a real window.

    DISPLAY=:0 S2C_WORKER_PYTHON=.venv/bin/python python -m pytest tests/gui

Not part of the usual test run: it takes the screen for itself for about three minutes. `click_through.py` says what
it needs, and can be run alone where there is no pytest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dev

TOOLS = ("blender", "xdotool", "import")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
MISSING += [name for name in ("DISPLAY", "S2C_WORKER_PYTHON") if not os.environ.get(name)]


@pytest.mark.skipif(bool(MISSING), reason=f"needs a real window; missing: {', '.join(MISSING)}")
def test_a_newcomer_reaches_playing_hands_in_eight_clicks(tmp_path: Path, project_root: Path) -> None:
    archive = dev.build_extension(Path(sys.executable), tmp_path)
    script = Path(__file__).with_name("click_through.py")
    command = [sys.executable, str(script), "--zip", str(archive), "--out", str(tmp_path)]
    command += ["--recording", str(project_root / "demo" / "recording.flac")]
    command += ["--worker", os.environ["S2C_WORKER_PYTHON"]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8  Space plays" in done.stdout
