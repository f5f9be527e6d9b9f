# SPDX-License-Identifier: GPL-3.0-or-later
"""A take file as arrays, read a piece at a time; what it must be stands in `take_arrays`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bpy

from ..core.arm_geometry import fit_arms
from ..core.resampling import resample
from ..core.skeleton import STANDARD_ARMS
from ..errors import UserError
from .take_arrays import DAMAGED, OtherFormat, Spoiled, TakeArrays, read_arrays

FPS_TOLERANCE = 1e-3
"""Frames a second; scenes keep their rate as a whole number over a float32 base."""


def load_take(path: Path) -> Iterator[TakeArrays | None]:
    """Read a take, a piece a step; the last step yields it. Raises UserError when it is no take."""
    try:
        yield from read_arrays(path)
    except FileNotFoundError as error:
        sentence = f'The take "{path.name}" does not exist any more; generate it again.'
        raise UserError("take_missing", sentence, str(path)) from error
    except OtherFormat as error:
        sentence = (
            f'The take "{path.name}" was written by another version of S2C Piano Hands; generate it again.'
        )
        raise UserError("take_version", sentence, str(error)) from error
    except DAMAGED as error:
        why = str(error) if isinstance(error, Spoiled) else "it is damaged or no take at all"
        raise _unreadable(path, why, repr(error)) from error


def at_scene_rate(take: TakeArrays, scene: bpy.types.Scene) -> TakeArrays:
    """The take with one frame for each frame of the scene; as it is where the rates agree."""
    rate = scene.render.fps / scene.render.fps_base
    if abs(rate - take.fps) <= FPS_TOLERANCE:
        return take
    euler, wrist = (resample(values, take.fps, rate) for values in (take.euler, take.wrist))
    if take.elbow is None or take.shoulder is None:
        return replace(take, euler=euler, wrist=wrist, fps=rate)
    root, bent = (resample(values, take.fps, rate) for values in (take.shoulder, take.elbow))
    shoulder, elbow = fit_arms(root, bent, wrist, take.meta.get("hand_size") or 1.0, STANDARD_ARMS)
    return replace(take, euler=euler, wrist=wrist, elbow=elbow, shoulder=shoulder, fps=rate)


def _unreadable(path: Path, why: str, detail: str = "") -> UserError:
    return UserError(
        "take_unreadable",
        f'The take "{path.name}" cannot be read because {why}; generate it again or choose another file.',
        detail,
    )
