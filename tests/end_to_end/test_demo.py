# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole road, as the demo goes it: recording, hands, piano, the real worker, keyframes, .blend, FBX.

Runs the demo script in a process of its own, in each Blender there is, and opens what it wrote in another one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.body.take import Take
from models.evaluation.scores import evaluate_take
from models.music.midi import read_midi

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
BLENDER52 = ROOT / ".venv-blender52" / SCRIPTS / ("python.exe" if os.name == "nt" else "python")
BLENDERS = {"4.5": Path(sys.executable), "5.2": BLENDER52}
LOOK = Path(__file__).with_name("look_at_demo.py")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("blender", sorted(BLENDERS))
def test_recording_becomes_hands_that_play_it(blender: str, tmp_path: Path) -> None:
    python = BLENDERS[blender]
    if not python.is_file():
        assert not os.environ.get("CI"), f"no {python}: python dev.py setup makes it"
        pytest.skip(f"Blender {blender} is not installed here: {python} is missing")
    environment = {**os.environ, "S2C_WORKER_PYTHON": sys.executable}
    own = python == Path(sys.executable) and python.parent == (ROOT / ".venv" / SCRIPTS)
    start = [str(python), "dev.py", "demo"] if own else [str(python), "-m", "demo.make_demo"]
    command = [*start, "--out", str(tmp_path), "--seed", "3", "--no-pictures"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stdout + done.stderr
    blend, fbx = tmp_path / "demo.blend", tmp_path / "demo.fbx"

    look = [str(python), str(LOOK), str(blend), str(fbx)]
    seen = subprocess.run(
        look, capture_output=True, text=True, timeout=300, env={**environment, "PYTHONPATH": str(ROOT)}
    )
    line = next((line for line in seen.stdout.splitlines() if line.startswith("FACTS")), "")
    assert line, seen.stdout + seen.stderr
    facts = json.loads(line.removeprefix("FACTS"))
    truth = read_midi(ROOT / "demo" / "recording.mid")
    assert facts["version"].startswith(blender)
    assert facts["curves"] == 2 * (19 * 3 + 3)
    assert facts["packed"] and "seed 3" in facts["result"]
    assert facts["touching"] > 0.9, "keys go down without a fingertip on them"
    pitches = set(truth.notes.pitch.astype(int).tolist())
    assert len(pitches & set(facts["played"])) >= 0.95 * len(pitches)
    assert facts["jump"] < 0.12, "a wrist jumps"
    assert {"ARMATURE", "MESH"} <= set(facts["fbx"]) and len(facts["fbx_takes"]) == 1

    take = Take.load(next((tmp_path / "data" / "takes").glob("*.npz")))
    figures = evaluate_take(take, truth.notes)
    assert figures["onset_f1"] >= 0.9 and figures["outside_limits"] == 0
    assert facts["fbx_takes"][0][1] - facts["fbx_takes"][0][0] == pytest.approx(
        take.motion.frames - 1, abs=1e-3
    )
