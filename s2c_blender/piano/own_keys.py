# SPDX-License-Identifier: GPL-3.0-or-later
"""Use Keys: the user's own keys and pedal are marked, and go down with the takes of the hands that play them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..core import keyboard
from ..core.piano_fit import remarks
from ..errors import UserError
from .animation import connect, hands_of_parts, release, users_own
from .build import PEDAL_ANGLE, PITCH_PROPERTY, SUSTAIN
from .frame import dip_factor, own_piano, place_frame
from .measure import OwnKey, boxes_in, common_parent, keys_of_bones, keys_of_objects
from .parts import OWN_KEY, OWN_PIANO, OWN_PRESS, Part, own_parts
from .press import Press, Turn, press_bone, press_object
from .users_motion import constrained, own_curves
from .which_keys import Keys, find_keys

END_PROPERTY = "s2c_turn_at_end"
"""Custom property of the frame: whether the user's keys turn about their far ends."""
OFF_M = 1e-4
"""So far from where it should be a front edge may go down; more is said."""
HEIGHT_OFF_MM, FRONT_OFF_MM = 2.0, 12.0
"""By so much black keys may be higher or lower than ours, and begin farther in front or behind, before it is said."""


@dataclass(frozen=True, eq=False)
class UsedKeys:
    """What Use Keys did."""

    piano: bpy.types.Object
    pitches: tuple[int, ...]
    pedal: bool
    fitted: bool
    """Whether the piano's frame was found from the keys."""
    said: list[str] = field(default_factory=list)
    """What the animator should know, a sentence each."""


def check_chosen(chosen: Sequence[OwnKey]) -> None:
    """Raise UserError for keys that cannot be ours to move."""
    linked = next((key for key in chosen if key.owner.library is not None), None)
    if linked is not None:
        raise UserError(
            "keys_linked",
            f'"{linked.owner.name}" is linked from another file and cannot be moved here: make it local to this file '
            "first (Object > Library Override > Make).",
        )
    if any(PITCH_PROPERTY in key.owner for key in chosen):
        raise UserError(
            "keys_built_in", "Keys of the built-in piano move by themselves: choose those of your own piano."
        )


def use_keys(
    scene: bpy.types.Scene,
    chosen: Sequence[OwnKey],
    *,
    hands: bpy.types.Object | None = None,
    pedal: OwnKey | None = None,
    lowest: int | None = None,
    at_their_end: bool = False,
    take_over: bool = False,
) -> UsedKeys:
    """Let keys go down with the takes of `hands`; they must be up, see `measured_up`.

    Args:
        scene: where they are.
        chosen: the keys, and what else was chosen with them.
        hands: the armature that plays them; None: later hands will.
        pedal: the sustain pedal; None: found by its name among `chosen`.
        lowest: the pitch of the lowest key, where the user says it.
        at_their_end: keys turn about their far end, and not about where fingers believe they turn.
        take_over: mute the keyframes that move the keys now.

    Raises:
        UserError: for what is no keyboard; nothing is changed then.
    """
    check_chosen([*chosen, *([pedal] if pedal is not None else [])])
    piano = own_piano(scene)
    keys = find_keys(chosen, piano.matrix_world.copy() if piano is not None else None, lowest)
    said: list[str] = []
    if keys.fit is not None:
        carrier = common_parent(list(keys.by_pitch.values()))
        piano = place_frame(scene, keys.fit.matrix, _range(keys), carrier)
        said += remarks(keys.fit, _metre(scene))
    assert piano is not None
    forget(piano)
    picked = pedal or keys.pedal
    off = _mark_all(piano, keys.by_pitch, picked, at_their_end=at_their_end)
    frame = piano.matrix_world.copy()
    parts = own_parts(piano)
    if take_over:
        for part in parts:
            for curve in own_curves(part.owner, part.bone):
                curve.mute = True
    said += _about(keys, parts, frame, _metre(scene), off / _metre(scene))
    if hands is not None:
        said.append(connect(piano, hands))
    return UsedKeys(
        piano, tuple(keys.by_pitch), picked is not None, keys.fit is not None, [text for text in said if text]
    )


