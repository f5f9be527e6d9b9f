# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes of fingers: through the press depth exactly when notes sound, to the bottom, and no farther."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.body.keyboard import PRESS_DEPTH, bottom_depth, key_surface
from models.body.notes import Notes
from models.body.skeleton import RIGHT
from models.contact.schedule import Presses, plan_presses
from models.contact.stroke_curves import monotone_cubic
from models.contact.strokes import Strokes, StrokeSampler
from models.planning.fingering import finger_notes

FPS = 240.0
FRAMES = 480


def two_presses(
    gap_s: float = 0.3, pitch: tuple[int, int] = (60, 62), y: float = 0.03
) -> tuple[Strokes, Presses]:
    """A thumb that plays two notes, half a second the first, landing ``y`` metres from the front of the keys."""
    up, down = 1.0, 1.0 + gap_s
    table = [[0.5, up, pitch[0], 80], [down, down + 0.3, pitch[1], 80]]
    notes = Notes.from_arrays(table, np.array([[1, 0], [1, 0]]))
    presses = plan_presses(replace(notes, release_s=notes.offset_s), FPS)
    sampler = StrokeSampler(presses, FRAMES, FPS)
    return sampler(np.array([0.0, 0.05]), np.full(2, y)), presses


def thumb(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values[..., RIGHT, 0, :]


@pytest.mark.parametrize("pitch", [(60, 62), (61, 63)])
@pytest.mark.parametrize("gap_s", [0.06, 0.15, 0.5])
def test_a_finger_passes_the_press_depth_when_the_note_begins_and_ends(
    pitch: tuple[int, int], gap_s: float
) -> None:
    strokes, presses = two_presses(gap_s, pitch, 0.07)
    height = thumb(strokes.points)[2] - key_surface(pitch[0])
    down = np.flatnonzero(np.diff((height < -PRESS_DEPTH).astype(int)))
    wanted = np.sort(np.concatenate([presses.down_s, presses.up_s])) * FPS
    assert len(down) == 4
    assert np.abs(down + 1 - np.ceil(wanted)).max() <= 1, "to the frame"
    assert height.max() <= PressTiming().hover + 1e-9


@pytest.mark.parametrize("y", [0.015, 0.04, 0.06])
def test_the_bottom_is_that_of_the_key_where_the_finger_lands(y: float) -> None:
    strokes, _ = two_presses(y=y)
    held = slice(round(0.6 * FPS), round(0.9 * FPS))
    bottom = thumb(strokes.points)[2, held]
    np.testing.assert_allclose(bottom, -bottom_depth(np.array([60]), np.array([y]))[0], atol=1e-9)
    np.testing.assert_allclose(thumb(strokes.points)[1], y)
    shallow, deep = (thumb(two_presses(y=at)[0].points)[2].min() for at in (0.06, 0.015))
    assert deep < shallow - 0.001, "a key is a lever"


def test_a_finger_stays_on_its_key_until_it_has_left_it_and_then_goes_to_the_next() -> None:
    strokes, presses = two_presses(0.3)
    x = thumb(strokes.points)[0]
    first, last = presses.up_s[0] * FPS, presses.down_s[1] * FPS
    assert not x[: int(first)].any() and (x[int(last) :] == 0.05).all()
    assert (np.diff(x) >= 0).all()
    pitch = thumb(strokes.pitch)
    assert set(pitch.tolist()) == {0, 60, 62} and (pitch[int(first)], pitch[int(last) + 1]) == (60, 62)


def test_firmness_falls_by_e_squared_in_every_fiftieth_of_a_second() -> None:
    strokes, presses = two_presses(0.5)
    firm = thumb(strokes.firm)
    times = np.arange(FRAMES) / FPS
    inside = (times >= presses.down_s[0]) & (times <= presses.up_s[0])
    assert (firm[inside] == 1).all()
    before = times < presses.down_s[0]
    np.testing.assert_allclose(firm[before], np.exp(-2 * (presses.down_s[0] - times[before]) / 0.02))
    after = (times > presses.up_s[0]) & (times < presses.up_s[0] + 0.2)
    np.testing.assert_allclose(firm[after], np.exp(-2 * (times[after] - presses.up_s[0]) / 0.02))
    others = strokes.firm.copy()
    others[RIGHT, 0] = 0
    assert not others.any()


def test_holding_begins_before_the_stroke_and_half_ends_with_the_note() -> None:
    strokes, presses = two_presses(0.5)
    holding, times = thumb(strokes.holding), np.arange(FRAMES) / FPS
    assert (holding[(times >= presses.down_s[0]) & (times < presses.up_s[0])] == 1).all()
    assert (holding[times < presses.down_s[0] - 0.04] == 0).all()
    assert holding[round((presses.up_s[0] + 0.02) * FPS)] == 0.5
    assert holding[round((presses.up_s[0] + 0.06) * FPS)] == 0


def test_without_presses_nobody_plays() -> None:
    none = presses_of(*(np.zeros(0),) * 4)
    strokes = StrokeSampler(none, 10, FPS)(np.zeros(0), np.zeros(0))
    assert strokes.points.shape == (3, 2, 5, 10)
    assert not strokes.pitch.any() and not strokes.firm.any() and not strokes.holding.any()


def test_heights_go_through_their_knots_level_at_the_ends_and_never_beyond() -> None:
    knots, values = (
        np.array([0.0, 0.1, 0.15, 0.6, 0.7, 1.0]),
        np.array([0.02, -0.004, -0.01, -0.01, 0.03, 0.01]),
    )
    np.testing.assert_allclose(monotone_cubic(knots, values, knots), values, atol=1e-15)
    for start, stop, low, high in zip(knots[:-1], knots[1:], values[:-1], values[1:]):
        rise = np.diff(monotone_cubic(knots, values, np.linspace(start, stop, 50))) * np.sign(high - low)
        assert (rise >= 0).all() and (low != high or not rise.any())
    for end, inward in ((0, 1e-6), (-1, -1e-6)):
        slope = (monotone_cubic(knots, values, knots[[end]] + inward)[0] - values[end]) / inward
        assert abs(slope) < 1e-4


def test_heights_where_presses_overlap() -> None:
    knots, values = np.array([0.0, 0.2, 0.2, 0.1, 0.4]), np.array([1.0, 2.0, 5.0, 7.0, 3.0])
    np.testing.assert_allclose(monotone_cubic(knots, values, np.array([0.0, 0.2, 0.4])), [1.0, 2.0, 3.0])


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_repeated_notes_go_up_between_for_at_least_a_frame(fps: float) -> None:
    table = [[0.5 + 0.1 * i, 0.6 + 0.1 * i, 60, 80] for i in range(8)]
    notes = finger_notes(Notes.from_arrays(table, hand=RIGHT))
    presses = plan_presses(notes, fps)
    order = np.argsort(presses.down_s)
    down, up = presses.down_s[order], presses.up_s[order]
    assert (up > down).all() and (up[:-1] < down[1:]).all()
    strokes = StrokeSampler(presses, int(2 * fps), fps)(np.zeros(8), np.full(8, 0.03))
    pressed = ((strokes.points[2] < -0.003) & (strokes.pitch == 60)).any((0, 1))
    assert (np.diff(pressed.astype(int)) == 1).sum() == 8
