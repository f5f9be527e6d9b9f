# SPDX-License-Identifier: GPL-3.0-or-later
"""A sound file, read forward from its first sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from models.errors import Remark, UserError, quoted
from models.music import channel_mix
from models.music.promised_length import promised_samples
from models.music.sound_decoding import Block, Decoded, decoded_sound
from models.plain_file import SOUND, open_plain

RATES = (4_000, 768_000)
UNEVEN_RATE = 192_000
"""Above this, rates are multiples of 100: between two others the filter of `models.music.sample_rate` would grow too
long."""
LOUDEST = 1e3
"""A float file may go above full scale, but beyond this (60 dB above) its samples are not sound."""
MISSING_S = 0.5
"""That a file ends this much before its header says is worth telling."""

LONGEST_S = 24 * 3600.0
"""A header that says more is wrong, and not the end of the file."""


class SoundFile:
    """Samples of a file in one or two channels, each read at most once and in their order.

    Its header is believed in nothing but the rate and the channels: where the sound ends is known when it was read.
    """

    def __init__(self, path: Path, by_blender: Path | None = None) -> None:
        """Open a file; raises `UserError` where there is none, or no sound in it.

        by_blender: the WAV file that Blender made of it, where it did; its samples are read in place of the file's.
        """
        self.path = path
        self._file = open_plain(path, SOUND)
        try:
            promised = promised_samples(self._file)
            decoded = _checked(decoded_sound(self._file, path, by_blender), path)
        except BaseException:
            self._file.close()
            raise
        self.rate = decoded.rate
        """Samples a second."""
        self.channels = min(len(decoded.channels), 2)
        self.position = 0
        """The sample that is read next."""
        self.ended = False
        """Whether there are no more."""
        self._mix = channel_mix.mix(decoded.channels)
        self._blocks: Iterator[Block] = decoded.blocks
        self._promised = decoded.promised if promised is None else promised
        self._held = np.zeros((0, self.channels), np.float32)

    def __enter__(self) -> SoundFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blocks = iter(())
        self._file.close()

    def read(self, most: int) -> Block:
        """The next samples (n, channels): at most so many, none at the end, now and then none before it.

        Raises:
            UserError: what was decoded is no sound.
        """
        if not len(self._held) and not self.ended:
            block = next(self._blocks, None)
            self.ended = block is None
            if block is not None:
                self._held = self._fit(block)
        part, self._held = self._held[:most], self._held[most:]
        self.position += len(part)
        return part

    def go_to(self, first: int, tell: Callable[[], None]) -> None:
        """Read on as far as sample `first`, or the end; `tell` is called once a block."""
        if first < self.position:
            raise ValueError(f"first={first} must not be before position={self.position}")
        while self.position < first and not self.ended:
            self.read(first - self.position)
            tell()

    def remarks(self) -> tuple[Remark, ...]:
        """What is to be told of a file that was read to its end."""
        missing = (self._promised or 0) - self.position
        if not self.ended or not MISSING_S <= missing / self.rate < LONGEST_S:
            return ()
        ends_s, promised_s = self.position / self.rate, (self.position + missing) / self.rate
        sentence = (
            f"The recording {quoted(self.path)} ends after {ends_s:.1f} s of the {promised_s:.1f} s that its header "
            "promises; what is there was heard."
        )
        return (Remark("sound_cut_off", sentence),)

    def _fit(self, block: Block) -> Block:
        if not (np.abs(block) <= LOUDEST).all():
            second = (self.position + len(self._held)) / self.rate
            sentence = f"The sound {quoted(self.path)} is damaged; export it again or choose another."
            detail = f"{self.path}: samples around {second:.1f} s are no numbers or far too loud"
            raise UserError("corrupt_sound", sentence, detail)
        return block if self._mix is None else block @ self._mix


def _checked(decoded: Decoded | None, path: Path) -> Decoded:
    """The same; `UserError` where it is nothing or has a rate that no sound has."""
    if decoded is None:
        sentence = f"The file {quoted(path)} is not a sound that can be read; convert it to WAV, FLAC or OGG."
        raise UserError("not_audio", sentence, str(path))
    rate = decoded.rate
    if not RATES[0] <= rate <= RATES[1] or (rate > UNEVEN_RATE and rate % 100):
        sentence = f"The sound {quoted(path)} has {rate} samples a second; convert it to 44100 or 48000."
        raise UserError("sample_rate", sentence, str(path))
    if decoded.promised == 0:
        raise has_no_samples(path)
    return decoded


def has_no_samples(path: Path) -> UserError:
    """What is said where nothing can be decoded."""
    sentence = f"The sound {quoted(path)} has no samples; export it again or choose another."
    return UserError("sound_empty", sentence, str(path))
