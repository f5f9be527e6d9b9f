# SPDX-License-Identifier: GPL-3.0-or-later
"""The S2C panel, drawn alike in the sidebars of the Video Sequencer and the 3D view.

First the one thing to do next, or what can be done with the take that is there; then how the last job ended; the
settings are folded away under headers. `draw` only reads properties and what the session already knows; it never
looks at a file.
"""

from __future__ import annotations

import time

import bpy

from .. import compat, strip_audio
from ..core.player import STYLES
from ..errors import UserError
from ..order_from_scene import hand_size_style, redo_window
from ..plain_text import shown
from ..rig.armature import HAND_SIZE_PROPERTY
from ..rig.choice import chosen_character, find_armature
from ..session import View, session
from ..takes import follow, read_back
from . import refusals
from .character_list import draw_character
from .drawing import (
    ICON,
    MARGIN,
    buttons,
    draw_field,
    draw_text,
    is_narrow,
    region_width,
    text_width,
    why_grey,
)
from .next_step import Step, generator_step, next_step
from .showing import CATEGORY

REDO_HANDS = (("LEFT", "Redo Left"), ("RIGHT", "Redo Right"))
REDO_RANGE = (("BOTH", "Redo Range"), ("LEFT", "Left"), ("RIGHT", "Right"))
OPEN = {
    "s2c_redo": False,
    "s2c_choices": False,
    "s2c_character": False,
    "s2c_piano": False,
    "s2c_style": False,
    "s2c_files": False,
    "s2c_left_out": True,
}
"""Whether a part of the panel is unfolded when it is first drawn."""
LIST_ROWS = 4
FIELD_AT = 0.4
"""Where a field begins beside its name, as a part of the width."""
FILE_BUTTON = 40.0
"""What the button that chooses a file, and the borders, take of a field, in pixels at scale 1."""
NO_OWN_PIANO = "Your own piano: choose its lowest and its highest key, then Fit Piano."
MOST_REMARKS = 5
"""As many are drawn; the others are in the log."""


class S2C_UL_left_out(bpy.types.UIList):
    """The notes that the hands left out, each with a button that goes there."""

    bl_idname = "S2C_UL_left_out"

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        row.label(text=f"{shown(item.where, 20)}  {shown(item.pitch, 20)}")
        row.operator("s2c.jump_to_note", text="", icon="FORWARD", emboss=False).frame = item.frame


class S2CPanel:
    """What both panels draw."""

    bl_region_type = "UI"
    bl_category = CATEGORY
    bl_label = "S2C Piano Hands"

    layout: bpy.types.UILayout

    def draw(self, context: bpy.types.Context) -> None:
        layout, view = self.layout, session.view(time.monotonic())
        layout.use_property_split = True
        layout.use_property_decorate = False
        said: set[str] = set()
        step = next_step(context)
        if view.active:
            draw_progress(layout, context, view.factor, view.text)
        elif session.installer.active:
            draw_installation(layout, context)
        elif step is not None:
            draw_step(layout, context, step, said)
        else:
            draw_take_buttons(layout, context, said)
        draw_state(layout, context, view, said)
        folds = layout.column()
        draw_choices(folds, context)
        draw_own_character(folds, context)
        draw_piano(folds, context, said)
        draw_style(folds, context)
        draw_files(folds, context, said)
        draw_generator(folds, context, step, said)
        layout.operator("s2c.open_guide", icon="HELP")


# -- what to do now -------------------------------------------------------------------------------------


def draw_progress(layout: bpy.types.UILayout, context: bpy.types.Context, factor: float, text: str) -> None:
    """How far something is, and the button that ends it; words that do not fit into the bar stand above it."""
    if text_width(context, text) > region_width(context) - MARGIN - ICON:
        draw_text(layout, context, text)
        text = f"{factor:.0%}"
    row = layout.row(align=True)
    row.progress(factor=factor, text=shown(text, 120), type="BAR")
    row.operator("s2c.cancel", text="", icon="X")


