# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take file must be (docs/formats.md), and reading it: nothing is believed before it has been looked at.

This file lies in `models` and in `s2c_blender/takes`, the same to the byte, so that both sides of the process boundary
take and refuse the same files. It needs numpy and nothing of either side.

The order: a plain file of a sensible size, a small directory, headers, and only then room for the numbers, which are
read, converted and checked a piece at a time. A small file so cannot ask for all of the memory. Nothing is unpickled.
"""

from __future__ import annotations

import ast
import json
import math
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

FORMATS = (1, 2)
"""Formats of takes that are understood; takes of format 1 have no arms."""
MOST_FRAMES = 500_000
"""Four and a half hours at 30 frames a second, half an hour at 240."""
MOST_NOTES = 1_000_000
MOST_PEDAL = 1_000_000
MOST_KNOTS = 4_000_000
"""Of the depth curves of all piano keys together."""
MOST_TEXT = 4 << 20
"""Characters of the meta."""
MOST_SECONDS = 3 * 3600.0
RATES = (1.0, 1000.0)
"""Frames a second."""
MOST_BYTES = 512 << 20
MOST_DIRECTORY = 64 << 10
"""Bytes of the archive's list of arrays."""
MOST_HEADER = 4096
PIECE_BYTES = 1 << 19
"""Bytes that are read in one step."""
DENSEST = 1100
"""No more bytes than these come out of one compressed byte."""
DAMAGED = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,  # an encrypted file, and texts nested too deeply
    MemoryError,
    SyntaxError,
    NotImplementedError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a file that was made to be misread can raise, `Spoiled` among them."""


class Spoiled(ValueError):
    """Something in the file is not as in a take; the text goes on after "because": "its notes are cut off"."""


class OtherFormat(ValueError):
    """A take of a format that this version does not read."""


@dataclass(frozen=True)
class Array:
    """What an array must be."""

    words: str
    """What it holds, for a sentence."""
    shape: tuple[int | None, ...]
    """None stands for a length of the take's own."""
    most: int
    """The largest length."""
    kinds: str
    """Kinds of numbers (`numpy.dtype.kind`) that are taken."""
    dtype: type
    """What they are turned into."""
    range: tuple[float, float]
    """Smallest and largest number."""


ARRAYS = {
    "meta": Array("description", (), 1, "U", np.str_, (0, 0)),
    "fps": Array("frame rate", (), 1, "fiu", np.float64, RATES),
    "notes": Array("notes", (None, 4), MOST_NOTES, "fiu", np.float32, (0, 1e6)),
    "fingering": Array("fingering", (None, 2), MOST_NOTES, "iu", np.int8, (-1, 4)),
    "release": Array("releases", (None,), MOST_NOTES, "fiu", np.float32, (0, 1e6)),
    "pedal": Array("pedal", (None, 2), MOST_PEDAL, "fiu", np.float32, (0, 1e6)),
    "keys": Array("piano keys' depths", (None, 3), MOST_KNOTS, "fiu", np.float32, (0, 1e6)),
    "wrist": Array("wrists", (None, 2, 3), MOST_FRAMES, "f", np.float32, (-1000, 1000)),
    "elbow": Array("elbows", (None, 2, 3), MOST_FRAMES, "f", np.float32, (-1000, 1000)),
    "shoulder": Array("shoulders", (None, 2, 3), MOST_FRAMES, "f", np.float32, (-1000, 1000)),
    "euler": Array("joint angles", (None, 2, 16, 3), MOST_FRAMES, "f", np.float32, (-10_000, 10_000)),
}
"""In the order of reading: what is small and tells most comes first."""
OPTIONAL = ("release", "pedal", "keys")
"""What takes of earlier versions have not; without it there is none of it."""
ARMS = ("elbow", "shoulder")
"""What takes of format 1 have not."""
ONSET, OFFSET, PITCH, VELOCITY = 0, 1, 2, 3
"""Columns of `notes`: seconds, seconds, MIDI number, 0 to 127."""
HAND, FINGER = 0, 1
"""Columns of `fingering`: 0 left, 1 right; 0 thumb to 4 little finger; -1 unknown."""
SECOND, DEPTH = 0, 1
"""Columns of `pedal`: from when on, seconds; how far it is down, 0 to 1."""
KEY_PITCH, KEY_SECOND, KEY_DEPTH = 0, 1, 2
"""Columns of `keys`: MIDI number, second, depth from 0 (up) to 1 (all the way down)."""
_HASH = re.compile(r"[0-9a-f]{8,64}")
_NUMBERS = {
    "hand_size": (0.1, 10.0),
    "sound_start_s": (0.0, 1e6),
    "sound_end_s": (0.0, 1e6),
    "seed": (0, 2**63),
}
"""Numbers of the meta that something is worked out from."""


