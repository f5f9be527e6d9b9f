# SPDX-License-Identifier: GPL-3.0-or-later
"""Use Character: hands found, a piano in front, corrections, files, and the picture of what was found."""

import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from character_helpers import check_fbx, geometry_tips, mpfb_armature, tips_seen
from mathutils import Matrix
from session_helpers import write_arms_take, write_sound
from ui_helpers import Region, draw

from s2c_blender.export.fbx import export_fbx
from s2c_blender.piano.build import PIANO_PROPERTY, piano_keys
from s2c_blender.rig.bones import skinned_meshes
from s2c_blender.rig.character import stored
from s2c_blender.rig.character.overlay import overlay_of
from s2c_blender.rig.character.vrm import human_bones
from s2c_blender.ui import panels

LEFT_THUMB = "mixamorig:LeftHandThumb1"


pytestmark = pytest.mark.usefixtures("registered", "empty_scene")


def use(name: str = "Character") -> bpy.types.Object:
    assert bpy.ops.s2c.use_character(armature=name) == {"FINISHED"}
    return bpy.data.objects[name]


def refused(**options: str) -> str:
    with pytest.raises(RuntimeError) as said:
        bpy.ops.s2c.use_character(**options)
    return str(said.value)


def pianos() -> list[bpy.types.Object]:
    return [item for item in bpy.data.objects if PIANO_PROPERTY in item]


def add_skin(armature: bpy.types.Object) -> bpy.types.Object:
    """A tube about every bone of a finger, round at its end, weighted to the bone alone."""
    mesh, vertices = bpy.data.meshes.new("Skin"), []
    item = bpy.data.objects.new("Skin", mesh)
    owners = []
    for bone in armature.data.bones:
        if "Hand" not in bone.name or not bone.name[-1].isdigit():
            continue
        way, radius = bone.tail_local - bone.head_local, 0.007
        side = way.orthogonal().normalized()
        end = 1.0 if bone.children else 1.0 + 0.8 * radius / way.length
        for along in np.linspace(0.0, end, 9):
            beyond = max(along - 1.0, 0.0) * way.length
            thick = np.sqrt(max(radius**2 - beyond**2, 1e-8)) if beyond else radius
            for turn in range(12):
                around = Matrix.Rotation(turn * np.pi / 6, 4, way) @ side * float(thick)
                owners.append(bone.name)
                vertices.append(bone.head_local + float(along) * way + around)
    mesh.from_pydata([list(vertex) for vertex in vertices], [], [])
    for name in set(owners):
        group = item.vertex_groups.new(name=name)
        group.add([i for i, owner in enumerate(owners) if owner == name], 1.0, "REPLACE")
    item.modifiers.new("Armature", "ARMATURE").object = armature
    bpy.context.scene.collection.objects.link(item)
    return item


# -- finding and seating ---------------------------------------------------------------------------------------


def test_a_character_gets_a_piano_before_it_at_elbow_height(empty_scene: bpy.types.Scene) -> None:
    mpfb_armature()
    armature = use()
    mapping = stored.mapping_of(armature)
    assert mapping.family == "mixamo"
    assert mapping.left.bones["thumb1"] == LEFT_THUMB
    assert empty_scene.s2c_settings.armature == armature
    piano = pianos()[0]
    keys = piano_keys(piano)
    bpy.context.view_layer.update()
    left, right = (
        armature.matrix_world @ armature.data.bones[f"mixamorig:{side}Arm"].head_local
        for side in ("Left", "Right")
    )
    low, high = keys[21].matrix_world.translation, keys[108].matrix_world.translation
    assert (high - low).normalized().dot((right - left).normalized()) > 0.99  # bass at the left hand
    upper = armature.data.bones["mixamorig:LeftArm"].length
    assert abs(low.z - (left.z - upper)) < 0.12  # elbows hang a little above the keys
    reach = upper + armature.data.bones["mixamorig:LeftForeArm"].length
    away = piano.matrix_world.translation - (left + right) / 2
    assert 0.5 * reach < away.xy.length < reach


