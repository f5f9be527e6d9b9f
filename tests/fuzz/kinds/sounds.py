# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken sound files, to be written down as notes."""

from __future__ import annotations

import io
import random
import struct

import av
import numpy as np
import soundfile

from tests.fuzz.kinds.base import WorkerKind
from tests.fuzz.mutate import mutate_bytes
from tests.fuzz.verdict import Outcome
from tests.fuzz.watch import ROOT

RATE = 22050
FORMATS = (
    ("wav", "PCM_16"), ("wav", "FLOAT"), ("wav", "PCM_24"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", None),
    ("aiff", "PCM_16"), ("ogg", "OPUS"), ("w64", "DOUBLE"),
)  # fmt: skip

ENCODED = (
    ("m4a", "aac"),
    ("m4a", "alac"),
    ("mkv", "aac"),
    ("wma", "wmav2"),
    ("webm", "libopus"),
    ("aac", "aac"),
)
"""What FFmpeg writes: endings and codecs."""


class Sounds(WorkerKind):
    """`transcribe` of a mutated file."""

    name = "sound"

    def prepare(self) -> None:
        music, rate = soundfile.read(
            ROOT / "demo" / "recording.flac", start=3 * 22050, frames=int(1.2 * RATE)
        )
        samples = (music if music.ndim == 1 else music.mean(axis=1)).astype(np.float32)
        self.sources: list[tuple[str, bytes]] = []
        for suffix, subtype in FORMATS:
            for channels in (1, 2, 6) if suffix == "wav" else (2,):
                kept = 48000 if subtype == "OPUS" else rate
                with io.BytesIO() as file:
                    columns = np.repeat(samples[:, None], channels, axis=1)
                    soundfile.write(file, columns, kept, format=suffix.upper(), subtype=subtype)
                    self.sources.append((suffix, file.getvalue()))
        for suffix, codec in ENCODED:
            self.sources.append((suffix, _encoded(suffix, codec, samples, rate)))

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        suffix, data = rng.choice(self.sources)
        if rng.random() < 0.1:
            suffix, data = "wav", _made_up(rng)
        elif number % 20:
            data = mutate_bytes(data, rng)
        if rng.random() < 0.05:
            suffix = rng.choice(("raw", "mid", "npz", "", "m4a"))
        path = self.case / f"song.{suffix}"
        path.write_bytes(data)
        before = self.files()
        output = self.case / "notes.mid"
        end = rng.choice((None, None, 1.0, 5000.0))
        outcome = self.ask(
            "transcribe", {"sound": str(path), "output": str(output), "device": "cpu", "sound_end_s": end}
        )
        return self.finish(outcome, before, ("case/notes.mid",))


def _encoded(suffix: str, codec: str, samples: np.ndarray, rate: int) -> bytes:
    """A file of one channel, made by FFmpeg."""
    rate = 48000 if codec == "libopus" else rate
    container_of = {"m4a": "ipod", "mkv": "matroska", "wma": "asf", "aac": "adts"}
    with io.BytesIO() as file:
        with av.open(file, "w", format=container_of.get(suffix, suffix)) as container:
            stream = container.add_stream(codec, rate=rate, layout="mono")
            stream.bit_rate = 96_000
            stream.format = stream.codec_context.codec.audio_formats[0].name
            frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
            frame.sample_rate = rate
            for ready in av.AudioResampler(format=stream.format, layout="mono", rate=rate).resample(frame):
                for first in range(0, ready.samples, 960):
                    part = np.ascontiguousarray(ready.to_ndarray()[:, first : first + 960])
                    piece = av.AudioFrame.from_ndarray(part, format=ready.format.name, layout="mono")
                    piece.sample_rate, piece.pts = rate, first
                    container.mux(stream.encode(piece))
            container.mux(stream.encode(None))
        return file.getvalue()


def _made_up(rng: random.Random) -> bytes:
    """A WAV file whose header and samples are extreme on purpose."""
    channels, bits = rng.choice((1, 2, 64, 1024, 65535, 0)), rng.choice((8, 16, 24, 32, 64))
    rate = rng.choice((0, 1, 7, 8000, 384_000, 2**31 - 1, 2**32 - 1))
    body = rng.choice((b"", bytes(4000), b"\xff" * 4000, rng.randbytes(4000), struct.pack("<f", 1e38) * 1000))
    if rng.random() < 0.1:
        body = bytes(3 << 20)
    claimed = rng.choice((len(body), 0, 2**32 - 1, 2**31, len(body) * 2))
    kind = 3 if bits >= 32 else 1
    block = max(1, channels * bits // 8) % 65536
    head = struct.pack("<HHIIHH", kind, channels, rate, (rate * block) % 2**32, block, bits)
    rest = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", claimed) + body
    return b"RIFF" + struct.pack("<I", len(rest)) + rest
