# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingertips that are in a key are brought out of it; nothing else moves."""

from dataclasses import replace

import numpy as np
import pytest
from contact_scenes import FPS, arched_hands, over_a_key, problem_of
from numpy.typing import NDArray
from test_contact_guarantee import jumble

from models.body import keyboard
from models.body.skeleton import FINGER_JOINTS, LEFT, RIGHT, STANDARD_HANDS
from models.contact import apply, apply_contact
from models.contact.bumps import bump, no_steeper
from models.contact.guarantee import find_tangles
from models.contact.key_clearing import clear_keys, raise_hands
from models.contact.key_floor import KeyFloor
from models.contact.solver import Problem
from models.contact.variables import FINGER_VARIABLES, Array, Variables

FRAMES, RING = 60, 3


def deep_ring(hand: int = RIGHT) -> Variables:
    """Both hands over the keys, and from frame 25 to 34 one ring finger bent into them."""
    hands = arched_hands(FRAMES, height=0.08)
    values = hands.values.copy()
    values[:, 16] += 0.03
    values[hand, 3 * RING, 25:35] += 0.55
    return hands.with_values(values)


def floor_of(problem: Problem) -> KeyFloor:
    return KeyFloor.of(problem.sampler)


def depths(problem: Problem, variables: Variables) -> Array:
    """(2, 5, F) metres below the key under each fingertip, as far as that key is not lowered."""
    tips = problem.points(variables).tips
    return floor_of(problem).under(tips)[1] - tips[2]


def cleared(problem: Problem, variables: Variables) -> Variables:
    return clear_keys(problem, variables, floor_of(problem))


def raised(problem: Problem, variables: Variables) -> Variables:
    return raise_hands(problem, variables, floor_of(problem))


def key_under_ring(problem: Problem, variables: Variables) -> int:
    """The key that the right ring finger is in."""
    return int(floor_of(problem).under(problem.points(variables).tips)[0][RIGHT, RING, 30])


@pytest.mark.parametrize("hand", [LEFT, RIGHT])
def test_an_idle_finger_in_a_key_is_lifted_smoothly_and_alone(hand: int) -> None:
    sunk = deep_ring(hand)
    problem = problem_of(sunk)
    assert (depths(problem, sunk)[hand, RING, 25:35] > 0.004).all()
    lifted = cleared(problem, sunk)
    assert depths(problem, lifted).max() < 0.001
    changed = np.abs(lifted.values - sunk.values)
    own = np.arange(3 * RING, 3 * RING + 3)
    assert not np.delete(changed[hand], own, axis=0).any() and not changed[1 - hand].any()
    assert changed[hand, own, 22].max() > 0
    assert not changed[hand, :, :18].any() and not changed[hand, :, 42:].any()
    # What is added comes and goes softly.
    assert np.abs(np.diff(changed[hand])).max() < 0.5 * changed[hand].max()


def test_what_is_above_the_keys_or_kept_stays_to_the_bit() -> None:
    above = arched_hands(FRAMES, height=0.08)
    problem = problem_of(above)
    assert cleared(problem, above) is above and raised(problem, above) is above
    sunk = deep_ring()
    problem = problem_of(sunk)
    fixed = problem.fixed.copy()
    fixed[:, RIGHT] = True
    kept = replace(problem, fixed=fixed)
    assert cleared(kept, sunk) is sunk and raised(kept, sunk) is sunk
    half = problem.fixed.copy()
    half[:30] = True
    for part in (cleared, raised):
        found = part(replace(problem, fixed=half), sunk)
        np.testing.assert_array_equal(found.values[..., :30], sunk.values[..., :30])
        assert depths(problem, found)[..., 30:].max() < 0.001


