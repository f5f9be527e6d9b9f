# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel and the preferences say of Install Generator: a step where there is no engine, else an offer."""

from __future__ import annotations

import bpy

from ..core.built_in import SOURCE
from ..session import session
from ..ui.drawing import draw_text, why_grey
from ..ui.next_step import Step, step_with_reason
from ..ui.preferences import S2C_Preferences
from . import offer

PREFERENCES = ("device", "python_path", "runtime_folder", "cpu_index", "allow_downloads")
"""What the page shows of the preferences that only the full edition has."""


def generator_step(context: bpy.types.Context) -> Step:
    """The step that installs what makes the motion, or leads to where that is allowed."""
    if not bpy.app.online_access:
        return Step(
            name="ONLINE",
            text=f"The generator, which makes the motion, is downloaded once (about {offer.size()}). Blender may not "
            "go online yet: turn on Allow Online Access under Preferences > System > Network.",
            operator="screen.userpref_show",
            label="Open Preferences",
            icon="PREFERENCES",
            options={"section": "SYSTEM"},
        )
    return step_with_reason(
        context,
        name="INSTALL",
        text=f"The generator makes the motion. It is downloaded once (about {offer.size()}); after that it needs no "
        "network.",
        operator="s2c.install_runtime",
        label="Install Generator",
        icon="IMPORT",
    )


def draw_preferences(layout: bpy.types.UILayout, context: bpy.types.Context, page: S2C_Preferences) -> None:
    """The offer where the built-in engine is at work, then where torch lies."""
    if session.runtime.source == SOURCE:
        text = f"{offer.purpose()} Install Generator downloads it once, about {offer.size()}."
        draw_text(layout, context, text, "INFO")
        layout.operator("s2c.install_runtime", icon="IMPORT")
        draw_text(layout, context, why_grey(context, "s2c.install_runtime"))
    for name in PREFERENCES:
        layout.prop(page, name)
    layout.operator("s2c.delete_runtime", icon="TRASH")
