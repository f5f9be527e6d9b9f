# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact as a whole: hands, fingering, press schedule, then the motion in stretches of some seconds.

Works at the frame rate that the motion will be written at, on the hands that will be shown. ``strength`` 0 leaves the
generated motion as it is, 1 puts every fingertip that plays on its key. A stretch begins with frames that are known,
those of the stretch before it or what is kept, so that it goes on from them without a seam, and memory does not grow
with the song beyond its notes and the motion itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from threadpoolctl import threadpool_limits

from models.body.bones import BLOCK_FRAMES
from models.body.edit_mask import EditMask
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import AVERAGE, Style
from models.body.skeleton import STANDARD_HANDS, HandGeometry
from models.checks import check_range
from models.contact.carriage import carried
from models.contact.finger_separation import separate_fingers
from models.contact.guarantee import settle
from models.contact.hand_points import find_points
from models.contact.key_clearing import clear_keys, raise_hands
from models.contact.key_floor import KeyFloor
from models.contact.reaching import reached
from models.contact.schedule import plan_presses
from models.contact.separation import separate_hands
from models.contact.solver import Problem, minimise
from models.contact.variables import PLACE, Array, Variables
from models.contact.weights import OTHER_WEIGHTS, OUR_WEIGHTS, ContactWeights
from models.errors import Progress
from models.music.passages import Span
from models.planning.fingering import finger_notes
from models.planning.hands import assign_hands
from models.planning.playing_hands import PlayingHands

STAGE = "contact"
STRETCH_S = 30.0
"""Seconds of motion that are worked on at a time."""
AHEAD_S = 2.0
"""Seconds of music after a stretch that are heard but not written."""
CONTEXT_S = 0.5
"""Seconds before a stretch, and around what may change, that are known."""
_CALM_S = 0.012
"""Deviation of the bell curve that generated fingertips are calmed with: more takes the life out of real paths, too."""


@dataclass(frozen=True)
class ContactResult:
    """Motion with contact, and who played what."""

    motion: Motion
    notes: Notes
    """With the fingers that play them."""


