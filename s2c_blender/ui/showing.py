# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the panel to the front: sidebars open at our tab."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

CATEGORY = "S2C"
"""Name of the sidebar tab."""
EDITORS = ("VIEW_3D", "SEQUENCE_EDITOR")
TRIES = 10
TRY_SECONDS = 0.1


def show_panel() -> bool:
    """Open the sidebars of all editors that have our panel, at our tab. False where there is no such editor.

    A sidebar that was never drawn does not know its tabs yet, so the tab is chosen a moment later.
    """
    spaces = [area.spaces.active for area in _areas()]
    for space in spaces:
        space.show_region_ui = True
    if spaces and not bpy.app.background:
        tries = iter(range(TRIES))
        bpy.app.timers.register(lambda: _choose_tab(tries), first_interval=TRY_SECONDS)
    return bool(spaces)


def _areas() -> Iterator[bpy.types.Area]:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in EDITORS:
                yield area


def _choose_tab(tries: Iterator[int]) -> float | None:
    """Choose the tab wherever it is known; asks the timer to come again until it is known everywhere."""
    missing = False
    for area in _areas():
        for region in area.regions:
            if region.type != "UI":
                continue
            try:
                region.active_panel_category = CATEGORY
            except (AttributeError, TypeError):  # not drawn yet
                missing = True
            area.tag_redraw()
    return TRY_SECONDS if missing and next(tries, None) is not None else None
