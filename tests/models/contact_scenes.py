# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands, and problems of key contact, that tests of its parts share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.body import keyboard
from models.body.motion import Motion
from models.body.skeleton import FINGER_JOINTS, LEFT, RIGHT, STANDARD_HANDS, HandGeometry
from models.contact.costs import State
from models.contact.hand_points import find_points
from models.contact.near_bones import NearBones, near_bones
from models.contact.schedule import Presses
from models.contact.solver import Problem
from models.contact.strokes import Strokes
from models.contact.variables import ABDUCTIONS, Array, Variables
from models.contact.weights import ContactWeights

FPS = 30.0


def other_hands() -> HandGeometry:
    """Somebody else's hands: a left one that is longer than the right one, with fingers that start elsewhere."""
    lengths, bases = STANDARD_HANDS.lengths.copy(), STANDARD_HANDS.finger_bases.copy()
    lengths[LEFT] *= 1.3
    bases[:, 1:] += [0.0, 0.004, 0.002]
    return replace(STANDARD_HANDS, lengths=lengths, finger_bases=bases)


def random_motion(
    frames: int = 12, seed: int = 0, geometry: HandGeometry = STANDARD_HANDS, apart: float = 0.05
) -> Motion:
    """Fingers anywhere inside their limits; wrists about twice ``apart`` metres from each other."""
    rng = np.random.default_rng(seed)
    low, high = np.moveaxis(geometry.finger_limits, -1, 0)
    angles = low + rng.uniform(0.02, 0.98, (frames, 2, 5, 4)) * (high - low)
    euler = np.zeros((frames, 2, 16, 3), np.float32)
    euler[:, :, 0] = 0.2 * rng.normal(size=(frames, 2, 3)).clip(-2, 2)
    for bone in range(3):
        euler[:, :, FINGER_JOINTS[:, bone], 0] = angles[..., bone]
    euler[:, :, FINGER_JOINTS[:, 0], 2] = angles[..., 3]
    wrist = 0.02 * rng.normal(size=(frames, 2, 3)) + [[-apart, -0.09, 0.08], [apart, -0.09, 0.08]]
    return Motion(euler, wrist.astype(np.float32), FPS)


def arched_hands(frames: int, x: Sequence[float] = (-0.3, 0.2), height: float = 0.075) -> Variables:
    """Both hands at rest over the keys, their fingers arched, wrists at ``x`` metres."""
    values = np.zeros((2, 21, frames))
    values[:, :15] = np.array([0.1, 0.25, 0.0] + 4 * [0.35, 0.7, 0.0])[:, None]
    values[:, 15] = np.array(x)[:, None]
    values[:, 16], values[:, 17] = -0.1, height
    return Variables(values, np.zeros((2, 5, frames)), STANDARD_HANDS.finger_limits[:, :, 2])


def over_a_key(pitch: int, finger: int = 1, frames: int = 30, dx: float = 0.006) -> Variables:
    """Hands at rest, a right finger above a key, somewhat to the side of its middle and out of it."""
    hands = arched_hands(frames)
    tip = find_points(hands, STANDARD_HANDS, 1.0).tips[:, RIGHT, finger, :1]
    values = hands.values.copy()
    values[RIGHT, 15] += keyboard.key_x(pitch) + dx - tip[0]
    values[RIGHT, 16] += 0.045 - tip[1]
    return hands.with_values(values)


def no_strokes(frames: int) -> Strokes:
    """No finger plays."""
    zeros = np.zeros((2, 5, frames))
    return Strokes(np.zeros((3, 2, 5, frames)), zeros.astype(np.int64), *(zeros,) * 4, zeros + np.inf)


def state_of(
    variables: Variables,
    wanted: Variables | None = None,
    strokes: Strokes | None = None,
    near: NearBones | None = None,
    geometry: HandGeometry = STANDARD_HANDS,
) -> State:
    """What costs are asked about; hands of size 1."""
    points = find_points(variables, geometry, 1.0)
    generated = points if wanted is None else find_points(wanted, geometry, 1.0)
    frames = len(variables)
    return State(
        variables,
        variables if wanted is None else wanted,
        generated.tips,
        generated.wrists,
        points,
        no_strokes(frames) if strokes is None else strokes,
        near_bones(points, ContactWeights(), np.ones((2, frames), bool), 0.01) if near is None else near,
        FPS,
        ContactWeights(),
        geometry,
        1.0,
    )


def presses_of(
    down_s: Array,
    up_s: Array,
    slot: NDArray[np.floating],
    pitch: NDArray[np.floating],
    velocity: float = 64.0,
) -> Presses:
    """Presses (m,) of one loudness, half a second from tone to tone."""
    count = len(down_s)
    return Presses(
        note=np.arange(count),
        slot=slot.astype(np.int64),
        down_s=down_s,
        up_s=up_s,
        pitch=pitch.astype(np.int64),
        velocity=np.full(count, velocity),
        lift=np.full(count, 0.009),
        rise_s=np.full(count, 0.12),
    )


def problem_of(
    wanted: Variables,
    presses: Sequence[tuple[float, float, int, int]] = (),
    geometry: HandGeometry = STANDARD_HANDS,
) -> Problem:
    """Hands of which everything may move, and the down s, up s, slot and pitch of what they play."""
    down, up, slot, pitch = np.array(presses, float).reshape(-1, 4).T
    played = presses_of(down, up, slot, pitch)
    fixed = np.zeros((len(wanted), 2), bool)
    generated = find_points(wanted, geometry, 1.0)
    return Problem(
        wanted, generated.tips, generated.wrists, played, fixed, FPS, 1.0, geometry, ContactWeights()
    )


def fastest_joint(values: Array) -> float:
    """Radians a second, of values (2, 21, F)."""
    speed = np.abs(np.diff(values)) * FPS
    return float(np.delete(speed, [15, 16, 17], axis=1).max())


def gaps_between_lines(state: State) -> NDArray[np.float64]:
    """(2, 3, F) metres between the lines of neighbouring long fingers, seen from above, where the shorter one ends."""
    geometry, side = state.geometry, np.array([-1.0, 1.0])[:, None, None]
    across, forward = side * geometry.finger_bases[..., 0, None], geometry.finger_bases[..., 1, None]
    abduction = state.variables.values[:, ABDUCTIONS]
    reach = np.linalg.norm((state.points.tips - state.points.heads[:, :, :, 0])[:2], axis=0)
    end = forward + reach * np.cos(abduction)
    level = np.minimum(end[:, 1:4], end[:, 2:])
    place = [
        across[:, part] + side * np.tan(abduction[:, part]) * (level - forward[:, part])
        for part in (slice(1, 4), slice(2, 5))
    ]
    return place[1] - place[0]
