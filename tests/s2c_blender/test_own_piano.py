# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit Piano: the frame of a user's keyboard, hands that go there, and orders that play on its keys."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import numpy as np
import pytest
from character_helpers import seated_character
from mathutils import Euler, Matrix, Vector
from piano_helpers import add_keys, down, front_of, save_take, select
from ui_helpers import draw

import s2c_blender
from models.body.keyboard_size import KeyboardSize
from s2c_blender.core import keyboard
from s2c_blender.order_from_scene import common_params
from s2c_blender.piano.frame import DIP_PROPERTY, KEYS_PROPERTY, LOWEST_PROPERTY, key_range, own_piano
from s2c_blender.piano.pairing import piano_of
from s2c_blender.rig.bones import piano_frame
from s2c_blender.rig.character import stored
from s2c_blender.ui.operators.piano import S2C_OT_fit_piano, are_keys
from s2c_blender.ui.panels import S2C_PT_view3d


@pytest.fixture(autouse=True)
def extension() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 30
    yield
    s2c_blender.unregister()


def somewhere(scale: float = 1.0, tilt: float = 0.0) -> Matrix:
    return Matrix.LocRotScale((3.0, -2.0, 0.72), Euler((0.0, tilt, 0.7)), (scale,) * 3)


def fitted() -> bpy.types.Object:
    piano = own_piano(bpy.context.scene)
    assert piano is not None
    return piano


def assert_frame(piano: bpy.types.Object, frame: Matrix, off: float = 1e-5) -> None:
    np.testing.assert_allclose(np.array(piano.matrix_world), np.array(frame), atol=off)


def hands() -> bpy.types.Object:
    armature: bpy.types.Object = bpy.context.scene.s2c_settings.armature
    return armature


@pytest.mark.parametrize("scale", [1.0, 0.92, 0.25])
def test_two_points_give_the_frame_back_and_hands_go_there(scale: float) -> None:
    bpy.ops.s2c.add_hands()
    frame = somewhere(scale)
    done = bpy.ops.s2c.fit_piano(low_point=front_of(21, frame), high_point=front_of(108, frame))
    assert done == {"FINISHED"}
    assert_frame(fitted(), frame)
    assert_frame(hands(), frame)
    assert piano_of(bpy.context.scene, hands()) == fitted()
    said = bpy.context.scene.s2c_settings.piano_said
    assert said.startswith(f"Your piano has 88 keys, A0 to C8, {23.5 * scale:.3g} mm each.")
    assert ("as large as they were" in said) == (scale < 0.95)
    assert ("mm wide, where a piano's are" in said) == (scale < 0.5)


@pytest.mark.parametrize(
    ("keys", "ends"), [("88", (21, 108)), ("76", (28, 103)), ("61", (36, 96)), ("49", (36, 84))]
)
def test_two_keys_give_the_frame_from_their_front_edges(keys: str, ends: tuple[int, int]) -> None:
    frame = somewhere()
    objects = add_keys(frame, ends)
    done = bpy.ops.s2c.fit_piano(keys=keys, lowest=objects[ends[0]].name, highest=objects[ends[1]].name)
    assert done == {"FINISHED"}
    assert_frame(fitted(), frame)
    assert key_range(fitted()) == range(ends[0], ends[1] + 1)


@pytest.mark.parametrize(
    ("chosen", "named", "doubtful"),
    [((22, 108), ("A0", "C8"), True), ((21, 106), ("A0", "C8"), True), ((22, 106), ("A#0", "A#7"), False)]
    + [((21, 108), ("A0", "C8"), False), ((22, 108), ("A#0", "C8"), False)],
)
def test_a_black_key_that_was_taken_for_a_white_one_is_doubted(
    chosen: tuple[int, int], named: tuple[str, str], doubtful: bool
) -> None:
    objects = add_keys(somewhere(), chosen, lambda pitch: f"key number {'ab'[pitch > 60]}")
    lowest, highest = (objects[pitch].name for pitch in chosen)
    bpy.ops.s2c.fit_piano(lowest=lowest, highest=highest, low_key=named[0], high_key=named[1])
    said = bpy.context.scene.s2c_settings.piano_said
    assert ("is narrow like a black key" in said) == doubtful


