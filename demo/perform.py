# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the demo recording from its score: `score.mid` -> `recording.mid`, `recording.flac`.

    python demo/perform.py          (needs fluidsynth and a soundfont, see training/data/rendering.py)

The result lies in the repository; this script is here so that anyone can see how it was made, and make
another. The performance is a handful of a waltz pianist's habits: the melody on top sings, the bass on the
first beat is firm and its second beat comes early, phrases of four bars swell and breathe, no two fingers
land at quite the same time.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.music.midi import read_midi, write_midi
from training.data.rendering import render

SEED = 1893
BEAT_S = 0.48387  # the score's quarter note, 124 a minute
FIRST_BAR_S = 3 * BEAT_S  # the theme begins after one bar of upbeat
LEAD_S = 0.3
TAIL_S = 1.5
FADE_S = 0.5


def perform(notes: Notes, generator: np.random.Generator) -> Notes:
    """The score's notes, in their hands, as a pianist might play them, sorted by onset."""
    onset, pitch, left = notes.onset_s, notes.pitch, notes.hand == LEFT
    bar = (onset - FIRST_BAR_S) / (3 * BEAT_S)
    beat = np.rint((bar % 1) * 3).astype(int) % 3
    phrase = np.clip(bar / 4, 0, None) % 1
    top = pitch == [pitch[np.abs(onset - second) < 0.01].max() for second in onset]
    long = notes.offset_s - onset > 1.5 * BEAT_S
    melody = (notes.hand == RIGHT) & top & (long | (bar < 0) | (beat == 0))
    velocity = np.select([melody, left & (beat == 0), left], [84.0, 68.0, 60.0], 54.0)
    velocity += 10 * np.sin(np.pi * phrase) - 3 + generator.normal(0, 2, len(notes))

    # One tempo curve for both hands, then each finger's own few milliseconds.
    rubato = 0.045 * np.sin(2 * np.pi * phrase) - np.where(beat == 1, 0.018, 0)
    early = np.where(melody, 0.012, 0) + generator.normal(0, 0.005, len(notes)).clip(-0.01, 0.01)
    shift = LEAD_S + rubato - early
    length = (notes.offset_s - onset) * np.where(melody, 0.97, np.where(left, 0.85, 0.7))
    began = onset.astype(np.float64) + shift
    played = replace(notes, onset_s=began, offset_s=began + length, velocity=velocity)
    return played.select(np.argsort(began, kind="stable")).astype(np.float32)


def main() -> None:
    """Write the recording beside this file."""
    notes = perform(read_midi(HERE / "score.mid").notes, np.random.default_rng(SEED))
    write_midi(HERE / "recording.mid", notes)
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "recording.wav"
        render(HERE / "recording.mid", wave)
        samples, rate = soundfile.read(wave, dtype="float32", always_2d=True)
    samples = samples[: round((float(notes.offset_s.max()) + TAIL_S) * rate)]
    fade = round(FADE_S * rate)
    samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    samples *= 0.7 / np.abs(samples).max()
    soundfile.write(HERE / "recording.flac", samples.mean(1), rate, subtype="PCM_16", compression_level=1.0)


if __name__ == "__main__":
    main()
