# SPDX-License-Identifier: GPL-3.0-or-later
"""The marks of a take in a stranger's file: they choose nothing, hold nothing up, and are checked first."""

import json
import os
from pathlib import Path

import bpy
import pytest
from session_helpers import START, requests
from take_helpers import bag, data, strip_start

from s2c_blender.takes import clock, follow

pytestmark = pytest.mark.usefixtures("take")


def mark(**changes: object) -> None:
    """Change the marks of the take, as a stranger's .blend may have them."""
    marks = json.loads(data().action["s2c_take"])
    marks.update(changes)
    data().action["s2c_take"] = json.dumps(marks)


def test_marks_choose_neither_an_output_nor_consent(scene: bpy.types.Scene, tmp_path: Path) -> None:
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    sound = {"sound": str(tmp_path / "song.wav"), "sound_start_s": 0.0, "sound_end_s": 2.0}
    mark(
        take="/nowhere.npz", sound={**sound, "output": str(victim), "allow_download": True, "device": "cuda"}
    )
    del data().action[clock.NOTES_PROPERTY]
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    params = requests(tmp_path)[-1]["params"]
    assert params["sound"] == sound["sound"] and params["allow_download"] is False
    assert Path(params["output"]).parent == tmp_path / "data" / "takes" and params["device"] != "cuda"
    assert victim.read_text() == "years of work"


@pytest.mark.parametrize(
    "changes",
    [
        {"frames": "x"},
        {"frames": -5},
        {"fps": 0},
        {"fps": "x"},
        {"fps": "30"},
        {"fps": float("inf")},
        {"start_frame": 1.5},
        {"sound": None},
        {"sound": [1]},
        {"take": 7},
        {"more": 1},
        {"frames": 12_000_000},
        {"frames": True},
        {"start_frame": 10**12},
        {"fps": 10**400},
        {"fps": 1e300},
        {"take": "x" * 100_000},
        {"take": "a\0b"},
    ],
)
def test_marks_that_make_no_sense_are_no_take(scene: bpy.types.Scene, changes: dict[str, object]) -> None:
    mark(**changes)
    with pytest.raises(RuntimeError, match="plays no take yet"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")


@pytest.mark.parametrize(
    "sound",
    [
        {"sounds": ["x"]},
        {"sounds": [{"path": 3}]},
        {"sounds": [{"path": "a"}]},
        {"sound": 3},
        {"sound_start_s": "x"},
        {"sound_start_s": 10**400},
        {"sounds": [{"path": "a", "start_s": 10**400}]},
        {"sound": "a\0b"},
    ],
)
def test_the_panels_watch_survives_marks_of_any_kind(
    scene: bpy.types.Scene, sound: dict[str, object]
) -> None:
    mark(sound=sound)
    strip_start(START + 45)
    follow.watch.look_in(bpy.context)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}


def test_a_pipe_as_the_takes_file_is_not_waited_for(scene: bpy.types.Scene, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npz")
    mark(take=str(tmp_path / "pipe.npz"))
    del data().action[clock.NOTES_PROPERTY]
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    assert requests(tmp_path)[-1]["params"]["sound"].endswith("song.wav")


def test_keys_that_reach_over_millions_of_frames_are_refused(scene: bpy.types.Scene) -> None:
    curve = bag().fcurves.find('pose.bones["shoulder.R"].location', index=0)
    curve.keyframe_points.insert(1_000_000, 0.0)
    for operator in (lambda: bpy.ops.s2c.regenerate_hand(hand="LEFT"), export_somewhere):
        with pytest.raises(RuntimeError, match="reach over"):
            operator()


def export_somewhere() -> None:
    bpy.ops.s2c.export_fbx(filepath=bpy.app.tempdir + "a.fbx")