def test_keys_that_are_selected_with_the_highest_last_and_one_frame_however_often_it_is_fitted() -> None:
    frame = somewhere(tilt=0.01)
    objects = add_keys(frame, (36, 96))
    objects[36].name, objects[96].name = "one end", "other end"
    select(objects.values(), objects[96])
    for _ in range(2):
        bpy.ops.s2c.fit_piano(low_key="C2", high_key="96")
    assert_frame(fitted(), frame)
    assert len([item for item in bpy.context.scene.objects if LOWEST_PROPERTY in item]) == 1
    select(objects.values(), objects[36])
    bpy.ops.s2c.fit_piano(low_key="C2", high_key="C7", swap=True)
    assert_frame(fitted(), frame)


def test_a_black_key_at_the_end_is_measured_at_its_top_and_not_at_its_foot() -> None:
    frame = somewhere()
    objects = add_keys(frame, (22, 106))
    bpy.ops.s2c.fit_piano(lowest=objects[22].name, highest=objects[106].name)
    assert key_range(fitted()) == range(22, 107)
    assert_frame(fitted(), frame, 1e-3)


def test_the_frame_goes_with_what_carries_the_keys() -> None:
    carrier = bpy.data.objects.new("Grand", None)
    bpy.context.scene.collection.objects.link(carrier)
    frame = somewhere()
    objects = add_keys(frame, (21, 108))
    for item in objects.values():
        item.parent = carrier
    bpy.ops.s2c.fit_piano(lowest=objects[21].name, highest=objects[108].name)
    carrier.location = (0.0, 0.0, 1.0)
    bpy.context.view_layer.update()
    assert_frame(fitted(), Matrix.Translation((0, 0, 1)) @ frame)


def test_a_keyboard_that_leans_and_tops_that_are_higher() -> None:
    lean = somewhere() @ Matrix.Rotation(0.1, 4, "X")
    points: dict[str, Any] = {"low_point": front_of(21, lean), "high_point": front_of(108, lean)}
    bpy.ops.s2c.fit_piano(**points, lean=0.1)
    assert_frame(fitted(), lean)
    bpy.ops.s2c.fit_piano(**points, lean=0.1, lift=0.02)
    assert_frame(fitted(), lean @ Matrix.Translation((0, 0, 0.02)))
    objects = add_keys(lean, (21, 108))  # their own axes tell
    bpy.ops.s2c.fit_piano(lowest=objects[21].name, highest=objects[108].name)
    assert_frame(fitted(), lean)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "Choose two objects, the lowest key first"),
        ({"low_point": (1, 1, 1), "high_point": (1, 1, 1)}, "in one place"),
        ({"low_point": (0, 0, 0), "high_point": (0, 0, 1)}, "One key is above the other"),
        (
            {"low_point": (0, 0, 0), "high_point": (1, 0, 0), "low_key": "C4", "high_key": "D4"},
            "an octave at least",
        ),
        ({"low_point": (0, 0, 0), "high_point": (1, 0, 0), "low_key": "Q4"}, 'No piano has a key "Q4"'),
        ({"lowest": "not there", "highest": "neither"}, "is not in this scene any more"),
        ({"lowest": "Empty", "highest": "Empty"}, '"Empty" is no key with a shape'),
    ],
)
def test_what_cannot_be_fitted_is_said_and_nothing_is_added(settings: dict[str, Any], sentence: str) -> None:
    empty = bpy.data.objects.new("Empty", None)
    bpy.context.scene.collection.objects.link(empty)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.s2c.fit_piano(**settings)
    assert own_piano(bpy.context.scene) is None and len(bpy.context.scene.objects) == 1


def test_fit_piano_is_undone_in_one_step() -> None:
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.s2c.add_hands()
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.s2c.fit_piano("EXEC_DEFAULT", True, low_point=(1, 2, 1), high_point=(2, 2, 1))
    assert own_piano(bpy.context.scene) is not None
    bpy.ops.ed.undo()
    assert own_piano(bpy.context.scene) is None
    assert_frame(hands(), Matrix())


