# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings from files, checked before any work is spent on them.

Reads what libsndfile reads: WAV, FLAC, OGG, MP3, AIFF and more. A file is decoded in blocks, so that memory
is that of the samples that are wanted, and a file that claims to be endless is given up at the limit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.errors import UserError, quoted

MAX_SECONDS = 30 * 60.0
SILENCE_DBFS = -60.0
"""A recording whose loudest sample is below this is silent."""
LOUDEST = 1e3
"""A float file may go above full scale, but beyond this (60 dB above) its samples are not sound."""
RATES = (4_000, 768_000)
BLOCK_FRAMES = 1 << 18
MISSING_S = 0.5
"""A file that ends this much before its header says is damaged."""


@dataclass(frozen=True)
class Audio:
    """A recording, or a part of one."""

    samples: NDArray[np.float32]
    """(n, channels), one channel or two, full scale is 1."""
    rate: int
    """Samples a second."""
    sha256: str
    """Of the whole file, whatever part is used."""

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
    sha256 = _hash(path)
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        sentence = f"The file {quoted(path)} is not a sound that can be read; convert it to WAV, FLAC or OGG."
        raise UserError("not_audio", sentence, f"{path}: {error!r}") from error
    with file:
        first, last = _part(file, path, start_s, end_s, max_seconds)
        samples = _decode(file, path, first, last)
    peak = float(np.abs(samples).max())
    if peak < 10 ** (SILENCE_DBFS / 20):
        sentence = f"The sound {quoted(path)} is silent; choose a recording, or a part of it, with music."
        raise UserError("silent_sound", sentence, f"{path}: peak {peak:g}")
    return Audio(samples, file.samplerate, sha256)


def _hash(path: Path) -> str:
    if path.is_dir():
        raise UserError("not_a_file", f"{quoted(path)} is a folder; choose a sound file.", str(path))
    try:
        with open(path, "rb") as file:
            if not file.read(1):
                sentence = f"The sound file {quoted(path)} is empty; export it again or choose another."
                raise UserError("empty_file", sentence, str(path))
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        sentence = f"The sound file {quoted(path)} does not exist any more; choose another."
        raise UserError("sound_missing", sentence, str(path)) from error
    except OSError as error:
        sentence = f"The sound file {quoted(path)} may not be read; check its permissions and its disk."
        raise UserError("sound_unreadable", sentence, repr(error)) from error


def _part(
    file: soundfile.SoundFile, path: Path, start_s: float, end_s: float | None, max_seconds: float
) -> tuple[int, int]:
    """First sample and one past the last of the part that is wanted."""
    rate, length = file.samplerate, file.frames
    if not RATES[0] <= rate <= RATES[1]:
        sentence = f"The sound {quoted(path)} has {rate} samples a second; convert it to 44100 or 48000."
        raise UserError("sample_rate", sentence, str(path))
    if length <= 0:
        sentence = f"The sound {quoted(path)} has no samples; export it again or choose another."
        raise UserError("empty_sound", sentence, str(path))
    if start_s < 0 or (end_s is not None and end_s <= start_s):
        raise ValueError(f"start_s={start_s} must not be below 0, end_s={end_s} must be above it")
    first = round(start_s * rate)
    if first >= length:
        sentence = (
            f"The sound {quoted(path)} is over after {length / rate:.1f} s, before the chosen part begins."
        )
        raise UserError("empty_part", sentence, f"start_s={start_s}")
    last = length if end_s is None else min(length, max(round(end_s * rate), first + 1))
    if last - first > max_seconds * rate:
        minutes = (last - first) / rate / 60
        most = f"{max_seconds / 60:g} minutes"
        sentence = f"The sound {quoted(path)} lasts {minutes:.0f} minutes; use a part of at most {most}."
        raise UserError("too_long", sentence, f"{path}: {length} frames at {rate} Hz")
    return first, last


def _decode(file: soundfile.SoundFile, path: Path, first: int, last: int) -> NDArray[np.float32]:
    """Samples (n, 1 or 2) from `first` to `last`."""
    mix = file.channels > 2
    samples = np.empty((last - first, 1 if mix else file.channels), np.float32)
    done = 0
    try:
        file.seek(first)
        while done < len(samples):
            block = file.read(min(BLOCK_FRAMES, len(samples) - done), dtype="float32", always_2d=True)
            if not len(block):
                break
            if not (np.abs(block) <= LOUDEST).all():
                raise ValueError(
                    f"samples around {(first + done) / file.samplerate:.1f} s are no numbers or far too loud"
                )
            samples[done : done + len(block)] = block.mean(1, keepdims=True) if mix else block
            done += len(block)
        if done < len(samples) - MISSING_S * file.samplerate or done == 0:
            raise ValueError(f"{len(samples) - done} of {len(samples)} samples are missing")
    except (soundfile.SoundFileError, OSError, RuntimeError, ValueError) as error:
        sentence = f"The sound {quoted(path)} is damaged; export it again or choose another."
        raise UserError("corrupt_sound", sentence, f"{path}: {error!r}") from error
    return samples[:done]
