# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a seated pianist's shoulders and elbows are, from the motion of the wrists (docs/definitions.md).

This file lies in `models/body` and in `s2c_blender/core`, the same to the byte: takes without arms get the same ones on
both sides of the process boundary. It needs numpy and nothing of either side.

The trunk leans slowly after both hands and as far as they need it. From each shoulder the elbow hangs a little away
from the body and gives way to the hand's own wrist. Both arms are worked out as a right one: the left is mirrored
before and after. All lengths below are of a hand of size 1, in metres.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arm_geometry import OUTWARD, SIDES, ArmGeometry, Array, RightArms, dot, length

TRUNK = np.array([0.0, 0.04, 0.47])
"""From the hips to the middle between the shoulders."""
LEAN_SHARE = np.array([0.45, 0.3])
"""How much of the hands' way the shoulders go with them, sideways and forward."""
LEAN_S = 0.5
"""Spread in time of the trunk's lean: it follows nothing faster than half a hertz."""
MOST_LEAN = 0.5
"""Radians that the trunk nears and never reaches."""
LEVEL = 0.5
"""How much the line of the shoulders tilts for a radian of sideways lean; the spine bends and the seat gives way."""
HELP = 1.4
"""Shoulders' way for a metre that an arm is short of its comfortable reach; above 1 because leaning takes time."""
SWAY = np.array([0.006, 0.012, 0.005])
"""The largest sway over phrases, sideways, forward and up."""
PHRASE_S, LONG_S = 1.0, 5.0
"""Spreads in time between which motion counts as that of a phrase."""
HELP_S = 0.15
"""Spread in time of a shoulder's own way after a wrist that is too far."""
CALM_S = 0.1
"""Spread in time of what the elbow gives way to."""
OUT, NEAR = 0.3, 0.45
"""How far the elbow goes outward for a metre that the wrist is farther outward or nearer to the body."""
AT_EASE = 0.05
"""About how far the wrist goes outward before the elbow follows it."""
ALIGN, ROLL = 0.15, 0.04
"""How far the elbow goes outward for a hand that turns inward against its forearm or rolls to its thumb (as sines)."""


COMFORTABLE_SIDE = (-0.3, 0.45)
"""Radians that a hand turns against its forearm, below 0 to the thumb and above to the little finger, before the elbow
goes after it."""
GOES_AFTER = 3
"""Times that the elbow goes by what is beyond that: an elbow on its circle seldom goes quite where it is wished."""


