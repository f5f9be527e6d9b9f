# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact as a whole: hands, fingering, press schedule, then the motion in stretches of some seconds.

Works at the frame rate that the motion will be written at. ``strength`` 0 leaves the generated motion as it is, 1 puts
every fingertip that plays on its key. Stretches overlap and fade into each other, so that memory does not grow with
the song beyond its notes and the motion itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.body.kinematics import clamp_to_limits, forward_kinematics
from models.body.motion import Motion
from models.contact.schedule import PressTiming, cut_presses, plan_presses
from models.contact.seam_repair import repair_seams
from models.contact.segment import PASSES, solve_segment
from models.contact.separation import separate_hands
from models.errors import Progress
from models.music.passages import Span
from models.planning.fingering import Assignment, finger_notes
from models.planning.hands import assign_hands

STAGE = "contact"
STRETCH_S = 40.0
"""Seconds of motion that are worked on at a time."""
MARGIN_S = 6.0
"""Seconds of music around a stretch that are heard but not written: the smoothing reaches less far."""
_JOINT_S = 0.5  # neighbouring stretches fade into each other
_EDGE_FADE_S = 0.2


@dataclass(frozen=True)
class ContactResult:
    """Motion with contact, and who played what."""

    motion: Motion
    fingering: NDArray[np.int8]
    """(n, 2) hand, finger; -1 unknown."""


