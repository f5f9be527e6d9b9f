# SPDX-License-Identifier: GPL-3.0-or-later
"""What our own hands can do, a character can: another take, strips and layers of the NLA, a recording that is moved."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from measured_armatures import at_a_piano
from session_helpers import FRAMES, requests, use_worker, write_arms_take, write_sound

from s2c_blender import compat
from s2c_blender.rig.character import limbs
from s2c_blender.takes import sampling
from s2c_blender.takes.hands_on import reader_of

START = 11
FINGER = "index_02_r"


@pytest.fixture(params=["unreal4"])
def armature(
    registered: None,
    empty_scene: bpy.types.Scene,
    session_ends: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> bpy.types.Object:
    """A character that plays its first take; by itself one in centimetres with twist bones beside its hands."""
    empty_scene.sequence_editor_create()
    song = write_sound(tmp_path / "song.wav")
    empty_scene.sequence_editor.strips.new_sound("Piano", str(song), 1, START)
    armature = at_a_piano(request.param)
    write_arms_take(tmp_path / "made.npz", seed=1)
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    return armature


def read(armature: bpy.types.Object, start: int = START) -> Any:
    reader = reader_of(armature, FRAMES)
    for _ in sampling.sample(armature.session_uid, armature.name, range(start, start + FRAMES), reader):
        pass
    return reader


def push_down(armature: bpy.types.Object, start: float) -> bpy.types.NlaStrip:
    """The active action onto a strip of a track."""
    data = armature.animation_data
    action, slot = data.action, data.action_slot
    data.action = None
    strip = data.nla_tracks.new().strips.new("take", 1, action)
    strip.action_slot = slot
    strip.frame_start_ui = start
    return strip


def test_resample_is_another_take_beside_the_first(armature: bpy.types.Object, tmp_path: Path) -> None:
    first = armature.animation_data.action
    arrays = write_arms_take(tmp_path / "made.npz", seed=2)
    assert bpy.ops.s2c.resample() == {"FINISHED"}
    one, two = (r["params"]["seed"] for r in requests(tmp_path) if r["method"] == "generate")
    assert one != two
    assert armature.animation_data.action != first and first.use_fake_user
    assert np.abs(read(armature).euler - arrays["euler"]).max() < 1e-4
    assert np.abs(read(armature).wrist - arrays["wrist"]).max() < 1e-4


def test_a_strip_in_the_nla_is_redone_where_it_is(armature: bpy.types.Object, tmp_path: Path) -> None:
    push_down(armature, 201)
    before = read(armature, 201)
    arrays = write_arms_take(tmp_path / "made.npz", seed=7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    after = read(armature, 201)
    assert np.abs(after.euler[:, 0] - arrays["euler"][:, 0]).max() < 1e-4
    assert np.abs(after.wrist[:, 0] - arrays["wrist"][:, 0]).max() < 1e-4
    assert np.abs(after.euler[:, 1] - before.euler[:, 1]).max() < 1e-5
    assert np.abs(after.wrist[:, 1] - before.wrist[:, 1]).max() < 1e-5


def test_a_correction_over_the_take_stays_when_the_other_hand_is_redone(
    armature: bpy.types.Object, tmp_path: Path
) -> None:
    plain = read(armature).euler
    push_down(armature, START)
    action = bpy.data.actions.new("correction")
    slot = action.slots.new(id_type="OBJECT", name=armature.name)
    path = f'pose.bones["{FINGER}"].rotation_quaternion'
    turn = np.radians(20)
    for index, value in enumerate((np.cos(turn / 2), 0, 0, np.sin(turn / 2))):
        curve = compat.new_fcurve(compat.channelbag(action, slot, create=True), path, index, FINGER)
        for frame in (1, 300):
            curve.keyframe_points.insert(frame, value)
    data = armature.animation_data
    data.action, data.action_slot, data.action_blend_type = action, slot, "COMBINE"
    corrected = read(armature).euler
    assert np.abs(corrected - plain).max() == pytest.approx(turn, rel=0.2)
    write_arms_take(tmp_path / "made.npz", seed=7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    after = read(armature).euler
    assert np.abs(after[:, 1] - corrected[:, 1]).max() < 1e-4
    assert np.abs(after[:, 0] - plain[:, 0]).max() > 0.02


def test_a_recording_that_is_moved_is_followed(armature: bpy.types.Object) -> None:
    before = read(armature)
    strip = bpy.context.scene.sequence_editor.strips["Piano"]
    if hasattr(strip, "content_start"):
        strip.content_start = START + 45
    else:
        strip.frame_start = START + 45
    assert bpy.ops.s2c.follow_strip() == {"FINISHED"}
    after = read(armature, START + 45)
    assert np.abs(after.euler - before.euler).max() < 1e-4
    assert np.abs(after.wrist - before.wrist).max() < 1e-4


@pytest.mark.parametrize("armature", ["unreal4", "makehuman"], indirect=True)
def test_a_take_from_before_the_twists_turned_is_redone_in_part(
    armature: bpy.types.Object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Takes of earlier versions have no curves on twist bones."""
    armature.animation_data.action = None
    for bone in armature.pose.bones:
        bone.matrix_basis.identity()
    with monkeypatch.context() as earlier:
        earlier.setattr(limbs, "forearm_twists", lambda *_: [])
        assert bpy.ops.s2c.generate() == {"FINISHED"}
        before = read(armature)
    settings = bpy.context.scene.s2c_settings
    settings.redo_start, settings.redo_end = START + 10, START + 29
    arrays = write_arms_take(tmp_path / "made.npz", seed=4)
    assert bpy.ops.s2c.regenerate_range(hand="RIGHT") == {"FINISHED"}
    after = read(armature)
    assert np.abs(after.euler[10:30, 1] - arrays["euler"][10:30, 1]).max() < 1e-4
    assert np.abs(after.wrist[10:30, 1] - arrays["wrist"][10:30, 1]).max() < 1e-4
    for kept in (slice(0, 10), slice(32, None)):
        assert np.abs(after.euler[kept] - before.euler[kept]).max() < 1e-4
        assert np.abs(after.wrist[kept] - before.wrist[kept]).max() < 1e-4


def test_long_takes_are_read_one_hand_at_a_time(armature: bpy.types.Object) -> None:
    """A step in which the numbers of both hands were worked out would hold Blender twice as long."""
    count = 300
    reader = reader_of(armature, count)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    worked_out = []
    for _ in range(count - 1):
        before = reader.wrist.copy()
        reader(evaluated)
        worked_out.append((reader.wrist != before).any((0, 2)))
    hands = np.array(worked_out)
    assert hands.any(0).all() and not hands.all(1).any()
    reader(evaluated)
    assert (reader.wrist == reader.wrist[0]).all() and (reader.wrist[0] != 0).any(1).all()
