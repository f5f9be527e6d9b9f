# SPDX-License-Identifier: GPL-3.0-or-later
"""One clip of PianoMotion10M: motion from its JSON file, sound, and the notes of its time.

A row of the annotation has 62 numbers: valid flag, position (3), pose (48), shape (10, noise of the estimate, unused).
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from models.body.notes import UNKNOWN, Notes
from models.errors import UserError
from models.music.midi import read_midi
from training.data.pianomotion.layout import ClipFiles

COLUMNS = 62  # the last ten are the shape of the hand, which nothing here looks at
VALID = 0
POSITION = slice(1, 4)
POSE = slice(4, 52)
AUDIO_RATE = 16_000
MISSING_S = 0.5
"""A sound may end this much before the motion; the rest is silence."""
_MAX_JSON_BYTES = 256 << 20


class BadClip(Exception):
    """A clip that cannot be used; the text says why."""


@dataclass(frozen=True)
class Clip:
    """Motion as stored: the left hand (0) is a mirrored right hand, positions are in the camera's view."""

    rows: NDArray[np.float32]
    """(F, 2, 62)"""
    fps: float
    start_frame: int
    """Of the clip in its video."""
    extra: dict[str, Any]
    """The other fields of the file."""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.rows)

    @property
    def seconds(self) -> float:
        """Length of the clip, seconds."""
        return self.frames / self.fps

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(F, 2): the hand was seen."""
        return self.rows[..., VALID] == 1

    @property
    def position(self) -> NDArray[np.float32]:
        """(F, 2, 3) in the units of the file."""
        return self.rows[..., POSITION]

    @property
    def pose(self) -> NDArray[np.float32]:
        """(F, 2, 48) rotation vectors, radians."""
        return self.rows[..., POSE]

    def adjusted(self) -> Clip:
        """With the video's `adjust` added to y and z of the positions (never to x), as the published commands do."""
        shift = np.asarray(self.extra.get("adjust", (0.0, 0.0, 0.0)), np.float32)
        rows = self.rows.copy()
        rows[..., 2:4] += shift[1:]
        return replace(self, rows=rows)


def read_clip(files: ClipFiles) -> Clip:
    """Read a clip's motion; see `read_annotation`."""
    return read_annotation(files.annotation)


def read_annotation(path: Path) -> Clip:
    """Read one file of motion; `BadClip` where it is missing, damaged or does not fit the format."""
    try:
        if path.stat().st_size > _MAX_JSON_BYTES:
            raise BadClip("its annotation is far too large")
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadClip("its annotation is missing") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BadClip(f"its annotation is not readable JSON ({error})") from error
    if not isinstance(data, dict):
        raise BadClip("its annotation is not a JSON object")
    try:
        hands = [np.asarray(data.pop(side), np.float32) for side in ("left", "right")]
        fps, start = float(data["fps"]), int(data["start_frame"])
        adjust = np.asarray(data.get("adjust", (0.0, 0.0, 0.0)), np.float64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadClip(f"its annotation lacks a field or has one of another kind ({error!r})") from error
    if any(hand.ndim != 2 or hand.shape[1] != COLUMNS for hand in hands):
        raise BadClip(f"its rows have shapes {[hand.shape for hand in hands]}, not (frames, {COLUMNS})")
    if len(hands[0]) != len(hands[1]) or not len(hands[0]):
        raise BadClip(f"it has {len(hands[0])} frames of the left and {len(hands[1])} of the right hand")
    if not 1 <= fps <= 480 or adjust.shape != (3,) or not np.isfinite(adjust).all():
        raise BadClip(f"fps {fps} or adjust {adjust.tolist()} is out of range")
    rows = np.stack(hands, 1)
    if not np.isfinite(rows).all():
        raise BadClip("its motion holds numbers that are not finite")
    return Clip(rows, fps, start, data)


def read_sound(files: ClipFiles, seconds: float) -> tuple[NDArray[np.float32], str]:
    """Mono samples at 16 kHz for `seconds` or more, and the SHA-256 of the file.

    `BadClip` where the sound is missing, damaged or ends more than `MISSING_S` early; less is filled with silence.
    """
    path = files.audio
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except FileNotFoundError as error:
        raise BadClip("its sound is missing") from error
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        raise BadClip(f"its sound cannot be decoded ({error})") from error
    have = len(samples) / rate
    if have < seconds - MISSING_S:
        raise BadClip(f"its sound ends after {have:.1f} s of {seconds:.1f} s of motion")
    mono = samples.mean(1)
    if rate != AUDIO_RATE:
        divisor = math.gcd(rate, AUDIO_RATE)
        mono = resample_poly(mono, AUDIO_RATE // divisor, rate // divisor).astype(np.float32)
    missing = math.ceil(seconds * AUDIO_RATE) - len(mono)
    return np.pad(mono, (0, max(missing, 0))), digest


def read_notes(files: ClipFiles, start_s: float, seconds: float) -> Notes:
    """The notes that sound between the video's second `start_s` and `seconds` later, in the clip's time.

    Frame i of a clip is the video's second (start_frame + i) / fps. A note that began before has a negative onset.
    """
    try:
        notes = read_midi(files.midi).notes
    except UserError as error:
        raise BadClip(f"its notes cannot be read ({error.message})") from error
    notes = notes.with_hands(UNKNOWN).shifted(-np.float32(start_s))
    return notes.select((notes.offset_s > 0) & (notes.onset_s < seconds))
