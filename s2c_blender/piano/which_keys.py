# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the things that the user chose is which key, by names or by places, and where their keyboard lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..core import keyboard
from ..core.key_names import pedal_of, pitches_of
from ..core.key_places import NEAR_KEY, black_keys, by_frame, by_pattern, misplaced, rough_axes
from ..core.piano_fit import PianoFit, axes_of_line, fit
from ..errors import UserError
from .measure import OwnKey, boxes_along, boxes_in, common_up, front_edge

WIDEST = 3.0
"""What is so many times as wide as the keys in the middle is a case or a rail."""


@dataclass(frozen=True, eq=False)
class Keys:
    """The keys of the user's piano."""

    by_pitch: dict[int, OwnKey]
    pedal: OwnKey | None
    others: list[OwnKey]
    """What was chosen and is no key."""
    fit: PianoFit | None
    """Where their keyboard lies; None where the frame was known."""


def find_keys(chosen: Sequence[OwnKey], frame: Matrix | None, lowest: int | None = None) -> Keys:
    """Which of the chosen things are which keys.

    Args:
        chosen: the things.
        frame: the frame of the piano, where it is known.
        lowest: the pitch of the lowest key, where the user says it.

    Raises:
        UserError: they are no keyboard.
    """
    pedal = pedal_of([key.name for key in chosen])
    things = [key for i, key in enumerate(chosen) if i != pedal and len(key.points)]
    named = pitches_of([key.name for key in things])
    pitches = _sensible(things, named, frame)
    if pitches is None:
        things = _without_wide(things, frame)
        pitches = _by_place(things, frame)
    known = {pitch: key for pitch, key in zip(pitches, things, strict=True) if pitch is not None}
    if lowest is not None:
        known = _from(known, lowest)
    taken = {id(key) for key in known.values()}
    picked = chosen[pedal] if pedal is not None and len(chosen[pedal].points) else None
    others = [key for key in chosen if id(key) not in taken and key is not picked]
    return Keys(dict(sorted(known.items())), picked, others, fit_of(known) if frame is None else None)


def fit_of(by_pitch: dict[int, OwnKey], *, lean: float = 0.0, lift: float = 0.0) -> PianoFit:
    """The frame of a keyboard from the front edges of its lowest and its highest key; `fit` says what else is asked."""
    low, high = min(by_pitch), max(by_pitch)
    up = common_up(by_pitch.values())
    ends = [by_pitch[pitch] for pitch in (low, high)]
    places = [key.points.mean(0) for key in ends]
    for _ in range(2):  # the fronts need axes, and the axes are better from the fronts
        axes = axes_of_line(places[0], places[1], up)
        places = [front_edge(key, axes) for key in ends]
    return fit(places[0], places[1], low, high, up=up, lean=lean, lift=lift)


def _sensible(things: list[OwnKey], named: list[int | None], frame: Matrix | None) -> list[int | None] | None:
    """What names say, where keys lie as their names say; an octave off counts as another count of octaves."""
    known = [(pitch, key) for pitch, key in zip(named, things, strict=True) if pitch is not None]
    if not known:
        return None
    pitches, keys = np.array([pitch for pitch, _ in known]), [key for _, key in known]
    if frame is None:
        try:
            found = fit_of(dict(zip(pitches.tolist(), keys, strict=True)))
        except UserError:
            return None
        boxes = boxes_in(keys, Matrix(found.matrix.tolist()))
        return named if misplaced(boxes, pitches) < NEAR_KEY else None
    boxes = boxes_in(keys, frame)
    for octaves in (0, -1, 1, -2, 2):
        moved = pitches + 12 * octaves
        if set(moved.tolist()) <= set(keyboard.PITCHES) and misplaced(boxes, moved) < NEAR_KEY:
            return [None if pitch is None else pitch + 12 * octaves for pitch in named]
    return None


def _by_place(things: list[OwnKey], frame: Matrix | None) -> list[int | None]:
    if not things:
        raise UserError(
            "keys_unclear", "What was chosen has no shape: choose the keys of the piano, as meshes or bones."
        )
    if frame is not None:
        boxes = boxes_in(things, frame)
        colours: NDArray[np.bool_] | None
        try:
            colours = black_keys(boxes)
        except UserError:
            colours = None
        return list(by_frame(boxes, colours).tolist())
    up = common_up(things)
    axes = rough_axes(np.array([key.points.mean(0) for key in things]), up)
    return list(by_pattern(boxes_along(things, axes))[0].tolist())


def _without_wide(things: list[OwnKey], frame: Matrix | None) -> list[OwnKey]:
    """The things without those that are much wider than keys."""
    if len(things) < 2:
        return things
    up = common_up(things)
    if frame is not None:
        widths = boxes_in(things, frame).size[:, 0]
    else:
        axes = rough_axes(np.array([key.points.mean(0) for key in things]), up)
        widths = boxes_along(things, axes).size[:, 0]
    usual = float(np.median(widths))
    return [key for key, width in zip(things, widths, strict=True) if width <= WIDEST * usual or usual == 0]


def _from(known: dict[int, OwnKey], lowest: int) -> dict[int, OwnKey]:
    """The keys counted from another octave on."""
    shift = lowest - min(known)
    if shift % 12 or max(known) + shift not in keyboard.PITCHES:
        raise UserError(
            "lowest_key_wrong",
            f"The lowest of these keys looks like {keyboard.key_name(min(known))} in some octave, not like "
            f"{keyboard.key_name(lowest)}: correct Lowest Key, or leave it empty.",
        )
    return {pitch + shift: key for pitch, key in known.items()}
