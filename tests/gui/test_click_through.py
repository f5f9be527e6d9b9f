# SPDX-License-Identifier: GPL-3.0-or-later
"""The click test, where there is a real window.

    DISPLAY=:0 .venv/bin/python -m pytest tests/gui

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

TOOLS = ("blender", "xdotool", "import")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
MISSING += [] if os.environ.get("DISPLAY") else ["DISPLAY"]
WHICH_PYTHON = "import sys; print('PYTHON %d.%d' % sys.version_info[:2])"


@pytest.mark.skipif(bool(MISSING), reason=f"needs a real window; missing: {', '.join(MISSING)}")
def test_a_newcomer_reaches_playing_hands_in_eight_clicks(tmp_path: Path, project_root: Path) -> None:
    said = subprocess.check_output(["blender", "-b", "--python-expr", WHICH_PYTHON], text=True)
    (python,) = [line.split()[1] for line in said.splitlines() if line.startswith("PYTHON ")]
    building = [sys.executable, "-m", "extension.build", "--edition", "full", "--platform", "linux-x64"]
    subprocess.run([*building, "--python", python, "-o", str(tmp_path)], cwd=project_root, check=True)
    (archive,) = tmp_path.glob("*.zip")
    script = Path(__file__).with_name("click_through.py")
    command = [sys.executable, str(script), "--zip", str(archive), "--out", str(tmp_path)]
    command += ["--recording", str(project_root / "demo" / "recording.flac")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8  Space plays" in done.stdout
