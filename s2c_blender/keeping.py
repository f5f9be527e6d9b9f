# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion that is on an armature now, read back into a take: what an animator edited by hand is kept.

Redoing one hand gives the worker this take: the other hand's motion as the condition, the notes to play.
The curves of the hand that stays are only read here and never written anywhere.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import compat, fcurves
from .faults import Fault

MARK = "s2c_take"
"""Custom property of an action: where its take came from, as JSON (`Marks`)."""
FPS_TOLERANCE = 1e-3
"""Frames a second; scenes keep their rate as a whole number over a float32 base."""


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What an action remembers of its take."""

    take: str
    """Path of the take file."""
    start_frame: int
    frames: int
    fps: float
    sound: dict[str, Any]
    """The `sound` parameters of the worker, for when the take file is gone."""


@dataclass(frozen=True, kw_only=True)
class Keep:
    """A take on an armature that is still to be read, in small steps."""

    armature_uid: int
    armature_name: str
    action_uid: int
    marks: Marks
    path: Path
    """Where the take for the worker is written."""

    @property
    def start_frame(self) -> int:
        return self.marks.start_frame


def write_marks(action: bpy.types.Action, marks: Marks) -> None:
    """Remember on an action where it came from."""
    action[MARK] = json.dumps(vars(marks))


def read_marks(action: bpy.types.Action) -> Marks | None:
    """What `write_marks` wrote; None for an action that is not a take."""
    try:
        return Marks(**json.loads(str(action[MARK])))
    except (KeyError, TypeError, ValueError):
        return None


def current_action(armature: bpy.types.Object) -> bpy.types.Action | None:
    """The action that the armature plays."""
    data = armature.animation_data
    return data.action if data is not None and data.action_slot is not None else None


def has_take(armature: bpy.types.Object) -> bool:
    """True when the armature plays a take, so that one hand can be made anew."""
    action = current_action(armature)
    return action is not None and MARK in action


def by_uid(collection: Any, uid: int) -> Any | None:
    """The datablock with a `session_uid`, whatever it is called by now; None when it was deleted."""
    return next((item for item in collection if item.session_uid == uid), None)


def plan_keep(scene: bpy.types.Scene, armature: bpy.types.Object, folder: Path) -> Keep:
    """What to read from an armature to keep it. Raises Fault when it plays no take of this scene's rate."""
    action = current_action(armature)
    marks = read_marks(action) if action is not None else None
    if action is None or marks is None:
        raise Fault("no_take", f'The armature "{armature.name}" plays no take yet: press Generate first.')
    rate = scene.render.fps / scene.render.fps_base
    if abs(rate - marks.fps) > FPS_TOLERANCE:
        raise Fault(
            "rate_changed",
            f"The take was made for {marks.fps:g} frames a second and the scene now has {rate:g}; press Generate.",
        )
    return Keep(
        armature_uid=armature.session_uid,
        armature_name=armature.name,
        action_uid=action.session_uid,
        marks=marks,
        path=folder / "keep.npz",
    )


def check_spliceable(armature: bpy.types.Object, hands: tuple[int, ...]) -> None:
    """Raise Fault when a curve of `hands` is shaped by more than its keys."""
    action = current_action(armature)
    bag = compat.channelbag(action, armature.animation_data.action_slot) if action is not None else None
    bones = fcurves.joint_bones(armature)
    for hand in hands:
        for joint in range(16):
            for path, index in fcurves.channels(bones[hand][joint], joint):
                curve = bag.fcurves.find(path, index=index) if bag is not None else None
                if curve is not None:
                    fcurves.check_spliceable(curve)


def write_keep(keep: Keep, params: dict[str, Any]) -> Iterator[float]:
    """Read the curves, a joint a step, and write them as a take to `keep.path`. Yields progress from 0 to 1.

    Notes and fingering come from the take's file. When that is gone, `params` (of the worker's `generate`) is
    given the sound, to be transcribed again. Raises Fault when the armature vanishes or nothing can be written.
    """
    frames = keep.marks.frames
    euler, wrist = np.zeros((frames, 2, 16, 3), np.float32), np.zeros((frames, 2, 3), np.float32)
    for hand in (0, 1):
        for joint in range(16):
            armature, bag = _find(keep)
            bone = fcurves.joint_bones(armature)[hand][joint]
            values = fcurves.read_joint(bag, bone, joint, keep.marks.start_frame, frames)
            euler[:, hand, joint] = values[:, :3]
            if joint == 0:
                head, axes = fcurves.wrist_rest(armature, bone)
                wrist[:, hand] = values[:, 3:] @ axes.T + head
            yield (16 * hand + joint + 1) / 32
    notes, fingering, meta = _notes(Path(keep.marks.take))
    if not len(notes):
        params.update(keep.marks.sound)
        if not params.get("sound") or not Path(params["sound"]).is_file():
            raise Fault(
                "take_missing",
                "The take's file and its recording are both gone; press Generate to start afresh.",
            )
    try:
        np.savez(
            keep.path,
            fps=np.float64(keep.marks.fps),
            euler=euler,
            wrist=wrist,
            notes=notes,
            fingering=fingering,
            meta=np.array(json.dumps({"format": 1, **meta})),
        )
    except OSError as error:
        raise Fault(
            "temporary_folder",
            f'The folder for temporary files "{keep.path.parent}" cannot be written; '
            "choose another under Preferences > File Paths > Temporary Files.",
            str(error),
        ) from error


def _find(keep: Keep) -> tuple[bpy.types.Object, bpy.types.ActionChannelbag]:
    armature = by_uid(bpy.data.objects, keep.armature_uid)
    action = by_uid(bpy.data.actions, keep.action_uid)
    slot = armature.animation_data.action_slot if armature is not None and armature.animation_data else None
    bag = compat.channelbag(action, slot) if action is not None and slot is not None else None
    if bag is None:
        raise Fault("rig_deleted", f'The armature "{keep.armature_name}" or its take was deleted meanwhile.')
    return armature, bag


def _notes(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int8], dict[str, Any]]:
    """Notes (n, 4), fingering (n, 2) and meta of a take file; empty ones when it cannot be read."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return data["notes"], data["fingering"], json.loads(str(data["meta"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return np.zeros((0, 4), np.float32), np.zeros((0, 2), np.int8), {}
