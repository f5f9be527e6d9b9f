# SPDX-License-Identifier: GPL-3.0-or-later
"""The notes of one hand in right-hand terms, and sums over the frames that they span, for all notes at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import is_black, key_dip, key_surface, key_x
from models.body.notes import Notes
from models.body.skeleton import RIGHT

SHORTEST_S = 0.05
WHITE_Y = np.array([0.016, 0.054, 0.058, 0.051, 0.020])
BLACK_Y = np.array([0.079, 0.083, 0.089, 0.090, 0.079])
"""Where on white and on black keys each finger lands, metres (medians of PianoMime)."""
LOUDEST = 110.0


@dataclass(frozen=True)
class HandNotes:
    """Notes of one hand in right-hand terms, sorted by onset: X is mirrored for the left hand."""

    onset: NDArray[np.float64]
    offset: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    surface: NDArray[np.float64]
    dip: NDArray[np.float64]
    loud: NDArray[np.float64]
    """0 to 1."""
    finger: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.onset)

    def of_finger(self, finger: int) -> HandNotes:
        """The notes that one finger plays."""
        own = self.finger == finger
        return HandNotes(*(getattr(self, name)[own] for name in self.__dataclass_fields__))


def notes_of_hand(notes: Notes, hand: int) -> HandNotes:
    """The notes of ``hand`` that have a finger."""
    own = np.flatnonzero((notes.hand == hand) & notes.played)
    own = own[np.argsort(notes.onset_s[own], kind="stable")]
    played = notes.select(own).astype(np.float64)
    finger, pitch = played.finger.astype(np.int64), played.pitch.astype(int)
    return HandNotes(
        played.onset_s,
        np.maximum(played.offset_s, played.onset_s + SHORTEST_S),
        key_x(pitch) * (1 if hand == RIGHT else -1),
        np.where(is_black(pitch), BLACK_Y[finger], WHITE_Y[finger]),
        key_surface(pitch),
        key_dip(pitch),
        np.clip(played.velocity / LOUDEST, 0, 1),
        finger,
    )


def frame_spans(
    start_s: NDArray[Any], end_s: NDArray[Any], frames: int, fps: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every pair of a span and a frame inside it: indices of spans and of frames, both (pairs,)."""
    first = np.clip(np.ceil(start_s * fps - 1e-9), 0, frames).astype(int)
    count = np.maximum(np.clip(np.floor(end_s * fps + 1e-9) + 1, 0, frames).astype(int) - first, 0)
    span = np.repeat(np.arange(len(first)), count)
    begins = np.cumsum(count) - count
    return span, np.arange(count.sum()) - begins[span] + first[span]
