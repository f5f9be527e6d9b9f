# SPDX-License-Identifier: GPL-3.0-or-later
"""When piano keys and the sustain pedal are how far down, as frames and depths (0 up, 1 down). No bpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import keyboard

DOWN_S, UP_S = 0.045, 0.07
"""A key takes this long to go down and to come up."""
LEAST_UP_S = 0.02
"""A key struck again is up for at least this long, where the notes leave room."""
FOOT_S = 0.1
"""A foot takes this long to press the pedal or let it up."""
KeyMotion = Callable[[int], tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Frames and depths of the piano key of a pitch; none of one that stays up."""


def motion_of_knots(knots: NDArray[np.floating[Any]], fps: float, start_frame: int) -> KeyMotion:
    """How keys move by the knots (k, 3) of a take: pitch, second, depth, sorted; straight from knot to knot."""
    pitches = knots[:, 0].astype(int)
    edges = np.searchsorted(pitches, np.arange(keyboard.PITCHES[0], keyboard.PITCHES[-1] + 2))

    def motion(pitch: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        begin, end = edges[pitch - keyboard.PITCHES[0] :][:2]
        second, depth = knots[begin:end, 1:].astype(np.float64).T
        last = np.append(np.diff(second) > 0, True)[: len(second)]  # of several at one second
        return second[last] * fps + start_frame, depth[last]

    return motion


def motion_of_notes(
    onset_s: NDArray[np.floating[Any]],
    release_s: NDArray[np.floating[Any]],
    pitches: NDArray[np.floating[Any]],
    fps: float,
    start_frame: int,
) -> KeyMotion:
    """How keys move for the notes that fingers play, columns (n,)."""
    played = pitches.astype(int)

    def motion(pitch: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        own = np.flatnonzero(played == pitch)
        own = own[np.argsort(onset_s[own], kind="stable")]
        return key_frames(onset_s[own], release_s[own], fps, start_frame)

    return motion


def key_frames(
    onset_s: NDArray[np.floating[Any]], release_s: NDArray[np.floating[Any]], fps: float, start_frame: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frames and depths (0 up, 1 down) of one key's notes, sorted by onset; a key goes up as its finger does.

    The key reaches two thirds of its way at the onset, when a finger's press is felt and heard.
    """
    times: list[float] = []
    depths: list[float] = []
    for index, (onset, leaves) in enumerate(zip(onset_s, release_s, strict=True)):
        following = float(onset_s[index + 1]) if index + 1 < len(onset_s) else np.inf
        room = following - float(onset)
        down = min(DOWN_S, 0.3 * room)
        begin, bottom = float(onset) - 0.66 * down, float(onset) + 0.34 * down
        release = max(
            min(float(leaves), following - 0.66 * min(DOWN_S, 0.3 * room) - LEAST_UP_S - 0.3 * UP_S), bottom
        )
        up = min(release + UP_S, following - 0.66 * min(DOWN_S, 0.3 * room) - 1e-3)
        for time, depth in ((begin, 0.0), (bottom, 1.0), (release, 1.0), (max(up, release + 1e-3), 0.0)):
            if not times or time > times[-1] + 1e-4:
                times.append(time)
                depths.append(depth)
    return np.array(times) * fps + start_frame, np.array(depths)


def pedal_frames(
    second_s: NDArray[np.floating[Any]], depth: NDArray[np.floating[Any]], fps: float, start_frame: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frames and depths of the pedal's keys, from its positions (m,), each held until the next; before them it is up.

    The foot is half way at the second of each position.
    """
    first = float(depth[second_s <= 0][-1]) if (second_s <= 0).any() else 0.0
    later = second_s > 0
    second_s, depth = second_s[later].astype(np.float64), depth[later].astype(np.float64)
    last = np.append(second_s[1:] > second_s[:-1], True) if len(second_s) else np.zeros(0, bool)
    second_s, depth = second_s[last], depth[last]  # of several at one second
    changed = np.diff(depth, prepend=first) != 0
    second_s, depth = second_s[changed], depth[changed]
    gap = np.diff(second_s, prepend=0.0, append=np.inf)
    half = 0.5 * np.minimum(FOOT_S, 0.8 * np.minimum(gap[:-1], gap[1:]))
    times = np.concatenate([[0.0], np.stack([second_s - half, second_s + half], 1).ravel()])
    depths = np.concatenate([[first], np.stack([np.append(first, depth)[:-1], depth], 1).ravel()])
    return times * fps + start_frame, depths
