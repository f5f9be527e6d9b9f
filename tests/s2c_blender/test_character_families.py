# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes on armatures of many makers, built in Blender from their published rest data: all kinds of axes and joints."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from character_helpers import add_shell, check_fbx, geometry_tips, tips_seen
from mathutils import Vector
from measured_armatures import NUMBERS, at_a_piano
from session_helpers import FRAMES, write_arms_take

from s2c_blender.core import skeleton
from s2c_blender.core.character.hands import CharacterHands
from s2c_blender.rig.character import stored
from s2c_blender.takes import sampling
from s2c_blender.takes.hands_on import reader_of

START = 3
BOTH_HANDS = sorted(set(NUMBERS) - {"webxr_left", "webxr_right", "unity_xr_left"})


pytestmark = pytest.mark.usefixtures("registered", "empty_scene")


def possible(arrays: dict[str, np.ndarray], hands: CharacterHands) -> dict[str, np.ndarray]:
    """A take that the hand geometry allows: what a rig lacks is at rest."""
    for hand in hands.hands:
        for number, finger in enumerate(hand.fingers):
            locked = finger.locked if finger is not None else (1, 2, 3)
            for joint in locked:
                arrays["euler"][:, hand.hand, skeleton.FINGER_JOINTS[number, joint - 1]] = 0
    return arrays


@pytest.mark.parametrize("name", BOTH_HANDS)
def test_a_take_on_every_family(name: str, tmp_path: Path, empty_scene: bpy.types.Scene) -> None:
    armature = at_a_piano(name)
    hands = stored.character_hands(armature)
    arrays = possible(write_arms_take(tmp_path / "made.npz"), hands)
    write_arms_take(tmp_path / "made.npz", arrays)
    assert bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START) == {"FINISHED"}
    assert "Something else" not in empty_scene.s2c_settings.result
    assert "too short" not in empty_scene.s2c_settings.result
    piano = stored.piano_matrix(armature, stored.mapping_of(armature))
    wanted = geometry_tips(hands.geometry("x"), arrays["euler"], arrays["wrist"])
    for frame in (START, START + 21, START + FRAMES - 1):
        seen = tips_seen(armature, hands, frame) @ piano[:3, :3].T + piano[:3, 3]
        assert np.nanmax(np.linalg.norm(seen - wanted[frame - START], axis=-1)) < 1e-4
        assert (np.isnan(seen) == np.isnan(wanted[frame - START])).all()
    reader = reader_of(armature, FRAMES)
    for _ in sampling.sample(armature.session_uid, name, range(START, START + FRAMES), reader):
        pass
    assert np.abs(reader.euler - arrays["euler"]).max() < 1e-4
    assert np.abs(reader.wrist - arrays["wrist"]).max() < 1e-4
    for hand in (0, 1):  # elbows below the shoulders, outside them, without a flip
        shoulder, elbow = reader.shoulder[:, hand], reader.elbow[:, hand]
        assert (elbow[:, 2] < shoulder[:, 2]).all()
        assert ((elbow[:, 0] - shoulder[:, 0]) * (1 if hand else -1) > -0.06).all()
        assert np.linalg.norm(np.diff(elbow, axis=0), axis=1).max() < 0.03
    for own in stored.mapping_of(
        armature
    ).hands:  # no arm is wrung: all are turned about their own line by little
        for part, after in (("upper_arm", "forearm"), ("forearm", "wrist")):
            assert abs(wrung(armature, own.bones[part], own.bones[after])) < 60, (part, own.bones[part])


def wrung(armature: bpy.types.Object, name: str, after: str) -> float:
    """Degrees by which a bone is turned about its own line, in the frame that is shown."""
    bone = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[name]
    way = armature.data.bones[after].head_local - armature.data.bones[name].head_local
    along = (bone.bone.matrix_local.to_3x3().inverted() @ way).normalized()
    turn = bone.matrix_basis.to_quaternion()
    degrees = np.degrees(2 * np.arctan2(Vector(turn[1:]).dot(along), turn.w))
    return float((degrees + 180) % 360 - 180)


UNREAL_WORDS = ("hand_", "index_", "thumb_", "middle_", "ring_", "pinky_", "arm_")


@pytest.mark.parametrize(
    ("name", "preset", "words"),
    [("unreal4", "UNREAL", UNREAL_WORDS), ("mixamo_fbx", "UNITY", ("Hand", "Arm"))],
)
def test_fbx_of_engines_own_characters(
    name: str, preset: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    armature = at_a_piano(name)
    add_shell(armature)
    write_arms_take(tmp_path / "made.npz")
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=1)
    check_fbx(armature, tmp_path / "out.fbx", preset, words)
