# SPDX-License-Identifier: GPL-3.0-or-later
"""Shapes of the 88 keys in the piano frame, from ``hands.json``. No bpy. Metres; pitches are MIDI numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .skeleton import DATA

_KEYS = DATA["keyboard"]
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
PITCHES = range(_KEYS["lowest_pitch"], _KEYS["lowest_pitch"] + _KEYS["keys"])
HINGE_Y: float = _KEYS["hinge"]
"""Where the keys turn, hidden behind the fallboard."""
HINGE_Z = -0.012
"""Below the white tops, so that Blender's lines from parent to child run inside the keys and not on them."""
KEY_HEIGHT = 0.021
"""How far a white key reaches below its top."""
KEYBOARD_WIDTH = 52 * _KEYS["white_pitch"]
WHITE_LENGTH: float = _KEYS["white_length"]
BLACK_HEIGHT: float = _KEYS["black_height"]
WHITE_PITCH: float = _KEYS["white_pitch"]
"""From the middle of a white key to the middle of the next."""
WHITE_DIP: float = _KEYS["white_dip"]
"""How far the front of a white key goes down."""
DIP_RANGE = (0.005, 0.013)
"""How far it may go down on a keyboard of the user's (`models.body.keyboard_size`)."""

_GAP = 0.0005  # between a black key's foot and its white neighbours
_EDGE = 0.0008  # width of the rounded-off edges
_BLACK_SLOPE = 0.006  # a black key's front leans back by this


@dataclass(frozen=True)
class KeyShape:
    """One key, its vertices relative to its hinge."""

    pitch: int
    name: str
    x: float
    """X of the hinge: the middle of the key."""
    black: bool
    press_angle: float
    """Turn about X that takes the front all the way down, radians."""
    vertices: NDArray[np.float64]
    faces: list[tuple[int, ...]]


def is_black(pitch: int) -> bool:
    """Whether the key is black."""
    return NAMES[pitch % 12].endswith("#")


def key_name(pitch: int) -> str:
    """Scientific name, middle C is C4."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def key_x(pitch: int) -> float:
    """Middle of the key."""
    below = pitch - 1 if is_black(pitch) else pitch
    white = 7 * (below // 12) + sum(not is_black(p) for p in range(below % 12)) - 12
    x = (white - 25.5) * _KEYS["white_pitch"]
    if is_black(pitch):
        x += _KEYS["white_pitch"] / 2 + _KEYS["black_offsets"][NAMES[pitch % 12]]
    return float(x)


def key_front(pitch: int) -> float:
    """Y of the key's front edge, on top."""
    return float(_KEYS["black_front"]) if is_black(pitch) else 0.0


def key_top(pitch: int) -> float:
    """Z of the key's top at rest."""
    return BLACK_HEIGHT if is_black(pitch) else 0.0


def press_angle(pitch: int, dip_factor: float = 1.0) -> float:
    """Turn about the hinge that takes the front all the way down, radians. dip_factor: in dips of our keys."""
    dip = _KEYS["black_dip"] if is_black(pitch) else WHITE_DIP
    return float(np.arcsin(dip_factor * dip / (HINGE_Y - key_front(pitch))))


def key_shapes() -> list[KeyShape]:
    """All 88 keys, lowest first."""
    return [_black_key(pitch) if is_black(pitch) else _white_key(pitch) for pitch in PITCHES]


def _white_key(pitch: int) -> KeyShape:
    """Full width in front, cut out where black neighbours stand."""
    x, half = key_x(pitch), _KEYS["white_width"] / 2
    left, right = -half, half
    foot = _KEYS["black_base_width"] / 2 + _GAP
    if pitch - 1 in PITCHES and is_black(pitch - 1):
        left = max(left, key_x(pitch - 1) + foot - x)
    if pitch + 1 in PITCHES and is_black(pitch + 1):
        right = min(right, key_x(pitch + 1) - foot - x)
    front, cut, back = -HINGE_Y, _KEYS["black_front"] - _BLACK_SLOPE - _GAP - HINGE_Y, 0.0
    outline = [
        (-half, front),
        (half, front),
        (half, cut),
        (right, cut),
        (right, back),
        (left, back),
        (left, cut),
        (-half, cut),
    ]
    corners = [point for i, point in enumerate(outline) if point != outline[i - 1]]
    corners = [
        p for i, p in enumerate(corners) if not _straight(corners[i - 1], p, corners[(i + 1) % len(corners)])
    ]
    vertices, faces = _prism(np.array(corners), -KEY_HEIGHT, 0.0)
    return KeyShape(
        pitch, key_name(pitch), x, False, press_angle(pitch), vertices - (0.0, 0.0, HINGE_Z), faces
    )


def _black_key(pitch: int) -> KeyShape:
    """A foot that narrows to the playing surface, the front leaning back."""
    foot, top = _KEYS["black_base_width"] / 2, _KEYS["black_top_width"] / 2 + _EDGE
    front, back = _KEYS["black_front"] - HINGE_Y, 0.0
    low = np.array([(-foot, front - _BLACK_SLOPE), (foot, front - _BLACK_SLOPE), (foot, back), (-foot, back)])
    high = np.array([(-top, front - _EDGE), (top, front - _EDGE), (top, back), (-top, back)])
    rings = [(low, -KEY_HEIGHT / 2), (high, BLACK_HEIGHT - _EDGE), (_inset(high, _EDGE), BLACK_HEIGHT)]
    vertices, faces = _stack(rings)
    shape = vertices - (0.0, 0.0, HINGE_Z)
    return KeyShape(pitch, key_name(pitch), key_x(pitch), True, press_angle(pitch), shape, faces)


def _straight(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    return abs((b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0])) < 1e-12


def _inset(outline: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
    """An outline of right angles, counter-clockwise, moved inwards."""
    along = np.roll(outline, -1, 0) - outline
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    inward = np.stack([-along[:, 1], along[:, 0]], 1)
    moved: NDArray[np.float64] = outline + distance * (inward + np.roll(inward, 1, 0))
    return moved


def _prism(
    outline: NDArray[np.float64], bottom: float, top: float
) -> tuple[NDArray[np.float64], list[tuple[int, ...]]]:
    return _stack([(outline, bottom), (outline, top - _EDGE), (_inset(outline, _EDGE), top)])


def _stack(
    rings: list[tuple[NDArray[np.float64], float]],
) -> tuple[NDArray[np.float64], list[tuple[int, ...]]]:
    """A solid through outlines of equally many points at rising heights."""
    count = len(rings[0][0])
    vertices = np.concatenate([np.column_stack([outline, np.full(count, z)]) for outline, z in rings])
    faces: list[tuple[int, ...]] = [tuple(range(count - 1, -1, -1))]
    for level in range(len(rings) - 1):
        base = level * count
        for i in range(count):
            j = (i + 1) % count
            faces.append((base + i, base + j, base + count + j, base + count + i))
    faces.append(tuple(range((len(rings) - 1) * count, len(rings) * count)))
    return vertices, faces
