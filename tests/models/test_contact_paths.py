# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of fingers from key to key: by themselves to near ones, with their hands to far ones."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.body.notes import Notes
from models.contact.paths import FingerPaths, PathSampler, monotone_cubic
from models.contact.schedule import PressTiming, plan_presses

FPS, FRAMES = 60.0, 120


def two_notes(distance: float, gap_s: float) -> tuple[FingerPaths, NDArray[np.float64], int, int]:
    """Paths of a thumb that plays at 0 m and then `distance` farther, its hand gliding there within the gap.

    Also the thumb's free X, and the frames of the release and of the second stroke.
    """
    up, down = 0.8, 0.8 + gap_s
    table = [[0.5, up, 60, 80], [down, down + 0.3, 84, 80]]
    notes = Notes.from_arrays(table, np.array([[1, 0], [1, 0]]))
    presses = plan_presses(replace(notes, release_s=notes.offset_s), FPS, PressTiming())
    share = np.clip((np.arange(FRAMES) / FPS - up) / gap_s, 0, 1)
    free = np.zeros((FRAMES, 2, 5, 3))
    free[:, 1, 0, 0] = 0.004 + distance * share * share * (3 - 2 * share)
    paths = PathSampler(presses, FRAMES, FPS, PressTiming())(np.array([0, distance]), np.full(2, 0.03), free)
    return paths, free[:, 1, 0, 0], round(up * FPS), round(down * FPS)


@pytest.mark.parametrize("gap_s", [0.1, 0.13, 0.3, 0.6])
def test_to_a_far_key_a_finger_goes_with_its_hand(gap_s: float) -> None:
    paths, free, up, down = two_notes(0.3, gap_s)
    x = paths.points[:, 1, 0, 0]
    np.testing.assert_allclose(x[: up + 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(x[down:], 0.3, atol=1e-6)
    assert np.abs(np.diff(x)).max() < 1.8 * np.abs(np.diff(free)).max()
    assert (np.diff(x) > -1e-4).all()


def test_a_finger_with_time_waits_above_its_key() -> None:
    paths, free, _, down = two_notes(0.3, 0.6)
    early = down - round(0.08 * FPS)
    assert abs(paths.points[early, 1, 0, 0] - 0.3) < 0.3 * abs(free[early] - 0.3)


def test_to_a_key_near_by_a_finger_goes_by_itself() -> None:
    paths, _, up, down = two_notes(0.008, 0.2)
    x = paths.points[:, 1, 0, 0]
    assert x[up + 2] == 0.0 and np.isclose(x[down - 2], 0.008, atol=1e-6)


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
