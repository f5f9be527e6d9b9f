# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished hand as a file beside this module, because making it takes seconds and Blender must not wait.

    python -m s2c_blender.rig.hand_file      # make it again after a change of the anatomy

Weights are kept in steps of 1 / `WEIGHT_STEPS`: vertices of the same weight enter a vertex group together, which is
ten times as fast as one by one, and 0.01 of a joint's movement is less than anybody sees. Vertices are whole steps,
byte by byte, and faces the differences from face to face, because both deflate to half the size of plain numbers.
"""

from __future__ import annotations

from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.whole_file import whole_file
from .hand_shape import compute
from .parts import HandPieces, Part

PATH = Path(__file__).with_name("hand_shape.npz")
WEIGHT_STEPS = 100
VERTEX_STEP = 1e-6
"""Metres."""
PIECES = tuple(field.name for field in fields(HandPieces))
ARRAYS = tuple(field.name for field in fields(Part))


def whole_steps(weights: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Weights (n, k) whose rows sum to one, as whole numbers whose rows sum to `WEIGHT_STEPS` (largest remainder)."""
    exact = weights * WEIGHT_STEPS
    steps = np.floor(exact + 1e-9)
    missing = np.round(WEIGHT_STEPS - steps.sum(1)).astype(int)
    rank = np.argsort(np.argsort(-(exact - steps), axis=1, kind="stable"), axis=1, kind="stable")
    return (steps + (rank < missing[:, None])).astype(np.uint8)


def _packed(part: Part) -> dict[str, NDArray[Any]]:
    steps = np.round(part.vertices / VERTEX_STEP).astype("<i4")
    faces = part.faces.astype(np.uint16).T
    return {
        "vertices": steps.T[..., None].copy().view(np.uint8).transpose(2, 0, 1),
        "faces": np.diff(faces, axis=1, prepend=np.zeros((4, 1), np.uint16)),
        "materials": part.materials.astype(np.uint8),
        "weights": whole_steps(part.weights),
        "blush": part.blush.astype(np.float16),
    }


def _unpacked(arrays: dict[str, NDArray[Any]]) -> Part:
    steps = np.ascontiguousarray(arrays["vertices"].transpose(1, 2, 0)).view("<i4")[..., 0].T
    return Part(
        vertices=(steps * VERTEX_STEP).astype(np.float32),
        faces=np.cumsum(arrays["faces"], axis=1, dtype=np.uint16).T.astype(np.int32),
        materials=arrays["materials"].astype(np.int32),
        weights=arrays["weights"].astype(np.float32) / WEIGHT_STEPS,
        blush=arrays["blush"].astype(np.float32),
    )


def write(pieces: HandPieces, path: Path = PATH) -> None:
    """Keep `pieces` in `path`."""
    arrays = {
        f"{piece}_{name}": values
        for piece in PIECES
        for name, values in _packed(getattr(pieces, piece)).items()
    }
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


@lru_cache(maxsize=1)
def read(path: Path = PATH) -> HandPieces:
    """The pieces that `write` kept; read once in a session."""
    with np.load(path, allow_pickle=False) as data:
        return HandPieces(
            **{piece: _unpacked({name: data[f"{piece}_{name}"] for name in ARRAYS}) for piece in PIECES}
        )


if __name__ == "__main__":
    write(compute())
    print(f"{PATH}: {PATH.stat().st_size / 1e3:.0f} kB")
