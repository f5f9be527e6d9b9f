# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact of a stretch of some seconds: a few passes of wrist correction, then fingers on their keys.

Axes: F frames, 2 hands, 5 fingers. Float32 throughout but for the smoothing of the wrists: it holds fingertips to
a ten-thousandth of a millimetre.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body import keyboard
from models.body.edit_mask import EditMask
from models.body.kinematics import clamp_to_limits
from models.body.motion import Motion
from models.body.pose import Pose
from models.body.rotations import axis_angle_to_matrix, euler_to_matrix, matrix_to_euler
from models.contact.chain import solve_chains, step_aside
from models.contact.collision_solver import solve_collisions
from models.contact.hand_avoidance import avoid_other_hand
from models.contact.key_heights import CLEARANCE, height_under
from models.contact.note_dropping import drop_notes
from models.contact.paths import FingerPaths, PathSampler
from models.contact.posture import Aims, tangles
from models.contact.posture_costs import posture_costs, unhooked
from models.contact.schedule import Presses, PressTiming, contact_points
from models.contact.wrist_smoothing import rigid_step, smooth_correction, soft_threshold
from models.contact.wrong_keys import lift_off_wrong_keys

PASSES = 5
_PERSISTENCE = 4.0  # weight of what the first pass left, against smoothness
_EASE_S, _EASE_WEIGHT = 0.25, 0.5  # comfort: slower than reach, and less insistent
_SLACK = np.array([0.006, 0.012, 0.008])  # metres the fingers absorb before the wrist moves
_LOWEST_WRIST = 0.025
_SUNK = 0.001
_MOST_ASIDE = 0.035  # farther out of the way, an idle finger gets into its own hand's
_ATTEMPTS = 8  # to take tangled fingers apart, each time with fewer or shorter notes
_MORE_URGENT, _MOST_URGENT = 4.0, 3  # each time, this many times
_GIVEN = 1e4  # weight of frames that stay where they are


