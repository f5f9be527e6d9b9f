# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves an armature: its active action and the NLA strips that take part, and over which frames.

An animator may push a take down, lay corrections over it, tweak a strip, play a track solo. Everything that asks "what
does the armature play" asks here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import bpy
import numpy as np

from .. import compat
from ..errors import UserError
from ..rig.bones import arm_bones, common_parent, hand_bones
from ..rig.character.checks import check_character
from ..rig.hands import hands_of, is_character

TAKE_PROPERTY = "s2c_take"
"""Custom property of an action that holds a take."""
MOST_FRAMES = 500_000
"""Longer than any take: more than two hours at 60 frames a second."""
OBJECT_PATHS = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale", "delta_")
"""Curves with paths that begin so move the whole armature."""


@dataclass(frozen=True)
class Layer:
    """An action that takes part in what is seen."""

    action: bpy.types.Action
    slot: bpy.types.ActionSlot
    strip: bpy.types.NlaStrip | None = None
    """The strip it lies on; None for the active action."""

    @property
    def curves(self) -> list[bpy.types.FCurve]:
        """The curves of its slot."""
        bag = compat.channelbag(self.action, self.slot)
        return list(bag.fcurves) if bag is not None else []

    def to_scene(self, frame: float) -> float:
        """Scene frame at which a frame of the action is seen, were the strip long enough."""
        strip = self.strip
        if strip is None:
            return frame
        return float(strip.frame_start + (frame - strip.action_frame_start) * strip.scale)

    def span(self, first: float, last: float) -> tuple[float, float]:
        """Frames of the action as scene frames, as far as the strip shows them."""
        strip = self.strip
        if strip is None:
            return first, last
        low, high = strip.frame_start, strip.frame_end
        if strip.use_reverse or strip.use_animated_time or abs(strip.repeat - 1.0) > 1e-6:
            return low, high
        return max(low, self.to_scene(first)), min(high, self.to_scene(last))


def layers(armature: bpy.types.Object) -> list[Layer]:
    """The layers from the lowest to the topmost; muted ones, and others beside a solo track, are left out."""
    data = armature.animation_data
    if data is None:
        return []
    active = _active(data)
    if not data.use_nla:
        return active
    solo = [track for track in data.nla_tracks if track.is_solo]
    tracks = solo or [track for track in data.nla_tracks if not track.mute]
    strips = [Layer(s.action, s.action_slot, s) for track in tracks for s in _clips(track.strips)]
    if data.use_tweak_mode:  # the action that is tweaked lies on a strip and is active as well
        tweaked = next((layer for layer in strips if layer.action == data.action), None)
        if tweaked is not None:
            return [layer for layer in strips if layer is not tweaked] + [tweaked]
    return strips if solo else strips + active


def _active(data: bpy.types.AnimData) -> list[Layer]:
    return [Layer(data.action, data.action_slot)] if data.action and data.action_slot else []


def _clips(strips: Iterable[bpy.types.NlaStrip]) -> Iterator[bpy.types.NlaStrip]:
    """The strips that play an action, those in meta strips included."""
    for strip in strips:
        if strip.mute:
            continue
        if strip.type == "META":
            yield from _clips(strip.strips)
        elif strip.action is not None and strip.action_slot is not None:
            yield strip


def is_plain(armature: bpy.types.Object) -> bool:
    """Whether the active action alone moves the armature, so that a new action can take its place."""
    data = armature.animation_data
    if data is None:
        return True
    alone = all(layer.strip is None for layer in layers(armature)) and not data.use_tweak_mode
    return alone and data.action_blend_type == "REPLACE" and data.action_influence == 1.0


def can_replace_active(armature: bpy.types.Object) -> bool:
    """Whether a new take may take the active action's place, with copies of all in it that it does not replace.

    So it may where that action is all there is, and where it is a take that lies over the NLA. A correction that is
    blended over a take stays.
    """
    data = armature.animation_data
    if is_plain(armature):
        return True
    whole = data.action_blend_type == "REPLACE" and data.action_influence == 1.0 and not data.use_tweak_mode
    return whole and data.action is not None and TAKE_PROPERTY in data.action


def is_direct(armature: bpy.types.Object) -> bool:
    """Whether the curves of the active action alone say where the hands are.

    Then they can be read without evaluating; where anything blends, constrains, drives or mutes them they cannot.
    """
    if not is_plain(armature) or current_action(armature) is None:
        return False
    if is_hindered(armature):  # as a character always counts
        return False
    chains = [
        names[1 : len(arm) + 1] for names, arm in zip(hand_bones(armature), arm_bones(armature), strict=True)
    ]
    if not all(armature.data.bones[name].use_connect for chain in chains for name in chain):
        return False  # a bone of the arm may move by itself
    names = {name for hand in hand_bones(armature) for name in hand}
    return all(bone.rotation_mode == "XYZ" for bone in armature.pose.bones if bone.name in names)


