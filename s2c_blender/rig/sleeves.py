# SPDX-License-Identifier: GPL-3.0-or-later
"""Shirt cuff and jacket sleeve of the right arm, swept along its middle line. NumPy only, no bpy.

Every piece of cloth is a closed surface: outside, a rounded edge, and a lining that goes back inside until nobody
sees it. A section is one ring whose vertices share their weights, so that a ring stays an ellipse in every pose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arm_line import ArmLine, arm_line, joints
from .parts import COLUMNS, FOREARM, HAND, SHIRT, SHOULDER, SLEEVE, UPPER_ARM, Part, grid_quads, smoothstep

Array = NDArray[np.floating[Any]]

RING = 40
"""Vertices of a section."""
ELBOW_BEND = (-0.062, 0.050)
"""Where the sleeve passes from forearm to upper arm, metres from the elbow's middle."""
SHOULDER_BEND = (-0.005, 0.110)
"""The same from upper arm to shoulder: past the end, so that the round turns with the arm and does not fold."""

SECTIONS = np.array([
    # metres from the wrist, half width, half height of the sleeve's outside
    (0.040, 0.0398, 0.0310), (0.075, 0.0410, 0.0332), (0.110, 0.0435, 0.0375), (0.160, 0.0475, 0.0435),
    (0.210, 0.0515, 0.0500), (0.250, 0.0535, 0.0535), (0.300, 0.0540, 0.0555), (0.380, 0.0560, 0.0590),
    (0.450, 0.0575, 0.0610), (0.520, 0.0590, 0.0620), (0.600, 0.0600, 0.0620),
])  # fmt: skip
THICKNESS = 0.0020
"""Of shirt and sleeve."""
SHIRT_INSET = 0.0036
"""How much narrower than the sleeve's edge the shirt is."""
LINING_END = 0.116
"""How far back linings go, metres from the wrist: farther than the skin."""
SECTION_GAP = (0.0042, 0.0100)
"""Metres between sections where the arm bends and where it is straight."""
FOLD_LENGTH, FOLD_REACH, FOLD_HEIGHT = 0.034, 0.045, 0.0022
"""Of the folds at the elbow, metres along the arm, from the elbow's middle, and outward."""
POINT_REACH, POINT_HEIGHT = 0.022, 0.008
"""Of the point of the elbow, metres along the arm and outward."""
SOFTNESS = 0.03
"""Over how many metres the straight lines between `SECTIONS` are rounded."""


@dataclass(frozen=True)
class Cut:
    """Where cloth begins and ends, metres from the wrist along the arm."""

    shirt: float
    sleeve: float
    end: float
    dome: float
    """Depth of the rounding at the end."""


SHORT = Cut(shirt=0.0272, sleeve=0.0418, end=0.132, dome=0.010)
"""For hands without arms."""


def _sections(lengths: Array) -> Array:
    """(k, 2) half width and half height of the sleeve at `lengths` (k,)."""
    near = np.linspace(-0.5, 0.5, 21) * SOFTNESS
    around = lengths[:, None] + near
    return np.stack([np.interp(around, SECTIONS[:, 0], SECTIONS[:, c]).mean(1) for c in (1, 2)], axis=1)


def _rings(line: ArmLine, lengths: Array, halves: Array, raised: Array | None = None) -> Array:
    """(k, RING, 3) ellipses across the line; `raised` (k, RING) metres outward."""
    angle = np.linspace(0, 2 * np.pi, RING, endpoint=False)
    middle, side, up = line.at(lengths)
    out = (
        np.cos(angle)[:, None] * side[:, None, :] * halves[:, None, :1]
        + np.sin(angle)[:, None] * up[:, None, :] * halves[:, None, 1:]
    )
    if raised is not None:
        out = out * (1 + raised / np.linalg.norm(out, axis=2))[..., None]
    return middle[:, None, :] + out


