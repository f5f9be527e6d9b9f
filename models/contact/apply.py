# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact as a whole: hands, fingering, press schedule, wrist correction, inverse kinematics.

Works on a whole song at the frame rate it will be written at. ``strength`` 0 leaves the generated motion as it
is, 1 puts every fingertip that plays on its key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import keyboard
from models.contact.fingering import Assignment, finger_notes
from models.contact.hands import assign_hands
from models.contact.ik import solve_fingers
from models.contact.reach import rigid_step, smooth_correction, soft_threshold
from models.contact.schedule import FingerPaths, PressTiming, contact_points, finger_paths, plan_presses
from models.errors import Progress
from models.kinematics import clamp_to_limits, forward_kinematics, rest_tensors
from models.rotations import axis_angle_to_matrix, euler_to_matrix, matrix_to_euler, unwrap
from models.take import Motion

STAGE = "contact"
_PASSES = 6
_PERSISTENCE = 4.0  # weight of what the first pass left, against smoothness
_SLACK = np.array([0.006, 0.012, 0.008])  # metres the fingers absorb before the wrist moves
_IDLE_CLEARANCE = 0.002
_EDGE_FADE_S = 0.2
_LOWEST_WRIST = 0.025
_SUNK = 0.001
_BLOCK = 1024  # frames of kinematics at a time


@dataclass(frozen=True)
class ContactResult:
    """Motion with contact, and who played what."""

    motion: Motion
    fingering: NDArray[np.int8]
    """(n, 2) hand, finger; -1 unknown."""


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
    """
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}; it must be between 0 and 1")
    timing = timing or PressTiming()
    euler = clamp_to_limits(torch.from_numpy(motion.euler.astype(np.float64)))
    wrist = torch.from_numpy(motion.wrist.astype(np.float64))
    tips = _tips(euler, wrist, hand_size).numpy()
    if assignment is None:
        assignment = _assign(motion, notes, hands_given, tips)
    fingering = assignment.fingering
    presses = plan_presses(notes, assignment, motion.fps, timing)
    if strength == 0 or not motion.frames:
        return ContactResult(motion, fingering)

    turned, moved = euler, wrist
    reached = tips
    for step in range(_PASSES):
        if progress is not None:
            progress(STAGE, step, _PASSES)
        x, y = contact_points(presses, reached, motion.fps)
        paths = finger_paths(presses, x, y, motion.frames, motion.fps, timing)
        shift, turn = _wrist_step(paths, reached, moved.numpy(), motion.fps, frames, first=step == 0)
        moved, turned = _move_wrist(moved, turned, shift, turn)
        solved = _solve(turned, moved, paths, 1.0, hand_size)
        reached = _tips(solved, moved, hand_size).numpy()
    paths = _without_strays(paths, reached)
    solved = _solve(turned, moved, paths, 1.0, hand_size)
    if strength < 1:
        moved = wrist + strength * (moved - wrist)
        turned = euler + strength * (turned - euler)
        solved = _solve(turned, moved, paths, strength, hand_size)
    if progress is not None:
        progress(STAGE, _PASSES, _PASSES)
    out = _restore(motion, solved, moved, only_hand, frames)
    return ContactResult(out, fingering)


def _assign(
    motion: Motion, notes: NDArray[np.floating], hands_given: NDArray[np.integer], tips: NDArray[np.floating]
) -> Assignment:
    hands = assign_hands(notes, hands_given, motion.wrist[..., 0], motion.fps)
    if not motion.frames or not len(notes):
        return finger_notes(notes, hands)
    frame = np.clip(np.round(notes[:, 0] * motion.fps).astype(int), 0, motion.frames - 1)
    return finger_notes(notes, hands, tips[frame, :, :, 0])


def _without_strays(paths: FingerPaths, reached: NDArray[np.floating]) -> FingerPaths:
    """Paths in which a finger that could not get to its key stays above the one it is over instead."""
    astray = (paths.pitch > 0) & (keyboard.key_under(reached) + keyboard.LOWEST_PITCH != paths.pitch)
    return replace(paths, pitch=np.where(astray, 0, paths.pitch))


def _wrist_step(
    paths: FingerPaths,
    reached: NDArray[np.floating],
    wrist: NDArray[np.floating],
    fps: float,
    frames: tuple[int, int] | None,
    first: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacements and turns (frames, 2, 3) of the wrists that bring the fingertips nearer their paths."""
    errors = paths.points - reached
    if first:
        errors = soft_threshold(errors, _SLACK)
    # Fingers that should be off the keys and cannot lift themselves ask the wrist to lift them.
    sunk = np.where(paths.pitch > 0, 0.0, _floor(reached) + _IDLE_CLEARANCE - reached[..., 2])
    sinks = (sunk > _SUNK) & (paths.holding == 0)
    errors = np.where(sinks[..., None], sunk[..., None] * np.array([0.0, 0.0, 1.0]), errors)
    shares = np.where(sinks, 1.0, paths.holding)
    steps = np.zeros((2, *wrist.shape))
    for hand in (0, 1):
        share = shares[:, hand]
        need = np.minimum(share.sum(1), 1.0) * (1.0 if first else _PERSISTENCE)
        wanted = rigid_step(errors[:, hand], reached[:, hand] - wrist[:, hand, None], share)
        for kind, values in enumerate(wanted):
            weight = need
            if frames is not None:  # the given frames around a redone range stay where they are
                given = np.ones(len(need), bool)
                given[frames[0] : frames[1]] = False
                weight, values = np.where(given, 1e4, need), np.where(given[:, None], 0.0, values)
            steps[kind, :, hand] = smooth_correction(values, weight, fps)
    return steps[0], steps[1]


