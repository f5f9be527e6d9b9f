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
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from models.music.midi import read_midi, write_midi
from training.data.rendering import render

SEED = 1893
BEAT_S = 0.48387  # the score's quarter note, 124 a minute
FIRST_BAR_S = 3 * BEAT_S  # the theme begins after one bar of upbeat
LEAD_S = 0.3
TAIL_S = 1.5
FADE_S = 0.5


def perform(
    notes: NDArray[np.float32], hands: NDArray[np.int8], generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """The score's notes (n, 4) and their hands (n,) as a pianist might play them, sorted by onset."""
    played = notes.astype(np.float64)
    bar = (notes[:, 0] - FIRST_BAR_S) / (3 * BEAT_S)
    beat = np.rint((bar % 1) * 3).astype(int) % 3
    phrase = np.clip(bar / 4, 0, None) % 1
    top = np.array([note[2] == notes[np.abs(notes[:, 0] - note[0]) < 0.01, 2].max() for note in notes])
    long = notes[:, 1] - notes[:, 0] > 1.5 * BEAT_S
    melody = (hands == 1) & top & (long | (bar < 0) | (beat == 0))
    played[:, 3] = np.select([melody, (hands == 0) & (beat == 0), hands == 0], [84, 68, 60], 54)
    played[:, 3] += 10 * np.sin(np.pi * phrase) - 3 + generator.normal(0, 2, len(notes))

    # One tempo curve for both hands, then each finger's own few milliseconds.
    rubato = 0.045 * np.sin(2 * np.pi * phrase) - np.where(beat == 1, 0.018, 0)
    early = np.where(melody, 0.012, 0) + generator.normal(0, 0.005, len(notes)).clip(-0.01, 0.01)
    shift = LEAD_S + rubato - early
    played[:, 0] += shift
    length = (notes[:, 1] - notes[:, 0]) * np.where(melody, 0.97, np.where(hands == 0, 0.85, 0.7))
    played[:, 1] = played[:, 0] + length
    order = np.argsort(played[:, 0], kind="stable")
    return played[order].astype(np.float32), hands[order]


def main() -> None:
    """Write the recording beside this file."""
    score = read_midi(HERE / "score.mid")
    notes, hands = perform(score.notes, score.hands, np.random.default_rng(SEED))
    write_midi(HERE / "recording.mid", notes, hands)
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "recording.wav"
        render(HERE / "recording.mid", wave)
        samples, rate = soundfile.read(wave, dtype="float32", always_2d=True)
    samples = samples[: round((float(notes[:, 1].max()) + TAIL_S) * rate)]
    fade = round(FADE_S * rate)
    samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)[:, None]
    samples *= 0.7 / np.abs(samples).max()
    soundfile.write(HERE / "recording.flac", samples.mean(1), rate, subtype="PCM_16", compression_level=1.0)


if __name__ == "__main__":
    main()
