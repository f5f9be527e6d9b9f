# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that go less or more deep than ours: fingertips go down with them, and what counts as struck does, too."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contact_scenes import over_a_key, problem_of
from numpy.typing import NDArray
from test_contact import melody, relaxed_motion

from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body import keyboard
from models.body.keyboard_size import KeyboardSize, keyboard_of
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import RIGHT, STANDARD_HANDS
from models.body.take import Take
from models.contact import apply_contact
from models.contact.guarantee import find_wrong_keys
from models.contact.hand_points import find_points
from models.contact.key_curves import key_curves
from models.contact.touch import SETTLED
from models.evaluation.dynamics import take_strokes
from models.evaluation.key_touch import key_touch
from models.evaluation.scores import evaluate_take, shown, take_onsets
from models.music.midi import write_midi

FPS = 30.0
DIPS = (0.005, 0.006, 0.013)


def played(dip: float | None) -> Take:
    """The melody on keys of this dip, metres; None for ours."""
    size = KeyboardSize(white_dip=dip)
    made = apply_contact(relaxed_motion(5.0, FPS), melody(), dip_factor=size.dip_factor)
    keys = key_curves(made.notes, made.motion.frames, FPS, dip_factor=size.dip_factor)
    return Take(made.motion, made.notes, {"keyboard": size.facts()}, keys=keys)


def held_depths(take: Take) -> NDArray[np.float64]:
    """(n,) of each note, before its release begins: its finger below the resting surface, in dips of our key there."""
    fine = shown(take)
    third = (2 * take.notes.onset_s + take.notes.leaves_s) / 3
    moment = np.round(third * fine.rate).astype(int)
    tips = fine.tips[moment, take.notes.hand, take.notes.finger].astype(np.float64)
    pitch = take.notes.pitch.astype(int)
    found: NDArray[np.float64] = keyboard.key_surface(pitch) - tips[:, 2]
    return found / keyboard.bottom_depth(pitch, tips[:, 1])


@pytest.mark.parametrize("dip", DIPS)
def test_fingertips_go_down_as_deep_as_the_keys_and_play_as_on_ours(dip: float) -> None:
    take, ours = played(dip), played(None)
    factor = dip / keyboard.WHITE_DIP
    depths = held_depths(take)
    assert np.median(depths) == pytest.approx(factor * SETTLED, abs=0.02)
    assert (np.abs(depths / factor - held_depths(ours)) < 0.05).all()
    score = take_onsets(take).score
    assert score == take_onsets(ours).score and score.f1 > 0.98
    touch = key_touch(take, shown(take))
    assert touch.off_key_mm_p95 is not None and touch.off_key_mm_p95 < 2.0
    assert touch.in_keys == 0.0


def test_figures_go_by_the_keys_that_a_take_was_made_for() -> None:
    shallow = played(0.005)
    deep = Take(
        shallow.motion, shallow.notes, {}, keys=shallow.keys
    )  # the same on our piano, which it does not play
    figures, wrong = (evaluate_take(take, take.notes) for take in (shallow, deep))
    assert figures["onset_f1"] > 0.98 and figures["onset_f1_90"] > 0.9
    assert wrong["onset_f1"] < 0.2
    assert len(take_strokes(shallow, shown(shallow))) == len(shallow.notes)
    assert len(take_strokes(deep, shown(deep))) < 0.2 * len(deep.notes)


def test_keys_sound_as_soon_however_deep_they_go() -> None:
    """A shallow key is sooner at its bottom after it sounds; where it sounds is the same moment."""
    soft = Notes.from_arrays([[1.0, 2.0, 60, 20]], fingering=np.array([[1, 2]], np.int8))
    soft = replace(soft, release_s=soft.offset_s)
    ends = []
    for dip in (0.005, 0.010, 0.013):
        curve = key_curves(soft, 480, 240.0, dip_factor=dip / keyboard.WHITE_DIP)
        ends.append(float(curve[curve[:, 2] > 0.9, 1].min()))
    assert 1.005 < ends[0] < ends[1] < ends[2] < 1.04


def test_a_finger_is_sooner_in_a_key_that_goes_less_deep() -> None:
    hands = over_a_key(64)
    tips = find_points(hands, STANDARD_HANDS, 1.0).tips[:, RIGHT, :, 0].T
    under = keyboard.key_under(tips)
    above = (tips[:, 2] - keyboard.key_surface(under + keyboard.LOWEST_PITCH))[under >= 0]
    values = hands.values.copy()
    values[RIGHT, 17] -= above.min() + 0.002  # the lowest finger two millimetres in its key
    low = hands.with_values(values)
    ours = problem_of(low)
    assert not len(find_wrong_keys(ours, low))
    shallow = replace(ours, presses=replace(ours.presses, dip_factor=0.5))
    assert len(find_wrong_keys(shallow, low)) == len(low)


def test_a_request_for_shallow_keys_is_played_and_its_redo_stays_on_them(
    tiny_preset: Path, tmp_path: Path
) -> None:
    write_midi(tmp_path / "a.mid", melody().astype(np.float32))
    pipeline, keys = Pipeline(), KeyboardSize.of({"white_dip": 0.006})
    common: dict[str, Any] = {
        "midi": tmp_path / "a.mid",
        "preset": str(tiny_preset),
        "steps": 1,
        "device": "cpu",
    }
    first = GenerateRequest(output=tmp_path / "one.npz", keyboard=keys, **common)
    made = pipeline.generate(first)
    assert made.facts["notes_played"] > 0.6 * made.facts["notes"]  # of motion that is noise
    take = Take.load(tmp_path / "one.npz")
    assert keyboard_of(take.meta) == keys
    assert np.median(held_depths(take)) == pytest.approx(0.6 * SETTLED, abs=0.1)
    again = GenerateRequest(keep=first.output, hand="right", output=tmp_path / "two.npz", **common)
    redone = pipeline.generate(again).take
    assert keyboard_of(redone.meta) == keys
    assert np.median(held_depths(redone)[redone.notes.hand == 1]) == pytest.approx(0.6 * SETTLED, abs=0.1)


def test_narrow_keys_go_less_deep_in_proportion_unless_somebody_says_how_deep() -> None:
    narrow = KeyboardSize(white_pitch=0.9 * keyboard.WHITE_PITCH)
    assert narrow.dip_factor == 1.0
    assert KeyboardSize(white_pitch=0.9 * keyboard.WHITE_PITCH, white_dip=0.009).dip_factor == pytest.approx(
        1.0
    )
    assert KeyboardSize(white_dip=0.006).dip_factor == pytest.approx(0.6)


def test_ours_are_as_they_were() -> None:
    """A piano that says how deep ours go is our piano, to the bit."""
    ours, said = played(None), played(keyboard.WHITE_DIP)
    assert isinstance(ours.motion, Motion)
    np.testing.assert_array_equal(ours.motion.euler, said.motion.euler)
    np.testing.assert_array_equal(ours.keys, said.keys)
