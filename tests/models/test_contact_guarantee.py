# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds after key contact where hands are in each other's way, and what each part of it does for that.

Each part has tests of its own; these turn red when the whole no longer calls it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
from contact_scenes import arched_hands, gaps_between_lines, over_a_key, problem_of, state_of
from test_contact_separation import FPS, colliding, hands_at

from models.body import keyboard
from models.body.keyboard import struck_keys
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import RIGHT, STANDARD_HANDS
from models.contact import apply, apply_contact, guarantee, solver
from models.contact.costs import COSTS
from models.contact.finger_separation import separate_fingers
from models.contact.guarantee import find_tangles, find_too_fast, find_wrong_keys, settle
from models.contact.hand_points import find_points
from models.contact.note_dropping import Tangle
from models.contact.solver import Problem, minimise
from models.contact.variables import MIDDLES, TURN, Variables
from models.contact.weights import ContactWeights
from models.evaluation.biomechanics import biomechanics, fingertips
from models.evaluation.scores import Score, onset_score
from models.planning.fingering import finger_notes


def jumble(seed: int) -> tuple[Motion, Notes]:
    """Both hands play chords within one octave and a half, at times of their own: more than can be played."""
    rng = np.random.default_rng(seed)
    sway = 0.03 * np.sin(np.linspace(0, 9, 90))[:, None] * [1, -1]
    motion = hands_at(np.tile([-0.04, 0.04], (90, 1)) + rng.uniform(-0.08, 0.08, (1, 2)) + sway, seed)
    rows = []
    for hand in (0, 1):
        time = 0.5
        while time < 2.5:
            count, base = rng.integers(1, 4), rng.integers(55, 70)
            rows.extend(
                (time, time + rng.uniform(0.15, 0.6), int(pitch), 80.0, hand)
                for pitch in sorted(set(base + rng.choice(9, count, replace=False)))
            )
            time += rng.choice([0.15, 0.3, 0.45])
    table = np.array(sorted(rows))
    notes = finger_notes(Notes.from_arrays(table[:, :4], hand=table[:, 4].astype(np.int8)))
    # Held to their ends, whatever the planning would let go for.
    return motion, replace(notes, release_s=notes.offset_s.astype(float))


@dataclass(frozen=True)
class Figures:
    """Of a take."""

    score: Score
    touching: float
    """Share of frames in which two fingers of a hand are in each other."""
    colliding: bool
    tip_jerk: float
    fastest: float
    """Radians a second."""
    off: float
    """Metres that wrists are from where they were generated, on average."""


def without(name: str) -> tuple[Any, str, Any]:
    """What to replace, and by what, to switch a part off."""
    if name == "settle":
        return apply, "settle", lambda problem, variables: (problem, variables)
    if name == "opening":
        return apply, "separate_fingers", lambda problem, variables: variables
    if name == "dropping":
        return guarantee, "drop_notes", lambda presses, *rest: presses
    return solver, "COSTS", tuple(cost for cost in COSTS if cost.__name__ != name)


@functools.cache
def played(seed: int, *switched_off: str) -> Figures:
    motion, notes = jumble(seed)
    with pytest.MonkeyPatch.context() as patch:
        for name in switched_off:
            patch.setattr(*without(name))
        result = apply_contact(motion, notes).motion
    tips = fingertips(result)
    body = biomechanics(result, tips)
    return Figures(
        onset_score(struck_keys(tips), FPS, notes).score,
        body.fingers_closer_3mm,
        body.hands_colliding > 0,
        body.tip_jerk_mean,
        float(np.abs(np.diff(result.euler[:, :, 1:], axis=0)).max() * FPS),
        float(np.linalg.norm(result.wrist - motion.wrist, axis=-1).mean()),
    )


def test_no_two_fingers_touch_and_no_hands_collide_unless_nothing_settles_it() -> None:
    seeds = range(1, 7)
    for seed in seeds:
        settled, unsettled = played(seed), played(seed, "settle")
        assert settled.touching == unsettled.touching == 0 and not settled.colliding
    scores = [[played(seed, *off).score for seed in seeds] for off in ((), ("settle",))]
    sums = [
        Score(*(sum(getattr(one, name) for one in of) for name in ("hits", "false", "missed")))
        for of in scores
    ]
    # Keys are cleared of fingers afterwards, settled or not; what is not settled still strikes less.
    assert sums[0].hits > sums[1].hits + 5 and sums[0].f1 > sums[1].f1 + 0.05
    assert sum(played(seed, "settle", "opening").touching for seed in seeds) > 0


@pytest.mark.parametrize(
    ("cost", "worse"),
    [
        ("smooth", lambda with_it, without_it: without_it.tip_jerk > 1.2 * with_it.tip_jerk),
        ("slow", lambda with_it, without_it: without_it.fastest > with_it.fastest + 8),
        ("strokes", lambda with_it, without_it: without_it.score.hits < with_it.score.hits - 5),
    ],
)
def test_what_a_cost_is_for_gets_worse_without_it(
    cost: str, worse: Callable[[Figures, Figures], bool]
) -> None:
    assert worse(played(1, "settle"), played(1, "settle", cost))


