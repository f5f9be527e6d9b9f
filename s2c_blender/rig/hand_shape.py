# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the right hand: anatomy in round cones, made into vertices, faces and weights. NumPy only, no bpy.

Coordinates are metres from the wrist joint in piano axes: +X to the little finger, +Y along the fingers, +Z out of
the back of the hand. The surface is built with the fingers a little apart, so that they do not melt together, and
then skinned back to the rest pose with its own weights.

The contact point of a finger (the tail of its third bone) lies on the skin: the tip's sphere has its middle one
radius behind it, along the direction in which a playing finger meets the key. So a fingertip whose tail is on a key
also looks as if it touched it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import skeleton
from . import implicit
from .implicit import Cone

Array = NDArray[np.floating[Any]]

SPACING = 0.003
"""Grid step of the polygonisation."""
SPREAD = {"index": 7.0, "middle": 1.0, "ring": -6.0, "pinky": -11.0}
"""Degrees by which the fingers are apart while the surface is made; positive toward the thumb."""
CONTACT_DIRECTION = {"thumb": (0.62, 0.5, 0.6)}
"""Where the key lies, seen from the fingertip, in the frame of the third bone of the right hand."""
FINGER_CONTACT = (0.0, 0.72, 0.69)
LIFT = (0.0, 0.12, 0.3)
"""How far the flesh's middle lies behind joints 1 to 3, in radii: the line from knuckle to the tip's middle."""

SKIN, NAIL, SHIRT, SLEEVE = range(4)


@dataclass(frozen=True)
class Finger:
    """A straight finger while the surface is made."""

    name: str
    joints: Array
    """(3, 3) joint positions."""
    tail: Array
    frame: Array
    """(3, 3) columns X, Y along the finger, Z to the palm."""
    radii: Array
    """(4,) at the joints and the tip."""
    contact: Array
    """(3,) direction from the tip's middle to the contact point."""

    @property
    def centres(self) -> Array:
        """(4, 3) middles of the flesh at the joints and in the tip."""
        away = self.contact - (self.contact @ self.frame[:, 1]) * self.frame[:, 1]
        lifted = self.joints - np.array(LIFT)[:, None] * self.radii[:3, None] * away / np.linalg.norm(away)
        return np.vstack([lifted, self.tail - self.radii[3] * self.contact])


@dataclass(frozen=True)
class HandShape:
    """The finished right hand at rest, size 1, metres from the wrist joint."""

    vertices: Array
    """(n, 3)"""
    faces: NDArray[np.int32]
    """(m, 4), outward normals"""
    materials: NDArray[np.int32]
    """(m,) SKIN, NAIL, SHIRT or SLEEVE"""
    weights: Array
    """(n, 16) one column for each joint, rows sum to one, at most four above zero"""
    blush: Array
    """(n,) 0 to 1: how red the skin is"""


def fingers(spread: bool) -> list[Finger]:
    """The five fingers, thumb first, at rest or apart."""
    result = []
    bones = skeleton.rest_bones(skeleton.RIGHT)
    for index, name in enumerate(skeleton.FINGERS):
        chain = [bones[j] for j in skeleton.FINGER_JOINTS[index]]
        base = chain[0].head - bones[0].head
        angle = np.radians(SPREAD.get(name, 0.0)) if spread else 0.0
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
        joints = np.array([base + turn @ (bone.head - chain[0].head) for bone in chain])
        tail = base + turn @ (chain[2].tail - chain[0].head)
        frame = turn @ chain[0].frame
        contact = frame @ np.array(CONTACT_DIRECTION.get(name, FINGER_CONTACT))
        result.append(
            Finger(name, joints, tail, frame, skeleton.BONE_RADII[index], contact / np.linalg.norm(contact))
        )
    return result


