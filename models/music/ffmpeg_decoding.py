# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding by FFmpeg, as Blender does it: where PyAV is installed, which the extension's zips do not hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from models.music.sound_decoding import BLOCK_SAMPLES, Block, Decoded

PACKETS = 256
"""So many packets make a block, also where nothing can be decoded from them."""
CONTAINERS = (
    "aa,aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,dtshd,eac3,flac,flv,iff,loas,matroska,mov,mp3,mp4,mpc,mpc8,"
    "mpeg,mpegts,mxf,nut,ogg,oma,rm,tak,truehd,tta,voc,w64,wav,webm,wv,xwma"
)
"""Of sound and film. FFmpeg's others are lists of further files, addresses, devices, pictures and raw samples."""
GUESSED_LENGTHS = (
    "aac",
    "ac3",
    "asf",
    "dts",
    "eac3",
    "loas",
    "mp3",
    "mpeg",
    "mpegts",
    "truehd",
    "w64",
    "wav",
)
"""Of these FFmpeg says what the size of the file and the bits a second come to."""
FULL_SCALE = {"u8": 1 << 7, "s16": 1 << 15, "s32": 1 << 31, "s64": 1 << 63, "flt": 1, "dbl": 1}
"""What a sample of 1 is in each of FFmpeg's forms."""


class _Named:
    """A file under its name, of which FFmpeg takes a hint."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self.name = file, name
        self.read, self.tell = file.read, file.tell

    def seek(self, offset: int, whence: int) -> int:
        """Where it now stands; below 0 where no such place is, which a broken file may ask for."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


def by_ffmpeg(file: BinaryIO, path: Path) -> Decoded | None:
    """Decode with FFmpeg; None where it finds no sound in the file."""
    options = {"format_whitelist": CONTAINERS}
    try:
        container = av.open(_Named(file, path.name), "r", options=options, metadata_errors="ignore")
    except (av.FFmpegError, ValueError, OSError):
        return None
    if not container.streams.audio:
        container.close()
        return None
    frames = _frames(container)
    first = next((frame for frame in frames if frame is not None and frame.samples), None)
    if first is None:
        return None
    names = tuple(channel.name if channel.name != "NONE" else "" for channel in first.layout.channels)
    return Decoded(
        first.sample_rate,
        names,
        _blocks(first, frames, len(names)),
        _length(container, first.sample_rate),
    )


def _frames(container: av.container.InputContainer) -> Iterator[av.AudioFrame | None]:
    """What can be decoded of the first sound; None after each packet. A broken packet is passed over, as in Blender."""
    with container:
        stream = container.streams.audio[0]
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError, OSError):
                return  # Blender, too, ends where no further packet can be read
            with contextlib.suppress(av.FFmpegError, ValueError):
                yield from packet.decode()
            yield None


def _blocks(first: av.AudioFrame, frames: Iterator[av.AudioFrame | None], channels: int) -> Iterator[Block]:
    held, packets = [_samples(first, channels)], 0
    most = BLOCK_SAMPLES // channels
    for frame in frames:
        if frame is not None:
            held.append(_samples(frame, channels))
        packets += frame is None
        if packets >= PACKETS or sum(map(len, held)) >= most:
            yield np.concatenate([np.zeros((0, channels), np.float32), *held])
            held, packets = [], 0
    yield np.concatenate([np.zeros((0, channels), np.float32), *held])


def _samples(frame: av.AudioFrame, channels: int) -> Block:
    """A frame's samples (n, channels), full scale 1; where a stream changes its channels, as many as at first."""
    values, name = frame.to_ndarray(), frame.format.name
    count = frame.layout.nb_channels
    block = values.T if frame.format.is_planar else values.reshape(-1, count)
    full_scale = FULL_SCALE[name.removesuffix("p")]
    if name.startswith("u8"):
        block = block.astype(np.float32) - full_scale
    block = (block / np.float32(full_scale)).astype(np.float32, copy=False)
    if count == channels:
        return block
    return np.repeat(block[:, :1], channels, axis=1) if count < channels else block[:, :channels]


def _length(container: av.container.InputContainer, rate: int) -> int | None:
    if container.duration is None or container.format.name in GUESSED_LENGTHS:
        return None
    return round(container.duration / av.time_base * rate)