def test_the_scenes_own_piano_is_taken_and_followed_when_it_is_moved(
    empty_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    bpy.ops.s2c.add_piano()
    piano = pianos()[0]
    armature = mpfb_armature()
    armature.location = (-0.1, -0.35, -1.1)
    armature.rotation_euler.z = np.pi
    bpy.context.view_layer.update()
    use()
    assert pianos() == [piano]
    piano.location.x += 0.03
    bpy.context.view_layer.update()
    assert np.allclose(
        stored.piano_matrix(armature, stored.mapping_of(armature)), np.array(piano.matrix_world.inverted())
    )
    arrays = write_arms_take(tmp_path / "made.npz")
    assert bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=1) == {"FINISHED"}
    hands = stored.character_hands(armature)
    wanted = geometry_tips(hands.geometry("x"), arrays["euler"], arrays["wrist"])[20]
    seen = tips_seen(armature, hands, 21) - np.array(piano.matrix_world.translation)
    assert np.abs(seen - wanted).max() < 1e-4


def test_the_piano_follows_what_the_character_plays(tmp_path: Path) -> None:
    mpfb_armature()
    use()
    write_arms_take(tmp_path / "made.npz")
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=1)
    key = piano_keys(pianos()[0])[60]
    bpy.context.scene.frame_set(1 + 8)  # the note sounds from 0.1 s to 0.5 s
    assert abs(key.evaluated_get(bpy.context.evaluated_depsgraph_get()).rotation_euler.x) > 0.01
    bpy.context.scene.frame_set(1 + 45)
    assert abs(key.evaluated_get(bpy.context.evaluated_depsgraph_get()).rotation_euler.x) < 1e-4


def test_undo_takes_back_character_and_piano() -> None:
    mpfb_armature()
    bpy.ops.ed.undo_push(message="before")
    use()
    bpy.ops.ed.undo_push(message="after")
    bpy.ops.ed.undo()
    assert stored.PROPERTY not in bpy.data.objects["Character"]
    assert not pianos()


def test_no_armature_a_wrong_name_and_our_own_hands_are_told_apart(empty_scene: bpy.types.Scene) -> None:
    assert "select the character's armature" in refused()
    assert 'no armature "Nobody"' in refused(armature="Nobody")
    bpy.ops.s2c.add_hands()
    assert "S2C hands" in refused(armature=empty_scene.s2c_settings.armature.name)


def test_an_armature_without_hands_is_refused_and_left_as_it_is() -> None:
    bpy.ops.object.armature_add()
    name = bpy.context.object.name
    assert "No hands were found" in refused(armature=name)
    assert stored.PROPERTY not in bpy.data.objects[name]
    assert not pianos()


