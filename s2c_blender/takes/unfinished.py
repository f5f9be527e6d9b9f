# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions bear a mark while they are written: undo must not bring back the half of one that another step has kept."""

from __future__ import annotations

import bpy

MARK = "s2c_unfinished"
"""Custom property of an action that is being written."""


class Watch:
    """Marks the actions that appear while a take is written."""

    def __init__(self) -> None:
        self._known = {action.session_uid for action in bpy.data.actions}

    def mark(self) -> None:
        """Mark what is new; called whenever Blender may do something else next."""
        for action in bpy.data.actions:
            if action.session_uid not in self._known and not action.users:
                self._known.add(action.session_uid)
                action[MARK] = True


def finish() -> None:
    """The take is complete: its actions are like any other."""
    for action in bpy.data.actions:
        if MARK in action and action.library is None:
            del action[MARK]


def sweep() -> int:
    """Remove marked actions that nothing uses and nobody protected; returns how many."""
    halves = [action for action in bpy.data.actions if MARK in action and not action.users]
    for action in halves:
        bpy.data.actions.remove(action)
    return len(halves)