def apply_contact(
    motion: Motion,
    notes: Notes,
    *,
    strength: float = 1.0,
    hand_size: float = 1.0,
    style: Style = AVERAGE,
    geometry: HandGeometry = STANDARD_HANDS,
    dip_factor: float = 1.0,
    edits: EditMask | None = None,
    weights: ContactWeights | None = None,
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
        style: how wrists are carried and fingers lifted; its hand size counts for nothing here.
        geometry: the hands at size 1.
        dip_factor: how deep the keys go, in dips of ours.
        edits: what may change, frame by frame of the motion; the rest is returned as it came. None for everything.
        weights: of the costs; None: `OUR_WEIGHTS`, or `OTHER_WEIGHTS` for hands that are not ours.
        progress: called at every step; raises to cancel.
        stretch_s: seconds worked on at a time, at least two.
        spans: the frames in which there is music, some seconds apart; the others stay. None for all.
    """
    check_range("strength", strength, 0, 1)
    check_range("stretch_s", stretch_s, 2)
    if notes.release_s is None:
        notes = _fingered(motion, notes, hand_size, geometry)
    if edits is None:
        edits = EditMask.everything(motion.frames, motion.fps)
    edits.check_fits(motion.frames, motion.fps)
    if strength == 0 or not edits.hands:
        return ContactResult(motion, notes)
    presses = plan_presses(notes, motion.fps, style.energy, dip_factor)
    generated = Variables.of_motion(motion, geometry).unhooked(edits.free)
    tips = _calm_tips(generated, geometry, hand_size, motion.fps)
    wrists = generated.values[:, PLACE].transpose(1, 0, 2).copy()
    wanted = Variables.of_motion(carried(motion, presses, edits, hand_size, style, geometry), geometry)
    # Over the keys, fingers go with their hand; in height it turns about them.
    sideways = wanted.values[:, PLACE].transpose(1, 0, 2)[:2] - wrists[:2]
    tips[:2] += sideways[:, :, None]
    wrists[:2] += sideways
    wanted = reached(wanted, tips, edits.free, geometry, hand_size).unhooked(edits.free)
    weights = weights or (OUR_WEIGHTS if geometry is STANDARD_HANDS else OTHER_WEIGHTS)
    whole = Problem(
        wanted,
        tips,
        wrists,
        presses,
        edits.fixed,
        motion.fps,
        hand_size,
        geometry,
        weights,
    )
    first, last = edits.span
    parts = [(0, motion.frames)] if spans is None else spans
    cuts = [
        cut
        for start, stop in parts
        if start < last and stop > first
        for cut in _stretches(max(start, first), min(stop, last), round(stretch_s * motion.fps))
    ]
    values, total = wanted.values.copy(), max(weights.steps * len(cuts), 1)
    # Matrices of this size are several times slower on several threads, and round otherwise.
    with threadpool_limits(1, user_api="blas"):
        for index, (start, stop) in enumerate(cuts):

            def step_done(step: int, done: int = index * weights.steps) -> None:
                if progress is not None:
                    progress(STAGE, done + step, total)

            part = values[..., start:stop]
            part += strength * (_solved(whole, values, start, stop, step_done) - part)
    if progress is not None:
        progress(STAGE, total, total)
    solved_motion = wanted.with_values(values).to_motion(motion.fps)
    result = _joined(motion, solved_motion, edits, parts)
    for start, stop in parts:
        # With a frame on both sides that stays, so that what moves comes back to it.
        inside = slice(max(start, first - 1), min(stop, last + 1))
        if inside.start >= inside.stop:
            continue
        shown = Motion(result.euler[inside], result.wrist[inside], motion.fps)
        apart = separate_hands(shown, edits.part(inside.start, inside.stop), hand_size, geometry)
        result.wrist[inside] += np.float32(strength) * (apart - shown.wrist)
    return ContactResult(result, notes)


def _calm_tips(generated: Variables, geometry: HandGeometry, hand_size: float, fps: float) -> Array:
    """(3, 2, 5, F) the fingertips, which move about the wrist no faster than idle fingers do."""
    about = np.empty((3, 2, 5, len(generated)))
    for start in range(0, len(generated), BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        points = find_points(generated.part(block), geometry, hand_size)
        about[..., block] = points.tips - points.wrists[:, :, None]
    wrists = generated.values[:, PLACE].transpose(1, 0, 2)
    return wrists[:, :, None] + gaussian_filter1d(about, _CALM_S * fps, mode="nearest")


def _solved(whole: Problem, values: Array, start: int, stop: int, step_done: Callable[[int], None]) -> Array:
    """The variables (2, 21, stop - start) of a stretch; the values (2, 21, F) before it are known."""
    begin = max(start - round(CONTEXT_S * whole.fps), 0)
    around = slice(begin, min(stop + round(AHEAD_S * whole.fps), values.shape[-1]))
    fixed = whole.fixed[around].copy()
    fixed[: start - begin] = True
    problem = whole.stretch(around, fixed)
    known = whole.wanted.with_values(values).part(around)
    floor = KeyFloor.of(problem.sampler)  # keys of notes that are given up go down all the same
    problem, solved = settle(problem, minimise(problem, known, whole.weights.steps, step_done))
    solved = separate_fingers(problem, clear_keys(problem, solved, floor))
    solved = raise_hands(problem, solved, floor)
    return solved.values[..., start - begin : stop - begin]


def _joined(motion: Motion, solved: Motion, edits: EditMask, parts: Sequence[Span]) -> Motion:
    """The motion, and what was solved where it may change and there is music."""
    euler, wrist = motion.euler.astype(np.float32), motion.wrist.astype(np.float32)
    for start, stop in parts:
        part, free = slice(start, stop), edits.free[start:stop]
        euler[part][free], wrist[part][free] = solved.euler[part][free], solved.wrist[part][free]
    return Motion(euler, wrist, motion.fps)


def _fingered(motion: Motion, notes: Notes, hand_size: float, geometry: HandGeometry) -> Notes:
    """The notes with hands and fingers that agree with the motion."""
    playing = PlayingHands.of(geometry, hand_size)
    notes = notes.with_hands(assign_hands(notes, motion.wrist[..., 0], motion.fps, playing=playing))
    if not motion.frames or not len(notes):
        return finger_notes(notes, playing=playing)
    frame = np.clip(np.round(notes.onset_s * motion.fps).astype(int), 0, motion.frames - 1)
    euler, wrist = (part[frame].astype(np.float32) for part in (motion.euler, motion.wrist))
    tips = forward_kinematics(euler, wrist, hand_size, geometry).tips
    return finger_notes(notes, tips[..., 0], playing=playing)


def _stretches(first: int, last: int, length: int) -> Iterator[tuple[int, int]]:
    """Frames start <= i < stop of stretches of about equal length."""
    count = max(int(np.ceil((last - first) / length - 0.25)), 1)
    edges = np.linspace(first, last, count + 1).round().astype(int)
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
