# SPDX-License-Identifier: GPL-3.0-or-later
"""A take's own time, keyed beside its motion, and the notes it plays, kept with the action.

Each wrist carries a curve whose value is the time within the take. It is keyed on every frame like the motion, so it
moves, stretches and is cut with it, in the Dope Sheet as in the NLA: where a note is now is read from it, never from
what was written down when the take was made.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import fcurves
from ..errors import UserError
from .take_arrays import OFFSET, ONSET

CLOCK_PROPERTY = "s2c_time"
"""Custom property of the wrists' pose bones."""
SECONDS_PER_UNIT = 1000.0
"""The curve counts thousands of seconds, so that it lies among the others in the Graph Editor."""
NOTES_PROPERTY = "s2c_notes"
"""Custom property of an action: its notes as numbers, `COLUMNS` a note."""
COLUMNS = 6
"""Onset s, offset s, pitch, velocity, hand, finger."""
MOST_NOTES = 1_000_000


def add_clock(pose_bone: bpy.types.PoseBone) -> None:
    """Give a wrist the property that its clock curve moves."""
    if CLOCK_PROPERTY not in pose_bone:
        pose_bone[CLOCK_PROPERTY] = 0.0
        pose_bone.id_properties_ui(CLOCK_PROPERTY).update(
            description="Time within the take, in thousands of seconds: where its notes are after keys were moved"
        )
        pose_bone.id_data.update_tag()


def clock_channel(bone: str) -> tuple[str, int]:
    """Data path and index of the clock of a wrist's bone."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"]["{CLOCK_PROPERTY}"]', 0


def write_clock(
    bag: bpy.types.ActionChannelbag, bone: str, start_frame: int, frames: int, fps: float
) -> None:
    """Key the time of a take that begins at scene frame `start_frame`, second 0, one key a frame."""
    seconds = np.arange(frames) / (fps * SECONDS_PER_UNIT)
    fcurves.write_channel(bag, bone, clock_channel(bone), start_frame, seconds.astype(np.float32))


def read_clock(evaluated: bpy.types.Object, bone: str) -> float:
    """Seconds within the take at the frame that is evaluated; not a number where there is no clock."""
    value = evaluated.pose.bones[bone].get(CLOCK_PROPERTY)
    return float(value) * SECONDS_PER_UNIT if isinstance(value, (int, float)) else float("nan")


def running(seconds: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Which frames of a sampled clock (frames,) lie where it runs; it stands still outside its keys.

    Raises UserError where it runs backwards: then no frame belongs to one moment of the music.
    """
    if len(seconds) < 2 or not np.isfinite(seconds).all():
        return np.zeros(len(seconds), bool)
    steps = np.diff(seconds)
    if (steps < -1e-4).any():
        raise UserError(
            "clock_backwards",
            "Parts of the take were put in another order, so its notes cannot be followed: press Generate, "
            "or undo the reordering.",
        )
    ahead = steps > 1e-6
    return np.concatenate([ahead, [False]]) | np.concatenate([[False], ahead])


def write_notes(
    action: bpy.types.Action, notes: NDArray[np.floating[Any]], fingering: NDArray[np.integer[Any]]
) -> None:
    """Keep the notes (n, 4) and fingering (n, 2) of a take with its action."""
    table = np.concatenate([notes.reshape(-1, 4), fingering.reshape(-1, 2)], axis=1).astype(np.float64)
    if len(table):
        action[NOTES_PROPERTY] = table.ravel().tolist()
    elif NOTES_PROPERTY in action:
        del action[NOTES_PROPERTY]


def read_notes(action: bpy.types.Action) -> tuple[NDArray[np.float32], NDArray[np.int8]] | None:
    """The notes (n, 4) and fingering (n, 2) kept with an action; None when there are none that make sense."""
    stored: Any = action.get(NOTES_PROPERTY)
    try:
        count = len(stored)
        if not 0 < count <= MOST_NOTES * COLUMNS or count % COLUMNS:
            return None
        table = np.array(stored[:], np.float64).reshape(-1, COLUMNS)
    except (TypeError, ValueError):
        return None
    notes, fingering = table[:, :4], table[:, 4:]
    sane = (
        np.isfinite(table).all()
        and (notes[:, ONSET] >= 0).all()
        and (notes[:, OFFSET] >= notes[:, ONSET]).all()
    )
    if not sane or (np.abs(notes) > 1e6).any() or (fingering < -1).any() or (fingering > 4).any():
        return None
    return notes.astype(np.float32), fingering.astype(np.int8)
