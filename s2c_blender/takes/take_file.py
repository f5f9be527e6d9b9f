# SPDX-License-Identifier: GPL-3.0-or-later
"""A take file as arrays, read a piece at a time and checked before anything uses it.

What an array must be stands in `SCHEMA`. Sizes are taken from the arrays' headers, before their data is read: a
small file cannot ask for all of the memory.
"""

from __future__ import annotations

import json
import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..core.resampling import resample
from ..faults import Fault

FPS_TOLERANCE = 1e-3
"""Frames a second; scenes keep their rate as a whole number over a float32 base."""
FORMATS = (1,)
"""Formats of takes that are understood."""
MOST_FRAMES = 2_000_000
MOST_NOTES = 1_000_000
MOST_TEXT = 4 << 20
"""Characters of `meta`."""
PIECE_BYTES = 1 << 19
"""Bytes that are read in one step."""
UNREADABLE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    RuntimeError,  # an encrypted file, and texts nested too deeply
    MemoryError,
    SyntaxError,
    NotImplementedError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a file that was made to be misread can raise."""


@dataclass(frozen=True)
class TakeFile:
    """What is read from a take."""

    euler: NDArray[np.float32]
    """(frames, 2, 16, 3) radians."""
    wrist: NDArray[np.float32]
    """(frames, 2, 3) metres in the piano frame."""
    notes: NDArray[np.float32]
    """(n, 4) onset s, offset s, pitch, velocity."""
    fingering: NDArray[np.int8]
    """(n, 2) hand and finger, -1 unknown."""
    fps: float
    meta: dict[str, Any]


@dataclass(frozen=True)
class Column:
    """What an array of a take must be."""

    words: str
    """What it holds, for a sentence."""
    shape: tuple[int | None, ...]
    """None stands for a length of the take's own."""
    most: int
    """The largest length."""
    kinds: str
    """Kinds of numbers (`numpy.dtype.kind`) that are taken."""
    dtype: type | None
    """What they are turned into; None leaves them."""


SCHEMA = {
    "meta": Column("description", (), 1, "U", None),
    "fps": Column("frame rate", (), 1, "fiu", np.float64),
    "notes": Column("notes", (None, 4), MOST_NOTES, "fiu", np.float32),
    "fingering": Column("fingering", (None, 2), MOST_NOTES, "iu", None),
    "wrist": Column("wrists", (None, 2, 3), MOST_FRAMES, "f", np.float32),
    "euler": Column("joint angles", (None, 2, 16, 3), MOST_FRAMES, "f", np.float32),
}
"""In the order of reading: what is small and tells most comes first."""


def load_take(path: Path) -> Iterator[TakeFile | None]:
    """Read a take, a piece a step; the last step yields it. Raises Fault when it is no take."""
    if not path.is_file():
        raise Fault(
            "take_missing", f'The take "{path.name}" does not exist any more; generate it again.', str(path)
        )
    arrays: dict[str, NDArray[Any]] = {}
    meta: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name, column in SCHEMA.items():
                arrays[name] = yield from _read(archive, path, name, column)
                if name == "meta":
                    meta = _meta(path, arrays[name])
    except UNREADABLE as error:
        raise _unreadable(path, "it is damaged or no take at all", repr(error)) from error
    yield _checked(path, arrays, meta)


def at_scene_rate(take: TakeFile, scene: bpy.types.Scene) -> TakeFile:
    """The take with one frame for each frame of the scene; as it is where the rates agree."""
    rate = scene.render.fps / scene.render.fps_base
    if abs(rate - take.fps) <= FPS_TOLERANCE:
        return take
    euler, wrist = (resample(values, take.fps, rate) for values in (take.euler, take.wrist))
    return replace(take, euler=euler, wrist=wrist, fps=rate)


def _unreadable(path: Path, why: str, detail: str = "") -> Fault:
    return Fault(
        "take_unreadable",
        f'The take "{path.name}" cannot be read because {why}; generate it again or choose another file.',
        detail,
    )


