# SPDX-License-Identifier: GPL-3.0-or-later
"""How far each of the 88 keys is down in the course of a take: the keys go with the strokes of the fingers on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.body.notes import Notes
from models.contact.schedule import Presses, cut_presses, plan_presses
from models.contact.strokes import StrokeSampler

_BLOCK_S = 30.0
"""Seconds of music that are worked out at a time."""
_SAME = 1.5e-3
"""Shares of the way that a knot may be off the line between its neighbours to be left out."""


def key_curves(notes: Notes, frames: int, fps: float, *, dip_factor: float = 1.0) -> NDArray[np.float32]:
    """Knots (m, 3) of the keys' depths: pitch, second, depth from 0 (up) to 1 (down), sorted by pitch, then second.

    Knots lie on frames; between them depths run straight, as fingers do between frames. Keys that nobody plays have
    none.

    Args:
        notes: with the fingers that play them, their ``release_s`` known.
        frames: of the take, at ``fps`` frames a second.
        dip_factor: how deep the keys go, in dips of ours.
    """
    presses = plan_presses(notes, fps, dip_factor=dip_factor)
    length = max(round(_BLOCK_S * fps), 1)
    parts = [_depths(presses, start, min(start + length, frames), fps) for start in range(0, frames, length)]
    pitch, frame, depth = (np.concatenate(column) for column in zip(*parts, strict=True))
    # Two fingers on one key: the deeper one has it down.
    order = np.lexsort((-depth, frame, pitch))
    pitch, frame, depth = pitch[order], frame[order], depth[order]
    first = np.ones(len(pitch), bool)
    first[1:] = (np.diff(pitch) != 0) | (np.diff(frame) != 0)
    pitch, frame, depth = _with_ends(pitch[first], frame[first], depth[first], frames)
    kept = _corners(pitch, frame, depth)
    return np.column_stack([pitch, frame / fps, depth])[kept].astype(np.float32)


def _depths(
    presses: Presses, start: int, stop: int, fps: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pitch, frame and depth wherever a finger has a key down in frames start <= i < stop."""
    sampler = StrokeSampler(cut_presses(presses, start / fps, stop / fps), stop - start, fps)
    depth, pitch = np.round(sampler.depths, 3).reshape(10, -1), sampler.pitch.reshape(10, -1)
    finger, frame = np.nonzero((depth > 0) & (pitch > 0))
    passed, when = _passed_over(presses, fps)
    inside = (when >= start) & (when < stop)
    return (
        np.append(pitch[finger, frame], passed[inside]),
        np.append(frame + start, when[inside]),
        np.append(depth[finger, frame], np.ones(int(inside.sum()))),
    )


def _passed_over(presses: Presses, fps: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pitch and frame of the keys that a finger slides over between two frames: the second of these shows them down."""
    first, after = (np.ceil(time * fps - 1e-6).astype(int) for time in (presses.down_s, presses.up_s))
    between = first == after
    return presses.pitch[between], first[between]


def _with_ends(
    pitch: NDArray[np.int64], frame: NDArray[np.int64], depth: NDArray[np.float64], frames: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """With a knot that is up on the frames beside each run of frames in which a key is down."""
    breaks = np.ones(len(pitch) + 1, bool)
    breaks[1:-1] = (np.diff(pitch) != 0) | (np.diff(frame) > 1)
    begins, ends = np.flatnonzero(breaks[:-1]), np.flatnonzero(breaks[1:])
    up = np.concatenate([frame[begins] - 1, frame[ends] + 1])
    whose = np.concatenate([pitch[begins], pitch[ends]])
    inside = (up >= 0) & (up < frames)
    pitch = np.concatenate([pitch, whose[inside]])
    frame = np.concatenate([frame, up[inside]])
    depth = np.concatenate([depth, np.zeros(int(inside.sum()))])
    order = np.lexsort((frame, pitch))
    pitch, frame, depth = pitch[order], frame[order], depth[order]
    # One frame up between two runs is the end of one and the beginning of the other.
    single = np.ones(len(pitch), bool)
    single[1:] = (np.diff(pitch) != 0) | (np.diff(frame) != 0)
    return pitch[single], frame[single], depth[single]


def _corners(
    pitch: NDArray[np.int64], frame: NDArray[np.int64], depth: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Knots that are off the line from the knot before to the knot after, and the first and last one of each key."""
    corner = np.ones(len(pitch), bool)
    if len(pitch) < 3:
        return corner
    same = (pitch[:-2] == pitch[1:-1]) & (pitch[2:] == pitch[1:-1])
    share = (frame[1:-1] - frame[:-2]) / np.maximum(frame[2:] - frame[:-2], 1)
    line = depth[:-2] + share * (depth[2:] - depth[:-2])
    corner[1:-1] = ~same | (np.abs(depth[1:-1] - line) > _SAME)
    return corner
