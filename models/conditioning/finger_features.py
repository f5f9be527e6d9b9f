# SPDX-License-Identifier: GPL-3.0-or-later
"""What every finger has to do, as the networks read it: its key now, its next key, and when.

The notes are known and so is a fingering (`models.planning.fingering`) before any motion is. A network that is
told which finger goes where need not find out ergonomics and geometry at once, and the fingers of the diffusion
are those that key contact will use. `anchor_x` and `plan_features` take numpy arrays or torch tensors.

Axes: B batch, H = 2 hands, T frames, 5 fingers (0 thumb to 4 little finger).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from models.body.keyboard import is_black, key_x
from models.body.notes import Notes
from models.body.rotations import Array
from models.config import FINGERS_A_HAND, PLAN_FEATURES

PLAN_CHANNELS = 8
X_NOW, BLACK_NOW, SINCE_ONSET, SINCE_OFFSET, X_NEXT, BLACK_NEXT, UNTIL_NEXT, LOUD_NEXT = range(PLAN_CHANNELS)
"""`X` metres in the piano frame, `BLACK` 0 or 1, times in seconds; the offset of a held key is still to come, so
its `SINCE_OFFSET` is negative. `LOUD` is velocity / 127."""
FAR_S = 10.0
"""Times are cut here; a finger without a note before (after) has its key this long ago (ahead)."""
_RELATIVE_UNIT_M = 0.05
_RELATIVE_LIMIT = 4.0
_ANCHOR_SOFTNESS_S = 0.06
_ANCHOR_REST = 1e-3


def finger_plan(notes: Notes, fps: float, start: int, frames: int) -> NDArray[np.float32]:
    """The plan (frames, 2, 5, PLAN_CHANNELS) of the frames from `start` on.

    A frame's values depend on the notes alone, not on where the window begins.

    Args:
        notes: sorted by onset, with their fingers.
    """
    return window_plan(notes_by_finger(notes), fps, start, frames)


def notes_by_finger(notes: Notes) -> list[Notes]:
    """The notes of each of the ten fingers in double precision, the left hand's first."""
    return [
        notes.select((notes.hand == hand) & (notes.finger == finger)).astype(np.float64)
        for hand in (0, 1)
        for finger in range(FINGERS_A_HAND)
    ]


def window_plan(by_finger: Sequence[Notes], fps: float, start: int, frames: int) -> NDArray[np.float32]:
    """`finger_plan` of the notes of each finger (`notes_by_finger`), which many windows of one song share."""
    plan = np.zeros((frames, 2, FINGERS_A_HAND, PLAN_CHANNELS), np.float32)
    plan[..., SINCE_ONSET] = plan[..., SINCE_OFFSET] = plan[..., UNTIL_NEXT] = FAR_S
    time = (start + np.arange(frames)) / fps
    for i, mine in enumerate(by_finger):
        if len(mine) and frames:
            first, last = np.searchsorted(mine.onset_s, time[[0, -1]], side="right")
            # One note before the window and one after it are all that it sees of others.
            near = mine.select(slice(max(first - 1, 0), last + 1))
            _one_finger(plan[:, i // FINGERS_A_HAND, i % FINGERS_A_HAND], near, time)
    return plan


def _one_finger(plan: NDArray[np.float32], notes: Notes, time: NDArray[np.float64]) -> None:
    onset, offset, pitch = notes.onset_s, notes.offset_s, notes.pitch.astype(int)
    x, black = key_x(pitch), is_black(pitch)
    following = np.searchsorted(onset, time, side="right")
    now, coming = following - 1, np.minimum(following, len(onset) - 1)
    played, left = now >= 0, following < len(onset)
    now = np.maximum(now, 0)
    plan[:, X_NOW], plan[:, BLACK_NOW] = np.where(played, x[now], 0), played & black[now]
    plan[:, SINCE_ONSET] = np.where(played, np.minimum(time - onset[now], FAR_S), FAR_S)
    plan[:, SINCE_OFFSET] = np.where(played, np.clip(time - offset[now], -FAR_S, FAR_S), FAR_S)
    plan[:, X_NEXT], plan[:, BLACK_NEXT] = np.where(left, x[coming], 0), left & black[coming]
    plan[:, UNTIL_NEXT] = np.where(left, np.minimum(onset[coming] - time, FAR_S), FAR_S)
    plan[:, LOUD_NEXT] = np.where(left, notes.velocity[coming] / 127, 0)


def anchor_x(plan: Array, reach: Array, rest_x: float) -> Array:
    """Where the wrist would be if every finger only reached straight ahead: [B, H, T] metres.

    The mean of key minus reach over all fingers' present and next keys, weighted by their nearness in time; a
    hand without any note soon is drawn to `rest_x`.

    Args:
        plan: [B, H, T, 5, PLAN_CHANNELS] in hand-space X.
        reach: (5,) metres, each fingertip's X from the wrist.
    """
    xp = array_namespace(plan)
    now, coming = xp.clip(plan[..., SINCE_OFFSET], 0.0, None), plan[..., UNTIL_NEXT]
    weight_now, weight_next = ((_ANCHOR_SOFTNESS_S + t) ** -2 * (t < FAR_S) for t in (now, coming))
    places = weight_now * (plan[..., X_NOW] - reach) + weight_next * (plan[..., X_NEXT] - reach)
    total = xp.sum(weight_now + weight_next, axis=-1) + _ANCHOR_REST
    return (xp.sum(places, axis=-1) + _ANCHOR_REST * rest_x) / total


def plan_features(plan: Array, centre_x: Array) -> Array:
    """What the networks read of a plan: [B, H, T, 5 * PLAN_FEATURES], all within a few units of zero.

    Args:
        plan: [B, H, T, 5, PLAN_CHANNELS] in hand-space X.
        centre_x: [B, H, T] metres that the keys' places are told from, the wrist or where it is thought to be.
    """
    xp = array_namespace(plan)
    since_on, since_off = plan[..., SINCE_ONSET], plan[..., SINCE_OFFSET]
    until = plan[..., UNTIL_NEXT]
    held = xp.astype(since_off < 0, plan.dtype)
    recent = xp.where(since_off < 0, xp.ones_like(since_off), xp.exp(-xp.clip(since_off, 0, None) / 0.3))
    near = xp.exp(-until / 0.4)

    def place(x: Array) -> Array:
        return xp.clip((x - centre_x[..., None]) / _RELATIVE_UNIT_M, -_RELATIVE_LIMIT, _RELATIVE_LIMIT)

    features = [
        held,
        xp.exp(-since_on / 0.1),
        held * xp.exp(xp.clip(since_off, None, 0) / 0.08),
        recent * (1 - held),
        recent * place(plan[..., X_NOW]),
        recent * plan[..., BLACK_NOW],
        near,
        xp.exp(-until / 0.08),
        near * place(plan[..., X_NEXT]),
        near * plan[..., BLACK_NEXT],
        near * plan[..., LOUD_NEXT],
    ]
    assert len(features) == PLAN_FEATURES
    stacked = xp.stack(features, axis=-1)
    return xp.reshape(stacked, (*stacked.shape[:-2], -1))