def forget(piano: bpy.types.Object) -> None:
    """Take all marks and drivers off the user's keys of a piano, which stay as they are at rest."""
    for part in own_parts(piano):
        release(part)
        marked = part.owner.pose.bones[part.bone] if part.bone else part.owner
        for mark in (OWN_KEY, OWN_PRESS, OWN_PIANO):
            if mark in marked:
                del marked[mark]
        if OWN_PIANO in part.owner:
            del part.owner[OWN_PIANO]


def let_up(piano: bpy.types.Object | None) -> bpy.types.Object | None:
    """Let the user's keys come up, so that they can be measured; returns the hands that they followed.

    piano: None for keys whose piano was deleted.
    """
    parts = own_parts(piano)
    hands = hands_of_parts(parts)
    for part in parts:
        release(part)
    bpy.context.view_layer.update()
    return hands


def mark_again(piano: bpy.types.Object) -> None:
    """Work out anew how the user's keys go down, after their piano's frame was found anew; they must be up."""
    pitches: dict[int, OwnKey] = {}
    pedal = None
    for part in own_parts(piano):
        (key,) = keys_of_bones(part.owner, [part.bone]) if part.bone else keys_of_objects([part.owner])
        mark = key.marked[OWN_KEY]
        if mark == SUSTAIN:
            pedal = key
        else:
            pitches[mark] = key
    _mark_all(piano, pitches, pedal, at_their_end=bool(piano.get(END_PROPERTY, False)))


def _mark_all(
    piano: bpy.types.Object, pitches: dict[int, OwnKey], pedal: OwnKey | None, *, at_their_end: bool
) -> float:
    """Mark keys and pedal; returns how far a front edge misses its place at most when it is down."""
    piano[END_PROPERTY] = at_their_end
    frame = piano.matrix_world.copy()
    off = [_mark(piano, key, pitch, frame, at_their_end=at_their_end) for pitch, key in pitches.items()]
    if pedal is not None:
        _mark(piano, pedal, SUSTAIN, frame, at_their_end=True)
    return max(off, default=0.0)


def _range(keys: Keys) -> range:
    """From the lowest to the highest key, twelve at least."""
    low, high = min(keys.by_pitch), max(keys.by_pitch)
    high = min(max(high, low + 11), keyboard.PITCHES[-1])
    return range(min(low, high - 11), high + 1)


def _mark(
    piano: bpy.types.Object, key: OwnKey, name: int | str, frame: Matrix, *, at_their_end: bool
) -> float:
    """Mark a key and say how it goes down; returns how far its front edge misses its place when it is down."""
    angle = PEDAL_ANGLE if isinstance(name, str) else keyboard.press_angle(name, dip_factor(piano))
    turn, front = _turn(key, name, frame, angle, at_their_end=at_their_end)
    press = press_bone(key.owner, key.bone, turn) if key.bone else press_object(key.owner, turn)
    key.owner[OWN_PIANO] = piano
    marked = key.marked
    marked[OWN_KEY] = name
    marked[OWN_PRESS] = press.numbers
    if "rotation_axis_angle" in press.numbers:  # the axis of a rest that turns nothing is ours to choose
        marked.rotation_axis_angle = press.numbers["rotation_axis_angle"][:4]
    return _miss(key, press, turn, front)


