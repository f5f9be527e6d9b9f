# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading all sorts of MIDI files, and writing them."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from models.body.notes import Notes
from models.errors import UserError
from models.music.midi import read_midi, write_midi
from models.music.midi_strokes import MIN_NOTE_S


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "big") + body


def raw_midi(path: Path, track: bytes, *, kind: int = 0, division: int = 480) -> Path:
    """A MIDI file of one track of plain bytes; `division` as its two bytes read."""
    header = kind.to_bytes(2, "big") + b"\0\1" + division.to_bytes(2, "big")
    path.write_bytes(chunk(b"MThd", header) + chunk(b"MTrk", track + b"\0\xff\x2f\0"))
    return path


def messages(path: Path, *events: tuple[str, int, int, int], **settings: int) -> Path:
    """A MIDI file of (type, pitch, velocity, ticks since the one before)."""
    channel = settings.pop("channel", 0)
    file = mido.MidiFile(type=0, ticks_per_beat=500)
    made = [
        mido.Message(kind, note=note, velocity=speed, time=time, channel=channel)
        for kind, note, speed, time in events
    ]
    file.tracks.append(mido.MidiTrack(made))
    file.save(path)
    return path


def test_a_round_trip_keeps_notes_and_hands(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    onsets = np.sort(generator.uniform(0, 600, 300))
    table = np.stack([onsets, onsets + 0.4, np.arange(300) % 88 + 21, generator.integers(1, 128, 300)], 1)
    notes = Notes.from_arrays(table, hand=generator.integers(-1, 2, 300))
    write_midi(tmp_path / "a.mid", notes)
    back = read_midi(tmp_path / "a.mid")
    np.testing.assert_allclose(back.notes.onset_s, notes.onset_s, atol=1.5e-4)
    np.testing.assert_allclose(back.notes.offset_s, notes.offset_s, atol=1.5e-4)
    np.testing.assert_array_equal(back.notes.pitch, notes.pitch)
    np.testing.assert_array_equal(back.notes.velocity, notes.velocity)
    np.testing.assert_array_equal(back.notes.hand, notes.hand)
    assert back.duration_s == pytest.approx(notes.offset_s.max(), abs=1e-3)
    write_midi(tmp_path / "b.mid", notes.with_hands(-1))
    assert (read_midi(tmp_path / "b.mid").notes.hand == -1).all()
    write_midi(tmp_path / "empty.mid", Notes.none())
    assert len(read_midi(tmp_path / "empty.mid").notes) == 0


def test_tempo_changes_in_any_track_move_all_tracks(tmp_path: Path) -> None:
    file = mido.MidiFile(type=1, ticks_per_beat=100)
    notes = [
        mido.Message("note_on", note=60, velocity=70, time=300),
        mido.Message("note_off", note=60, time=100),
    ]
    file.tracks.append(mido.MidiTrack([mido.MetaMessage("track_name", name="Left hand"), *notes]))
    tempos = [
        mido.MetaMessage("set_tempo", tempo=1_000_000, time=0),
        mido.MetaMessage("set_tempo", tempo=250_000, time=200),
    ]
    file.tracks.append(mido.MidiTrack(tempos))
    file.save(tmp_path / "a.mid")
    found = read_midi(tmp_path / "a.mid")
    np.testing.assert_allclose(found.notes.table, [[2.25, 2.5, 60, 70]])
    assert found.notes.hand.tolist() == [0]


def test_running_status_and_velocity_zero(tmp_path: Path) -> None:
    path = raw_midi(
        tmp_path / "a.mid", b"\0\x90\x3c\x40" + b"\x83\x60\x3c\0" + b"\0\x3e\x50" + b"\x83\x60\x3e\0"
    )
    np.testing.assert_allclose(read_midi(path).notes.table, [[0, 0.5, 60, 64], [0.5, 1, 62, 80]])


def test_smpte_time(tmp_path: Path) -> None:
    path = raw_midi(
        tmp_path / "a.mid", b"\x83\x74\x90\x3c\x40" + b"\x83\x74\x3c\0", division=0xE728
    )  # 25 frames of 40 ticks
    np.testing.assert_allclose(read_midi(path).notes.table, [[0.5, 1, 60, 64]])


def test_the_pedal_does_not_hold_keys(tmp_path: Path) -> None:
    path = raw_midi(
        tmp_path / "a.mid",
        b"\0\xb0\x40\x7f" + b"\0\x90\x3c\x40" + b"\x83\x60\x80\x3c\0" + b"\x9e\0\xb0\x40\0",
    )
    found = read_midi(path)
    assert found.notes.offset_s[0] == pytest.approx(0.5)
    np.testing.assert_allclose(found.pedal.time_s, [0, 4.5])
    assert found.pedal.depth.tolist() == [1, 0]


def test_the_pedal_is_that_of_the_channels_that_play(tmp_path: Path) -> None:
    path = raw_midi(
        tmp_path / "a.mid",
        b"\0\x90\x3c\x40"
        + b"\0\xb0\x40\x40"  # half down on the channel that plays
        + b"\0\xb5\x40\x7f"  # another instrument's
        + b"\0\xb0\x43\x7f"  # the soft pedal
        + b"\x83\x60\x91\x3e\x40"
        + b"\0\xb1\x40\x7f"  # a second channel of the same piano
        + b"\x83\x60\xb1\x40\0\0\x81\x3e\0\0\x80\x3c\0",
    )
    pedal = read_midi(path).pedal
    np.testing.assert_allclose(pedal.time_s, [0, 0.5, 1])
    np.testing.assert_allclose(pedal.depth, [64 / 127, 1, 64 / 127])


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param(
            [
                ("note_on", 60, 50, 0),
                ("note_on", 60, 90, 500),
                ("note_off", 60, 0, 500),
                ("note_off", 60, 0, 500),
            ],
            [[0, 0.5, 60, 50], [0.5, 1.5, 60, 90]],
            id="struck again while held, released twice",
        ),
        pytest.param(
            [
                ("note_on", 60, 50, 0),
                ("note_on", 60, 90, 500),
                ("note_off", 60, 0, 500),
                ("note_on", 72, 1, 2000),
            ],
            [[0, 0.5, 60, 50], [0.5, 1, 60, 90], [3, 3 + MIN_NOTE_S, 72, 1]],
            id="struck again while held, released once",
        ),
        pytest.param(
            [("note_on", 60, 50, 0), ("note_off", 60, 0, 0)], [[0, MIN_NOTE_S, 60, 50]], id="no length"
        ),
        pytest.param(
            [
                ("note_on", 60, 50, 0),
                ("note_off", 60, 0, 0),
                ("note_on", 60, 60, 0),
                ("note_off", 60, 0, 500),
            ],
            [[0, 0.5, 60, 60]],
            id="the same note twice",
        ),
        pytest.param(
            [
                ("note_on", 20, 50, 0),
                ("note_on", 109, 50, 0),
                ("note_on", 108, 50, 0),
                ("note_off", 108, 0, 500),
            ],
            [[0, 0.5, 108, 50]],
            id="off the keyboard",
        ),
        pytest.param([("note_off", 60, 0, 100)], np.zeros((0, 4)), id="released without a stroke"),
    ],
)
def test_odd_notes(
    tmp_path: Path, events: list[tuple[str, int, int, int]], expected: list[list[float]]
) -> None:
    found = read_midi(messages(tmp_path / "a.mid", *events)).notes.table
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32


