# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips: the stretches of motion that the field's figures compare.

Hand 0 is left, 1 is right, as everywhere. The figures do not care whether `pose` holds Euler angles of bone frames or
MANO's axis-angle numbers, but both sides must hold the same, and only axis-angle clips of the data set give figures
that can stand beside published ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

HANDS = ("left", "right")
CLIP_SECONDS = 8.0
"""The released evaluation's clip: 240 frames at 30 fps."""


@dataclass(frozen=True)
class Clip:
    """A stretch of motion of both hands."""

    pose: NDArray[np.floating[Any]]
    """(T, 2, 48) radians."""
    position: NDArray[np.floating[Any]]
    """(T, 2, 3) metres."""
    fps: float
    valid: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 2), bool))
    """(T, 2): the hand was seen in this frame; left out, every frame counts."""
    name: str = ""

    def __post_init__(self) -> None:
        frames = len(self.pose)
        if self.pose.shape != (frames, 2, 48) or self.position.shape != (frames, 2, 3):
            raise ValueError(
                f"clip {self.name!r}: pose {self.pose.shape} and position {self.position.shape} are not "
                "(T, 2, 48) and (T, 2, 3)"
            )
        if self.valid.shape == (0, 2):
            object.__setattr__(self, "valid", np.ones((frames, 2), bool))
        if self.valid.shape != (frames, 2):
            raise ValueError(f"clip {self.name!r}: valid {self.valid.shape} is not ({frames}, 2)")
        if not self.fps > 0:
            raise ValueError(f"clip {self.name!r}: fps is {self.fps}; it must be above 0")
        if not (np.isfinite(self.pose).all() and np.isfinite(self.position).all()):
            raise ValueError(f"clip {self.name!r} holds numbers that are not finite")

    @property
    def frames(self) -> int:
        """T."""
        return len(self.pose)


def cut(clip: Clip, seconds: float = CLIP_SECONDS, hop_seconds: float | None = None) -> list[Clip]:
    """Windows of `seconds`, one every `hop_seconds` (default: end to end); what is left over is dropped."""
    frames = round(seconds * clip.fps)
    hop = max(round((hop_seconds or seconds) * clip.fps), 1)
    return [
        Clip(
            clip.pose[start : start + frames],
            clip.position[start : start + frames],
            clip.fps,
            clip.valid[start : start + frames],
            f"{clip.name}@{start}",
        )
        for start in range(0, clip.frames - frames + 1, hop)
    ]


def check_pairs(real: Sequence[Clip], generated: Sequence[Clip]) -> None:
    """`ValueError` unless there are clips and clip i of one side has the length and rate of clip i of the other."""
    if not real or len(real) != len(generated):
        raise ValueError(f"{len(real)} real and {len(generated)} generated clips are no pairs of clips")
    for one, other in zip(real, generated):
        if one.frames != other.frames or not np.isclose(one.fps, other.fps):
            raise ValueError(
                f"{one.name!r} has {one.frames} frames at {one.fps} fps and {other.name!r} has {other.frames} at "
                f"{other.fps}; cut and resample them alike"
            )


def both_hands(clip: Clip) -> NDArray[np.float32]:
    """(T, 96) radians, right hand first: what the gesture autoencoder of the field reads."""
    return np.concatenate([clip.pose[:, 1], clip.pose[:, 0]], 1).astype(np.float32)


def filled(clip: Clip, valid: NDArray[np.bool_]) -> Clip:
    """The clip with frames outside `valid` (T, 2) interpolated in time; a hand never seen keeps what it has."""
    pose, position = clip.pose.copy(), clip.position.copy()
    frames = np.arange(clip.frames)
    for hand in (0, 1):
        seen = np.flatnonzero(valid[:, hand])
        if not 0 < len(seen) < clip.frames:
            continue
        for values in (pose[:, hand], position[:, hand]):
            for channel in range(values.shape[1]):
                values[:, channel] = np.interp(frames, seen, values[seen, channel])
    return Clip(pose, position, clip.fps, valid, clip.name)
