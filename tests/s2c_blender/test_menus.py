# SPDX-License-Identifier: GPL-3.0-or-later
"""Our entries in Blender's menus, where search finds them, and the manual behind our buttons."""

import fnmatch
from urllib.parse import urlparse
from urllib.request import url2pathname

import bpy
import pytest
from ui_helpers import Drawn, RecordingLayout

import s2c_blender
from s2c_blender.ui import manual, menus, showing

NAMES = [name for name, _ in menus.ENTRIES]


def entries():
    """The functions that draw each menu, ours and others'."""
    return {name: list(getattr(getattr(bpy.types, name).draw, "_draw_funcs", [])) for name in NAMES}


@pytest.fixture
def registered():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    yield
    s2c_blender.unregister()


def drawn_by(draw_function):
    drawn = Drawn()

    class Stand:
        layout = RecordingLayout(drawn)

    draw_function(Stand(), bpy.context)
    return drawn


def everything(entry):
    """Operators of an entry and of the menus under it."""
    drawn = drawn_by(entry)
    found = set(drawn.names())
    for name in drawn.menus:
        found |= set(drawn_by(getattr(bpy.types, name).draw).names())
    return found


def test_every_menu_has_its_entry(registered):
    by_menu = {name: everything(entry) for name, entry in menus.ENTRIES}
    assert by_menu["VIEW3D_MT_add"] == {
        "s2c.new_scene",
        "s2c.add_hands",
        "s2c.use_character",
        "s2c.add_piano",
        "s2c.fit_piano",
        "s2c.use_keys",
        "s2c.add_recording",
    }
    assert by_menu["SEQUENCER_MT_add"] == {"s2c.add_recording"}
    assert by_menu["TOPBAR_MT_file_export"] == {"s2c.export_fbx"}
    assert (
        by_menu["VIEW3D_MT_object"]
        == by_menu["SEQUENCER_MT_strip"]
        == {
            "s2c.generate",
            "s2c.resample",
            "s2c.regenerate_hand",
            "s2c.regenerate_range",
            "s2c.apply_take",
            "s2c.export_fbx",
        }
    )
    for name, entry in menus.ENTRIES:
        assert entry in entries()[name]


def test_nothing_is_left_in_the_menus():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    s2c_blender.unregister()
    before, maps = entries(), len(bpy.utils._manual_map)
    for _ in range(2):
        s2c_blender.register()
        assert all(len(entries()[name]) == len(before[name]) + 1 for name in NAMES)
        s2c_blender.unregister()
        assert entries() == before and len(bpy.utils._manual_map) == maps
    assert not hasattr(bpy.types, "S2C_MT_add") and not hasattr(bpy.types, "S2C_MT_takes")


def test_the_panel_is_brought_to_the_front_in_every_editor_that_has_it(registered):
    bpy.ops.wm.read_factory_settings()
    spaces = [area.spaces.active for area in bpy.context.window.screen.areas if area.type == "VIEW_3D"]
    assert spaces and not any(space.show_region_ui for space in spaces)
    bpy.ops.s2c.show_panel()
    assert all(space.show_region_ui for space in spaces)


def test_a_sidebar_that_was_never_drawn_is_asked_again_for_a_while(registered):
    bpy.ops.wm.read_factory_settings()
    tries = iter(range(2))
    assert [showing._choose_tab(tries) for _ in range(3)] == [showing.TRY_SECONDS] * 2 + [None]


@pytest.mark.parametrize("asked", ["bpy.ops.s2c.generate", "bpy.types.s2c_settings.seed"])
def test_the_online_manual_entry_opens_the_guide(registered, asked):
    found = [
        prefix + suffix
        for prefix, patterns in bpy.utils.manual_map()
        for pattern, suffix in patterns
        if fnmatch.fnmatchcase(asked, pattern)
    ]
    assert len(found) == 1
    assert url2pathname(urlparse(found[0]).path) == str(manual.guide()) and manual.guide().is_file()
