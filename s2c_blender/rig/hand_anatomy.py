# SPDX-License-Identifier: GPL-3.0-or-later
"""The anatomy of the right hand and its forearm in round cones. NumPy only, no bpy; coordinates as in ``hand_shape``.

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
from .arm_line import joints
from .implicit import Cone

Array = NDArray[np.floating[Any]]

SPREAD = {"index": 7.0, "middle": 1.0, "ring": -6.0, "pinky": -11.0}
"""Degrees by which the fingers are apart while the surface is made; positive toward the thumb."""
CONTACT_DIRECTION = {"thumb": (0.62, 0.5, 0.6)}
"""Where the key lies, seen from the fingertip, in the frame of the third bone of the right hand."""
FINGER_CONTACT = (0.0, 0.72, 0.69)
LIFT = (0.0, 0.12, 0.3)
"""How far the flesh's middle lies behind joints 1 to 3, in radii: the line from knuckle to the tip's middle."""

WRIST_CONES = np.array([[-0.0100, -0.022, -0.0005], [0.0105, -0.022, -0.0005]])
WRIST_RADIUS = 0.0206
"""Two middles behind the wrist, side by side, where the hand's cones end and the forearm's begin."""
FOREARM_END = 0.086
"""How far from the wrist the middle of the forearm's last sphere is; the skin ends one radius behind it."""


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
            cones.append(cone(c[2], c[3], r[2], r[3], 0.003))
            break
        middle = 0.5 * (c[bone] + c[bone + 1]) + 0.0006 * palmar
        thickness = waist * 0.5 * (r[bone] + r[bone + 1])
        cones += [
            cone(c[bone], middle, r[bone], thickness, 0.003),
            cone(middle, c[bone + 1], thickness, r[bone + 1], 0.003),
        ]
        flesh = 0.72 * thickness
        low = c[bone] + (0.35 if bone == 0 else 0.25) * (c[bone + 1] - c[bone])
        high = c[bone] + 0.75 * (c[bone + 1] - c[bone])
        if not (thumb and bone == 0):
            cones.append(
                cone(low + 0.36 * thickness * palmar, high + 0.36 * thickness * palmar, flesh, flesh, 0.004)
            )
    for joint in (1, 2):  # the bones' heads, seen on the back of a finger
        cones.append(
            cone(
                c[joint] - 0.22 * r[joint] * palmar,
                c[joint] - 0.22 * r[joint] * palmar,
                0.84 * r[joint],
                0.84 * r[joint],
                0.004,
            )
        )
    pad = c[3] - 0.35 * (c[3] - c[2]) + 0.2 * r[3] * palmar
    cones.append(cone(pad, pad, 0.96 * r[3], 0.96 * r[3], 0.004))
    return cones


def cone(start: Array, end: Array, first: float, last: float, blend: float) -> Cone:
    """A round cone between two points (3,), of two radii."""
    return Cone(
        tuple(np.asarray(start, float)), tuple(np.asarray(end, float)), float(first), float(last), blend
    )


def _forearm_cones() -> list[Cone]:
    """On from the wrist's own cones along the arm, as far as the sleeve lets anybody see and a little farther."""
    elbow = joints()[1]
    end = FOREARM_END * elbow / np.linalg.norm(elbow)
    beside = np.array([0.0105, 0.0, 0.0])
    return [
        cone(WRIST_CONES[0], end - beside, WRIST_RADIUS, 0.0235, 0.004),
        cone(WRIST_CONES[1], end + beside, WRIST_RADIUS, 0.0235, 0.012),
    ]


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
        cone(WRIST_CONES[0], p(-0.0095, 0.004, -0.001), WRIST_RADIUS, 0.0185, 0.004),
        cone(WRIST_CONES[1], p(0.0105, 0.004, -0.001), WRIST_RADIUS, 0.0180, 0.012),
        cone(p(-0.016, 0.004, -0.003), p(-0.014, 0.02, -0.003), 0.0150, 0.0135, 0.012),
        cone(p(0.017, 0.002, -0.003), p(0.020, 0.02, -0.004), 0.0145, 0.0135, 0.012),
    ]
    for finger in (index, middle, ring, pinky):
        head = finger.joints[0] + p(0.0, -0.002, -0.0012)
        palm.append(cone(carpals[finger.name], head, 0.0145, finger.radii[0] + 0.0004, 0.012))
        palmar = p(0.0, -0.012, -0.0065)
        palm.append(cone(finger.joints[0] + palmar, finger.joints[0] + palmar, 0.0088, 0.0088, 0.008))
    palm += [  # ball of the little finger, pads under the knuckles
        cone(p(0.021, 0.014, -0.010), p(0.0375, 0.055, -0.009), 0.0125, 0.0105, 0.010),
        cone(
            index.joints[0] + p(0.002, -0.016, -0.006),
            pinky.joints[0] + p(-0.003, -0.012, -0.0045),
            0.0085,
            0.0075,
            0.008,
        ),
    ]
    for finger in (index, middle, ring, pinky):  # knuckles and the tendons that run to them
        knuckle = finger.joints[0] + p(0.0, 0.0, 0.0028)
        palm.append(cone(knuckle, knuckle, 0.0086, 0.0086, 0.005))
        start = carpals[finger.name] * p(0.6, 1.6, 0.0) + p(0.0, 0.0, 0.0138)
        palm.append(cone(start, finger.joints[0] + p(0.0, -0.004, 0.0092), 0.0012, 0.0022, 0.0045))
    palm.append(
        cone(p(0.019, -0.012, 0.0095), p(0.019, -0.012, 0.0095), 0.0085, 0.0085, 0.008)
    )  # head of the ulna

    base, end = thumb.centres[0], thumb.centres[1]
    ball = [
        cone(
            p(-0.012, 0.012, -0.010),
            base + 0.75 * (end - base) + p(0.003, -0.003, -0.002),
            0.0145,
            0.0115,
            0.010,
        ),
        cone(
            p(-0.006, 0.026, -0.012),
            base + 0.45 * (end - base) + p(0.008, 0.0, -0.002),
            0.0125,
            0.0120,
            0.010,
        ),
        cone(
            p(-0.020, 0.050, -0.005),
            base + 0.55 * (end - base) + p(0.004, 0.004, 0.002),
            0.0085,
            0.0080,
            0.012,
        ),
        cone(
            p(-0.0215, 0.066, -0.006),
            base + 0.86 * (end - base) + p(0.006, 0.002, 0.001),
            0.0050,
            0.0055,
            0.012,
        ),
    ]
    fingers_apart = [each for finger in (index, middle, ring, pinky) for each in _finger_cones(finger)]
    return [
        (palm, 0.0),
        (_forearm_cones(), 0.0),
        (ball, 0.009),
        (_finger_cones(thumb), 0.007),
        (fingers_apart, 0.0055),
    ]
