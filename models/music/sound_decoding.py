# SPDX-License-Identifier: GPL-3.0-or-later
"""From a file to blocks of samples, from the first one to the last, as Blender decodes it.

FFmpeg comes first and libsndfile second, as in Blender's audio library, and all that is decoded is one row of samples:
time stamps are not looked at, and no length is believed that a header gives. So a second of a file is the same second
in both programs. The built-in engine comes without FFmpeg; Blender decodes for it, or the file is a plain WAV file.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.music.promised_length import promised_samples

Block = NDArray[np.float32]
"""Samples (n, channels)."""

BLOCK_SAMPLES = 1 << 20
"""Of all channels together, at most in a block."""
SURROUND = {
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
"""Where so many channels stand that FFmpeg decoded: 5.1 and 7.1."""


@dataclass(frozen=True)
class Decoded:
    """What comes out of a file."""

    rate: int
    """Samples a second."""
    channels: tuple[str, ...]
    """Where each of them stands, as FFmpeg calls it (`FL`, `FC`, `LFE`); empty words where the file does not say."""
    blocks: Iterator[Block]
    """Of any length, also 0; the first has samples."""
    promised: int | None
    """How many samples the container says there are; None where it does not say, or where FFmpeg guessed."""


def decoded_sound(file: BinaryIO, path: Path, by_blender: Path | None = None) -> Decoded | None:
    """Decode an open file called `path`; None where no sound is found in it.

    by_blender: the WAV file that Blender made of it, where it did.
    """
    if by_blender is not None:
        return of_blender(by_blender)
    if importlib.util.find_spec("av") is None:
        return by_libsndfile(path)
    from models.music.ffmpeg_decoding import by_ffmpeg

    return by_ffmpeg(file, path) or by_libsndfile(path)


def of_blender(path: Path) -> Decoded | None:
    """Read what Blender decoded (`s2c_blender/sounds/decode_script.py`).

    The WAV file's header promises as much as that of the sound did; None where there is no such file.
    """
    decoded = by_libsndfile(path)
    if decoded is None:
        return None
    with path.open("rb") as file:
        promised = promised_samples(file)
    names = SURROUND.get(len(decoded.channels), decoded.channels)
    return replace(decoded, channels=names, promised=promised)


def by_libsndfile(path: Path) -> Decoded | None:
    """Decode with libsndfile; None where it does not know the file."""
    try:
        file = soundfile.SoundFile(path)
    except (soundfile.SoundFileError, OSError, RuntimeError, TypeError, ValueError):
        # TypeError: a name that ends in .raw; what such a file holds is told nowhere.
        return None
    most = max(BLOCK_SAMPLES // file.channels, 1)

    def blocks() -> Iterator[Block]:
        with file:
            while True:
                try:
                    block = file.read(most, dtype="float32", always_2d=True)
                except (soundfile.SoundFileError, RuntimeError, ValueError):
                    return
                if not len(block):
                    return
                yield block

    return Decoded(file.samplerate, ("",) * file.channels, blocks(), file.frames)
