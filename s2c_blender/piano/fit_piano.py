# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit Piano: the frame of the user's keyboard, and the hands brought to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Matrix

from ..core import keyboard
from ..core.key_names import LOWEST_OF, key_of
from ..core.piano_fit import PianoFit, fit, remarks
from ..core.seat import seat_remark
from ..errors import UserError
from ..rig.armature import units_in_a_metre
from ..rig.character import stored
from ..rig.choice import pairs_of_hands
from ..rig.hands import is_character, piano_frame
from .animation import connect
from .frame import is_own, key_range, own_dip, own_piano, place_frame
from .measure import OwnKey, boxes_in, common_parent, keys_of_objects
from .own_keys import let_up, mark_again
from .parts import own_parts
from .which_keys import fit_of

AS_NARROW = 0.75
"""A black key is at most so wide beside a white one."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What Fit Piano did."""

    piano: bpy.types.Object
    said: list[str] = field(default_factory=list)
    """What the animator should know, a sentence each."""


def ends_of(keys: str, low_key: str, high_key: str) -> tuple[int, int]:
    """The lowest and the highest pitch: of a usual keyboard of so many keys, or as two texts name them.

    Raises UserError for a text that names no key.
    """
    if keys.isdecimal():
        count = int(keys)
        lowest = LOWEST_OF[count]
        return lowest, lowest + count - 1
    found = []
    for text, what in ((low_key, "lowest"), (high_key, "highest")):
        pitch = key_of(text)
        if pitch is None:
            raise UserError(
                "no_such_key",
                f'No piano has a key "{text}": name the {what} key by its note, from A0 to C8, or by its MIDI number.',
            )
        found.append(pitch)
    return found[0], found[1]


def frame_of_objects(
    low: bpy.types.Object, high: bpy.types.Object, ends: tuple[int, int], lean: float, lift: float
) -> tuple[PianoFit, bpy.types.Object | None, str]:
    """The frame from the shapes of the lowest and the highest key, what carries both, and a doubt. Raises UserError."""
    found = keys_of_objects([low, high])
    empty = next((key for key in found if not len(key.points)), None)
    if len(found) < 2 or empty is not None:
        name = empty.name if empty is not None else low.name
        raise UserError(
            "key_without_shape",
            f'"{name}" is no key with a shape of its own: choose the meshes of the lowest and the highest key, or '
            "click the two in the 3D view.",
        )
    fitted = fit_of(dict(zip(ends, found, strict=True)), lean=lean, lift=lift)
    return fitted, common_parent(found), unlike(found, ends, fitted)


def unlike(keys: Sequence[OwnKey], ends: tuple[int, int], fitted: PianoFit) -> str:
    """A sentence where two keys are said to be of one colour and one alone is narrow like a black key; else nothing."""
    colours = {keyboard.is_black(pitch) for pitch in ends}
    boxes = boxes_in(keys, Matrix(fitted.matrix.tolist()))
    widths = boxes.size[:, 0]
    narrow = int(widths.argmin())
    if len(colours) > 1 or widths[narrow] > AS_NARROW * widths[1 - narrow]:
        return ""
    names, colour = [keyboard.key_name(pitch) for pitch in ends], "black" if colours.pop() else "white"
    return (
        f'"{keys[narrow].name}" is narrow like a black key beside "{keys[1 - narrow].name}", but {names[0]} and '
        f"{names[1]} are both {colour}: choose the two again, or say under Keys which they are."
    )


def fit_piano(
    scene: bpy.types.Scene,
    ends: tuple[int, int],
    *,
    objects: tuple[bpy.types.Object, bpy.types.Object] | None = None,
    points: tuple[Sequence[float], Sequence[float]] | None = None,
    lean: float = 0.0,
    lift: float = 0.0,
    dip: float = 0.0,
) -> Fitted:
    """Put the frame of the user's piano where two of its keys say, and let its keys follow.

    Args:
        scene: where it is.
        ends: the pitches of the lowest and the highest key.
        objects: those two keys, or else
        points: the middles of their front edges, on top, in the world.
        lean: see `core.piano_fit.fit`. lift: likewise, in Blender's units.
        dip: how far the front of a white key goes down, in Blender's units; 0: as far as ours, times the keys' width.

    Raises:
        UserError: no frame follows from them; nothing is changed then.
    """
    if ends[1] - ends[0] < 11:
        raise UserError(
            "keys_too_few",
            "Hands play on an octave at least: choose a lowest and a highest key farther apart.",
        )
    earlier = own_piano(scene)
    hands = let_up(earlier)
    carrier, doubt = None, ""
    try:
        if objects is not None:
            found, carrier, doubt = frame_of_objects(*objects, ends, lean, lift)
        elif points is not None:
            found = fit(*points, *ends, lean=lean, lift=lift)
        else:
            raise UserError(
                "keys_not_chosen",
                "Choose two objects, the lowest key first and then the highest, or press Fit Piano in a 3D view and "
                "click the front edges of the two.",
            )
        own = dip_in_frame(dip, found.scale, units_in_a_metre(scene)) if dip else None
    except UserError:
        if earlier is not None and hands is not None:
            connect(earlier, hands)
        raise
    piano = place_frame(scene, found.matrix, range(ends[0], ends[1] + 1), carrier, own)
    said = [doubt, *remarks(found, units_in_a_metre(scene))]
    if own_parts(piano):
        mark_again(piano)
        if hands is not None:
            said.append(connect(piano, hands))
    return Fitted(piano, [text for text in said if text])


