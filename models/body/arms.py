# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms over frames: natural ones, at another frame rate, and spliced like the hands that they carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.arm_geometry import SIDES, ArmGeometry, fit_arms
from models.body.edit_mask import EditMask
from models.body.motion import Motion
from models.body.natural_arms import natural_arms
from models.body.resampling import resample, splice_values
from models.body.rotations import euler_to_matrix
from models.body.skeleton import STANDARD_ARMS

SWAY_OF_STYLE = {"looseness": 0.5, "energy": 0.3}
"""How much more the trunk sways over phrases for a style value of 1."""
MOST_SWAY = 2.0


@dataclass(frozen=True)
class Arms:
    """Arms of both hands; hand 0 is left, 1 is right."""

    elbow: NDArray[np.float32]
    """(frames, 2, 3) elbow joints in the piano frame, metres."""
    shoulder: NDArray[np.float32]
    """(frames, 2, 3) shoulder joints in the piano frame, metres."""

    def __post_init__(self) -> None:
        shape = (len(self.elbow), 2, 3)
        if self.elbow.shape != shape or self.shoulder.shape != shape:
            raise ValueError(
                f"elbow {self.elbow.shape} and shoulder {self.shoulder.shape} are not (n, 2, 3) both"
            )

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.elbow)


def sway_of_style(style: Any) -> float:
    """How much the trunk sways over phrases, 1 on average; what is no style is average."""
    if not isinstance(style, Mapping):
        return 1.0
    values = {name: style.get(name, 0.0) for name in SWAY_OF_STYLE}
    told = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    wanted = 1 + sum(SWAY_OF_STYLE[name] * value for name, value in told.items())
    return float(min(max(wanted, 0.0), MOST_SWAY))


def natural_arms_of(
    motion: Motion, hand_size: float = 1.0, sway: float = 1.0, geometry: ArmGeometry = STANDARD_ARMS
) -> Arms:
    """The arms of a seated pianist with these hands (`models.body.natural_arms`)."""
    shoulder, elbow = natural_arms(motion.wrist, motion.euler[:, :, 0], motion.fps, hand_size, geometry, sway)
    return Arms(elbow, shoulder)


def resample_arms(
    arms: Arms,
    fps: float,
    motion: Motion,
    hand_size: float = 1.0,
    geometry: ArmGeometry = STANDARD_ARMS,
) -> Arms:
    """The arms at the rate and length of a motion that was brought there; unchanged where they are that already."""
    if np.isclose(fps, motion.fps, rtol=1e-9) and arms.frames == motion.frames:
        return arms
    root, bent = (resample(part, fps, motion.fps, motion.frames) for part in (arms.shoulder, arms.elbow))
    shoulder, elbow = fit_arms(root, bent, motion.wrist, hand_size, geometry)
    return Arms(elbow, shoulder)


def splice_arms(
    kept: Arms,
    new: Arms,
    motion: Motion,
    edits: EditMask,
    hand_size: float = 1.0,
    geometry: ArmGeometry = STANDARD_ARMS,
) -> Arms:
    """`kept` with what may change from `new`, everything else bit for bit as it was.

    At both edges the new arms are bent so that they continue the kept ones, on the wrists of the spliced `motion`.

    Raises:
        ValueError: when arms, motion and `edits` have not the same frames and rate.
    """
    for frames in (kept.frames, new.frames, motion.frames):
        edits.check_fits(frames, motion.fps)
    root = splice_values(kept.shoulder, new.shoulder, edits)
    bent = splice_values(kept.elbow, new.elbow, edits)
    shoulder, elbow = fit_arms(root, bent, motion.wrist, hand_size, geometry)
    free = edits.free[..., None]
    return Arms(np.where(free, elbow, kept.elbow), np.where(free, shoulder, kept.shoulder))


def wrist_bend(motion: Motion, arms: Arms, geometry: ArmGeometry = STANDARD_ARMS) -> NDArray[np.float64]:
    """(frames, 2, 2) how each hand is bent against its forearm, radians.

    First down: above 0 the hand hangs from the forearm, below 0 it is raised. Then outward: above 0 the hand turns to
    its little finger.
    """
    hand = geometry.wrist_frames @ euler_to_matrix(motion.euler[:, :, 0].astype(np.float64))
    forearm = motion.wrist.astype(np.float64) - arms.elbow
    across, along, palm = np.moveaxis((forearm[..., None, :] @ hand)[..., 0, :], -1, 0)
    return np.stack([np.arctan2(-palm, along), np.arctan2(across * SIDES[:, 0], along)], -1)
