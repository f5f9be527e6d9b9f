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
from functools import cached_property

import numpy as np

from models.body.skeleton import HandGeometry
from models.contact.variables import ABDUCTIONS, FLEXIONS, MIDDLES, PLACE, TURN, Array, Variables

_NEXT, _AFTER = [1, 2, 0], [2, 0, 1]


@dataclass(frozen=True, eq=False)
class Wrists:
    """Where the wrists of both hands are in F frames, and what they carry; metres in the piano frame."""

    place: Array
    """(3, 2, F)"""
    bases: Array
    """(3, 2, 5, F) the fingers' first joints."""
    frames: Array
    """(3, 3, 2, 5, F) the axes of the fingers at rest, second index, times the hands' size."""
    turn_axes: Array
    """(3, 2, 3, F) the axes that the wrist's three Euler angles turn about."""

    @classmethod
    def of(cls, variables: Variables, geometry: HandGeometry, size: float) -> Wrists:
        """Of hands whose lengths are ``size`` times those of the geometry."""
        rotation, axes = _rotations(variables.values[:, TURN], geometry)
        rotation *= size
        place = np.ascontiguousarray(variables.values[:, PLACE].transpose(1, 0, 2))
        frames = np.stack([_turned(rotation, geometry.finger_frames[..., axis]) for axis in range(3)], 1)
        return cls(place, place[:, :, None] + _turned(rotation, geometry.finger_bases), frames, axes)


@dataclass(frozen=True, eq=False)
class HandPoints:
    """Points of both hands in F frames, metres in the piano frame."""

    heads: Array
    """(3, 2, 5, 4, F) the first joint of each finger and the tails of its three bones, the last of them the tip."""
    _wrists: Wrists
    _forth: Array
    """(3, 2, 5, F) the way that each finger goes when it is stretched, seen along its upright plane."""
    _side: Array
    """(3, 2, 5, F) what a radian of abduction moves a point by that is a metre forth."""
    _along: Array
    _down: Array
    """(2, 5, 3, F) u and w of the tails, see the module's text."""
    _hands: Variables

    @property
    def wrists(self) -> Array:
        """(3, 2, F) where the wrists are."""
        return self._wrists.place

    @property
    def turn_axes(self) -> Array:
        """(3, 2, 3, F) as of `Wrists`."""
        return self._wrists.turn_axes

    @property
    def tips(self) -> Array:
        """(3, 2, 5, F) contact points."""
        return self.heads[:, :, :, 3]

    @cached_property
    def by_finger(self) -> Array:
        """(3, 2, 5, 4, 3, F) what a unit of the finger's three variables moves the points by; 0 for the first joint."""
        moves = np.zeros((*self.heads.shape[:4], 3, self.heads.shape[-1]))
        for bone in range(1, 4):
            self._moves(bone, moves[:, :, :, bone])
        return moves

    @cached_property
    def tips_by_finger(self) -> Array:
        """(3, 2, 5, 3, F) what a unit of each of its finger's variables moves a tip by."""
        moves = np.empty((*self.heads.shape[:3], 3, self.heads.shape[-1]))
        self._moves(3, moves)
        return moves

    @cached_property
    def tips_by_turn(self) -> Array:
        """(3, 2, 5, 3, F) what a radian of each of the wrist's Euler angles moves a tip by."""
        arms = self.tips - self.wrists[:, :, None]
        return cross(self.turn_axes[:, :, None], arms[:, :, :, None])

    def _moves(self, bone: int, into: Array) -> None:
        """Write what the finger's variables move the tail of a bone, 1 to 3, by into (3, 2, 5, 3, F)."""
        along, down = self._along[:, :, bone - 1], self._down[:, :, bone - 1]
        forth, up = self._forth, self._wrists.frames[:, 2]
        _combined(-down, forth, along, up, into[:, :, :, 0])
        by_middle = self._down[:, :, 0] - down, along - self._along[:, :, 0]
        if bone == 3:
            follows = self._hands.last_follows
            by_middle = (
                by_middle[0] + follows * (self._down[:, :, 1] - down),
                by_middle[1] + follows * (along - self._along[:, :, 1]),
            )
        _combined(by_middle[0], forth, by_middle[1], up, into[:, :, :, 1])
        np.multiply(along, self._side, out=into[:, :, :, 2])


def _combined(one: Array, way: Array, other: Array, its_way: Array, into: Array) -> None:
    np.multiply(one, way, out=into)
    into += other * its_way


def cross(one: Array, other: Array) -> Array:
    """Cross product along the first axis."""
    return one[_NEXT] * other[_AFTER] - one[_AFTER] * other[_NEXT]


def find_points(
    variables: Variables, geometry: HandGeometry, size: float, wrists: Wrists | None = None
) -> HandPoints:
    """All points of the hands; ``size`` is a factor on their lengths.

    wrists: where they are, for who asks about the same ones again; None: worked out here.
    """
    wrists = Wrists.of(variables, geometry, size) if wrists is None else wrists
    values = variables.values
    first, middle = values[:, FLEXIONS], values[:, MIDDLES]
    second = first + middle
    bent = np.stack([first, second, second + variables.last], 2)  # (2, 5, 3, F)
    lengths = geometry.lengths[..., None]
    along, down = (lengths * np.cos(bent)).cumsum(2), (lengths * np.sin(bent)).cumsum(2)
    sine, cosine = np.sin(values[:, ABDUCTIONS]), np.cos(values[:, ABDUCTIONS])
    across, ahead, up = (wrists.frames[:, axis] for axis in range(3))
    forth, side = cosine * ahead - sine * across, -sine * ahead - cosine * across
    heads = np.empty((3, 2, 5, 4, values.shape[-1]))
    heads[:, :, :, 0] = wrists.bases
    for bone in range(3):
        tail = heads[:, :, :, bone + 1]
        _combined(along[:, :, bone], forth, down[:, :, bone], up, tail)
        tail += wrists.bases
    return HandPoints(heads, wrists, forth, side, along, down, variables)


def _turned(rotation: Array, vectors: Array) -> Array:
    """Vectors (2, 5, 3) of each hand's fingers turned by rotations (3, 3, 2, F): (3, 2, 5, F)."""
    found: Array = rotation[:, 0, :, None] * vectors[..., 0, None]
    found += rotation[:, 1, :, None] * vectors[..., 1, None]
    found += rotation[:, 2, :, None] * vectors[..., 2, None]
    return found


def _rotations(turn: Array, geometry: HandGeometry) -> tuple[Array, Array]:
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
    rotation = np.einsum("hab,bchf->achf", frames, own)
    rotation = np.einsum("achf,hdc->adhf", rotation, frames)
    return rotation, np.einsum("hab,bchf->ahcf", frames, axes)
