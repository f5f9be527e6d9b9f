# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings from files, checked before any work is spent on them.

A file is decoded in blocks, once and from its beginning, so that a file that claims to be endless is given up at the
limit, and nothing depends on how exactly a format can be searched. The samples of a long sound wait on disk until they
are looked at.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import Remark, UserError, quoted
from models.music.sound_file import SoundFile, has_no_samples
from models.plain_file import SOUND, sha256_of

MAX_SECONDS = 30 * 60.0
AUDIBLE = 10 ** (-60 / 20)
"""A recording whose loudest sample is below this is silent."""
BLOCK_FRAMES = 1 << 18
MEMORY_BYTES = 32 << 20
"""Samples beyond this (three minutes of one channel) are kept in a temporary file."""


class StoredSamples:
    """Samples (n, channels) that are written once and read by slices; in memory or, where they are many, on disk."""

    dtype = np.dtype(np.float32)

    def __init__(self, channels: int) -> None:
        self.shape = (0, channels)
        self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115  `__del__` closes it

    def __del__(self) -> None:
        self._file.close()

    def append(self, block: NDArray[np.float32]) -> None:
        """Add samples (n, channels) at the end."""
        self._file.seek(0, 2)
        self._file.write(np.ascontiguousarray(block, np.float32).tobytes())
        self.shape = (self.shape[0] + len(block), self.shape[1])

    def add(self, first: int, block: NDArray[np.float32]) -> None:
        """Add samples (n, channels) to those that are there from `first` on; all of them are inside."""
        values = self[first : first + len(block)] + block
        self._file.seek(4 * self.shape[1] * first)
        self._file.write(np.ascontiguousarray(values, np.float32).tobytes())

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        """Samples of a stretch; the slice has no step."""
        first, last, step = part.indices(len(self))
        if step != 1:
            raise ValueError(f"step={step} must be 1")
        channels = self.shape[1]
        self._file.seek(4 * channels * first)
        data = self._file.read(4 * channels * max(last - first, 0))
        return np.frombuffer(data, np.float32).reshape(-1, channels)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.float32)


@dataclass(frozen=True)
class Audio:
    """A recording, or a part of one."""

    samples: NDArray[np.float32] | StoredSamples
    """(n, channels), one channel or two, full scale is 1. Take a stretch, `samples[first:last]`, not all of them."""
    rate: int
    """Samples a second."""
    sha256: str
    """Of the whole file, whatever part is used; of the samples where several pieces are heard."""
    remarks: tuple[Remark, ...] = ()
    """What the animator should know: that a file ends too early."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


def load_audio(
    path: str | Path,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    max_seconds: float = MAX_SECONDS,
    by_blender: Path | None = None,
) -> Audio:
    """Read a recording, or the seconds from `start_s` to `end_s` of it; `by_blender` as for `SoundFile`.

    Raises:
        UserError: the file is missing, unreadable, no sound, damaged, empty, too long or silent.
    """
    path = Path(path)
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise ValueError(f"start_s={start_s} must not be below 0, end_s={end_s} must be above it")
    with SoundFile(path, by_blender) as file:
        first = round(start_s * file.rate)
        wanted = math.inf if end_s is None else max(round(end_s * file.rate) - first, 1)
        most = math.floor(max_seconds * file.rate)
        samples = decode(file, first, first + int(min(wanted, most + 1)))
        if not len(samples):
            raise begins_too_late(file)
        if len(samples) > most:
            sentence = f"The sound {quoted(path)} lasts longer than {max_seconds / 60:g} minutes; use a shorter part."
            raise UserError("too_long", sentence, str(path))
        remarks = file.remarks()
        rate = file.rate
    if (peak := loudest(samples)) < AUDIBLE:
        sentence = f"The sound {quoted(path)} is silent; choose a recording, or a part of it, with music."
        raise UserError("silent_sound", sentence, f"{path}: peak {peak:g}")
    return Audio(samples, rate, sha256_of(path, SOUND), remarks)


def decode(file: SoundFile, first: int, last: int, tell: Callable[[], None] = lambda: None) -> StoredSamples:
    """Samples (n, channels) from `first` to `last`, fewer where the file ends before.

    Args:
        tell: called once a block; may raise `Cancelled`.

    Raises:
        UserError: the file is damaged, or there is no room for its samples.
    """
    file.go_to(first, tell)
    samples = StoredSamples(file.channels)
    while file.position < last and not file.ended:
        store(samples, file.read(min(BLOCK_FRAMES, last - file.position)))
        tell()
    return samples


def begins_too_late(file: SoundFile) -> UserError:
    """What is said where a file has ended before the part of it that is wanted."""
    if not file.position:
        return has_no_samples(file.path)
    seconds = file.position / file.rate
    sentence = f"The sound {quoted(file.path)} is over after {seconds:.1f} s, before the chosen part begins."
    return UserError("empty_part", sentence, f"{file.position} samples")


def loudest(samples: StoredSamples) -> float:
    """The largest magnitude; 0 where there are no samples."""
    starts = range(0, len(samples), BLOCK_FRAMES)
    return max((float(np.abs(samples[i : i + BLOCK_FRAMES]).max()) for i in starts), default=0.0)


def store(samples: StoredSamples, block: NDArray[np.float32], first: int | None = None) -> None:
    """Append a block, or add it to what is there from `first` on; `UserError` where there is no room for it."""
    try:
        if first is None:
            samples.append(block)
        else:
            samples.add(first, block)
    except OSError as error:
        sentence = (
            "A long sound needs room in the temporary folder; free some space there, or use a shorter part."
        )
        raise UserError("temporary_folder", sentence, repr(error)) from error