def test_drums_are_left_out(tmp_path: Path) -> None:
    path = messages(tmp_path / "a.mid", ("note_on", 40, 90, 0), ("note_off", 40, 0, 500), channel=9)
    assert not len(read_midi(path).notes)


def test_files_that_are_no_midi(tmp_path: Path) -> None:
    path = tmp_path / "a.mid"
    good = messages(tmp_path / "good.mid", ("note_on", 60, 50, 0), ("note_off", 60, 0, 500)).read_bytes()
    half_a_header = good[:9]
    for content in (b"", b"RIFF0000WAVE", half_a_header, good[20:]):
        path.write_bytes(content)
        with pytest.raises(UserError, match="not a readable MIDI file") as caught:
            read_midi(path)
        assert caught.value.code == "midi_corrupt" and '"a.mid"' in caught.value.message


def test_missing_folder_and_endless(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "no.mid", "midi_missing"), (tmp_path, "not_a_file")):
        with pytest.raises(UserError) as caught:
            read_midi(path)
        assert caught.value.code == code
    with pytest.raises(UserError) as caught:
        read_midi(
            messages(tmp_path / "long.mid", ("note_on", 60, 50, 0), *[("note_off", 60, 0, 3_000_000)] * 3)
        )
    assert caught.value.code == "midi_too_long"


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        write_midi(tmp_path / "no folder" / "a.mid", Notes.none())
    assert caught.value.code == "cannot_write"
    for bad in ([[-1, 1, 60, 60]], [[0, 1, 110, 60]], [[0, np.nan, 60, 60]]):
        with pytest.raises(ValueError, match="finite"):
            write_midi(tmp_path / "a.mid", Notes.from_arrays(bad))
    assert not list(tmp_path.iterdir())
