# SPDX-License-Identifier: GPL-3.0-or-later
"""Major scales with the fingering of the schools: what every pianist has learned, and what is seldom printed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from training.fingering.fingered import FingeredScore

LOWEST = {LEFT: 36, RIGHT: 60}
"""C where each hand begins; other keys begin above it."""
SECONDS_A_NOTE = (0.12, 0.25)
_STEPS = (0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21, 23, 24)
_FINGERS = {
    RIGHT: {
        "123123412312345": "C G D A E B",
        "123412312341234": "F",
        "231234123123412": "Db",
        "312341231234123": "Eb",
        "234123123412312": "Gb",
        "341231234123123": "Ab",
        "212312341231234": "Bb",
    },
    LEFT: {
        "543213214321321": "C G D A E F",
        "432143213214321": "B",
        "321432132143213": "Db Eb Ab Bb",
        "432132143213214": "Gb",
    },
}
"""Two octaves up, 1 for the thumb, and the keys that are played so."""
_SEMITONES = dict(zip("C Db D Eb E F Gb G Ab A Bb B".split(), range(12), strict=True))


def school_scales() -> list[FingeredScore]:
    """Every major scale in either hand, two octaves up and down again, slow and fast."""
    return [
        _scale(hand, LOWEST[hand] + _SEMITONES[key], fingers, pace)
        for hand, ways in _FINGERS.items()
        for fingers, keys in ways.items()
        for key in keys.split()
        for pace in SECONDS_A_NOTE
    ]


def _scale(hand: int, lowest: int, fingers: str, pace: float) -> FingeredScore:
    steps, digits = np.array(_STEPS), np.array([int(finger) - 1 for finger in fingers], np.int8)
    pitch = lowest + np.append(steps, steps[-2::-1])
    onset = pace * np.arange(len(pitch))
    table = np.column_stack([onset, onset + pace, pitch, np.full(len(pitch), 80.0)])
    return FingeredScore(
        Path("scale"), Notes.from_arrays(table, hand=hand), np.append(digits, digits[-2::-1])
    )
