# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the right hand: anatomy in round cones, made into vertices, faces and weights. NumPy only, no bpy.

Coordinates are metres from the wrist joint in piano axes: +X to the little finger, +Y along the fingers, +Z out of
the back of the hand. The surface is built with the fingers a little apart, so that they do not melt together, and
then skinned back to the rest pose with its own weights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import skeleton
from . import implicit
from .hand_anatomy import Finger, anatomy, cone, fingers
from .hand_details import nails
from .parts import COLUMNS, FOREARM, HAND, SKIN, HandPieces, Part, joined, smoothstep
from .sleeves import short_cuff, sleeve

Array = NDArray[np.floating[Any]]

SPACING = 0.003
"""Grid step of the polygonisation."""
WRIST_BEND = (-0.045, 0.025)
"""Between which Y the skin passes from the forearm to the hand: wide enough for the forearm to turn under it."""


def skin_weights(points: Array, chains: list[Finger]) -> Array:
    """Weights (n, 19) before smoothing: along each finger by planes through its joints, across by distance."""
    weights = np.zeros((len(points), len(COLUMNS)))

    def depth(finger: Finger, first: float = 0.0) -> Array:
        """Distance to the finger's flesh; `first` shortens its start."""
        start = finger.joints[0] + first * finger.frame[:, 1]
        return cone(start, finger.tail, finger.radii[0], finger.radii[3], 0).distance(points)

    def chain(finger: Finger, start: tuple[float, float]) -> list[Array]:
        y, r = finger.frame[:, 1], finger.radii
        steps = [
            smoothstep((points - finger.joints[0]) @ y, *start),
            *(smoothstep((points - finger.joints[j]) @ y, -0.78 * r[j], 0.78 * r[j]) for j in (1, 2)),
        ]
        return [
            steps[0] * (1 - steps[1]),
            steps[0] * steps[1] * (1 - steps[2]),
            steps[0] * steps[1] * steps[2],
        ]

    others = np.stack([depth(finger, 0.004) for finger in chains[1:]])
    share = np.exp(-(others - others.min(0)) / 0.0016)
    share /= share.sum(0)
    for finger, joints, part in zip(chains[1:], skeleton.FINGER_JOINTS[1:], share, strict=True):
        for joint, weight in zip(joints, chain(finger, (-0.009, 0.010)), strict=True):
            weights[:, joint] = part * weight
    weights[:, HAND] = 1.0 - weights.sum(1)

    thumb, index = chains[0], chains[1]
    metacarpal = cone(np.array([-0.008, 0.012, 0.0]), index.joints[0], 0.013, 0.0115, 0).distance(points)
    beyond = np.minimum(metacarpal, others.min(0))
    mine = 1.0 / (1.0 + np.exp(np.clip((depth(thumb) - beyond) / 0.0042, -60, 60)))
    parts = chain(thumb, (-0.012, 0.03))
    total = mine * sum(parts)
    weights *= (1.0 - total)[:, None]
    for joint, weight in zip(skeleton.FINGER_JOINTS[0], parts, strict=True):
        weights[:, joint] = mine * weight
    behind = 1.0 - smoothstep(points[:, 1], *WRIST_BEND)
    weights[:, FOREARM] = behind * weights[:, HAND]
    weights[:, HAND] -= weights[:, FOREARM]
    return weights


def _strongest_four(weights: Array) -> Array:
    kept = np.sort(weights, axis=1)[:, -4][:, None]
    weights = np.where((weights >= kept) & (weights > 0.002), weights, 0.0)
    return weights / weights.sum(1, keepdims=True)


def _to_rest(points: Array, weights: Array, apart: list[Finger], rest: list[Finger]) -> Array:
    """Bring points from fingers apart to fingers at rest by linear blend skinning."""
    moved = points * (1 - sum(weights[:, joints].sum(1) for joints in skeleton.FINGER_JOINTS))[:, None]
    for source, target, joints in zip(apart, rest, skeleton.FINGER_JOINTS, strict=True):
        turn = target.frame @ source.frame.T
        moved += weights[:, joints].sum(1)[:, None] * (
            target.joints[0] + (points - source.joints[0]) @ turn.T
        )
    return moved


def _blush(points: Array, chains: list[Finger]) -> Array:
    """Redder fingertips and joints, as blood shows through."""
    red = np.zeros(len(points))
    for finger in chains:
        tip = np.linalg.norm(points - finger.centres[3], axis=1)
        red = np.maximum(red, np.exp(-((tip / (2.0 * finger.radii[3])) ** 2)))
        for j, strength in ((0, 0.35 if finger.name != "thumb" else 0.0), (1, 0.55), (2, 0.4)):
            gap = np.linalg.norm(
                points - (finger.centres[j] - 0.7 * finger.radii[j] * finger.frame[:, 2]), axis=1
            )
            red = np.maximum(red, strength * np.exp(-((gap / (0.95 * finger.radii[j])) ** 2)))
    palm = smoothstep(-points[:, 2], 0.004, 0.018) * smoothstep(points[:, 1], -0.01, 0.03)
    return np.clip(np.maximum(red, 0.3 * palm), 0.0, 1.0)


def compute() -> HandPieces:
    """The right hand, made from the anatomy; takes seconds, so `hand_file` keeps the result."""
    apart, rest = fingers(spread=True), fingers(spread=False)
    groups = anatomy(apart)
    low = np.array([-0.115, -0.117, -0.065])
    nx, ny, nz = (int(n) for n in np.ceil((np.array([0.095, 0.205, 0.04]) - low) / SPACING))
    field = implicit.sample_grid(groups, low, (nx, ny, nz), SPACING)
    vertices, faces = implicit.surface_nets(field, low, SPACING)
    points = vertices.astype(np.float64)
    for _ in range(2):
        points += 0.6 * (implicit.neighbours_mean(points, faces) - points)
        value, slope = implicit.gradient(groups, points)
        points -= value[:, None] * slope / np.maximum((slope**2).sum(1), 0.25)[:, None]
    weights = skin_weights(points, apart)
    for _ in range(3):
        weights += 0.5 * (implicit.neighbours_mean(weights, faces) - weights)
    weights = _strongest_four(np.maximum(weights, 0.0))
    resting = _to_rest(points, weights, apart, rest)
    skin = Part(resting, faces, np.full(len(faces), SKIN), weights, _blush(resting, rest))
    on_fingers = joined(nails(groups, apart))
    on_fingers = replace(on_fingers, vertices=_to_rest(on_fingers.vertices, on_fingers.weights, apart, rest))
    return HandPieces(hand=joined([skin, on_fingers]), sleeve=joined(sleeve()), cuff=joined(short_cuff()))