def _turn(
    key: OwnKey, name: int | str, frame: Matrix, angle: float, *, at_their_end: bool
) -> tuple[Turn, Vector]:
    """The line about which a key turns and how far, and the middle of its front edge in the world.

    angle: how far it turns about the hinge that fingers believe in.
    """
    boxes = boxes_in([key], frame)
    low, high = boxes.low[0], boxes.high[0]
    middle = float(low[0] + high[0]) / 2
    front = Vector((middle, float(low[1]), float(high[2])))
    hinge = Vector((middle, keyboard.HINGE_Y, keyboard.HINGE_Z))
    if at_their_end:
        down = angle * (keyboard.HINGE_Y - front.y)
        hinge = Vector((middle, float(high[1]), float(low[2] + high[2]) / 2))
        if not isinstance(name, str):
            angle = float(np.arcsin(min(down / max(hinge.y - front.y, 1e-6), 0.5)))
    axis = (frame.to_3x3() @ Vector((1.0, 0.0, 0.0))).normalized()
    return Turn(frame @ hinge, axis, angle), frame @ front


def _miss(key: OwnKey, press: Press, turn: Turn, front: Vector) -> float:
    """How far from its place the front edge is with a key's numbers at full depth, in Blender's units."""
    rest = key.owner.matrix_world
    if key.bone:
        rest = rest @ key.owner.pose.bones[key.bone].matrix
    there = press.matrix @ (rest.inverted_safe() @ front)
    return float((there - turn.at(1.0) @ front).length)


def _metre(scene: bpy.types.Scene) -> float:
    """Blender's units in a metre."""
    return 1.0 if scene.unit_settings.system == "NONE" else 1.0 / scene.unit_settings.scale_length


def _about(keys: Keys, parts: list[Part], frame: Matrix, metre: float, off: float) -> list[str]:
    """What is odd about the keys, a sentence each."""
    said = []
    if keys.others:
        named = f'"{keys.others[0].name}"' + (" and others" if len(keys.others) > 1 else "")
        said.append(f"{named} did not look like a key and stays still.")
    own = [part for part in parts if users_own(part)]
    if own:
        named = own[0].bone or own[0].owner.name
        said.append(
            f'{_count(len(own))} moved by keyframes or drivers of yours and left to them ("{named}"): turn on Take '
            "Over to mute the keyframes, or remove the drivers."
        )
    held = [part for part in parts if constrained(part.owner, part.bone)]
    if held:
        named = held[0].bone or held[0].owner.name
        said.append(
            f'{_count(len(held))} under constraints ("{named}"), which may hold them up: mute those that do.'
        )
    if off > OFF_M:
        said.append(
            f"Their front edges go down {1000 * off:.2g} mm beside their places, because a parent is scaled unevenly "
            "or a bone is connected: apply the scale, or disconnect the bone."
        )
    return said + _shapes(keys, frame, metre)


def _count(number: int) -> str:
    return "1 key is" if number == 1 else f"{number} keys are"


def _shapes(keys: Keys, frame: Matrix, metre: float) -> list[str]:
    """Sentences where black keys are not where hands believe them beside the white ones."""
    things = list(keys.by_pitch.items())
    boxes = boxes_in([key for _, key in things], frame)
    black = np.array([keyboard.is_black(pitch) for pitch, _ in things])
    if black.all() or not black.any():
        return []
    millimetres = 1000 * frame.to_scale().x / metre
    said = []
    height = float(np.median(boxes.high[black, 2]) - np.median(boxes.high[~black, 2]))
    if abs(height - keyboard.BLACK_HEIGHT) * millimetres > HEIGHT_OFF_MM:
        said.append(
            f"Black keys stand {height * millimetres:.3g} mm above the white ones, and hands play them at "
            f"{keyboard.BLACK_HEIGHT * millimetres:.3g} mm: move them there, or fingertips are off by the difference."
        )
    front = float(np.median(boxes.low[black, 1]) - np.median(boxes.low[~black, 1]))
    usual = keyboard.key_front(keyboard.PITCHES[1])
    if abs(front - usual) * millimetres > FRONT_OFF_MM:
        said.append(
            f"Black keys begin {front * millimetres:.3g} mm behind the front edge, and hands look for them "
            f"{usual * millimetres:.3g} mm behind it: fingertips may miss them, or stand on them."
        )
    return said
