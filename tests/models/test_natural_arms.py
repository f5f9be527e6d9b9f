# SPDX-License-Identifier: GPL-3.0-or-later
"""Natural arms: lengths, reach, no flips, mirror images, and where a pianist's elbows are."""

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from models.body.arm_geometry import BACK_AND_DOWN, MOST_REACH, REACH, ArmGeometry, RightArms, fit_arms
from models.body.arms import Arms, wrist_bend
from models.body.motion import Motion
from models.body.natural_arms import natural_arms
from models.body.skeleton import REST_DATA, STANDARD_ARMS
from models.generation.generator import GenerateSettings, generate
from models.generation.model import load_model
from models.music.midi import read_midi

Array = NDArray[np.float64]
REST = STANDARD_ARMS.wrist
KEYBOARD = 0.6
"""Metres from the middle to the outer keys."""


def arms_of(wrist, euler=None, fps=30.0, hand_size=1.0, **options):
    wrist = np.asarray(wrist, float)
    return natural_arms(
        wrist, np.zeros_like(wrist) if euler is None else euler, fps, hand_size, STANDARD_ARMS, **options
    )


def at(left, right, frames=1):
    """Hands that rest in these places of X, or with these (x, y, z)."""
    places = [REST[hand] if place is None else place for hand, place in enumerate((left, right))]
    one = [np.array([place, *REST[0, 1:]]) if np.ndim(place) == 0 else place for place in places]
    return np.repeat(np.array(one, float)[None], frames, 0)


def leaps(path, fps=30.0, wait=0.3):
    """(frames, 2, 3) hands that go from place to place of X (n, 2) by minimum jerk, as fast as the fastest pianists."""
    parts = []
    for one, other in zip(path[:-1], path[1:]):
        way = round((0.1 + 0.4 * np.abs(other - one).max()) * fps)
        u = np.arange(way) / way
        shape = np.concatenate([u**3 * (10 - 15 * u + 6 * u * u), np.ones(round(wait * fps))])
        parts.append(one + (other - one) * shape[:, None])
    x = np.concatenate(parts)
    wrist = at(None, None, len(x))
    wrist[..., 0] = x
    wrist[..., 2] += 0.03 * np.sin(np.arange(len(x)) / fps * 6)[:, None] ** 2
    return wrist


def speed(values, fps=30.0, order=1):
    return np.linalg.norm(np.diff(np.asarray(values, float), n=order, axis=0), axis=-1) * fps**order


def check_lengths_and_reach(wrist, shoulder, elbow, hand_size=1.0, reach=REACH):
    wrist = np.asarray(wrist, float)
    upper = np.linalg.norm(elbow.astype(float) - shoulder, axis=-1)
    fore = np.linalg.norm(wrist - elbow, axis=-1)
    np.testing.assert_allclose(
        upper, np.broadcast_to(hand_size * STANDARD_ARMS.upper_arm, upper.shape), atol=1e-6
    )
    np.testing.assert_allclose(
        fore, np.broadcast_to(hand_size * STANDARD_ARMS.forearm, fore.shape), atol=1e-6
    )
    arms = RightArms(STANDARD_ARMS, hand_size)
    distance = np.linalg.norm(wrist - shoulder, axis=-1)
    assert (distance < arms.reach(reach[3]) + 1e-6).all() and (distance > arms.reach(reach[0]) - 1e-6).all()


@pytest.fixture(scope="module")
def played():
    """Five minutes of the model that ships: the demo's piece, again and again in other octaves."""
    piece = read_midi("demo/recording.mid").notes
    length = float(piece.offset_s.max()) + 0.5
    parts = [
        dataclasses.replace(
            piece,
            onset_s=piece.onset_s + i * length,
            offset_s=piece.offset_s + i * length,
            pitch=np.clip(piece.pitch + (0, 12, -12, 24)[i % 4], 21, 108),
        )
        for i in range(17)
    ]
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts])
        for field in dataclasses.fields(piece)
        if isinstance(getattr(piece, field.name), np.ndarray)
    }
    model = load_model("default", "cpu", "onnx")
    settings = GenerateSettings(contact=0.0, steps=2)
    return generate(model, dataclasses.replace(piece, **columns), duration_s=17 * length, settings=settings)


@pytest.mark.parametrize("hand_size", [0.7, 1.0, 1.4])
def test_hands_at_rest_have_their_arms_at_rest(hand_size):
    shoulder, elbow = arms_of(at(None, None, 40), hand_size=hand_size)
    for found, rest in ((shoulder, STANDARD_ARMS.shoulder), (elbow, STANDARD_ARMS.elbow)):
        np.testing.assert_allclose(
            found, np.broadcast_to(REST + hand_size * (rest - REST), found.shape), atol=1e-6
        )


