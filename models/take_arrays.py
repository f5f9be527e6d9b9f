# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays of a take file, checked before they are believed: kind, shape and size by headers, then the numbers.

A small file cannot ask for all of the memory, and nothing is unpickled.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MOST_FRAMES = 2_000_000
MOST_NOTES = 1_000_000
MOST_TEXT = 4 << 20
"""Characters of the meta."""
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,  # an encrypted file, and texts nested too deeply
    MemoryError,
    SyntaxError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a file that was made to be misread can raise, `Spoiled` among them."""


class Spoiled(ValueError):
    """Something in a take file is not as in a take; the text says what, in a few words."""


@dataclass(frozen=True)
class Array:
    """What an array must be."""

    shape: tuple[int | None, ...]
    """None stands for a length of the take's own."""
    kinds: str
    """Kinds of numbers (`numpy.dtype.kind`) that are taken."""
    dtype: type | None
    """What they are turned into; None leaves them."""
    most: int = 1


ARRAYS = {
    "meta": Array((), "U", None),
    "fps": Array((), "fiu", np.float64),
    "notes": Array((None, 4), "fiu", np.float32, MOST_NOTES),
    "fingering": Array((None, 2), "iu", None, MOST_NOTES),
    "wrist": Array((None, 2, 3), "f", np.float32, MOST_FRAMES),
    "euler": Array((None, 2, 16, 3), "f", np.float32, MOST_FRAMES),
}


def read_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays of a take file by name, and its meta. Raises one of `DAMAGED`."""
    with zipfile.ZipFile(path) as archive:
        found = {name: _read(archive, name, array) for name, array in ARRAYS.items()}
    meta = json.loads(str(found.pop("meta")))
    if not isinstance(meta, dict):
        raise Spoiled("the meta is no JSON object")
    if not float(found["fps"]) > 0:
        raise Spoiled("the frame rate is not above 0")
    if not len(found["euler"]):
        raise Spoiled("there are no frames")
    if len(found["fingering"]) != len(found["notes"]):
        # Of another program, which edited the notes alone: the fingers are unknown.
        found["fingering"] = np.full((len(found["notes"]), 2), -1)
    fingering = found["fingering"]
    if (fingering < -1).any() or (fingering > 4).any() or (fingering[:, 0] > 1).any():
        raise Spoiled("the fingering names hands or fingers that there are not")
    found["fingering"] = fingering.astype(np.int8)
    return found, meta


def _read(archive: zipfile.ZipFile, name: str, array: Array) -> NDArray[Any]:
    with archive.open(f"{name}.npy") as stream:
        shape, dtype = _header(stream)
    largest = 4 * MOST_TEXT if array.kinds == "U" else 8
    if dtype.hasobject or dtype.kind not in array.kinds or not 1 <= dtype.itemsize <= largest:
        raise Spoiled(f"{name} is of an unknown kind, {dtype}")
    fits = len(shape) == len(array.shape) and all(
        wanted is None or size == wanted for size, wanted in zip(shape, array.shape, strict=True)
    )
    if not fits or (shape and not 0 <= shape[0] <= array.most):
        raise Spoiled(f"{name} has the shape {shape}")
    if archive.getinfo(f"{name}.npy").file_size < math.prod(shape) * dtype.itemsize:
        raise Spoiled(f"{name} is cut off")
    with archive.open(f"{name}.npy") as stream:
        values = np.lib.format.read_array(stream, allow_pickle=False)
    if array.dtype is not None:
        with np.errstate(over="ignore"):
            values = values.astype(array.dtype)
        if not np.isfinite(values).all():
            raise Spoiled(f"{name} holds numbers that are not finite")
    return np.asarray(values)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    else:
        raise Spoiled(f"array format {version}")
    return shape, dtype
