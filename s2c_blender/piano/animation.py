# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys and the sustain pedal go down with the take that the hands play.

How far each of them is down is a curve of the take itself, beside the hands' curves, on the bone that carries both
hands. The keys and the pedal of a piano follow it by drivers. So the piano plays whatever the hands play: another
take, keys moved in the Dope Sheet, a strip moved or muted in the NLA; and a piano that is added later plays the take
that is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import compat
from ..core import keyboard
from ..core.splicing import LINEAR
from ..rig.hands import hands_of
from .depths import KeyMotion, pedal_frames
from .parts import PEDAL_DEPTH, VARIABLE, Channel, Part, depth_property, parts_of
from .users_motion import is_ours, own_curves, own_drivers

EARLIER_PROPERTY = "s2c_piano_take"
"""Custom property of the actions that earlier versions put on the keys."""
GROUP = "Piano Keys"
PEDAL_GROUP = "Piano Pedal"


def carrier(armature: bpy.types.Object) -> str:
    """The bone whose curves hold the keys' depths: the one that carries both hands, else the left wrist."""
    return hands_of(armature).carrier


def depth_path(bone: str, name: str) -> str:
    """Data path of a depth on the armature object. name: of its property."""
    return f'pose.bones["{bpy.utils.escape_identifier(bone)}"]["{name}"]'


def is_piano_curve(curve: bpy.types.FCurve) -> bool:
    """Whether a curve of a take moves a key or a pedal."""
    return '"]["key ' in curve.data_path or is_pedal_curve(curve)


def is_pedal_curve(curve: bpy.types.FCurve) -> bool:
    """Whether a curve of a take moves the sustain pedal."""
    return curve.data_path.endswith(f'"]["{PEDAL_DEPTH}"]')


def add_depths(armature: bpy.types.Object) -> None:
    """Give the carrying bone a depth for each of the 88 keys and the pedal, which curves move and drivers read."""
    bone = armature.pose.bones[carrier(armature)]
    names = [*map(depth_property, keyboard.PITCHES), PEDAL_DEPTH]
    missing = [name for name in names if name not in bone]
    for name in missing:
        bone[name] = 0.0
        what = "the sustain pedal" if name == PEDAL_DEPTH else "this key"
        bone.id_properties_ui(name).update(min=0.0, max=1.0, description=f"How far {what} is down")
    if missing:
        armature.update_tag()


def pedal_positions(curve: bpy.types.FCurve) -> NDArray[np.float64]:
    """Frames and depths (m, 2) that a pedal's curve holds: each where the foot is half way to it."""
    points = curve.keyframe_points
    found = np.empty(2 * len(points), np.float32)
    points.foreach_get("co", found)
    frames, depths = found.reshape(-1, 2).T.astype(np.float64)
    depths = np.clip(depths, 0.0, 1.0)
    changed = np.flatnonzero(np.diff(depths)) + 1
    halfway = 0.5 * (frames[changed - 1] + frames[changed])
    return np.stack([np.append(frames[:1], halfway), np.append(depths[:1], depths[changed])], 1)


def write_pedal(
    bag: bpy.types.ActionChannelbag,
    bone: str,
    pedal: NDArray[np.floating[Any]],
    *,
    fps: float,
    start_frame: int,
) -> None:
    """Write the pedal's positions (m, 2), second and depth, into the curves of a take; of none, it stays up."""
    frames, depths = pedal_frames(pedal[:, 0], pedal[:, 1], fps, start_frame)
    _write_curve(bag, depth_path(bone, PEDAL_DEPTH), PEDAL_GROUP, frames, depths)


def _write_curve(
    bag: bpy.types.ActionChannelbag,
    path: str,
    group: str,
    frames: NDArray[np.float64],
    depths: NDArray[np.float64],
) -> None:
    curve = compat.new_fcurve(bag, path, 0, group)
    curve.keyframe_points.add(len(frames))
    curve.keyframe_points.foreach_set("co", np.stack([frames, depths], 1).astype(np.float32).ravel())
    curve.keyframe_points.foreach_set("interpolation", np.full(len(frames), LINEAR, np.int32))
    curve.update()