def dip_in_frame(dip: float, scale: float, metre: float) -> float:
    """How far white keys go down in metres of the piano frame. Raises UserError where fingers could not play that.

    Args:
        dip: in Blender's units. scale: Blender's units in a unit of the piano frame. metre: in a metre.
    """
    least, most = keyboard.DIP_RANGE
    if not least - 1e-6 <= dip / scale <= most + 1e-6:
        shown = [1000 * scale / metre * end for end in (dip / scale, least, most)]
        raise UserError(
            "dip_out_of_range",
            f"Hands cannot play keys of this width that go down {shown[0]:.3g} mm: choose a Dip of {shown[1]:.3g} to "
            f"{shown[2]:.3g} mm, or 0 for as far as a piano's.",
        )
    return float(np.clip(dip / scale, least, most))


def bring_hands(piano: bpy.types.Object, hands: bpy.types.Object) -> list[str]:
    """Let hands play at a piano: ours go there, with its size; a character is told where its piano is.

    Returns what should be known. Raises UserError for a character whose hands cannot be read.
    """
    if hands.library is not None:
        return [f'The hands "{hands.name}" are linked from another file and stay where they are.']
    if is_character(hands):
        stored.play_at(hands, piano)
        return [text for text in (seat_of(hands, piano), connect(piano, hands)) if text]
    before = hands.matrix_world.to_scale().x
    sit_at(hands, piano)
    said = [connect(piano, hands)]
    share = hands.matrix_world.to_scale().x / before
    if abs(share - 1) > 0.02:
        said.append(
            f"The hands are {share:.2f} times as large as they were, like the keys: for hands of the usual size at "
            "these keys, delete them and press Add Hands."
        )
    return [text for text in said if text]


def sit_at(hands: bpy.types.Object, piano: bpy.types.Object) -> None:
    """Put our hands where a piano is. At the user's own they go with it, unless they hang on something else."""
    place = piano.matrix_world @ piano_frame(hands).matrix.inverted()
    if is_own(piano) and hands.parent in (None, piano):
        hands.parent = piano
        hands.matrix_parent_inverse = piano.matrix_world.inverted_safe()
        hands.matrix_basis = place
    else:
        hands.matrix_world = place
    bpy.context.view_layer.update()


def seat_of(character: bpy.types.Object, piano: bpy.types.Object) -> str:
    """One sentence where a character sits badly at a piano, else nothing."""
    to_frame = piano.matrix_world.inverted_safe() @ character.matrix_world
    mapping = stored.mapping_of(character)
    limbs = [stored.limb(character, mapping, hand) for hand in (0, 1)]
    if any(len(limb.chain) < 3 for limb in limbs):
        return ""  # hands without arms sit nowhere
    joints = np.array(
        [[to_frame @ character.pose.bones[name].head for name in limb.chain] for limb in limbs], np.float64
    )
    keys = key_range(piano)
    metre = piano.matrix_world.to_scale().x / units_in_a_metre(bpy.context.scene)
    return seat_remark(
        joints[:, 0],
        np.linalg.norm(np.diff(joints, axis=1), axis=2).sum(1),
        low_pitch=keys[0],
        high_pitch=keys[-1],
        unit=metre,
    )


def hands_for(scene: bpy.types.Scene, chosen: bpy.types.Object | None) -> bpy.types.Object | None:
    """The hands that a fitted piano is for: those of the panel, or the only ones."""
    hands = pairs_of_hands(scene)
    if chosen in hands:
        return chosen
    return hands[0] if len(hands) == 1 else None


def described(piano: bpy.types.Object, keys: range, metre: float) -> str:
    """The fitted piano in one sentence."""
    width = 1000 * Matrix(piano.matrix_world).to_scale().x / metre * keyboard.WHITE_PITCH
    names, dip = f"{keyboard.key_name(keys[0])} to {keyboard.key_name(keys[-1])}", own_dip(piano)
    deep = "" if dip is None else f" White keys go down {width / keyboard.WHITE_PITCH * dip:.3g} mm."
    return f"Your piano has {len(keys)} keys, {names}, {width:.3g} mm each.{deep}"
