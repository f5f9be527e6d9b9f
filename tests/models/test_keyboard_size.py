# SPDX-License-Identifier: GPL-3.0-or-later
"""Other keyboards than the 88 usual keys: fewer keys, narrower ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.app import cli
from models.app.left_out import remarks_on
from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest, from_params
from models.body.edit_mask import EditMask
from models.body.keyboard_size import STANDARD_KEYBOARD, KeyboardSize, keyboard_of
from models.body.notes import UNKNOWN, Notes
from models.body.take import Take
from models.errors import UserError
from models.music.midi import write_midi
from models.planning.plan import plan_fingering

SMALL = KeyboardSize.of(61)
SCALE = Notes.from_arrays(
    [[0.5 + 0.4 * i, 0.8 + 0.4 * i, pitch, 70] for i, pitch in enumerate(range(30, 103, 6))]
)
OUTSIDE = (SCALE.pitch < 36) | (SCALE.pitch > 96)


def test_the_usual_keyboards_have_their_usual_keys() -> None:
    assert (SMALL.lowest_pitch, SMALL.keys, SMALL.range_name) == (36, 61, "C2 to C7")
    assert KeyboardSize.of(76).range_name == "E1 to G7"
    assert KeyboardSize.of(88) == STANDARD_KEYBOARD and STANDARD_KEYBOARD.range_name == "A0 to C8"
    assert KeyboardSize.of({"white_pitch": 0.021}).unit == pytest.approx(21 / 23.5)


@pytest.mark.parametrize(
    "value",
    [
        62,
        True,
        "61",
        [36, 61],
        {"lowest": 36},
        {"lowest_pitch": 36, "keys": 88},
        {"lowest_pitch": 20},
        {"lowest_pitch": 36.5},
        {"keys": 3},
        {"white_pitch": 0.001},
        {"white_pitch": float("nan")},
        {"white_pitch": "wide"},
        {"white_dip": 0.004},
        {"white_dip": 0.014},
        {"white_dip": "deep"},
        {"white_pitch": 0.0188, "white_dip": 0.012},
    ],
)
def test_what_is_no_keyboard_is_refused_by_name(value: Any, tmp_path: Path) -> None:
    params = {"midi": tmp_path / "a.mid", "output": tmp_path / "a.npz", "keyboard": value}
    with pytest.raises(UserError) as found:
        from_params(GenerateRequest, params)
    assert found.value.code == "bad_params" and "keyboard" in found.value.message
    assert keyboard_of({"keyboard": value}) == STANDARD_KEYBOARD


def test_notes_without_a_key_are_played_by_nobody_and_the_others_as_if_they_were_not_there() -> None:
    edits = EditMask.everything(240, 30.0)
    plan = plan_fingering(SCALE, seed=1, keep=None, edits=edits, keyboard=SMALL)
    alone = plan_fingering(SCALE.select(~OUTSIDE), seed=1, keep=None, edits=edits)
    assert OUTSIDE.sum() == 2
    assert (plan.finger[OUTSIDE] == UNKNOWN).all() and (plan.finger[~OUTSIDE] >= 0).all()
    assert (plan.fingering[~OUTSIDE] == alone.fingering).all()
    everything = plan_fingering(SCALE, seed=1, keep=None, edits=edits)
    assert (everything.finger >= 0).all()


def test_what_lies_beyond_is_said() -> None:
    [remark] = remarks_on(SCALE, 30, 11, 13, SMALL)
    assert remark.code == "beyond_the_keyboard"
    assert remark.sentence == "2 notes lie beyond the keyboard's 61 keys (C2 to C7) and are left out."
    assert remarks_on(SCALE, 30, 13, 13) == []
    [one] = remarks_on(SCALE.select(SCALE.pitch > 80), 30, 3, 4, SMALL)
    assert one.sentence.startswith("1 note lies") and "is left out" in one.sentence
    nowhere = Notes.from_arrays(
        [[0.5, 1.0, 110.0, 70.0]]
    )  # no piano has this key: not of this keyboard's making
    assert remarks_on(nowhere, 30, 0, 0, SMALL) == []


def test_narrow_keys_make_hands_larger_beside_them() -> None:
    narrow = KeyboardSize.of({"white_pitch": 0.0235 * 0.9})
    style = narrow.style({"curl": 0.5, "hand_size": -1.0})
    assert style["curl"] == 0.5
    assert 1 + 0.1 * style["hand_size"] == pytest.approx(0.9 / 0.9)
    assert narrow.style({})["hand_size"] == pytest.approx(10 * (1 / 0.9 - 1))
    assert STANDARD_KEYBOARD.style({"hand_size": 1.0}) == {"hand_size": 1.0}


def test_hands_that_do_not_fit_the_keys_are_refused_with_the_way_out() -> None:
    toy = KeyboardSize.of({"white_pitch": 0.012})
    with pytest.raises(UserError) as found:
        toy.style({})
    assert found.value.code == "keys_do_not_fit_hands"
    assert "16.8 to 33.6 mm" in found.value.message
    toy_of_least = KeyboardSize.of({"white_pitch": 0.0168})
    assert toy_of_least.style({})["hand_size"] <= 4.0


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    path = tmp_path / "scale.mid"
    write_midi(path, SCALE.astype(np.float32))
    return path


def test_a_take_for_sixty_one_keys_says_what_it_leaves_out_and_a_redo_stays_on_them(
    tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    common: dict[str, Any] = {"preset": str(tiny_preset), "steps": 1, "device": "cpu", "contact": 0.0}
    pipeline = Pipeline()
    first = GenerateRequest(midi=midi, output=tmp_path / "one.npz", keyboard=SMALL, **common)
    made = pipeline.generate(first)
    left_out = {item["pitch"] for item in made.facts["left_out"]}
    assert {30, 102} <= left_out
    assert "beyond_the_keyboard" in [remark["code"] for remark in made.facts["remarks"]]
    take = Take.load(tmp_path / "one.npz")
    assert keyboard_of(take.meta) == SMALL
    assert set(take.notes.pitch[take.notes.finger < 0].astype(int)) == {30, 102}
    assert not set(take.keys[:, 0].astype(int)) & {30, 102}
    again = GenerateRequest(keep=first.output, hand="left", output=tmp_path / "two.npz", **common)
    redone = pipeline.generate(again)
    assert "beyond_the_keyboard" in [remark["code"] for remark in redone.facts["remarks"]]
    assert keyboard_of(redone.take.meta) == SMALL


def test_the_command_line_takes_a_number_of_keys_or_a_file(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    def run(*keyboard: str) -> tuple[int, str, str]:
        arguments = ["generate", str(midi), "-o", str(tmp_path / "a.npz"), "--preset", str(tiny_preset)]
        code = cli.main([*arguments, "--steps", "1", "--contact", "0", "--json", "--keyboard", *keyboard])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    code, out, _ = run("61")
    assert code == 0 and json.loads(out)["remarks"][0]["code"] == "beyond_the_keyboard"
    file = tmp_path / "narrow.json"
    file.write_text(json.dumps({"white_pitch": 0.0235 * 0.94}))
    assert run(str(file))[0] == 0
    meta = Take.load(tmp_path / "a.npz").meta
    assert meta["hand_size"] == pytest.approx(1 / 0.94)
    assert keyboard_of(meta).unit == pytest.approx(0.94)
    file.write_text("{")
    assert run(str(file))[0] == 1
    code, _, err = run(str(tmp_path / "none.json"))
    assert code == 1 and "keyboard file" in err
    assert "12 keys" not in err and run("62")[0] == 1
