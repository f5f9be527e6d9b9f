# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of a MIDI file placed in time: which notes, when, how long the take, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.app.progress import StageClock
from models.app.request import GenerateRequest, from_params
from models.app.transcriber import load_transcriber
from models.body.notes import Notes
from models.errors import UserError
from models.music.midi import write_midi
from models.music.midi_piece import MidiPiece, in_pieces
from models.music.note_source import TAIL_S, NoteSource
from models.music.pedal import Pedal

SCALE = Notes.from_arrays([[i, i + 1.0, 60 + i, 80] for i in range(4)], hand=np.array([0, 1, 0, 1]))
"""Four notes of a second."""


def piece(start_s: float, end_s: float | None, at_s: float) -> MidiPiece:
    return MidiPiece(start_s=start_s, end_s=end_s, at_s=at_s)


def test_notes_lie_where_their_pieces_lie() -> None:
    notes, _ = in_pieces(SCALE, Pedal.none(), [piece(2.5, None, 0.0), piece(0.0, 2.0, 5.0)])
    assert notes.pitch.tolist() == [62, 63, 60, 61]
    assert notes.onset_s.tolist() == [0.0, 0.5, 5.0, 6.0]
    assert notes.offset_s.tolist() == [0.5, 1.5, 6.0, 7.0]
    assert notes.hand.tolist() == [0, 1, 0, 1]


def test_the_pedal_comes_along_and_does_not_hang_over() -> None:
    foot = Pedal(np.array([0.5, 1.5]), np.array([1.0, 0.0], np.float32))
    _, pedal = in_pieces(SCALE, foot, [piece(0.0, 1.0, 2.0), piece(1.0, 3.0, 6.0)])
    seconds = np.array([1.9, 2.4, 2.6, 3.1, 5.9, 6.1, 6.4, 6.6])
    assert pedal.down_at(seconds).tolist() == [False, False, True, False, False, True, True, False]


@pytest.mark.parametrize(("end_s", "duration_s"), [(None, 6.0 + TAIL_S), (3.5, 5.5), (30.0, 6.0 + TAIL_S)])
def test_a_take_lasts_as_long_as_its_pieces(tmp_path: Path, end_s: float | None, duration_s: float) -> None:
    write_midi(tmp_path / "scale.mid", SCALE)
    pieces = [{"start_s": 0.0, "end_s": 1.0, "at_s": 0.0}, {"start_s": 2.0, "end_s": end_s, "at_s": 4.0}]
    params = {"midi": tmp_path / "scale.mid", "output": tmp_path / "take.npz", "midi_pieces": pieces}
    request = from_params(GenerateRequest, params)
    music = NoteSource(load_transcriber).music(request, None, None, StageClock())
    assert music.duration_s == pytest.approx(duration_s, abs=1e-3)
    assert music.notes.pitch.tolist() == [60, 62, 63]
    assert "midi_sha256" in music.source


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"midi_pieces": []}, "midi_pieces"),
        ({"midi_pieces": [3]}, "midi_pieces[0]"),
        ({"midi_pieces": [{"start_s": 0.0, "end_s": 1.0}]}, "midi_pieces[0].at_s"),
        ({"midi_pieces": [{"start_s": 2.0, "end_s": 1.0, "at_s": 0.0}]}, "later than its start_s"),
        ({"midi_pieces": [{"start_s": -1.0, "end_s": 1.0, "at_s": 0.0}]}, "midi_pieces[0].start_s"),
        ({"midi_pieces": [{"start_s": 0.0, "end_s": 1.0, "at_s": 0.0, "gain": 1.0}]}, "not known"),
        ({"sound": "song.wav"}, "no sound"),
        ({"sound_start_s": 1.0}, "no trims"),
        ({"midi": None, "keep": "take.npz"}, "needs"),
    ],
)
def test_pieces_that_make_no_sense_are_refused(change: dict[str, Any], said: str) -> None:
    good = {
        "midi": "song.mid",
        "output": "take.npz",
        "midi_pieces": [{"start_s": 0.0, "end_s": None, "at_s": 1.0}],
    }
    assert from_params(GenerateRequest, good).midi_pieces == (piece(0.0, None, 1.0),)
    with pytest.raises(UserError) as caught:
        from_params(GenerateRequest, {**good, **change})
    assert caught.value.code == "bad_params" and said in caught.value.message
