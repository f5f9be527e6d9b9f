# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the contact point of a finger is when nobody measured it on the skin. No bpy.

A rig with tip joints says it itself. Else the tail of the last bone counts where it points on along the finger:
importers that know no tails guess them, often a quarter turn off. Else the last bone is as long as a standard hand's
would be and points the way, in its own axes, that the bone before it does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .axes import STANDARD_LENGTHS
from .rest_bones import RestBones

Array = NDArray[np.float64]

STRAIGHT_ON = float(np.cos(np.radians(35)))
"""A tail or a tip joint points along the finger when it is no farther off than this."""
TIP_JOINTS, TAILS = (0.3, 1.8), (0.62, 1.6)
"""They count when the last bone is this much of what a standard hand would have; a tail may be a mere default."""


def contact_point(bones: RestBones, finger: int, chain: list[int]) -> Array:
    """(3,) armature space: the tip of a finger with these bones, from the palm on."""
    last = chain[-1]
    wanted, along = _expected(bones, finger, chain)
    for child in bones.children[last]:
        if _fits(bones.heads[child] - bones.heads[last], wanted, along, TIP_JOINTS):
            tip: Array = bones.heads[child]
            return tip
    tail: Array = bones.tails[last]
    if _fits(tail - bones.heads[last], wanted, along, TAILS):
        return tail
    point: Array = bones.heads[last] + wanted * along
    return point


def _expected(bones: RestBones, finger: int, chain: list[int]) -> tuple[float, Array]:
    """Length and direction that the last bone should have by the bone before it."""
    last = chain[-1]
    lengths = STANDARD_LENGTHS[finger]
    if len(chain) == 1:
        way = bones.tails[last] - bones.heads[last]
        length = float(np.linalg.norm(way))
        return length, way / max(length, 1e-30)
    before = chain[-2]
    step = bones.heads[last] - bones.heads[before]
    size = float(np.linalg.norm(step))
    along = bones.frames[last] @ bones.frames[before].T @ step / max(size, 1e-30)
    turned = float(along @ step) / max(size, 1e-30)
    if turned < STRAIGHT_ON:  # the bones have axes of their own each: nothing but the step itself is known
        along = step / max(size, 1e-30)
    rest = lengths[len(chain) - 1 :].sum() / lengths[len(chain) - 2]
    return size * float(rest), along


def _fits(way: Array, wanted: float, along: Array, counts: tuple[float, float]) -> bool:
    length = float(np.linalg.norm(way))
    if not counts[0] * wanted <= length <= counts[1] * wanted:
        return False
    return bool(way @ along >= STRAIGHT_ON * length)
