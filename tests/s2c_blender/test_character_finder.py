# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose character is this? Each family is found by its names, both hands, and plays; or else the shape tells."""

from dataclasses import replace

import numpy as np
import pytest
from character_families import (
    CAPITAL,
    DONOR,
    FIVE,
    LEFT_RIGHT,
    MADE,
    MEASURED,
    PARTS,
    RIGIFY,
    expected_of,
    metacarpals,
)
from character_rigs import (
    NUMBERS,
    check_exact,
    check_flexion,
    joined,
    measured,
    mirrored,
    moved,
    renamed,
    rolled,
    without_bone,
)

from models.body.skeleton import FINGERS
from s2c_blender.core.character.families import families, family
from s2c_blender.core.character.finder import find
from s2c_blender.core.character.hands import CharacterHands
from s2c_blender.core.character.rest_bones import RestBones
from s2c_blender.errors import UserError


def check_found(bones: RestBones, key: str, expected: list[dict[str, str]]) -> None:
    """The family, the bones of both hands, and that these hands play."""
    found = find(bones)
    assert found.problem is None, found.problem
    assert found.mapping.family == key
    one = family(key)
    assert one is not None and found.title == one.title
    for hand, own in zip(found.mapping.hands, expected, strict=True):
        assert {part: hand.bones.get(part) for part in own} == own
        assert set(hand.bones) - set(own) <= set(PARTS[1:])
        assert hand.arm == one.arm
    check_exact(bones, found.mapping, 0)
    check_flexion(bones, found.mapping)


@pytest.mark.parametrize("key", MADE)
def test_a_family_without_files_is_found_on_an_armature_made_from_its_names(key: str) -> None:
    scheme = MADE[key]
    bones = scheme.armature()
    expected = [scheme.expected(side) for side in scheme.sides]
    check_found(bones, key, expected)
    check_found(moved(rolled(bones, 3), 4, 0.01), key, expected)


@pytest.mark.parametrize("name", MEASURED)
def test_a_family_is_found_on_a_measured_armature(name: str) -> None:
    bones = measured(name)
    check_found(bones, MEASURED[name][0], expected_of(name))
    check_found(moved(rolled(bones, 1), 2, 40.0), MEASURED[name][0], expected_of(name))


def test_our_own_rig_is_ours() -> None:
    parts = ("hand", "forearm", "upper_arm", "shoulder")
    expected = [
        dict(zip(PARTS, (name + side for name in parts)))
        | {f"{f}{n}": f"{w}.0{n}{side}" for f, w in zip(FINGERS, RIGIFY) for n in (1, 2, 3)}
        for side in (".L", ".R")
    ]
    bones = measured("rigify_metarig")
    for n in (1, 2, 3, 4):
        for side in (".L", ".R"):
            bones = without_bone(bones, f"palm.0{n}{side}")
    check_found(bones, "s2c", expected)


def test_every_family_was_tested() -> None:
    elsewhere = {
        "webxr",
        "unity_xr",
        "s2c",
        "rigify_generated",
    }  # below, above, and in test_character_rigs.py
    assert {one.key for one in families()} == {*MADE, *(key for key, _, _ in MEASURED.values())} | elsewhere


RENAMED = {
    "another prefix of Mixamo": ("mixamo_fbx", lambda name: name.replace("mixamorig:", "mixamorig12:")),
    "colon lost": ("mixamo_fbx", lambda name: name.replace("mixamorig:", "mixamorig")),
    "a namespace": ("ready_player_me", lambda name: f"Model:{name}"),
    "a word behind": ("rigify_metarig", lambda name: f"{name}_Armature"),
    "numbers behind": ("ready_player_me", lambda name: f"{name}_{sum(map(ord, name)) % 900:03d}"),
    "dots lost": ("rigify_deform", lambda name: name.replace(".", "")),
    "underscores for blanks": ("rocketbox_biped", lambda name: name.replace(" ", "_")),
    "another Biped": ("rocketbox_biped", lambda name: name.replace("Bip01", "ValveBiped.Bip001")),
    "capitals": ("unreal4", str.upper),
}