def test_the_order_names_the_keys_that_there_are() -> None:
    bpy.ops.s2c.add_hands()
    assert "keyboard" not in common_params(bpy.context, hands(), Path("a.npz"), 1, Path())
    frame = somewhere()
    points: dict[str, Any] = {"low_point": front_of(36, frame), "high_point": front_of(96, frame)}
    bpy.ops.s2c.fit_piano(keys="61", **points)
    params = common_params(bpy.context, hands(), Path("a.npz"), 1, Path())
    assert params["keyboard"] == {"lowest_pitch": 36, "keys": 61}
    for odd in (7, "many", 10**6, -1):  # of a stranger's file
        fitted()[KEYS_PROPERTY] = odd
        assert "keyboard" not in common_params(bpy.context, hands(), Path("a.npz"), 1, Path())


@pytest.mark.parametrize("scale", [1.0, 0.9])
def test_how_deep_keys_go_is_stored_with_the_piano_told_to_the_worker_and_remembered(scale: float) -> None:
    bpy.ops.s2c.add_hands()
    frame = somewhere(scale)
    points: dict[str, Any] = {"low_point": front_of(21, frame), "high_point": front_of(108, frame)}
    bpy.ops.s2c.fit_piano(**points, dip=0.006)
    assert " mm each. White keys go down 6 mm." in bpy.context.scene.s2c_settings.piano_said
    for _ in range(2):
        param = common_params(bpy.context, hands(), Path("a.npz"), 1, Path())["keyboard"]
        assert param == {"lowest_pitch": 21, "keys": 88, "white_dip": pytest.approx(0.006 / scale, rel=1e-5)}
        assert KeyboardSize.of(param).dip_factor == pytest.approx(0.6 / scale, rel=1e-5)
        bpy.ops.s2c.fit_piano(**points)  # nobody says how deep: as the last time
    bpy.ops.s2c.fit_piano(**points, dip=0.0)
    assert "keyboard" not in common_params(bpy.context, hands(), Path("a.npz"), 1, Path())
    for odd in (0.5, "deep", float("nan")):  # of a stranger's file
        fitted()[DIP_PROPERTY] = odd
        assert "keyboard" not in common_params(bpy.context, hands(), Path("a.npz"), 1, Path())


@pytest.mark.parametrize(("scale", "dip", "ends"), [(1.0, 0.02, "5 to 13"), (0.5, 0.002, "2.5 to 6.5")])
def test_keys_that_go_deeper_than_hands_can_play_are_refused_with_the_way_out(
    scale: float, dip: float, ends: str
) -> None:
    frame = somewhere(scale)
    points: dict[str, Any] = {"low_point": front_of(21, frame), "high_point": front_of(108, frame)}
    sentence = f"go down {1000 * dip:.3g} mm: choose a Dip of {ends} mm"
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.s2c.fit_piano(**points, dip=dip)
    assert own_piano(bpy.context.scene) is None


def test_new_hands_at_narrow_keys_have_the_usual_size_in_the_world_and_a_larger_one_beside_the_keys() -> None:
    frame = somewhere(0.9)
    bpy.ops.s2c.fit_piano(low_point=front_of(21, frame), high_point=front_of(108, frame))
    bpy.ops.s2c.add_hands(hand_size=1.1)
    assert_frame(hands(), frame)
    assert piano_frame(hands()).hand_size == pytest.approx(1.1 / 0.9, rel=1e-4)
    style = common_params(bpy.context, hands(), Path("a.npz"), 1, Path())["style"]
    assert 1 + 0.1 * style["hand_size"] == pytest.approx(1.1 / 0.9, rel=1e-4)


