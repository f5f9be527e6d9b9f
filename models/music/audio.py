# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings from files, checked before any work is spent on them.

Reads what libsndfile reads: WAV, FLAC, OGG, MP3, AIFF and more. A file is decoded in blocks, once, so that a file
that claims to be endless is given up at the limit, and nothing depends on how exactly a format can be searched. The
samples of a long sound wait on disk until they are looked at.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.errors import UserError, quoted
from models.plain_file import SOUND, open_plain, sha256_of

MAX_SECONDS = 30 * 60.0
AUDIBLE = 10 ** (-60 / 20)
"""A recording whose loudest sample is below this is silent."""
LOUDEST = 1e3
"""A float file may go above full scale, but beyond this (60 dB above) its samples are not sound."""
RATES = (4_000, 768_000)
UNEVEN_RATE = 192_000
"""Above this, rates are multiples of 100: between two others the filter of `models.music.sample_rate` would grow too
long."""
BLOCK_FRAMES = 1 << 18
BLOCK_SAMPLES = 1 << 20
"""Of all channels together: a block of many channels has fewer frames."""
LEAD_FRAMES = 1 << 14
"""Samples that are decoded before a part: two of Vorbis' longest blocks."""
MEMORY_BYTES = 32 << 20
"""Samples beyond this (three minutes of one channel) are kept in a temporary file."""
MISSING_S = 0.5
"""A file that ends this much before its header says is damaged."""


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

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


def load_audio(
    path: str | Path, *, start_s: float = 0.0, end_s: float | None = None, max_seconds: float = MAX_SECONDS
) -> Audio:
    """Read a recording, or the seconds from `start_s` to `end_s` of it.

    More than two channels are mixed to one.

    Raises:
        UserError: the file is missing, unreadable, no sound, damaged, empty, too long or silent.
    """
    path = Path(path)
    with open_sound(path) as file:
        first, last = _part(file, path, start_s, end_s, max_seconds)
        sha256 = sha256_of(path, SOUND)
        samples = decode(file, path, first, last)
    if (peak := loudest(samples)) < AUDIBLE:
        sentence = f"The sound {quoted(path)} is silent; choose a recording, or a part of it, with music."
        raise UserError("silent_sound", sentence, f"{path}: peak {peak:g}")
    return Audio(samples, file.samplerate, sha256)


def open_sound(path: Path) -> soundfile.SoundFile:
    """A sound file, opened, its header read and found sensible; `UserError` where it is none."""
    check_file(path)
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError, ValueError) as error:
        # TypeError: a name that ends in .raw; what such a file holds is told nowhere.
        sentence = f"The file {quoted(path)} is not a sound that can be read; convert it to WAV, FLAC or OGG."
        raise UserError("not_audio", sentence, f"{path}: {error!r}") from error
    rate = file.samplerate
    if not RATES[0] <= rate <= RATES[1] or (rate > UNEVEN_RATE and rate % 100):
        sentence = f"The sound {quoted(path)} has {rate} samples a second; convert it to 44100 or 48000."
        raise UserError("sample_rate", sentence, str(path))
    if file.frames <= 0:
        sentence = f"The sound {quoted(path)} has no samples; export it again or choose another."
        raise UserError("sound_empty", sentence, str(path))
    return file


def check_file(path: Path) -> None:
    """Raise `UserError` where there is no plain file that can be read, or an empty or far too large one."""
    open_plain(path, SOUND).close()


def _part(
    file: soundfile.SoundFile, path: Path, start_s: float, end_s: float | None, max_seconds: float
) -> tuple[int, int]:
    """First sample and one past the last of the part that is wanted."""
    rate, length = file.samplerate, file.frames
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise ValueError(f"start_s={start_s} must not be below 0, end_s={end_s} must be above it")
    check_part_begins(file, path, start_s)
    first = round(start_s * rate)
    last = length if end_s is None else min(length, max(round(end_s * rate), first + 1))
    if last - first > max_seconds * rate:
        minutes = (last - first) / rate / 60
        lasts = f"lasts {minutes:.0f} minutes" if minutes < 10_000 else "says that it lasts for weeks"
        most = f"{max_seconds / 60:g} minutes"
        sentence = f"The sound {quoted(path)} {lasts}; use a part of at most {most}."
        raise UserError("too_long", sentence, f"{path}: {length} frames at {rate} Hz")
    return first, last


def check_part_begins(file: soundfile.SoundFile, path: Path, start_s: float) -> None:
    """Raise `UserError` where a part begins after the end of its file."""
    if round(start_s * file.samplerate) >= file.frames:
        seconds = file.frames / file.samplerate
        sentence = f"The sound {quoted(path)} is over after {seconds:.1f} s, before the chosen part begins."
        raise UserError("empty_part", sentence, f"start_s={start_s}")


def decode(
    file: soundfile.SoundFile,
    path: Path,
    first: int,
    last: int,
    tell: Callable[[], None] = lambda: None,
) -> StoredSamples:
    """Samples (n, 1 or 2) from `first` to `last`; `tell` is called once a block and may raise `Cancelled`."""
    mix = file.channels > 2
    samples = StoredSamples(1 if mix else file.channels)
    wanted = last - first
    try:
        # The first samples after a jump into Vorbis are not the file's: decode some before, and forget them.
        before = min(first, LEAD_FRAMES)
        file.seek(first - before)
        file.read(before, dtype="float32")
        most = min(BLOCK_FRAMES, max(BLOCK_SAMPLES // file.channels, 1))
        while len(samples) < wanted:
            block = file.read(min(most, wanted - len(samples)), dtype="float32", always_2d=True)
            if not len(block):
                break
            if not (np.abs(block) <= LOUDEST).all():
                raise ValueError(
                    f"samples around {(first + len(samples)) / file.samplerate:.1f} s are no numbers or far too loud"
                )
            block = block.mean(1, keepdims=True) if mix else block
            store(samples, block)
            tell()
        if len(samples) < wanted - MISSING_S * file.samplerate or not len(samples):
            raise ValueError(f"{wanted - len(samples)} of {wanted} samples are missing")
    except (soundfile.SoundFileError, OSError, RuntimeError, ValueError) as error:
        sentence = f"The sound {quoted(path)} is damaged; export it again or choose another."
        raise UserError("corrupt_sound", sentence, f"{path}: {error!r}") from error
    return samples


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