@dataclass(frozen=True)
class TakeArrays:
    """What a take file holds."""

    euler: NDArray[np.float32]
    """(frames, 2, 16, 3) radians."""
    wrist: NDArray[np.float32]
    """(frames, 2, 3) metres in the piano frame."""
    notes: NDArray[np.float32]
    """(n, 4) onset s, offset s, pitch, velocity; sorted by onset."""
    fingering: NDArray[np.int8]
    """(n, 2) hand and finger, -1 unknown."""
    release: NDArray[np.float32]
    """(n,) second at which each note's finger leaves its key; where the take does not say, the note's offset."""
    pedal: NDArray[np.float32]
    """(m, 2) second from which on the sustain pedal is so far down, 0 to 1; sorted by time."""
    keys: NDArray[np.float32]
    """(k, 3) knots of each piano key's depth curve: pitch, second, depth 0 to 1; sorted by pitch, then second. Between
    knots depths run straight; without any, the take does not say how its keys move."""
    elbow: NDArray[np.float32] | None
    """(frames, 2, 3) metres in the piano frame; None in takes of format 1."""
    shoulder: NDArray[np.float32] | None
    """(frames, 2, 3) metres in the piano frame; None in takes of format 1."""
    fps: float
    meta: dict[str, Any]


def read_arrays(path: Path) -> Iterator[TakeArrays | None]:
    """Read a take, a piece a step; the last step yields it. Raises one of `DAMAGED`; `OtherFormat` is one of them."""
    arrays: dict[str, NDArray[Any]] = {}
    meta: dict[str, Any] = {}
    with _open(path) as file, zipfile.ZipFile(file) as archive:
        for name, array in ARRAYS.items():
            if name == "meta":
                meta = _meta((yield from _read(archive, name, array)))
            elif name not in ARMS or meta["format"] > 1:
                arrays[name] = yield from _read(archive, name, array)
    yield _fitting(arrays, meta)


