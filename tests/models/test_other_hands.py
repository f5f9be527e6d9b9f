# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands of other bodies: what is missing never plays, what is locked never moves, fingertips stay over their keys."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contact_scenes import arched_hands, random_motion, state_of
from test_contact import melody, relaxed_motion

from models.app import cli
from models.app.left_out import remarks_on
from models.body import keyboard
from models.body.edit_mask import EditMask
from models.body.hand_file import hands_of, object_of, write_hand_file
from models.body.kinematics import forward_kinematics, outside_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import FINGER_JOINTS, LEFT, RIGHT, STANDARD_HANDS, HandGeometry
from models.body.take import Take
from models.contact import apply, apply_contact, costs
from models.contact.equations import NormalEquations
from models.contact.lie import lie_of
from models.contact.refitting import ShownHands, refitted
from models.contact.solver import Problem, minimise
from models.contact.variables import ABDUCTIONS
from models.contact.weights import OTHER_WEIGHTS, OUR_WEIGHTS, ContactWeights
from models.errors import UserError
from models.evaluation.key_touch import key_touch
from models.evaluation.scores import evaluate_take, onset_score, shown
from models.music.midi import write_midi
from models.planning.fingering import finger_notes
from models.planning.fingering_costs import FingeringCosts, load_tables, relation
from models.planning.plan import plan_fingering
from models.planning.playing_hands import OUR_HANDS, PlayingHands
from models.planning.thinning import thinned

THUMB, RING, LITTLE = 0, 3, 4


def scaled(factor: float) -> HandGeometry:
    return replace(
        STANDARD_HANDS,
        finger_bases=factor * STANDARD_HANDS.finger_bases,
        lengths=factor * STANDARD_HANDS.lengths,
    )


def without(*fingers: str, hands: tuple[str, ...] = ("left", "right")) -> HandGeometry:
    data = object_of(STANDARD_HANDS, "")
    for hand in hands:
        for finger in fingers:
            data[hand]["fingers"][finger] = None
    return hands_of(data)


def locked(finger: int, joint: int) -> HandGeometry:
    limits = STANDARD_HANDS.limits.copy()
    limits[:, FINGER_JOINTS[finger, joint]] = 0.0
    return replace(STANDARD_HANDS, limits=limits)


def stretched(seed: int) -> HandGeometry:
    """Fingers of other lengths that begin elsewhere and lie at other angles at rest."""
    rng = np.random.default_rng(seed)
    turn = np.radians(rng.uniform(-6, 6, (2, 5)))
    about_up = np.zeros((2, 5, 3, 3))
    about_up[..., 0, 0] = about_up[..., 1, 1] = np.cos(turn)
    about_up[..., 0, 1], about_up[..., 1, 0], about_up[..., 2, 2] = -np.sin(turn), np.sin(turn), 1.0
    return replace(
        STANDARD_HANDS,
        lengths=STANDARD_HANDS.lengths * rng.uniform(0.87, 1.15, (2, 5, 3)),
        finger_bases=STANDARD_HANDS.finger_bases * rng.uniform(0.87, 1.15, (2, 5, 3)),
        finger_frames=about_up @ STANDARD_HANDS.finger_frames,
    )


def tips(motion: Motion, geometry: HandGeometry, size: float = 1.0) -> np.ndarray:
    return np.asarray(
        forward_kinematics(motion.euler.astype(float), motion.wrist.astype(float), size, geometry).tips
    )


def planned(rows: list[list[float]], geometry: HandGeometry, hand: int | None = None, seed: int = 1) -> Notes:
    notes = Notes.from_arrays(rows, hand=hand)
    edits = EditMask.everything(int(30 * (notes.offset_s.max() + 1)), 30.0)
    return plan_fingering(notes, seed=seed, keep=None, edits=edits, playing=PlayingHands.of(geometry))


# -- planning -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["thumb", "ring", "pinky"])
@pytest.mark.parametrize("hand", [LEFT, RIGHT])
def test_a_missing_finger_plays_nothing_and_the_others_play_all(missing: str, hand: int) -> None:
    rng = np.random.default_rng(5)
    pitches = 60 + rng.integers(-9, 10, 120)
    rows = [[0.5 + 0.2 * i, 0.68 + 0.2 * i, pitch, 70] for i, pitch in enumerate(pitches)]
    usual, found = (planned(rows, hands, hand) for hands in (STANDARD_HANDS, without(missing)))
    finger = ("thumb", "index", "middle", "ring", "pinky").index(missing)
    assert (usual.finger == finger).any()
    assert (found.finger >= 0).all() and (found.finger != finger).all()


