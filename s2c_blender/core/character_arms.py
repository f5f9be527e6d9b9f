# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's arm at the piano: how far it reaches, and where its elbow hangs. No bpy.

The shoulder joint is where the character's body holds it; a wrist that is farther away than the arm is long is met as
near as can be. Places are metres in the piano frame (docs/definitions.md).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arm_geometry import ArmGeometry
from .natural_arms import natural_elbows
from .skeleton import STANDARD_ARMS

Array = NDArray[np.float64]

MOST_REACH, LEAST_REACH = 0.9995, 1.02
"""The longest reach as a share of the straight arm's, the shortest as a multiple of the folded one's."""
BENT_AT_REST = np.sin(np.radians(6.0))
"""An arm that is bent more than this at rest says itself which way its elbow bends."""
STRETCH_S, MARGIN_S = 60.0, 2.0
"""Elbows are worked out in stretches of this time; motion farther away than the margin has no say in one."""


@dataclass(frozen=True)
class Reached:
    """Wrists that an arm can get to."""

    wrist: Array
    """(frames, 3)"""
    short: Array
    """(frames,) how far they are from where they should be, metres; 0 where the arm gets there."""


def reached(shoulder: Array, wrist: Array, lengths: Array) -> Reached:
    """The nearest places to `wrist` (frames, 3) that an arm of `lengths` (2,) gets to from `shoulder` (frames, 3)."""
    way = wrist - shoulder
    distance = np.linalg.norm(way, axis=1)
    longest, shortest = MOST_REACH * lengths.sum(), LEAST_REACH * abs(lengths[0] - lengths[1])
    possible = np.clip(distance, min(shortest, longest), longest)
    unit = np.where(distance[:, None] > 1e-9, way / np.maximum(distance, 1e-9)[:, None], [0.0, 1.0, 0.0])
    kept = possible == distance
    return Reached(
        np.where(kept[:, None], wrist, shoulder + unit * possible[:, None]), np.abs(distance - possible)
    )


def player_arms(lengths: ArrayLike) -> tuple[ArmGeometry, float]:
    """The arms of a seated player whose upper arms and forearms have `lengths` (2 hands, 2), and their size.

    Rest points are those of the standard player, scaled; a hand of that size has arms as long together.
    """
    own = np.asarray(lengths, float)
    standard = STANDARD_ARMS
    sizes = own.sum(1) / (standard.upper_arm + standard.forearm)
    size = float(sizes.mean())
    scaled = own / size
    wrist = standard.wrist
    reach = scaled.sum(1) / (standard.upper_arm + standard.forearm)
    shoulder = wrist + reach[:, None] * (standard.shoulder - wrist)
    hanging = wrist + reach[:, None] * (standard.elbow - wrist)
    elbow = np.stack([_joint(shoulder[h], wrist[h], hanging[h], scaled[h]) for h in (0, 1)])
    return ArmGeometry(standard.collar, shoulder, elbow, wrist, standard.wrist_frames), size


def _joint(shoulder: Array, wrist: Array, near: Array, lengths: Array) -> Array:
    """The elbow in the plane of shoulder, wrist and `near`, as far from the two as the bones are long."""
    way = wrist - shoulder
    distance = np.linalg.norm(way)
    unit = way / distance
    along = np.clip(
        (lengths[0] ** 2 - lengths[1] ** 2 + distance**2) / (2 * distance), -lengths[0], lengths[0]
    )
    aside = (near - shoulder) - unit * ((near - shoulder) @ unit)
    height = np.sqrt(max(lengths[0] ** 2 - along**2, 0.0))
    joint: Array = shoulder + along * unit + height * aside / np.linalg.norm(aside)
    return joint


def elbows(
    shoulder: Array, wrist: Array, euler: Array, fps: float, lengths: Array
) -> Generator[None, None, Array]:
    """Natural elbows (frames, 2, 3) for arms of `lengths` (2 hands, 2), a stretch a step; the wrists are within reach.

    shoulder, wrist: (frames, 2, 3); euler: (frames, 2, 3) the wrists' angles of a take.
    """
    geometry, size = player_arms(lengths)
    stretch, margin = max(round(STRETCH_S * fps), 1), round(MARGIN_S * fps)
    found = np.empty((len(wrist), 2, 3))
    for start in range(0, len(wrist), stretch):
        low, stop = max(start - margin, 0), min(start + stretch, len(wrist))
        near = slice(low, stop + margin)
        part = natural_elbows(shoulder[near], wrist[near], euler[near], fps, size, geometry)
        found[start:stop] = part[start - low : stop - low]
        yield None
    return found


def elbow_hinge(heads: ArrayLike, forward: ArrayLike, up: ArrayLike) -> Array:
    """(3,) the axis about which a positive turn bends an elbow at rest.

    Args:
        heads: (3, 3) shoulder, elbow and wrist at rest. forward, up: (3,) the body's directions there.

    An arm that is straight at rest bends toward the front, as in a T-pose; one that points there bends upward.
    """
    upper, lower = np.diff(np.asarray(heads, float), axis=0)
    upper, lower = upper / np.linalg.norm(upper), lower / np.linalg.norm(lower)
    across = np.cross(upper, lower)
    toward = [np.asarray(way, float) for way in (forward, up)]
    hinges = [np.cross(upper, way) for way in toward]
    shape = hinges[0] if np.linalg.norm(hinges[0]) > 0.5 else hinges[1]
    hinge: Array = across if np.linalg.norm(across) > BENT_AT_REST else shape
    hinge = hinge - upper * (hinge @ upper)
    return hinge / np.linalg.norm(hinge)
