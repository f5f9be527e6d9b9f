# SPDX-License-Identifier: GPL-3.0-or-later
"""Undo and saving, before, at and after the last step of a job: a take is whole or not there."""

import bpy
import pytest
from session_helpers import (
    HAND_CURVES,
    hands,
    pump_until,
    write_slowly,
)

from s2c_blender import compat
from s2c_blender.session import session
from s2c_blender.takes import unfinished
from s2c_blender.takes.write_take import COPYING, UNDO_LABEL
from s2c_blender.ui.operators import jobs as job_operators


def test_undo_takes_the_whole_take_back(scene):
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.s2c.generate()
    assert hands().animation_data.action is not None
    bpy.ops.ed.undo()
    data = hands().animation_data
    assert data is None or data.action is None


def written(share):
    """Whether so much of the keyframes is written."""
    view = session.view(0)
    return view.text == "Writing keyframes" and view.factor > share


def write_half_into_an_undo_step(scene, monkeypatch):
    """A take that is being written, with an undo step before it and one in which a part of its keyframes are."""
    write_slowly(monkeypatch)
    bpy.ops.ed.undo_push(message="before")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: written(0.3))
    scene.frame_current += 1
    bpy.ops.ed.undo_push(message="half of the take is in this step")


def test_an_undo_while_keyframes_are_written_begins_them_afresh(scene, monkeypatch):
    write_half_into_an_undo_step(scene, monkeypatch)
    pump_until(lambda: written(0.6))
    scene.frame_current += 1
    bpy.ops.ed.undo_push(message="more of it")
    bpy.ops.ed.undo()
    assert session.active
    pump_until(lambda: not session.active)
    assert not session.view(0).error and len(bpy.data.actions) == 1
    bag = compat.channelbag(hands().animation_data.action, hands().animation_data.action_slot)
    assert len([c for c in bag.fcurves if '"]["' not in c.data_path]) == HAND_CURVES


def test_an_undo_at_the_last_step_and_one_after_it(scene, tmp_path, monkeypatch):
    """Blender 5.2 crashed here: after a file was opened, undo left the hands an action that was gone."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), copy=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.ed.undo_push(message="opened")
    bpy.ops.ed.undo_push(message="before")
    session.order_take(bpy.context, job_operators.order_new_take(bpy.context, 1))
    pump_until(lambda: session.view(0).text == "Saving the undo step")
    bpy.ops.ed.undo()
    assert hands().animation_data is None or hands().animation_data.action is None
    pump_until(lambda: not session.active)
    assert hands().animation_data.action is not None and not session.view(0).error
    bpy.ops.ed.undo()
    assert not bpy.data.actions
    bpy.ops.ed.redo()
    assert hands().animation_data.action is not None


def test_undo_brings_no_half_of_a_take_back(scene, monkeypatch):
    write_half_into_an_undo_step(scene, monkeypatch)
    pump_until(lambda: not session.active)
    whole = bpy.data.actions[0].name
    assert hands().animation_data.action.name == whole
    bpy.ops.ed.undo()
    assert not bpy.data.actions, "the half of the take is back"
    bpy.ops.ed.redo()
    assert [action.name for action in bpy.data.actions] == [whole] and not bpy.data.actions[0].get(
        "s2c_unfinished"
    )


def to_the_last_step(redo=False):
    """Pump until only the last step is left; the action that is to be put on then."""
    order = (
        job_operators.order_part(bpy.context, 2, "left")
        if redo
        else job_operators.order_new_take(bpy.context, 1)
    )
    session.order_take(bpy.context, order)
    pump_until(lambda: session.view(0).text == COPYING)
    bpy.context.view_layer.update()  # as a window that draws
    pump_until(lambda: session.view(0).text == UNDO_LABEL)
    return next(action for action in bpy.data.actions if unfinished.MARK in action)


@pytest.mark.parametrize("redo", [False, True])
def test_keys_are_copied_for_evaluation_before_the_hands_get_them_and_once(scene, redo):
    """Blender's copy is written to here, which shows on the hands unless Blender copies the keys again."""
    if redo:
        bpy.ops.s2c.generate()
    played = hands().animation_data.action if redo else None
    copied = to_the_last_step(redo).evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert copied.is_evaluated
    assert not redo or hands().animation_data.action == played
    bag = compat.channelbag(copied, copied.slots[0])
    curve = bag.fcurves.find('pose.bones["f_index.02.L"].rotation_euler', index=0)
    for point in curve.keyframe_points:
        point.co.y = 0.123
    pump_until(lambda: not session.active)
    assert not session.view(0).error and not scene.get(unfinished.AHEAD)
    scene.frame_set(20)
    assert hands().pose.bones["f_index.02.L"].rotation_euler.x == pytest.approx(0.123)


def test_a_file_saved_before_the_last_step_has_nothing_of_the_take(scene, tmp_path):
    to_the_last_step()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"), copy=True)
    with bpy.data.libraries.load(str(tmp_path / "a.blend")) as (there, _):
        assert not there.actions
    pump_until(lambda: not session.active)
    assert not session.view(0).error and hands().animation_data.action is not None


def test_a_file_in_which_blender_died_before_the_last_step_opens_without_the_half(scene, tmp_path):
    """Blender's own rescue file is written without asking anybody."""
    action = to_the_last_step()
    bpy.data.libraries.write(str(tmp_path / "a.blend"), {scene, action}, fake_user=False)
    session.cancel()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert not bpy.data.actions and not any(unfinished.AHEAD in found for found in bpy.data.scenes)


@pytest.mark.parametrize("redo", [False, True])
def test_an_undo_step_taken_before_the_last_step_brings_nothing_of_the_take_back(scene, redo):
    if redo:
        bpy.ops.s2c.generate()
    there = len(bpy.data.actions)
    bpy.ops.ed.undo_push(message="before")
    to_the_last_step(redo)
    scene.frame_current += 1
    bpy.ops.ed.undo_push(message="frame")
    pump_until(lambda: not session.active)
    assert len(bpy.data.actions) == there + 1
    bpy.ops.ed.undo()
    assert len(bpy.data.actions) == there
    assert not any(unfinished.AHEAD in found for found in bpy.data.scenes)
    assert all(unfinished.MARK not in action for action in bpy.data.actions)
    bpy.ops.ed.redo()
    assert len(bpy.data.actions) == there + 1 and hands().animation_data.action is not None