@torch.no_grad()
def apply_contact(
    motion: Motion,
    notes: NDArray[np.floating],
    hands_given: NDArray[np.integer],
    *,
    strength: float = 1.0,
    hand_size: float = 1.0,
    only_hand: int | None = None,
    frames: tuple[int, int] | None = None,
    assignment: Assignment | None = None,
    timing: PressTiming | None = None,
    progress: Progress | None = None,
    stretch_s: float = STRETCH_S,
    spans: Sequence[Span] | None = None,
) -> ContactResult:
    """Put the playing fingers on their keys.

    Args:
        motion: generated motion at the wanted frame rate.
        notes: (n, 4) onset s, offset s, pitch, velocity, sorted by onset.
        hands_given: (n,) 0 left, 1 right, -1 unknown.
        strength: 0 to 1.
        hand_size: factor on the hands' lengths.
        only_hand: change this hand alone; the other's arrays are returned as they came.
        frames: change frames ``start <= i < stop`` alone.
        assignment: fingering to use; found here when None.
        progress: called once a pass; raises to cancel.
        stretch_s: seconds worked on at a time, at least two.
        spans: the frames in which there is music, some seconds apart; the others stay. None for all.
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}; it must be between 0 and 1")
    if not stretch_s >= 2:
        raise ValueError(f"stretch_s is {stretch_s}; it must be at least 2")
    timing = timing or PressTiming()
    if assignment is None:
        assignment = _assign(motion, notes, hands_given, hand_size)
    if strength == 0 or not motion.frames:
        return ContactResult(motion, assignment.fingering)
    presses = plan_presses(notes, assignment, motion.fps, timing)
    changed = frames or (0, motion.frames)
    # One frame more on both sides: what the redone range has to meet.
    first, last = max(changed[0] - 1, 0), min(changed[1] + 1, motion.frames)
    euler, wrist = (part[first:last].astype(np.float32) for part in (motion.euler, motion.wrist))
    parts = [(0, motion.frames)] if spans is None else spans
    cuts = [
        cut
        for start, stop in parts
        if start < last and stop > first
        for cut in _stretches(max(start, first), min(stop, last), motion.fps, stretch_s)
    ]
    total = max(PASSES * len(cuts), 1)
    for index, (start, stop) in enumerate(cuts):

        def step_done(step: int, done: int = index * PASSES) -> None:
            if progress is not None:
                progress(STAGE, done + step, total)

        margin = round(MARGIN_S * motion.fps)
        begin, end = max(start - margin, 0), min(stop + margin, motion.frames)
        solved = solve_segment(
            Motion(
                motion.euler[begin:end].astype(np.float32),
                motion.wrist[begin:end].astype(np.float32),
                motion.fps,
            ),
            cut_presses(presses, begin / motion.fps, end / motion.fps),
            strength=strength,
            hand_size=hand_size,
            fixed=_fixed(begin, end, frames, only_hand),
            timing=timing,
            step_done=step_done,
        )
        overlap = max(cuts[index - 1][1] - start, 0) if index else 0
        for out, values in zip((euler, wrist), solved, strict=True):
            _write(out[start - first : stop - first], values[start - begin : stop - begin], overlap)
    if progress is not None:
        progress(STAGE, total, total)
    result = _restore(motion, euler, wrist, first, only_hand, changed)
    movable = np.zeros((motion.frames, 2), bool)
    movable[changed[0] : changed[1], list(_hands(only_hand))] = True
    if spans is None:
        return ContactResult(_settled(result, movable, strength, hand_size), assignment.fingering)
    euler, wrist = result.euler.copy(), result.wrist.copy()
    for start, stop in spans:
        span = slice(start, stop)
        part = Motion(result.euler[span], result.wrist[span], motion.fps)
        part = _settled(part, movable[span], strength, hand_size)
        euler[span], wrist[span] = part.euler, part.wrist
    return ContactResult(Motion(euler, wrist, motion.fps), assignment.fingering)


def _settled(motion: Motion, movable: NDArray[np.bool_], strength: float, hand_size: float) -> Motion:
    """The motion without tangled fingers and colliding hands where hands are movable (F, 2)."""
    if strength == 1:
        motion = repair_seams(motion, movable, hand_size)
    return _separate(motion, movable, strength, hand_size)


def _hands(only_hand: int | None) -> tuple[int, ...]:
    return (0, 1) if only_hand is None else (only_hand,)


def _separate(motion: Motion, movable: NDArray[np.bool_], strength: float, hand_size: float) -> Motion:
    """The motion with its hands kept from colliding, as far as ``strength`` goes."""
    apart = separate_hands(motion, movable, hand_size)
    if strength < 1:
        apart = (motion.wrist + strength * (apart - motion.wrist)).astype(motion.wrist.dtype)
    return Motion(motion.euler, apart, motion.fps)


def _assign(
    motion: Motion, notes: NDArray[np.floating], hands_given: NDArray[np.integer], hand_size: float
) -> Assignment:
    hands = assign_hands(notes, hands_given, motion.wrist[..., 0], motion.fps)
    if not motion.frames or not len(notes):
        return finger_notes(notes, hands)
    frame = np.clip(np.round(notes[:, 0] * motion.fps).astype(int), 0, motion.frames - 1)
    euler, wrist = (torch.from_numpy(part[frame].astype(np.float32)) for part in (motion.euler, motion.wrist))
    return finger_notes(notes, hands, forward_kinematics(euler, wrist, hand_size).tips[..., 0].numpy())


def _stretches(first: int, last: int, fps: float, stretch_s: float) -> Iterator[tuple[int, int]]:
    """Frames start <= i < stop of stretches of about equal length that overlap by `_JOINT_S`."""
    count = max(int(np.ceil((last - first) / (stretch_s * fps) - 0.25)), 1)
    edges = np.linspace(first, last, count + 1).round().astype(int)
    half = max(round(_JOINT_S * fps / 2), 1)
    for i in range(count):
        yield (
            int(edges[i]) - (half if i else 0),
            int(edges[i + 1]) + (half if i < count - 1 else 0),
        )


def _fixed(
    begin: int, end: int, frames: tuple[int, int] | None, only_hand: int | None
) -> NDArray[np.bool_] | None:
    """(end - begin, 2) what has to stay where it is: frames outside the range to redo, the hand that is kept."""
    if frames is None and only_hand is None:
        return None
    fixed = np.zeros((end - begin, 2), bool)
    if frames is not None:
        index = np.arange(begin, end)
        fixed[(index < frames[0]) | (index >= frames[1])] = True
    if only_hand is not None:
        fixed[:, 1 - only_hand] = True
    return fixed


def _write(out: NDArray[np.float32], values: NDArray[np.float32], overlap: int) -> None:
    """Put a stretch in its place, faded over its first frames into what the stretch before left there."""
    t = (np.arange(overlap) + 1) / (overlap + 1)
    share = (t * t * (3 - 2 * t)).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    out[:overlap] += share * (values[:overlap] - out[:overlap])
    out[overlap:] = values[overlap:]


def _restore(
    motion: Motion,
    euler: NDArray[np.float32],
    wrist: NDArray[np.float32],
    first: int,
    only_hand: int | None,
    changed: tuple[int, int],
) -> Motion:
    """Bring back, bit for bit, what was not to be changed; steps at the edges of a range are faded out inside it.

    ``euler`` and ``wrist`` begin at frame ``first`` and cover the changed frames and those beside them.
    """
    start, stop = changed
    if only_hand is None and (start, stop) == (0, motion.frames):
        return Motion(euler, wrist, motion.fps)
    results = []
    for given, solved in ((motion.euler, euler), (motion.wrist, wrist)):
        inside = solved[start - first : stop - first].copy()
        _fade_edges(inside, given, solved, start, stop, first, motion.fps)
        if solved is euler:
            inside = clamp_to_limits(torch.from_numpy(inside)).numpy()
        out = given.copy()
        for hand in _hands(only_hand):
            out[start:stop, hand] = inside[:, hand]
        results.append(out)
    return Motion(results[0], results[1], motion.fps)


def _fade_edges(
    inside: NDArray[np.floating],
    given: NDArray[np.floating],
    solved: NDArray[np.floating],
    start: int,
    stop: int,
    first: int,
    fps: float,
) -> None:
    """Add to ``inside`` the difference between given and solved values at both edges, fading to nothing."""
    length = max(int(_EDGE_FADE_S * fps), 1)
    count = stop - start
    for edge, direction in ((start - 1, 1), (stop, -1)):
        if 0 <= edge < len(given):
            offset = given[edge] - solved[edge - first]
            reach = min(length, count)
            t = (np.arange(reach) + 1) / (length + 1)
            fade = (1 - t * t * (3 - 2 * t)).reshape(-1, *[1] * offset.ndim)
            window = slice(0, reach) if direction > 0 else slice(count - reach, count)
            inside[window] += (fade if direction > 0 else fade[::-1]) * offset
