# SPDX-License-Identifier: GPL-3.0-or-later
"""Sounds with clicks that tell their own time, what Blender mixes down, and what our pieces make of the same."""

import struct
import wave
from pathlib import Path

import bpy
import numpy as np

RATE = 48000
LAST = 450
"""Frames from 0 to this one are mixed down."""


def write_clicks(path, seconds=8.0, first=0.25, loud=0.1):
    """A sound with a click every half second, each 0.02 louder than the one before."""
    samples = np.zeros(int(RATE * seconds))
    for k, at in enumerate(np.arange(first, seconds, 0.5)):
        samples[round(at * RATE) :][:60] = loud + 0.02 * k
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return path


def read_clicks(path):
    """Samples of the first channel."""
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")[:: file.getnchannels()] / 32767.0


def mixed(edit, path):
    """The samples that Blender plays from frame 0 of an edit on."""
    bpy.context.window.scene = edit
    before = edit.frame_start, edit.frame_end
    edit.frame_start, edit.frame_end = 0, LAST
    bpy.ops.sound.mixdown(filepath=str(path), container="WAV", codec="PCM", format="F32", mixrate=RATE)
    edit.frame_start, edit.frame_end = before
    return read_floats(path)


def read_floats(path):
    """Samples of the first channel of a WAV file of floats."""
    data = path.read_bytes()
    form, body = data.index(b"fmt ") + 8, data.index(b"data")
    (channels,) = struct.unpack("<H", data[form + 2 : form + 4])
    samples = np.frombuffer(data[body + 8 :][: (len(data) - body - 8) // 4 * 4], "<f4")
    return samples[: len(samples) // channels * channels].reshape(-1, channels)[:, 0].astype(float)


def assembled(sound, scene):
    """What the worker makes of a `StripSound`'s parameters, from frame 0 on."""
    params = sound.params()
    pieces = params["sounds"] or [
        {
            "path": params["sound"],
            "start_s": params["sound_start_s"],
            "end_s": params["sound_end_s"],
            "at_s": 0.0,
            "gain": 1.0,
        }
    ]
    rate = scene.render.fps / scene.render.fps_base
    lead = 20 * RATE  # what lies before frame 0
    out = np.zeros(lead + int((LAST + 1) / rate * RATE))
    for piece in pieces:
        every = read_floats(Path(params["decoded"])) if params["decoded"] else read_clicks(piece["path"])
        samples = every[round(piece["start_s"] * RATE) : round(piece["end_s"] * RATE)]
        at = lead + round((sound.heard.start_frame / rate + piece["at_s"]) * RATE)
        room = out[at:][: len(samples)]
        room += piece["gain"] * samples[: len(room)]
    return out[lead:]


def clicks(samples):
    """(time in seconds, level beside the loudest) of each click."""
    loud = np.flatnonzero(np.abs(samples) > 0.004)
    starts = [i for i, last in zip(loud, [-RATE, *loud[:-1]], strict=True) if i - last > 500]
    levels = np.array([np.median(samples[i + 20 : i + 40]) for i in starts])
    return np.array(starts) / RATE, levels / levels.max() if len(levels) else levels


def same_sound(edit, sound, scene, path):
    """Whether pieces and mixdown have the same clicks: within 1 ms and 2 %, up to a common factor."""
    times, levels = clicks(mixed(edit, path))
    our_times, our_levels = clicks(assembled(sound, scene))
    assert len(times) > 1
    np.testing.assert_allclose(our_times, times, atol=1e-3)
    np.testing.assert_allclose(our_levels, levels, rtol=0.02, atol=0.002)


OLD_NAMES = {
    "content_start": "frame_start",
    "left_handle_offset": "frame_offset_start",
    "right_handle_offset": "frame_offset_end",
    "content_trim_start": "animation_offset_start",
    "left_handle": "frame_final_start",
    "right_handle": "frame_final_end",
}


def put(strip, **values):
    """Set a strip's properties by their names of Blender 5.2."""
    for name, value in values.items():
        setattr(strip, name if hasattr(strip, name) else OLD_NAMES[name], value)
    return strip


def get(strip, name):
    return getattr(strip, name if hasattr(strip, name) else OLD_NAMES[name])
