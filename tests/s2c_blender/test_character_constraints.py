# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits on every finger, as importers make them: said once, and switched off with one button."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from character_helpers import seated_character
from session_helpers import FRAMES, write_arms_take
from ui_helpers import draw

from s2c_blender.takes import sampling
from s2c_blender.takes.hands_on import reader_of
from s2c_blender.ui import panels

START = 5


@pytest.fixture
def limited(registered: None, empty_scene: bpy.types.Scene) -> bpy.types.Object:
    """A character with a limit on every bone, those of the body too."""
    armature = seated_character()
    for bone in armature.pose.bones:
        limit = bone.constraints.new("LIMIT_ROTATION")
        limit.use_limit_x, limit.owner_space = True, "LOCAL"
    return armature


def buttons() -> set[str]:
    return set(draw(panels.S2C_PT_view3d).names())


def test_all_are_said_at_once_and_one_button_switches_them_off(
    limited: bpy.types.Object, tmp_path: Path
) -> None:
    arrays = write_arms_take(tmp_path / "made.npz")
    hands = 2 * (5 * 3 + 3)
    with pytest.raises(RuntimeError, match=f"So do {hands - 1} others .* Switch Off Constraints"):
        bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START)
    assert "s2c.switch_off_constraints" in buttons()
    assert bpy.ops.s2c.switch_off_constraints() == {"FINISHED"}
    muted = {bone.name for bone in limited.pose.bones for limit in bone.constraints if limit.mute}
    assert len(muted) == hands and not {name for name in muted if "Spine" in name or "Leg" in name}
    assert "s2c.switch_off_constraints" not in buttons()
    assert bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START) == {"FINISHED"}
    reader = reader_of(limited, FRAMES)
    for _ in sampling.sample(limited.session_uid, limited.name, range(START, START + FRAMES), reader):
        pass
    assert np.abs(reader.wrist - arrays["wrist"]).max() < 2e-5
    assert np.abs(reader.euler - arrays["euler"]).max() < 2e-5


def test_a_second_one_is_said_as_one_and_switching_off_nothing_is_no_fault(
    limited: bpy.types.Object, tmp_path: Path
) -> None:
    bpy.ops.s2c.switch_off_constraints()
    assert bpy.ops.s2c.switch_off_constraints() == {"FINISHED"}
    for side in ("Left", "Right"):
        limited.pose.bones[f"mixamorig:{side}HandRing2"].constraints[0].mute = False
    write_arms_take(tmp_path / "made.npz")
    with pytest.raises(RuntimeError, match="So does another one of its hands and arms"):
        bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START)