def draw_installation(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """How far the generator's installation is, its last words, and the button that ends it."""
    status = session.installer.status
    draw_progress(
        layout, context, status.factor, f"{status.stage} ({status.step + 1} of {max(status.of, 1)})"
    )
    draw_text(layout, context, status.log[-120:] or "…")


def draw_step(layout: bpy.types.UILayout, context: bpy.types.Context, step: Step, said: set[str]) -> None:
    """The next step: a sentence, and a button or a choice that takes it."""
    settings = context.scene.s2c_settings
    draw_text(layout, context, step.text)
    said.add(step.text)
    if step.choice == "strip_name":
        draw_recording(layout, context)
    elif step.choice:
        draw_field(layout, context, settings, step.choice)
    if step.operator:
        row = layout.row(align=True)
        row.scale_y = 1.6
        button = row.operator(step.operator, text=step.label, icon=step.icon)
        for name, value in step.options.items():
            setattr(button, name, value)
        say(layout, context, step.reason, said)
    if step.name == "GENERATE":
        say(layout, context, strip_audio.heard_note(context, settings.strip_name), said)


def draw_take_buttons(layout: bpy.types.UILayout, context: bpy.types.Context, said: set[str]) -> None:
    """What can be done with the take that is on the hands."""
    column = buttons(layout, context)
    column.scale_y = 1.4
    column.operator("s2c.resample", icon="FILE_REFRESH")
    column.operator("s2c.generate", icon="PLAY")
    say(layout, context, why_grey(context, "s2c.resample") or why_grey(context, "s2c.generate"), said)
    column = buttons(layout, context)
    for hand, text in REDO_HANDS:
        column.operator("s2c.regenerate_hand", text=text).hand = hand
    say(layout, context, why_grey(context, "s2c.regenerate_hand"), said)
    body = unfold(layout, context, "s2c_redo", "Redo Range")
    if body is not None:
        draw_range(body, context, said)


def draw_range(layout: bpy.types.UILayout, context: bpy.types.Context, said: set[str]) -> None:
    """Redo Range: which frames, which hands."""
    scene = context.scene
    if scene.use_preview_range:
        first, last = redo_window(scene)
        draw_text(layout, context, f"Frames {first} to {last}, the preview range", "PREVIEW_RANGE")
    else:
        column = buttons(layout, context)
        column.use_property_split = False
        column.prop(scene.s2c_settings, "redo_start")
        column.prop(scene.s2c_settings, "redo_end")
    column = buttons(layout, context)
    for hand, text in REDO_RANGE:
        column.operator("s2c.regenerate_range", text=text).hand = hand
    say(layout, context, why_grey(context, "s2c.regenerate_range"), said)


# -- how it went ----------------------------------------------------------------------------------------


def draw_state(layout: bpy.types.UILayout, context: bpy.types.Context, view: View, said: set[str]) -> None:
    """How the last job ended, and the last result."""
    if view.active:
        return
    settings, installation = context.scene.s2c_settings, session.installer.status
    if installation.code:
        draw_message(layout, context, installation.message, "ERROR", said)
        say(layout, context, installation.log, said, "BLANK1")
    if not refusals.hidden_in(context.scene):
        draw_message(layout, context, view.message, "ERROR" if view.error else "INFO", said)
    say(layout, context, session.note, said)
    if not settings.result or not has_take(context):
        return
    draw_text(layout, context, settings.result, "CHECKMARK")
    if follow.watch.text:
        if follow.watch.text not in settings.result:
            say(layout, context, follow.watch.text, said, "ERROR")
        layout.operator("s2c.follow_strip", icon="SNAP_ON")
    draw_remarks(layout, context)
    if settings.left_out_total:
        draw_left_out(layout, context)


def draw_remarks(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """What the generator remarked about the music of the last take."""
    remarks = context.scene.s2c_settings.remarks
    for item in remarks[:MOST_REMARKS]:
        draw_text(layout, context, item.sentence, "INFO")
    more = len(remarks) - MOST_REMARKS
    if more > 0:
        draw_text(layout, context, f"… and {more} more in the system console.", "BLANK1")


def draw_message(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, icon: str, said: set[str]
) -> None:
    """A sentence about something that ended, and the button that puts it away."""
    if not text or text in said:
        return
    said.add(text)
    row = layout.row(align=True)
    draw_text(row, context, text, icon, room=ICON)
    row.operator("s2c.dismiss_message", text="", icon="X", emboss=False)


def draw_left_out(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The notes that nobody plays, and where they are."""
    settings = context.scene.s2c_settings
    total, listed = settings.left_out_total, len(settings.left_out)
    title = "1 note was left out" if total == 1 else f"{total} notes were left out"
    body = unfold(layout, context, "s2c_left_out", title, f"{total} left out")
    if body is None:
        return
    draw_text(
        body,
        context,
        "Too many keys at once, too far apart or too soon after others for the hands, or not on the keyboard.",
    )
    rows = min(LIST_ROWS, max(listed, 1))
    body.template_list(
        S2C_UL_left_out.bl_idname, "", settings, "left_out", settings, "left_out_shown", rows=rows
    )
    if listed < total:
        draw_text(body, context, f"The first {listed} of them are listed.")


# -- settings -------------------------------------------------------------------------------------------


def draw_choices(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Recording, hands and range."""
    body = unfold(layout, context, "s2c_choices", "Recording and Hands", "Recording")
    if body is None:
        return
    settings = context.scene.s2c_settings
    draw_recording(body, context)
    draw_notes_from(body, context)
    draw_field(body, context, settings, "armature")
    column = buttons(body, context)
    column.operator("s2c.add_hands", icon="VIEW_PAN")
    column.operator("s2c.add_piano", icon="MOD_ARRAY")
    draw_field(body, context, settings, "range_mode")
    if settings.range_mode == "CUSTOM":
        column = buttons(body, context)
        column.use_property_split = False
        column.prop(settings, "frame_start")
        column.prop(settings, "frame_end")


def draw_piano(layout: bpy.types.UILayout, context: bpy.types.Context, said: set[str]) -> None:
    """The user's own keyboard: where it is, and keys of it that play."""
    body = unfold(layout, context, "s2c_piano", "Piano")
    if body is None:
        return
    column = buttons(body, context)
    column.operator("s2c.fit_piano", icon="PIVOT_CURSOR")
    column.operator("s2c.use_keys", icon="MOD_ARRAY")
    say(body, context, why_grey(context, "s2c.fit_piano"), said)
    known = context.scene.s2c_settings.piano_said.split("\n")[:MOST_REMARKS]
    for text in known if known[0] else [NO_OWN_PIANO]:
        say(body, context, text, said)


def draw_own_character(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The armature that is chosen or active, where it is not our own hands."""
    armature = chosen_character(context)
    if armature is None:
        return
    body = unfold(layout, context, "s2c_character", "Character")
    if body is not None:
        draw_character(body, context, armature)


def draw_recording(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The choice among the recordings, and the button that adds one."""
    settings = context.scene.s2c_settings
    edit = edit_of(context)
    row = layout.column(align=True) if is_narrow(context) else layout.row(align=True)
    if edit is not None and edit.sequence_editor is not None:
        options = {"text": ""} if is_narrow(context) else {}
        if options:
            row.use_property_split = False
            row.label(text="Recording")
        row.prop_search(settings, "strip_name", edit.sequence_editor, "strips_all", icon="SOUND", **options)
    if is_narrow(context) or edit is None or edit.sequence_editor is None:
        row.operator("s2c.add_recording", icon="ADD")
    else:
        row.operator("s2c.add_recording", text="", icon="ADD")


def draw_notes_from(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The MIDI file whose notes are played, and the part of it."""
    settings = context.scene.s2c_settings
    draw_field(layout, context, settings, "midi_path")
    midi = settings.midi_path
    if not midi:
        return
    draw_file_name(layout, context, midi)
    known = settings.parts_of == midi
    if known and len(settings.parts) == 1 and not settings.part:
        return  # nothing to choose
    if known and settings.parts:
        row = layout.column(align=True)
        options = {"text": ""} if is_narrow(context) else {}
        if options:
            row.use_property_split = False
            row.label(text="Part")
        row.prop_search(settings, "part", settings, "parts", icon="OUTLINER_OB_SPEAKER", **options)
    else:
        draw_field(layout, context, settings, "part")


def draw_file_name(layout: bpy.types.UILayout, context: bpy.types.Context, path: str) -> None:
    """The name of a chosen file under its field, where that shows no more than the beginning of the path."""
    name, at = bpy.path.basename(path), 0.0 if is_narrow(context) else FIELD_AT
    if text_width(context, path) <= (region_width(context) - MARGIN) * (1.0 - at) - FILE_BUTTON:
        return
    row = layout.split(factor=at) if at else layout
    if at:
        row.label(text="")
    draw_text(row, context, name, room=at * region_width(context))


def edit_of(context: bpy.types.Context) -> bpy.types.Scene | None:
    """The scene whose strips are offered: where the recording is, else this scene, else the Sequencer's."""
    try:
        return strip_audio.find_strip(context, context.scene.s2c_settings.strip_name)[0]
    except UserError:
        own = context.scene.sequence_editor
        return context.scene if own is not None and own.strips else compat.sequencer_scene(context)


def draw_style(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """How the next take is played: the sliders of the player, the seed, the model."""
    body = unfold(layout, context, "s2c_style", "Style")
    if body is None:
        return
    settings = context.scene.s2c_settings
    for name in (*STYLES, "contact"):
        draw_slider(body, context, settings, name)
    armature = settings.armature or context.object
    if armature is not None and HAND_SIZE_PROPERTY in armature:
        value = hand_size_style(armature)
        draw_text(body, context, f"Hand Size {value:+.2f} (chosen with Add Hands)", "VIEW_PAN")
    row = body.row(align=True)
    if is_narrow(context):
        row.use_property_split = False
    row.prop(settings, "seed")
    row.prop(settings, "seed_random", text="", icon="FILE_REFRESH")
    draw_field(body, context, settings, "model_folder")


def draw_slider(layout: bpy.types.UILayout, context: bpy.types.Context, data: object, name: str) -> None:
    """A slider; in a narrow region its name stands inside."""
    column = layout.column(align=True)
    column.use_property_split = not is_narrow(context)
    column.prop(data, name, slider=True)


def draw_files(layout: bpy.types.UILayout, context: bpy.types.Context, said: set[str]) -> None:
    """Takes from files, and hands for other programs."""
    body = unfold(layout, context, "s2c_files", "Take and Export")
    if body is None:
        return
    column = body.column(align=True)
    column.operator("s2c.apply_take", text="Apply Take…", icon="IMPORT")
    column.operator("s2c.export_fbx", text="Export FBX…", icon="EXPORT")
    say(body, context, why_grey(context, "s2c.apply_take"), said)
    say(body, context, why_grey(context, "s2c.export_fbx"), said)


# -- the generator --------------------------------------------------------------------------------------


def draw_generator(
    layout: bpy.types.UILayout, context: bpy.types.Context, step: Step | None, said: set[str]
) -> None:
    """The program that makes the motion: unfolded while it is missing and the next step does not speak of it."""
    problem = session.runtime_problem
    header, body = layout.panel("s2c_generator", default_closed=True)
    header.label(text="Generator", icon="ERROR" if problem else "NONE")
    if body is not None and not session.installer.active:
        draw_generator_state(body, context, step, said)


def draw_generator_state(
    layout: bpy.types.UILayout, context: bpy.types.Context, step: Step | None, said: set[str]
) -> None:
    """Whether the generator is there, what the last check found, and the buttons that change it."""
    status = session.installer.status
    if status.message:
        say(layout, context, status.message, said, "ERROR" if status.code else "CHECKMARK")
    if session.runtime_problem:
        offered = generator_step(context)
        if step is None or step.name != offered.name:
            draw_step(layout, context, offered, said)
        else:
            say(layout, context, session.runtime_problem, said)
    else:
        draw_text(layout, context, "The generator is ready.", "CHECKMARK")
        for line in session.check_text:
            draw_text(layout, context, line)
        layout.operator("s2c.check_runtime", icon="VIEWZOOM")


# -- helpers --------------------------------------------------------------------------------------------


def unfold(
    layout: bpy.types.UILayout, context: bpy.types.Context, idname: str, title: str, short: str = ""
) -> bpy.types.UILayout | None:
    """A part under a header; None while it is folded. Nothing in it can be changed while a job runs.

    short: the title for a narrow region.
    """
    header, body = layout.panel(idname, default_closed=not OPEN[idname])
    fits = text_width(context, title) <= region_width(context) - MARGIN - ICON
    header.label(text=title if fits or not short else short)
    if body is not None:
        body.enabled = not session.active
    return body


def say(
    layout: bpy.types.UILayout, context: bpy.types.Context, text: str, said: set[str], icon: str = "INFO"
) -> None:
    """A sentence, unless it is empty or already there."""
    if text and text not in said:
        said.add(text)
        draw_text(layout, context, text, icon)


def has_take(context: bpy.types.Context) -> bool:
    """Whether the hands of the scene play a take."""
    try:
        return read_back.has_take(find_armature(context))
    except UserError:
        return False


class S2C_PT_sequencer(S2CPanel, bpy.types.Panel):
    """The panel in the Sequencer's sidebar."""

    bl_idname = "S2C_PT_sequencer"
    bl_space_type = "SEQUENCE_EDITOR"


class S2C_PT_view3d(S2CPanel, bpy.types.Panel):
    """The same panel in the 3D viewport's sidebar."""

    bl_idname = "S2C_PT_view3d"
    bl_space_type = "VIEW_3D"


CLASSES = (S2C_UL_left_out, S2C_PT_sequencer, S2C_PT_view3d)
