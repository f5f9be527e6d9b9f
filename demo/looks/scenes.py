# SPDX-License-Identifier: GPL-3.0-or-later
"""Small scenes to judge hands by: what each is played with is plain, so that a fault is, too. Notes are in the code.

A scene is some seconds of music for two hands, and the stretch of it that is looked at frame by frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT

LEAD_S = 1.0
"""Silence before the first note."""
PP, MF, FF = 30.0, 60.0, 100.0
"""MIDI velocities."""
_MELODY = (76, 74, 72, 74, 76, 77, 79, 76)
_BASS = (48, 55, 53, 48)

Line = list[tuple[float, float, int, float]]
"""Onset and offset in seconds from the first note on, pitch, velocity."""


@dataclass(frozen=True)
class Scene:
    """Music for two hands and where to look."""

    name: str
    """File name of its MIDI file and its take."""
    title: str
    left: Line
    right: Line
    look_s: tuple[float, float]
    """From the first note on: what is looked at."""

    def __post_init__(self) -> None:
        if not (self.left or self.right):
            raise ValueError(f"{self.name} has no notes")
        if not -LEAD_S <= self.look_s[0] < self.look_s[1]:
            raise ValueError(
                f"{self.name}: from {self.look_s[0]} s to {self.look_s[1]} s there is nothing to see"
            )

    @property
    def notes(self) -> Notes:
        """After `LEAD_S` of silence, sorted by onset."""
        hands = np.repeat([LEFT, RIGHT], [len(self.left), len(self.right)])
        table = np.array([*self.left, *self.right])
        order = np.lexsort([table[:, 2], table[:, 0]])
        notes = Notes.from_arrays(table[order].astype(np.float32), hand=hands[order])
        return notes.shifted(LEAD_S)

    def frames(self, fps: float, count: int) -> list[int]:
        """Frames from 0 of ``count`` pictures, evenly over what is looked at; fewer where there are not so many."""
        first, last = ((LEAD_S + second) * fps for second in self.look_s)
        return np.unique(np.round(np.linspace(first, last, count)).astype(int)).tolist()


def line(
    pitches: Sequence[int | Sequence[int]], step_s: float, velocity: float, *, held: float = 0.95
) -> Line:
    """Tones and chords, one every ``step_s``; each is held for a share of it."""
    notes: Line = []
    for k, chord in enumerate(pitches):
        start = k * step_s
        for pitch in [chord] if isinstance(chord, int) else chord:
            notes.append((start, start + held * step_s, pitch, velocity))
    return notes


def later(notes: Line, seconds: float) -> Line:
    """The same, later."""
    return [(onset + seconds, offset + seconds, pitch, velocity) for onset, offset, pitch, velocity in notes]


def _melody(velocity: float, held: float = 0.95) -> tuple[Line, Line]:
    return line(_BASS, 1.0, velocity, held=held), line(_MELODY, 0.5, velocity, held=held)


def _octaves(velocity: float) -> tuple[Line, Line]:
    top = (72, 74, 76, 77, 76, 74)
    return (
        line([(p - 36, p - 24) for p in top], 0.5, velocity, held=0.6),
        line([(p, p + 12) for p in top], 0.5, velocity, held=0.6),
    )


def _breath() -> tuple[Line, Line]:
    phrase, bass = line((67, 72, 74, 76), 0.45, 66.0), line(((48, 55), (47, 55)), 0.9, 52.0)
    return bass + later(bass, 2.8), phrase + later(phrase, 2.8)


def _thumb_under() -> tuple[Line, Line]:
    up = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83, 84]
    return [], line(up + up[-2::-1], 0.16, MF)


def _leap() -> tuple[Line, Line]:
    return line((36, (60, 64, 67)) * 3, 0.6, 64.0, held=0.5), line((60, 84) * 3, 0.6, 64.0, held=0.5)


def _alberti() -> tuple[Line, Line]:
    bass = line((48, 55, 52, 55) * 4, 0.18, 50.0)
    return bass, line([(67, 79)[k % 2] for k in range(32)], 0.09, MF)


def _scenes() -> tuple[Scene, ...]:
    return (
        Scene("melody_pp", "a melody, pp", *_melody(PP), (0.85, 1.55)),
        Scene("melody_ff", "the same, ff", *_melody(FF), (0.85, 1.55)),
        Scene("legato", "legato", *_melody(MF, 1.06), (1.85, 2.55)),
        Scene("staccato", "the same, staccato", *_melody(MF, 0.22), (1.85, 2.55)),
        Scene("octaves_pp", "octaves, pp", *_octaves(PP), (0.9, 1.6)),
        Scene("octaves_ff", "the same, ff", *_octaves(FF), (0.9, 1.6)),
        Scene("breath", "a rest of a second between two phrases", *_breath(), (1.6, 3.0)),
        Scene("thumb_under", "a scale, thumb under", *_thumb_under(), (0.3, 0.8)),
        Scene("leap", "leaps of two octaves", *_leap(), (1.15, 1.85)),
        Scene("repeated", "one key again and again", [], line([72] * 14, 0.17, MF, held=0.6), (0.65, 1.05)),
        Scene("alberti", "Alberti bass under a tremolo", *_alberti(), (0.7, 1.1)),
    )


SCENES = _scenes()
SHEETS = {
    "melody": ("melody_pp", "melody_ff"),
    "touch": ("legato", "staccato"),
    "octaves": ("octaves_pp", "octaves_ff"),
    "breath": ("breath",),
    "thumb-under": ("thumb_under",),
    "leap": ("leap",),
    "repeated": ("repeated",),
    "alberti": ("alberti",),
}
"""What stands on one sheet, by the sheet's name."""


def scene_named(name: str) -> Scene:
    """A scene by its name."""
    return next(scene for scene in SCENES if scene.name == name)
