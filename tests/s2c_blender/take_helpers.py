# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands that play a take, what is seen of them, and what an animator does to them."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import START, write_take

from s2c_blender import compat
from s2c_blender.takes import read_back


def keep_sent_takes(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Leave a copy of each take that the worker is given in folder/sent.npz."""
    write_keep = read_back.write_keep

    def watched(keep, params):  # type: ignore[no-untyped-def]
        yield from write_keep(keep, params)
        (folder / "sent.npz").write_bytes(keep.path.read_bytes())

    monkeypatch.setattr(read_back, "write_keep", watched)


def sent(folder: Path) -> dict[str, np.ndarray]:
    """The last take that the worker was given; by name, shapes as in docs/formats.md."""
    with np.load(folder / "sent.npz", allow_pickle=False) as data:
        return dict(data)


def hands() -> bpy.types.Object:
    """The armature that is chosen in the panel."""
    return bpy.context.scene.s2c_settings.armature


def data() -> bpy.types.AnimData:
    """What animates the hands."""
    return hands().animation_data


def bag() -> bpy.types.ActionChannelbag:
    """The curves of the take."""
    return compat.channelbag(data().action, data().action_slot)


def seen(frame: int, bone: str, armature: bpy.types.Object | None = None) -> np.ndarray:
    """A bone's place and turn in the world as Blender evaluates it."""
    armature = armature or hands()
    bpy.context.scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(evaluated.matrix_world @ evaluated.pose.bones[bone].matrix)


def move_keys(shift: float, stretch: float = 1.0, curves: list[bpy.types.FCurve] | None = None) -> None:
    """As in the Dope Sheet."""
    for curve in curves if curves is not None else bag().fcurves:
        for name in ("co", "handle_left", "handle_right"):
            values = np.empty(2 * len(curve.keyframe_points), np.float32)
            curve.keyframe_points.foreach_get(name, values)
            values[0::2] = START + (values[0::2] - START) * stretch + shift
            curve.keyframe_points.foreach_set(name, values)
        curve.update()


def push_down(start: float) -> bpy.types.NlaStrip:
    """The active action onto a strip of a track."""
    action, slot = data().action, data().action_slot
    data().action = None
    strip = data().nla_tracks.new().strips.new("take", 1, action)
    strip.action_slot = slot
    strip.frame_start_ui = start
    return strip


def remake(folder: Path, frames: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Let the worker answer with another take; its angles and wrists."""
    return write_take(folder / "made.npz", frames=frames, seed=seed)


def strip_start(frame: int) -> None:
    """Let the recording begin at another frame."""
    strip = bpy.context.scene.sequence_editor.strips_all[0]
    if hasattr(strip, "content_start"):
        strip.content_start = frame
    else:
        strip.frame_start = frame