def write_depths(
    bag: bpy.types.ActionChannelbag, bone: str, motion: KeyMotion, start_frame: int
) -> Iterator[None]:
    """Write the depths of all keys into the take's curves, a key a step.

    Keys that do not play get a curve, too, which keeps them up: another take may have left them down.
    """
    for pitch in keyboard.PITCHES:
        frames, depths = motion(pitch)
        if not len(frames):
            frames, depths = np.array([float(start_frame)]), np.array([0.0])
        _write_curve(bag, depth_path(bone, depth_property(pitch)), GROUP, frames, depths)
        yield
    group = bag.groups.get(GROUP)
    if group is not None:  # 88 channels, folded away until somebody wants them
        group.show_expanded = group.show_expanded_graph = False


def connect(piano: bpy.types.Object, armature: bpy.types.Object) -> str:
    """Let keys and pedal of a piano follow the takes of an armature. What the user animates is left alone.

    Returns one sentence when they cannot be driven, else nothing.
    """
    if piano.library is not None:
        return (
            f'The piano "{piano.name}" is linked from another file, so its keys stay still: '
            "make it local to this file (Object > Library Override > Make), and the next take plays it."
        )
    add_depths(armature)
    bone = carrier(armature)
    for part in parts_of(piano):
        _forget_earlier(part)
        if not users_own(part):
            for channel in part.channels:
                _drive(part.owner, channel, armature, depth_path(bone, part.depth))
    return ""


def connected_hands(piano: bpy.types.Object) -> bpy.types.Object | None:
    """The armature that the keys of a piano follow."""
    return hands_of_parts(parts_of(piano))


def hands_of_parts(parts: Iterable[Part]) -> bpy.types.Object | None:
    """The armature that the first of some keys follows that follows any."""
    for part in parts:
        for channel in part.channels:
            curve = _our_driver(part.owner, channel)
            if curve is not None:
                return curve.driver.variables[0].targets[0].id
    return None


def release(part: Part) -> None:
    """Take our drivers off a key of the user's, which then is as it was at rest."""
    for channel in part.channels:
        if _our_driver(part.owner, channel) is not None:
            part.owner.driver_remove(channel.path, channel.index)
            part.owner.path_resolve(channel.path)[channel.index] = channel.rest


def _drive(owner: bpy.types.Object, channel: Channel, armature: bpy.types.Object, path: str) -> None:
    curve = _our_driver(owner, channel)
    if curve is None:
        curve = owner.driver_add(channel.path, channel.index)
        variable = curve.driver.variables.new()
        variable.name, variable.type = VARIABLE, "SINGLE_PROP"
    target = curve.driver.variables[0].targets[0]
    if target.id != armature or target.data_path != path:
        target.id, target.data_path = armature, path
    if curve.driver.type != "SCRIPTED" or curve.driver.expression != channel.expression:
        curve.driver.type, curve.driver.expression = "SCRIPTED", channel.expression


def _our_driver(owner: bpy.types.Object, channel: Channel) -> bpy.types.FCurve | None:
    curve = _driver(owner, channel)
    return curve if curve is not None and is_ours(curve) else None


def _driver(owner: bpy.types.Object, channel: Channel) -> bpy.types.FCurve | None:
    data = owner.animation_data
    return data.drivers.find(channel.path, index=channel.index) if data is not None else None


def users_own(part: Part) -> bool:
    """Whether the user moves a key: by an action, a strip or another driver."""
    if not part.built_in:
        return any(own_curves(part.owner, part.bone)) or bool(own_drivers(part.owner, part.bone))
    data = part.owner.animation_data
    if data is None:
        return False
    (channel,) = part.channels
    other = _driver(part.owner, channel) != _our_driver(part.owner, channel)
    return data.action is not None or len(data.nla_tracks) > 0 or other


def _forget_earlier(part: Part) -> None:
    """Take off an action that an earlier version put on a key; the takes of that version keep it for themselves."""
    data = part.owner.animation_data
    if part.built_in and data is not None and data.action is not None and EARLIER_PROPERTY in data.action:
        data.action = None
        part.owner.rotation_euler.x = 0.0
