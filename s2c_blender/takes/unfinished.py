# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions bear a mark while they are written: undo must not bring back the half of one that another step has kept.

The last thing done to one that is written is to have Blender copy it for evaluation, before anything plays it: whoever
gets it then gets it without that copy, which is half of what putting a long take on costs.
"""

from __future__ import annotations

import bpy

from .. import compat

MARK = "s2c_unfinished"
"""Custom property of an action that is being written."""
AHEAD = "s2c_next_action"
"""Custom property of the scene: the action that is copied ahead."""


def mark(action: bpy.types.Action) -> None:
    """This action is being written."""
    action[MARK] = True


def copy_ahead(action: bpy.types.Action) -> None:
    """Have Blender copy the keys of an action that nobody plays yet, for the scene that is shown.

    The copy stays until `let_go`, and beyond if something there plays the action by then.
    """
    compat.evaluate_with(bpy.context.scene, bpy.context.view_layer, AHEAD, action)


def let_go() -> None:
    """No action is copied ahead any more."""
    for scene in bpy.data.scenes:
        if AHEAD in scene:
            del scene[AHEAD]


def finish() -> None:
    """The take is complete: its actions are like any other."""
    let_go()
    for action in bpy.data.actions:
        if MARK in action and action.library is None:
            del action[MARK]


def sweep() -> int:
    """Remove marked actions that nothing uses and nobody protected; returns how many."""
    let_go()
    halves = [action for action in bpy.data.actions if MARK in action and not action.users]
    for action in halves:
        bpy.data.actions.remove(action)
    return len(halves)