def _move_wrist(
    wrist: Tensor, euler: Tensor, shift: NDArray[np.float64], turn: NDArray[np.float64]
) -> tuple[Tensor, Tensor]:
    """Displace (frames, 2, 3) wrists and turn them about themselves in the piano frame, inside their limits."""
    moved = wrist + torch.from_numpy(shift)
    moved[..., 2] = moved[..., 2].clamp_min(_LOWEST_WRIST)
    frames = rest_tensors(euler.dtype, euler.device).wrist_frames
    rotation = axis_angle_to_matrix(torch.from_numpy(turn)) @ frames @ euler_to_matrix(euler[..., 0, :])
    turned = euler.clone()
    turned[..., 0, :] = matrix_to_euler(frames.transpose(-1, -2) @ rotation)
    return moved, clamp_to_limits(turned)


def _tips(euler: Tensor, wrist: Tensor, hand_size: float) -> Tensor:
    """Contact points (frames, 2, 5, 3), worked out in blocks so that memory does not grow with the song."""
    blocks = zip(euler.split(_BLOCK), wrist.split(_BLOCK), strict=True)
    return torch.cat([forward_kinematics(angles, place, hand_size).tips for angles, place in blocks])


def _solve(euler: Tensor, wrist: Tensor, paths: FingerPaths, strength: float, hand_size: float) -> Tensor:
    """Angles that take the fingertips the share ``strength`` of the way to their targets."""
    free = _tips(euler, wrist, hand_size)
    targets = torch.from_numpy(_blend(paths, free.numpy()))
    targets = free + strength * (targets - free)
    blocks = zip(euler.split(_BLOCK), wrist.split(_BLOCK), targets.split(_BLOCK), strict=True)
    return torch.cat([solve_fingers(*block, hand_size) for block in blocks])


def _blend(paths: FingerPaths, free: NDArray[np.floating]) -> NDArray[np.float64]:
    """Targets: the free fingertips, handed over to the paths, and kept above the keys unless they strike."""
    weight = paths.weight[..., None]
    targets = (1 - weight) * free + weight * paths.points
    floor = _floor(targets) + _IDLE_CLEARANCE
    targets[..., 2] = np.where(paths.pitch > 0, targets[..., 2], np.maximum(targets[..., 2], floor))
    return targets


def _floor(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Height of the keys under the points, with slopes instead of steps at the black keys, metres."""
    x, y = points[..., 0], points[..., 1]
    black_x = keyboard.KEY_X[keyboard.KEY_IS_BLACK]
    right = np.clip(np.searchsorted(black_x, x), 1, len(black_x) - 1)
    beside = (
        np.minimum(np.abs(x - black_x[right - 1]), np.abs(x - black_x[right])) - keyboard.BLACK_TOP_WIDTH / 2
    )
    before = np.maximum(keyboard.BLACK_FRONT - y, y - keyboard.BLACK_BACK)
    outside = np.maximum(np.maximum(beside, before) - 0.001, 0.0)
    return keyboard.BLACK_HEIGHT * np.clip(1 - outside / 0.004, 0.0, 1.0)


def _restore(
    motion: Motion, euler: Tensor, wrist: Tensor, only_hand: int | None, frames: tuple[int, int] | None
) -> Motion:
    """Bring back, bit for bit, what was not to be changed; steps at the edges of a range are faded out inside it."""
    hands = (0, 1) if only_hand is None else (only_hand,)
    start, stop = frames or (0, motion.frames)
    out_euler, out_wrist = motion.euler.copy(), motion.wrist.copy()
    new_euler = unwrap(euler, 0).numpy()[start:stop].copy()
    new_wrist = wrist.numpy()[start:stop].copy()
    if frames is not None:
        _fade_edges(new_euler, motion.euler, euler.numpy(), start, stop, motion.fps)
        _fade_edges(new_wrist, motion.wrist, wrist.numpy(), start, stop, motion.fps)
    for hand in hands:
        out_euler[start:stop, hand] = new_euler[:, hand]
        out_wrist[start:stop, hand] = new_wrist[:, hand]
    return Motion(out_euler, out_wrist, motion.fps)


def _fade_edges(
    inside: NDArray[np.floating],
    given: NDArray[np.floating],
    solved: NDArray[np.floating],
    start: int,
    stop: int,
    fps: float,
) -> None:
    """Add to ``inside`` the difference between given and solved values at both edges, fading to nothing."""
    length = max(int(_EDGE_FADE_S * fps), 1)
    count = stop - start
    for edge, direction in ((start - 1, 1), (stop, -1)):
        if 0 <= edge < len(given):
            offset = given[edge] - solved[edge]
            reach = min(length, count)
            t = (np.arange(reach) + 1) / (length + 1)
            fade = (1 - t * t * (3 - 2 * t)).reshape(-1, *[1] * offset.ndim)
            window = slice(0, reach) if direction > 0 else slice(count - reach, count)
            inside[window] += (fade if direction > 0 else fade[::-1]) * offset