def test_a_finger_deeper_than_its_key_comes_up_to_the_surface_of_the_key_and_no_farther() -> None:
    sunk = deep_ring()
    sunk.values[RIGHT, 17] -= 0.006
    probe = problem_of(sunk)
    problem = problem_of(sunk, [(0.9, 1.15, RIGHT * 5 + RING, key_under_ring(probe, sunk))])
    held = slice(28, 32)
    assert floor_of(problem).down.max(0)[held].min() > 0.9
    before, after = (depths(problem, found)[RIGHT, RING] for found in (sunk, cleared(problem, sunk)))
    deep = before[held] > 0.001
    assert deep.any() and np.abs(after[held][deep]).max() < 0.0005


def test_a_finger_on_its_stroke_just_beside_its_key_goes_over_it() -> None:
    """It plays a white key between two black ones, and is 2 mm inside the edge of one of them."""
    pitch = 62
    hands = over_a_key(pitch, finger=2)
    values = hands.values.copy()
    tip = problem_of(hands).points(hands).tips[:, RIGHT, 2, 0]
    inside = keyboard.key_x(61) + keyboard.BLACK_TOP_WIDTH / 2 - 0.0005
    values[RIGHT, 15:18] += (np.array([inside, 0.075, -0.008]) - tip)[:, None]
    beside = hands.with_values(values)
    problem = problem_of(beside, [(0.3, 0.9, RIGHT * 5 + 2, pitch)])
    held = slice(12, 24)
    assert depths(problem, beside)[RIGHT, 2, held].min() > 0.015
    found = cleared(problem, beside)
    tips, pitches = problem.points(found).tips, floor_of(problem).under(problem.points(found).tips)[0]
    assert (pitches[RIGHT, 2, held] == pitch).all()
    assert depths(problem, found)[RIGHT, 2, held].max() < 0.001
    assert tips[2, RIGHT, 2, held].max() < -0.5 * keyboard.WHITE_DIP


def test_a_finger_at_its_limit_takes_its_wrist_along_and_the_others_stay_where_they_are() -> None:
    limits = STANDARD_HANDS.limits.copy()
    limits[:, FINGER_JOINTS[RING]] = 0.0
    limits[:, FINGER_JOINTS[RING, :2], 0] = np.array([0.35, 0.7])[:, None]  # it cannot be bent
    stiff = replace(STANDARD_HANDS, limits=limits)
    hands = arched_hands(FRAMES, height=0.08)
    values = hands.values.copy()
    values[RIGHT, :FINGER_VARIABLES] = np.array([-0.7, 0.2, 0.0] + 4 * [-0.5, 0.9, 0.0])[:, None]
    values[:, 3 * RING : 3 * RING + 2] = np.array([0.35, 0.7])[:, None]
    above = depths(problem_of(hands, geometry=stiff), hands.with_values(values))[RIGHT, RING, 0]
    values[RIGHT, 17] += above - 0.004
    sunk = hands.with_values(values)
    problem = problem_of(sunk, geometry=stiff)
    before, found = depths(problem, sunk), cleared(problem, sunk)
    assert (before[RIGHT, RING] > 0.003).all() and np.delete(before[RIGHT], RING, 0).max() < 0.001
    assert depths(problem, found).max() < 0.001
    rise = found.values[RIGHT, 17] - sunk.values[RIGHT, 17]
    assert rise.min() > 0.003 and rise.max() < 0.012
    np.testing.assert_array_equal(found.values[RIGHT, 18:], sunk.values[RIGHT, 18:])
    moved = np.linalg.norm(problem.points(found).tips - problem.points(sunk).tips, axis=0)
    assert moved[RIGHT, :RING].max() < 0.0005 and moved[RIGHT, RING].min() > 0.003


def crossed_ring() -> Variables:
    """The ring finger under the middle one, in a key: lifted alone it would run through it."""
    hands = arched_hands(FRAMES, height=0.072)
    values = hands.values.copy()
    values[RIGHT, 3 * RING, 25:35] += 0.35
    values[RIGHT, 3 * RING + 2, 25:35] -= 0.42
    values[RIGHT, 8, 25:35] += 0.1
    return hands.with_values(values)


