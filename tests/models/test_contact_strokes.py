# SPDX-License-Identifier: GPL-3.0-or-later
"""Strokes of fingers: keys are struck when notes sound, held at their bottom, half way up when notes end."""

from dataclasses import replace

import numpy as np
import pytest
from contact_scenes import presses_of
from numpy.typing import NDArray

from models.body.keyboard import BLACK_FRONT, bottom_depth, key_surface, key_x, playable_y, struck_keys
from models.body.notes import Notes
from models.body.skeleton import RIGHT
from models.contact import stroke_curves, touch
from models.contact.schedule import Presses, contact_points, plan_presses
from models.contact.stroke_curves import monotone_cubic
from models.contact.strokes import Strokes, StrokeSampler
from models.planning.fingering import finger_notes

FPS = 240.0
FRAMES = 480


def two_presses(
    gap_s: float = 0.3, pitch: tuple[int, int] = (60, 62), y: float = 0.03, release_s: float | None = None
) -> tuple[Strokes, Presses]:
    """A thumb that plays two notes, half a second the first, landing ``y`` metres from the front of the keys.

    release_s: seconds that both keys take to come up; None for what is drawn.
    """
    up, down = 1.0, 1.0 + gap_s
    table = [[0.5, up, pitch[0], 80], [down, down + 0.3, pitch[1], 80]]
    notes = Notes.from_arrays(table, np.array([[1, 0], [1, 0]]))
    presses = plan_presses(replace(notes, release_s=notes.offset_s), FPS)
    if release_s is not None:
        presses = replace(presses, rise_s=np.full(2, release_s))
    sampler = StrokeSampler(presses, FRAMES, FPS)
    return sampler(np.array([0.0, 0.05]), np.full(2, y)), presses