@pytest.mark.parametrize("how", RENAMED)
def test_what_exporters_do_to_names_does_not_matter(how: str) -> None:
    name, change = RENAMED[how]
    bones = measured(name)
    table = {old: change(old) for old in bones.names}
    expected = [{part: table[bone] for part, bone in own.items()} for own in expected_of(name)]
    check_found(renamed(bones, table), MEASURED[name][0], expected)


def test_unity_and_web_hands_need_both_hands_in_one_armature_and_parents() -> None:
    left = measured("unity_xr_left")
    found = find(left)
    assert found.mapping.family == "unity_xr" and "right hand has no wrist" in str(found.problem)
    assert "Object > Join" in str(found.problem)
    right = mirrored(left, {name: f"R{name[1:]}" for name in left.names})
    both = find(joined(left, right))
    assert both.problem is None and both.mapping.right.bones["pinky1"] == "R_LittleProximal"
    check_exact(joined(left, right), both.mapping, 0)
    check_flexion(joined(left, right), both.mapping)

    web = [_hung(measured(name)) for name in ("webxr_left", "webxr_right")]
    web[1] = renamed(web[1], {name: f"{name}.001" for name in web[1].names})
    for pair in (web, web[::-1]):  # the shape says which one is the left
        bones = joined(*pair)
        found = find(bones)
        assert found.problem is None and found.mapping.family == "webxr"
        assert found.mapping.left.bones["index1"] == "index-finger-phalanx-proximal"
        assert found.mapping.right.bones["thumb1"] == "thumb-metacarpal.001"
        check_exact(bones, found.mapping, 0)
        check_flexion(bones, found.mapping)
    flat = joined(
        measured("webxr_left"), renamed(measured("webxr_right"), {n: f"{n}.001" for n in web[0].names})
    )
    assert "does not hang on" in str(find(flat).problem)


def _hung(bones: RestBones) -> RestBones:
    """The flat bones of a WebXR hand, each hung on the one before it."""
    return replace(bones, parents=np.array([_before(bones, name) for name in bones.names]))


def _before(bones: RestBones, name: str) -> int:
    if name == "wrist":
        return -1
    finger = "-".join(name.split("-")[:2]) if "finger" in name else "thumb"
    own = [
        n
        for j in ("metacarpal", "phalanx-proximal", "phalanx-intermediate", "phalanx-distal", "tip")
        if (n := f"{finger}-{j}") in bones.index
    ]
    place = own.index(name)
    return bones.index["wrist" if place == 0 else own[place - 1]]


VRM_0 = {
    "Hand": "hand.{s}_Armature",
    "LowerArm": "lowerarm.{s}_Armature",
    "UpperArm": "upper_arm.{s}_Armature",
    "ThumbProximal": "thumb.1.{s}_Armature",
    "ThumbIntermediate": "thumb.2.{s}_Armature",
    "ThumbDistal": "thumb.3.{s}_Armature",
    "IndexProximal": "Finger.{s}_Armature",
    "IndexIntermediate": "Finger.001.{s}_Armature",
    "IndexDistal": "Finger.002.{s}_Armature",
    "MiddleProximal": "f2a.{s}_Armature",
    "MiddleIntermediate": "f2b.{s}_Armature",
    "MiddleDistal": "f2c.{s}_Armature",
    "LittleProximal": "f3a.{s}_Armature",
    "LittleIntermediate": "f3b.{s}_Armature",
    "LittleDistal": "f3c.{s}_Armature",
}


@pytest.mark.parametrize("name", ["godette_vrm", "godette_gltf"])
@pytest.mark.parametrize("version", [0, 1])
def test_the_vrm_add_ons_list_comes_first(name: str, version: int) -> None:
    words = {"ThumbProximal": "ThumbMetacarpal", "ThumbIntermediate": "ThumbProximal"} if version else {}
    listed = {
        f"{side}{words.get(human, human)}": bone.format(s=side[0])
        for side in ("left", "right")
        for human, bone in VRM_0.items()
    }
    bones = measured(name)
    found = find(bones, {**listed, "hips": "pelvis_Armature", "jaw": ""})
    assert (
        found.problem is None and found.mapping.family == f"vrm{version}" and found.title == f"VRM {version}"
    )
    for hand, side in zip(found.mapping.hands, "lr", strict=True):
        assert hand.bones["thumb1"] == f"thumb.1.{side}_Armature" and "ring1" not in hand.bones
        assert (
            hand.bones["pinky3"] == f"f3c.{side}_Armature"
            and hand.bones["forearm"] == f"lowerarm.{side}_Armature"
        )
    check_exact(bones, found.mapping, 0)
    check_flexion(bones, found.mapping)