def test_hands_at_a_dolls_piano_are_a_dolls() -> None:
    frame = somewhere(0.2)
    bpy.ops.s2c.fit_piano(low_point=front_of(21, frame), high_point=front_of(108, frame))
    bpy.ops.s2c.add_hands()
    assert piano_frame(hands()).hand_size == pytest.approx(1.0, rel=1e-4)
    assert hands().matrix_world.to_scale().x == pytest.approx(0.2)


def test_the_seats_and_frames_of_both_pianos_stay_apart(tmp_path: Path) -> None:
    """The built-in piano stays where it is; the hands play at the user's, and its keys go with them."""
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    frame = somewhere()
    keys = add_keys(frame, range(36, 97))
    select(keys.values())
    assert bpy.ops.s2c.use_keys() == {"FINISHED"}
    assert piano_of(bpy.context.scene, hands()) == fitted()
    bpy.ops.s2c.apply_take(filepath=save_take(tmp_path / "a.npz", [[0.5, 0.9, 60, 80]]))
    now, full = down(keys[60], 60, frame, 1 + 0.7 * 30)
    assert now == pytest.approx(full, abs=1e-4)
    assert keyboard.key_name(key_range(fitted())[0]) == "C2"


@pytest.fixture
def character() -> bpy.types.Object:
    """A character that sits at a piano of its own, chosen in the panel."""
    return seated_character()


def sat_at(character: bpy.types.Object) -> Matrix:
    """The frame of the piano at which a character sits."""
    return Matrix(stored.piano_matrix(character, stored.mapping_of(character)).tolist()).inverted()


def test_a_character_is_told_where_its_piano_is_and_stays_where_it_sits(character: bpy.types.Object) -> None:
    frame, place = sat_at(character), character.matrix_world.copy()
    bpy.ops.s2c.fit_piano(low_point=front_of(21, frame), high_point=front_of(108, frame))
    assert_frame(fitted(), frame)
    np.testing.assert_allclose(np.array(sat_at(character)), np.array(frame), atol=1e-5)
    np.testing.assert_allclose(np.array(character.matrix_world), np.array(place), atol=1e-9)
    assert piano_of(bpy.context.scene, character) == fitted()
    assert "sit better" not in bpy.context.scene.s2c_settings.piano_said
    away = frame @ Matrix.Translation((0.0, 0.2, -0.1))
    bpy.ops.s2c.fit_piano(low_point=front_of(21, away), high_point=front_of(108, away))
    assert "would sit better 20 cm forward and 10 cm lower" in bpy.context.scene.s2c_settings.piano_said
    turned = frame @ Matrix.Rotation(np.pi, 4, "Z")
    bpy.ops.s2c.fit_piano(low_point=front_of(21, turned), high_point=front_of(108, turned))
    assert "half a turn" in bpy.context.scene.s2c_settings.piano_said


def test_a_characters_hands_are_larger_beside_narrow_keys(character: bpy.types.Object) -> None:
    frame = sat_at(character)
    usual = stored.character_hands(character).size
    narrow = frame @ Matrix.Scale(0.9, 4)
    bpy.ops.s2c.fit_piano(low_point=front_of(21, narrow), high_point=front_of(108, narrow))
    assert stored.character_hands(character).size == pytest.approx(usual / 0.9, rel=1e-5)


def test_a_scene_in_centimetres_has_keys_of_the_usual_width() -> None:
    bpy.context.scene.unit_settings.scale_length = 0.01
    frame = somewhere(100.0)
    bpy.ops.s2c.fit_piano(low_point=front_of(21, frame), high_point=front_of(108, frame))
    assert_frame(fitted(), frame, 1e-3)
    assert bpy.context.scene.s2c_settings.piano_said == "Your piano has 88 keys, A0 to C8, 23.5 mm each."


class Clicks:
    """What `modal` needs of its operator."""

    def __init__(self) -> None:
        self._clicks: list[Any] = []
        self.said: list[str] = []
        self.lowest = self.highest = ""
        self.low_point = self.high_point = None
        self.done = 0

    def say(self, text: str, _level: str = "INFO") -> None:
        self.said.append(text)

    def execute(self, _context: Any) -> set[str]:
        self.done += 1
        return {"FINISHED"}


