# SPDX-License-Identifier: GPL-3.0-or-later
"""MIDI files that want too much, and that the reader's events are those that another reader finds."""

import tracemalloc
from pathlib import Path

import mido
import numpy as np
import pytest
from counting import calls_of

from models.errors import UserError
from models.music import midi, midi_events
from models.music.midi import read_midi
from models.music.midi_events import read_events

END = b"\0\xff\x2f\0"
NOTE = b"\0\x90\x3c\x50\x60\x3c\0"
ROOT = Path(__file__).parents[2]


def track(body: bytes) -> bytes:
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def smf(*bodies: bytes, division: int = 480) -> bytes:
    header = (6).to_bytes(4, "big") + b"\0\1" + len(bodies).to_bytes(2, "big") + division.to_bytes(2, "big")
    return b"MThd" + header + b"".join(track(body + END) for body in bodies)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def by_mido(path: Path) -> list[tuple[str, list[tuple[int, int, int, int]], list[tuple[int, int]], int]]:
    """Name, strokes and releases, tempos and end of each track."""
    found = []
    for one in mido.MidiFile(path, clip=True).tracks:
        tick, keys, tempos = 0, [], []
        for message in one:
            tick += message.time
            if message.type in ("note_on", "note_off"):
                velocity = message.velocity if message.type == "note_on" else 0
                keys.append((tick, message.channel, message.note, velocity))
            elif message.type == "set_tempo":
                tempos.append((tick, message.tempo))
        found.append((one.name, keys, tempos, tick))
    return found


def test_the_events_are_those_that_mido_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    file = mido.MidiFile(type=1, ticks_per_beat=96)
    kinds = (
        "note_on",
        "note_off",
        "polytouch",
        "control_change",
        "program_change",
        "pitchwheel",
        "aftertouch",
    )
    for number in range(5):
        made = mido.MidiTrack([mido.MetaMessage("track_name", name=f"part {number}")])
        for _ in range(400):
            kind, time = str(rng.choice(kinds)), int(rng.choice([0, 5, 127, 128, 20_000, 1_000_000]))
            made.append(mido.Message(kind, channel=int(rng.integers(16)), time=time))
            if kind.startswith("note"):
                made[-1] = made[-1].copy(note=int(rng.integers(128)), velocity=int(rng.integers(128)))
            if rng.random() < 0.05:
                made.append(mido.Message("sysex", data=(1, 2, 3), time=7))
                made.append(mido.MetaMessage("set_tempo", tempo=int(rng.integers(1, 1 << 24)), time=3))
                made.append(mido.MetaMessage("lyrics", text="la " * 60, time=0))
        file.tracks.append(made)
    file.save(tmp_path / "made.mid")
    demos = sorted((ROOT / "demo").glob("*.mid"))
    assert demos
    for path in (tmp_path / "made.mid", *demos):
        mine = [
            (
                found.name.decode(),
                list(
                    zip(
                        *(
                            column.tolist()
                            for column in (found.tick, found.channel, found.pitch, found.velocity)
                        )
                    )
                ),
                list(zip(found.tempo_tick.tolist(), found.tempo_us.tolist())),
                found.end,
            )
            for found in read_events(path.read_bytes()).tracks
        ]
        assert mine == by_mido(path)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xff" * 100_000 + b"\x60\x3c\0", id="a number without end"),
        pytest.param(b"\x81" * 142 + b"\x60\x3c\0", id="a number of 300 digits"),
        pytest.param(b"\0\xf0\xff\xff\xff\x7f\x01", id="sysex longer than the file"),
        pytest.param(b"\0\xff\x01\xff\xff\xff\x7f", id="text longer than the file"),
        pytest.param(b"\0\xf5", id="unknown status"),
    ],
)
def test_notes_before_and_after_a_fault_are_read(tmp_path: Path, body: bytes) -> None:
    found = read_midi(put(tmp_path / "a.mid", smf(NOTE + body + b"\0\x90\x40\x50\x60\x40\0" + NOTE)))
    assert found.notes.pitch.tolist() == [60, 64, 60]
    np.testing.assert_allclose(found.notes.onset_s, [0, 0.1, 0.2], rtol=1e-6)
    assert all(remark.code == "midi_damaged" and len(remark.sentence) < 200 for remark in found.remarks)


