# SPDX-License-Identifier: GPL-3.0-or-later
"""Idle fingers that are in a key are lifted out of it; nothing else moves."""

from dataclasses import replace

import numpy as np
import pytest
from contact_scenes import arched_hands, problem_of
from numpy.typing import NDArray

from models.body import keyboard
from models.body.skeleton import LEFT, RIGHT
from models.contact.idle_fingers import lift_idle
from models.contact.solver import Problem
from models.contact.variables import FLEXIONS, Variables

FRAMES, RING = 60, 3


def deep_ring(hand: int = RIGHT) -> Variables:
    """Both hands over the keys, and from frame 25 to 34 one ring finger bent into them."""
    hands = arched_hands(FRAMES, height=0.08)
    values = hands.values.copy()
    values[hand, 3 * RING, 25:35] += 0.55
    return hands.with_values(values)


def depths(problem: Problem, variables: Variables) -> NDArray[np.float64]:
    """(2, 5, F) metres below the key under each fingertip."""
    tips = problem.points(variables).tips.transpose(1, 2, 3, 0)
    under = keyboard.key_under(tips)
    surface = keyboard.key_surface(under + keyboard.LOWEST_PITCH)
    return np.where(under >= 0, surface - tips[..., 2], -1.0)


@pytest.mark.parametrize("hand", [LEFT, RIGHT])
def test_an_idle_finger_in_a_key_is_lifted_smoothly_and_alone(hand: int) -> None:
    sunk = deep_ring(hand)
    problem = problem_of(sunk)
    before = depths(problem, sunk)
    assert (before[hand, RING, 25:35] > 0.004).all()
    lifted = lift_idle(problem, sunk)
    assert depths(problem, lifted).max() < 0.001
    changed = np.abs(lifted.values - sunk.values)
    assert not np.delete(changed[hand], 3 * RING, axis=0).any() and not changed[1 - hand].any()
    assert changed[hand, 3 * RING, 22] > 0 and not changed[hand, 3 * RING, :18].any()
    assert not changed[hand, 3 * RING, 42:].any()
    # What is added comes and goes softly.
    assert np.abs(np.diff(changed[hand, 3 * RING])).max() < 0.3 * changed[hand, 3 * RING].max()


def test_what_is_above_the_keys_or_kept_stays_to_the_bit() -> None:
    above = arched_hands(FRAMES, height=0.08)
    assert np.array_equal(lift_idle(problem_of(above), above).values, above.values)
    sunk = deep_ring()
    problem = problem_of(sunk)
    fixed = problem.fixed.copy()
    fixed[:, RIGHT] = True
    kept = lift_idle(replace(problem, fixed=fixed), sunk)
    assert np.array_equal(kept.values, sunk.values)


def test_strokes_stay_as_they_are() -> None:
    sunk = deep_ring()
    probe = problem_of(sunk)
    under = keyboard.key_under(probe.points(sunk).tips[:, RIGHT, RING, 30])
    pitch = int(under) + keyboard.LOWEST_PITCH
    problem = problem_of(sunk, [(0.9, 1.1, RIGHT * 5 + RING, pitch)])
    busy = problem.sampler.pitch[RIGHT, RING] > 0
    assert busy[27:33].all()
    lifted = lift_idle(problem, sunk)
    assert np.array_equal(
        lifted.values[:, FLEXIONS][RIGHT, RING, busy], sunk.values[:, FLEXIONS][RIGHT, RING, busy]
    )