def test_the_panel_offers_use_character_for_any_other_armature(
    empty_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    armature = mpfb_armature()
    empty_scene.s2c_settings.armature = armature
    write_sound(tmp_path / "song.wav")
    empty_scene.sequence_editor_create()
    empty_scene.sequence_editor.strips.new_sound("Piano", str(tmp_path / "song.wav"), 1, 1)
    drawn = draw(panels.S2C_PT_view3d)
    assert "s2c.use_character" in drawn.names()
    assert "s2c.generate" not in drawn.names()


# -- the skin --------------------------------------------------------------------------------------------------


def test_fingertips_and_thickness_are_measured_on_the_skin() -> None:
    armature = mpfb_armature()
    bare = stored_geometry(use())
    skin = add_skin(armature)
    skinned = stored_geometry(use())
    for side in ("left", "right"):
        for finger in ("index", "middle", "ring", "pinky", "thumb"):
            before, after = bare[side]["fingers"][finger], skinned[side]["fingers"][finger]
            assert 0.0 < after["lengths"][2] - before["lengths"][2] < 0.007, (side, finger)
            assert np.allclose(after["radii"], 0.007, atol=0.0025), (side, finger, after["radii"])
    hands = stored.character_hands(armature)
    for hand in hands.hands:
        tips, palm = hand.fingers[1].axes.heads[-1], -hand.frame[:, 2]
        bone = armature.data.bones[hand.fingers[1].bones[-1]]
        assert (tips - np.array(bone.tail_local)) @ palm > 0.001, (
            "the contact point is not on the palm's side"
        )
    bpy.data.objects.remove(skin)


def stored_geometry(armature: bpy.types.Object) -> dict:
    return stored.character_hands(armature).geometry("x")


# -- correcting, files, picture --------------------------------------------------------------------------------


def test_a_wrong_bone_is_said_stays_to_be_corrected_and_is_corrected() -> None:
    mpfb_armature()
    armature = use()
    bpy.ops.s2c.choose_bone(hand=0, part="index2", bone="mixamorig:LeftHandRing2")
    with pytest.raises(RuntimeError):
        bpy.ops.s2c.apply_take(filepath=__file__)
    assert stored.mapping_of(armature).left.bones["index2"] == "mixamorig:LeftHandRing2"
    bpy.ops.s2c.choose_bone(hand=0, part="index2", bone="mixamorig:LeftHandIndex2")
    stored.character_hands(armature)
    bpy.ops.s2c.choose_bone(hand=1, part="pinky3", bone="")
    assert stored_geometry(armature)["right"]["fingers"]["pinky"]["locked"] == [3]
    with pytest.raises(RuntimeError):
        bpy.ops.s2c.choose_bone(hand=1, part="pinky3", bone="nobody")
    with pytest.raises(RuntimeError):
        bpy.ops.s2c.choose_bone(hand=1, part="tail1", bone=LEFT_THUMB)


def test_a_mapping_goes_through_a_file_to_another_character(tmp_path: Path) -> None:
    mpfb_armature()
    first = use()
    path = tmp_path / "hands.json"
    bpy.ops.s2c.save_mapping(filepath=str(path))
    assert json.loads(path.read_text())["left"]["bones"]["thumb1"] == LEFT_THUMB
    wanted = stored.mapping_of(first).left
    del first[stored.PROPERTY]
    bpy.ops.s2c.load_mapping(filepath=str(path))
    assert stored.mapping_of(first).left == wanted
    assert stored.piano_object(first) is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{}", "format"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[" * 3000, "JSON"),
        (
            b'{"format": 1, "family": "x", "left": {"bones": {"wrist": "Nobody"}}, "right": {"bones": {}}}',
            "Nobody",
        ),
        (b" " * 900_000, "longer"),
    ],
)
def test_a_strangers_mapping_file_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    mpfb_armature()
    armature = use()
    before = armature[stored.PROPERTY]
    (tmp_path / "odd.json").write_bytes(content)
    with pytest.raises(RuntimeError) as said:
        bpy.ops.s2c.load_mapping(filepath=str(tmp_path / "odd.json"))
    assert words in str(said.value)
    assert armature[stored.PROPERTY] == before


def test_the_picture_shows_every_finger_follows_the_pose_and_is_no_skin(tmp_path: Path) -> None:
    mpfb_armature()
    armature = use()
    bpy.ops.s2c.show_mapping()
    picture = overlay_of(armature)
    assert picture is not None and picture.hide_render
    assert not skinned_meshes(bpy.data.objects, armature)
    colours = np.empty(len(picture.data.polygons), np.int32)
    picture.data.polygons.foreach_get("material_index", colours)
    assert (
        np.bincount(colours).tolist() == [80] + [48] * 5
    )  # palms, then two hands of three bones of eight faces
    tips = [
        tip
        for hand in stored.character_hands(armature).hands
        for tip in [f.axes.heads[-1] for f in hand.fingers]
    ]
    places = np.array([list(v.co) for v in picture.data.vertices])
    assert all(np.linalg.norm(places - tip, axis=1).min() < 1e-6 for tip in tips)
    armature.pose.bones["mixamorig:LeftHandIndex1"].rotation_quaternion = (0.9, 0.43, 0, 0)
    bpy.context.view_layer.update()
    seen = picture.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices
    moved = np.linalg.norm(np.array([list(v.co) for v in seen]) - places, axis=1) > 1e-4
    assert 0 < moved.sum() <= 3 * 6
    bpy.ops.s2c.show_mapping()
    assert overlay_of(armature) is None


def test_the_panel_lists_the_bones(empty_scene: bpy.types.Scene) -> None:
    mpfb_armature()
    use()
    drawn = draw(panels.S2C_PT_view3d)
    assert drawn.names().count("s2c.choose_bone") == 2 * 19
    assert {"s2c.show_mapping", "s2c.save_mapping", "s2c.load_mapping"} <= set(drawn.names())
    narrow = draw(panels.S2C_PT_view3d, context=Region(120))
    assert narrow.names().count("s2c.choose_bone") == 2 * 19


