# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingers that reach the same places from a wrist that is carried elsewhere."""

import numpy as np
import pytest
from contact_scenes import arched_hands, other_hands
from numpy.typing import NDArray

from models.body.skeleton import LEFT, RIGHT, STANDARD_HANDS, HandGeometry
from models.contact.hand_points import find_points
from models.contact.reaching import reached
from models.contact.variables import FINGER_VARIABLES, PLACE, TURN, Variables, limits_of

FRAMES = 20
EVERYTHING = np.ones((FRAMES, 2), bool)


def carried_elsewhere(up: float = -0.012, bend: float = -0.05) -> tuple[Variables, NDArray[np.float64]]:
    """Hands whose wrists go down by and by; and where their fingertips were before."""
    hands = arched_hands(FRAMES)
    tips = find_points(hands, STANDARD_HANDS, 1.0).tips
    values, share = hands.values.copy(), np.linspace(0, 1, FRAMES)
    values[:, PLACE.stop - 1] += up * share
    values[:, TURN.start] += bend * share
    return hands.with_values(values), tips


def off(
    hands: Variables, tips: NDArray[np.float64], geometry: HandGeometry = STANDARD_HANDS, size: float = 1.0
) -> NDArray[np.float64]:
    """(2, 5, F) metres from the fingertips to where they should be."""
    return np.linalg.norm(find_points(hands, geometry, size).tips - tips, axis=0)


def test_fingertips_are_where_they_were_within_a_millimetre() -> None:
    hands, tips = carried_elsewhere()
    assert off(hands, tips).max() > 0.005
    found = reached(hands, tips, EVERYTHING, STANDARD_HANDS, 1.0)
    assert off(found, tips).max() < 0.001
    wrists = slice(FINGER_VARIABLES, None)
    np.testing.assert_array_equal(found.values[:, wrists], hands.values[:, wrists])


@pytest.mark.parametrize("size", [0.9, 1.1])
def test_hands_of_other_forms_and_sizes_reach_as_well(size: float) -> None:
    geometry = other_hands()
    hands = arched_hands(FRAMES)
    tips = find_points(hands, geometry, size).tips
    values = hands.values.copy()
    values[:, PLACE.stop - 1] += 0.006
    found = reached(hands.with_values(values), tips, EVERYTHING, geometry, size)
    assert off(found, tips, geometry, size).max() < 0.001


def test_what_is_fixed_is_not_touched() -> None:
    hands, tips = carried_elsewhere()
    free = EVERYTHING.copy()
    free[:, LEFT], free[:15, RIGHT] = False, False
    found = reached(hands, tips, free, STANDARD_HANDS, 1.0)
    np.testing.assert_array_equal(found.values[LEFT], hands.values[LEFT])
    np.testing.assert_array_equal(found.values[RIGHT, :, :15], hands.values[RIGHT, :, :15])
    assert off(found, tips)[RIGHT, :, 15:].max() < 0.001


def test_what_is_out_of_reach_is_reached_for_inside_the_limits() -> None:
    hands, tips = carried_elsewhere(up=0.25)
    found = reached(hands, tips, EVERYTHING, STANDARD_HANDS, 1.0)
    low, high = (bound[:, :FINGER_VARIABLES] for bound in limits_of(STANDARD_HANDS, 0.0))
    fingers = found.values[:, :FINGER_VARIABLES]
    assert ((fingers >= low) & (fingers <= high)).all()
    assert ((fingers == low) | (fingers == high)).any(), "or this would prove nothing"
    before, after = off(hands, tips)[..., -1], off(found, tips)[..., -1]
    assert (after < before).all() and after.min() > 0.01


def test_a_finger_that_is_stretched_to_its_reach_does_not_jump() -> None:
    """The thumb's tip stays behind more and more, as its wrist rises."""
    hands, tips = carried_elsewhere(0.02, 0.15)
    found = reached(hands, tips, EVERYTHING, STANDARD_HANDS, 1.0)
    assert off(found, tips)[:, 0, -1].min() > 0.002
    moved = np.diff(find_points(found, STANDARD_HANDS, 1.0).tips)
    assert np.linalg.norm(moved, axis=0).max() < 0.0015


def test_fingers_that_are_there_stay_as_they_are() -> None:
    hands = arched_hands(FRAMES)
    tips = find_points(hands, STANDARD_HANDS, 1.0).tips
    found = reached(hands, tips, EVERYTHING, STANDARD_HANDS, 1.0)
    np.testing.assert_allclose(found.values, hands.values, atol=1e-9)
