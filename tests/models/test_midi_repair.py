"""Files that break the rules are read as far as they can be, and what is missing is said."""

from pathlib import Path

import numpy as np
import pytest
from midi_bytes import END, QUARTER, SCALE, chunk, codes, header, meta, name, note, notes, read, smf

from models.errors import UserError

GOOD = smf(notes())
TRACK = chunk(b"MTrk", notes() + END)
REST = notes(SCALE[4:])
HALF = notes(SCALE[:4])
TEMPO = meta(0x51, b"\7\xa1\x20")


def both(between: bytes) -> bytes:
    """A file with something odd between two halves of its notes."""
    return smf(HALF + between + REST)


WHOLE = {
    "as it should be": GOOD,
    "RIFF": b"RIFF" + (len(GOOD) + 12).to_bytes(4, "little") + b"RMIDdata" + len(GOOD).to_bytes(4, "little") + GOOD,
    "RIFF with what follows": b"RIFF\xff\0\0\0RMIDdata\xaa\0\0\0" + GOOD + b"\0LIST\x0c\0\0\0INFOISFT\0\0\0\0",
    "MacBinary": bytes(128) + GOOD + bytes(90),
    "text before": b"From: somebody\r\n\r\n" + GOOD,
    "a header with more in it": b"MThd\0\0\0\x08\0\1\0\1\1\xe0\0\0" + TRACK,
    "a header of the wrong length": b"MThd\0\0\0\x40\0\1\0\1\1\xe0" + TRACK,
    "a header of length 0": b"MThd\0\0\0\0\0\1\0\1\1\xe0" + TRACK,
    "chunks of others": header(1) + chunk(b"XFIH", b"ab") + TRACK + chunk(b"XFKM", b"abc"),
    "a chunk of others that is longer than the file": header() + b"XFIH\0\xff\0\0ab" + TRACK,
    "more tracks than the header says": header(1) + chunk(b"MTrk", meta(1, b"no notes") + END) + TRACK,
    "format 5": header(1, kind=5) + TRACK,
    "length 0": header(2) + b"MTrk\0\0\0\0" + TRACK[8:] + chunk(b"MTrk", END),
    "too short": header(2) + b"MTrk\0\0\0\x07" + TRACK[8:] + chunk(b"MTrk", END),
    "seven bytes too long, and last": header(1) + b"MTrk" + (len(TRACK) - 1).to_bytes(4, "big") + TRACK[8:],
    "seven bytes too long": header(2) + b"MTrk" + (len(TRACK) - 1).to_bytes(4, "big") + TRACK[8:] + chunk(b"MTrk", END),
    "much too long": header(1) + b"MTrk\x7f\xff\xff\xff" + TRACK[8:],
    "junk behind": GOOD + b"\0\x90\x3c\x50" * 30,
    "no end of track": header(1) + chunk(b"MTrk", notes()),
    "no end of track in the first": header(2) + chunk(b"MTrk", notes()) + chunk(b"MTrk", END),
    "eight sharps": both(meta(0x59, b"\x08\0")),
    "mode 255": both(meta(0x59, b"\xfe\xff")),
    "a key of five bytes": both(meta(0x59, b"\1\0\0\0\0")),
    "a metre of two bytes": both(meta(0x58, b"\4\2")),
    "a metre that has two of its four bytes": both(b"\0\xff\x58\4\4\2"),
    "a metre of no length": both(b"\0\xff\x58\0\4\2\x18\x08"),
    "reserved frame rate": both(meta(0x54, b"\xe1\0\0\0\0")),
    "a tempo of two bytes": both(meta(0x51, b"\7\xa1")),
    "a key of one byte after a tempo": both(TEMPO + meta(0x59, b"\3")),
    "a metre of six bytes after a tempo": both(TEMPO + meta(0x58, b"\4\2\x18\x08\0\0")),
    "unknown events after a tempo": both(TEMPO + meta(0x4B, b"hello") + meta(0x60, b"\xff\xff")),
    "unknown events after a text": both(meta(1, b"la \x90\x3c\x50") + meta(0x60, b"\xff\xff")),
    "exclusive without a length after a tempo": both(TEMPO + b"\0\xf0\x7e\x7f\x09\1\xf7"),
    "an unknown event": both(meta(0x66, b"\x90\x3c\x50")),
    "a text longer than the track": both(b"\0\xff\1\x7fabc"),
    "a text longer than anything": both(b"\0\xff\1\xff\xff\xff\x7fabc"),
    "exclusive in two packets": both(b"\0\xf0\4\x7e\x7f\x09\1" + b"\0\xf7\1\xf7"),
    "exclusive never closed": both(b"\0\xf0\4\x7e\x7f\x09\1"),
    "exclusive with a high byte": both(b"\0\xf0\5\x43\x90\xff\1\xf7"),
    "exclusive without a length": both(b"\0\xf0\x7e\x7f\x09\1\xf7"),
    "exclusive longer than the file": both(b"\0\xf0\xff\xff\x7f\x7e\x7f\x09\1\xf7"),
    "clock and active sensing": both(b"\0\xf8\0\xfe"),
    "clock within a message": both(b"").replace(bytes((0x90, 65, 80)), bytes((0x90, 0xF8, 65, 0xFE, 80))),
    "song position and undefined messages": both(b"\0\xf2\1\1\0\xf4\0\xfd"),
    "running status across a text": smf(b"\0\x90\x3c\x50" + QUARTER + b"\x3c\0" + meta(1, b"la") + b"".join(
        bytes((0, pitch, 80)) + QUARTER + bytes((pitch, 0)) for pitch in SCALE[1:])),
    "running status across exclusive": smf(b"\0\x90\x3c\x50" + QUARTER + b"\x3c\0\0\xf0\2\1\xf7" + b"".join(
        bytes((0, pitch, 80)) + QUARTER + bytes((pitch, 0)) for pitch in SCALE[1:])),
    "releases without strokes": both(b"\0\x80\x3c\0\0\x90\x40\0"),
    "empty tracks": smf(b"", notes(), b"", b""),
}  # fmt: skip


