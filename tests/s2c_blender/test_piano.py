# SPDX-License-Identifier: GPL-3.0-or-later
"""The piano: its keys' places, and that they play what the hands play, whatever is done to the take."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import write_take

import s2c_blender
from s2c_blender import compat
from s2c_blender.core import keyboard
from s2c_blender.piano.animation import carrier, connected_hands
from s2c_blender.piano.build import PEDAL_ANGLE, PIANO_PROPERTY, piano_keys, sustain_pedal
from s2c_blender.piano.depths import key_frames, pedal_frames
from s2c_blender.takes.read_back import plan_keep, write_keep


@pytest.fixture(autouse=True)
def extension(tmp_path: Path) -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 30
    yield
    s2c_blender.unregister()


def save_take(path: Path, notes: list[list[float]], seed: int = 1) -> str:
    """A take file of two seconds that plays these notes."""
    write_take(path, seed=seed)
    with np.load(path, allow_pickle=False) as data:
        arrays = dict(data)
    fingering = np.tile(np.array([[1, 0]], np.int8), (len(notes), 1))
    np.savez(path, **{**arrays, "notes": np.array(notes, np.float32), "fingering": fingering})
    return str(path)


def pianos() -> list[bpy.types.Object]:
    return [item for item in bpy.context.scene.objects if PIANO_PROPERTY in item]


def depth(piano: bpy.types.Object, pitch: int, frame: float) -> float:
    """How far a key's front is down at a frame, metres, as Blender evaluates it."""
    scene, key = bpy.context.scene, piano_keys(piano)[pitch]
    scene.frame_set(int(frame), subframe=frame - int(frame))
    evaluated = key.evaluated_get(bpy.context.evaluated_depsgraph_get())
    reach = keyboard.HINGE_Y - (0.05 if keyboard.is_black(pitch) else 0.0)
    return float(reach * np.sin(evaluated.matrix_world.to_euler().x - piano.matrix_world.to_euler().x))


def test_piano_has_its_keys_where_the_design_says() -> None:
    bpy.ops.s2c.add_piano()
    piano = bpy.data.objects["S2C Piano"]
    keys = piano_keys(piano)
    assert sorted(keys) == list(range(21, 109))
    assert keyboard.key_x(64) + keyboard.key_x(65) == pytest.approx(0, abs=1e-12)
    for pitch, key in keys.items():
        corners = np.array([key.matrix_world @ v.co for v in key.data.vertices])
        black = keyboard.is_black(pitch)
        assert corners[:, 2].max() == pytest.approx(0.0125 if black else 0.0, abs=1e-6)
        front = corners[corners[:, 1] < corners[:, 1].min() + 1e-6]
        assert np.ptp(front[:, 0]) == pytest.approx(0.0137 if black else 0.0225, abs=1e-6)
        if not black:
            assert corners[:, 1].min() == pytest.approx(0.0, abs=1e-6)
    solids = sorted(
        (key.bound_box[0][0] + key.location.x, key.bound_box[6][0] + key.location.x)
        for p, key in keys.items()
        if not keyboard.is_black(p)
    )
    assert all(a[1] < b[0] for a, b in zip(solids, solids[1:], strict=False))


NOTES = [[0.5, 0.9, 60, 80], [1.0, 1.4, 61, 80], [1.4, 1.8, 61, 80]]


def test_keys_go_down_with_their_notes_and_all_the_way(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES), frame_start=11)
    (piano,) = pianos()
    assert depth(piano, 60, 11 + 0.2 * 30) == pytest.approx(0.0, abs=1e-6)
    assert depth(piano, 60, 11 + 0.7 * 30) == pytest.approx(0.010, abs=5e-4)
    assert depth(piano, 60, 11 + 1.2 * 30) == pytest.approx(0.0, abs=1e-6)
    assert depth(piano, 61, 11 + 1.2 * 30) == pytest.approx(0.009, abs=5e-4)
    assert depth(piano, 61, 11 + 1.395 * 30) < 0.007  # comes up between repeated notes
    assert depth(piano, 62, 11 + 1.2 * 30) == 0.0


