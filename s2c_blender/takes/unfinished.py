# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions bear a mark while they are written: undo must not bring back the half of one that another step has kept."""

from __future__ import annotations

import bpy

MARK = "s2c_unfinished"
"""Custom property of an action that is being written."""


def mark(action: bpy.types.Action) -> None:
    """This action is being written."""
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
