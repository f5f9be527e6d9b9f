# SPDX-License-Identifier: GPL-3.0-or-later
"""Real rigs in Blender, by its importers or Rigify: found, posed, and where Blender's own evaluation puts them."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from character_helpers import mpfb_armature
from character_rigs import angles, kinematics
from mathutils import Matrix

from models.body.skeleton import JOINTS
from s2c_blender.core.character.finder import find
from s2c_blender.core.character.hands import CharacterHands
from s2c_blender.core.character.mapping import CharacterMapping
from s2c_blender.rig.character.rest import rest_bones

RIGS = Path(__file__).parent / "rigs"


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield
    bpy.ops.wm.read_factory_settings(use_empty=True)


def the_armature() -> bpy.types.Object:
    bpy.context.view_layer.update()
    (armature,) = (thing for thing in bpy.data.objects if thing.type == "ARMATURE")
    return armature


def check_posed(armature: bpy.types.Object, mapping: CharacterMapping, seen: str = "{}") -> None:
    """Blender puts the joints where the generator's kinematics of the geometry file does, seen from the resting hand.

    seen: what the bone that shows a joint is called, for the bone that turns it.
    """
    bones = rest_bones(armature)
    hands = CharacterHands.of(bones, mapping)
    for seed in range(3):
        euler = angles(seed, hands)
        euler[:, 0] = 0.0
        wanted, _ = kinematics(hands.geometry("x"), euler, np.zeros((2, 3)))
        for bone, basis in hands.finger_rotations(euler).items():
            pose = armature.pose.bones[bone]
            pose.rotation_mode = "QUATERNION"
            pose.rotation_quaternion = Matrix(basis.tolist()).to_quaternion()
        armature.update_tag()
        bpy.context.view_layer.update()
        evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        for hand, own in zip(hands.hands, mapping.hands, strict=True):
            wrist = bones.heads[bones.index[own.bones["wrist"]]]
            for joint, name in enumerate(JOINTS[1:], 1):
                if name in own.bones:
                    bone = evaluated.pose.bones[seen.format(own.bones[name])]
                    found = hand.frame.T @ (np.array(bone.head) - wrist) * bones.metres
                    assert found == pytest.approx(wanted[hand.hand, joint], abs=2e-5), (name, seed)


@pytest.mark.parametrize(
    ("name", "family", "wrist"),
    [
        ("mpfb_default", "makehuman_default", "wrist.L"),
        ("mpfb_game_engine", "mpfb_game_engine", "hand_l"),
        ("mpfb_mixamo", "mixamo", "mixamorig:LeftHand"),
    ],
)
def test_mpfb(name: str, family: str, wrist: str) -> None:
    armature = mpfb_armature(name.removeprefix("mpfb_"))
    found = find(rest_bones(armature))
    assert found.problem is None and found.mapping.family == family
    assert found.mapping.left.bones["wrist"] == wrist
    check_posed(armature, found.mapping)


def test_rocketbox() -> None:
    bpy.ops.import_scene.fbx(filepath=str(RIGS / "rocketbox_male04.fbx"))
    armature = the_armature()
    found = find(rest_bones(armature))
    assert found.problem is None and found.mapping.family == "biped"
    assert found.mapping.right.bones["ring2"] == "Bip01 R Finger31"
    assert (
        0.85 < CharacterHands.of(rest_bones(armature), found.mapping).size < 1.2
    )  # the object is scaled to 0.01
    check_posed(armature, found.mapping)


def test_rigify_for_games() -> None:
    bpy.ops.import_scene.gltf(filepath=str(RIGS / "mesh2motion_human.glb"))
    armature = the_armature()
    found = find(rest_bones(armature))
    assert found.problem is None and found.mapping.family == "rigify_deform"
    check_posed(armature, found.mapping)


def test_web_hands_are_flat_and_that_is_said() -> None:
    bpy.ops.import_scene.gltf(filepath=str(RIGS / "webxr_left.glb"))
    found = find(rest_bones(the_armature()))
    assert found.mapping.family == "webxr" and "does not hang on" in str(found.problem)


def test_rigify_metarig_and_generated_rig() -> None:
    import addon_utils  # comes with bpy

    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    metarig = the_armature()
    found = find(rest_bones(metarig))
    assert found.problem is None and found.mapping.family == "rigify_metarig"
    check_posed(metarig, found.mapping)
    for bone in metarig.pose.bones:
        bone.matrix_basis.identity()
    bpy.ops.pose.rigify_generate()
    rig = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE" and thing != metarig)
    found = find(rest_bones(rig))
    assert found.problem is None and found.mapping.family == "rigify_generated"
    assert (found.mapping.left.arm, found.mapping.left.bones["wrist"]) == ("rigify_ik", "DEF-hand.L")
    assert found.mapping.right.bones["thumb2"] == "thumb.02.R"
    check_posed(rig, found.mapping, "DEF-{}")