def solve_segment(
    motion: Motion,
    presses: Presses,
    *,
    strength: float,
    hand_size: float,
    edits: EditMask,
    timing: PressTiming,
    step_done: Callable[[int], None],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Put the playing fingers of a stretch on their keys.

    Args:
        motion: the stretch, 32 bit.
        presses: their times counted from the stretch's first frame.
        strength: 0 to 1.
        edits: which hands may change in which of the stretch's frames.
        step_done: called with the index of each pass before it begins; raises to cancel.

    Returns:
        Angles (F, 2, 16, 3) and wrists (F, 2, 3).
    """
    euler = clamp_to_limits(torch.from_numpy(motion.euler))
    given = Pose.of_euler(euler, torch.from_numpy(motion.wrist), hand_size)
    idle = unhooked(given.fingers)
    relaxed = replace(given, fingers=idle).tips_in_hand
    sampler = PathSampler(presses, motion.frames, motion.fps, timing)
    pose = given
    reached = given.to_piano(relaxed).numpy()
    aside = torch.zeros_like(relaxed)
    fixed = edits.fixed
    held = torch.from_numpy(fixed.all(0))  # hands that are kept throughout
    for step in range(PASSES):
        step_done(step)
        paths = sampler(*contact_points(presses, reached, motion.fps), pose.to_piano(relaxed).numpy())
        shift, turn = _wrist_step(paths, reached, pose, motion.fps, fixed, first=step == 0)
        room = avoid_other_hand(pose, paths.firm, motion.fps, fixed) if step else None
        if room is not None:
            aside = (aside + torch.from_numpy(room.fingers)).clamp(-_MOST_ASIDE, _MOST_ASIDE)
            shift = shift + room.wrists
        pose = _move(pose, shift, turn)
        wanted_tips = pose.to_hand(_targets(paths, pose, relaxed, aside))
        pose = _held(replace(pose, fingers=solve_chains(wanted_tips, idle, pose.rest)), given, held)
        reached = pose.tips.numpy()
    if strength < 1:
        pose = replace(
            pose,
            wrist_euler=given.wrist_euler + strength * (pose.wrist_euler - given.wrist_euler),
            wrist=given.wrist + strength * (pose.wrist - given.wrist),
        )
    x, y = contact_points(presses, reached, motion.fps)
    free = pose.to_piano(relaxed).numpy()
    kept = np.ones(len(x), bool)
    before: tuple[Pose, Pose] | None = None
    for attempt in range(_ATTEMPTS):
        wanted = sampler(x[kept], y[kept], free)
        paths = _without_strays(wanted, reached)
        targets = _targets(paths, pose, relaxed, aside)
        targets = torch.lerp(torch.from_numpy(free), targets, strength)
        fingers = solve_chains(pose.to_hand(targets), idle, pose.rest, torch.from_numpy(1 - paths.firm))
        fresh = _held(replace(pose, fingers=fingers), given, held)
        # What was taken apart before stays so; only what is still tangled is worked on again.
        solved = solve_collisions(
            fresh if before is None else before[1].corrected_alike(before[0], fresh),
            Aims(targets, paths.firm, paths.pitch > 0),
            motion.fps,
            fixed,
            strength,
            urgency=_MORE_URGENT ** min(attempt, _MOST_URGENT),
            help_missed=attempt == 0,
        )
        before = fresh, solved
        left = tangles(solved, fixed=fixed)
        if attempt == _ATTEMPTS - 1 or not len(left.frame):
            break
        presses, stays = drop_notes(presses, left, motion.fps, fixed)
        kept[kept] = stays
        sampler = PathSampler(presses, motion.frames, motion.fps, timing)
    solved = lift_off_wrong_keys(solved, wanted.pitch, motion.fps, fixed, strength)
    return solved.euler.numpy(), solved.wrist.numpy()


def _held(pose: Pose, given: Pose, held: Tensor) -> Pose:
    """The pose, but the fingers of hands (2,) that are kept throughout as they were given."""
    return replace(pose, fingers=torch.where(held[:, None, None], given.fingers, pose.fingers))


def _without_strays(paths: FingerPaths, reached: NDArray[np.floating[Any]]) -> FingerPaths:
    """Paths in which a finger that could not get to its key stays above the one it is over instead."""
    astray = (paths.pitch > 0) & (keyboard.key_under(reached) + keyboard.LOWEST_PITCH != paths.pitch)
    return replace(paths, pitch=np.where(astray, 0, paths.pitch))


def _wrist_step(
    paths: FingerPaths,
    reached: NDArray[np.float32],
    pose: Pose,
    fps: float,
    fixed: NDArray[np.bool_],
    first: bool,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displacements and turns (F, 2, 3) of the wrists that bring the fingertips nearer their paths."""
    errors = paths.points - reached
    if first:
        errors = soft_threshold(errors, _SLACK)
    # Fingers that should be off the keys and cannot lift themselves ask the wrist to lift them.
    sunk = np.where(paths.pitch > 0, 0.0, height_under(reached) + CLEARANCE - reached[..., 2])
    sinks = (sunk > _SUNK) & (paths.holding == 0)
    errors = np.where(sinks[..., None], sunk[..., None] * np.array([0.0, 0.0, 1.0]), errors)
    shares = np.where(sinks, 1.0, paths.holding)
    comfort = posture_costs(pose)
    wrist = pose.wrist.numpy()
    steps = np.zeros((2, *wrist.shape))
    for hand in (0, 1):
        share = shares[:, hand]
        weight = np.minimum(share.sum(1), 1.0) * (1.0 if first else _PERSISTENCE)
        wanted = np.concatenate(
            rigid_step(errors[:, hand], reached[:, hand] - wrist[:, hand, None], share), -1
        )
        stays = fixed[:, hand]
        weight = np.where(stays, _GIVEN, weight)
        wanted = np.where(stays[:, None], 0.0, wanted)
        reach = smooth_correction(wanted, weight, fps)
        if not first:
            reach += _ease(comfort[:, hand], paths.holding[:, hand], stays, fps)
        steps[:, :, hand] = reach.reshape(-1, 2, 3).swapaxes(0, 1)
    return steps[0], steps[1]


def _ease(
    errors: NDArray[np.floating[Any]], share: NDArray[np.floating[Any]], fixed: NDArray[np.bool_], fps: float
) -> NDArray[np.float64]:
    """Slow displacement (F, 6) of a wrist, without turn, that makes its playing fingers (F, 5, 3) comfortable."""
    total = share.sum(1)
    wanted = np.zeros((len(errors), 6))
    wanted[:, :3] = (share[..., None] * errors).sum(1) / np.maximum(total, 1e-9)[:, None]
    weight = np.minimum(total, 1.0) * _EASE_WEIGHT
    weight = np.where(fixed, _GIVEN, weight)
    wanted[fixed] = 0.0
    return smooth_correction(wanted, weight, fps, _EASE_S)


def _move(pose: Pose, shift: NDArray[np.float64], turn: NDArray[np.float64]) -> Pose:
    """Displace (F, 2, 3) wrists and turn them about themselves in the piano frame, inside their limits."""
    kind, rest = pose.wrist.dtype, pose.rest
    wrist = pose.wrist + torch.from_numpy(shift).to(kind)
    wrist[..., 2] = wrist[..., 2].clamp_min(_LOWEST_WRIST)
    turned_by = axis_angle_to_matrix(torch.from_numpy(turn).to(kind))
    rotation = turned_by @ rest.wrist_frames @ euler_to_matrix(pose.wrist_euler)
    turned = matrix_to_euler(rest.wrist_frames.transpose(-1, -2) @ rotation)
    low, high = rest.limits[:, 0].unbind(-1)
    return replace(pose, wrist_euler=torch.minimum(torch.maximum(turned, low), high), wrist=wrist)


def _targets(paths: FingerPaths, pose: Pose, relaxed: Tensor, aside: Tensor) -> Tensor:
    """Targets (F, 2, 5, 3): the relaxed fingertips, handed over to the paths.

    Idle ones keep out of the way of the other hand (by ``aside``) and of their neighbours, and above the keys unless
    they strike.
    """
    weight, free = torch.from_numpy(paths.weight)[..., None], torch.from_numpy(1 - paths.firm)
    targets = (
        torch.lerp(pose.to_piano(relaxed), torch.from_numpy(paths.points), weight) + free[..., None] * aside
    )
    points = pose.to_piano(step_aside(pose.to_hand(targets), free, pose.rest)).numpy()
    floor = height_under(points) + CLEARANCE
    points[..., 2] = np.where(paths.pitch > 0, points[..., 2], np.maximum(points[..., 2], floor))
    return torch.from_numpy(points)