def _closed(rings: Array, material: int, weights: Array) -> Part:
    """A closed surface of rings (k, RING, 3) with a flat end at both sides; `weights` (k, 19)."""
    faces = grid_quads(len(rings), RING, wrap=True)
    low = np.arange(RING // 2 - 1)
    lid = np.stack([low, low + 1, RING - 2 - low, RING - 1 - low], axis=1)
    faces = np.concatenate([faces, lid[:, ::-1], lid + (len(rings) - 1) * RING])
    vertices = rings.reshape(-1, 3)
    return Part(
        vertices,
        faces,
        np.full(len(faces), material),
        np.repeat(weights, RING, axis=0),
        np.zeros(len(vertices)),
    )


def _folds(line: ArmLine, lengths: Array) -> Array:
    """(k, RING) metres by which cloth stands out where the bent elbow bunches it: on the inside and a little round."""
    angle = np.linspace(0, 2 * np.pi, RING, endpoint=False)
    _, side, up = line.at(np.array([line.elbow]))
    wrist, elbow, shoulder, _ = joints()
    inside = (wrist - elbow) / np.linalg.norm(wrist - elbow) + (shoulder - elbow) / np.linalg.norm(
        shoulder - elbow
    )
    facing = (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up) @ (inside / np.linalg.norm(inside))
    from_elbow = (lengths - line.elbow)[:, None]
    wave = np.cos(2 * np.pi * from_elbow / FOLD_LENGTH) * np.exp(-((from_elbow / FOLD_REACH) ** 2))
    point = np.exp(-((from_elbow / POINT_REACH) ** 2)) * smoothstep(-facing, 0.2, 1.0)
    return FOLD_HEIGHT * wave * smoothstep(facing, -0.6, 0.7) + POINT_HEIGHT * point


def _lining(edge: float, back: float, halves: Array) -> tuple[Array, Array]:
    """Lengths (k,) and halves (k, 2) of a lining from `back` out to the edge and round it to the outside (2,)."""
    turn = np.linspace(-np.pi / 2, np.pi / 2, 7)
    half = 0.5 * THICKNESS
    straight = np.linspace(back, edge + 3 * half, 4)
    lengths = np.concatenate([straight, edge + half - half * np.cos(turn)])
    inset = np.concatenate([np.full(len(straight), -THICKNESS), half * np.sin(turn) - half])
    return lengths, halves + inset[:, None]


def _dome(start: float, depth: float) -> tuple[Array, Array]:
    """Lengths (k,) and factors (k,) on the halves of a rounded end."""
    turn = np.linspace(0, np.radians(84), 9)[1:]
    return start + depth * np.sin(turn), np.cos(turn)


def _cloth(line: ArmLine, cut: Cut) -> list[Part]:
    """Shirt cuff and sleeve."""
    at_edge = _sections(np.array([cut.sleeve]))[0]
    turned, turned_halves = _lining(cut.shirt, LINING_END, at_edge - SHIRT_INSET)
    tail = np.linspace(cut.shirt, LINING_END + THICKNESS, 6)[1:]
    shirt = np.concatenate([turned, tail])
    shirt_halves = np.concatenate([turned_halves, np.tile(at_edge - SHIRT_INSET, (len(tail), 1))])

    inner, inner_halves = _lining(cut.sleeve, LINING_END + 2 * THICKNESS, at_edge)
    outer = _spaced(line, cut.sleeve + 2 * THICKNESS, cut.end - cut.dome)
    dome, factor = _dome(cut.end - cut.dome, cut.dome)
    lengths = np.concatenate([inner, outer, dome])
    halves = np.concatenate([inner_halves, _sections(outer), _sections(dome) * factor[:, None]])
    raised = np.concatenate([np.zeros((len(inner), RING)), _folds(line, np.concatenate([outer, dome]))])
    return [
        _closed(_rings(line, shirt, shirt_halves), SHIRT, _weights(line, shirt)),
        _closed(_rings(line, lengths, halves, raised), SLEEVE, _weights(line, lengths)),
    ]


def _spaced(line: ArmLine, start: float, end: float) -> Array:
    """Lengths (k,) of the sections of the outside: closer where the arm bends."""
    dense = np.arange(start, end, 0.0005)
    bend = np.minimum(np.abs(dense - line.elbow), np.abs(dense - line.shoulder))
    density = 1.0 / (SECTION_GAP[0] + (SECTION_GAP[1] - SECTION_GAP[0]) * smoothstep(bend, 0.04, 0.08))
    number = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(dense))])
    return np.interp(np.linspace(0, number[-1], int(np.ceil(number[-1])) + 1), number, dense)


def _weights(line: ArmLine, lengths: Array) -> Array:
    """(k, 19) of sections at `lengths` (k,)."""
    weights = np.zeros((len(lengths), len(COLUMNS)))
    upper = smoothstep(lengths - line.elbow, *ELBOW_BEND)
    top = smoothstep(lengths - line.shoulder, *SHOULDER_BEND)
    weights[:, FOREARM] = 1 - upper
    weights[:, UPPER_ARM] = upper * (1 - top)
    weights[:, SHOULDER] = upper * top
    return weights


def sleeve() -> list[Part]:
    """Shirt cuff and sleeve of a whole arm, closed at the shoulder."""
    line = arm_line()
    return _cloth(line, Cut(shirt=0.056, sleeve=0.071, end=float(line.lengths[-1]), dome=0.022))


def short_cuff() -> list[Part]:
    """Shirt cuff and the end of a sleeve for hands without arms; they follow the hand and hide where the skin ends."""
    with_hand = np.zeros(len(COLUMNS))
    with_hand[HAND] = 1.0
    return [
        replace(part, weights=np.tile(with_hand, (len(part.vertices), 1)))
        for part in _cloth(arm_line(), SHORT)
    ]