def natural_arms(
    wrist: ArrayLike,
    wrist_euler: ArrayLike,
    fps: float,
    hand_size: float,
    geometry: ArmGeometry,
    sway: float = 1.0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Shoulders and elbows of a motion.

    Args:
        wrist: (frames, 2, 3) metres, piano frame.
        wrist_euler: (frames, 2, 3) the hands' XYZ Euler angles against their rest pose, radians.
        fps: frames a second.
        hand_size: factor on all lengths of hands and arms; they grow about the rest wrist.
        geometry: the arms at size 1.
        sway: factor on the trunk's sway over phrases, from 0.

    Returns:
        shoulder and elbow, each float32 (frames, 2, 3), metres, piano frame.

    Raises:
        ValueError: for other shapes, and where fps or hand_size is not above 0.
    """
    places, angles = np.asarray(wrist, float), np.asarray(wrist_euler, float)
    if places.shape != (len(places), 2, 3) or angles.shape != places.shape:
        raise ValueError(f"wrist {places.shape} and wrist_euler {angles.shape} are not (frames, 2, 3) both")
    if not (fps > 0 and hand_size > 0):
        raise ValueError(f"fps {fps} and hand_size {hand_size} must be above 0")
    if not len(places):
        return np.zeros((0, 2, 3), np.float32), np.zeros((0, 2, 3), np.float32)
    arms = RightArms(geometry, hand_size)
    mirrored = places * SIDES
    shoulder = _leaning(mirrored, arms, fps, sway)
    shoulder = arms.within_reach(shoulder + _help(shoulder, mirrored, arms, fps), mirrored)
    elbow = _elbows(shoulder, mirrored, angles, arms, fps)
    return (shoulder * SIDES).astype(np.float32), (elbow * SIDES).astype(np.float32)


def natural_elbows(
    shoulder: ArrayLike,
    wrist: ArrayLike,
    wrist_euler: ArrayLike,
    fps: float,
    hand_size: float,
    geometry: ArmGeometry,
) -> Array:
    """Elbows (frames, 2, 3) of arms whose shoulders (frames, 2, 3) are where somebody else put them.

    The other arguments are those of `natural_arms`. Wrists have to be within the arms' reach.
    """
    root, places, angles = (np.asarray(array, float) for array in (shoulder, wrist, wrist_euler))
    if not len(places):
        return np.zeros((0, 2, 3))
    arms = RightArms(geometry, hand_size)
    elbow: Array = _elbows(root * SIDES, places * SIDES, angles, arms, fps) * SIDES
    return elbow


def _elbows(shoulder: Array, wrist: Array, euler: Array, arms: RightArms, fps: float) -> Array:
    """Elbows (frames, 2, 3), mirrored like shoulders and wrists: they hang, give way to the hand, and have weight."""
    across, along = _hand_axes(euler, arms)
    pull = _smooth(_outward_pull(wrist, across, along, shoulder, arms), CALM_S, fps)
    wished = arms.elbow - arms.shoulder + pull[..., None] * OUTWARD + shoulder
    elbow = arms.elbow_near(wished, shoulder, wrist)
    for _ in range(GOES_AFTER):
        forearm = wrist - elbow
        side = np.arctan2(dot(across, forearm), dot(along, forearm))
        beyond = arms.fore * (side - np.clip(side, *COMFORTABLE_SIDE))
        wished = wished - _smooth(beyond, CALM_S, fps)[..., None] * OUTWARD
        elbow = arms.elbow_near(wished, shoulder, wrist)
    return arms.elbow_near(_smooth(elbow, CALM_S, fps), shoulder, wrist)


def _hand_axes(euler: Array, arms: RightArms) -> tuple[Array, Array]:
    """X and Y (frames, 2, 3) of the wrists' bones, mirrored like the wrists: across the hand and along it."""
    x, y, z = np.moveaxis(euler * SIDES[:, [1, 0, 0]], -1, 0)
    sx, sy, sz, cx, cy, cz = np.sin(x), np.sin(y), np.sin(z), np.cos(x), np.cos(y), np.cos(z)
    own = (
        np.stack([cy * cz, cy * sz, -sy], -1),
        np.stack([sx * sy * cz - cx * sz, sx * sy * sz + cx * cz, sx * cy], -1),
    )
    across, along = (np.einsum("hab,fhb->fha", arms.wrist_frames, axis) for axis in own)
    return across, along


def _leaning(wrist: Array, arms: RightArms, fps: float, sway: float) -> Array:
    """Shoulders (frames, 2, 3) on a trunk that leans after both hands, mirrored like the wrists."""
    height = TRUNK[2] * arms.size
    both = (wrist - arms.wrist) * SIDES
    mean = 0.5 * (both[:, 0] + both[:, 1])
    lean = LEAN_SHARE * _smooth(mean[:, :2], LEAN_S, fps)
    moved = _smooth(length(np.diff(wrist, axis=0, append=wrist[-1:])).sum(1), CALM_S, fps) * fps
    phrase = _phrase(mean, moved, fps) * SWAY * sway
    lean = lean + phrase[:, :2]
    way = wrist - _trunk(lean, arms, height)
    distance = length(way)
    short = np.maximum(distance - arms.comfortable, 0)
    share = short / np.maximum(distance, 1e-9) * short / np.maximum(short.sum(1, keepdims=True), 1e-9)
    lacking = (way * share[..., None] * SIDES)[..., :2]  # the arm that is shorter decides
    lean = lean + HELP * _smooth(lacking[:, 0] + lacking[:, 1], LEAN_S, fps)
    shoulder = _trunk(lean, arms, height)
    shoulder[..., 2] += phrase[:, None, 2]
    return shoulder


def _help(shoulder: Array, wrist: Array, arms: RightArms, fps: float) -> Array:
    """(frames, 2, 3) how each shoulder goes after a wrist that is too far, in time for it and unhurried."""
    need = length(arms.within_reach(shoulder, wrist) - shoulder)
    reach = 3 * _half(HELP_S, fps)  # of the smoothing, which so never falls below what is needed
    padded = np.concatenate([np.zeros((reach, 2)), need, np.zeros((reach, 2))])
    largest = np.max([padded[i : i + len(need)] for i in range(2 * reach + 1)], axis=0)
    way = wrist - shoulder
    unit = way / np.maximum(length(way), 1e-9)[..., None]
    shift: Array = _smooth(largest, HELP_S, fps)[..., None] * _smooth(unit, HELP_S, fps)
    return shift


def _phrase(mean: Array, speed: Array, fps: float) -> Array:
    """(frames, 3) from -1 to 1: leaning after the line, into busy music, and rising with the hands."""
    slow, long = _smooth(mean, PHRASE_S, fps), _smooth(mean, LONG_S, fps)
    busy, usual = _smooth(speed, PHRASE_S, fps), _smooth(speed, LONG_S, fps)
    forward = (busy - usual) / (usual + 0.05)
    sway: Array = np.tanh(np.stack([(slow - long)[:, 0] / 0.1, 2 * forward, (slow - long)[:, 2] / 0.01], 1))
    return sway


def _trunk(lean: Array, arms: RightArms, height: float) -> Array:
    """Shoulders (frames, 2, 3), mirrored, of a trunk whose shoulders went so far sideways and forward (frames, 2)."""
    side, forward = (MOST_LEAN * np.tanh(lean / (MOST_LEAN * height))).T[..., None]
    side = side * SIDES[:, 0]  # outward for each arm
    hips = (arms.shoulder - TRUNK * arms.size) * np.array([0.0, 1.0, 1.0])
    x, y, z = (arms.shoulder - hips).T
    tilt = LEVEL * side
    across = x * np.cos(tilt) + z * np.sin(side)
    up = z * np.cos(side) - x * np.sin(tilt)
    turned = [across, y * np.cos(forward) + up * np.sin(forward), up * np.cos(forward) - y * np.sin(forward)]
    shoulder: Array = hips + np.stack(turned, -1)
    return shoulder


def _outward_pull(wrist: Array, across: Array, along: Array, shoulder: Array, arms: RightArms) -> Array:
    """(frames, 2) how far each elbow is to go outward from where it hangs, metres."""
    way = (wrist - shoulder) - (arms.wrist - arms.shoulder)
    hand = along[..., 0] - arms.wrist_frames[:, 0, 1]
    thumb = across[..., 2] - arms.wrist_frames[:, 2, 0]
    out, ease = way[..., 0], AT_EASE * arms.size
    room = 0.5 * OUT * (out + np.hypot(out, ease) - ease) - NEAR * way[..., 1]
    inward = np.tanh((out - room) / arms.fore - hand)
    pull: Array = room + arms.size * (ALIGN * inward - ROLL * thumb)
    return pull


def _smooth(values: Array, spread_s: float, fps: float) -> Array:
    """Values (frames, ...) averaged over time with three boxes, nearly a Gaussian; the ends are held."""
    half = _half(spread_s, fps)
    out = values - values[:1]
    frames = np.arange(len(values))
    for _ in range(3):
        padded = np.concatenate([np.repeat(out[:1], half + 1, 0), out, np.repeat(out[-1:], half, 0)])
        total = np.cumsum(padded, axis=0)
        out = (total[frames + 2 * half + 1] - total[frames]) / (2 * half + 1)
    smoothed: Array = values[:1] + out
    return smoothed


def _half(spread_s: float, fps: float) -> int:
    """Frames to each side of a box, three of which have that spread together."""
    return round(math.sqrt((spread_s * fps) ** 2 + 0.25) - 0.5)