def test_every_beginning_and_every_changed_byte_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    good = smf(b"\0\xff\x03\x04Left\0\xff\x51\x03\x07\xa1\x20" + NOTE, NOTE + b"\0\xf0\x02\x01\xf7\0\xc0\x01")
    rng = np.random.default_rng(0)
    whole = read_midi(put(tmp_path / "good.mid", good)).notes.table.tolist()
    for size in range(len(good)):
        try:
            found = read_midi(put(tmp_path / "cut.mid", good[:size]))
        except UserError as error:
            assert size < 14 and error.code == "midi_corrupt"  # noqa: PT017  there is no header
        else:
            assert len(found.notes) <= len(whole)
            assert found.remarks, size  # that the file is cut off, or lacks a track, or has no notes
    for place in range(len(good)):
        for value in {0, 0x7F, 0x80, 0xFF, int(rng.integers(256))}:
            changed = good[:place] + bytes([value]) + good[place + 1 :]
            try:
                notes = read_midi(put(tmp_path / "changed.mid", changed)).notes
            except UserError as error:
                assert len(error.message) < 200  # noqa: PT017  some of these can be read
            else:
                assert np.isfinite(notes.table).all()


def test_odd_but_readable(tmp_path: Path) -> None:
    no_time = read_midi(put(tmp_path / "a.mid", smf(b"\0\xff\x51\x03\0\0\0" + NOTE)))
    np.testing.assert_allclose(no_time.notes.table, [[0, 0.1, 60, 80]])  # a tempo of 0 is none
    name = "Left".encode("utf-16")
    named = read_midi(put(tmp_path / "b.mid", smf(b"\0\xff\x03" + bytes([len(name)]) + name + NOTE)))
    assert named.notes.hand.tolist() == [0]
    alien = smf(NOTE).replace(b"MTrk", b"XFIH\0\0\0\x02ab" + b"MTrk")
    assert len(read_midi(put(tmp_path / "c.mid", alien)).notes) == 1
    many = b"MThd\0\0\0\6\0\1\xff\xff\1\xe0" + track(END) * 65_534 + track(NOTE + END)
    assert len(read_midi(put(tmp_path / "d.mid", many)).notes) == 1


def test_a_large_file_takes_a_few_bytes_of_memory_for_each_of_its_own(tmp_path: Path) -> None:
    bodies = {
        "notes": b"\0\x90" + b"\x3c\x50\x01\x3c\x00\x01" * 150_000 + b"\x3c\x50",
        "sysex": b"\0\xf0\x01\xf7" * 225_000,
        "tempos": b"\x01\xff\x51\x03\x07\xa1\x20" * 130_000,
    }
    for name, body in bodies.items():
        data = smf(body)
        tracemalloc.start()
        read_events(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 12 * len(data), name  # an object for each message took 150


def test_too_many_notes_and_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(midi, "MAX_NOTES", 100)
    strokes = b"\0\x90" + b"\x3c\x50\x0a" * 100 + b"\x3c\x50"
    with pytest.raises(UserError, match="101 notes; cut it into parts of at most 100") as caught:
        read_midi(put(tmp_path / "a.mid", smf(strokes)))
    assert caught.value.code == "too_many_notes"
    drums = b"\0\x99" + b"\x3c\x50\x0a" * 100 + b"\x3c\x50"
    assert not len(read_midi(put(tmp_path / "a.mid", smf(drums))).notes)
    monkeypatch.setattr(midi, "MAX_FILE_BYTES", 1 << 20)
    monkeypatch.setattr(midi_events, "read_track", None)  # it is refused before it is looked at
    with pytest.raises(UserError, match="larger than 1 MB") as caught:
        read_midi(put(tmp_path / "a.mid", smf(bytes(1 << 20))))
    assert caught.value.code == "midi_too_large"


def test_strokes_that_wait_for_their_releases_take_linear_work(tmp_path: Path) -> None:
    def work(count: int) -> int:
        body = b"\0\x90" + b"\x3c\x50\0" * count + b"\x3c\x50" + b"\x0a\x3c\0" * count
        path = put(tmp_path / "a.mid", smf(body))
        return calls_of(lambda: read_midi(path))

    assert work(4000) < 2.5 * work(2000)


@pytest.mark.parametrize("kind", ["one name", "a name each", "an instrument each"])
def test_work_grows_with_the_tracks_and_not_faster(tmp_path: Path, kind: str) -> None:
    def body(number: int) -> bytes:
        name = f"{number:06d}" if kind == "a name each" else "000000"
        program = bytes((0, 0xC0, number % 128 if kind == "an instrument each" else 0))
        return b"\0\xff\x03\6" + name.encode() + program + NOTE

    def work(count: int) -> int:
        path = put(tmp_path / "a.mid", smf(*(body(i) for i in range(count))))
        return calls_of(lambda: read_midi(path))

    work(10)
    assert work(2000) < 2.5 * work(1000)


def test_a_length_of_years_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lasts months or more; choose one of at most 120 minutes"):
        read_midi(put(tmp_path / "a.mid", smf(NOTE + b"\x82\xee\x9b\x00\x3c\0" * 100_000)))
