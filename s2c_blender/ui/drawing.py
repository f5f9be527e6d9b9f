# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing that fits any sidebar: sentences that wrap, fields and buttons that give way in a narrow region."""

from __future__ import annotations

import blf
import bpy

from ..plain_text import shown

NARROW = 260.0
"""A region below this width, in pixels at interface scale 1, has no room for two buttons in a row."""
MARGIN = 64.0
"""What tabs, panel borders and the scroll bar take of a region's width, in pixels at scale 1."""
ICON = 22.0
"""Width of an icon in front of a text, in pixels at scale 1."""
WIDTH_WITHOUT_REGION = 400.0
LEAST = 40.0
"""Text gets at least this width, in pixels at scale 1."""


def region_width(context: bpy.types.Context) -> float:
    """Width of the region that is drawn, in pixels at interface scale 1."""
    region = context.region
    if region is None or region.width < 2:
        return WIDTH_WITHOUT_REGION
    return float(region.width) / context.preferences.system.ui_scale


def is_narrow(context: bpy.types.Context) -> bool:
    """Whether buttons must stand below each other."""
    return region_width(context) < NARROW


def text_width(context: bpy.types.Context, text: str) -> float:
    """Width of a text in the interface's font, in pixels at scale 1."""
    blf.size(0, context.preferences.ui_styles[0].widget.points)
    return float(blf.dimensions(0, text)[0])


def wrap(context: bpy.types.Context, text: str, width: float) -> list[str]:
    """The text in lines no wider than `width` pixels at scale 1; a word that is wider alone is cut in pieces."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if text_width(context, longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        while len(word) > 1 and text_width(context, word) > width:
            cut = next(
                (n for n in range(len(word) - 1, 1, -1) if text_width(context, word[:n]) <= width),
                1,
            )
            lines.append(word[:cut])
            word = word[cut:]
        line = word
    return [*lines, line] if line else lines


def draw_text(
    layout: bpy.types.UILayout,
    context: bpy.types.Context,
    text: str,
    icon: str = "NONE",
    room: float = 0.0,
) -> None:
    """A sentence as labels that fit the region's width; Blender does not wrap text.

    room: pixels at scale 1 that something beside the text takes.
    """
    taken = MARGIN + room + (ICON if icon != "NONE" else 0.0)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in wrap(context, shown(text), max(region_width(context) - taken, LEAST)):
        column.label(text=line, icon=icon)
        icon = "BLANK1" if icon != "NONE" else "NONE"


def draw_field(layout: bpy.types.UILayout, context: bpy.types.Context, data: object, name: str) -> None:
    """A property; in a narrow region its name stands above it."""
    if not is_narrow(context):
        layout.prop(data, name)
        return
    column = layout.column(align=True)
    column.use_property_split = False
    column.label(text=data.bl_rna.properties[name].name)  # type: ignore[attr-defined]
    column.prop(data, name, text="")


def buttons(layout: bpy.types.UILayout, context: bpy.types.Context) -> bpy.types.UILayout:
    """Where buttons go that stand side by side when there is room, else below each other."""
    return layout.column(align=True) if is_narrow(context) else layout.row(align=True)


def why_grey(context: bpy.types.Context, idname: str) -> str:
    """Why an operator of ours cannot run now, one sentence; empty when it can."""
    group, _, name = idname.partition(".")
    cls = bpy.types.Operator.bl_rna_get_subclass_py(f"{group.upper()}_OT_{name}")
    return cls.disabled_reason(context) if hasattr(cls, "disabled_reason") else ""