def test_a_key_goes_up_with_its_finger_and_does_not_move_by_itself(tmp_path: Path) -> None:
    notes = [[0.2, 1.8, 60, 80], [0.2, 1.8, 64, 80]]
    path = save_take(tmp_path / "a.npz", notes)
    with np.load(path, allow_pickle=False) as data:
        arrays = dict(data)
    # The pedal holds the first note on; nobody plays the second.
    release, fingering = np.array([0.8, 1.8], np.float32), np.array([[1, 0], [-1, -1]], np.int8)
    np.savez(path, **{**arrays, "release": release, "fingering": fingering})
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=path, frame_start=1)
    (piano,) = pianos()
    assert depth(piano, 60, 1 + 0.7 * 30) == pytest.approx(0.010, abs=5e-4)
    assert depth(piano, 60, 1 + 1.0 * 30) == pytest.approx(0.0, abs=1e-6)
    assert depth(piano, 64, 1 + 0.7 * 30) == 0.0


def test_the_channels_of_the_keys_are_folded_away_in_a_group_of_their_own(tmp_path: Path) -> None:
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    data = bpy.context.scene.s2c_settings.armature.animation_data
    bag = compat.channelbag(data.action, data.action_slot)
    grouped = {curve.group.name for curve in bag.fcurves if '"key ' in curve.data_path}
    (group,) = [bag.groups[name] for name in grouped]
    assert len(group.channels) == 88 and not group.show_expanded and not group.show_expanded_graph


def test_a_piano_that_is_added_later_plays_the_take_that_is_there(tmp_path: Path) -> None:
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    bpy.ops.s2c.add_piano()
    assert depth(pianos()[0], 60, 1 + 0.7 * 30) == pytest.approx(0.010, abs=5e-4)


def test_another_take_on_the_hands_is_another_take_on_the_piano(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", [[0.5, 1.0, 60, 80]]))
    data = bpy.context.scene.s2c_settings.armature.animation_data
    first = data.action
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "b.npz", [[0.5, 1.0, 72, 80]]))
    (piano,) = pianos()
    middle = 1 + 0.75 * 30
    assert depth(piano, 72, middle) > 0.009 and depth(piano, 60, middle) == 0.0
    data.action = first
    data.action_slot = first.slots[0]
    assert depth(piano, 60, middle) > 0.009 and depth(piano, 72, middle) == 0.0


def test_the_piano_follows_keys_moved_in_the_dope_sheet_and_strips_moved_in_the_nla(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", [[0.5, 1.0, 60, 80]]))
    data = bpy.context.scene.s2c_settings.armature.animation_data
    (piano,) = pianos()
    middle = 1 + 0.75 * 30
    for curve in compat.channelbag(data.action, data.action_slot).fcurves:
        for point in curve.keyframe_points:
            point.co.x += 100
        curve.update()
    assert depth(piano, 60, middle + 100) > 0.009 and depth(piano, 60, middle) == 0.0
    action, slot = data.action, data.action_slot
    data.action = None
    strip = data.nla_tracks.new().strips.new("take", 301, action)
    strip.action_slot = slot
    assert depth(piano, 60, middle + 300) > 0.009 and depth(piano, 60, middle + 100) == 0.0


def test_each_pianist_has_a_piano(tmp_path: Path) -> None:
    settings = bpy.context.scene.s2c_settings
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", [[0.5, 1.0, 60, 80]]))
    first = settings.armature
    bpy.ops.s2c.add_piano()
    near, far = pianos()
    if connected_hands(near) is None:
        near, far = far, near
    far.location.y, far.rotation_euler.z = 2.0, np.pi
    bpy.context.view_layer.update()
    bpy.ops.s2c.add_hands()
    second = settings.armature
    assert second != first and np.allclose(second.matrix_world, far.matrix_world, atol=1e-6)
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "b.npz", [[0.5, 1.0, 72, 80]]))
    middle = 1 + 0.75 * 30
    assert (connected_hands(near), connected_hands(far)) == (first, second)
    assert depth(near, 60, middle) > 0.009 and depth(near, 72, middle) == 0.0
    turned = piano_keys(far)[72].evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert abs(turned.rotation_euler.x) > 0.03


