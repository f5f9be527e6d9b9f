# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact by itself: how well it plays what it is given, whether it holds what it promises, and how long it takes.

    python -m benchmarks.contact --scores path/to/scores --count 20 --seed 0
    python -m benchmarks.contact --midi liszt.mid islamey.mid --seconds 30

The networks' motion is made first; then contact alone is timed, in processor seconds of one thread. Without files the
scenes are made here: hands that alternate triads on the same keys, hands in the same octave, leaps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body.notes import Notes
from models.body.take import Take
from models.contact import apply_contact
from models.evaluation.biomechanics import biomechanics, fingertips
from models.evaluation.scores import hand_size_of, take_onsets
from models.music.midi import write_midi

FASTEST = 17.0
"""Radians a second; no joint of a hand is faster outside leaps of an octave and more."""


@dataclass
class Line:
    """Sums over takes of one kind."""

    kind: str
    hits: int = 0
    false: int = 0
    missed: int = 0
    touching: int = 0
    colliding: int = 0
    fast: int = 0
    frames: int = 0
    seconds: float = 0.0
    music_s: float = 0.0
    fastest: float = 0.0
    usual_fastest: list[float] = field(default_factory=list)

    def add(self, generated: Take) -> None:
        """Put the fingers of a take without contact on their keys and measure the result."""
        begin = time.process_time()
        size = hand_size_of(generated)
        motion = apply_contact(
            generated.motion, generated.notes, hand_size=size, geometry=generated.geometry
        ).motion
        self.seconds += time.process_time() - begin
        onsets = take_onsets(Take(motion, generated.notes, generated.meta)).score
        body = biomechanics(motion, fingertips(motion, size), size)
        speed = np.abs(np.diff(motion.euler.astype(float), axis=0)) * motion.fps
        self.hits, self.false = self.hits + onsets.hits, self.false + onsets.false
        self.missed, self.frames = self.missed + onsets.missed, self.frames + motion.frames
        self.touching += round(body.fingers_closer_3mm * motion.frames)
        self.colliding += round(body.hands_colliding * motion.frames)
        self.fast += int((speed > FASTEST).any((1, 2, 3)).sum())
        self.fastest = max(self.fastest, float(speed.max(initial=0.0)))
        self.usual_fastest.append(float(np.percentile(speed, 99.9)))
        self.music_s += motion.frames / motion.fps

    def row(self) -> str:
        """A row of the table."""
        f1 = 2 * self.hits / max(2 * self.hits + self.false + self.missed, 1)
        return (
            f"| {self.kind} | {f1:.4f} | {self.false} | {self.missed} of {self.hits + self.missed} "
            f"| {self.touching} | {self.colliding} | {self.fastest:.1f} | {np.mean(self.usual_fastest):.1f} "
            f"| {self.fast} of {self.frames} | {self.seconds / self.music_s:.4f} |"
        )


HEAD = (
    "| | onset F1 | false | missed | frames with fingers < 3 mm | with hands colliding "
    "| fastest joint, rad/s | 99.9 % | frames with > 17 | s / s |\n|---|---|---|---|---|---|---|---|---|---|"
)


def alternating(period_s: float) -> list[tuple[float, float, int, int]]:
    """Onset, offset, pitch, hand: both hands play triads in turn, each between the other's keys."""
    chords = ((60, 64, 67), (62, 65, 69))
    times = np.arange(0.5, 16, period_s)
    return [
        (onset, onset + 0.8 * period_s, pitch, i % 2)
        for i, onset in enumerate(times)
        for pitch in chords[i % 2]
    ]


def same_octave() -> list[tuple[float, float, int, int]]:
    """The right hand on white keys, the left one half a beat later on the keys between them."""
    white, between = (60, 62, 64, 65, 67, 65, 64, 62), (61, 63, 66, 68, 66, 63, 61, 63)
    beats = [(0.5 + 0.25 * i, i % 8) for i in range(64)]
    right = [(onset, onset + 0.2, white[i], 1) for onset, i in beats]
    return right + [(onset + 0.125, onset + 0.3, between[i], 0) for onset, i in beats]


def leaps(period_s: float, span: int) -> list[tuple[float, float, int, int]]:
    """Bass and chord in the left hand, the right one to and fro over the same span."""
    rows = []
    for i, onset in enumerate(np.arange(0.5, 16, period_s)):
        chord = (36,) if i % 2 == 0 else (36 + span, 40 + span, 43 + span)
        rows += [(onset, onset + 0.6 * period_s, pitch, 0) for pitch in chord]
        rows.append((onset, onset + 0.7 * period_s, 72 + span * (i % 2), 1))
    return rows


def made_scenes() -> Iterator[tuple[str, Notes]]:
    """Scenes that hands meet in, and leaps."""
    for kind, rows in (
        ("alternating triads, 0.3 s", alternating(0.3)),
        ("alternating triads, 0.2 s", alternating(0.2)),
        ("two hands in one octave", same_octave()),
        ("leaps of two octaves, 0.4 s", leaps(0.4, 24)),
        ("leaps of a twelfth, 0.3 s", leaps(0.3, 19)),
    ):
        table = np.array(sorted(rows))
        notes = np.column_stack([table[:, :3], np.full(len(table), 80.0)])
        yield kind, Notes.from_arrays(notes, hand=table[:, 3].astype(np.int8))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.contact",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scores", type=Path, help="folder of two-track MIDI scores: held-out excerpts")
    parser.add_argument("--midi", type=Path, nargs="+", help="MIDI files")
    parser.add_argument("--count", type=int, default=20, help="excerpts of scores")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    pipeline = Pipeline()
    print(HEAD)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def generated(midi: Path, seconds: float | None, seed: int) -> Take:
            request = GenerateRequest(
                midi=midi, output=folder / "take.npz", seed=seed, contact=0.0, sound_end_s=seconds
            )
            return pipeline.generate(request).take

        if arguments.scores is not None:
            from training.evaluation.excerpts import choose_excerpts
            from training.evaluation.takes import excerpt_seed

            line = Line(f"{arguments.count} held-out excerpts, seed {arguments.seed}")
            for excerpt in choose_excerpts(
                arguments.scores,
                "validation",
                arguments.count,
                arguments.seconds,
                "performed",
                arguments.seed,
            ):
                write_midi(folder / "notes.mid", excerpt.notes)
                seed = excerpt_seed(arguments.seed, excerpt)
                line.add(generated(folder / "notes.mid", excerpt.seconds, seed))
            print(line.row(), flush=True)
        for midi in arguments.midi or ():
            line = Line(midi.stem)
            line.add(generated(midi, arguments.seconds, arguments.seed))
            print(line.row(), flush=True)
        if arguments.scores is None and arguments.midi is None:
            for kind, notes in made_scenes():
                write_midi(folder / "notes.mid", notes)
                line = Line(kind)
                line.add(generated(folder / "notes.mid", None, arguments.seed))
                print(line.row(), flush=True)


if __name__ == "__main__":
    main()
