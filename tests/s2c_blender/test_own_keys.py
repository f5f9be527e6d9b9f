# SPDX-License-Identifier: GPL-3.0-or-later
"""Use Keys: a user's own keys and pedal, objects or bones, go down with the takes, and nothing of theirs is lost."""

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix
from piano_helpers import SHAPES, add_keys, corners, down, front_of, name_of, save_take, select

import s2c_blender
from s2c_blender import compat
from s2c_blender.core import keyboard
from s2c_blender.piano.animation import connected_hands
from s2c_blender.piano.build import PEDAL_ANGLE
from s2c_blender.piano.frame import own_piano
from s2c_blender.piano.parts import OWN_KEY, OWN_PRESS, own_parts

FRAME = Matrix.LocRotScale((3.0, -2.0, 0.72), Euler((0.03, 0.05, 0.7)), None)
MODES = ("XYZ", "ZYX", "QUATERNION", "AXIS_ANGLE", "YXZ")
MIDDLE = 1 + 0.7 * 30
"""A frame of the scene in which all notes of `NOTES` are held."""
NOTES = [[0.5, 0.9, pitch, 80] for pitch in keyboard.PITCHES]


@pytest.fixture(autouse=True)
def extension() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 30
    bpy.ops.s2c.add_hands()
    yield
    s2c_blender.unregister()


def scattered(seed: int = 2) -> Callable[[int], Matrix]:
    """Own origins and axes: each key's another one, turned by right angles and a scale of its own."""
    random_ = random.Random(seed)
    own = {
        pitch: Matrix.LocRotScale(
            (keyboard.key_x(pitch) + random_.uniform(-1, 1), random_.uniform(-1, 1), 0.1),
            Euler([math.pi / 2 * random_.randrange(4) for _ in range(3)]),
            (random_.uniform(0.5, 2),) * 3,
        )
        for pitch in keyboard.PITCHES
    }
    return own.__getitem__


def own() -> bpy.types.Object:
    piano = own_piano(bpy.context.scene)
    assert piano is not None
    return piano


def assert_all_go_down(keys: dict[int, bpy.types.Object], frame: Matrix, tmp_path: Path) -> None:
    """Every key goes down by the take's depth, to a tenth of a millimetre, and is up where nothing plays."""
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    for pitch, key in keys.items():
        assert down(key, pitch, frame, 2)[0] == pytest.approx(0.0, abs=2e-6), pitch
        now, full = down(key, pitch, frame, MIDDLE)
        assert now == pytest.approx(full, abs=1e-4), (pitch, key.rotation_mode)


