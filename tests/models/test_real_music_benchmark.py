# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of a file that `benchmarks.real_music` plays: one track, and lengths with the pedal in them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import mido
import numpy as np
import pytest

from benchmarks import real_music
from models.music.midi import read_midi


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two named tracks at 120 beats a minute; the pedal is down from 0.25 s to 2 s."""
    midi = mido.MidiFile(type=1, ticks_per_beat=480)
    for name, pitch, pedal in (("right", 72, True), ("left", 48, False)):
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name, time=0)])
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        if pedal:
            track.append(mido.Message("control_change", control=64, value=127, time=240))
            track.append(mido.Message("note_off", note=pitch, time=240))
            track.append(mido.Message("note_on", note=pitch + 2, velocity=60, time=480))
            track.append(mido.Message("control_change", control=64, value=0, time=960))
            track.append(mido.Message("note_off", note=pitch + 2, time=480))
        else:
            track.append(mido.Message("note_off", note=pitch, time=96))
        midi.tracks.append(track)
    path = tmp_path / "two.mid"
    midi.save(path)
    return path


def test_one_track_has_all_notes_at_their_times_and_no_hands(file: Path, tmp_path: Path) -> None:
    real_music.merged(file, tmp_path / "merged.mid")
    before, after = read_midi(file).notes, read_midi(tmp_path / "merged.mid").notes
    assert np.array_equal(before.table, after.table)
    assert before.hand.tolist() == [0, 1, 1]
    assert after.hand.tolist() == [-1, -1, -1]
    assert real_music.pedal_spans(tmp_path / "merged.mid") == [pytest.approx((0.25, 2.0))]


def test_notes_sound_until_the_pedal_comes_up(file: Path) -> None:
    notes = real_music.sounding(read_midi(file).notes, real_music.pedal_spans(file))
    # The left hand's note is over before the pedal comes down, the first of the right hand is caught by it, and the
    # last is held longer by its finger.
    assert notes.offset_s == pytest.approx([0.1, 2.0, 2.5])


def test_hands_are_compared_note_by_note(file: Path) -> None:
    named = read_midi(file).notes
    assert real_music.hand_accuracy(named, named) == 1.0
    assert real_music.hand_accuracy(named.with_hands(1), named) == pytest.approx(2 / 3)
    assert real_music.hand_accuracy(named, named.with_hands(-1)) is None


def test_the_most_keys_down_at_once(file: Path) -> None:
    assert real_music.most_keys(read_midi(file).notes) == 2


def test_excerpts_with_too_many_notes_or_keys_are_not_ordinary(capsys: pytest.CaptureFixture[str]) -> None:
    ordinary = real_music.Line(
        piece="ordinary",
        way="merged",
        notes=420,
        notes_a_second=14.0,
        most_keys=10,
        onset_f1=0.98,
        frame_f1=0.9,
        left_out=0,
        hands=None,
        work=0.1,
    )
    fast = dataclasses.replace(ordinary, piece="fast", notes_a_second=14.1, onset_f1=0.9)
    full = dataclasses.replace(ordinary, piece="full", most_keys=11, onset_f1=0.9)
    real_music.print_table([ordinary, fast, full])
    printed = capsys.readouterr().out
    assert "| ordinary | merged" in printed and "| fast * | merged" in printed and "| full * |" in printed
    assert "| merged | 3 | 0.9267 | 0.980 | 0 of 1 |" in printed
