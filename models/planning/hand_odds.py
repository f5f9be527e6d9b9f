# SPDX-License-Identifier: GPL-3.0-or-later
"""How likely the right hand plays each note: a small residual network along the notes, in numpy.

Trained by `training.fingering.hand_fit` on two-staff scores. It sees about a hundred notes to either side, and the
hands of notes that are known already. Weights lie in `hand_odds.safetensors`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from models.body.notes import Notes
from models.music.notes import chord_starts

WEIGHTS_FILE = Path(__file__).with_name("hand_odds.safetensors")
WIDTH = 48
DILATIONS = (1, 2, 4, 8, 16, 32, 1, 2)
"""Of the layers, each with a kernel of three notes."""
FEATURES = 8


def by_chord_and_pitch(notes: Notes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order of the notes (n,) by chord, then pitch; and the number (n,) of each one's chord, in that order."""
    starts = chord_starts(notes.onset_s)
    chord = np.zeros(len(notes), np.int64)
    chord[starts[1:]] = 1
    chord = np.cumsum(chord)
    return np.lexsort((notes.pitch, chord)), chord


def note_features(notes: Notes, chord: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """(n, FEATURES) of notes in the order of `by_chord_and_pitch`.

    Args:
        notes: with the hands that are known. chord: (n,) number of each note's chord.
    """
    count = int(chord[-1]) + 1
    first = np.searchsorted(chord, np.arange(count))
    size = np.diff(np.append(first, len(chord)))
    onset = notes.onset_s[first]
    gap = np.diff(onset, prepend=onset[0] - 1.0, append=onset[-1] + 1.0)
    place = np.arange(len(chord)) - first[chord]
    log_gap = np.log(np.clip(gap, 0.03, 4.0))
    given = np.where(notes.hand < 0, 0.0, 2.0 * notes.hand - 1.0)
    columns = (
        (notes.pitch - 62.0) / 12.0,
        given,
        log_gap[chord],
        log_gap[chord + 1],
        np.log(np.clip(notes.offset_s - notes.onset_s, 0.03, 4.0)),
        place / 3.0,
        (size[chord] - 1 - place) / 3.0,
        np.ones(len(chord)),
    )
    return np.stack(columns, 1).astype(np.float32)


@lru_cache(maxsize=1)
def stored_weights() -> dict[str, NDArray[np.float32]]:
    """The weights that ship, single precision."""
    return {name: value.astype(np.float32) for name, value in load_file(WEIGHTS_FILE).items()}


def right_hand_odds(
    features: NDArray[np.float32], weights: dict[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """(n,) logarithm of the odds that the right hand plays a note, from (n, FEATURES)."""
    hidden = features @ weights["in"]  # (n, WIDTH)
    for layer, dilation in enumerate(DILATIONS):
        padded = np.pad(np.maximum(hidden, 0), ((dilation, dilation), (0, 0)))
        kernel = weights[f"kernel.{layer}"]  # (3, WIDTH, WIDTH)
        n = len(hidden)
        more = weights[f"bias.{layer}"] + sum(
            padded[k * dilation : k * dilation + n] @ kernel[k] for k in range(3)
        )
        hidden = hidden + more
    return np.maximum(hidden, 0) @ weights["out"] + weights["out_bias"]