def found_by(cost: str, problem: Problem, start: Variables) -> list[Variables]:
    """What is found from ``start`` with and without a cost."""
    found = [minimise(problem, start, 10)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*without(cost))
        return [*found, minimise(problem, start, 10)]


def test_without_stay_hands_do_not_come_back_to_what_was_generated() -> None:
    """Idle fingertips bring a hand back, too; here they are left alone."""
    wanted = arched_hands(20)
    start = wanted.with_values(wanted.values + 0.1)
    problem = problem_of(wanted)
    problem = replace(problem, weights=replace(problem.weights, idle_tip=100.0))
    off = [np.abs(found.values - wanted.values)[:, TURN].max() for found in found_by("stay", problem, start)]
    assert off[0] < 0.06 and off[1] == pytest.approx(0.1, abs=1e-3)


def test_without_apart_hands_that_meet_stay_in_each_other() -> None:
    wanted = arched_hands(20, x=(0.0, 0.05))
    problem = problem_of(wanted)
    lacks = [find_tangles(problem, found).lack.sum() for found in found_by("apart", problem, wanted)]
    assert lacks[0] < 0.1 * lacks[1]


def test_without_order_crossed_fingers_stay_crossed() -> None:
    hands = arched_hands(20)
    values = hands.values.copy()
    outward = np.array([-1.0, 1.0])[:, None]
    values[:, 5], values[:, 8] = 0.2 * outward, -0.2 * outward
    crossed = hands.with_values(values)
    gaps = [
        gaps_between_lines(state_of(found))[:, 0] for found in found_by("order", problem_of(crossed), crossed)
    ]
    assert gaps[0].min() > 0.006 and gaps[1].max() < 0


def test_without_comfort_a_playing_finger_stays_stretched() -> None:
    hands = over_a_key(64)
    values = hands.values.copy()
    values[RIGHT, 3:6] = np.array([0.6, 0.0, 0.0])[:, None]
    values[RIGHT, 16] -= 0.02
    stretched = hands.with_values(values)
    problem = problem_of(stretched, [(0.2, 0.9, 6, 64)])
    middle = [found.values[RIGHT, MIDDLES][1, 15] for found in found_by("comfort", problem, stretched)]
    assert middle[0] > middle[1] + 0.05


def recorded_drops(monkeypatch: pytest.MonkeyPatch) -> list[Tangle]:
    """Fills as notes are dropped."""
    drop, drops = guarantee.drop_notes, []

    def heard(presses: Any, tangle: Tangle, fps: float, fixed: Any) -> Any:
        drops.append(tangle)
        return drop(presses, tangle, fps, fixed)

    monkeypatch.setattr(guarantee, "drop_notes", heard)
    return drops


def test_what_is_settled_at_once_drops_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    drops = recorded_drops(monkeypatch)
    wanted = arched_hands(30, x=(0.0, 0.05))
    problem = problem_of(wanted, [(0.4, 0.6, 6, 64)])
    assert len(find_tangles(problem, wanted).frame)
    same, settled = settle(problem, wanted)
    assert not drops and same is problem
    assert not len(find_tangles(problem, settled).frame) and not len(find_wrong_keys(problem, settled))


@pytest.mark.parametrize("finger", [1, 2])
def test_two_hands_that_are_to_hold_one_black_key_do_not_run_through_each_other(finger: int) -> None:
    wanted = arched_hands(60, x=(-0.1, 0.1))
    problem = problem_of(wanted, [(0.5, 1.5, finger, 61), (0.5, 1.5, 5 + finger, 61)])
    fewer, settled = settle(problem, minimise(problem, wanted, 5))
    assert not len(find_tangles(fewer, settled).frame)
    tips = find_points(settled, STANDARD_HANDS, 1.0).tips[:, :, finger, 20:40]
    deep = tips[2] < keyboard.BLACK_HEIGHT - keyboard.PRESS_DEPTH
    assert deep.any(0).mean() > 0.8


def test_a_key_that_nobody_plays_is_let_go() -> None:
    hands = over_a_key(64)
    values = hands.values.copy()
    values[RIGHT, 17] -= 0.03
    low = hands.with_values(values)
    problem = problem_of(low)
    assert len(find_wrong_keys(problem, low)) == 30
    assert not len(find_wrong_keys(problem, settle(problem, low)[1]))
    kept = replace(problem, fixed=np.ones((30, 2), bool))
    assert not len(find_wrong_keys(kept, low))  # it is nobody's to mend
    np.testing.assert_array_equal(settle(kept, low)[1].values, low.values)


def test_a_joint_that_a_few_steps_left_too_fast_is_slowed() -> None:
    hands = arched_hands(60)
    values = hands.values.copy()
    values[RIGHT, 4, 30:] += 0.8  # 24 radians a second
    fast = hands.with_values(values)
    problem = problem_of(fast)
    assert find_too_fast(problem, fast).tolist() == [29]
    assert not len(find_too_fast(problem, settle(problem, fast)[1]))
    kept = replace(problem, fixed=np.ones((60, 2), bool))
    assert not len(find_too_fast(kept, fast))