@pytest.mark.parametrize("hand_size", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("fps", [24.0, 29.97, 60.0])
@pytest.mark.parametrize("frames", [1, 2, 7, 200])
def test_bones_have_their_lengths_and_reach_every_wrist(frames, fps, hand_size):
    rng = np.random.default_rng(frames)
    wrist = rng.uniform([-0.7, -0.2, 0.0], [0.7, 0.1, 0.2], (frames, 2, 3))
    shoulder, elbow = arms_of(wrist, rng.normal(0, 0.4, (frames, 2, 3)), fps, hand_size)
    assert shoulder.dtype == elbow.dtype == np.float32 and shoulder.shape == elbow.shape == (frames, 2, 3)
    check_lengths_and_reach(wrist, shoulder, elbow, hand_size)


def test_wrists_anywhere_have_arms_all_the_same():
    rng = np.random.default_rng(5)
    wrist = np.concatenate([rng.normal(0, 1, (60, 2, 3)), rng.normal(0, 30, (60, 2, 3))])
    shoulder, elbow = arms_of(wrist, rng.normal(0, 3, (120, 2, 3)))
    assert np.isfinite(shoulder).all() and np.isfinite(elbow).all()
    np.testing.assert_allclose(np.linalg.norm(elbow.astype(float) - shoulder, axis=-1), 0.3, atol=1e-3)


def test_wrists_in_the_shoulder_and_straight_behind_it_have_arms_of_the_right_lengths():
    shoulder = np.repeat(STANDARD_ARMS.shoulder[None], 3, 0)
    wrist = shoulder + np.array([0.0, 0.4, -0.4])[:, None, None] * BACK_AND_DOWN
    check_lengths_and_reach(wrist, *fit_arms(shoulder, shoulder, wrist, 1.0, STANDARD_ARMS), reach=MOST_REACH)


def test_the_left_arm_is_the_mirrored_right_one_exactly():
    rng = np.random.default_rng(2)
    wrist = at(-0.2, 0.3, 150) + np.cumsum(rng.normal(0, 0.004, (150, 2, 3)), 0)
    euler = np.cumsum(rng.normal(0, 0.01, (150, 2, 3)), 0)
    mirror = np.array([-1.0, 1.0, 1.0])
    straight = arms_of(wrist, euler)
    image = arms_of(wrist[:, ::-1] * mirror, euler[:, ::-1] * -mirror)
    for one, other in zip(straight, image):
        np.testing.assert_array_equal(other, one[:, ::-1] * mirror)


PATHS = {
    "outer octaves": [(-0.2, 0.2), (-KEYBOARD, KEYBOARD), (-0.2, 0.2), (-KEYBOARD, 0.0), (0.0, KEYBOARD)] * 4,
    "hands crossing": [(-0.1, 0.1), (0.2, -0.2), (-0.3, 0.3), (0.45, 0.1), (-0.1, -0.45)] * 4,
    "from end to end": [(-KEYBOARD, -0.45), (0.45, KEYBOARD)] * 10,
    "both in the middle": [(-0.03, 0.03), (0.02, -0.02), (-0.2, 0.0), (0.0, 0.2)] * 5,
}


@pytest.mark.parametrize("fps", [24.0, 60.0])
@pytest.mark.parametrize("name", PATHS)
def test_elbows_never_flip_however_the_hands_leap(name, fps):
    wrist = leaps(np.array(PATHS[name]), fps)
    shoulder, elbow = arms_of(wrist, fps=fps)
    check_lengths_and_reach(wrist, shoulder, elbow)
    largest = speed(wrist, fps).max()
    assert speed(elbow, fps).max() < 1.1 * largest and speed(shoulder, fps).max() < 0.5 * largest
    most = 4 if name == "from end to end" else 1.6  # both arms sweep past the body at 4 m/s
    assert speed(elbow, fps, 2).max() < most * speed(wrist, fps, 2).max()
    line = shoulder + (wrist - shoulder) * 0.5
    assert (elbow[..., 2] < line[..., 2]).all(), "an elbow above the line from shoulder to wrist"


def test_elbows_follow_the_wrists_of_five_minutes_without_pops(played):
    motion, arms = played.motion, played.arms
    assert motion.frames > 9000
    check_lengths_and_reach(motion.wrist, arms.shoulder, arms.elbow)
    for order in (1, 2):
        for share in (99, 99.9, 100):
            wrist, elbow, shoulder = (
                np.percentile(speed(values, 30.0, order), share)
                for values in (motion.wrist, arms.elbow, arms.shoulder)
            )
            assert elbow < wrist and shoulder < 0.35 * wrist, (order, share)
    assert 0 < np.median(speed(arms.elbow)) < np.median(speed(motion.wrist))


def test_nothing_that_trembles_comes_from_the_arms():
    """Wrists that glide have elbows and shoulders that glide: no corner where one rule follows another."""
    t = np.arange(1200) / 60
    wrist = at(None, None, len(t))
    wrist[..., 0] = np.stack([-0.3 + 0.35 * np.sin(t / 2), 0.3 - 0.45 * np.cos(t / 3)], 1)
    wrist[..., 1] += 0.1 * np.sin(t / 5)[:, None]
    for part in arms_of(wrist, fps=60.0):
        assert speed(part, 60.0, 2).max() < 0.5


def test_elbows_are_where_a_pianists_are():
    elbow = arms_of(at(-0.12, 0.12))[1][0]
    assert 0.15 < elbow[1, 0] < 0.25 and abs(elbow[1, 2] - 0.045) < 0.03, (
        "beside the body, at the height of the keys"
    )
    near = arms_of(at((-0.12, -0.16, 0.06), (0.12, -0.16, 0.06)))[1][0]
    assert near[1, 0] > elbow[1, 0] + 0.01, "outward for near notes"
    far = arms_of(at(-0.12, 0.5))[1][0]
    assert far[1, 0] > elbow[1, 0] + 0.1, "after the wrist"
    outward, inward = (arms_of(at(-0.12, 0.12), [[[0, 0, 0], [0, 0, turn]]])[1][0] for turn in (0.3, -0.3))
    assert inward[1, 0] > elbow[1, 0] + 0.01 > outward[1, 0] + 0.02, "outward where the hand turns inward"
    thumb_down = arms_of(at(-0.12, 0.12), [[[0, 0, 0], [0, -0.3, 0]]])[1][0]
    assert thumb_down[1, 0] > elbow[1, 0] + 0.005, "outward where the hand rolls to its thumb"


@pytest.mark.parametrize("x", [-0.2, 0.0, 0.3])
def test_elbows_go_after_hands_that_turn_farther_than_wrists_do(x):
    """A right hand that plays left of the middle still points ahead, as tracked ones do: its forearm comes round."""
    wrist = at(-0.4, x, 40)
    for turn, most in ((0.0, 0.55), (0.3, 0.55), (-0.5, 0.45)):
        euler = np.zeros_like(wrist)
        euler[:, 1, 2] = turn
        shoulder, elbow = arms_of(wrist, euler)
        motion = Motion(
            np.repeat(euler[:, :, None], 16, 2).astype(np.float32), wrist.astype(np.float32), 30.0
        )
        side = wrist_bend(motion, Arms(elbow, shoulder))[20, 1, 1]
        assert abs(side) < most, (x, turn, side)


def test_the_trunk_leans_after_both_hands_and_as_far_as_a_wrist_needs():
    shoulder = arms_of(at(0.2, 0.45, 60))[0][30]
    assert 0.08 < shoulder[:, 0].mean() < 0.25 and shoulder[1, 2] < shoulder[0, 2]
    assert arms_of(at(-KEYBOARD, KEYBOARD))[0][0, :, 1].min() > STANDARD_ARMS.shoulder[0, 1] + 0.05
    crossed = arms_of(at(None, -KEYBOARD, 60))[0][30]
    assert crossed[1, 0] < STANDARD_ARMS.shoulder[1, 0] - 0.15


def test_the_trunk_follows_nothing_fast():
    t = np.arange(1800) / 30
    wrist = at(None, None, len(t))
    wrist[..., 0] += 0.1 * np.sin(2 * np.pi * 1.5 * t)[:, None]
    shoulder = arms_of(wrist)[0][300:-300]
    assert np.ptp(shoulder[..., 0], axis=0).max() < 0.004
    slow = at(None, None, len(t))
    slow[..., 0] += 0.1 * np.sin(2 * np.pi * 0.05 * t)[:, None]
    assert np.ptp(arms_of(slow)[0][300:-300, :, 0], axis=0).min() > 0.06


def test_it_sways_over_phrases_by_millimetres_and_not_at_all_when_told_so():
    t = np.arange(1800) / 30
    wrist = at(None, None, len(t))
    busy = (np.sin(2 * np.pi * t / 9) > 0) * 0.03
    wrist[..., 0] += (busy * np.sin(2 * np.pi * 3 * t))[:, None] * np.array([-1, 1])
    sway = {amount: arms_of(wrist, sway=amount)[0][..., 1] for amount in (0.0, 1.0, 2.0)}
    assert np.ptp(sway[0.0], axis=0).max() < 0.001
    assert 0.005 < np.ptp(sway[1.0][:, 1]) < 0.03 and np.ptp(sway[2.0]) > 1.8 * np.ptp(sway[1.0])
    still = arms_of(at(None, None, 300), sway=2.0)[0]
    assert np.ptp(still, axis=0).max() == 0


def test_an_arm_goes_by_its_own_wrist_but_for_the_trunk():
    wrist = leaps(np.array(PATHS["both in the middle"]))
    other = wrist.copy()
    other[:, 0] += [-0.03, 0.02, 0.01] * np.sin(np.arange(len(wrist)) / 9)[:, None]
    one, two = arms_of(wrist), arms_of(other)
    for part, most in zip(range(2), (0.015, 0.015)):
        assert np.abs(one[part][:, 1] - two[part][:, 1]).max() < most


def test_arms_that_fit_stay_and_others_come_to_the_nearest_place():
    wrist = leaps(np.array(PATHS["outer octaves"]))
    shoulder, elbow = arms_of(wrist)
    same = fit_arms(shoulder, elbow, wrist, 1.0, STANDARD_ARMS)
    np.testing.assert_allclose(same, (shoulder, elbow), atol=1e-6)
    rng = np.random.default_rng(0)
    bent = [part + rng.normal(0, 0.02, part.shape) for part in (shoulder, elbow)]
    fitted = fit_arms(*bent, wrist, 1.0, STANDARD_ARMS)
    check_lengths_and_reach(wrist, *fitted, reach=MOST_REACH)
    assert np.abs(fitted[1] - elbow).max() < 0.15


def test_the_hinge_of_the_elbow_is_the_same_of_both_bones_and_bends_it():
    for hand, sign in ((0, -1.0), (1, 1.0)):
        upper, fore = STANDARD_ARMS.frames[hand]
        np.testing.assert_allclose(upper[:, 0], fore[:, 0], atol=1e-12)
        for frame in (upper, fore):
            np.testing.assert_allclose(frame.T @ frame, np.eye(3), atol=1e-12)
            assert np.linalg.det(frame) == pytest.approx(1)
        np.testing.assert_allclose(
            STANDARD_ARMS.shoulder[hand] + STANDARD_ARMS.upper_arm[hand] * upper[:, 1],
            STANDARD_ARMS.elbow[hand],
        )
        np.testing.assert_allclose(
            STANDARD_ARMS.elbow[hand] + STANDARD_ARMS.forearm[hand] * fore[:, 1], REST[hand]
        )
        bent = STANDARD_ARMS.elbow[hand] + np.cos(0.1) * fore[:, 1] + np.sin(0.1) * fore[:, 2]
        straight = STANDARD_ARMS.elbow[hand] + fore[:, 1]
        distances = [np.linalg.norm(place - STANDARD_ARMS.shoulder[hand]) for place in (bent, straight)]
        assert distances[0] < distances[1] and np.sign(STANDARD_ARMS.shoulder[hand, 0]) == sign


def test_wrong_shapes_and_sizes_are_refused():
    wrist = at(None, None, 3)
    with pytest.raises(ValueError, match="wrist_euler"):
        natural_arms(wrist, wrist[:2], 30.0, 1.0, STANDARD_ARMS)
    with pytest.raises(ValueError, match="above 0"):
        arms_of(wrist, fps=0.0)
    with pytest.raises(ValueError, match="collar"):
        dataclasses.replace(STANDARD_ARMS, collar=np.zeros(3))
    with pytest.raises(ValueError, match="longer than nothing"):
        dataclasses.replace(STANDARD_ARMS, elbow=STANDARD_ARMS.shoulder)
    assert natural_arms(wrist[:0], wrist[:0], 30.0, 1.0, STANDARD_ARMS)[0].shape == (0, 2, 3)


def test_other_arms_are_data():
    longer = {**REST_DATA, "arm": {**REST_DATA["arm"], "shoulder": [0.18, -0.5, 0.4]}}
    geometry = ArmGeometry.of_rest_data(longer)
    wrist = at(-0.3, 0.4, 30)
    shoulder, elbow = natural_arms(wrist, np.zeros_like(wrist), 30.0, 1.0, geometry)
    found = np.linalg.norm(elbow.astype(float) - shoulder, axis=-1)
    assert geometry.upper_arm[0] > 0.35
    np.testing.assert_allclose(found, np.broadcast_to(geometry.upper_arm, found.shape), atol=1e-6)
