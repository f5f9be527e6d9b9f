# SPDX-License-Identifier: GPL-3.0-or-later
"""Cancel, undo, another file or a deletion at every step of every kind of job.

A step is one pump that does the least it can. S2C_STEP sets how many steps lie between two that are tried (29); the
first steps and the last ones are all tried. 1 tries every one.
"""

import os
import time

import bpy
import pytest
from session_helpers import START, hands, pump_until, use_worker, write_sound, write_take

from s2c_blender import compat, handlers
from s2c_blender.order_from_scene import order_new_take, order_part
from s2c_blender.rig.armature import create_armature
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes import read_back, unfinished
from s2c_blender.takes.write_take import HINDERED, LOOKING, UNDO_LABEL

STEP = int(os.environ.get("S2C_STEP", "29"))
ENDS = 3
FRAMES = 24
KINDS = ("first", "resample", "hand", "range", "range of a hand", "over a track", "correction")


@pytest.fixture
def stage(registered, empty_scene, session_ends, tmp_path, monkeypatch, request):
    """A scene with what the kind of job needs; the session does one step a pump."""
    kind = request.param
    empty_scene.sequence_editor_create()
    song = write_sound(tmp_path / "song.wav")
    empty_scene.sequence_editor.strips.new_sound("Piano", str(song), 1, START)
    create_armature(bpy.context, 1.0, empty_scene.collection)
    write_take(tmp_path / "made.npz", frames=FRAMES)
    (tmp_path / "tmp").mkdir()
    use_worker(monkeypatch, tmp_path, "steady", tmp_path / "made.npz", cancel_grace_seconds=5.0)
    config = session.config
    session.config = SessionConfig(
        worker_command=config.worker_command,
        patience=config.patience,
        data_folder=config.data_folder,
        temporary_root=tmp_path / "tmp",
        step_seconds=1e-9,
    )
    if kind != "first":
        session.order_take(bpy.context, order_new_take(bpy.context, 1))
        pump_until(lambda: not session.active)
        assert not session.view(0).error
        prepare_layers(kind)
    bpy.ops.ed.undo_push(message="ready")
    return kind, tmp_path


def prepare_layers(kind):
    data = hands().animation_data
    if kind == "over a track":
        take, slot = data.action, data.action_slot
        track = data.nla_tracks.new()
        track.strips.new("take", 11, take).action_slot = slot
        data.action = None
    elif kind == "correction":
        take, slot = data.action, data.action_slot
        track = data.nla_tracks.new()
        track.strips.new("take", 11, take).action_slot = slot
        compat.bind_action(hands(), *correction())
        data.action_blend_type = "ADD"


def correction():
    action = bpy.data.actions.new("correction")
    slot = action.slots.new(id_type="OBJECT", name="hands")
    bag = compat.channelbag(action, slot, create=True)
    bone = hands().pose.bones[0].name
    curve = bag.fcurves.new(f'pose.bones["{bone}"].location', index=0)
    curve.keyframe_points.insert(11, 0.0)
    curve.keyframe_points.insert(30, 0.01)
    return action, slot


def begin(kind, seed=2):
    if kind in ("first", "resample"):
        order = order_new_take(bpy.context, seed)
    else:
        hand = {"hand": "left", "range of a hand": "right", "correction": "left"}.get(kind, "")
        window = None if kind in ("hand", "correction") else (15, 24)
        order = order_part(bpy.context, seed, hand, window)
    session.order_take(bpy.context, order)