SCHEMES: dict[str, Callable[[int], str]] = {
    "notes": name_of,
    "numbers": lambda pitch: f"key_{pitch}",
    "copies": lambda pitch: f"Key.{pitch - 20:03}",
    "flats": lambda pitch: f"piano_{'c db d eb e f gb g ab a bb b'.split()[pitch % 12]}_{pitch // 12 - 1}",
    "nothing": lambda pitch: nonsense(pitch),
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_eighty_eight_objects_anywhere_in_any_rotation_mode_play(scheme: str, tmp_path: Path) -> None:
    keys = add_keys(FRAME, name=SCHEMES[scheme], own=scattered())
    for number, key in enumerate(keys.values()):
        matrix, key.rotation_mode = key.matrix_world.copy(), MODES[number % len(MODES)]
        key.matrix_world = matrix
    shuffled = list(keys.values())
    random.Random(1).shuffle(shuffled)
    select(shuffled)
    assert bpy.ops.s2c.use_keys() == {"FINISHED"}
    assert {pitch: key.get(OWN_KEY) for pitch, key in keys.items()} == {pitch: pitch for pitch in keys}
    np.testing.assert_allclose(np.array(own().matrix_world), np.array(FRAME), atol=1e-5)
    assert_all_go_down(keys, FRAME, tmp_path)


def test_names_that_count_white_keys_first_give_way_to_places(tmp_path: Path) -> None:
    order = sorted(keyboard.PITCHES, key=lambda pitch: (keyboard.is_black(pitch), pitch))
    keys = add_keys(FRAME, name=lambda pitch: f"Key.{order.index(pitch) + 1:03}")
    select(keys.values())
    bpy.ops.s2c.use_keys()
    assert {pitch: key.get(OWN_KEY) for pitch, key in keys.items()} == {pitch: pitch for pitch in keys}


def test_a_key_is_one_object_with_what_hangs_on_it_and_the_case_is_none(tmp_path: Path) -> None:
    keys = add_keys(FRAME)
    carrier = bpy.data.objects.new("Piano", None)
    bpy.context.scene.collection.objects.link(carrier)
    mesh = bpy.data.meshes.new("case")
    mesh.from_pydata([(-1, 0, 0), (1, 0, 0), (1, 1, 1)], [], [(0, 1, 2)])
    case = bpy.data.objects.new("Case", mesh)
    bpy.context.scene.collection.objects.link(case)
    for key in (*keys.values(), case):
        key.parent = carrier
    top = bpy.data.objects.new("ivory", keys[60].data)
    bpy.context.scene.collection.objects.link(top)
    top.parent, top.matrix_parent_inverse = keys[60], Matrix()
    top.matrix_basis = Matrix()
    bpy.context.view_layer.update()
    select([*keys.values(), case, carrier, top])
    bpy.ops.s2c.use_keys()
    assert '"Case" and others did not look like a key' in bpy.context.scene.s2c_settings.piano_said
    assert OWN_KEY not in case and OWN_KEY not in top and OWN_KEY not in carrier
    assert own().parent == carrier
    assert_all_go_down({**keys, 60: top}, FRAME, tmp_path)


def test_keys_on_a_scaled_and_turned_parent_at_a_narrow_piano(tmp_path: Path) -> None:
    narrow = FRAME @ Matrix.Scale(0.9, 4)
    keys = add_keys(narrow, range(36, 97))
    carrier = bpy.data.objects.new("Piano", None)
    carrier.matrix_world = Matrix.LocRotScale((1, 2, 3), Euler((0.4, 0.2, 1.0)), (2.5,) * 3)
    bpy.context.scene.collection.objects.link(carrier)
    bpy.context.view_layer.update()
    for key in keys.values():
        matrix = key.matrix_world.copy()
        key.parent = carrier
        key.matrix_world = matrix
    bpy.context.view_layer.update()
    select(keys.values())
    bpy.ops.s2c.use_keys()
    assert "61 keys, C2 to C7" in bpy.context.scene.s2c_settings.piano_said
    assert_all_go_down(keys, narrow, tmp_path)


def add_bones(mode: str, *, connected: bool = False, own_modes: bool = False) -> bpy.types.Object:
    """All keys as one mesh on an armature in FRAME; each bone lies along its key from the hinge, with a roll."""
    data = bpy.data.armatures.new("rig")
    rig = bpy.data.objects.new("Rig", data)
    rig.matrix_world = FRAME
    bpy.context.scene.collection.objects.link(rig)
    select([rig])
    bpy.ops.object.mode_set(mode="EDIT")
    root = data.edit_bones.new("root")
    root.head, root.tail = (0, keyboard.HINGE_Y, 0), (0, keyboard.HINGE_Y, 0.1)
    for pitch in keyboard.PITCHES:
        bone = data.edit_bones.new(keyboard.key_name(pitch))
        bone.head = (keyboard.key_x(pitch), 0.16, 0)
        bone.tail = (keyboard.key_x(pitch), keyboard.key_front(pitch), 0)
        bone.roll, bone.parent = 0.1 * pitch, root
        if connected:
            base = data.edit_bones.new(f"base {pitch}x")
            base.head, base.tail = (keyboard.key_x(pitch), 0.3, 0), bone.head
            base.parent, bone.parent, bone.use_connect = root, base, True
    bpy.ops.object.mode_set(mode="OBJECT")
    for number, bone in enumerate(rig.pose.bones):
        bone.rotation_mode = MODES[number % len(MODES)] if own_modes else mode
    vertices, faces = [], []
    mesh = bpy.data.meshes.new("keys")
    skin = bpy.data.objects.new("Skin", mesh)
    spans = {}
    for pitch in keyboard.PITCHES:
        spans[pitch] = range(len(vertices), len(vertices) + len(corners(pitch)))
        faces += [tuple(i + len(vertices) for i in face) for face in SHAPES[pitch].faces]
        vertices += corners(pitch).tolist()
    mesh.from_pydata(vertices, [], faces)
    for pitch, span in spans.items():
        skin.vertex_groups.new(name=keyboard.key_name(pitch)).add(list(span), 1.0, "REPLACE")
    skin.parent = rig
    skin.modifiers.new("Armature", "ARMATURE").object = rig
    bpy.context.scene.collection.objects.link(skin)
    bpy.context.view_layer.update()
    return rig


def bone_down(rig: bpy.types.Object, pitch: int, frame_number: float) -> float:
    """How far the front edge of a key that a bone carries is down, metres of the piano frame."""
    bpy.context.scene.frame_set(int(frame_number), subframe=frame_number - int(frame_number))
    evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    pose, rest = evaluated.pose.bones[keyboard.key_name(pitch)], rig.data.bones[keyboard.key_name(pitch)]
    up = corners(pitch)
    edge = up[up[:, 1] < up[:, 1].min() + 1e-6]
    moved = [
        pose.matrix @ rest.matrix_local.inverted() @ Matrix.Translation(p).translation for p in edge.tolist()
    ]
    return float(np.mean(edge[:, 2] - np.array(moved)[:, 2]))


@pytest.mark.parametrize("hinge", ["FINGERS", "END"])
def test_keys_go_down_as_deep_as_fit_piano_says(hinge: str, tmp_path: Path) -> None:
    keys = add_keys(FRAME)
    ends = {"lowest": keys[21].name, "highest": keys[108].name}
    bpy.ops.s2c.fit_piano(**ends, dip=0.006)
    select(keys.values())
    bpy.ops.s2c.use_keys(hinge=hinge)
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    for dip, share in ((None, 0.6), (0.012, 1.2), (0.0, 1.0)):
        if dip is not None:  # said anew: keys that are in use follow
            bpy.ops.s2c.fit_piano(**ends, dip=dip)
        for pitch in (21, 60, 61, 108):
            now, full = down(keys[pitch], pitch, FRAME, MIDDLE)
            assert now == pytest.approx(share * full, abs=1e-4), (pitch, dip)


@pytest.mark.parametrize("mode", ["XYZ", "QUATERNION", "AXIS_ANGLE", "all"])
def test_bones_play_as_well_in_their_own_rotation_mode(mode: str, tmp_path: Path) -> None:
    rig = add_bones(mode, own_modes=mode == "all")
    modes = [bone.rotation_mode for bone in rig.pose.bones]
    select([rig])
    assert bpy.ops.s2c.use_keys() == {"FINISHED"}
    assert [bone.rotation_mode for bone in rig.pose.bones] == modes
    np.testing.assert_allclose(np.array(own().matrix_world), np.array(FRAME), atol=1e-5)
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    for pitch in keyboard.PITCHES:
        front = float(corners(pitch)[:, 1].min())
        dip, reach = (0.009, 0.23) if keyboard.is_black(pitch) else (0.010, 0.28)
        assert bone_down(rig, pitch, 2) == pytest.approx(0.0, abs=2e-6)
        assert bone_down(rig, pitch, MIDDLE) == pytest.approx(dip * (0.28 - front) / reach, abs=1e-4)


def test_connected_bones_turn_about_their_own_heads_and_that_is_said(tmp_path: Path) -> None:
    rig = add_bones("XYZ", connected=True)
    select([rig])
    bpy.ops.s2c.use_keys()
    assert "disconnect the bone" in bpy.context.scene.s2c_settings.piano_said
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    head = rig.pose.bones["C4"].head.copy()
    assert bone_down(rig, 60, MIDDLE) > 0.004
    assert (rig.pose.bones["C4"].head - head).length < 1e-6


def test_the_far_end_of_a_key_stays_where_the_hinge_is_asked_for_there(tmp_path: Path) -> None:
    keys = add_keys(FRAME)
    select(keys.values())
    bpy.ops.s2c.use_keys(hinge="END")
    assert_all_go_down(keys, FRAME, tmp_path)
    bpy.context.scene.frame_set(round(MIDDLE))
    for pitch in (60, 61):
        evaluated = keys[pitch].evaluated_get(bpy.context.evaluated_depsgraph_get())
        now = np.array([FRAME.inverted() @ evaluated.matrix_world @ v.co for v in evaluated.data.vertices])
        end = corners(pitch)[:, 1] > keyboard.WHITE_LENGTH - 1e-6
        assert np.abs(now[end, 2] - corners(pitch)[end, 2]).max() < 2e-4


def test_the_pedal_goes_down_with_the_take(tmp_path: Path) -> None:
    keys = add_keys(FRAME)
    mesh = bpy.data.meshes.new("pedal")
    mesh.from_pydata(
        [(0.05, 0.1, -0.6), (0.08, 0.1, -0.6), (0.08, 0.27, -0.6), (0.05, 0.27, -0.59)], [], [(0, 1, 2, 3)]
    )
    pedal = bpy.data.objects.new("Pedal Sustain", mesh)
    pedal.matrix_world = FRAME
    bpy.context.scene.collection.objects.link(pedal)
    bpy.context.view_layer.update()
    select([*keys.values(), pedal])
    bpy.ops.s2c.use_keys()
    assert "88 of them and the pedal move" in bpy.context.scene.s2c_settings.piano_said
    path = Path(save_take(tmp_path / "a.npz", NOTES))
    with np.load(path, allow_pickle=False) as data:
        np.savez(path, **{**dict(data), "pedal": np.array([[0.4, 1.0], [1.5, 0.0]], np.float32)})
    bpy.ops.s2c.apply_take(filepath=str(path))
    bpy.context.scene.frame_set(31)
    evaluated = pedal.evaluated_get(bpy.context.evaluated_depsgraph_get())
    front = FRAME.inverted() @ evaluated.matrix_world @ evaluated.data.vertices[0].co
    assert front.z == pytest.approx(-0.6 - 0.17 * math.sin(PEDAL_ANGLE), abs=2e-3)


def test_what_the_animator_keyed_is_kept_and_said_and_taken_over_when_asked(tmp_path: Path) -> None:
    keys = add_keys(FRAME)
    key = keys[60]
    key.keyframe_insert("rotation_euler", frame=1)
    key.rotation_euler.x += 0.02
    key.keyframe_insert("rotation_euler", frame=40)
    keys[62].constraints.new("LIMIT_ROTATION")
    action = key.animation_data.action
    bpy.context.scene.frame_set(1)
    select(keys.values())
    bpy.ops.s2c.use_keys()
    said = bpy.context.scene.s2c_settings.piano_said
    assert '1 key is moved by keyframes or drivers of yours and left to them ("Key C4")' in said
    assert '1 key is under constraints ("Key D4")' in said
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    assert not key.animation_data.drivers and key.animation_data.action == action
    bpy.context.scene.frame_set(1)
    bpy.ops.s2c.use_keys(take_over=True)
    curves = compat.channelbag(action, key.animation_data.action_slot).fcurves
    assert key.animation_data.action == action and len(curves) == 3 and all(curve.mute for curve in curves)
    now, full = down(key, 60, FRAME, MIDDLE)
    assert now == pytest.approx(full, abs=1e-4)


def test_a_driver_of_the_animators_is_left_alone() -> None:
    keys = add_keys(FRAME)
    driver = keys[60].driver_add("rotation_euler", 0).driver
    driver.expression = "0.0"
    select(keys.values())
    bpy.ops.s2c.use_keys(take_over=True)
    assert "1 key is moved by" in bpy.context.scene.s2c_settings.piano_said
    assert [d.driver.expression for d in keys[60].animation_data.drivers] == ["0.0"]


def test_drivers_are_simple_so_that_they_run_where_scripts_may_not() -> None:
    keys = add_keys(FRAME, own=scattered())
    select(keys.values())
    bpy.ops.s2c.use_keys()
    bpy.context.view_layer.update()
    drivers = [curve.driver for key in keys.values() for curve in key.animation_data.drivers]
    assert drivers and all(driver.is_simple_expression and driver.is_valid for driver in drivers)


def test_using_keys_again_or_fitting_anew_begins_from_keys_that_are_up(tmp_path: Path) -> None:
    keys = add_keys(FRAME)
    select(keys.values())
    bpy.ops.s2c.use_keys()
    rest = {pitch: key.matrix_world.copy() for pitch, key in keys.items()}
    assert_all_go_down(keys, FRAME, tmp_path)
    bpy.context.scene.frame_set(round(MIDDLE))  # all are down
    bpy.ops.s2c.use_keys()
    assert_all_go_down(keys, FRAME, tmp_path)
    bpy.context.scene.frame_set(round(MIDDLE))
    bpy.ops.s2c.fit_piano(keys="88", lowest=name_of(21), highest=name_of(108))
    np.testing.assert_allclose(np.array(own().matrix_world), np.array(FRAME), atol=1e-5)
    assert_all_go_down(keys, FRAME, tmp_path)
    bpy.context.scene.frame_set(round(MIDDLE))
    with pytest.raises(RuntimeError, match="in one place"):
        bpy.ops.s2c.fit_piano(low_point=(1, 1, 1), high_point=(1, 1, 1))
    assert_all_go_down(keys, FRAME, tmp_path)  # a refusal leaves them playing
    select([keys[pitch] for pitch in range(21, 61)])
    bpy.context.scene.frame_set(round(MIDDLE))
    bpy.ops.s2c.use_keys()
    bpy.context.view_layer.update()
    np.testing.assert_allclose(np.array(keys[80].matrix_world), np.array(rest[80]), atol=1e-6)
    assert not keys[80].animation_data.drivers and OWN_KEY not in keys[80]
    assert len(own_parts(own())) == 40


def test_hands_that_are_added_later_play_the_keys_that_are_there(tmp_path: Path) -> None:
    bpy.data.objects.remove(bpy.context.scene.s2c_settings.armature)
    keys = add_keys(FRAME)
    select(keys.values())
    bpy.ops.s2c.use_keys()
    assert connected_hands(own()) is None
    bpy.ops.s2c.add_hands()
    assert connected_hands(own()) == bpy.context.scene.s2c_settings.armature
    assert_all_go_down(keys, FRAME, tmp_path)


def test_what_is_no_keyboard_is_refused_and_nothing_is_marked() -> None:
    bpy.context.scene.s2c_settings.armature.select_set(False)
    with pytest.raises(RuntimeError, match="Choose the keys of your piano first"):
        bpy.ops.s2c.use_keys()
    keys = add_keys(FRAME, range(60, 65), name=lambda pitch: f"thing{pitch * pitch}")
    select(keys.values())
    with pytest.raises(RuntimeError, match="Neither names nor places tell"):
        bpy.ops.s2c.use_keys()
    assert own_piano(bpy.context.scene) is None and not any(OWN_KEY in key for key in keys.values())
    with pytest.raises(RuntimeError, match="is a pair of hands"):
        bpy.ops.s2c.use_keys(armature=bpy.context.scene.s2c_settings.armature.name)
    with pytest.raises(RuntimeError, match='There is no armature "Rig"'):
        bpy.ops.s2c.use_keys(armature="Rig")
    with pytest.raises(RuntimeError, match='No piano has a key "H9"'):
        bpy.ops.s2c.use_keys(lowest_key="H9")
    bpy.ops.s2c.add_piano()
    select([item for item in bpy.context.scene.objects if "s2c_pitch" in item])
    with pytest.raises(RuntimeError, match="built-in piano move by themselves"):
        bpy.ops.s2c.use_keys()


def test_keys_whose_octave_the_user_says() -> None:
    keys = add_keys(FRAME, range(36, 97), name=lambda pitch: f"Mesh{hash((pitch, 3)) % 100_000}x{pitch % 2}y")
    select(keys.values())
    bpy.ops.s2c.use_keys(lowest_key="C1")
    assert keys[36].get(OWN_KEY) == 24 and "C1 to C6" in bpy.context.scene.s2c_settings.piano_said
    with pytest.raises(RuntimeError, match="correct Lowest Key"):
        bpy.ops.s2c.use_keys(lowest_key="D1")


@pytest.mark.parametrize("mark", [-1, 200, True, "soft", 3.5])
def test_marks_of_a_strangers_file_that_make_no_sense_count_as_none(mark: object) -> None:
    keys = add_keys(FRAME)
    select(keys.values())
    bpy.ops.s2c.use_keys()
    keys[60][OWN_KEY] = mark
    keys[61][OWN_PRESS] = {"location": [float("nan")] * 9, "delta_location": [1e30] * 9, "data.x": [1.0] * 3}
    keys[62][OWN_PRESS] = "nothing"
    names = {part.owner.name for part in own_parts(own())}
    assert len(names) == 85 and not names & {name_of(60), name_of(61), name_of(62)}


@pytest.mark.parametrize(
    ("off", "sentence"),
    [
        ((0, 0, -0.004), "Black keys stand 8.5 mm above the white ones"),
        ((0, 0.02, 0), "Black keys begin 64 mm behind the front edge"),
        ((0, 0.002, 0.001), ""),
    ],
)
def test_black_keys_that_are_elsewhere_are_said(off: tuple[float, float, float], sentence: str) -> None:
    keys = add_keys(FRAME)
    for pitch, key in keys.items():
        if keyboard.is_black(pitch):
            key.matrix_world = key.matrix_world @ Matrix.Translation(off)
    bpy.context.view_layer.update()
    select(keys.values())
    bpy.ops.s2c.use_keys()
    said = bpy.context.scene.s2c_settings.piano_said
    assert sentence in said and ("Black keys" in said) == bool(sentence)


def nonsense(pitch: int) -> str:
    return f"Mesh{hash((pitch, 7)) % 100_000}x{pitch % 2}y"


@pytest.mark.parametrize("name", [nonsense, lambda pitch: f"{keyboard.key_name(pitch - 24)}"])
@pytest.mark.parametrize("pitches", [range(60, 73), range(40, 48), range(36, 97)])
def test_at_a_fitted_piano_places_tell_whatever_the_names_say(
    name: Callable[[int], str], pitches: range
) -> None:
    bpy.ops.s2c.fit_piano(low_point=front_of(21, FRAME), high_point=front_of(108, FRAME), lean=0.03)
    frame = own().matrix_world.copy()
    keys = add_keys(frame, pitches, name=name)
    select(keys.values())
    bpy.ops.s2c.use_keys()
    assert {pitch: key.get(OWN_KEY) for pitch, key in keys.items()} == {pitch: pitch for pitch in keys}
    np.testing.assert_allclose(np.array(own().matrix_world), np.array(frame), atol=1e-9)
    assert f"{len(keys)} of them move" in bpy.context.scene.s2c_settings.piano_said


def test_things_beside_a_fitted_piano_are_no_keys_of_it() -> None:
    bpy.ops.s2c.fit_piano(low_point=front_of(21, FRAME), high_point=front_of(108, FRAME))
    keys = add_keys(FRAME @ Matrix.Translation((0.5, 0, 0)), range(90, 109), name=nonsense)
    select(keys.values())
    with pytest.raises(RuntimeError, match="beside the keyboard that Fit Piano found"):
        bpy.ops.s2c.use_keys()


def test_use_keys_is_undone_in_one_step() -> None:
    keys = add_keys(FRAME)
    names = [key.name for key in keys.values()]
    select(keys.values())
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.s2c.use_keys("EXEC_DEFAULT", True)
    assert own_piano(bpy.context.scene) is not None
    bpy.ops.ed.undo()
    assert own_piano(bpy.context.scene) is None
    assert not any(OWN_KEY in bpy.data.objects[name] for name in names)


def test_keys_whose_frame_was_deleted_are_used_again_from_where_they_are_up(tmp_path: Path) -> None:
    keys = add_keys(FRAME)
    select(keys.values())
    bpy.ops.s2c.use_keys()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", NOTES))
    bpy.context.scene.frame_set(round(MIDDLE))
    select([own()])
    bpy.ops.object.delete()
    assert own_piano(bpy.context.scene) is None
    select(keys.values())
    bpy.ops.s2c.use_keys()
    np.testing.assert_allclose(np.array(own().matrix_world), np.array(FRAME), atol=1e-5)
    assert_all_go_down(keys, FRAME, tmp_path)


def test_a_saved_file_plays_on_and_the_next_take_too(tmp_path: Path) -> None:
    keys = add_keys(FRAME)
    names = {pitch: key.name for pitch, key in keys.items()}
    select(keys.values())
    bpy.ops.s2c.use_keys()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "b.npz", [[0.5, 0.9, 60, 80]], seed=2))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"), use_scripts=False)
    found = {pitch: bpy.data.objects[name] for pitch, name in names.items()}
    now, full = down(found[60], 60, FRAME, MIDDLE)
    assert now == pytest.approx(full, abs=1e-4)
    assert len(own_parts(own())) == 88
    assert_all_go_down(found, FRAME, tmp_path)


def test_of_an_armature_in_pose_mode_the_chosen_bones_are_the_keys() -> None:
    rig = add_bones("XYZ")
    select([rig])
    bpy.ops.object.mode_set(mode="POSE")
    wanted = {keyboard.key_name(pitch) for pitch in range(36, 97)}
    for bone in rig.pose.bones:
        (bone if bpy.app.version >= (5, 0) else bone.bone).select = bone.name in wanted
    bpy.ops.s2c.use_keys()
    assert {bone.name for bone in rig.pose.bones if OWN_KEY in bone} == wanted
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = None
    bpy.ops.s2c.use_keys(armature="Rig")
    assert sum(OWN_KEY in bone for bone in rig.pose.bones) == 88