def test_numbers_that_begin_at_the_metacarpal_are_told_by_lengths() -> None:
    """LeftHandIndex1 is a phalanx in Mixamo and a metacarpal in some motion captures."""
    table, bones = {}, measured("mpfb_game_engine")
    for own, side in zip(("_l", "_r"), LEFT_RIGHT, strict=True):
        table |= {
            f"{DONOR[p]}{own}": f"{side}{n}" for p, n in zip(PARTS, ("Hand", "ForeArm", "Arm", "Shoulder"))
        }
        table |= {f"thumb_0{n}{own}": f"{side}HandThumb{n}" for n in (1, 2, 3)}
        for finger, word in zip(FIVE[1:], CAPITAL, strict=True):
            table |= {f"{finger}_0{n}{own}": f"{side}Hand{word}{n + 1}" for n in (1, 2, 3)}
    bones = renamed(bones, table)
    for side in LEFT_RIGHT:
        bones = metacarpals("{s}Hand{w}1", "{s}Hand{w}2", CAPITAL)(bones, side)
    expected = expected_of("ready_player_me")
    for own in expected:
        for finger in FIVE[1:]:
            own |= {f"{finger}{n}": own[f"{finger}{n}"][:-1] + str(n + 1) for n in (1, 2, 3)}
    check_found(bones, "humanik", expected)


def test_a_last_bone_without_length_is_a_tip() -> None:
    bones = measured("unreal4")
    for side in "lr":  # ring_03 is where ring_02 is: the finger has two joints
        heads = bones.heads.copy()
        heads[bones.index[f"ring_03_{side}"]] = heads[bones.index[f"ring_02_{side}"]]
        bones = replace(bones, heads=heads)
    found = find(bones)
    assert found.problem is None and found.mapping.left.finger_bones(3) == ("ring_01_l", "ring_02_l")
    assert CharacterHands.of(bones, found.mapping).geometry("x")["right"]["fingers"]["ring"]["locked"] == [3]


BLIND = [name for name in NUMBERS if not name.startswith(("webxr", "unity"))]


@pytest.mark.parametrize("name", BLIND)
def test_a_hand_is_seen_by_its_shape_where_names_say_nothing(name: str) -> None:
    bones = measured(name)
    table = {old: f"bone {i}" for i, old in enumerate(bones.names)}
    found = find(renamed(bones, table))
    assert found.problem is None and found.mapping.family == "shape"
    known = find(bones).mapping
    for hand, own in zip(found.mapping.hands, known.hands, strict=True):
        fingers = {part: table[bone] for part, bone in own.bones.items() if part not in PARTS[1:]}
        assert {part: hand.bones[part] for part in fingers} == fingers
        for part in ("forearm", "upper_arm"):
            assert hand.bones[part] == table[own.bones[part]]
    check_exact(renamed(bones, table), found.mapping, 0)


def test_no_hands_are_said_to_be_none() -> None:
    legs = RestBones(
        ("root", "a", "b"),
        np.array([-1, 0, 1]),
        np.zeros((3, 3)),
        np.ones((3, 3)),
        np.tile(np.eye(3), (3, 1, 1)),
    )
    with pytest.raises(UserError, match="No hands were found"):
        find(legs)
    feet = measured("daz_genesis9")
    toes = [name for name in feet.names if "toe" in name]
    assert len(toes) == 16 and not set(toes) & set(find(feet).mapping.left.bones.values())


def test_thousands_of_other_bones_do_not_hide_the_hands() -> None:
    bones = own = measured("unreal4")
    for copy in range(60):
        bones = joined(bones, renamed(own, {name: f"{name} copy {copy}" for name in own.names}))
    assert len(bones.names) > 2800
    check_found(bones, "unreal4", expected_of("unreal4"))
