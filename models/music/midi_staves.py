# SPDX-License-Identifier: GPL-3.0-or-later
"""The staves of a MIDI file: what a track plays on a channel, with its instrument and the hand it is written for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS, LOWEST_PITCH
from models.body.notes import UNKNOWN
from models.music.midi_events import Events
from models.music.midi_track import Track
from models.music.track_names import (
    hand_of_name,
    says_keyboard,
    says_piano,
    staff_of_name,
    text_of,
    without_hand,
)

DRUM_CHANNEL = 9
DRUMS = 16
"""A kind of instrument beside the sixteen of General MIDI."""
HIGHER_BY = 12.0
"""Of two staves without names the first is the right hand's, as notation is written, unless the second is so many
semitones higher in the middle. In all 313 pieces of piano-midi.de that have one named track a hand, the right hand is
first and higher."""
_KIT = (35, 60)
"""Keys of the usual drums: bass drums up to bongos."""
_KIT_SIZE, _FEWEST_KEYS = 20, 5
"""A kit has no more of them, music for a keyboard no fewer keys."""


@dataclass(frozen=True)
class Stave:
    """Notes of one track on one channel."""

    track: int
    channel: int
    name: str
    """As the file calls it; empty where it does not, or where the track has several instruments."""
    program: int | None
    """Instrument, 0 to 127; None where the file does not say."""
    pitch: NDArray[np.uint8]
    """(n,) of its strokes, of the keys that a piano has."""
    off_keyboard: int
    """Strokes of other keys."""
    hand: int = UNKNOWN
    drums: bool = False
    """Whether it is on the drums' channel and sounds like them."""

    @property
    def family(self) -> int:
        """Kind of instrument: 0 a piano, also where the file does not say, up to 15, and `DRUMS`."""
        return DRUMS if self.drums else (self.program or 0) // 8


def staves_of(events: Events) -> list[Stave]:
    """The staves that have notes, in the order of the file.

    Where the drums' channel is all that has notes, and they sound like a keyboard's, they are a keyboard's.
    """
    programs = _programs(events.tracks)
    staves = [stave for i, track in enumerate(events.tracks) for stave in _of_track(programs, i, track)]
    if staves and all(stave.channel == DRUM_CHANNEL for stave in staves) and not _is_kit(staves):
        return staves
    return [replace(stave, drums=stave.channel == DRUM_CHANNEL) for stave in staves]


def with_hands(staves: list[Stave]) -> list[Stave]:
    """Staves of one instrument with the hands that they are written for.

    Names come first; then, of two staves of one name or of none, their order and height.
    """
    hands = [hand_of_name(stave.name) for stave in staves]
    levels = [staff_of_name(stave.name) for stave in staves]
    if {0, 1} <= set(levels):  # alone, a bass is an instrument
        hands = [level if hand == UNKNOWN else hand for hand, level in zip(hands, levels)]
    tracks = {stave.track for stave in staves}
    if len(staves) == len(tracks) == 2 and hands == [UNKNOWN, UNKNOWN] and _are_pair(staves):
        first, second = (float(stave.pitch.mean()) if len(stave.pitch) else 0.0 for stave in staves)
        hands = [0, 1] if second - first >= HIGHER_BY else [1, 0]
    return [replace(stave, hand=hand) for stave, hand in zip(staves, hands)]


def _are_pair(staves: list[Stave]) -> bool:
    names = [without_hand(stave.name) for stave in staves]
    return names[0] == names[1] or not names[1]


def _of_track(programs: _Programs, number: int, track: Track) -> list[Stave]:
    strokes = track.velocity > 0
    channels = np.unique(track.channel[strokes]).tolist()
    if not channels:
        return []
    ours = [_program(programs, track, channel) for channel in channels]
    name = text_of(track.name) if len(set(ours)) == 1 else ""
    found = []
    for channel, program in zip(channels, ours):
        pitch = track.pitch[strokes & (track.channel == channel)]
        piano = (pitch >= LOWEST_PITCH) & (pitch < LOWEST_PITCH + KEYS)
        found.append(Stave(number, channel, name, program, pitch[piano], int(np.count_nonzero(~piano))))
    return found


_Programs = dict[int, tuple[NDArray[np.int64], NDArray[np.uint8]]]
"""Of each channel, ticks and instruments, in order of time."""


def _programs(tracks: list[Track]) -> _Programs:
    tracks = [track for track in tracks if len(track.program_tick)]
    if not tracks:
        return {}
    tick = np.concatenate([track.program_tick for track in tracks])
    channel, program = np.concatenate([track.program for track in tracks]).T
    order = np.argsort(tick, kind="stable")
    tick, channel, program = tick[order], channel[order], program[order]
    return {own: (tick[channel == own], program[channel == own]) for own in np.unique(channel).tolist()}


def _program(programs: _Programs, track: Track, channel: int) -> int | None:
    """The instrument of a channel in the middle of a track, by the track itself or else by the others."""
    middle = np.median(track.tick[(track.channel == channel) & (track.velocity > 0)])
    for known in (_programs([track]), programs):
        if channel in known:
            tick, program = known[channel]
            return int(program[max(int(np.searchsorted(tick, middle, "right")) - 1, 0)])
    return None


def _is_kit(staves: list[Stave]) -> bool:
    """Whether the notes of the drum channel are those of drums."""
    if any(says_piano(s.name) or says_keyboard(s.name) or hand_of_name(s.name) != UNKNOWN for s in staves):
        return False
    pitch = np.concatenate([stave.pitch for stave in staves])
    if len(np.unique(pitch)) < _FEWEST_KEYS:
        return True
    kit = (pitch >= _KIT[0]) & (pitch < _KIT[1])
    return bool(kit.mean() > 0.5 and len(np.unique(pitch)) <= _KIT_SIZE)
