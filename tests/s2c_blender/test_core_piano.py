# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's keyboard without Blender: what names mean, which key lies where, the frame, the player's seat."""

import random

import numpy as np
import pytest

from s2c_blender.core import keyboard
from s2c_blender.core.key_names import key_of, pedal_of, pitches_of
from s2c_blender.core.key_places import Boxes, by_frame, by_pattern, misplaced, rough_axes
from s2c_blender.core.piano_fit import axes_of_line, fit, remarks
from s2c_blender.core.seat import seat_remark
from s2c_blender.core.skeleton import STANDARD_ARMS
from s2c_blender.errors import UserError

ALL = list(keyboard.PITCHES)
SIXTY_ONE = list(range(36, 97))
ENGLISH = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
SHORT = ("C", "Cs", "D", "Ds", "E", "F", "Fs", "G", "Gs", "A", "As", "B")
GERMAN = ("C", "Cis", "D", "Dis", "E", "F", "Fis", "G", "Gis", "A", "B", "H")
GERMAN_FLATS = ("C", "Des", "D", "Es", "E", "F", "Ges", "G", "As", "A", "B", "H")


def octave(pitch: int) -> int:
    return pitch // 12 - 1


SCHEMES = {
    "C#4": lambda p: f"{ENGLISH[p % 12]}{octave(p)}",
    "Key_C#4": lambda p: f"Key_{ENGLISH[p % 12]}{octave(p)}",
    "Key C#4.001": lambda p: f"Key {ENGLISH[p % 12]}{octave(p)}.001",
    "Db4": lambda p: f"{FLATS[p % 12]}{octave(p)}",
    "piano_db_4": lambda p: f"piano_{FLATS[p % 12].lower()}_{octave(p)}",
    "KeyAs3": lambda p: f"Key{SHORT[p % 12]}{octave(p)}",
    "A-sharp_3": lambda p: f"{ENGLISH[p % 12].replace('#', '-sharp')}_{octave(p)}",
    "Cis4": lambda p: f"Taste {GERMAN[p % 12]}{octave(p)}",
    "As4, German": lambda p: f"Taste {GERMAN_FLATS[p % 12]}{octave(p)}",
    "middle C is C3": lambda p: f"{ENGLISH[p % 12]}{octave(p) - 1}",
    "key_21": lambda p: f"key_{p}",
    "Key.001": lambda p: f"Key.{p - 20:03}",
    "Key, Key.001": lambda p: "Key" if p == 21 else f"Key.{p - 21:03}",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_usual_way_to_name_keys_is_read_in_any_order(scheme: str) -> None:
    pitches = ALL.copy()
    random.Random(3).shuffle(pitches)
    assert pitches_of([SCHEMES[scheme](pitch) for pitch in pitches]) == pitches


def test_sixty_one_keys_that_are_counted_begin_at_c2() -> None:
    assert pitches_of([f"Key.{i:03}" for i in range(61)]) == SIXTY_ONE
    assert pitches_of([f"key_{pitch}" for pitch in SIXTY_ONE]) == SIXTY_ONE


def test_names_that_mean_two_things_or_nothing_tell_nothing() -> None:
    assert pitches_of(["Cube", "Plane", "Lamp"]) == [None] * 3
    assert pitches_of([f"Object{i}" for i in (1, 5, 9, 12, 40, 41)]) == [None] * 6
    doubled = [SCHEMES["C#4"](pitch) for pitch in ALL] + ["C4_copy"]
    assert pitches_of(doubled) == [None] * 89
    assert pitches_of(["C" * 100_000] * 8) == [None] * 8


def test_what_is_no_key_stays_without_one() -> None:
    names = [SCHEMES["Key_C#4"](pitch) for pitch in SIXTY_ONE] + ["Case", "Lid"]
    assert pitches_of(names) == [*SIXTY_ONE, None, None]


def test_a_single_key_is_named_by_note_or_number() -> None:
    assert [key_of(text) for text in ("A0", "c8", "C#4", "Bb3", "60", " E1 ")] == [21, 108, 61, 58, 60, 28]
    assert [key_of(text) for text in ("", "C9", "H2", "20", "109", "x", "9" * 5000)] == [None] * 7


def test_the_sustain_pedal_is_named() -> None:
    assert pedal_of(["Pedal_Left", "Key", "Pedal_Right"]) == 2
    assert pedal_of(["soft pedal", "Sustain Pedal"]) == 1
    assert pedal_of(["pedal"]) == 0
    assert pedal_of(["pedal a", "pedal b"]) is None and pedal_of(["key"]) is None


def boxes(pitches: list[int], seed: int = 0) -> tuple[Boxes, list[int]]:
    """Boxes of a piano's keys in its frame, shuffled, and the pitches in that order."""
    shapes = {shape.pitch: shape for shape in keyboard.key_shapes()}
    order = pitches.copy()
    random.Random(seed).shuffle(order)
    corners = [shapes[p].vertices + (shapes[p].x, keyboard.HINGE_Y, keyboard.HINGE_Z) for p in order]
    return Boxes(np.array([c.min(0) for c in corners]), np.array([c.max(0) for c in corners])), order


def turned(found: Boxes) -> Boxes:
    """Boxes seen from the other side of the piano."""
    half_turn = np.array([-1.0, -1.0, 1.0])
    corners = np.stack([found.low * half_turn, found.high * half_turn])
    return Boxes(corners.min(0), corners.max(0))


@pytest.mark.parametrize("pitches", [ALL, SIXTY_ONE, list(range(28, 104)), list(range(48, 73))])
def test_keys_are_told_by_place_from_either_side(pitches: list[int]) -> None:
    found, order = boxes(pitches)
    assert by_pattern(found)[0].tolist() == order and not by_pattern(found)[1]
    other, on_other_side = by_pattern(turned(found))
    assert other.tolist() == order and on_other_side
    flat = Boxes(found.low * (1, 1, 0), found.high * (1, 1, 0))  # no height tells: the width does
    assert by_pattern(flat)[0].tolist() == order


def test_keys_are_told_by_the_frame() -> None:
    found, order = boxes(list(range(40, 60)), 4)
    colours = np.array([keyboard.is_black(pitch) for pitch in order])
    assert by_frame(found, colours).tolist() == order
    assert misplaced(found, np.array(order)) < 0.05
    assert misplaced(found, np.array(order) + 1) > 0.4


def test_things_that_are_no_keyboard_are_refused() -> None:
    row = np.arange(88.0)[:, None] * (0.02, 0, 0)
    alike = Boxes(row, row + (0.018, 0.15, 0.02))
    found, _ = boxes(ALL)
    for wrong in (alike, Boxes(found.low[:5], found.high[:5]), Boxes(found.low[::2], found.high[::2])):
        with pytest.raises(UserError) as fault:
            by_pattern(wrong)
        assert fault.value.code == "keys_unclear"
    with pytest.raises(UserError, match="do not lie in a row"):
        rough_axes(np.zeros((20, 3)))
    with pytest.raises(UserError, match="two of them lie on one key"):
        by_frame(Boxes(np.zeros((2, 3)), np.zeros((2, 3))), None)


def known_matrix(scale: float, tilt: float = 0.0) -> np.ndarray:
    a, b = 0.7, tilt
    z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = z @ y * scale
    matrix[:3, 3] = (3.0, -2.0, 0.72)
    return matrix


def front(matrix: np.ndarray, pitch: int) -> np.ndarray:
    own = (keyboard.key_x(pitch), keyboard.key_front(pitch), keyboard.key_top(pitch), 1.0)
    return (matrix @ own)[:3]


@pytest.mark.parametrize("ends", [(21, 108), (36, 96), (28, 103), (22, 106)])  # a black key is an end, too
@pytest.mark.parametrize(("scale", "tilt"), [(1.0, 0.0), (0.3, 0.0), (1.0, 0.05), (40.0, -0.3)])
def test_two_keys_give_back_the_frame_they_lie_in(ends: tuple[int, int], scale: float, tilt: float) -> None:
    matrix = known_matrix(scale, tilt)
    found = fit(front(matrix, ends[0]), front(matrix, ends[1]), *ends)
    np.testing.assert_allclose(found.matrix, matrix, atol=2e-3 * scale if ends == (22, 106) else 1e-9 * scale)
    assert found.white_pitch == pytest.approx(0.0235 * scale, rel=1e-4)
    assert found.slope == pytest.approx(-tilt, abs=1e-6)


def test_a_keyboard_that_leans_and_one_that_is_lifted() -> None:
    matrix = known_matrix(1.0)
    lean = np.eye(4)
    lean[1:3, 1:3] = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    leaning = matrix @ lean
    found = fit(front(leaning, 21), front(leaning, 108), 21, 108, lean=0.1)
    np.testing.assert_allclose(found.matrix, leaning, atol=1e-9)
    np.testing.assert_allclose(
        fit(front(leaning, 21), front(leaning, 108), 21, 108, up=leaning[:3, 2]).matrix, leaning, atol=1e-9
    )
    higher = fit(front(matrix, 21), front(matrix, 108), 21, 108, lift=0.02)
    np.testing.assert_allclose(higher.matrix[:3, 3], matrix[:3, 3] + (0, 0, 0.02), atol=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "pitches", "code"),
    [
        ((1, 1, 1), (1, 1, 1), (21, 108), "keys_in_one_place"),
        ((0, 0, 0), (np.nan, 0, 0), (21, 108), "keys_in_one_place"),
        ((0, 0, 0), (np.inf, 0, 0), (21, 108), "keys_in_one_place"),
        ((0, 0, 0), (0, 0, 1), (21, 108), "keyboard_upright"),
        ((0, 0, 0), (1, 0, 0), (108, 21), "keys_too_near"),
        ((0, 0, 0), (1, 0, 0), (60, 62), "keys_too_near"),
    ],
)
def test_places_that_are_no_keyboard(low: tuple, high: tuple, pitches: tuple[int, int], code: str) -> None:
    with pytest.raises(UserError) as fault:
        fit(low, high, *pitches)
    assert fault.value.code == code and fault.value.message.endswith(".")


