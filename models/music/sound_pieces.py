# SPDX-License-Identifier: GPL-3.0-or-later
"""One sound from pieces of files, each placed at a second of the take: a recording that was cut, moved or layered.

Where a piece begins and ends is worked out on the take's own samples, so that pieces that meet meet exactly, and a
recording that is cut and put together again is the same samples as before.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import Remark, UserError, quoted
from models.music import audio
from models.music.audio import Audio, StoredSamples
from models.music.sample_rate import FILTER_ZEROS, resampled
from models.music.sound_file import SoundFile
from models.music.sound_piece import SoundPiece

MIXED_RATE = 48_000
"""Files of several rates are heard at the highest of them, up to this."""
_TIE = 1e-4
"""Share of a sample that seconds may be off without another sample being meant: a frame often begins between two."""


@dataclass(frozen=True)
class Placed:
    """A piece in samples of the take."""

    piece: SoundPiece
    first: int
    last: int
    zero: int
    """Where in the take the file's first sample would be; may be before its beginning."""

    @classmethod
    def of(cls, piece: SoundPiece, rate: int) -> Placed:
        """The piece in a take of so many samples a second."""
        first, last, zero = (
            sample_at(second, rate) for second in (piece.at_s, piece.until_s, piece.at_s - piece.start_s)
        )
        return cls(piece, first, last, zero)


def sample_at(second: float, rate: int) -> int:
    """The sample nearest to a second; of two as near, always the later one."""
    return math.floor(second * rate + 0.5 + _TIE)


def assemble(
    pieces: Sequence[SoundPiece], tell: Callable[[], None] = lambda: None, by_blender: Path | None = None
) -> Audio:
    """The pieces added up; its `sha256` is that of the samples.

    Args:
        tell: called once a block; may raise `Cancelled`.
        by_blender: as for `SoundFile`, of the one file that all pieces are of.

    Raises:
        UserError: a file that is missing or damaged, a file that ends before all its pieces, pieces that are too
            long together, or silence.
    """
    files: defaultdict[Path, list[SoundPiece]] = defaultdict(list)
    for piece in sorted(pieces, key=lambda piece: (str(piece.path), piece.start_s, piece.at_s)):
        if piece.gain > 0:
            files[piece.path].append(piece)
    duration_s = max(piece.until_s for piece in pieces)
    if duration_s > audio.MAX_SECONDS:
        most = f"{audio.MAX_SECONDS / 60:g} minutes"
        sentence = f"What is heard lasts {duration_s / 60:.0f} minutes; use a part of at most {most}."
        raise UserError("too_long", sentence, f"{duration_s} s")
    rate, channels = _common_form(files, by_blender)
    sound = _silence(sample_at(duration_s, rate), channels)
    remarks: tuple[Remark, ...] = ()
    for path, heard in files.items():
        with SoundFile(path, by_blender) as file:
            placed = [Placed.of(piece, rate) for piece in heard]
            added = [_add(sound, group, file, rate, tell) for group in _together(placed, file.rate, rate)]
            if not any(added):
                raise audio.begins_too_late(file)
            remarks += file.remarks()
    if audio.loudest(sound) < audio.AUDIBLE:
        name = quoted(pieces[0].path)
        sentence = f"What is heard of {name} is silent; choose a recording, or a part of it, with music."
        raise UserError("silent_sound", sentence, ", ".join(map(str, files)))
    return Audio(sound, rate, _sha256(sound, rate, tell), remarks)


def _common_form(files: Iterable[Path], by_blender: Path | None) -> tuple[int, int]:
    """Rate and channels that the files are brought to."""
    rates, channels = set(), 1
    for path in files:
        with SoundFile(path, by_blender) as file:
            rates.add(file.rate)
            channels = max(channels, file.channels)
    if len(rates) > 1:
        return min(max(rates), MIXED_RATE), channels
    return (rates.pop() if rates else MIXED_RATE), channels


def _silence(count: int, channels: int) -> StoredSamples:
    sound = StoredSamples(channels)
    for first in range(0, count, audio.BLOCK_FRAMES):
        audio.store(sound, np.zeros((min(audio.BLOCK_FRAMES, count - first), channels), np.float32))
    return sound


def _span(placed: Placed, from_rate: int, rate: int) -> tuple[int, int]:
    """First and last sample of the file that a piece needs, those around it that resampling looks at included."""
    begin, end = placed.first - placed.zero, placed.last - placed.zero
    if from_rate == rate:
        return begin, end
    down = from_rate // math.gcd(from_rate, rate)
    reach = FILTER_ZEROS * max(1, math.ceil(from_rate / rate)) + 2 * down
    first = max(begin * from_rate // rate - reach, 0) // down * down  # where samples of both rates meet
    return first, -(-end * from_rate // rate) + reach


def _together(placed: list[Placed], from_rate: int, rate: int) -> Iterator[tuple[int, int, list[Placed]]]:
    """Stretches of the file that are decoded at one go, in order, and the pieces in each: none is decoded twice."""
    group: list[Placed] = []
    begin = end = 0
    for item in sorted(placed, key=lambda item: _span(item, from_rate, rate)):
        first, last = _span(item, from_rate, rate)
        if group and first > end:
            yield begin, end, group
            group = []
        begin, end = (begin, max(end, last)) if group else (first, last)
        group.append(item)
    if group:
        yield begin, end, group


def _add(
    sound: StoredSamples,
    group: tuple[int, int, list[Placed]],
    file: SoundFile,
    rate: int,
    tell: Callable[[], None],
) -> bool:
    """Add the pieces of a stretch; whether the file has anything of it. What lies behind its end is silence."""
    begin, end, placed = group
    part = Audio(audio.decode(file, begin, end, tell), file.rate, "")
    # A stretch begins on a sample of both rates.
    base = begin * rate // file.rate
    for item in placed:
        for first in range(item.first, item.last, audio.BLOCK_FRAMES):
            count = min(audio.BLOCK_FRAMES, item.last - first)
            block = _cut(part, rate, first - item.zero - base, count)
            audio.store(sound, np.float32(item.piece.gain) * _spread(block, sound.shape[1]), first)
            tell()
    return len(part.samples) > 0


def _cut(part: Audio, rate: int, first: int, count: int) -> NDArray[np.float32]:
    """Samples (n, channels) of a stretch at the take's rate; as many as there are."""
    if part.rate == rate:
        return np.asarray(part.samples[first : first + count])
    return resampled(part, rate, first, count).T


def _spread(block: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    return block if block.shape[1] == channels else np.repeat(block, channels, axis=1)


def _sha256(sound: StoredSamples, rate: int, tell: Callable[[], None]) -> str:
    digest = hashlib.sha256(f"{rate} Hz, {sound.shape[1]} channels, ".encode())
    for first in range(0, len(sound), audio.BLOCK_FRAMES):
        digest.update(sound[first : first + audio.BLOCK_FRAMES].tobytes())
        tell()
    return digest.hexdigest()
