# SPDX-License-Identifier: GPL-3.0-or-later
"""Velocities from sound beside those that were played: as the network hears them, and on the scale of MIDI files.

    python -m benchmarks.velocities demo/recording.flac demo/recording.mid [SOUND MIDI ...]

Arguments are pairs: a recording, and a MIDI file of the very notes, at the same seconds. Columns:

- notes: heard within 50 ms of a note of the file, of the file's notes;
- played: the median of their velocities in the file, and how fast the strokes of 95 in 100 are for those of 5 in 100;
- then, for what the network hears and for what is made of it: rank correlation (Spearman) with the file's velocities;
  how far the median is off; velocities for one of the file's (least squares); that ratio of speeds; share of the notes
  whose strokes are as fast as strokes can be (`models/contact/touch.py`).

With `--decibels` the recording's loudest sample has that level, full scale being 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.app.transcriber import load_transcriber
from models.body.notes import Notes
from models.contact.touch import FASTEST, peak_speed
from models.evaluation.dynamics import same_notes
from models.evaluation.key_strokes import spearman
from models.music.audio import Audio, load_audio
from models.music.midi import read_midi
from models.music.transcription.transcribe import transcribe
from models.music.transcription.velocities import on_the_midi_scale

Array = NDArray[np.float64]
HEAD = "rank | median off | slope | speeds, p95 / p5 | fastest"


def speed_ratio(velocity: Array) -> float:
    """The 95th percentile of the strokes' speeds by the 5th."""
    slow, fast = np.percentile(peak_speed(velocity), (5, 95))
    return float(fast / slow)


def cells(velocity: Array, played: Array) -> str:
    """How near velocities are to those that were played, as cells of the table."""
    rank, off = spearman(played, velocity), float(np.median(velocity) - np.median(played))
    slope = np.polyfit(played, velocity, 1)[0]
    fastest = float((peak_speed(velocity) >= FASTEST).mean())
    said = "" if rank is None else f"{rank:.2f}"
    return f"{said} | {off:+.0f} | {slope:.2f} | {speed_ratio(velocity):.1f} | {fastest:.2f}"


def line(name: str, audio: Audio, raw: Notes, played: Notes) -> str:
    """A line of the table: `raw` are the notes of the sound with the network's velocities."""
    own, true = same_notes(raw, played)
    velocity = played.velocity[true].astype(float)
    kinds = [notes.velocity[own].astype(float) for notes in (raw, on_the_midi_scale(audio, raw))]
    right = f"{len(own)} of {len(played)} | {np.median(velocity):.0f}, {speed_ratio(velocity):.1f}"
    return " | ".join([f"| {name}", right, *(cells(kind, velocity) for kind in kinds)]) + " |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the pairs that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="SOUND MIDI")
    parser.add_argument("--seconds", type=float, default=14.0, help="of each recording, from its beginning")
    parser.add_argument("--decibels", type=float, help="level of the loudest sample; as it is if not given")
    chosen = parser.parse_args(arguments)
    if len(chosen.files) % 2:
        parser.error("files come in pairs, a recording and a MIDI file of it")
    network = load_transcriber("cpu")
    print(f"| recording | notes | played | heard: {HEAD} | on the scale: {HEAD} |")
    print("|" + "---|" * 13)
    for sound, midi in zip(chosen.files[::2], chosen.files[1::2], strict=True):
        audio, played = load_audio(sound, end_s=chosen.seconds), read_midi(midi).notes
        if chosen.decibels is not None:
            samples = np.asarray(audio.samples)
            louder = np.float32(10 ** (chosen.decibels / 20)) / np.abs(samples).max()
            audio = Audio(samples * louder, audio.rate, audio.sha256, audio.remarks)
        inside = played.select(played.onset_s < chosen.seconds - 0.1)
        print(line(sound.name, audio, transcribe(audio, network).notes, inside), flush=True)


if __name__ == "__main__":
    main()
