# SPDX-License-Identifier: GPL-3.0-or-later
"""A take file (DESIGN section 4) as arrays, read a piece at a time and checked."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .core.resampling import resample
from .faults import Fault
from .keeping import FPS_TOLERANCE


@dataclass(frozen=True)
class TakeFile:
    """What is read from a take."""

    euler: NDArray[np.float32]
    """(frames, 2, 16, 3) radians."""
    wrist: NDArray[np.float32]
    """(frames, 2, 3) metres in the piano frame."""
    notes: NDArray[np.float32]
    """(n, 4) onset s, offset s, pitch, velocity."""
    fingering: NDArray[np.int8]
    """(n, 2) hand, finger; -1 unknown."""
    fps: float
    meta: dict[str, Any]


def load_take(path: Path) -> Iterator[TakeFile | None]:
    """Read a take, one array a step; the last step yields it. Raises Fault when it is no take."""
    arrays: dict[str, Any] = {}
    try:
        with np.load(path, allow_pickle=False) as data:
            for name in ("fps", "notes", "fingering", "meta", "wrist", "euler"):
                arrays[name] = data[name]
                yield None
        take = TakeFile(
            arrays["euler"],
            arrays["wrist"],
            arrays["notes"],
            arrays["fingering"],
            float(arrays["fps"]),
            json.loads(str(arrays["meta"])),
        )
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise Fault(
            "take_unreadable", f'The take "{path.name}" cannot be read; generate it again.', repr(error)
        ) from error
    frames = len(take.euler)
    if take.euler.shape != (frames, 2, 16, 3) or take.wrist.shape != (frames, 2, 3) or not frames:
        raise Fault(
            "take_unreadable", f'The take "{path.name}" has not the shape of a take; generate it again.'
        )
    if not (np.isfinite(take.euler).all() and np.isfinite(take.wrist).all()):
        raise Fault(
            "take_unreadable", f'The take "{path.name}" holds numbers that are not finite; generate it again.'
        )
    if take.fingering.shape != (len(take.notes), 2):  # written by another program, perhaps: fingers unknown
        take = replace(take, fingering=np.full((len(take.notes), 2), -1, np.int8))
    yield take


def at_scene_rate(take: TakeFile, scene: bpy.types.Scene) -> TakeFile:
    """The take with one frame for each frame of the scene; as it is where the rates agree."""
    rate = scene.render.fps / scene.render.fps_base
    if abs(rate - take.fps) <= FPS_TOLERANCE:
        return take
    euler, wrist = (resample(values, take.fps, rate) for values in (take.euler, take.wrist))
    return replace(take, euler=euler, wrist=wrist, fps=rate)
