# SPDX-License-Identifier: GPL-3.0-or-later
"""A recording that was moved away from its take: the panel says so, and Follow Strip mends it."""

import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import FRAMES, START, requests, write_sound
from take_helpers import bag, data, hands, push_down, remake, seen, sent, strip_start
from ui_helpers import draw

from s2c_blender.takes import follow, layers
from s2c_blender.ui import panels

pytestmark = pytest.mark.usefixtures("take")


def test_a_moved_strip_is_said_and_followed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.s2c.add_piano()
    before = seen(START + 30, "f_index.02.R")
    strip_start(START + 45)
    remake(tmp_path, FRAMES, 7)
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert "begin 1.5 s earlier than the recording" in scene.s2c_settings.result
    scene.frame_set(START + 75)
    assert bpy.ops.s2c.follow_strip() == {"FINISHED"}
    evaluated = hands().evaluated_get(bpy.context.evaluated_depsgraph_get())
    at_once = np.array(evaluated.matrix_world @ evaluated.pose.bones["f_index.02.R"].matrix)
    np.testing.assert_allclose(at_once, before, atol=1e-5)
    np.testing.assert_allclose(seen(START + 75, "f_index.02.R"), before, atol=1e-5)
    keys = next(c for c in bag().fcurves if "key C4" in c.data_path)
    assert keys.keyframe_points[0].co.x == pytest.approx(START + 45 + (0.1 - 0.0297) * 30, abs=0.1)
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert "recording" not in scene.s2c_settings.result


def test_the_panel_says_within_a_second_that_they_were_moved_apart(scene: bpy.types.Scene) -> None:
    follow.watch.look_in(bpy.context)
    assert follow.watch.text == "" and "s2c.follow_strip" not in draw(panels.S2C_PT_view3d).names()
    strip_start(START + 45)
    assert follow.watch.look_in(bpy.context) and "begin 1.5 s earlier" in follow.watch.text
    assert not follow.watch.look_in(bpy.context)  # nothing was moved since
    drawn = draw(panels.S2C_PT_view3d)
    assert "s2c.follow_strip" in drawn.names() and "begin 1.5 s earlier" in drawn.text()
    bpy.ops.s2c.follow_strip()
    assert follow.watch.look_in(bpy.context) and follow.watch.text == ""
    assert "s2c.follow_strip" not in draw(panels.S2C_PT_view3d).names()


def test_a_changed_frame_rate_is_followed_by_stretching(scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene.render.fps = 24
    strip_start(START)
    with pytest.raises(RuntimeError, match="press Follow Strip"):
        bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert bpy.ops.s2c.follow_strip() == {"FINISHED"}
    assert layers.seen_span(hands()) == (START, START + round((FRAMES - 1) * 0.8))
    remake(tmp_path, round((FRAMES - 1) * 0.8) + 1, 7)
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    given = sent(tmp_path)
    assert float(given["fps"]) == 24.0
    np.testing.assert_allclose(given["notes"][:, 0], [0.1, 1.0], atol=0.01)


def test_a_strip_in_the_nla_follows_as_a_strip(scene: bpy.types.Scene, tmp_path: Path) -> None:
    strip = push_down(START)
    before = seen(START + 30, "f_index.02.R")
    strip_start(START + 45)
    assert bpy.ops.s2c.follow_strip() == {"FINISHED"}
    assert strip.frame_start == pytest.approx(START + 45)
    np.testing.assert_allclose(seen(START + 75, "f_index.02.R"), before, atol=1e-5)


def test_another_recording_is_not_followed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    scene.sequence_editor.strips.new_sound("Other", str(write_sound(tmp_path / "other.wav")), 1, 40)
    with pytest.raises(RuntimeError, match="another recording"):
        bpy.ops.s2c.follow_strip()
    assert requests(tmp_path) and json.loads(data().action["s2c_take"])["start_frame"] == START
