# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames, seconds and sound seconds: all conversions between them, and what a strip lets be heard. No bpy.

A scene plays frame f at f / rate seconds (Blender's own convention for sound), rate = fps / fps_base.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

EPSILON_FRAMES = 1e-4
"""Float32 properties of Blender are off by less; anything below is a whole frame."""


@dataclass(frozen=True)
class TimeBase:
    """A scene's clock."""

    fps: float
    """Frames a second as set, before the base."""
    fps_base: float = 1.0
    """Divides `fps`: 30 / 1.001 is NTSC."""

    def __post_init__(self) -> None:
        if not (self.fps > 0 and self.fps_base > 0):
            raise ValueError(f"fps={self.fps} and fps_base={self.fps_base} must be positive")

    @property
    def rate(self) -> float:
        """Frames a second."""
        return self.fps / self.fps_base

    def seconds(self, frame: float) -> float:
        """Scene seconds at a frame."""
        return frame / self.rate

    def frame(self, seconds: float) -> float:
        """Scene frame, with its fraction, at scene seconds."""
        return seconds * self.rate


def map_frame(frame: float, source: TimeBase, target: TimeBase) -> float:
    """The frame of the `target` scene that plays together with `frame` of `source`, frame 1 with frame 1.

    An edit may live in a scene of its own, with its own rate; equal rates leave frames alone.
    """
    return 1.0 + target.frame(source.seconds(frame - 1.0))


@dataclass(frozen=True, kw_only=True)
class StripTiming:
    """Where a sound strip lies in its edit, all in frames of the edit except `sound_offset_s`."""

    content_start: float
    """Frame at which the content begins, before any handle is moved."""
    content_duration: float
    """Frames of content after the trim at its start."""
    content_trim_start: float
    """Frames of the sound cut off before `content_start` (hard trim)."""
    left_handle: float
    right_handle: float
    """First frame heard and the first no longer heard."""
    sound_offset_s: float = 0.0
    """Seconds by which the sound is moved later within the strip."""


@dataclass(frozen=True)
class HeardRange:
    """The part of a sound file that is heard, and when."""

    start_frame: int
    """Frame of the animated scene on which `sound_start_s` is heard."""
    frames: int
    """How many frames of the animated scene it lasts, rounded up."""
    sound_start_s: float
    sound_end_s: float
    """Seconds into the sound file."""


def heard_range(
    timing: StripTiming, edit: TimeBase, scene: TimeBase, window: tuple[float, float] | None
) -> HeardRange | None:
    """Which seconds of the file are heard within `window`, and the scene frame where they start.

    timing: the strip in frames of `edit`; scene: the clock of the scene that is animated; window: first and
    last frame (of the animated scene, both included), or None for all of the strip.
    Returns None when nothing is heard. The start is moved forward to a whole frame, so that keys fall on
    frames and the sound still lines up with them to the sample.

    Blender plays the file's second 0 at (content_start - trim) / rate + offset, measured against
    `bpy.ops.sound.mixdown` for every one of these properties.
    """
    origin_s = edit.seconds(timing.content_start - timing.content_trim_start) + timing.sound_offset_s
    first = max(timing.left_handle, timing.content_start, edit.frame(origin_s))
    content_end = timing.content_start + timing.content_duration + edit.frame(max(timing.sound_offset_s, 0.0))
    last = min(timing.right_handle, content_end)
    start = map_frame(first, edit, scene)
    end = map_frame(last, edit, scene)
    if window is not None:
        start, end = max(start, window[0]), min(end, window[1] + 1.0)
    start_frame = math.ceil(start - EPSILON_FRAMES)
    if end - start_frame < EPSILON_FRAMES:
        return None

    def sound_seconds(frame: float) -> float:
        return max(0.0, edit.seconds(map_frame(frame, scene, edit)) - origin_s)

    frames = max(1, math.ceil(end - start_frame - EPSILON_FRAMES))
    return HeardRange(start_frame, frames, sound_seconds(start_frame), sound_seconds(end))