def _open(path: Path) -> IO[bytes]:
    """The file, once it is known to be a plain one of a size that takes have, with a small directory."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise Spoiled("it is no plain file")
    # A pipe that took the file's place meanwhile would wait for somebody to write to it.
    file = os.fdopen(
        os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)), "rb"
    )
    try:
        _check_archive(file)
    except BaseException:
        file.close()
        raise
    return file


def _check_archive(file: IO[bytes]) -> None:
    found = os.fstat(file.fileno())
    if not stat.S_ISREG(found.st_mode):
        raise Spoiled("it is no plain file")
    if found.st_size > MOST_BYTES:
        raise Spoiled(f"it is larger than {MOST_BYTES >> 20} MiB")
    if not found.st_size:
        raise Spoiled("it is empty")
    # The directory's size stands in the last 22 bytes, or in a record for large archives, which no take needs.
    file.seek(-min(found.st_size, 42), os.SEEK_END)
    end = file.read(42)
    directory = struct.unpack("<I", end[-10:-6])[0] if end[-22:-18] == b"PK\x05\x06" else None
    if directory is None or end[-2:] != b"\0\0" or end[:4] == b"PK\x06\x07":
        raise Spoiled("it is damaged or no take at all")
    if directory > MOST_DIRECTORY:
        raise Spoiled("it holds more than a take does")
    file.seek(0)


def _read(archive: zipfile.ZipFile, name: str, array: Array) -> Generator[None, None, NDArray[Any]]:
    """One array of the file, a piece a step, after its header has been found to be right."""
    member = archive.NameToInfo.get(f"{name}.npy")
    if member is None and name in OPTIONAL:
        return np.zeros([size or 0 for size in array.shape], array.dtype)
    if member is None:
        raise Spoiled(f"it has no {array.words}")
    if member.flag_bits & 0x1:
        raise Spoiled("it is locked with a password")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Spoiled("it is packed in another way than takes are")
    with archive.open(member) as stream:
        shape, by_columns, dtype, taken = _header(stream, array)
        size = math.prod(shape) * dtype.itemsize
        if member.file_size != taken + size or member.compress_size * DENSEST < size:
            raise Spoiled(f"the data of its {array.words} is cut off or too long")
        values = yield from _numbers(stream, array, math.prod(shape), dtype)
        if stream.read(1):  # which also compares the checksum
            raise Spoiled(f"the data of its {array.words} is too long")
    return values.reshape(shape[::-1]).T if by_columns else values.reshape(shape)


def _header(stream: IO[bytes], array: Array) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, whether columns come first, kind, and the header's bytes."""
    start = stream.read(8)
    wide = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}.get(start)
    if wide is None:
        raise Spoiled(f"what should be its {array.words} is no array")
    length = int.from_bytes(stream.read(wide), "little")
    if not 0 < length <= MOST_HEADER:
        raise Spoiled(f"what should be its {array.words} is no array")
    text = stream.read(length)
    header = ast.literal_eval(text.decode("latin1").strip()) if len(text) == length else None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise Spoiled(f"what should be its {array.words} is no array")
    kind, shape = header["descr"], header["shape"]
    if not isinstance(kind, str) or not re.fullmatch(rf"[<>|=]?[{array.kinds}][0-9]{{1,8}}", kind):
        raise Spoiled(f"the kind of its {array.words} is unknown")
    dtype = np.dtype(kind)
    if not 1 <= dtype.itemsize <= (4 * MOST_TEXT if array.kinds == "U" else 8):
        raise Spoiled(f"the kind of its {array.words} is unknown")
    if not isinstance(shape, tuple) or not all(type(size) is int for size in shape):
        raise Spoiled(f"the shape of its {array.words} is not a take's")
    if len(shape) != len(array.shape) or any(
        size != wanted for size, wanted in zip(shape, array.shape, strict=True) if wanted is not None
    ):
        raise Spoiled(f"the shape of its {array.words} is not a take's")
    if shape and not 0 <= shape[0] <= array.most:
        raise Spoiled(f"it has too many {array.words}")
    return shape, bool(header["fortran_order"]), dtype, 8 + wide + length


