# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact as a whole: hands, fingering, press schedule, then the motion in stretches of some seconds.

Works at the frame rate that the motion will be written at. ``strength`` 0 leaves the generated motion as it is, 1 puts
every fingertip that plays on its key. Stretches overlap and fade into each other, so that memory does not grow with
the song beyond its notes and the motion itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.body.edit_mask import EditMask
from models.body.kinematics import clamp_to_limits, forward_kinematics
from models.body.motion import Motion
from models.body.notes import Notes
from models.checks import check_range
from models.contact.schedule import PressTiming, cut_presses, plan_presses
from models.contact.seam_repair import repair_seams
from models.contact.segment import PASSES, solve_segment
from models.contact.separation import separate_hands
from models.errors import Progress
from models.music.passages import Span
from models.planning.fingering import finger_notes
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
    notes: Notes
    """With the fingers that play them."""


@torch.no_grad()
def apply_contact(
    motion: Motion,
    notes: Notes,
    *,
    strength: float = 1.0,
    hand_size: float = 1.0,
    edits: EditMask | None = None,
    timing: PressTiming | None = None,
    progress: Progress | None = None,
    stretch_s: float = STRETCH_S,
    spans: Sequence[Span] | None = None,
) -> ContactResult:
    """Put the playing fingers on their keys.

    Args:
        motion: generated motion at the wanted frame rate.
        notes: sorted by onset. Those without ``release_s`` are fingered here, in the hands that they name.
        strength: 0 to 1.
        hand_size: factor on the hands' lengths.
        edits: what may change, frame by frame of the motion; the rest is returned as it came. None for everything.
        progress: called once a pass; raises to cancel.
        stretch_s: seconds worked on at a time, at least two.
        spans: the frames in which there is music, some seconds apart; the others stay. None for all.
    """
    check_range("strength", strength, 0, 1)
    check_range("stretch_s", stretch_s, 2)
    timing = timing or PressTiming()
    if notes.release_s is None:
        notes = _fingered(motion, notes, hand_size)
    if edits is None:
        edits = EditMask.everything(motion.frames, motion.fps)
    edits.check_fits(motion.frames, motion.fps)
    if strength == 0 or not edits.hands:
        return ContactResult(motion, notes)
    presses = plan_presses(notes, motion.fps, timing)
    changed = edits.span
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
            edits=edits.part(begin, end),
            timing=timing,
            step_done=step_done,
        )
        overlap = max(cuts[index - 1][1] - start, 0) if index else 0
        for out, values in zip((euler, wrist), solved, strict=True):
            _write(out[start - first : stop - first], values[start - begin : stop - begin], overlap)
    if progress is not None:
        progress(STAGE, total, total)
    result = _restore(motion, euler, wrist, first, edits)
    if spans is None:
        return ContactResult(_settled(result, edits, strength, hand_size), notes)
    euler, wrist = result.euler.copy(), result.wrist.copy()
    for start, stop in spans:
        span = slice(start, stop)
        part = Motion(result.euler[span], result.wrist[span], motion.fps)
        part = _settled(part, edits.part(start, stop), strength, hand_size)
        euler[span], wrist[span] = part.euler, part.wrist
    return ContactResult(Motion(euler, wrist, motion.fps), notes)


def _settled(motion: Motion, edits: EditMask, strength: float, hand_size: float) -> Motion:
    """The motion without tangled fingers and colliding hands where they may change."""
    if strength == 1:
        motion = repair_seams(motion, edits, hand_size)
    return _separate(motion, edits, strength, hand_size)


def _separate(motion: Motion, edits: EditMask, strength: float, hand_size: float) -> Motion:
    """The motion with its hands kept from colliding, as far as ``strength`` goes."""
    apart = separate_hands(motion, edits, hand_size)
    if strength < 1:
        apart = (motion.wrist + strength * (apart - motion.wrist)).astype(motion.wrist.dtype)
    return Motion(motion.euler, apart, motion.fps)


def _fingered(motion: Motion, notes: Notes, hand_size: float) -> Notes:
    """The notes with hands and fingers that agree with the motion."""
    notes = notes.with_hands(assign_hands(notes, motion.wrist[..., 0], motion.fps))
    if not motion.frames or not len(notes):
        return finger_notes(notes)
    frame = np.clip(np.round(notes.onset_s * motion.fps).astype(int), 0, motion.frames - 1)
    euler, wrist = (torch.from_numpy(part[frame].astype(np.float32)) for part in (motion.euler, motion.wrist))
    return finger_notes(notes, forward_kinematics(euler, wrist, hand_size).tips[..., 0].numpy())


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


def _write(out: NDArray[np.float32], values: NDArray[np.float32], overlap: int) -> None:
    """Put a stretch in its place, faded over its first frames into what the stretch before left there."""
    t = (np.arange(overlap) + 1) / (overlap + 1)
    share = (t * t * (3 - 2 * t)).astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    out[:overlap] += share * (values[:overlap] - out[:overlap])
    out[overlap:] = values[overlap:]


def _restore(
    motion: Motion, euler: NDArray[np.float32], wrist: NDArray[np.float32], first: int, edits: EditMask
) -> Motion:
    """Bring back, bit for bit, what was not to be changed; steps at the edges of a stretch are faded out inside it.

    ``euler`` and ``wrist`` begin at frame ``first`` and cover the frames that may change and those beside them.
    """
    if edits.whole:
        return Motion(euler, wrist, motion.fps)
    span = slice(first, first + len(euler))
    free, results = edits.free[span], []
    for given, solved in ((motion.euler, euler), (motion.wrist, wrist)):
        bent = solved.copy()
        for hand in edits.hands:
            for start, stop in edits.runs(hand):
                inside = bent[start - first : stop - first, hand]
                _fade_edges(inside, given[:, hand], solved[:, hand], start, stop, first, motion.fps)
        if solved is euler:
            bent = clamp_to_limits(torch.from_numpy(bent)).numpy()
        out = given.copy()
        out[span][free] = bent[free]
        results.append(out)
    return Motion(results[0], results[1], motion.fps)


def _fade_edges(
    inside: NDArray[np.floating[Any]],
    given: NDArray[np.floating[Any]],
    solved: NDArray[np.floating[Any]],
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