def test_fbx_of_a_character_with_a_take_is_written(empty_scene: bpy.types.Scene, tmp_path: Path) -> None:
    mpfb_armature()
    armature = use()
    write_arms_take(tmp_path / "made.npz")
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=1)
    export_fbx(bpy.context, armature, tmp_path / "out.fbx", "UNITY")
    assert (tmp_path / "out.fbx").stat().st_size > 50_000


# -- other add-ons' words --------------------------------------------------------------------------------------


class _Node:
    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


def test_the_vrm_add_ons_list_is_read_in_both_versions() -> None:
    def armature(version: str, one: dict[str, str], zero: dict[str, str]) -> _Node:
        bones1 = _Node(**{human: _Node(node=_Node(bone_name=name)) for human, name in one.items()})
        bones0 = [_Node(bone=human, node=_Node(bone_name=name)) for human, name in zero.items()]
        vrm1 = _Node(humanoid=_Node(human_bones=bones1))
        vrm0 = _Node(humanoid=_Node(human_bones=bones0))
        return _Node(data=_Node(vrm_addon_extension=_Node(spec_version=version, vrm1=vrm1, vrm0=vrm0)))

    one, zero = {"left_thumb_metacarpal": "daumen", "right_hand": ""}, {"leftThumbProximal": "pouce"}
    assert human_bones(armature("1.0", one, zero)) == {"leftThumbMetacarpal": "daumen"}
    assert human_bones(armature("0.0", one, zero)) == {"leftThumbProximal": "pouce"}
    assert human_bones(armature("1.0", {}, zero)) == {"leftThumbProximal": "pouce"}
    assert human_bones(mpfb_armature()) == {}


@pytest.mark.parametrize("preset", ["UNITY", "UNREAL"])
def test_fbx_of_a_character_brings_the_take_to_other_programs(
    preset: str, empty_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    armature = mpfb_armature(scale=100.0)
    add_skin(armature)
    use()
    write_arms_take(tmp_path / "made.npz")
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=1)
    check_fbx(armature, tmp_path / "out.fbx", preset, ("Hand", "Arm"))


def test_a_character_that_lies_down_is_found_and_told_to_sit_up(empty_scene: bpy.types.Scene) -> None:
    armature = mpfb_armature()
    armature.rotation_euler.y = np.pi / 2
    bpy.context.view_layer.update()
    use()
    assert stored.mapping_of(armature).family == "mixamo"
    assert not pianos()
    bpy.ops.s2c.add_piano()
    use()
    assert stored.piano_object(armature) == pianos()[0]


def test_an_override_of_a_linked_character_still_knows_after_opening_the_file(
    empty_scene: bpy.types.Scene, tmp_path: Path
) -> None:
    armature = mpfb_armature()
    collection = bpy.data.collections.new("Cast")
    empty_scene.collection.children.link(collection)
    collection.objects.link(armature)
    empty_scene.collection.objects.unlink(armature)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "cast.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "cast.blend"), link=True) as (_there, here):
        here.collections = ["Cast"]
    bpy.context.scene.collection.children.link(here.collections[0])
    assert "make it local" in refused(armature="Character")
    here.collections[0].override_hierarchy_create(
        bpy.context.scene, bpy.context.view_layer, do_fully_editable=True
    )
    assert bpy.ops.s2c.use_character(armature="Character") == {"FINISHED"}
    write_arms_take(tmp_path / "made.npz")
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=1)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    again = next(item for item in bpy.data.objects if item.type == "ARMATURE" and item.override_library)
    assert stored.mapping_of(again).left.bones["thumb1"] == LEFT_THUMB
    assert stored.piano_object(again) == pianos()[0]
    key = piano_keys(pianos()[0])[60]
    bpy.context.scene.frame_set(1 + 8)
    assert abs(key.evaluated_get(bpy.context.evaluated_depsgraph_get()).rotation_euler.x) > 0.01


@pytest.mark.parametrize(
    "odd", [3, "text", [1, 2], {"a": 1}, {"a": {"armature": 3}}, {"a": {"s2c_character": "x"}}]
)
def test_odd_marks_of_a_scene_are_passed_over(odd: object, empty_scene: bpy.types.Scene) -> None:
    armature = mpfb_armature()
    empty_scene["s2c_characters"] = odd
    assert stored.give_back() == []
    empty_scene["s2c_characters"] = {"a": {"armature": armature, "s2c_character": "x"}}
    assert stored.give_back() == []  # it is no override, and keeps its own
    assert stored.PROPERTY not in armature
