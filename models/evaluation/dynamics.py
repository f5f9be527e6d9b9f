# SPDX-License-Identifier: GPL-3.0-or-later
"""Dynamics (docs/definitions.md): do fingers strike as loudly as the notes say, are hands and wrists carried.

Everything is looked at between the frames, too (`fine_motion`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.bones import BLOCK_FRAMES
from models.body.keyboard_size import keyboard_of
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import FINGER_JOINTS, STANDARD_HANDS, HandGeometry
from models.body.take import Take
from models.evaluation.carriage import carriage
from models.evaluation.fine_motion import FineMotion
from models.evaluation.key_strokes import TOLERANCE_S, KeyStrokes, key_strokes, spearman
from models.evaluation.posture_metrics import playing_fingers
from models.music.notes import match_onsets

VELOCITIES = (30, 48, 64, 80)
NEAR = 4
"""Notes this near to one of `VELOCITIES` stand for it."""
DEEP_SHARE = 0.65
"""A stroke that is pressed is fastest below this share of the dip."""
FAST_RELEASE_S, SLOW_RELEASE_S = 0.080, 0.200


@dataclass(frozen=True)
class StrokeFigures:
    """Of strokes; None where there were too few."""

    strokes: int
    """Notes whose own finger strikes their key; all figures here are of these."""
    velocity_speed_rho: float | None
    """Rank correlation of velocity and peak speed of the descent."""
    speed_p95_p5: float | None
    """95th by 5th percentile of that speed."""
    speed_cv: float | None
    """Its standard deviation by its mean."""
    speed_m_s: dict[str, float | None]
    """Its median near each of `VELOCITIES`."""
    speed_depth: float | None
    """Median share of the dip at which the descent is fastest."""
    speed_deep: float | None
    """Share of the strokes in which that is `DEEP_SHARE` or more."""
    velocity_time_rho: float | None
    """Rank correlation of velocity and time from start to bottom."""
    start_to_bottom_ms: dict[str, float | None]
    """Median of that time near each of `VELOCITIES`."""
    onset_depth: float | None
    """Median depth at the onset, as a share of the dip."""
    releases: int
    """Strokes whose release goes from 85 % to 10 % of the dip."""
    release_ms: list[float] | None
    """Quartiles of the time that it takes."""
    release_fast: float | None
    """Share of them below `FAST_RELEASE_S`."""
    release_slow: float | None
    """Share of them above `SLOW_RELEASE_S`."""
    velocity_release_rho: float | None
    """Rank correlation of velocity and that time."""


@dataclass(frozen=True)
class JointFigures:
    """Of joint angles at the take's own rate."""

    joint_speed_p999: float
    """99.9th percentile of the speeds of all angles of fingers and wrists between neighbouring frames, rad/s."""
    joint_speed_max: float
    mcp_deg: list[float | None] | None
    """Median bend of the first joints, index to little finger, in the frames in which the hand plays: the angle between
    the bones before and after the joint, in any direction. None for a finger that neither hand has."""
    pip_deg: list[float | None] | None
    """The same of the middle joints."""
    dip_deg: list[float | None] | None
    """The same of the last joints."""


def stroke_figures(strokes: KeyStrokes) -> StrokeFigures:
    """Figures of strokes, of one take or of many together."""
    speed, released = strokes.speed, ~np.isnan(strokes.release_s)
    down = ~np.isnan(strokes.down_s)
    release = strokes.release_s[released]
    p5, p95 = np.percentile(speed, (5, 95)) if len(speed) else (0.0, 0.0)
    return StrokeFigures(
        strokes=len(strokes),
        velocity_speed_rho=spearman(strokes.velocity, speed),
        speed_p95_p5=float(p95 / p5) if p5 > 0 else None,
        speed_cv=float(speed.std() / speed.mean()) if len(speed) and speed.mean() > 0 else None,
        speed_m_s=_near(strokes.velocity, speed),
        speed_depth=_median(strokes.speed_depth),
        speed_deep=_share(strokes.speed_depth >= DEEP_SHARE),
        velocity_time_rho=spearman(strokes.velocity[down], strokes.down_s[down]),
        start_to_bottom_ms=_near(strokes.velocity[down], strokes.down_s[down] * 1000),
        onset_depth=_median(strokes.onset_depth),
        releases=len(release),
        release_ms=(np.percentile(release, (25, 50, 75)) * 1000).tolist() if len(release) else None,
        release_fast=_share(release < FAST_RELEASE_S),
        release_slow=_share(release > SLOW_RELEASE_S),
        velocity_release_rho=spearman(strokes.velocity[released], release),
    )


