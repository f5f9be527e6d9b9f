# SPDX-License-Identifier: GPL-3.0-or-later
"""What the animator should know of a MIDI file that was read: each a sentence.

What was mended and changes nothing that is heard (lengths of tracks, wrappers, keys and metres) is not told.
"""

from __future__ import annotations

from collections.abc import Iterator

from models.errors import Remark
from models.music.midi_clock import Clock
from models.music.midi_events import USUAL_DIVISION, Events
from models.music.midi_parts import Part, is_piano, listed, players
from models.music.midi_staves import DRUM_CHANNEL
from models.music.midi_strokes import UNRELEASED_S, Strokes


def remarks_of(
    events: Events, clock: Clock, parts: list[Part], strokes: Strokes, *, chosen: bool
) -> tuple[Remark, ...]:
    """Remarks in the order in which they matter.

    Args:
        events: what the file holds.
        clock: its time.
        parts: its parts, with those chosen that are played.
        strokes: what is played of them.
        chosen: whether the animator chose the part.
    """
    return (
        *_of_bytes(events, clock, strokes),
        *_of_time(events),
        *_of_parts(parts, chosen),
        *_of_notes(parts, strokes),
    )


def _of_bytes(events: Events, clock: Clock, strokes: Strokes) -> Iterator[Remark]:
    faults = events.faults
    if faults.cut:
        until_s = float(strokes.notes.offset_s.max(initial=0.0))
        sentence = f"The MIDI file is cut off; what is left of it lasts {until_s:.1f} s."
        yield Remark("midi_cut", sentence)
    elif faults.missing_tracks:
        have = len(events.tracks)
        sentence = (
            f"The MIDI file should have {_count(have + faults.missing_tracks, 'track')}, but has {have}."
        )
        yield Remark("midi_tracks_missing", sentence)
    if faults.another:
        yield Remark("midi_second_file", "A second MIDI file follows in the same file; it is left out.")
    broken = [track for track in events.tracks if track.faults.skipped]
    if broken:
        count = sum(track.faults.skipped for track in broken)
        at_s = min(clock.second(track.faults.skipped_tick) for track in broken)
        sentence = (
            f"The MIDI file is damaged: {_count(count, 'byte')} from second {at_s:.1f} on could not be read, and notes "
            "may be missing or late."
        )
        yield Remark("midi_damaged", sentence)


def _of_time(events: Events) -> Iterator[Remark]:
    if events.faults.no_division:
        sentence = (
            f"The MIDI file does not say how fast it is; it is played with {USUAL_DIVISION} ticks a beat. "
            "If that is wrong, export it again."
        )
        yield Remark("midi_no_time", sentence)
    if any((track.tempo_us == 0).any() for track in events.tracks):
        sentence = "The MIDI file has a tempo that is infinitely fast; the tempo before is kept."
        yield Remark("midi_tempo", sentence)
    waits = sum(track.faults.waits for track in events.tracks)
    if waits:
        sentence = f"The MIDI file waits for hours {_times(waits)}; these pauses are left out."
        yield Remark("midi_waits", sentence)
    if events.faults.patterns:
        count = events.faults.patterns
        sentence = f"The {count} patterns of the MIDI file (format 2) are played one after the other."
        yield Remark("midi_patterns", sentence)


def _of_parts(parts: list[Part], chosen: bool) -> Iterator[Remark]:
    played, others = ([part for part in parts if part.chosen is yes] for yes in (True, False))
    if not parts:
        yield Remark("no_notes", "The MIDI file has no notes; choose another.")
    elif not played:
        notes = sum(part.notes for part in others)
        sentence = (
            f"The MIDI file has only drums ({_count(notes, 'note')} on channel 10); choose one with a piano."
        )
        yield Remark("only_drums", sentence)
    elif others:
        notes = sum(part.notes for part in others)
        sentence = (
            f"Of the MIDI file's parts {listed(played)} {_are(len(played))} played; {_count(notes, 'note')} of "
            f"{listed(others)} {_are(notes)} left out. You can choose another part."
        )
        yield Remark("other_parts", sentence)
    if len(played) > 1 and not chosen and not any(is_piano(part) for part in played):
        sentence = (
            f"No part of the MIDI file is a piano's; all are played: {listed(played)}. You can choose one."
        )
        yield Remark("no_piano_part", sentence)
    if any(stave.channel == DRUM_CHANNEL for part in played for stave in part.staves):
        sentence = "The notes are on channel 10, which is for drums; they are played as a piano's."
        yield Remark("channel_10", sentence)
    four_hands = players(parts)
    if four_hands:
        sentence = (
            f"This is music for four hands ({listed(four_hands)}); two hands play what they can of both. "
            "Choose a part to hear one player."
        )
        yield Remark("four_hands", sentence)


def _of_notes(parts: list[Part], strokes: Strokes) -> Iterator[Remark]:
    off = sum(stave.off_keyboard for part in parts if part.chosen for stave in part.staves)
    if off:
        sentence = f"{_count(off, 'note')} {_are(off)} left out: a piano has no such {'key' if off == 1 else 'keys'}."
        yield Remark("notes_off_keyboard", sentence)
    if strokes.doubled:
        count = strokes.doubled
        sentence = f"{_count(count, 'note')} that both hands strike at once {_are(count)} struck by one hand."
        yield Remark("unison_merged", sentence)
    if strokes.unreleased:
        count = strokes.unreleased
        sentence = (
            f"{_count(count, 'note')} {_are(count)} never released; each is held for {UNRELEASED_S:.0f} s."
        )
        yield Remark("notes_unreleased", sentence)


def _count(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