@pytest.mark.parametrize("kind", WHOLE)
def test_all_notes_are_read_at_their_time(tmp_path: Path, kind: str) -> None:
    found = read(tmp_path, WHOLE[kind])
    assert found.notes.pitch.tolist() == list(SCALE)
    np.testing.assert_allclose(found.notes.onset_s, np.arange(8) / 4, atol=1e-6)
    np.testing.assert_allclose(found.notes.offset_s, np.arange(1, 9) / 4, atol=1e-6)
    assert set(codes(found)) <= {"midi_damaged"}  # nothing is missing


def test_a_file_that_is_cut_off_plays_what_is_left_and_says_so(tmp_path: Path) -> None:
    for lost in range(5, 60):
        found = read(tmp_path, GOOD[:-lost])
        assert found.notes.pitch.tolist() == list(SCALE[: len(found.notes)]), lost
        assert len(found.notes) >= (len(GOOD) - lost - 22) // 9
        assert codes(found)[0] == "midi_cut", lost
        assert f"lasts {found.notes.offset_s[-1]:.1f} s" in found.remarks[0].sentence


def test_a_second_track_that_is_missing_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, header(3) + TRACK)
    assert (
        codes(found) == ["midi_tracks_missing"]
        and "should have 3 tracks, but has 1" in found.remarks[0].sentence
    )


def test_damage_in_the_middle_costs_what_is_damaged_alone(tmp_path: Path) -> None:
    found = read(tmp_path, both(b"\xff" * 1000 + bytes(7)))
    assert found.notes.pitch.tolist() == list(SCALE) and codes(found) == ["midi_damaged"]
    assert "bytes from second 1.0 on" in found.remarks[0].sentence