def _read(
    archive: zipfile.ZipFile, path: Path, name: str, column: Column
) -> Generator[None, None, NDArray[Any]]:
    """One array of the file, a piece a step, after its header has been found to be right."""
    if f"{name}.npy" not in archive.NameToInfo:
        raise _unreadable(path, f"it has no {column.words}")
    with archive.open(f"{name}.npy") as stream:
        shape, by_columns, dtype = _header(stream)
        sized = 1 <= dtype.itemsize <= (4 * MOST_TEXT if column.kinds == "U" else 8)
        if dtype.hasobject or dtype.kind not in column.kinds or not sized:
            raise _unreadable(path, f"its {column.words} are of an unknown kind", f"{name}: {dtype}")
        if len(shape) != len(column.shape) or any(
            size != wanted for size, wanted in zip(shape, column.shape, strict=True) if wanted is not None
        ):
            raise _unreadable(
                path, f"its {column.words} have another shape than a take's", f"{name}: {shape}"
            )
        if shape and not 0 <= shape[0] <= column.most:
            raise _unreadable(path, f"its {column.words} are too many", f"{name}: {shape}")
        values = np.empty(math.prod(shape), dtype)
        data = values.view(np.uint8).data if values.size else memoryview(b"")
        if archive.getinfo(f"{name}.npy").file_size < len(data):
            raise _unreadable(path, f"its {column.words} are cut off", name)
        for start in range(0, len(data), PIECE_BYTES):
            stop = min(start + PIECE_BYTES, len(data))
            piece = stream.read(stop - start)
            if len(piece) < stop - start:
                raise _unreadable(path, f"its {column.words} are cut off", name)
            data[start:stop] = piece
            if dtype.kind == "f":
                _check_finite(path, name, column, values[start // dtype.itemsize : stop // dtype.itemsize])
            yield None
    values = values.reshape(shape[::-1]).T if by_columns else values.reshape(shape)
    if column.dtype is None or values.dtype == column.dtype:
        return values
    with np.errstate(over="ignore"):
        values = values.astype(column.dtype)
    _check_finite(path, name, column, values)
    return values


def _check_finite(path: Path, name: str, column: Column, values: NDArray[Any]) -> None:
    if not np.isfinite(values).all():
        raise _unreadable(path, f"its {column.words} hold numbers that are not finite", name)


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"array format {version}")


def _meta(path: Path, text: NDArray[Any]) -> dict[str, Any]:
    """The take's description; the format it names is known."""
    try:
        meta = json.loads(str(text))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, "its description is no JSON", repr(error)) from error
    if not isinstance(meta, dict):
        raise _unreadable(path, "its description is no JSON object", str(text)[:200])
    found = meta.get("format")
    if found not in FORMATS:
        raise Fault(
            "take_version",
            f'The take "{path.name}" was written by another version of S2C Piano Hands; generate it again.',
            f"format {found!r}, this version reads {FORMATS}",
        )
    return meta


def _checked(path: Path, arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> TakeFile:
    """The arrays as a take, once they fit each other."""
    fps, notes, fingering = float(arrays["fps"]), arrays["notes"], arrays["fingering"]
    frames = len(arrays["euler"])
    if fps <= 0:
        raise _unreadable(path, "its frame rate is not above 0", f"{fps}")
    if not frames:
        raise _unreadable(path, "it has no frames")
    if len(arrays["wrist"]) != frames:
        raise _unreadable(
            path, "its wrists and joint angles differ in length", f"{len(arrays['wrist'])}, {frames}"
        )
    if len(fingering) != len(notes):  # of another program, which edited the notes alone: fingers unknown
        fingering = np.full((len(notes), 2), -1, np.int8)
    if fingering.size and not (((fingering >= -1) & (fingering <= 4)).all() and (fingering[:, 0] <= 1).all()):
        raise _unreadable(path, "its fingering names hands or fingers that there are not")
    return TakeFile(arrays["euler"], arrays["wrist"], notes, fingering.astype(np.int8), fps, meta)