def snapshot(folder):
    """All data blocks with their users, what actions hold, what the hands play, the settings, the files."""
    found = {}
    for name in dir(bpy.data):
        blocks = getattr(bpy.data, name)
        if isinstance(blocks, bpy.types.bpy_prop_collection):
            for block in blocks:
                if hasattr(block, "users"):
                    found[name, block.name] = (block.users, block.use_fake_user)
    for action in bpy.data.actions:
        keys = {key: str(action[key]) for key in action.keys()}  # noqa: SIM118  an ID is no dict
        bags = [compat.channelbag(action, slot) for slot in action.slots]
        curves = [
            (c.data_path, c.array_index, [tuple(p.co) for p in c.keyframe_points])
            for bag in bags
            if bag
            for c in bag.fcurves
        ]
        found["action", action.name] = (keys, [slot.handle for slot in action.slots], curves)
    data = hands().animation_data
    if data is not None:
        found["played"] = (
            data.action.name if data.action else "",
            data.action_slot_handle,
            data.action_blend_type,
            data.action_extrapolation,
            data.action_influence,
        )
        found["tracks"] = [
            (t.name, t.mute, [(s.name, s.frame_start, s.frame_end, s.action.name) for s in t.strips])
            for t in data.nla_tracks
        ]
    # Settings come into being when they are first touched.
    found["properties"] = {
        item.name: sorted({*item.keys()} - {"s2c_settings"}) for item in (*bpy.data.scenes, *bpy.data.objects)
    }
    found["bones"] = {bone.name: sorted(bone.keys()) for bone in hands().pose.bones}
    scene, settings = bpy.context.scene, bpy.context.scene.s2c_settings
    found["scene"] = (scene.name, scene.frame_start, scene.frame_end, scene.frame_current, len(scene.objects))
    for item in settings.bl_rna.properties:
        if item.type in ("INT", "FLOAT", "STRING", "BOOLEAN", "ENUM"):
            value = getattr(settings, item.identifier)
            found["settings", item.identifier] = tuple(value) if getattr(item, "is_array", False) else value
    found["left out"] = [(item.frame, item.pitch) for item in settings.left_out]
    found["takes"] = sorted(path.name for path in (folder / "data" / "takes").glob("*"))
    found["temporary"] = sorted(path.name for path in (folder / "tmp").iterdir())
    return found


def pump():
    session.pump(time.monotonic())
    time.sleep(0.0005)


def phase():
    """What goes on: steps of preparing and writing are counted, the worker's states are named."""
    if session.working:
        return "writing" if session._delivering else "preparing"
    return f"{session.machine.status.state.value} {session.machine.status.stage}"


def walk(at=None):
    """Pump to the end, or to the step `at`; the steps that were there, in order."""
    seen = []
    while session.active:
        where = phase()
        step = (where, sum(name == where for name, _ in seen) if session.working else 0)
        if step not in seen:
            seen.append(step)
            if step == at:
                return seen
        pump()
    return seen


def picked(steps):
    """The steps to try: every `STEP`th, all at both ends of a phase, every state of the worker."""
    found = []
    for where in dict.fromkeys(name for name, _ in steps):
        own = [step for step in steps if step[0] == where]
        found += [s for k, s in enumerate(own) if k < ENDS or k >= len(own) - ENDS or k % STEP == 0]
    return found


def settle():
    end = time.monotonic() + 20
    while (session.active or session.machine.ending or session._forsaken) and time.monotonic() < end:
        pump()
    assert not session.active
    session.pump(time.monotonic())


def all_steps(kind):
    """The steps of a whole job, which is undone then."""
    begin(kind)
    steps = walk()
    assert not session.view(0).error, session.view(0)
    bpy.ops.ed.undo()
    return steps


@pytest.mark.parametrize("stage", KINDS, indirect=True)
def test_cancel_at_any_step_leaves_everything_as_it_was(stage):
    kind, folder = stage
    steps = all_steps(kind)
    assert {"preparing", "writing"} <= {name for name, _ in steps} and len(steps) > 40
    before = snapshot(folder)
    reached = 0
    for step in picked(steps):
        begin(kind)
        if walk(step)[-1] != step:
            settle()  # a state of the worker that was over before a pump could see it
            assert not session.view(0).error
            bpy.ops.ed.undo()
            before = snapshot(folder)
            continue
        reached += 1
        assert bpy.ops.s2c.cancel.poll()
        session.cancel()
        settle()
        assert session.view(0).message == "Cancelled.", (step, session.view(0))
        after = snapshot(folder)
        assert after == before, (step, {k for k in {*after, *before} if after.get(k) != before.get(k)})
    assert reached > len(picked(steps)) / 2


