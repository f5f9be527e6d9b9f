# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys go down with the notes: one action for the whole piano, a slot for every key that plays."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import compat
from ..fcurves import LINEAR
from ..keeping import by_uid
from .build import PRESS_PROPERTY, piano_keys

ACTION_PROPERTY = "s2c_piano_take"
"""Custom property of the actions that are made here; only those are replaced."""
KEYS_PER_STEP = 4
DOWN_S, UP_S = 0.045, 0.07
"""A key takes this long to go down and to come up."""
LEAST_UP_S = 0.02
"""A key struck again is up for at least this long, where the notes leave room."""


def key_frames(
    onset_s: NDArray[np.floating], offset_s: NDArray[np.floating], fps: float, start_frame: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frames and depths (0 up, 1 down) of one key's notes, sorted by onset.

    The key reaches two thirds of its way at the onset, when a finger's press is felt and heard.
    """
    times: list[float] = []
    depths: list[float] = []
    for index, (onset, offset) in enumerate(zip(onset_s, offset_s, strict=True)):
        following = float(onset_s[index + 1]) if index + 1 < len(onset_s) else np.inf
        room = following - float(onset)
        down = min(DOWN_S, 0.3 * room)
        begin, bottom = float(onset) - 0.66 * down, float(onset) + 0.34 * down
        release = max(
            min(float(offset), following - 0.66 * min(DOWN_S, 0.3 * room) - LEAST_UP_S - 0.3 * UP_S), bottom
        )
        up = min(release + UP_S, following - 0.66 * min(DOWN_S, 0.3 * room) - 1e-3)
        for time, depth in ((begin, 0.0), (bottom, 1.0), (release, 1.0), (max(up, release + 1e-3), 0.0)):
            if not times or time > times[-1] + 1e-4:
                times.append(time)
                depths.append(depth)
    return np.array(times) * fps + start_frame, np.array(depths)


def animate_keys(
    piano: bpy.types.Object, notes: NDArray[np.floating], fps: float, start_frame: int, label: str
) -> Iterator[None]:
    """Write the notes (n, 4) of a take onto a piano, a few keys a step; the last step makes the piano play them.

    Earlier key motion made here is replaced; a key that the user animated is left alone. Ends quietly when the
    piano is deleted meanwhile.
    """
    piano_uid = piano.session_uid
    action = bpy.data.actions.new(f"{piano.name} {label}")
    action[ACTION_PROPERTY] = True
    action_uid = action.session_uid
    pitches = np.unique(notes[:, 2].astype(int)) if len(notes) else np.zeros(0, int)
    bound = False
    try:
        for index, pitch in enumerate(pitches):
            action, found = by_uid(bpy.data.actions, action_uid), by_uid(bpy.data.objects, piano_uid)
            if action is None or found is None:
                return
            key = piano_keys(found).get(int(pitch))
            if key is not None and not _users_own(key):
                _write_key(action, key, notes[notes[:, 2].astype(int) == pitch], fps, start_frame)
            if index % KEYS_PER_STEP == KEYS_PER_STEP - 1:
                yield
        action, found = by_uid(bpy.data.actions, action_uid), by_uid(bpy.data.objects, piano_uid)
        if action is None or found is None:
            return
        _bind(found, action)
        bound = True
    finally:
        action = by_uid(bpy.data.actions, action_uid)
        if not bound and action is not None:
            bpy.data.actions.remove(action)


def _users_own(key: bpy.types.Object) -> bool:
    data = key.animation_data
    return data is not None and data.action is not None and ACTION_PROPERTY not in data.action


def _write_key(
    action: bpy.types.Action, key: bpy.types.Object, notes: NDArray[np.floating], fps: float, start_frame: int
) -> None:
    slot = action.slots.new(id_type="OBJECT", name=key.name)
    bag = compat.channelbag(action, slot, create=True)
    assert bag is not None
    frames, depths = key_frames(notes[:, 0], notes[:, 1], fps, start_frame)
    curve = compat.new_fcurve(bag, "rotation_euler", 0, key.name)
    curve.keyframe_points.add(len(frames))
    values = np.stack([frames, depths * float(key[PRESS_PROPERTY])], 1).astype(np.float32)
    curve.keyframe_points.foreach_set("co", values.ravel())
    curve.keyframe_points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.int32))
    curve.update()


def _bind(piano: bpy.types.Object, action: bpy.types.Action) -> None:
    """Every key plays its slot of `action`, or nothing when it has none; replaced actions of ours go."""
    bpy.context.view_layer.update()
    slots = {slot.name_display: slot for slot in action.slots}
    replaced: dict[int, bpy.types.Action] = {}
    for key in piano_keys(piano).values():
        if _users_own(key):
            continue
        data = key.animation_data
        if data is not None and data.action is not None:
            replaced[data.action.session_uid] = data.action
        if key.name in slots:
            data = data or key.animation_data_create()
            data.action = action
            data.action_slot = slots[key.name]
        elif data is not None:
            data.action = None
            key.rotation_euler.x = 0.0
    for old in replaced.values():
        if not old.users:
            bpy.data.actions.remove(old)