def test_only_the_hand_that_lacks_a_finger_goes_without_it() -> None:
    rows = [[0.5 + 0.2 * i, 0.68 + 0.2 * i, 60 + i % 8, 70] for i in range(60)]
    hands = without("pinky", "ring", hands=("left",))
    assert set(planned(rows, hands, RIGHT).finger.tolist()) > {RING}
    assert set(planned(rows, hands, LEFT).finger.tolist()) <= {0, 1, 2}


def test_a_chord_has_no_more_keys_than_the_hand_has_fingers() -> None:
    five = (60, 62, 64, 65, 67)
    rows = [[0.5 + beat, 1.2 + beat, pitch, 70] for beat in range(3) for pitch in five]
    notes = Notes.from_arrays(rows, hand=RIGHT)
    for hands, most in ((STANDARD_HANDS, 5), (without("ring"), 4), (without("ring", "pinky"), 3)):
        found = finger_notes(notes, playing=PlayingHands.of(hands))
        played = found.select(found.played)
        assert [int((played.onset_s == beat + 0.5).sum()) for beat in range(3)] == [most] * 3
        assert {60, 67} <= set(played.pitch.astype(int).tolist())
        # The left hand takes what the right one has no finger for.
        assert planned(rows, hands, RIGHT).played.all()


def test_hands_share_a_chord_by_the_fingers_that_they_have() -> None:
    keys = (48, 50, 52, 53, 55, 64, 65, 67)
    rows = [[0.5 + beat, 1.2 + beat, pitch, 70] for beat in range(3) for pitch in keys]
    left = without("ring", "pinky", hands=("left",))
    for hands, most in ((STANDARD_HANDS, 5), (left, 3)):
        found = planned(rows, hands)
        for beat in range(3):
            now = found.played & (found.onset_s == beat + 0.5)
            assert (now & (found.hand == LEFT)).sum() <= most
            assert now.sum() >= 7


def test_more_keys_than_fingers_are_thinned_and_told() -> None:
    keys = [40, 43, 45, 47, 48, 60, 62, 64, 67]
    notes = Notes.from_arrays([[1.0, 2.0, pitch, 70] for pitch in keys])
    playing = PlayingHands.of(without("ring"))
    assert thinned(notes, 30.0).plays.all()
    assert thinned(notes, 30.0, playing=playing).plays.sum() <= 8
    assert not remarks_on(notes, 30.0, 9, 9)
    (remark,) = remarks_on(notes, 30.0, 8, 9, playing=playing)
    assert remark.code == "more_than_ten_fingers" and "8 of 9" in remark.sentence
    assert "eight fingers" in remark.sentence


