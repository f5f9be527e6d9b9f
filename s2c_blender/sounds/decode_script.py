# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by a second Blender: some seconds of a sound or film as a WAV file. Arguments: source target start end."""

from __future__ import annotations

import sys
import wave

import bpy  # noqa: F401  where Blender is a module, it brings aud

import aud  # isort: skip
import numpy as np


def decode(source: str, target: str, start_s: float, end_s: float) -> None:
    """Write seconds `start_s` to `end_s` of `source` to `target`.

    All before them is decoded too: seeking in a film is off by up to a tenth of a second. Two channels stay two, for in
    one those of opposite phase would be silence; more become two.
    """
    sound = aud.Sound(source)
    rate, channels = int(sound.specs[0]), min(int(sound.specs[1]), 2)
    samples = sound.rechannel(channels).limit(0.0, end_s).data()[round(start_s * rate) :]
    with wave.open(target, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        for i in range(0, len(samples), rate):
            file.writeframes((np.clip(samples[i : i + rate], -1.0, 1.0) * 32767).astype("<i2").tobytes())


if __name__ == "__main__":
    decode(sys.argv[-4], sys.argv[-3], float(sys.argv[-2]), float(sys.argv[-1]))