@pytest.mark.parametrize("stage", ["first"], indirect=True)
def test_when_the_undo_step_is_made_there_is_nothing_to_cancel(stage):
    begin("first")
    pump_until(lambda: session.view(0).text == UNDO_LABEL)
    assert hands().animation_data is None
    session.pump(time.monotonic())
    assert not session.active and hands().animation_data.action is not None
    assert not bpy.ops.s2c.cancel.poll() and not session.view(0).active
    session.cancel()
    assert hands().animation_data.action is not None


@pytest.mark.parametrize("what", ["nothing", "cancel", "undo", "deletion", "file"])
@pytest.mark.parametrize("stage", ["first"], indirect=True)
def test_a_take_that_is_only_looked_at_is_there_already(stage, what):
    _, folder = stage
    target = bpy.data.objects.new("target", None)
    bpy.context.scene.collection.objects.link(target)
    hands().pose.bones["forearm.R"].constraints.new("IK").target = target  # so that Blender has to be asked
    bpy.ops.ed.undo_push(message="constraint")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"), copy=True)
    begin("first")
    pump_until(lambda: session.view(0).text == LOOKING)
    pump()
    assert session.active and hands().animation_data.action is not None
    assert unfinished.AHEAD not in bpy.context.scene
    assert HINDERED not in bpy.context.scene.s2c_settings.result
    if what == "cancel":
        session.cancel()
    elif what == "undo":
        bpy.ops.ed.undo()
    elif what == "deletion":
        bpy.data.objects.remove(hands())
    elif what == "file":
        bpy.ops.wm.open_mainfile(filepath=str(folder / "scene.blend"))
    settle()
    assert not session.view(0).error and session.view(0).message == ""
    if what in ("nothing", "cancel"):
        assert hands().animation_data.action is not None
        assert (HINDERED in bpy.context.scene.s2c_settings.result) == (what == "nothing")
        assert list((folder / "data" / "takes").glob("*.npz"))
    elif what == "undo":  # the take, not made again
        assert hands().animation_data is None
    assert not [scene for scene in bpy.data.scenes if "s2c_reading" in scene]


@pytest.mark.parametrize("stage", ["resample"], indirect=True)
def test_cancel_leaves_an_action_that_the_animator_made_meanwhile(stage):
    begin("resample")
    pump_until(lambda: phase() == "writing" and session.view(0).factor > 0.1)
    bpy.data.actions.new("mine")
    for _ in range(5):
        pump()
    session.cancel()
    assert "mine" in bpy.data.actions and not bpy.data.actions["mine"].keys()


def check_whole():
    """No half of a take, and no mark, is anywhere."""
    for action in bpy.data.actions:
        assert unfinished.MARK not in action and action.users, action.name
    assert not [scene for scene in bpy.data.scenes if "s2c_reading" in scene]


@pytest.mark.parametrize("what", ["undo", "undo and redo", "file", "deletion"])
@pytest.mark.parametrize("stage", ["first", "hand"], indirect=True)
def test_whatever_happens_at_any_step_leaves_no_half_of_a_take(stage, what):
    kind, folder = stage
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"), copy=True)
    steps = all_steps(kind)
    for step in picked(steps)[:: 2 if STEP > 1 else 1]:
        bpy.ops.wm.open_mainfile(filepath=str(folder / "scene.blend"))
        bpy.ops.ed.undo_push(message="opened")
        bpy.context.scene.frame_current = 3
        bpy.ops.ed.undo_push(message="frame")
        begin(kind)
        if walk(step)[-1] != step:
            continue
        if what == "file":
            bpy.ops.wm.open_mainfile(filepath=str(folder / "scene.blend"))
        elif what == "deletion":
            bpy.data.objects.remove(hands())
        else:
            bpy.ops.ed.undo()
            if what == "undo and redo":
                pump()
                bpy.ops.ed.redo()
        settle()
        view = session.view(0)
        assert view.code != "defect", (step, view)
        assert not list((folder / "tmp").iterdir()), step
        if what == "file":
            assert view.message == handlers.FILE_LOADED, (step, view)
        elif what == "deletion":
            assert view.code in ("rig_deleted", "worker_died"), (step, view)
        else:
            assert not view.error, (step, view)
            assert read_back.read_marks(hands().animation_data.action) is not None
        if what != "deletion":
            check_whole()
        else:
            assert not [action.name for action in bpy.data.actions if unfinished.MARK in action]
