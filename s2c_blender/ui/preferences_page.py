# SPDX-License-Identifier: GPL-3.0-or-later
"""The page under Preferences > Add-ons: where the panel is, whether the generator is there, the rest folded away."""

from __future__ import annotations

import bpy

from ..session import session
from .extras import extras
from .panels import draw_generator_state, draw_installation
from .preferences import PANEL_HINT, S2C_Preferences


def draw(layout: bpy.types.UILayout, context: bpy.types.Context, page: S2C_Preferences) -> None:
    """Draw the page; like the panel it only reads what is known already."""
    layout.label(text=PANEL_HINT, icon="INFO")
    layout.operator("s2c.show_panel", icon="MENU_PANEL")
    if session.installer.active:
        draw_installation(layout, context)
    else:
        draw_generator_state(layout, context, None, set())
    layout.operator("s2c.open_guide", icon="HELP")
    if extras.draw_preferences is None:
        return
    column = layout.column()
    row = column.row()
    row.alignment = "LEFT"
    row.prop(
        page,
        "show_advanced",
        icon="DOWNARROW_HLT" if page.show_advanced else "RIGHTARROW",
        emboss=False,
    )
    if not page.show_advanced:
        return
    column.use_property_split = True
    extras.draw_preferences(column, context, page)
