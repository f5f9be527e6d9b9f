# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps of the optimisation: inside the limits, none too long, and what is fixed stays."""

from dataclasses import replace

import numpy as np
from contact_scenes import FPS, arched_hands, over_a_key, problem_of
from numpy.typing import NDArray

from models.body.keyboard import key_x
from models.body.skeleton import LEFT, RIGHT, STANDARD_HANDS
from models.contact.schedule import FAR_IN
from models.contact.solver import Problem, minimise
from models.contact.variables import PLACE, Variables, limits_of
from models.contact.weights import OTHER_WEIGHTS, OUR_WEIGHTS


def far_off() -> tuple[Problem, Variables]:
    """Fingers of one hand that are to press keys which no hand has under it at once."""
    hands = over_a_key(64, frames=40)
    presses = [(0.5, 1.0, 5, 40), (0.5, 1.0, 6, 90), (0.5, 1.0, 9, 41), (0.5, 1.0, 1, 108)]
    return problem_of(hands, presses), hands


def test_values_stay_inside_the_limits() -> None:
    problem, hands = far_off()
    low, high = limits_of(STANDARD_HANDS, 0.025)
    for steps in range(1, 8):
        values = minimise(problem, hands, steps).values
        assert ((values >= low) & (values <= high)).all()
    assert ((values == low) | (values == high)).any(), "or this would prove nothing"


def test_no_step_is_longer_than_what_its_derivatives_are_good_for() -> None:
    problem, hands = far_off()
    change = np.abs(minimise(problem, hands, 1).values - hands.values)
    assert change[:, :15].max() <= 0.4 + 1e-9 and change[:, 18:].max() <= 0.3 + 1e-9
    assert change[:, PLACE].max() > 0.02  # points go along with their wrist however far it goes


def test_fixed_hands_and_frames_stay_bit_for_bit_and_the_others_meet_them() -> None:
    hands = over_a_key(64, dx=0.02, frames=40)
    fixed = np.zeros((40, 2), bool)
    fixed[:, LEFT], fixed[:12] = True, True
    problem = replace(problem_of(hands, [(0.6, 0.9, 6, 64)]), fixed=fixed)
    start = hands.values.copy()
    start[LEFT, 3] = (
        STANDARD_HANDS.limits[LEFT, 1, 0, 1] + 0.2
    )  # outside its limits, and still nobody's to change
    values = minimise(problem, hands.with_values(start), 5).values
    np.testing.assert_array_equal(values[LEFT], start[LEFT])
    np.testing.assert_array_equal(values[RIGHT, :, :12], start[RIGHT, :, :12])
    moved = np.abs(values - start)[RIGHT]
    assert moved[:, 20].max() > 0.005
    assert np.abs(np.diff(moved[PLACE])).max() < 0.01


def test_a_stretch_is_the_same_problem_counted_from_its_first_frame() -> None:
    hands = arched_hands(100)
    whole = problem_of(hands, [(0.2, 0.4, 6, 64), (2.0, 2.5, 7, 65), (3.2, 3.3, 5, 60)])
    part = whole.stretch(slice(50, 80), np.zeros((30, 2), bool))
    assert len(part.wanted) == 30 and part.presses.pitch.tolist() == [65, 60]
    np.testing.assert_allclose(part.presses.down_s, np.array([2.0, 3.2]) - 50 / FPS)
    x, y = np.full(3, key_x(64)), np.full(3, 0.03)
    one, other = whole.sampler(x, y), part.sampler(x[1:], y[1:])
    firm = other.firm > 1e-9
    np.testing.assert_allclose(one.points[..., 50:80][:, firm], other.points[:, firm], atol=1e-12)
    np.testing.assert_allclose(one.firm[..., 50:80], other.firm, atol=1e-9)
    np.testing.assert_array_equal(one.pitch[..., 50:80], other.pitch)


def test_a_stretch_knows_the_strokes_of_each_finger_before_and_after_it() -> None:
    """How high a finger waits depends on its next stroke, however far that is."""
    hands = arched_hands(300)
    whole = problem_of(hands, [(0.5, 3.0, 7, 67), (3.3, 3.6, 7, 65), (3.4, 3.6, 8, 67), (8.0, 8.5, 7, 64)])
    presses = replace(whole.presses, lift=np.array([0.02, 0.02, 0.01, 0.005]))
    whole = replace(whole, presses=presses)
    part = whole.stretch(slice(105, 150), np.zeros((45, 2), bool))
    assert part.presses.pitch.tolist() == [67, 65, 67, 64]
    x, y = key_x(presses.pitch), np.full(4, 0.03)
    one, other = whole.sampler(x, y), part.sampler(x, y)
    np.testing.assert_allclose(one.points[..., 105:150], other.points, atol=1e-12)


