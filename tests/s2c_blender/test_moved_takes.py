# SPDX-License-Identifier: GPL-3.0-or-later
"""The take is what is on the armature: keys and strips that were moved, cut or layered. Redo goes by what is seen."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import FRAMES, START, write_take
from take_helpers import bag, data, hands, move_keys, push_down, remake, seen, sent

from s2c_blender import compat
from s2c_blender.takes import clock, layers, read_back

pytestmark = pytest.mark.usefixtures("take")


def test_keys_moved_in_the_dope_sheet_redo_goes_where_they_are(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    before = seen(START + 40, "f_index.02.R")
    move_keys(100)
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(seen(START + 140, "f_index.02.R"), before, atol=1e-6)
    for frame in (0, 33, FRAMES - 1):
        place = seen(START + 100 + frame, "hand.L")[:3, 3]
        np.testing.assert_allclose(place, wrist[frame, 0], atol=1e-5)
    np.testing.assert_allclose(sent(tmp_path)["notes"][:, 0], [0.1, 1.0], atol=1e-4)
    assert read_back.read_marks(data().action).start_frame == START + 100


def test_stretched_keys_stretch_the_music(scene: bpy.types.Scene, tmp_path: Path) -> None:
    move_keys(0, 2.0)
    remake(tmp_path, 2 * FRAMES - 1, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)
    assert len(given["euler"]) == 2 * FRAMES - 1
    np.testing.assert_allclose(given["notes"][:, :2], [[0.2, 1.0], [2.0, 2.8]], atol=1e-3)


def test_what_is_left_of_a_cut_take_keeps_its_notes(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for curve in bag().fcurves:
        for point in reversed([p for p in curve.keyframe_points if p.co.x < START + 20]):
            curve.keyframe_points.remove(point)
    remake(tmp_path, FRAMES - 20, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)
    assert len(given["euler"]) == FRAMES - 20
    np.testing.assert_allclose(given["notes"], [[1.0 - 20 / 30, 1.4 - 20 / 30, 64, 80]], atol=1e-3)
    np.testing.assert_array_equal(given["fingering"], [[1, 2]])


def test_only_one_hand_was_moved_and_the_other_is_redone(scene: bpy.types.Scene, tmp_path: Path) -> None:
    move_keys(50, curves=[c for c in bag().fcurves if '.R"]' in c.data_path])
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(seen(START + 50 + 30, "hand.L")[:3, 3], wrist[30, 0], atol=1e-5)


def test_reordered_parts_are_refused_before_anything_changes(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for curve in bag().fcurves:
        points = curve.keyframe_points
        if len(points) == FRAMES:
            for index, point in enumerate(points):
                point.co.x += 30 if index < 30 else -30
            curve.update()
    action = data().action
    with pytest.raises(RuntimeError, match="another order"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert data().action == action and len(bpy.data.actions) == 1


def test_a_take_of_an_earlier_version_goes_by_its_keys(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for curve in [c for c in bag().fcurves if '"]["' in c.data_path]:
        bag().fcurves.remove(curve)
    for bone in ("hand.L", "hand.R"):
        del hands().pose.bones[bone][clock.CLOCK_PROPERTY]
    del data().action[clock.NOTES_PROPERTY]
    move_keys(100)
    remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_allclose(sent(tmp_path)["notes"][:, 0], [0.1, 1.0], atol=1e-4)


def test_a_strip_moved_in_the_nla_redo_goes_along(scene: bpy.types.Scene, tmp_path: Path) -> None:
    push_down(201)
    before = {frame: seen(frame, "f_ring.01.R") for frame in (201, 230, 260)}
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    for frame, matrix in before.items():
        np.testing.assert_array_equal(seen(frame, "f_ring.01.R"), matrix)
    np.testing.assert_allclose(seen(201 + 30, "hand.L")[:3, 3], wrist[30, 0], atol=1e-5)
    assert sent(tmp_path)["notes"][0, 0] == pytest.approx(0.1, abs=1e-3)


def correction(bone: str, height: float) -> bpy.types.Action:
    """An additive layer above the take, as the active action."""
    action = bpy.data.actions.new("correction")
    slot = action.slots.new(id_type="OBJECT", name=hands().name)
    path = f'pose.bones["{bone}"].location'
    curve = compat.new_fcurve(compat.channelbag(action, slot, create=True), path, 2, bone)
    for frame in (1, 300):
        curve.keyframe_points.insert(frame, height)
    data().action = action
    data().action_slot = slot
    data().action_blend_type = "ADD"
    return action


def test_corrections_over_a_take_are_seen_kept_and_given_to_the_worker(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    _, wrist = write_take(tmp_path / "same.npz")
    push_down(START)
    own = correction("shoulder.R", 0.1)
    before = {frame: seen(frame, "f_index.03.R") for frame in (START, START + 25)}
    remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    rest = np.array(hands().data.bones["shoulder.R"].matrix_local)[:3, 2]
    np.testing.assert_allclose(sent(tmp_path)["wrist"][:, 1], wrist[:, 1] + 0.1 * rest, atol=1e-5)
    for frame, matrix in before.items():
        np.testing.assert_allclose(seen(frame, "f_index.03.R"), matrix, atol=1e-6)
    strips = [strip.action for track in data().nla_tracks for strip in track.strips]
    assert own in strips and data().action_blend_type == "REPLACE"


def test_a_range_over_layers_changes_nothing_outside(scene: bpy.types.Scene, tmp_path: Path) -> None:
    push_down(START)
    correction("shoulder.R", 0.02)
    before = {frame: seen(frame, "f_index.03.R") for frame in (START + 2, START + 50)}
    bpy.ops.s2c.regenerate_hand(hand="LEFT")  # fills sent.npz
    given = sent(tmp_path)
    new = {**given, "euler": given["euler"].copy()}
    new["euler"][20:30, 1] += 0.3
    np.savez(tmp_path / "made.npz", **new)
    assert bpy.ops.s2c.regenerate_range(hand="RIGHT", frame_start=START + 20, frame_end=START + 29)
    for frame, matrix in before.items():
        np.testing.assert_allclose(seen(frame, "f_index.03.R"), matrix, atol=1e-5)
    assert np.abs(seen(START + 25, "f_index.03.R") - before[START + 50]).max() > 1e-3


def test_takes_over_a_strip_replace_one_another(scene: bpy.types.Scene, tmp_path: Path) -> None:
    push_down(START)
    for _ in range(3):
        assert bpy.ops.s2c.resample() == {"FINISHED"}
    assert len(data().nla_tracks) == 1
    right = seen(START + 25, "f_index.03.R")
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    np.testing.assert_array_equal(seen(START + 25, "f_index.03.R"), right)
    np.testing.assert_allclose(seen(START + 30, "hand.L")[:3, 3], wrist[30, 0], atol=1e-5)
    assert len(data().nla_tracks) == 1


def test_a_take_in_tweak_mode_gives_way_to_a_new_one(scene: bpy.types.Scene, tmp_path: Path) -> None:
    push_down(51)
    for track in data().nla_tracks:
        track.select = track.strips[0].select = True
    data().use_tweak_mode = True
    assert read_back.has_take(hands())
    _, wrist = remake(tmp_path, FRAMES, 7)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert not data().use_tweak_mode and len(data().nla_tracks) == 1
    np.testing.assert_allclose(seen(START + 30, "hand.L")[:3, 3], wrist[30, 0], atol=1e-5)


def test_a_solo_track_is_said_beforehand(scene: bpy.types.Scene) -> None:
    push_down(51)
    data().nla_tracks[0].is_solo = True
    with pytest.raises(RuntimeError, match="plays solo"):
        bpy.ops.s2c.generate()
    with pytest.raises(RuntimeError, match="plays solo"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")


def test_muted_tracks_take_no_part(scene: bpy.types.Scene) -> None:
    push_down(51)
    data().nla_tracks[0].mute = True
    assert not read_back.has_take(hands()) and layers.is_plain(hands())
    assert not bpy.ops.s2c.regenerate_hand.poll()


def test_the_users_own_curves_go_on_in_every_new_take(scene: bpy.types.Scene, tmp_path: Path) -> None:
    armature = hands()
    for frame, value in ((START, 0.0), (START + FRAMES, 0.5)):
        armature.pose.bones["root"].rotation_euler = (0, 0, value)
        armature.pose.bones["root"].keyframe_insert("rotation_euler", frame=frame)
        armature.location.x = value
        armature.keyframe_insert("location", frame=frame)
        armature.pose.bones["f_index.01.L"].scale = (1 + value,) * 3
        armature.pose.bones["f_index.01.L"].keyframe_insert("scale", frame=frame)
    paths = {c.data_path for c in bag().fcurves}
    for operator in (bpy.ops.s2c.generate, bpy.ops.s2c.resample):
        assert operator() == {"FINISHED"}
        assert {c.data_path for c in bag().fcurves} == paths
        scene.frame_set(START + FRAMES)
        assert armature.location.x == pytest.approx(0.5)
        assert armature.pose.bones["root"].rotation_euler.z == pytest.approx(0.5)


def test_the_newest_take_survives_another_action_and_saving(scene: bpy.types.Scene, tmp_path: Path) -> None:
    name, path = data().action.name, 'pose.bones["f_index.02.R"].rotation_euler'
    bag().fcurves.find(path).keyframe_points[3].co.y = 0.4321
    data().action = bpy.data.actions.new("walk")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    action = bpy.data.actions[name]
    curve = compat.channelbag(action, action.slots[0]).fcurves.find(path)
    assert curve.keyframe_points[3].co.y == pytest.approx(0.4321)


def test_hands_that_hold_still_can_be_redone_around(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for path in [c.data_path for c in bag().fcurves if '"]["' in c.data_path]:
        curve = bag().fcurves.find(path)
        bag().fcurves.remove(curve)
    for curve in bag().fcurves:
        for point in curve.keyframe_points:
            point.co.y = 0.0
        curve.update()
    assert layers.seen_span(hands()) == (START, START + FRAMES - 1)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    assert len(sent(tmp_path)["euler"]) == FRAMES
