# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished hand as a file beside this module, because making it takes seconds and Blender must not wait.

    python -m s2c_blender.rig.hand_file      # make it again after a change of the anatomy

Weights are kept in steps of 1 / `WEIGHT_STEPS`: vertices of the same weight enter a vertex group together, which is
ten times as fast as one by one, and 0.01 of a joint's movement is less than anybody sees.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.whole_file import whole_file
from .hand_shape import HandShape, compute

PATH = Path(__file__).with_name("hand_shape.npz")
WEIGHT_STEPS = 100


def whole_steps(weights: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Weights (n, 16) whose rows sum to one, as whole numbers whose rows sum to `WEIGHT_STEPS` (largest remainder)."""
    exact = weights * WEIGHT_STEPS
    steps = np.floor(exact + 1e-9)
    missing = np.round(WEIGHT_STEPS - steps.sum(1)).astype(int)
    rank = np.argsort(np.argsort(-(exact - steps), axis=1, kind="stable"), axis=1, kind="stable")
    return (steps + (rank < missing[:, None])).astype(np.uint8)


def write(shape: HandShape, path: Path = PATH) -> None:
    """Keep `shape` in `path`."""
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(
            file,
            vertices=shape.vertices.astype(np.float32),
            faces=shape.faces.astype(np.uint16),
            materials=shape.materials.astype(np.uint8),
            weights=whole_steps(shape.weights),
            blush=shape.blush.astype(np.float16),
        )


@lru_cache(maxsize=1)
def read(path: Path = PATH) -> HandShape:
    """The hand that `write` kept; read once in a session."""
    with np.load(path, allow_pickle=False) as data:
        return HandShape(
            vertices=data["vertices"],
            faces=data["faces"].astype(np.int32),
            materials=data["materials"].astype(np.int32),
            weights=data["weights"].astype(np.float32) / WEIGHT_STEPS,
            blush=data["blush"].astype(np.float32),
        )


if __name__ == "__main__":
    write(compute())
    print(f"{PATH}: {PATH.stat().st_size / 1e3:.0f} kB")
