# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the points of both hands are for the contact problem's variables, and how they move with them.

A finger is a straight chain at rest whose first joint flexes and abducts and whose other two joints only flex. In the
frame of its first joint the tail of bone k is ``Rz(c) (0, u_k, w_k)`` with

    u_k + i w_k = sum over j <= k of l_j exp(i t_j),   t_1 = a,  t_2 = a + p,  t_3 = a + p + d

for abduction c, flexions a, p, d and lengths l (`models.contact.variables`). Axes of arrays: 3 coordinates, 2 hands, 5
fingers, bones, F frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.body.skeleton import HandGeometry
from models.contact.variables import ABDUCTIONS, FLEXIONS, MIDDLES, PLACE, TURN, Array, Variables

_NEXT, _AFTER = [1, 2, 0], [2, 0, 1]


@dataclass(frozen=True, eq=False)
class HandPoints:
    """Points of both hands in F frames, metres in the piano frame."""

    heads: Array
    """(3, 2, 5, 4, F) the first joint of each finger and the tails of its three bones, the last of them the tip."""
    wrists: Array
    """(3, 2, F)"""
    by_finger: Array
    """(3, 2, 5, 4, 3, F) what a unit of the finger's three variables moves the points by; 0 for the first joint."""
    turn_axes: Array
    """(3, 2, 3, F) the axes, in the piano frame, that the wrist's three Euler angles turn about."""

    @property
    def tips(self) -> Array:
        """(3, 2, 5, F) contact points."""
        return self.heads[:, :, :, 3]

    def tips_by_variable(self) -> Array:
        """(3, 2, 5, 9, F) what a unit of each variable moves a tip by: its finger's three, the wrist's six."""
        tips = self.tips
        moves = np.zeros((*tips.shape[:3], 9, tips.shape[-1]))
        moves[:, :, :, :3] = self.by_finger[:, :, :, 3]
        for axis in range(3):
            moves[axis, :, :, 3 + axis] = 1.0
        arms = tips - self.wrists[:, :, None]
        moves[:, :, :, 6:] = cross(self.turn_axes[:, :, None], arms[:, :, :, None])
        return moves


def cross(one: Array, other: Array) -> Array:
    """Cross product along the first axis."""
    return one[_NEXT] * other[_AFTER] - one[_AFTER] * other[_NEXT]


def find_points(variables: Variables, geometry: HandGeometry, size: float) -> HandPoints:
    """All points of the hands; ``size`` is a factor on their lengths."""
    values = variables.values
    frames = values.shape[-1]
    flexion, middle, last = values[:, FLEXIONS], values[:, MIDDLES], variables.last
    bent = np.stack([flexion, flexion + middle, flexion + middle + last], 2)  # (2, 5, 3, F)
    lengths = geometry.lengths[..., None]
    u, w = lengths * np.cos(bent), lengths * np.sin(bent)
    follows = np.stack([np.zeros_like(flexion), np.ones_like(flexion), 1 + variables.last_follows], 2)
    along, down = u.cumsum(2), w.cumsum(2)
    by_middle_u, by_middle_w = (-follows * w).cumsum(2), (follows * u).cumsum(2)
    sine, cosine = (f(values[:, ABDUCTIONS])[:, :, None] for f in (np.sin, np.cos))
    # Columns: the point, then its change with flexion, middle joint and abduction.
    local = np.zeros((3, 2, 5, 3, 4, frames))
    for column, (forth, up) in enumerate(((along, down), (-down, along), (by_middle_u, by_middle_w))):
        local[0, ..., column, :] = -sine * forth
        local[1, ..., column, :] = cosine * forth
        local[2, ..., column, :] = up
    local[0, ..., 3, :] = -cosine * along
    local[1, ..., 3, :] = -sine * along
    rotation, axes = _wrist(values[:, TURN], geometry)
    # One matrix takes a finger's own frame to the piano's.
    turns = size * np.einsum("abhf,hkbc->achkf", rotation, geometry.finger_frames)
    moved = np.zeros((3, 2, 5, 3, 4, frames))
    for row in range(3):
        for column in range(3):
            moved[row] += turns[row, column][:, :, None, None] * local[column]
    wrists = np.ascontiguousarray(values[:, PLACE].transpose(1, 0, 2))
    bases = wrists[:, :, None] + size * np.einsum("abhf,hkb->ahkf", rotation, geometry.finger_bases)
    heads = np.empty((3, 2, 5, 4, frames))
    heads[:, :, :, 0] = bases
    heads[:, :, :, 1:] = bases[:, :, :, None] + moved[..., 0, :]
    by_finger = np.zeros((3, 2, 5, 4, 3, frames))
    by_finger[:, :, :, 1:] = moved[..., 1:, :]
    return HandPoints(heads, wrists, by_finger, axes)


def _wrist(turn: Array, geometry: HandGeometry) -> tuple[Array, Array]:
    """Rotations (3, 3, 2, F) from the hand's axes to the piano's, and the axes (3, 2, 3, F) of the Euler angles."""
    (sx, sy, sz), (cx, cy, cz) = (f(turn).transpose(1, 0, 2) for f in (np.sin, np.cos))
    zero = np.zeros_like(sx)
    own = np.array(
        [
            [cy * cz, sx * sy * cz - cx * sz, cx * sy * cz + sx * sz],
            [cy * sz, sx * sy * sz + cx * cz, cx * sy * sz - sx * cz],
            [-sy, sx * cy, cx * cy],
        ]
    )  # (3, 3, 2, F) Rz Ry Rx
    axes = np.array([[cz * cy, -sz, zero], [sz * cy, cz, zero], [-sy, zero, zero + 1]])
    frames = geometry.wrist_frames
    rotation = np.einsum("hab,bchf,hdc->adhf", frames, own, frames, optimize=True)
    return rotation, np.einsum("hab,bchf->ahcf", frames, axes)
