# SPDX-License-Identifier: GPL-3.0-or-later
"""The session's timer and the handlers: one of each, whatever happens."""

import importlib

import bpy

import s2c_blender
from s2c_blender import handlers as handlers_module
from s2c_blender.session import session
from s2c_blender.takes import follow


def test_a_click_does_not_wait_for_the_idle_timer(scene, monkeypatch):
    woken = []
    monkeypatch.setattr(session, "wake", lambda: woken.append(session.active))
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert woken == [True]


def test_a_woken_timer_is_there_once(registered):
    session.wake()
    session.wake()
    assert bpy.app.timers.is_registered(handlers_module.tick)
    bpy.app.timers.unregister(handlers_module.tick)
    assert not bpy.app.timers.is_registered(handlers_module.tick)
    session.wake()
    assert bpy.app.timers.is_registered(handlers_module.tick)


def ours():
    """How often each of our handlers is there, by event."""
    names = {handler.__name__ for _, handler in handlers_module.HANDLERS}
    return {
        event: [h.__name__ for h in getattr(bpy.app.handlers, event, []) if h.__name__ in names]
        for event, _ in handlers_module.HANDLERS
    }


def test_there_is_one_timer_and_one_set_of_handlers_whatever_happens(scene):
    expected = ours()
    assert all(len(found) == 1 for event, found in expected.items() if hasattr(bpy.app.handlers, event))
    s2c_blender.register()
    assert ours() == expected and bpy.app.timers.is_registered(handlers_module.tick)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.script.reload()
    assert ours() == expected and bpy.app.timers.is_registered(handlers_module.tick)
    stale, stale_timer = handlers_module.on_load_pre, handlers_module.tick
    importlib.reload(handlers_module)
    assert handlers_module.on_load_pre is not stale
    handlers_module.register()
    assert ours() == expected and stale not in bpy.app.handlers.load_pre
    assert bpy.app.timers.is_registered(handlers_module.tick) and not bpy.app.timers.is_registered(
        stale_timer
    )
    s2c_blender.unregister()
    s2c_blender.unregister()
    assert not any(ours().values()) and not bpy.app.timers.is_registered(handlers_module.tick)
    s2c_blender.register()
    assert ours() == expected


def test_the_timer_outlives_an_error(scene, monkeypatch, capsys):
    def broken(now):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(session, "pump", broken)
    assert handlers_module.tick() == session.config.idle_seconds
    assert "a defect" in capsys.readouterr().err


def test_the_timer_goes_on_whatever_is_wrong_with_the_scene(scene, monkeypatch, capsys):
    def broken():
        raise AttributeError("something odd in a file")

    monkeypatch.setattr(follow.watch, "look", broken)
    assert handlers_module.tick() == session.config.idle_seconds
    assert "something odd" in capsys.readouterr().err


def test_registering_twice_leaves_nothing_behind(scene, tmp_path):
    bpy.ops.s2c.generate()
    process = session.machine._client.process
    handlers = [len(getattr(bpy.app.handlers, name, [])) for name, _ in handlers_module.HANDLERS]
    s2c_blender.unregister()
    assert process.returncode() is not None
    assert not bpy.app.timers.is_registered(handlers_module.tick) and not hasattr(
        bpy.types.Scene, "s2c_settings"
    )
    assert not hasattr(bpy.types, "S2C_PT_view3d")
    s2c_blender.register()
    assert [len(getattr(bpy.app.handlers, name, [])) for name, _ in handlers_module.HANDLERS] == handlers
    assert bpy.app.timers.is_registered(handlers_module.tick)
