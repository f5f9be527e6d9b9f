# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by a second Blender: some seconds of a sound or film as a mono WAV file. Arguments: source target start end."""

from __future__ import annotations

import sys
import wave

import bpy  # noqa: F401  where Blender is a module, it brings aud

import aud  # isort: skip
import numpy as np


def decode(source: str, target: str, start_s: float, end_s: float) -> None:
    """Write seconds `start_s` to `end_s` of `source` to `target`.

    All before them is decoded too: seeking in a film is off by up to a tenth of a second.
    """
    sound = aud.Sound(source)
    rate = int(sound.specs[0])
    samples = sound.rechannel(1).limit(0.0, end_s).data()[round(start_s * rate) :, 0]
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        for i in range(0, len(samples), rate):
            file.writeframes((np.clip(samples[i : i + rate], -1.0, 1.0) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    decode(sys.argv[-4], sys.argv[-3], float(sys.argv[-2]), float(sys.argv[-1]))
