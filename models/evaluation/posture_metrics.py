# SPDX-License-Identifier: GPL-3.0-or-later
"""How hands look, as far as joint angles say: hooked thumbs, stiff little fingers, wrists that bend or do not.

These are habits of our own, not figures of the field: they stand for what was seen wrong in pictures of takes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body.notes import Notes
from models.body.skeleton import FINGER_JOINTS, LEFT
from models.body.take import Take
from models.music.notes import held_frames

HOOKED_ROOT_DEG, HOOKED_MIDDLE_DEG = -15.0, 45.0
"""An idle thumb whose root is raised beyond the first while its middle joint bends beyond the second is hooked."""
PEG_DEG = 20.0
"""A playing little finger whose outer joints together bend less than this comes down like a peg."""
BEFORE_S, AFTER_S = 0.13, 0.10
"""A finger is idle when it does not play within these times."""


@dataclass(frozen=True)
class Looks:
    """Of one take; shares are None where there was nothing to look at."""

    hooked_thumbs: float | None
    """Share of the frames of idle thumbs."""
    pegs: float | None
    """Share of the frames of playing little fingers."""
    wrist_bend_deg: list[float]
    """5th and 95th percentile of the wrists' angle up and down; positive lets the fingers hang."""
    wrist_roll_deg: list[float]
    """The same of their roll; positive lowers the little finger's side."""
    wrist_turn_deg: list[float]
    """The same of their turn sideways; positive is outward."""


def posture_metrics(take: Take) -> Looks:
    """How the hands of a take look."""
    angles = np.degrees(take.motion.euler.astype(np.float64))  # (F, 2, 16, 3)
    busy = playing_fingers(take.notes, take.motion.frames, take.motion.fps)
    bend = angles[:, :, np.asarray(FINGER_JOINTS), 0]  # (F, 2, 5, 3)
    thumb, little = bend[:, :, 0], bend[:, :, 4]
    hooked = (thumb[..., 0] < HOOKED_ROOT_DEG) & (thumb[..., 1] > HOOKED_MIDDLE_DEG)
    peg = little[..., 1] + little[..., 2] < PEG_DEG
    wrist = angles[:, :, 0].copy()
    wrist[:, LEFT, 1:] *= -1
    ranges = np.percentile(wrist.reshape(-1, 3), (5, 95), axis=0).T if len(wrist) else np.zeros((3, 2))
    bends, rolls, turns = ([float(low), float(high)] for low, high in ranges)
    return Looks(_share(hooked, ~busy[:, :, 0]), _share(peg, busy[:, :, 4]), bends, rolls, turns)


def playing_fingers(notes: Notes, frames: int, fps: float) -> NDArray[np.bool_]:
    """Bool (F, 2, 5): fingers that hold a key, will do so shortly, or did so a moment ago."""
    notes = notes.select(notes.played).astype(np.float64)
    start, stop = (notes.onset_s - BEFORE_S) * fps, (notes.offset_s + AFTER_S) * fps
    first = np.clip(np.trunc(start).astype(int), 0, frames)
    last = np.clip(np.trunc(stop).astype(int) + 1, 0, frames)
    return held_frames(first, last, notes.slot, frames, 10).reshape(frames, 2, 5)


def _share(what: NDArray[np.bool_], where: NDArray[np.bool_]) -> float | None:
    return float(what[where].mean()) if where.any() else None