def _numbers(
    stream: IO[bytes], array: Array, count: int, dtype: np.dtype[Any]
) -> Generator[None, None, NDArray[Any]]:
    """The numbers of an array, in its own kind and found to be in its range."""
    values = np.empty(count, dtype if array.kinds == "U" else array.dtype)
    step = max(PIECE_BYTES // dtype.itemsize, 1)
    for start in range(0, count, step):
        stop = min(start + step, count)
        data = stream.read((stop - start) * dtype.itemsize)
        if len(data) < (stop - start) * dtype.itemsize:
            raise Spoiled(f"the data of its {array.words} is cut off")
        piece = np.frombuffer(data, dtype)
        if array.kinds != "U":
            _check_numbers(piece, array)
        values[start:stop] = piece
        yield None
    return values


def _check_numbers(piece: NDArray[Any], array: Array) -> None:
    if piece.dtype.kind == "f":
        with np.errstate(over="ignore"):
            if not np.isfinite(piece.astype(array.dtype)).all():
                raise Spoiled(f"there are numbers in its {array.words} that are not finite")
    low, high = array.range
    if not ((piece >= low) & (piece <= high)).all():
        if array.kinds == "iu":
            raise Spoiled("its fingering names hands or fingers that there are not")
        raise Spoiled(f"there are numbers in its {array.words} beyond {low:g} to {high:g}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _meta(text: NDArray[Any]) -> dict[str, Any]:
    """The take's description; the format that it names is known, and what is worked out from it is sensible."""
    try:
        meta = json.loads(str(text), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Spoiled("its description is no JSON") from error
    if not isinstance(meta, dict):
        raise Spoiled("its description is no JSON object")
    found = meta.get("format")
    if type(found) is not int or found not in FORMATS:
        raise OtherFormat(f"format {str(found)[:40]!r}, this version reads {FORMATS}")
    for name, (low, high) in _NUMBERS.items():
        value = meta.get(name)
        if value is not None and (type(value) not in (int, float) or not low <= value <= high):
            raise Spoiled(f'its description has a "{name}" that is no number from {low:g} to {high:g}')
    for name in ("sound_sha256", "midi_sha256"):
        value = meta.get(name)
        if value is not None and not (isinstance(value, str) and _HASH.fullmatch(value)):
            raise Spoiled(f'its description has a "{name}" that is no hash')
    hands = meta.get("hand_geometry")
    if hands is not None and not isinstance(hands, dict):
        raise Spoiled('its description has a "hand_geometry" that is no object')
    habits = meta.get("habits")
    if habits is not None and not _are_habits(habits):
        raise Spoiled('its description has "habits" that are none')
    return meta


def _are_habits(value: Any) -> bool:
    rows = value if isinstance(value, list) and len(value) == 2 else [None]
    return all(
        isinstance(row, list)
        and len(row) == 3
        and all(type(score) in (int, float) and -100 <= score <= 100 for score in row)
        for row in rows
    )


def _fitting(arrays: dict[str, NDArray[Any]], meta: dict[str, Any]) -> TakeArrays:
    """The arrays as a take, once they fit each other."""
    fps, notes, fingering = float(arrays["fps"]), arrays["notes"], arrays["fingering"]
    frames = len(arrays["euler"])
    if not frames:
        raise Spoiled("it has no frames")
    for name in ("wrist", *ARMS):
        if len(arrays.get(name, arrays["euler"])) != frames:
            raise Spoiled(f"its {ARRAYS[name].words} and joint angles differ in length")
    if frames / fps > MOST_SECONDS:
        raise Spoiled(f"it lasts longer than {MOST_SECONDS / 3600:g} hours")
    if (notes[:, OFFSET] < notes[:, ONSET]).any() or (notes[:, PITCH:] > 127).any():
        raise Spoiled("its notes end before they begin, or go beyond 127")
    pedal = arrays["pedal"]
    if (pedal[:, DEPTH] > 1).any():
        raise Spoiled("its pedal is further down than it goes")
    if (np.diff(pedal[:, SECOND]) < 0).any():
        pedal = pedal[np.argsort(pedal[:, SECOND], kind="stable")]
    if len(fingering) != len(notes):  # of another program, which edited the notes alone: fingers unknown
        fingering = np.full((len(notes), 2), -1, np.int8)
    if (fingering[:, HAND] > 1).any():
        raise Spoiled("its fingering names hands or fingers that there are not")
    release = arrays["release"]
    if len(release) != len(notes):  # of an earlier version, or of notes that were edited
        release = notes[:, OFFSET]
    release = np.maximum(release, notes[:, ONSET])
    if (np.diff(notes[:, ONSET]) < 0).any():
        order = np.argsort(notes[:, ONSET], kind="stable")
        notes, fingering, release = notes[order], fingering[order], release[order]
    return TakeArrays(
        euler=arrays["euler"],
        wrist=arrays["wrist"],
        notes=notes,
        fingering=fingering,
        release=release,
        pedal=pedal,
        keys=_knots(arrays["keys"]),
        elbow=arrays.get("elbow"),
        shoulder=arrays.get("shoulder"),
        fps=fps,
        meta=meta,
    )


def _knots(keys: NDArray[np.float32]) -> NDArray[np.float32]:
    """The knots of the piano keys' depths in order, once they are found to be sensible."""
    pitch, depth = keys[:, KEY_PITCH], keys[:, KEY_DEPTH]
    if (pitch > 127).any() or (pitch != np.round(pitch)).any():
        raise Spoiled("it moves piano keys that there are not")
    if (depth > 1).any():
        raise Spoiled("its piano keys are further down than they go")
    order = np.lexsort((keys[:, KEY_SECOND], pitch))
    return keys if (np.diff(order) > 0).all() else keys[order]
