# SPDX-License-Identifier: GPL-3.0-or-later
"""Why many notes of a take are left out, in a sentence each."""

from __future__ import annotations

import numpy as np

from models.body.keyboard_size import STANDARD_KEYBOARD, KeyboardSize
from models.body.notes import Notes
from models.errors import Remark
from models.planning.playing_hands import OUR_HANDS, PlayingHands
from models.planning.thinning import STROKE_FRAMES, Thinned, thinned

_FINGERS_IN_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def remarks_on(
    notes: Notes,
    fps: float,
    played: int,
    of: int,
    keyboard: KeyboardSize = STANDARD_KEYBOARD,
    playing: PlayingHands = OUR_HANDS,
) -> list[Remark]:
    """What was left out before the hands were planned.

    Args:
        notes: the take's. fps: its frame rate.
        played: presses that a fingertip hits, ``of`` so many that the 88 keys can play.
        keyboard: what is beyond its keys was not played.
        playing: the hands that play.
    """
    beyond = keyboard.beyond(notes)
    can = thinned(notes, fps, ~beyond, playing)
    remarks = []
    if beyond.any():
        count = int(beyond.sum())
        lie = "1 note lies" if count == 1 else f"{count:,} notes lie"
        sentence = (
            f"{lie} beyond the keyboard's {keyboard.keys} keys ({keyboard.range_name}) and "
            f"{'is' if count == 1 else 'are'} left out."
        )
        remarks.append(Remark("beyond_the_keyboard", sentence))
    if (~can.plays & ~can.repeated & ~beyond).any():
        sentence = (
            f"{played:,} of {of:,} notes are played; the others are more keys at once than "
            f"{_FINGERS_IN_WORDS[sum(playing.fingers)]} fingers hold."
        )
        remarks.append(Remark("more_than_ten_fingers", sentence))
    if can.repeated.any():
        count = int(can.repeated.sum())
        strokes = "1 stroke is" if count == 1 else f"{count:,} strokes are"
        sentence = (
            f"One key is struck {_strokes_a_second(notes, can, fps):.0f} times a second, and {strokes} left out, "
            f"because {fps:.4g} frames a second show no more; a higher frame rate does."
        )
        remarks.append(Remark("strokes_not_shown", sentence))
    return remarks


def _strokes_a_second(notes: Notes, can: Thinned, fps: float) -> float:
    """How fast the key is struck of which most strokes are left out, where it is too fast."""
    pitches, count = np.unique(notes.pitch[can.repeated], return_counts=True)
    gaps = np.diff(np.sort(notes.onset_s[notes.pitch == pitches[count.argmax()]]))
    return 1 / float(np.median(gaps[(gaps > 0) & (gaps < STROKE_FRAMES / fps)]))