def is_hindered(armature: bpy.types.Object) -> bool:
    """Whether something else than actions has a say in where the hands are, or a curve of the active one is muted."""
    if is_character(armature):
        return True  # the body that the arms hang on, and whatever moves it
    data = armature.animation_data
    if data is None or any(curve.data_path.startswith("pose.bones") for curve in data.drivers):
        return True
    names = {name for hand in hand_bones(armature) for name in hand}
    bones = [bone for bone in armature.pose.bones if bone.name in names]
    if any(not c.mute and c.influence > 0 for bone in bones for c in bone.constraints):
        return True
    carrier = common_parent(armature)
    allowed = {carrier.name, *(parent.name for parent in carrier.parent_recursive)} if carrier else set()
    if {parent.name for bone in bones for parent in bone.parent_recursive} - names - allowed:
        return True  # bones between the joints, which may move on their own
    active = _active(data)
    curves = active[0].curves if active else []
    return any(curve.mute or (curve.group is not None and curve.group.mute) for curve in curves)


def current_action(armature: bpy.types.Object) -> bpy.types.Action | None:
    """The active action of the armature; strips do not count."""
    data = armature.animation_data
    return data.action if data is not None and data.action_slot is not None else None


def take_layer(armature: bpy.types.Object) -> Layer | None:
    """The topmost layer that holds a take; None when the armature plays none."""
    return next((layer for layer in reversed(layers(armature)) if TAKE_PROPERTY in layer.action), None)


def moves(armature: bpy.types.Object) -> bool:
    """Whether anything animates the armature."""
    return any(layer.curves for layer in layers(armature))


def seen_span(armature: bpy.types.Object, hands: tuple[int, ...] | None = None) -> tuple[int, int] | None:
    """First and last whole scene frame between which the armature moves; None when it does not.

    Keys decide, wherever they lie now. hands: look at the bones of these hands only; None looks at every bone and at
    the armature itself.
    """
    wanted = None
    if hands is not None:
        bones = hands_of(armature).bones
        wanted = tuple(
            f'pose.bones["{bpy.utils.escape_identifier(name)}"].' for hand in hands for name in bones[hand]
        )
    playing = layers(armature)
    ends = _ends(playing, wanted) or _ends(playing, wanted, still=True)
    if not ends:
        return None
    first, last = min(first for first, _ in ends), max(last for _, last in ends)
    low, high = math.ceil(first - 1e-3), math.floor(last + 1e-3)
    return (low, high) if high >= low else None


def _ends(
    playing: list[Layer], wanted: tuple[str, ...] | None, *, still: bool = False
) -> list[tuple[float, float]]:
    """First and last scene frame of each layer that moves what is wanted; with `still`, of each that holds it."""
    ends: list[tuple[float, float]] = []
    for layer in playing:
        spans = [span for curve in layer.curves if (span := _reach(curve, wanted, still)) is not None]
        if spans:
            ends.append(layer.span(min(first for first, _ in spans), max(last for _, last in spans)))
    return [(first, last) for first, last in ends if last >= first]


def _reach(
    curve: bpy.types.FCurve, wanted: tuple[str, ...] | None, still: bool
) -> tuple[float, float] | None:
    """First and last key of a curve that moves what is wanted; one that never changes counts with `still` only."""
    path = curve.data_path
    if curve.mute or not (
        path.startswith(wanted) if wanted is not None else path.startswith(("pose.bones", *OBJECT_PATHS))
    ):
        return None
    points = curve.keyframe_points
    if len(points) < 2:
        return None
    keys = np.empty(2 * len(points), np.float32)
    points.foreach_get("co", keys)
    if np.ptp(keys[1::2]) == 0 and not curve.modifiers and not still:
        return None
    return float(keys[0]), float(keys[-2])


def check_writable(armature: bpy.types.Object) -> None:
    """Raise UserError where a take could be written but would not be seen, or not be saved."""
    if armature.library is not None:
        raise UserError(
            "hands_linked",
            f'The hands "{armature.name}" are linked from another file and cannot be animated here: make them local '
            "to this file first (Object > Library Override > Make), or press Add Hands.",
        )
    data = armature.animation_data
    solo = (
        next((t for t in data.nla_tracks if t.is_solo), None) if data is not None and data.use_nla else None
    )
    if solo is not None:
        raise UserError(
            "nla_solo",
            f'The NLA track "{solo.name}" plays solo, so a new take would not be seen: turn its star off first.',
        )
    check_posed(armature)
    if is_character(armature):
        check_character(armature)


def check_posed(armature: bpy.types.Object) -> None:
    """Raise UserError where the armature shows its rest pose, so that nobody sees how it plays."""
    if armature.mode == "EDIT":
        raise UserError("edit_mode", f'"{armature.name}" is in Edit Mode: leave it first (Tab).')
    if armature.data.pose_position == "REST":
        raise UserError(
            "rest_position",
            f'"{armature.name}" shows its rest position: switch it to Pose Position (Object Data > Skeleton) first.',
        )
