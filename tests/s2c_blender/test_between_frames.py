# SPDX-License-Identifier: GPL-3.0-or-later
"""What figures of dynamics look at between two frames is what Blender shows there."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import write_take

import s2c_blender
from models.body.motion import Motion
from models.evaluation.fine_motion import fine_motion
from s2c_blender.core import skeleton
from s2c_blender.rig.bones import joint_bones


@pytest.fixture(autouse=True)
def extension() -> Iterator[None]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 30
    yield
    s2c_blender.unregister()


@pytest.mark.parametrize(("hands_only", "off"), [(True, 2e-5), (False, 4e-3)])
def test_fingertips_between_frames_are_those_that_blender_shows(
    tmp_path: Path, hands_only: bool, off: float
) -> None:
    """An arm turns between two frames, where the figures take a wrist to go straight.

    That makes some millimetres in a leap (the wrists of this take fly) and hundredths of one in a stroke.
    """
    euler, wrist = write_take(tmp_path / "take.npz", wave_size=1.2)
    bpy.ops.s2c.add_hands(hands_only=hands_only)
    bpy.ops.s2c.apply_take(filepath=str(tmp_path / "take.npz"), frame_start=1)
    scene, armature = bpy.context.scene, bpy.context.scene.s2c_settings.armature
    names = joint_bones(armature)
    fine = fine_motion(Motion(euler, wrist, 30.0))
    assert fine.rate == 240
    for moment in (0, 3, 37, 100, 205):
        scene.frame_set(1 + moment // 8, subframe=moment % 8 / 8)
        shown = [
            [armature.pose.bones[names[hand][joint]].tail for joint in skeleton.FINGER_JOINTS[:, 2]]
            for hand in (0, 1)
        ]
        np.testing.assert_allclose(fine.tips[moment], shown, atol=off)
        between = fine.tips[moment - moment % 8], fine.tips[min(moment // 8 * 8 + 8, len(fine) - 1)]
        share = moment % 8 / 8
        if share:  # a straight way between the frames would be something else
            assert np.abs(between[0] * (1 - share) + between[1] * share - shown).max() > 2e-4
