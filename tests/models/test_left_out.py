# SPDX-License-Identifier: GPL-3.0-or-later
"""The animator is told why many notes are left out."""

from pathlib import Path

import numpy as np
import pytest

from models.app.left_out import remarks_on
from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body.notes import Notes
from models.music.midi import write_midi


def repeated(rate: float) -> Notes:
    return Notes.from_arrays([[0.5 + i / rate, 0.5 + (i + 0.5) / rate, 72, 80] for i in range(30)])


def test_a_key_that_is_struck_too_fast_is_named_with_its_rate() -> None:
    [remark] = remarks_on(repeated(20), 30, 22, 30)
    assert remark.code == "strokes_not_shown"
    assert "20 times a second" in remark.sentence and "7 strokes are left out" in remark.sentence
    assert "30 frames a second" in remark.sentence
    assert remarks_on(repeated(20), 60, 30, 30) == []
    assert remarks_on(repeated(12), 30, 30, 30) == []
    [one] = remarks_on(Notes.from_arrays([[1 + 0.03 * i, 2, 60, 80] for i in range(4)]), 30, 3, 4)
    assert "1 stroke is left out" in one.sentence


def test_more_keys_than_fingers_are_counted() -> None:
    keys = [[0.5 * i, 0.5 * i + 0.4, pitch, 80] for i in range(1, 4) for pitch in range(40, 88, 3)]
    [remark] = remarks_on(Notes.from_arrays(keys), 30, 1200, 60000)
    assert remark.code == "more_than_ten_fingers"
    assert remark.sentence.startswith("1,200 of 60,000 notes are played;")


@pytest.mark.parametrize("rate", [20.0, 10.0])
def test_a_take_comes_with_the_remark(tiny_preset: Path, tmp_path: Path, rate: float) -> None:
    midi = tmp_path / "repeated.mid"
    write_midi(midi, repeated(rate).astype(np.float32))
    request = GenerateRequest(
        midi=midi, output=tmp_path / "take.npz", preset=str(tiny_preset), steps=1, device="cpu"
    )
    codes = [remark["code"] for remark in Pipeline().generate(request).facts["remarks"]]
    assert codes == (["strokes_not_shown"] if rate > 15 else [])