def _finger_cones(finger: Finger) -> list[Cone]:
    """Shafts a little thinner than the joints, a full pad, a round tip."""
    c, r = finger.centres, finger.radii
    palmar = finger.frame[:, 2]
    thumb = finger.name == "thumb"
    cones = []
    for bone, waist in enumerate((0.97 if not thumb else 1.05, 0.95, 1.0)):
        if bone == 2:
            cones.append(_cone(c[2], c[3], r[2], r[3], 0.003))
            break
        middle = 0.5 * (c[bone] + c[bone + 1]) + 0.0006 * palmar
        thickness = waist * 0.5 * (r[bone] + r[bone + 1])
        cones += [
            _cone(c[bone], middle, r[bone], thickness, 0.003),
            _cone(middle, c[bone + 1], thickness, r[bone + 1], 0.003),
        ]
        flesh = 0.72 * thickness
        low = c[bone] + (0.35 if bone == 0 else 0.25) * (c[bone + 1] - c[bone])
        high = c[bone] + 0.75 * (c[bone + 1] - c[bone])
        if not (thumb and bone == 0):
            cones.append(
                _cone(low + 0.36 * thickness * palmar, high + 0.36 * thickness * palmar, flesh, flesh, 0.004)
            )
    for joint in (1, 2):  # the bones' heads, seen on the back of a finger
        cones.append(
            _cone(
                c[joint] - 0.22 * r[joint] * palmar,
                c[joint] - 0.22 * r[joint] * palmar,
                0.84 * r[joint],
                0.84 * r[joint],
                0.004,
            )
        )
    pad = c[3] - 0.35 * (c[3] - c[2]) + 0.2 * r[3] * palmar
    cones.append(_cone(pad, pad, 0.96 * r[3], 0.96 * r[3], 0.004))
    return cones


def _cone(start: Array, end: Array, first: float, last: float, blend: float) -> Cone:
    return Cone(
        tuple(np.asarray(start, float)), tuple(np.asarray(end, float)), float(first), float(last), blend
    )


def anatomy(chains: list[Finger]) -> implicit.Groups:
    """Cones of palm and wrist, of the thumb's ball and of the fingers."""
    thumb, index, middle, ring, pinky = chains

    def p(*values: float) -> Array:
        return np.array(values)

    carpals = {
        "index": p(-0.013, 0.012, 0.001),
        "middle": p(-0.004, 0.012, 0.002),
        "ring": p(0.006, 0.012, 0.001),
        "pinky": p(0.015, 0.012, -0.001),
    }
    palm = [
        _cone(p(-0.0105, -0.045, 0.0), p(-0.0095, 0.004, -0.001), 0.0225, 0.0185, 0.004),
        _cone(p(0.0105, -0.045, 0.0), p(0.0105, 0.004, -0.001), 0.0225, 0.0180, 0.012),
        _cone(p(-0.016, 0.004, -0.003), p(-0.014, 0.02, -0.003), 0.0150, 0.0135, 0.012),
        _cone(p(0.017, 0.002, -0.003), p(0.020, 0.02, -0.004), 0.0145, 0.0135, 0.012),
    ]
    for finger in (index, middle, ring, pinky):
        head = finger.joints[0] + p(0.0, -0.002, -0.0012)
        palm.append(_cone(carpals[finger.name], head, 0.0145, finger.radii[0] + 0.0004, 0.012))
        palmar = p(0.0, -0.012, -0.0065)
        palm.append(_cone(finger.joints[0] + palmar, finger.joints[0] + palmar, 0.0088, 0.0088, 0.008))
    palm += [  # ball of the little finger, pads under the knuckles
        _cone(p(0.021, 0.014, -0.010), p(0.0375, 0.055, -0.009), 0.0125, 0.0105, 0.010),
        _cone(
            index.joints[0] + p(0.002, -0.016, -0.006),
            pinky.joints[0] + p(-0.003, -0.012, -0.0045),
            0.0085,
            0.0075,
            0.008,
        ),
    ]
    for finger in (index, middle, ring, pinky):  # knuckles and the tendons that run to them
        knuckle = finger.joints[0] + p(0.0, 0.0, 0.0028)
        palm.append(_cone(knuckle, knuckle, 0.0086, 0.0086, 0.005))
        start = carpals[finger.name] * p(0.6, 1.6, 0.0) + p(0.0, 0.0, 0.0138)
        palm.append(_cone(start, finger.joints[0] + p(0.0, -0.004, 0.0092), 0.0012, 0.0022, 0.0045))
    palm.append(
        _cone(p(0.019, -0.012, 0.0095), p(0.019, -0.012, 0.0095), 0.0085, 0.0085, 0.008)
    )  # head of the ulna

    base, end = thumb.centres[0], thumb.centres[1]
    ball = [
        _cone(
            p(-0.012, 0.012, -0.010),
            base + 0.75 * (end - base) + p(0.003, -0.003, -0.002),
            0.0145,
            0.0115,
            0.010,
        ),
        _cone(
            p(-0.006, 0.026, -0.012),
            base + 0.45 * (end - base) + p(0.008, 0.0, -0.002),
            0.0125,
            0.0120,
            0.010,
        ),
        _cone(
            p(-0.020, 0.050, -0.005),
            base + 0.55 * (end - base) + p(0.004, 0.004, 0.002),
            0.0085,
            0.0080,
            0.012,
        ),
        _cone(
            p(-0.0215, 0.066, -0.006),
            base + 0.86 * (end - base) + p(0.006, 0.002, 0.001),
            0.0050,
            0.0055,
            0.012,
        ),
    ]
    fingers_apart = [cone for finger in (index, middle, ring, pinky) for cone in _finger_cones(finger)]
    return [(palm, 0.0), (ball, 0.009), (_finger_cones(thumb), 0.007), (fingers_apart, 0.0055)]