def thumb(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values[..., RIGHT, 0, :]


@pytest.mark.parametrize("pitch", [(60, 62), (61, 63)])
@pytest.mark.parametrize("gap_s", [0.06, 0.15, 0.5])
def test_a_key_is_at_its_bottom_and_half_way_up_when_its_press_says_so(
    pitch: tuple[int, int], gap_s: float
) -> None:
    strokes, presses = two_presses(gap_s, pitch, 0.07, release_s=0.1)
    depth = key_surface(pitch[0]) - thumb(strokes.points)[2]
    dip = bottom_depth(np.array(pitch), np.full(2, 0.07))[0]
    up = 1 + np.flatnonzero((depth[:-1] > 0.5 * dip) & (depth[1:] <= 0.5 * dip))
    assert len(up) == 2
    late = up / FPS - presses.up_s
    assert np.abs(late[1:] if gap_s < 0.15 else late).max() <= 1.2 / FPS, "to the frame"
    early = stroke_curves._EARLIER_S + 1.2 / FPS
    assert -early < late[0] <= 1.2 / FPS, "what there is no time for afterwards begins a little earlier"
    for down_s, up_s in zip(presses.down_s, presses.up_s, strict=True):
        first = round((down_s - 0.05) * FPS)
        deepest = first + np.argmax(depth[first : round(up_s * FPS)])
        assert abs(deepest - down_s * FPS) <= 1
    assert depth.max() <= 1.04 * dip and depth.min() >= -0.024


def test_a_key_is_struck_within_a_frame_of_its_note() -> None:
    """At three quarters of its dip, whatever its loudness."""
    for velocity in (30, 48, 64, 80, 110):
        table = [[0.5, 1.0, 60, velocity]]
        notes = finger_notes(Notes.from_arrays(table, hand=RIGHT))
        presses = plan_presses(notes, FPS)
        points = StrokeSampler(presses, 240, FPS)(key_x(presses.pitch), np.full(1, 0.04)).points
        struck = np.flatnonzero(struck_keys(points.transpose(3, 1, 2, 0))[:, 60 - 21])
        assert abs(struck[0] / FPS - 0.5) < 0.008, velocity


@pytest.mark.parametrize("y", [0.015, 0.04, 0.06])
def test_the_bottom_is_that_of_the_key_where_the_finger_lands(y: float) -> None:
    """The felt at the bottom gives way to the stroke; then the key rests a little above."""
    strokes, _ = two_presses(y=y, release_s=0.1)
    height = thumb(strokes.points)[2]
    dip = bottom_depth(np.array([60]), np.array([y]))[0]
    np.testing.assert_allclose(height[round(0.65 * FPS) : round(0.9 * FPS)], -touch.SETTLED * dip, atol=1e-9)
    assert -1.04 * dip < height[: round(1.2 * FPS)].min() < -0.98 * dip
    np.testing.assert_allclose(thumb(strokes.points)[1], y)
    shallow, deep = (thumb(two_presses(y=at)[0].points)[2].min() for at in (0.06, 0.015))
    assert deep < shallow - 0.001, "a key is a lever"


def test_a_finger_that_holds_its_key_goes_along_with_its_hand_and_no_farther_than_its_key() -> None:
    """Toward the fallboard and back, from where it landed; the bottom is that of the key where it is then."""
    notes = Notes.from_arrays([[0.5, 1.5, 60, 80]], np.array([[1, 0]]))
    presses = plan_presses(replace(notes, release_s=notes.offset_s), FPS)
    sampler, struck = StrokeSampler(presses, FRAMES, FPS), round(presses.down_s[0] * FPS)
    generated = np.full((2, 5, FRAMES), 0.03)
    generated[..., struck:] += 0.02 * np.linspace(0, 1, FRAMES - struck)
    held, stays = (thumb(sampler(np.zeros(1), np.full(1, 0.03), tips).points) for tips in (generated, None))
    while_held = slice(struck + 30, round(1.2 * FPS))
    assert (stays[1] == 0.03).all() and (held[1, :struck] == 0.03).all()
    assert (np.diff(held[1, while_held]) > 0).all() and held[1].max() < 0.03 + 0.012
    dips = bottom_depth(np.full(FRAMES, 60), held[1])
    np.testing.assert_allclose(held[2, while_held], -touch.SETTLED * dips[while_held], atol=1e-9)
    edge = BLACK_FRONT - 0.003
    before, behind = (
        thumb(sampler(np.zeros(1), np.full(1, y), tips).points)[1]
        for y, tips in ((0.044, generated), (0.06, -generated))
    )
    assert before.max() <= edge + 1e-12, "what landed before the black keys stays before them"
    assert 0.06 - 0.012 < behind.min() < 0.055


def test_a_finger_stays_on_its_key_until_it_has_left_it_and_then_goes_to_the_next() -> None:
    strokes, presses = two_presses(0.3)
    x = thumb(strokes.points)[0]
    first, last = presses.up_s[0] * FPS, presses.down_s[1] * FPS
    assert not x[: int(first)].any() and (x[int(last) :] == 0.05).all()
    assert (np.diff(x) >= 0).all()
    pitch = thumb(strokes.pitch)
    assert set(pitch.tolist()) == {0, 60, 62} and (pitch[int(first)], pitch[int(last) + 1]) == (60, 62)


@pytest.mark.parametrize(
    ("gap_s", "pitch", "before"),
    [
        (0.10, (60, 62), True),
        (0.40, (60, 62), False),
        (0.10, (64, 65), False),
        (0.10, (60, 61), False),
        (0.10, (60, 60), False),
    ],
    ids=["hurried", "in time", "no black key between", "black", "the same key"],
)
def test_a_finger_that_hurries_past_a_black_key_lands_before_the_black_ones(
    gap_s: float, pitch: tuple[int, int], before: bool
) -> None:
    presses = two_presses(gap_s, pitch)[1]
    low, high = presses.landing_range
    near, far = playable_y(presses.pitch)
    assert (near <= low).all() and (low < high).all() and (high <= far).all()
    assert (high < BLACK_FRONT).all() == before


def test_a_finger_is_firm_from_the_start_of_its_stroke_until_its_key_is_half_way_up() -> None:
    strokes, presses = two_presses(0.5)
    firm, over, times = thumb(strokes.firm), thumb(strokes.over), np.arange(FRAMES) / FPS
    height = thumb(strokes.points)[2]
    dip = bottom_depth(np.array([60]), np.array([0.03]))[0]
    strikes = (times >= presses.down_s[0] - 0.1) & (times <= presses.down_s[0]) & (height < -0.1 * dip)
    holds = (times >= presses.down_s[0]) & (times <= presses.up_s[0])
    assert strikes.sum() > 5 and (firm[strikes | holds] == 1).all() and (over[strikes | holds] == 1).all()
    # Before and after, tolerances grow exponentially, that of the height first.
    before = np.flatnonzero((firm < 1) & (times < presses.down_s[0]))
    ratio = firm[before][1:] / firm[before][:-1]
    np.testing.assert_allclose(ratio, ratio[0])
    assert 1.05 < ratio[0] <= np.exp(2 / 0.02 / FPS) + 1e-9
    assert (over[before] >= firm[before]).all() and over[before].max() == 1
    after = np.flatnonzero((times > presses.up_s[0]) & (times < presses.up_s[0] + 0.2))
    ratio = firm[after][1:] / firm[after][:-1]
    np.testing.assert_allclose(ratio, ratio[0])
    assert np.exp(-2 / 0.02 / FPS) - 1e-9 <= ratio[0] < 0.99
    others = strokes.firm.copy()
    others[RIGHT, 0] = 0
    assert not others.any()


def test_holding_begins_before_the_stroke_and_half_ends_with_the_note() -> None:
    strokes, presses = two_presses(0.5)
    holding, times = thumb(strokes.holding), np.arange(FRAMES) / FPS
    assert (holding[(times >= presses.down_s[0]) & (times < presses.up_s[0])] == 1).all()
    started = presses.down_s[0] - touch.travel_s(np.array(80.0))
    assert (holding[(times >= started) & (times < presses.down_s[0])] == 1).all()
    assert (holding[times < started - 0.05] == 0).all()
    assert holding[round((presses.up_s[0] + 0.02) * FPS)] == 0.5
    assert holding[round((presses.up_s[0] + 0.06) * FPS)] == 0


def test_a_finger_is_stopped_by_its_key_from_its_stroke_until_just_after_the_bottom() -> None:
    strokes, presses = two_presses(0.5)
    impact, times = thumb(strokes.impact), np.arange(FRAMES) / FPS
    for down_s in presses.down_s:
        assert (impact[np.abs(times - down_s) < 0.015] == 1).all()
        assert not impact[(times > down_s + 0.03) & (times < down_s + 0.2)].any()
        assert not impact[(times > down_s - 0.2) & (times < down_s - 0.08)].any()


def test_a_finger_comes_to_its_stroke_no_faster_than_it_strikes() -> None:
    """What lies under the ceiling at one moment can be on its key in time, at four fifths of the stroke's speed."""
    for velocity in (30.0, 80.0):
        presses = presses_of(np.array([1.0]), np.array([1.5]), np.array([6.0]), np.array([60.0]), velocity)
        ceiling = StrokeSampler(presses, FRAMES, FPS)(key_x(presses.pitch), np.full(1, 0.04)).ceiling
        assert np.isinf(np.delete(ceiling.reshape(10, -1), 6, axis=0)).all()
        mine = ceiling[RIGHT, 1]
        there = np.flatnonzero(np.isfinite(mine))
        comes = (there[-1] + 1) / FPS
        assert abs(comes - (1.0 - (1 + touch.TAKE_UP) * touch.travel_s(velocity))) < 0.01
        np.testing.assert_allclose(np.diff(mine[there]) * FPS, -0.5 * touch.peak_speed(velocity), rtol=1e-6)
        assert mine[there].min() == pytest.approx(0.003, abs=0.5 * touch.peak_speed(velocity) / FPS)


def test_without_presses_nobody_plays() -> None:
    none = presses_of(*(np.zeros(0),) * 4)
    strokes = StrokeSampler(none, 10, FPS)(np.zeros(0), np.zeros(0))
    assert strokes.points.shape == (3, 2, 5, 10)
    for column in (strokes.pitch, strokes.firm, strokes.over, strokes.holding, strokes.impact):
        assert not column.any()
    assert np.isinf(strokes.ceiling).all()


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
def test_repeated_notes_come_up_by_half_between(fps: float) -> None:
    """So that a key is let go and struck again (docs/definitions.md); the frames show it."""
    table = [[0.5 + 0.1 * i, 0.6 + 0.1 * i, 60, 80] for i in range(8)]
    notes = finger_notes(Notes.from_arrays(table, hand=RIGHT))
    presses = plan_presses(notes, fps)
    order = np.argsort(presses.down_s)
    down, up = presses.down_s[order], presses.up_s[order]
    assert (up > down).all() and (up[:-1] < down[1:]).all()
    strokes = StrokeSampler(presses, int(2 * fps), fps)(key_x(np.full(8, 60)), np.full(8, 0.03))
    pressed = struck_keys(strokes.points.transpose(3, 1, 2, 0))[:, 60 - 21]
    assert (np.diff(pressed.astype(int)) == 1).sum() == 8


@pytest.mark.parametrize(("beside", "share"), [(0.0, 0.5), (0.015, 0.303), (0.06, 0.0)])
def test_fingers_land_back_where_the_motion_had_them_over_their_key(beside: float, share: float) -> None:
    """What a finger is turned toward the front by as it goes down is not where it lands."""
    presses = presses_of(*(np.array([value]) for value in (0.5, 1.0, 5, 60)))
    generated = np.zeros((FRAMES, 2, 5, 3))
    generated[..., 0], generated[..., 1] = key_x(60) + beside, 0.040
    shown = generated - (0, 0.004, 0)
    _, y = contact_points(presses, shown, generated, FPS, lands_back=0.5)
    np.testing.assert_allclose(y, 0.036 + share * 0.004, atol=2e-6)
    np.testing.assert_array_equal(contact_points(presses, shown, generated, FPS)[1], shown[0, 0, 0, 1])
