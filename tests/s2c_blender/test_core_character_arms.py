# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's arms as numbers: how far they reach, where elbows hang, which way they bend, where its piano stands."""

import numpy as np
import pytest

from s2c_blender.core import skeleton
from s2c_blender.core.character_arms import elbow_hinge, elbows, player_arms, reached
from s2c_blender.core.character_seat import piano_for, piano_under
from s2c_blender.errors import UserError

LENGTHS = np.array([[0.31, 0.24], [0.28, 0.26]])


def finished(generator):  # type: ignore[no-untyped-def]
    """What a generator returns."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value


def test_wrists_within_reach_stay_and_others_come_as_near_as_they_can() -> None:
    shoulder = np.zeros((4, 3))
    wrist = np.array([[0.3, 0.2, 0.1], [0.0, 0.9, 0.0], [0.01, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = reached(shoulder, wrist, LENGTHS[0])
    assert np.array_equal(found.wrist[0], wrist[0]) and found.short[0] == 0
    distance = np.linalg.norm(found.wrist, axis=1)
    assert distance[1] == pytest.approx(0.55, rel=1e-3) and found.short[1] == pytest.approx(0.35, abs=1e-3)
    assert np.allclose(found.wrist[1] / distance[1], [0, 1, 0])
    assert (distance[2:] > 0.07).all() and np.isfinite(found.wrist).all()


def test_player_arms_have_the_lengths_and_the_standard_players_shape() -> None:
    geometry, size = player_arms(LENGTHS)
    assert np.allclose(size * geometry.upper_arm, LENGTHS[:, 0])
    assert np.allclose(size * geometry.forearm, LENGTHS[:, 1])
    standard = skeleton.STANDARD_ARMS
    both = np.stack([standard.upper_arm, standard.forearm], 1)
    same, one = player_arms(both)
    assert one == pytest.approx(1) and np.allclose(same.elbow, standard.elbow)
    assert np.allclose(same.shoulder, standard.shoulder)


def test_elbows_of_five_minutes_hang_and_never_flip() -> None:
    """Hands that go everywhere, crossing and leaping: each elbow goes on smoothly, below its shoulder."""
    frames, fps = 9000, 30.0
    random = np.random.default_rng(5)
    wrist = np.empty((frames, 2, 3))
    for hand in (0, 1):
        knots = random.uniform((-0.5, -0.13, 0.03), (0.5, 0.05, 0.12), (frames // 12 + 2, 3))
        at = np.arange(frames) / 12
        wrist[:, hand] = np.stack([np.interp(at, np.arange(len(knots)), column) for column in knots.T], 1)
    euler = 0.4 * np.sin(np.arange(frames)[:, None, None] * 0.1 + random.uniform(0, 6, (1, 2, 3)))
    shoulder = np.broadcast_to(np.array([[-0.18, -0.42, 0.33], [0.18, -0.42, 0.33]]), (frames, 2, 3)).copy()
    for hand in (0, 1):
        wrist[:, hand] = reached(shoulder[:, hand], wrist[:, hand], LENGTHS[hand]).wrist
    found = finished(elbows(shoulder, wrist, euler, fps, LENGTHS))
    for hand in (0, 1):
        assert np.allclose(np.linalg.norm(found[:, hand] - shoulder[:, hand], axis=1), LENGTHS[hand, 0])
        assert np.allclose(np.linalg.norm(found[:, hand] - wrist[:, hand], axis=1), LENGTHS[hand, 1])
    assert (found[..., 2] < shoulder[..., 2]).all()
    step = np.linalg.norm(np.diff(found, axis=0), axis=2)
    assert step.max() < 0.12  # hands here go up to 8 cm a frame
    line = (wrist - shoulder) / np.linalg.norm(wrist - shoulder, axis=2, keepdims=True)
    aside = (found - shoulder) - line * np.sum((found - shoulder) * line, 2, keepdims=True)
    bent = np.linalg.norm(aside, axis=2) > 0.03
    aside /= np.maximum(np.linalg.norm(aside, axis=2, keepdims=True), 1e-9)
    along = np.sum(aside[1:] * aside[:-1], axis=2)[bent[1:] & bent[:-1]]
    assert along.min() > 0.5  # no elbow ever jumps to the other side of its arm


def test_stretches_of_a_long_take_join_without_a_seam() -> None:
    frames = 4000
    time = np.arange(frames)[:, None, None] / 30
    wrist = np.array([[-0.2, -0.1, 0.06], [0.2, -0.1, 0.06]]) + 0.1 * np.sin(time * [0.7, 1.1, 0.5])
    shoulder = np.broadcast_to(np.array([[-0.18, -0.42, 0.33], [0.18, -0.42, 0.33]]), wrist.shape)
    euler = np.zeros((frames, 2, 3))
    whole = finished(elbows(shoulder, wrist, euler, 30.0, LENGTHS))
    later = finished(elbows(shoulder[900:], wrist[900:], euler[900:], 30.0, LENGTHS))
    assert np.abs(whole[1000:] - later[100:]).max() < 1e-6


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_straight_arms_bend_to_the_front_and_bent_ones_as_they_do(side: float) -> None:
    forward, up = np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
    straight = np.array([[0.0, 0, 0], [0.3 * side, 0, 0], [0.55 * side, 0, 0]])
    hinge = elbow_hinge(straight, forward, up)
    turned = np.cross(hinge, [side, 0, 0])  # where a small positive turn takes the forearm
    assert turned @ forward == pytest.approx(1)
    ahead = np.array([[0.0, 0, 0], [0, 0.3, 0], [0, 0.55, 0]])
    assert np.cross(elbow_hinge(ahead, forward, up), forward) @ up == pytest.approx(1)
    bent = straight.copy()
    bent[2, 2] += 0.1
    assert np.cross(elbow_hinge(bent, forward, up), [side, 0, 0]) @ up > 0.9


def test_a_piano_stands_before_whoever_sits_upright_wherever_that_is() -> None:
    turn = 0.7
    axes = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    place = np.array([3.0, -2.0, 1.1])
    for metres in (1.0, 0.01):
        shoulders = (place + np.array([[-0.18, 0, 0], [0.18, 0, 0]]) @ axes.T) / metres
        matrix = piano_for(shoulders, LENGTHS, metres)
        seen = shoulders @ matrix[:3, :3].T + matrix[:3, 3]
        assert seen[1, 0] - seen[0, 0] == pytest.approx(0.36)
        geometry, size = player_arms(LENGTHS)
        wanted = (geometry.wrist + size * (geometry.shoulder - geometry.wrist)).mean(0)
        assert np.allclose(seen.mean(0), wanted)
        under = piano_under(shoulders, metres)
        assert np.allclose(
            (shoulders @ under[:3, :3].T + under[:3, 3]).mean(0), skeleton.STANDARD_ARMS.wrist.mean(0)
        )
    with pytest.raises(UserError, match="upright"):
        piano_for([[0, 0, 0], [0, 0, 0.4]], LENGTHS, 1.0)