def test_odd_keyboards_are_remarked_on() -> None:
    def said(scale: float, tilt: float, metre: float = 1.0) -> list[str]:
        matrix = known_matrix(scale, tilt)
        return remarks(fit(front(matrix, 21), front(matrix, 108), 21, 108), metre)

    assert said(1.0, 0.0) == said(0.9, 0.0) == said(100.0, 0.0, 100.0) == []
    assert "47 mm wide" in said(2.0, 0.0)[0]
    [slope] = said(1.0, 0.05)
    assert "slopes by 2.9 degrees down towards the treble" in slope


def test_axes_point_from_bass_to_treble_and_away_from_the_player() -> None:
    axes = axes_of_line(np.zeros(3), np.array([0.0, 2.0, 0.0]))
    np.testing.assert_allclose(axes, np.column_stack([(0, 1, 0), (-1, 0, 0), (0, 0, 1)]), atol=1e-12)


def test_a_seat_is_judged_and_a_better_one_proposed() -> None:
    good = STANDARD_ARMS.shoulder
    arms = STANDARD_ARMS.upper_arm + STANDARD_ARMS.forearm
    assert seat_remark(good, arms) == ""
    assert "10 cm forward" in seat_remark(good - (0, 0.1, 0), arms)
    assert "15 cm lower" in seat_remark(good + (0, 0, 0.15), arms)
    assert "20 cm to the right and 10 cm higher" in seat_remark(good - (0.2, 0, 0.1), arms)
    assert "half a turn" in seat_remark(good[::-1], arms)
    far = seat_remark(good - (0, 0.5, 0), arms)
    assert "50 cm forward (A0 and C8 are out of reach)" in far
    near = seat_remark(good - (0, 0.15, 0), arms, low_pitch=36, high_pitch=96)
    assert "15 cm forward:" in near, "what lies beyond the keyboard need not be reached"
    assert "45 cm forward" in seat_remark(good - (0, 0.5, 0), arms, unit=0.9)


def test_long_arms_sit_farther_away() -> None:
    arms = STANDARD_ARMS.upper_arm + STANDARD_ARMS.forearm
    seat, wrist = STANDARD_ARMS.shoulder, STANDARD_ARMS.wrist
    assert seat_remark(wrist + 1.3 * (seat - wrist), 1.3 * arms) == ""
    assert "back" in seat_remark(seat, 1.3 * arms) and "higher" in seat_remark(seat, 1.3 * arms)
    short = seat_remark(wrist + 0.5 * (seat - wrist), 0.5 * arms)
    assert short.startswith("With the trunk leaning A0 and C8 are out of reach")