def test_a_key_that_the_user_animates_is_left_alone(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    (piano,) = pianos()
    key = piano_keys(piano)[60]
    key.rotation_euler.x = 0.2
    key.keyframe_insert("rotation_euler", index=0, frame=1)
    own = key.animation_data.action
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", [[0.5, 1.0, 60, 80], [0.5, 1.0, 62, 80]]))
    assert key.animation_data.action == own and not len(key.animation_data.drivers)
    assert depth(piano, 62, 1 + 0.75 * 30) > 0.009


def test_a_full_copy_of_the_scene_makes_one_copy_of_the_take(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    bpy.ops.scene.new(type="FULL_COPY")
    assert len(bpy.data.actions) == 2


def test_the_keys_of_a_reopened_file_play_without_the_extension(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    s2c_blender.unregister()
    try:
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
        assert depth(pianos()[0], 60, 1 + 0.7 * 30) == pytest.approx(0.010, abs=5e-4)
    finally:
        s2c_blender.register()


def test_the_keys_of_a_linked_piano_stay_still_and_that_is_said(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "set.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "set.blend"), link=True) as (_, wanted):
        wanted.collections = ["S2C Piano"]
    bpy.context.scene.collection.children.link(wanted.collections[0])
    bpy.context.view_layer.update()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    assert "is linked from another file, so its keys stay still" in bpy.context.scene.s2c_settings.result


def test_key_times_rise_for_any_notes() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        onsets = np.cumsum(rng.uniform(0.02, 0.3, 20))
        frames, depths = key_frames(onsets, onsets + rng.uniform(0.01, 0.6, 20), 30.0, 1)
        assert (np.diff(frames) > 0).all()
        assert depths.min() >= 0 and depths.max() <= 1


PEDAL = [[0.0, 0.0], [0.5, 1.0], [1.0, 0.0], [1.2, 0.5]]


def save_pedalled(path: Path, pedal: list[list[float]], seed: int = 1) -> str:
    """A take of one note with positions of the pedal, second and depth."""
    save_take(path, [[0.5, 0.9, 60, 80]], seed)
    with np.load(path, allow_pickle=False) as data:
        arrays = dict(data)
    np.savez(path, **{**arrays, "pedal": np.array(pedal, np.float32).reshape(-1, 2)})
    return str(path)


def pedal_turn(piano: bpy.types.Object, frame: float) -> float:
    """How far the sustain pedal is down at a frame, 0 to 1, as Blender evaluates it."""
    bpy.context.scene.frame_set(int(frame), subframe=frame - int(frame))
    pedal = sustain_pedal(piano).evaluated_get(bpy.context.evaluated_depsgraph_get())
    return float(pedal.matrix_world.to_euler().x - piano.matrix_world.to_euler().x) / PEDAL_ANGLE


def test_the_pedal_goes_down_with_the_take(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_pedalled(tmp_path / "a.npz", PEDAL), frame_start=11)
    (piano,) = pianos()
    seen = [pedal_turn(piano, 11 + second * 30) for second in (0.4, 0.5, 0.6, 0.9, 1.1, 1.4)]
    assert seen == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.0, 0.5], abs=1e-3)
    pedal = sustain_pedal(piano)
    bpy.context.scene.frame_set(11)
    tip = pedal.matrix_world @ pedal.data.vertices[0].co
    bpy.context.scene.frame_set(11 + 24)
    evaluated = pedal.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert (evaluated.matrix_world @ pedal.data.vertices[0].co).z < tip.z - 0.01, "its tip goes down"
    others = [item for item in piano.children if item.get("s2c_pedal") in ("soft", "sostenuto")]
    assert len(others) == 2 and not any(item.animation_data for item in others)


def test_the_pedal_follows_another_take_and_the_dope_sheet(tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    (piano,) = pianos()
    middle = 1 + 0.75 * 30
    bpy.ops.s2c.apply_take(filepath=save_pedalled(tmp_path / "a.npz", PEDAL))
    assert pedal_turn(piano, middle) == pytest.approx(1.0, abs=1e-3)
    data = bpy.context.scene.s2c_settings.armature.animation_data
    for curve in compat.channelbag(data.action, data.action_slot).fcurves:
        for point in curve.keyframe_points:
            point.co.x += 100
        curve.update()
    assert pedal_turn(piano, middle + 100) == pytest.approx(1.0, abs=1e-3) and pedal_turn(piano, middle) == 0
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "b.npz", NOTES), frame_start=101)
    assert pedal_turn(piano, middle + 100) == 0.0, "a take without pedal leaves it up"


def test_a_piano_of_earlier_versions_and_hands_of_earlier_takes(tmp_path: Path) -> None:
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    armature = bpy.context.scene.s2c_settings.armature
    bone = armature.pose.bones[carrier(armature)]
    data = armature.animation_data
    bag = compat.channelbag(data.action, data.action_slot)
    bag.fcurves.remove(next(curve for curve in bag.fcurves if "pedal" in curve.data_path))
    del bone["pedal sustain"]
    bpy.ops.s2c.add_piano()
    (piano,) = pianos()
    assert bone["pedal sustain"] == 0.0 and pedal_turn(piano, 20) == 0.0
    assert depth(piano, 60, 1 + 0.7 * 30) == pytest.approx(0.010, abs=5e-4)
    bpy.data.objects.remove(sustain_pedal(piano))
    bpy.ops.s2c.apply_take(filepath=save_pedalled(tmp_path / "b.npz", PEDAL))
    assert depth(piano, 60, 1 + 0.7 * 30) == pytest.approx(0.010, abs=5e-4)


def test_the_pedal_is_told_to_the_generator_as_it_is_seen_now(tmp_path: Path) -> None:
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.apply_take(filepath=save_pedalled(tmp_path / "a.npz", PEDAL), frame_start=11)
    scene, armature = bpy.context.scene, bpy.context.scene.s2c_settings.armature

    def kept() -> list[list[float]]:
        keep = plan_keep(scene, armature, tmp_path)
        for _ in write_keep(keep, {}):
            pass
        with np.load(keep.path, allow_pickle=False) as data:
            return np.round(data["pedal"], 3).tolist()

    assert kept() == pytest.approx(np.array([[0.0, 0.0], [0.5, 1.0], [1.0, 0.0], [1.2, 0.5]]), abs=2e-3)
    data = armature.animation_data
    for curve in compat.channelbag(data.action, data.action_slot).fcurves:
        for point in curve.keyframe_points:
            point.co.x = 11 + 2 * (point.co.x - 11)
        curve.update()
    assert kept() == pytest.approx(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0], [2.4, 0.5]]), abs=2e-3)


def test_pedal_times_rise_for_any_positions() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        seconds = np.cumsum(rng.choice([0.0, 0.004, 0.05, 0.3], 40))
        depths = rng.choice([0.0, 0.3, 1.0], 40)
        frames, found = pedal_frames(seconds, depths, 30.0, 1)
        assert (np.diff(frames) >= 0).all() and frames[0] == 1.0
        assert found.min() >= 0 and found.max() <= 1
        later = (seconds[:-1] + seconds[1:]) / 2
        apart = np.diff(seconds) > 0.2
        seen = np.interp(later[apart], (frames - 1) / 30, found)
        assert np.allclose(seen, depths[:-1][apart])