def test_only_the_seconds_around_what_failed_are_solved_again() -> None:
    hands = arched_hands(120)
    values = hands.values.copy()
    values[0, 15:18, 60] = values[1, 15:18, 60]
    problem = problem_of(hands)
    spoilt = hands.with_values(values)
    settled = settle(problem, spoilt)[1]
    changed = np.flatnonzero((settled.values != spoilt.values).any((0, 1)))
    reach = round(0.4 * FPS)
    assert 60 in changed and changed.min() >= 60 - reach and changed.max() <= 60 + reach


@pytest.fixture
def hands_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is found, one hand is inside the other for half a second."""

    def spoilt(problem: Any, variables: Variables) -> tuple[Any, Variables]:
        values = variables.values.copy()
        values[0, 15:18, 40:55] = values[1, 15:18, 40:55] - np.array([[0.01], [0.0], [0.0]])
        return problem, variables.with_values(values)

    monkeypatch.setattr(apply, "settle", spoilt)


def test_the_last_word_is_that_hands_do_not_collide(
    hands_put_together: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion = hands_at(np.tile([-0.3, 0.2], (90, 1)))
    notes = Notes.from_arrays([[1.0, 1.4, 72, 80]], hand=1)
    assert not colliding(apply_contact(motion, notes).motion).any()
    monkeypatch.setattr(apply, "separate_hands", lambda motion, *rest: motion.wrist)
    assert colliding(apply_contact(motion, notes).motion)[41:54].all()  # or this would prove nothing


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
@pytest.mark.parametrize("name", [item.name for item in fields(ContactWeights) if item.type == "float"])
def test_weights_must_be_above_zero(name: str, value: float) -> None:
    if name == "lands_back" and value == 0.0:
        assert ContactWeights(lands_back=value).lands_back == 0.0  # a share: nothing of the way
        return
    with pytest.raises(ValueError, match=name):
        ContactWeights(**{name: value})


def test_a_share_of_the_way_is_at_most_all_of_it() -> None:
    with pytest.raises(ValueError, match="lands_back"):
        ContactWeights(lands_back=1.01)


@pytest.mark.parametrize("range_", [(0.4,), (0.4, 0.4, 0.4, 0.4, 2.0)])
def test_a_comfortable_range_has_five_numbers_and_a_width(range_: tuple[float, ...]) -> None:
    assert len([item for item in fields(ContactWeights) if "tuple" in str(item.type)]) == 2
    with pytest.raises(ValueError, match="most_arch"):
        ContactWeights(least_arch=range_)


def test_weights_are_used() -> None:
    """Fingers that may hardly leave what was generated miss keys that they would strike else."""
    motion = hands_at(np.tile([-0.3, 0.2], (60, 1)))
    notes = Notes.from_arrays([[1.0, 1.4, 79, 80]], hand=1)
    stiff = ContactWeights(finger_angle=1e-4, wrist_place=1e-5, wrist_turn=1e-4)
    hits = [
        onset_score(
            struck_keys(fingertips(apply_contact(motion, notes, weights=w).motion)), FPS, notes
        ).score.hits
        for w in (None, stiff)
    ]
    assert hits == [1, 0]


def test_fingers_that_cannot_be_taken_apart_open() -> None:
    """Nothing else mends them here; hands that are kept stay, and nobody moves long before or after."""
    hands = arched_hands(90)
    values = hands.values.copy()
    values[:, 5, 40:50], values[:, 8, 40:50] = (
        [[-0.5], [0.5]],
        [[0.5], [-0.5]],
    )  # index and middle finger cross
    crossed = hands.with_values(values)
    problem = problem_of(crossed)
    assert len(find_tangles(problem, crossed).frame) >= 10
    opened = separate_fingers(problem, crossed)
    assert not len(find_tangles(problem, opened).frame)
    changed = np.abs(opened.values - values).max(1)
    assert not changed[:, :30].any() and not changed[:, 60:].any()
    step = np.abs(np.diff(opened.values - values, axis=-1))
    assert step[:, :, :39].max() < 0.5 * changed.max()
    kept = replace(problem, fixed=np.tile([True, False], (90, 1)))
    np.testing.assert_array_equal(separate_fingers(kept, crossed).values[0], values[0])
    assert separate_fingers(problem, hands) is hands


def test_fingers_that_open_sink_into_no_key() -> None:
    hands = arched_hands(30, height=0.055)
    values = hands.values.copy()
    values[:, 5], values[:, 8] = [[-0.5], [0.5]], [[0.5], [-0.5]]
    problem, crossed = problem_of(hands), hands.with_values(values)
    before, after = (
        find_points(found, STANDARD_HANDS, 1.0).tips.transpose(3, 1, 2, 0)
        for found in (crossed, separate_fingers(problem, crossed))
    )
    assert struck_keys(before).any() and not struck_keys(after).any()