def test_where_fingers_would_meet_the_hand_rises_as_it_is() -> None:
    crossed = crossed_ring()
    problem = problem_of(crossed)
    assert not len(find_tangles(problem, crossed).frame)
    assert depths(problem, crossed)[RIGHT, RING, 25:35].min() > 0.002
    left = cleared(problem, crossed)
    assert not len(find_tangles(problem, left).frame)
    out = raised(problem, left)
    assert depths(problem, out).max() < 0.001 and not len(find_tangles(problem, out).frame)
    np.testing.assert_array_equal(out.values[:, :FINGER_VARIABLES], left.values[:, :FINGER_VARIABLES])


def test_a_hand_rises_no_faster_than_a_hand() -> None:
    sunk = deep_ring()
    problem = problem_of(sunk)
    rise = raised(problem, sunk).values[RIGHT, 17] - sunk.values[RIGHT, 17]
    assert rise.max() > 0.004 and not rise[:19].any() and rise.min() >= 0
    assert np.abs(np.diff(rise)).max() * FPS < 0.401


def in_keys(seed: int) -> NDArray[np.bool_]:
    """(F,) frames of a jumble of chords in which a fingertip is 2 mm in a key after key contact."""
    motion, notes = jumble(seed)
    floors: list[KeyFloor] = []
    seen = apply.raise_hands

    def heard(problem: Problem, variables: Variables, floor: KeyFloor) -> Variables:
        floors.append(floor)
        return seen(problem, variables, floor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "raise_hands", heard)
        result = apply_contact(motion, notes).motion
    problem = problem_of(Variables.of_motion(result, STANDARD_HANDS))
    tips = problem.points(problem.wanted).tips
    inside: NDArray[np.bool_] = (floors[0].under(tips)[1] - tips[2] > 0.002).any((0, 1))
    return inside


def test_after_key_contact_no_fingertip_is_in_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = (1, 2)
    assert not any(in_keys(seed).any() for seed in seeds)
    monkeypatch.setattr("models.contact.key_clearing._DEEP_M", 1.0)
    assert any(in_keys(seed).any() for seed in seeds)


def test_the_floor_is_as_low_as_the_deeper_of_two_fingers_has_the_key() -> None:
    hands = arched_hands(FRAMES)
    problem = problem_of(hands, [(0.5, 1.0, 1, 60), (0.5, 1.4, 6, 60), (0.5, 1.0, 8, 61)])
    floor, depth = floor_of(problem), problem.sampler.depths
    np.testing.assert_array_equal(floor.down[60 - 21], np.maximum(depth[0, 1], depth[1, 1]))
    np.testing.assert_array_equal(floor.down[61 - 21], depth[1, 3])
    assert not np.delete(floor.down, (39, 40), axis=0).any()
    tips = np.zeros((3, 2, 5, FRAMES))
    tips[0], tips[1] = keyboard.key_x(60), 0.03
    tips[0, 1], tips[0, 0, 4] = keyboard.key_x(61), 5.0
    tips[1, 1] = 0.08
    pitch, height = floor.under(tips)
    assert (pitch[0, :4] == 60).all() and (pitch[1] == 61).all() and (pitch[0, 4] == 0).all()
    held = round(0.7 * FPS)
    assert height[0, 0, held] == pytest.approx(-floor.down[39, held] * keyboard.bottom_depth(60, 0.03))
    assert height[1, 0, 0] == keyboard.BLACK_HEIGHT and (height[0, 4] == -np.inf).all()


def test_bumps_stay_above_what_is_needed_and_steps_are_bounded() -> None:
    need = np.zeros((2, 40))
    need[1, [10, 12, 30]] = 1.0, 3.0, 2.0
    smooth = bump(need, 3)
    assert (smooth >= need - 1e-12).all() and not smooth[0].any() and not smooth[1, 19:24].any()
    least = no_steeper(need, 0.5)
    assert np.abs(np.diff(least)).max() <= 0.5 and (least >= need).all()
    assert least[1, 15] == 1.5 and least[1, 20] == 0.0
    asked = no_steeper(need, 0.5, need > 1.5)
    assert asked[1, 10] == 2.0 and asked[1, 29] == 1.5 and asked[1, 5] == 0.0
