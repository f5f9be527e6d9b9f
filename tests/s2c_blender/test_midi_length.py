# SPDX-License-Identifier: GPL-3.0-or-later
"""How long MIDI files play, whole and broken ones."""

import struct

import pytest
from midi_helpers import SCALE, chunk, header, number, track

from s2c_blender.core.midi_length import MOST_SECONDS, TAIL_S, is_midi, midi_seconds


def tempo(us):
    return b"\0\xff\x51\x03" + us.to_bytes(3, "big")


def played(*tracks, kind=0, division=480, count=None):
    tracks = [chunk(b"MTrk", data) for data in tracks]
    return midi_seconds(header(kind, count or len(tracks), division) + b"".join(tracks))


def test_until_the_last_release_and_a_second_more():
    assert played(track()) == 4.0 + TAIL_S
    long_end = number(48000) + b"\xff\x2f\0"
    assert played(track(end=long_end)) == 5.0, "what comes after the music is no music"


def test_tempo_changes_of_any_track_and_of_none():
    assert played(track(before=tempo(1_000_000))) == 9.0
    assert played(tempo(250_000) + b"\0\xff\x2f\0", track(), kind=1) == 3.0
    later = number(1920) + tempo(1_000_000)[1:]
    assert played(later + b"\0\xff\x2f\0", track(), kind=1) == 2.0 + 4.0 + 1.0
    assert played(track(before=tempo(0))) == 5.0, "a beat that takes no time is no tempo"


def test_time_codes_and_no_division():
    assert played(track(ticks=1000), division=0xE728) == 5.0, "25 frames a second of 40 ticks"
    assert played(track(), division=0) == 5.0


def test_patterns_lie_one_after_another():
    assert played(track(), track(SCALE[:2]), kind=2) == 4.0 + 2.0 + 1.0
    assert played(track(), track(SCALE[:2]), kind=1) == 5.0


@pytest.mark.parametrize(
    "data",
    [
        header() + chunk(b"XXXX", b"what") + chunk(b"MTrk", track()) + b"junk",
        header(1, 7) + chunk(b"MTrk", track()),
        header(1, 1) + chunk(b"MTrk", tempo(500_000) + b"\0\xff\x2f\0") + chunk(b"MTrk", track()),
        header() + chunk(b"MTrk", track(), length=9000),
        header() + chunk(b"MTrk", track(), length=0),
        header() + chunk(b"MTrk", track(end=b"")),
        b"\0" * 128 + header() + chunk(b"MTrk", track()),
        header() + chunk(b"MTrk", track(before=b"\0\xf0\x03\x01\x85\xf7\0\xfe\0\xff\x59\x02\x08\x00")),
        header() + chunk(b"MTrk", track(SCALE[:3], end=b"")) + b"\0\x90\x41\x50\x87\x40\x80\x41",
    ],
)
def test_what_is_wrong_in_a_file_does_not_shorten_it(data):
    assert midi_seconds(data) == pytest.approx(5.0, abs=1.0)


def test_every_beginning_of_a_file_has_a_length():
    whole = header() + chunk(b"MTrk", track())
    lengths = [midi_seconds(whole[:size]) for size in range(len(whole))]
    assert lengths == sorted(lengths) and lengths[0] == 0.0 and lengths[-1] == 5.0


def test_what_plays_nothing_lasts_nothing():
    assert midi_seconds(b"") == midi_seconds(b"MThd") == midi_seconds(b"RIFF" * 50) == 0.0
    assert played(tempo(500_000) + b"\0\xff\x2f\0") == 0.0


def test_years_are_cut():
    assert played(track(ticks=0x0FFFFFFF)) == MOST_SECONDS


def test_what_a_file_is_by_its_first_bytes():
    assert is_midi(header()) and is_midi(b"RIFF\0\0\0\0RMID")
    assert not is_midi(b"RIFF\0\0\0\0WAVE") and not is_midi(b"") and not is_midi(struct.pack(">I", 3))