def _smoothstep(value: Array, low: float, high: float) -> Array:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def skin_weights(points: Array, chains: list[Finger]) -> Array:
    """Weights (n, 16) before smoothing: along each finger by planes through its joints, across by distance."""
    weights = np.zeros((len(points), 16))

    def depth(finger: Finger, first: float = 0.0) -> Array:
        """Distance to the finger's flesh; `first` shortens its start."""
        start = finger.joints[0] + first * finger.frame[:, 1]
        return _cone(start, finger.tail, finger.radii[0], finger.radii[3], 0).distance(points)

    def chain(finger: Finger, start: tuple[float, float]) -> list[Array]:
        y, r = finger.frame[:, 1], finger.radii
        steps = [
            _smoothstep((points - finger.joints[0]) @ y, *start),
            *(_smoothstep((points - finger.joints[j]) @ y, -0.78 * r[j], 0.78 * r[j]) for j in (1, 2)),
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
    weights[:, 0] = 1.0 - weights[:, 1:].sum(1)

    thumb, index = chains[0], chains[1]
    metacarpal = _cone(np.array([-0.008, 0.012, 0.0]), index.joints[0], 0.013, 0.0115, 0).distance(points)
    beyond = np.minimum(metacarpal, others.min(0))
    mine = 1.0 / (1.0 + np.exp(np.clip((depth(thumb) - beyond) / 0.0042, -60, 60)))
    parts = chain(thumb, (-0.012, 0.03))
    total = mine * sum(parts)
    weights *= (1.0 - total)[:, None]
    for joint, weight in zip(skeleton.FINGER_JOINTS[0], parts, strict=True):
        weights[:, joint] = mine * weight
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
    palm = _smoothstep(-points[:, 2], 0.004, 0.018) * _smoothstep(points[:, 1], -0.01, 0.03)
    return np.clip(np.maximum(red, 0.3 * palm), 0.0, 1.0)


def compute() -> HandShape:
    """The right hand, made from the anatomy; takes seconds, so `hand_file` keeps the result."""
    from .hand_details import cuff, nails

    apart, rest = fingers(spread=True), fingers(spread=False)
    groups = anatomy(apart)
    low = np.array([-0.115, -0.072, -0.065])
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
    parts = [(points, faces, np.full(len(faces), SKIN), weights)]
    parts += nails(groups, apart)
    moved = [(_to_rest(v, w, apart, rest), f, m, w) for v, f, m, w in parts] + cuff()
    offsets = np.cumsum([0] + [len(part[0]) for part in moved])
    joined = np.concatenate([part[0] for part in moved])
    return HandShape(
        vertices=joined,
        faces=np.concatenate([part[1] + o for part, o in zip(moved, offsets, strict=False)]).astype(np.int32),
        materials=np.concatenate([part[2] for part in moved]).astype(np.int32),
        weights=np.concatenate([part[3] for part in moved]),
        blush=_blush(joined, rest),
    )