def joint_figures(motion: Motion, notes: Notes, geometry: HandGeometry = STANDARD_HANDS) -> JointFigures:
    """Speeds and bends of joints."""
    speed = np.abs(np.diff(motion.euler.astype(np.float64), axis=0)) * motion.fps
    plays = playing_fingers(notes, motion.frames, motion.fps).any(-1)  # (F, 2)
    bend = finger_bends(motion, geometry)  # (F, 2, 4, 3)
    medians = [
        [
            _median(bend[:, has, finger, joint][plays[:, has]])
            for finger, has in enumerate(geometry.present[:, 1:].T)
        ]
        if plays.any()
        else None
        for joint in range(3)
    ]
    usual = float(np.percentile(speed, 99.9)) if speed.size else 0.0
    return JointFigures(usual, float(speed.max(initial=0.0)), *medians)


def finger_bends(motion: Motion, geometry: HandGeometry = STANDARD_HANDS) -> NDArray[np.float32]:
    """Degrees (F, 2, 4, 3) between successive bones of index to little finger, from the palm's bone on."""
    bends = np.zeros((motion.frames, 2, 4, 3), np.float32)
    for begin in range(0, motion.frames, BLOCK_FRAMES):
        block = slice(begin, begin + BLOCK_FRAMES)
        joints = forward_kinematics(motion.euler[block], motion.wrist[block], geometry=geometry)
        fingers = joints.position[:, :, FINGER_JOINTS[1:]]  # (f, 2, 4, 3, 3)
        palm = np.broadcast_to(motion.wrist[block, :, None, None], fingers[..., :1, :].shape)
        bones = np.diff(np.concatenate([palm, fingers, joints.tips[:, :, 1:, None]], -2), axis=-2)
        bones /= np.linalg.norm(bones, axis=-1, keepdims=True)
        cosine = (bones[..., :-1, :] * bones[..., 1:, :]).sum(-1)
        bends[block] = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    return bends


def dynamics(take: Take, fine: FineMotion, true_notes: Notes | None = None) -> dict[str, Any]:
    """All figures of a take under stable names.

    Args:
        take: with the hands and fingers that play.
        fine: its motion between the frames.
        true_notes: whose velocities count; None for the take's own.
    """
    return {
        **asdict(stroke_figures(take_strokes(take, fine, true_notes))),
        **asdict(carriage(fine, take.notes)),
        **asdict(joint_figures(take.motion, take.notes, take.geometry)),
    }


def take_strokes(take: Take, fine: FineMotion, true_notes: Notes | None = None) -> KeyStrokes:
    """The strokes of a take; arguments as of `dynamics`."""
    notes = take.notes if true_notes is None else with_velocities(take.notes, true_notes)
    return key_strokes(fine, notes, keyboard_of(take.meta).dip_factor)


def with_velocities(notes: Notes, true_notes: Notes) -> Notes:
    """The notes that are true, at most `TOLERANCE_S` beside a true note of the same key, with its velocity."""
    if notes.same_strokes(true_notes):
        return notes
    own, true = same_notes(notes, true_notes)
    found = notes.select(own)
    return replace(found, velocity=true_notes.velocity[true].astype(np.float64))


def same_notes(notes: Notes, true_notes: Notes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices (k,), rising, of the notes that are true, and those of the true notes beside them, of the same keys."""
    pairs: list[tuple[int, int]] = []
    for pitch in np.unique(notes.pitch):
        mine, true = (np.flatnonzero(of.pitch == pitch) for of in (notes, true_notes))
        mine, true = mine[np.argsort(notes.onset_s[mine])], true[np.argsort(true_notes.onset_s[true])]
        found = match_onsets(true_notes.onset_s[true], notes.onset_s[mine], TOLERANCE_S)
        pairs += [(int(mine[own]), int(true[of_true])) for of_true, own in found]
    own, true = np.array(sorted(pairs), np.int64).reshape(-1, 2).T
    return own, true


def _near(velocity: NDArray[np.float64], values: NDArray[np.float64]) -> dict[str, float | None]:
    """Median of the values near each of `VELOCITIES`."""
    return {str(centre): _median(values[np.abs(velocity - centre) <= NEAR]) for centre in VELOCITIES}


def _median(values: NDArray[np.floating[Any]]) -> float | None:
    return float(np.nanmedian(values)) if len(values) and not np.isnan(values).all() else None


def _share(what: NDArray[np.bool_]) -> float | None:
    return float(what.mean()) if len(what) else None