def test_patterns_are_played_one_after_the_other(tmp_path: Path) -> None:
    one = read(tmp_path, smf(notes(), kind=2))
    assert len(one.notes) == 8 and not one.remarks
    two = read(tmp_path, smf(notes(SCALE[:3]), meta(0x51, b"\x0f\x42\x40") + notes(SCALE[3:5]), kind=2))
    np.testing.assert_allclose(two.notes.onset_s, [0, 0.25, 0.5, 0.75, 1.25])
    assert codes(two) == ["midi_patterns"] and (two.notes.hand == -1).all()


def test_a_tempo_of_no_time_is_no_tempo(tmp_path: Path) -> None:
    found = read(tmp_path, both(meta(0x51, b"\0\0\0")))
    np.testing.assert_allclose(found.notes.onset_s, np.arange(8) / 4)
    assert codes(found) == ["midi_tempo"]


@pytest.mark.parametrize("division", [0, 0xE700])
def test_a_file_without_ticks_has_the_usual_ones(tmp_path: Path, division: int) -> None:
    found = read(tmp_path, smf(notes(), division=division))
    np.testing.assert_allclose(found.notes.onset_s, np.arange(8) / 4)
    assert codes(found) == ["midi_no_time"]


def test_waits_of_hours_are_left_out_and_said(tmp_path: Path) -> None:
    absurd = b"\xff\xff\xff\x7f"
    found = read(tmp_path, smf(HALF + absurd + note(67)[1:] + notes(SCALE[5:]) + absurd + END[1:]))
    np.testing.assert_allclose(found.notes.onset_s, np.arange(8) / 4)
    assert found.duration_s == pytest.approx(2) and codes(found) == ["midi_waits"]
    half_an_hour = b"\xe9\xc3\x40"
    assert read(tmp_path, smf(HALF + half_an_hour + note(67)[1:])).notes.onset_s[-1] > 1800


def test_keys_that_no_piano_has_are_counted(tmp_path: Path) -> None:
    found = read(tmp_path, smf(notes((10, 20, 60, 62, 64, 109, 127))))
    assert len(found.notes) == 3 and codes(found) == ["notes_off_keyboard"]
    assert found.remarks[0].sentence.startswith("4 notes are left out")


def test_notes_that_are_never_released_do_not_hold_a_finger_for_ever(tmp_path: Path) -> None:
    long = b"\x9c\x80\x00\x80\x48\0"  # many beats later
    found = read(tmp_path, smf(bytes((0, 0x90, 60, 80)) + QUARTER + bytes((0x90, 72, 80)) + long))
    np.testing.assert_allclose(found.notes.offset_s[0], 4.0)
    assert found.notes.offset_s[1] > 100 and codes(found) == ["notes_unreleased"]


def test_a_second_file_behind_the_first_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD + GOOD)
    assert len(found.notes) == 8 and codes(found) == ["midi_second_file"]


def test_why_there_are_no_notes(tmp_path: Path) -> None:
    nothing = read(tmp_path, smf(meta(0x51, b"\7\xa1\x20")))
    assert codes(nothing) == ["no_notes"] and not len(nothing.notes)
    drums = read(tmp_path, smf(notes((36, 38, 42), channel=9)))
    assert (
        codes(drums) == ["only_drums"] and "only drums (3 notes on channel 10)" in drums.remarks[0].sentence
    )
    with pytest.raises(UserError, match="not a readable MIDI file"):
        read(tmp_path, TRACK)


@pytest.mark.parametrize("title", ["Piano", "", "左手"])
def test_a_keyboard_on_the_channel_of_the_drums_is_played_and_said(tmp_path: Path, title: str) -> None:
    found = read(tmp_path, smf(name(title) + notes(channel=9)))
    assert len(found.notes) == 8 and codes(found) == ["channel_10"]
    with_another = read(tmp_path, smf(name(title) + notes(channel=9), notes(SCALE[:3])))
    assert len(with_another.notes) == 3  # then they are drums