def test_a_part_is_asked_for_the_strokes_that_its_problem_has_there() -> None:
    """Sampled anew for its frames alone it would be asked for the same ones, wherever a finger is held to them."""
    hands = arched_hands(100)
    whole = problem_of(hands, [(0.2, 0.4, 6, 64), (1.8, 1.89, 7, 65), (2.0, 2.51, 7, 67), (2.2, 2.41, 8, 69)])
    frames, nothing = slice(55, 80), np.zeros((25, 2), bool)
    part, alone = whole.part(frames, nothing), whole.stretch(frames, nothing)
    np.testing.assert_allclose(part.presses.down_s, whole.presses.down_s - 55 / FPS)
    forth = whole.tips[1] + 0.004 * np.sin(np.arange(100) / 9)  # fingers that hold go along with this
    x, y = key_x(whole.presses.pitch), np.full(4, 0.03)
    there, own = part.sampler(x, y, forth[..., frames]), alone.sampler(x[1:], y[1:], forth[..., frames])
    firm = there.firm > 1e-9
    assert firm.any((0, 2)).sum() == 2
    np.testing.assert_allclose(there.points[:, firm], own.points[:, firm], atol=1e-12)
    for name in ("firm", "over", "holding", "impact"):
        np.testing.assert_allclose(getattr(there, name), getattr(own, name), atol=1e-9)
        np.testing.assert_array_equal(getattr(there, name), getattr(whole.sampler(x, y), name)[..., frames])
    np.testing.assert_array_equal(part.sampler.depths, whole.sampler.depths[..., frames])


def test_fingers_of_other_bodies_come_out_to_where_keys_are_usually_struck() -> None:
    """Ours stay as far in as they were generated; so do those that are not too far in."""
    own = replace(OUR_WEIGHTS, lands_back=OTHER_WEIGHTS.lands_back)
    places = []
    for forward in (0.0, 0.045):
        hands = over_a_key(64)
        hands.values[RIGHT, 16] += forward
        problem = problem_of(hands, [(0.3, 0.9, 6, 64)])
        for weights in (own, replace(own, stays_far_in=OTHER_WEIGHTS.stays_far_in)):
            found = minimise(replace(problem, weights=weights), hands, OTHER_WEIGHTS.steps)
            places.append(problem.points(found).tips[1, RIGHT, 1, 18])
    near, near_other, far, far_other = places
    assert near == near_other and near < FAR_IN[0] + 0.005 < far
    assert FAR_IN[0] - 0.001 < far_other < FAR_IN[0] + 0.4 * (far - FAR_IN[0])


def test_every_step_is_announced() -> None:
    heard: list[int] = []
    minimise(problem_of(arched_hands(5)), arched_hands(5), 4, heard.append)
    assert heard == [0, 1, 2, 3]


def both_hands(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of hands that are each other's mirror image, with the left one as a right one."""
    mirrored = values.copy()
    for variable in [2, 5, 8, 11, 14, 15, 19, 20]:
        mirrored[LEFT, variable] *= -1
    return mirrored


def test_hands_are_mirror_images_of_each_other() -> None:
    hands = arched_hands(40, x=(-0.23, 0.23))
    shifted = hands.values.copy()
    shifted[:, 15] += key_x(62)  # keys lie mirrored about a D
    wanted = hands.with_values(shifted)
    problem = problem_of(wanted, [(0.5, 0.8, 6, 74), (0.5, 0.8, 1, 50)])
    values = minimise(problem, wanted, 5).values - shifted
    found = both_hands(values)
    np.testing.assert_allclose(found[LEFT], found[RIGHT], atol=1e-4)
    assert np.abs(found).max() > 0.01


def test_our_fingers_land_half_way_back_and_those_of_others_where_they_are() -> None:
    hands = over_a_key(64, dx=0.0)
    problem = problem_of(hands, [(0.3, 0.9, 6, 64)])
    forward = hands.values.copy()
    forward[RIGHT, 16] -= 0.004
    points = problem.points(hands.with_values(forward))
    ours, others = (
        float(problem.weighted(weights).landed(points)[1][0]) for weights in (OUR_WEIGHTS, OTHER_WEIGHTS)
    )
    generated = float(problem.points(hands).tips[1, RIGHT, 1, 9])
    assert abs(others - (generated - 0.004)) < 1e-5
    assert abs(ours - (generated - 0.002)) < 1e-4