def test_fingers_that_slide_are_there() -> None:
    white = [pitch for pitch in range(48, 84) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
    rows = [[0.5 + i / 40, 0.52 + i / 40, pitch, 80] for i, pitch in enumerate(white)]
    assert set(planned(rows, STANDARD_HANDS, RIGHT).finger.tolist()) == {2}
    hands = without("middle")
    (slides,) = set(planned(rows, hands, RIGHT).finger.tolist())
    assert slides in (1, 3) and hands.present[RIGHT, slides]


def test_hands_that_are_spread_less_far_reach_less_and_larger_ones_no_more() -> None:
    assert PlayingHands.of(STANDARD_HANDS).reach == (1.0, 1.0)
    assert PlayingHands.of(STANDARD_HANDS, 0.85).reach == pytest.approx((0.85, 0.85))
    assert PlayingHands.of(scaled(0.85)).reach == pytest.approx((0.85, 0.85))
    assert PlayingHands.of(scaled(1.2)).reach == (1.0, 1.0)
    left, right = PlayingHands.of(without("thumb", hands=("left",))).reach
    assert left < 0.98 and right == 1.0


def test_what_is_too_far_apart_for_small_hands_is_shared_or_left_out() -> None:
    """A tenth of one hand, 211 mm from key to key."""
    rows = [[0.5 + beat, 1.2 + beat, pitch, 70] for beat in range(3) for pitch in (60, 67, 76)]
    small = PlayingHands.of(scaled(0.8))
    ours, theirs = (
        finger_notes(Notes.from_arrays(rows, hand=RIGHT), playing=playing) for playing in (OUR_HANDS, small)
    )
    assert ours.played.all() and theirs.played.sum() == 6
    held = theirs.pitch[theirs.played]
    assert np.ptp(keyboard.key_x(np.unique(held).astype(int))) < 0.225 * 0.8
    assert planned(rows, scaled(0.8), RIGHT).played.all()  # the left hand helps


def test_fingers_are_chosen_by_the_reach() -> None:
    """A fourth that is played over and over by thumb and index needs a farther finger in small hands."""
    costs = FingeringCosts(fitted=False)
    keys = relation([5, 7], 0, 0)
    pair = 0 * 5 + 1
    ours, theirs = (load_tables(replace(costs, reach=reach)).chord[keys, pair] for reach in (1.0, 0.75))
    assert (theirs > ours).all()
    with pytest.raises(ValueError, match="reach"):
        FingeringCosts(reach=0.0)


# -- contact ------------------------------------------------------------------------------------------------


def test_a_palm_lies_lower_where_its_fingers_are_shorter() -> None:
    assert not lie_of(STANDARD_HANDS).any()
    assert np.abs(lie_of(scaled(1.2))).max() < 1e-9
    short = replace(STANDARD_HANDS, lengths=0.85 * STANDARD_HANDS.lengths)
    bend, roll = lie_of(short).T
    assert (bend > 0.02).all() and np.abs(roll).max() < 0.05  # hangs: the knuckles come down
    lengths = STANDARD_HANDS.lengths.copy()
    lengths[:, LITTLE] *= 0.7
    bend, roll = lie_of(replace(STANDARD_HANDS, lengths=lengths)).T
    assert roll[LEFT] < -0.03 and roll[RIGHT] == pytest.approx(-roll[LEFT], abs=1e-9)
    euler = np.zeros((1, 2, 16, 3))
    euler[0, :, 0, 1] = roll
    joints = forward_kinematics(euler, np.zeros((1, 2, 3))).position[0]
    little, index = joints[:, FINGER_JOINTS[LITTLE, 0], 2], joints[:, FINGER_JOINTS[1, 0], 2]
    assert (little < index - 0.005).all()


def test_wrists_of_other_bodies_may_go_more_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []

    def noted(problem: Problem, *arguments: Any) -> Any:
        used.append(problem.weights)
        return minimise(problem, *arguments)

    monkeypatch.setattr(apply, "minimise", noted)
    for geometry in (STANDARD_HANDS, stretched(1)):
        apply_contact(relaxed_motion(2.0, 30.0), melody(), geometry=geometry)
    assert used == [OUR_WEIGHTS, OTHER_WEIGHTS] and ContactWeights() == OUR_WEIGHTS


@pytest.mark.parametrize("size", [0.85, 1.2])
def test_hands_that_are_ours_in_another_size_play_as_ours_of_that_size(size: float) -> None:
    notes, motion = melody(), relaxed_motion(4.0, 30.0)
    one = apply_contact(motion, notes, hand_size=size).motion
    other = apply_contact(motion, notes, geometry=scaled(size), weights=OUR_WEIGHTS).motion
    away = np.linalg.norm(tips(one, STANDARD_HANDS, size) - tips(other, scaled(size)), axis=-1)
    assert np.median(away) < 1e-5 and away.max() < 1e-3
    assert np.abs(one.wrist - other.wrist).max() < 1e-3


@pytest.mark.parametrize(("finger", "joint"), [(1, 2), (2, 1), (4, 2), (THUMB, 0)])
def test_locked_joints_stay_at_zero_and_the_hand_plays(finger: int, joint: int) -> None:
    hands, notes = locked(finger, joint), melody()
    result = apply_contact(relaxed_motion(5.0, 30.0), notes, geometry=hands)
    assert not result.motion.euler[:, :, FINGER_JOINTS[finger, joint]].any()
    assert not outside_limits(result.motion.euler, geometry=hands).any()
    score = onset_score(keyboard.pressed_keys(tips(result.motion, hands)), 30.0, notes).score
    assert score.hits >= len(notes) - 1 and score.false <= 1


def test_a_finger_that_is_not_there_is_no_business_of_contact() -> None:
    hands = without("ring")
    result = apply_contact(relaxed_motion(4.0, 30.0), melody(), geometry=hands)
    assert not result.motion.euler[:, :, FINGER_JOINTS[RING]].any()
    assert not (result.notes.finger == RING).any()
    assert result.notes.played.all()


def crossed(geometry: HandGeometry) -> costs.State:
    """Middle and little finger straight and across each other, on both hands; nothing plays."""
    hands = arched_hands(1)
    values = hands.values.copy()
    values[:, 0:15] = 0.0
    outward = np.array([-1.0, 1.0])
    values[:, 8], values[:, 14] = (0.35 * outward)[:, None], (-0.35 * outward)[:, None]
    state = state_of(hands.with_values(values))
    return replace(state, geometry=geometry)


def test_across_a_missing_finger_its_neighbours_keep_their_order() -> None:
    for geometry, pushed in ((without("ring"), True), (without("ring", "pinky"), False)):
        equations = NormalEquations(1)
        costs.order(equations, crossed(geometry))
        slope = equations.slope[:, ABDUCTIONS, 0]
        assert not slope[:, RING].any()
        assert (slope[:, LITTLE] != 0).all() == pushed
        assert not slope[:, [0]].any()


def test_order_knows_how_fingers_lie_at_rest() -> None:
    """Fingers that point across each other at rest are as those that are turned across each other."""
    turned = crossed(STANDARD_HANDS)
    frames = STANDARD_HANDS.finger_frames.copy()
    angles = turned.variables.values[:, ABDUCTIONS, 0]
    cosine, sine = np.cos(angles), np.sin(angles)
    own = np.zeros((2, 5, 3, 3))
    own[..., 0, 0] = own[..., 1, 1] = cosine
    own[..., 0, 1], own[..., 1, 0], own[..., 2, 2] = -sine, sine, 1.0
    frames[:, 1:] = (frames @ own)[:, 1:]
    values = turned.variables.values.copy()
    values[:, ABDUCTIONS] = 0.0
    resting = replace(
        turned,
        variables=turned.variables.with_values(values),
        geometry=replace(STANDARD_HANDS, finger_frames=frames),
    )
    slopes = []
    for state in (turned, resting):
        equations = NormalEquations(1)
        costs.order(equations, state)
        slopes.append(equations.slope)
    assert np.abs(slopes[0]).max() > 1
    np.testing.assert_allclose(slopes[1], slopes[0], rtol=1e-6, atol=1e-6)


# -- from our hands to others --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_fingertips_stay_where_they_were_on_other_hands_and_on_the_way_back(seed: int) -> None:
    motion, other = relaxed_motion(3.0, 30.0), ShownHands(stretched(seed))
    there = refitted(motion, ShownHands(), other)
    away = np.linalg.norm(tips(there, other.geometry) - tips(motion, STANDARD_HANDS), axis=-1)
    plain = np.linalg.norm(tips(motion, other.geometry) - tips(motion, STANDARD_HANDS), axis=-1)
    assert np.percentile(away, 75) < 0.001 and away.max() < 0.5 * plain.max()
    assert not outside_limits(there.euler, geometry=other.geometry).any()
    back = refitted(there, other, ShownHands())
    returned = np.linalg.norm(tips(back, STANDARD_HANDS) - tips(motion, STANDARD_HANDS), axis=-1)
    assert np.percentile(returned, 75) < 0.001
    # The one path must not jump where the other did not.
    jumps = np.abs(np.diff(there.wrist, 2, axis=0)).max()
    assert jumps < np.abs(np.diff(motion.wrist, 2, axis=0)).max() + 0.002


def test_the_same_hands_keep_their_motion() -> None:
    motion = random_motion(40, seed=2)
    found = refitted(motion, ShownHands(), ShownHands())
    assert np.abs(tips(found, STANDARD_HANDS) - tips(motion, STANDARD_HANDS)).max() < 1e-5


# -- through the whole pipeline --------------------------------------------------------------------------------

NOTES = Notes.from_arrays([[0.3, 0.7, 60, 80], [0.8, 1.2, 64, 80], [0.8, 1.2, 48, 70], [1.3, 1.8, 67, 60]])


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    path = tmp_path / "notes.mid"
    write_midi(path, NOTES)
    return path


def generate(preset: Path, source: Path, output: Path, *more: str) -> list[str]:
    return ["generate", str(source), "-o", str(output), "--preset", str(preset), "--steps", "2", *more]


def facts_of(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> dict[str, Any]:
    assert cli.main([*arguments, "--json"]) == 0, capsys.readouterr().err
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def test_a_take_for_other_hands_knows_them_and_plays_with_them(
    capsys: pytest.CaptureFixture[str], midi: Path, tmp_path: Path
) -> None:
    path, output = tmp_path / "hands.json", tmp_path / "take.npz"
    hands = stretched(4)
    write_hand_file(path, hands, "Ann")
    facts = facts_of(capsys, ["generate", str(midi), "-o", str(output), "--hand-geometry", str(path)])
    assert facts["onset_f1"] == 1.0 and facts["notes_played"] == len(NOTES)
    take = Take.load(output)
    assert take.meta["hand_geometry"] == object_of(hands, "Ann") and take.meta["hand_size"] == 1.0
    assert np.array_equal(take.geometry.lengths, hands.lengths)
    figures = evaluate_take(take, take.notes)
    assert figures["onset_f1"] == 1.0 and figures["outside_limits"] == 0
    found = key_touch(take, shown(take))
    assert found.off_key_mm_p95 is not None and found.off_key_mm_p95 < 2.0
    # The same angles on our hands play something else: these are other hands indeed.
    ours = Take(take.motion, take.notes, {"hand_size": 1.0}, keys=take.keys)
    assert evaluate_take(ours, take.notes)["onset_f1"] < 0.9
    beside = key_touch(ours, shown(ours)).off_key_mm_p50
    assert beside is not None and found.off_key_mm_p50 is not None and beside > 5 * found.off_key_mm_p50


def test_redo_goes_on_with_the_hands_of_the_take(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    path, first, again = (tmp_path / name for name in ("hands.json", "one.npz", "two.npz"))
    write_hand_file(path, stretched(4), "Ann")
    facts_of(capsys, generate(tiny_preset, midi, first, "--hand-geometry", str(path)))
    kept = Take.load(first)
    redo = ["--keep", str(first), "--hand", "left", "--seed", "3"]
    facts_of(capsys, generate(tiny_preset, midi, again, *redo))
    take = Take.load(again)
    assert take.meta["hand_geometry"] == kept.meta["hand_geometry"]
    assert np.array_equal(take.motion.euler[:, RIGHT], kept.motion.euler[:, RIGHT])
    assert not np.array_equal(take.motion.euler[:, LEFT], kept.motion.euler[:, LEFT])
    assert not outside_limits(take.motion.euler, geometry=take.geometry).any()

    # Measured again, the same body; another body, or ours, is refused.
    measured = replace(stretched(4), lengths=stretched(4).lengths + 3e-5)
    write_hand_file(path, measured, "Ann, again")
    facts_of(capsys, generate(tiny_preset, midi, again, *redo, "--hand-geometry", str(path)))
    write_hand_file(path, stretched(5), "Ben")
    assert cli.main(generate(tiny_preset, midi, again, *redo, "--hand-geometry", str(path))) == 1
    assert "made for other hands" in capsys.readouterr().err

    facts_of(capsys, generate(tiny_preset, midi, first))
    assert cli.main(generate(tiny_preset, midi, again, *redo, "--hand-geometry", str(path))) == 1
    assert "made for other hands" in capsys.readouterr().err
    # What was read back from an armature says nothing of its hands: they are those that are asked for.
    replace(kept, meta={}).save(first)
    facts_of(capsys, generate(tiny_preset, midi, again, *redo, "--hand-geometry", str(path)))
    assert Take.load(again).meta["hand_geometry"]["name"] == "Ben"


def test_on_narrow_keys_other_hands_are_as_much_larger(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    hands, keys, output = (tmp_path / name for name in ("hands.json", "keys.json", "take.npz"))
    write_hand_file(hands, stretched(4), "Ann")
    keys.write_text(json.dumps({"white_pitch": 0.0235 / 1.25}), encoding="utf-8")
    more = ["--hand-geometry", str(hands), "--keyboard", str(keys)]
    facts_of(capsys, generate(tiny_preset, midi, output, *more))
    take = Take.load(output)
    assert take.meta["hand_size"] == pytest.approx(1.25)
    keys.write_text(json.dumps({"white_pitch": 0.01}), encoding="utf-8")
    assert cli.main(generate(tiny_preset, midi, output, *more)) == 1
    assert "do not fit keys" in capsys.readouterr().err


def test_a_take_that_describes_no_hands_is_refused(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    output = tmp_path / "take.npz"
    facts_of(capsys, generate(tiny_preset, midi, output))
    take = Take.load(output)
    for spoiled in ({"format": 1}, [1], "hands"):
        bad = Take(take.motion, take.notes, {**take.meta, "hand_geometry": spoiled}, given_arms=take.arms)
        bad.save(tmp_path / "bad.npz")
        with pytest.raises(UserError) as caught:
            Take.load(tmp_path / "bad.npz")
        assert caught.value.code == "take_corrupt"