def test_clicks_are_taken_one_after_the_other_and_escape_ends_them() -> None:
    headers: list[Any] = []
    area = SimpleNamespace(header_text_set=headers.append, regions=[])
    context = SimpleNamespace(area=area, scene=bpy.context.scene)

    def press(operator: Clicks, key: str, value: str = "PRESS") -> set[str]:
        event = SimpleNamespace(type=key, value=value, mouse_x=0, mouse_y=0)
        return S2C_OT_fit_piano.modal(operator, context, event)

    operator = Clicks()
    assert press(operator, "MIDDLEMOUSE") == {"PASS_THROUGH"}  # the view can be turned meanwhile
    assert press(operator, "C", "RELEASE") == {"PASS_THROUGH"}
    assert press(operator, "LEFTMOUSE") == {"RUNNING_MODAL"} and "nothing under the mouse" in operator.said[0]
    bpy.context.scene.cursor.location = (1, 2, 3)
    assert press(operator, "C") == {"RUNNING_MODAL"} and "highest key" in headers[-1]
    bpy.context.scene.cursor.location = (2, 2, 3)
    assert press(operator, "C") == {"FINISHED"} and headers[-1] is None and operator.done == 1
    assert (tuple(operator.low_point), tuple(operator.high_point)) == ((1, 2, 3), (2, 2, 3))
    for key in ("ESC", "RIGHTMOUSE"):
        headers.append("text")
        assert press(Clicks(), key) == {"CANCELLED"} and headers[-1] is None


def test_what_was_clicked_is_a_key_only_where_each_click_hit_one_of_its_own() -> None:
    scene = bpy.context.scene
    keys = add_keys(somewhere(), (21, 108))
    assert are_keys(scene, keys[21].name, keys[108].name)
    assert not are_keys(scene, keys[21].name, keys[21].name)
    assert not are_keys(scene, keys[21].name, "gone")
    vertices = keys[108].data.vertices
    low = min(range(len(vertices)), key=lambda i: vertices[i].co.x)
    vertices[low].co.x -= 0.3  # a mesh of a dozen keys
    bpy.context.view_layer.update()
    assert not are_keys(scene, keys[21].name, keys[108].name)


@pytest.mark.parametrize("name", ["Key {}", "{}", "piano_{}.001"])
def test_two_keys_that_are_chosen_say_by_their_names_which_they_are(name: str) -> None:
    frame = somewhere()
    keys = add_keys(frame, (36, 96), name=lambda pitch: name.format(keyboard.key_name(pitch)))
    for last in (96, 36):
        select(keys.values(), keys[last])
        assert bpy.ops.s2c.fit_piano() == {"FINISHED"}
        assert_frame(fitted(), frame)
        assert key_range(fitted()) == range(36, 97)


def test_a_keyboard_that_is_fitted_again_keeps_its_keys_and_what_was_asked_once_is_forgotten() -> None:
    frame = somewhere()
    keys = add_keys(frame, (36, 96), name=lambda pitch: f"end {pitch}")
    bpy.ops.s2c.fit_piano(keys="61", lowest="end 36", highest="end 96", lift=0.1)
    select(keys.values(), keys[96])
    bpy.ops.s2c.fit_piano()
    assert_frame(fitted(), frame)
    assert key_range(fitted()) == range(36, 97)


@pytest.mark.parametrize("later", [False, True])
def test_hands_go_with_the_piano_and_stay_where_its_frame_is_deleted(later: bool) -> None:
    carrier = bpy.data.objects.new("Stage", None)
    bpy.context.scene.collection.objects.link(carrier)
    frame = somewhere(0.92)
    keys = add_keys(frame, (21, 108))
    for key in keys.values():
        key.parent = carrier
    if not later:
        bpy.ops.s2c.add_hands()
    bpy.ops.s2c.fit_piano(lowest=keys[21].name, highest=keys[108].name)
    if later:
        bpy.ops.s2c.add_hands()
    moved = Matrix.LocRotScale((0, 1, 2), Euler((0, 0, 0.5)), None)
    carrier.matrix_world = moved
    bpy.context.view_layer.update()
    assert_frame(hands(), moved @ frame)
    carrier.matrix_world = Matrix()
    bpy.context.view_layer.update()
    bpy.ops.s2c.fit_piano(
        lowest=keys[21].name, highest=keys[108].name, lift=0.1
    )  # again, from where they hang
    assert_frame(hands(), frame @ Matrix.Translation((0, 0, 0.1 / 0.92)))
    bpy.data.objects.remove(fitted())
    bpy.context.view_layer.update()
    assert_frame(hands(), frame @ Matrix.Translation((0, 0, 0.1 / 0.92)))


