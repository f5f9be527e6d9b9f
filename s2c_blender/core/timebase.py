# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames, seconds and sound seconds: all conversions between them, and what a strip lets be heard. No bpy.

A scene plays frame f at f / rate seconds (Blender's own convention for sound), rate = fps / fps_base.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
class Span:
    """Some seconds of an edit during which a sound file is heard."""

    start_s: float
    end_s: float
    origin_s: float
    """Second of the edit at which the file's second 0 is heard, or would be."""

    def later(self, seconds: float) -> Span:
        """The same, moved."""
        return Span(self.start_s + seconds, self.end_s + seconds, self.origin_s + seconds)

    def within(self, start_s: float, end_s: float) -> Span:
        """What is left of it between two seconds; it may end before it starts, and is then not heard."""
        return Span(max(self.start_s, start_s), min(self.end_s, end_s), self.origin_s)


def heard_span(timing: StripTiming, edit: TimeBase) -> Span:
    """When a sound strip is heard, in seconds of its edit; one that ends before it starts is not heard.

    Blender plays the file's second 0 at (content_start - trim) / rate + offset, measured against
    `bpy.ops.sound.mixdown` for every one of these properties.
    """
    origin_s = edit.seconds(timing.content_start - timing.content_trim_start) + timing.sound_offset_s
    content_end = timing.content_start + timing.content_duration
    end_s = edit.seconds(content_end) + max(timing.sound_offset_s, 0.0)
    start_s = edit.seconds(max(timing.left_handle, timing.content_start))
    return Span(max(start_s, origin_s), min(edit.seconds(timing.right_handle), end_s), origin_s)


@dataclass(frozen=True)
class Placement:
    """Which frame of the animated scene plays together with a second of the edit."""

    edit: TimeBase
    scene: TimeBase
    shift_frames: float = 0.0
    """Frames by which the scene plays later than frame 1 with frame 1."""

    def frame(self, edit_s: float) -> float:
        """The scene's frame, with its fraction."""
        return map_frame(self.edit.frame(edit_s), self.edit, self.scene) + self.shift_frames

    def edit_seconds(self, frame: float) -> float:
        """The edit's second."""
        return self.edit.seconds(map_frame(frame - self.shift_frames, self.scene, self.edit))


@dataclass(frozen=True)
class Piece:
    """Seconds of a sound file, heard from second `at_s` of the take on."""

    start_s: float
    end_s: float
    at_s: float


@dataclass(frozen=True)
class HeardPieces:
    """What several spans let be heard together."""

    start_frame: int
    """Frame of the animated scene on which the take begins."""
    frames: int
    """How many frames of the animated scene it lasts, rounded up."""
    pieces: list[Piece | None]
    """One for each span, None where it is not heard."""


def heard_pieces(
    spans: Sequence[Span], placement: Placement, window: tuple[float, float] | None
) -> HeardPieces | None:
    """What is heard of `spans` within `window`, the first and last frame (both included); None is all of them.

    Returns None when nothing is heard. The take's start is moved forward to a whole frame, so that keys fall on
    frames and the sound still lines up with them to the sample; what comes later keeps its exact place.
    """
    stretches = [(placement.frame(span.start_s), placement.frame(span.end_s)) for span in spans]
    if window is not None:
        stretches = [(max(start, window[0]), min(end, window[1] + 1.0)) for start, end in stretches]
    sounding = [(start, end) for start, end in stretches if end - start >= EPSILON_FRAMES]
    if not sounding:
        return None
    start_frame = math.ceil(min(start for start, _ in sounding) - EPSILON_FRAMES)
    last = max(end for _, end in sounding)
    if last - start_frame < EPSILON_FRAMES:
        return None
    pieces: list[Piece | None] = []
    for span, (begin, end) in zip(spans, stretches):
        start = max(begin, float(start_frame))
        if end - start < EPSILON_FRAMES:
            pieces.append(None)
            continue
        start_s, end_s = (max(0.0, placement.edit_seconds(frame) - span.origin_s) for frame in (start, end))
        pieces.append(Piece(start_s, end_s, placement.scene.seconds(start - start_frame)))
    return HeardPieces(start_frame, max(1, math.ceil(last - start_frame - EPSILON_FRAMES)), pieces)


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
    Returns None when nothing is heard.
    """
    heard = heard_pieces([heard_span(timing, edit)], Placement(edit, scene), window)
    if heard is None:
        return None
    piece = heard.pieces[0]
    assert piece is not None
    return HeardRange(heard.start_frame, heard.frames, piece.start_s, piece.end_s)