def test_hands_that_hang_on_something_of_the_users_stay_on_it() -> None:
    stool = bpy.data.objects.new("Stool", None)
    stool.location = (4, 4, 4)
    bpy.context.scene.collection.objects.link(stool)
    bpy.ops.s2c.add_hands()
    hands().parent = stool
    bpy.context.view_layer.update()
    frame = somewhere()
    bpy.ops.s2c.fit_piano(low_point=front_of(21, frame), high_point=front_of(108, frame))
    assert hands().parent == stool
    assert_frame(hands(), frame)


def test_a_click_in_the_view_hits_what_is_under_the_mouse() -> None:
    """A view from above through a lens, its region away from the corner of the window."""
    frame = somewhere()
    keys = add_keys(frame, (21, 108))
    view = Matrix.LocRotScale(frame @ Vector((0, 0, 3)), frame.to_quaternion(), None).inverted()
    near, far = 0.1, 100.0
    lens = Matrix(
        (
            (2, 0, 0, 0),
            (0, 2, 0, 0),
            (0, 0, (far + near) / (near - far), 2 * far * near / (near - far)),
            (0, 0, -1, 0),
        )
    )
    region_3d = SimpleNamespace(
        view_matrix=view, perspective_matrix=lens @ view, is_perspective=True, view_perspective="PERSP"
    )
    window = SimpleNamespace(type="WINDOW", x=300, y=40, width=1000, height=1000)
    area = SimpleNamespace(
        regions=[SimpleNamespace(type="UI"), window],
        spaces=SimpleNamespace(active=SimpleNamespace(region_3d=region_3d)),
        header_text_set=lambda _text: None,
    )
    context = SimpleNamespace(
        area=area, scene=bpy.context.scene, evaluated_depsgraph_get=bpy.context.evaluated_depsgraph_get
    )
    operator = Clicks()
    for pitch in (21, 108):
        point = (lens @ view).to_4x4() @ Vector((*(frame @ Vector((keyboard.key_x(pitch), 0.05, 0))), 1))
        x = round(window.x + window.width * (point.x / point.w + 1) / 2)
        y = round(window.y + window.height * (point.y / point.w + 1) / 2)
        event = SimpleNamespace(type="LEFTMOUSE", value="PRESS", mouse_x=x, mouse_y=y)
        S2C_OT_fit_piano.modal(operator, context, event)
    assert operator.done == 1 and not operator.said
    assert (operator.lowest, operator.highest) == (keys[21].name, keys[108].name)


def test_the_panel_has_both_buttons_and_says_what_is_known_of_the_piano() -> None:
    drawn = draw(S2C_PT_view3d)
    assert {"s2c.fit_piano", "s2c.use_keys"} <= set(drawn.names())
    assert "choose its lowest and its highest key" in drawn.text()
    frame = somewhere(0.3)
    bpy.ops.s2c.fit_piano(low_point=front_of(21, frame), high_point=front_of(108, frame))
    text = draw(S2C_PT_view3d).text()
    assert (
        "Your piano has 88 keys, A0 to C8, 7.05 mm each." in text and "check which keys were chosen" in text
    )
    bpy.context.scene.s2c_settings.piano_said = "\n".join(
        f"line {i}\x1b" for i in range(1000)
    )  # of a stranger's file
    assert "line 4" in draw(S2C_PT_view3d).text() and "line 5" not in draw(S2C_PT_view3d).text()
