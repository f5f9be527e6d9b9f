# SPDX-License-Identifier: GPL-3.0-or-later
"""Contact on the hands of other bodies: do they play as ours do, with their fingertips on the keys.

    python -m benchmarks.other_hands --scores path/to/scores --count 10 --seconds 20
    python -m benchmarks.other_hands --scores path/to/scores --hands CHARACTER.json OTHER.json

Held-out excerpts are played through the whole pipeline by each pair of hands: ours, ours in other sizes, with other
proportions, with joints and fingers that are missing; and those of files. A row of the table is one pair.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body.hand_file import hands_of, object_of, read_hand_file, write_hand_file
from models.body.skeleton import FINGER_JOINTS, FINGERS, STANDARD_HANDS, HandGeometry
from models.body.take import Take
from models.evaluation.biomechanics import biomechanics, fingertips
from models.evaluation.key_touch import THROUGH_M, key_touch, off_key_m
from models.evaluation.scores import shown, take_onsets
from models.music.midi import write_midi
from training.evaluation.excerpts import choose_excerpts
from training.evaluation.takes import excerpt_seed

FIRST_PERTURBED = 11
"""Seed of the first pair with perturbed proportions."""


def scaled(factor: float) -> HandGeometry:
    """Our hands in another size."""
    return replace(
        STANDARD_HANDS,
        finger_bases=factor * STANDARD_HANDS.finger_bases,
        lengths=factor * STANDARD_HANDS.lengths,
        radii=factor * STANDARD_HANDS.radii,
    )


def long_thumbs(factor: float) -> HandGeometry:
    """Our hands with other thumbs."""
    lengths = STANDARD_HANDS.lengths.copy()
    lengths[:, 0] *= factor
    return replace(STANDARD_HANDS, lengths=lengths)


def perturbed(seed: int, share: float = 0.15, degrees: float = 10.0) -> HandGeometry:
    """Our hands with lengths, bases and axes that differ, each finger's by its own; the two hands differ, too."""
    rng = np.random.default_rng(seed)
    hands = STANDARD_HANDS
    lengths = hands.lengths * rng.uniform(1 - share, 1 + share, hands.lengths.shape)
    bases = hands.finger_bases * rng.uniform(1 - share, 1 + share, hands.finger_bases.shape)
    frames = hands.finger_frames.copy()
    for hand in range(2):
        for finger in range(5):
            axis = rng.normal(size=3)
            frames[hand, finger] = _turn(axis, np.radians(rng.uniform(0, degrees))) @ frames[hand, finger]
    return replace(hands, lengths=lengths, finger_bases=bases, finger_frames=frames)


def _turn(axis: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Rotation about an axis, by Rodrigues."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    turn: NDArray[np.float64] = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turn


def locked(fingers: range | tuple[int, ...], joint: int) -> HandGeometry:
    """Our hands without a joint (0 to 2) of some fingers."""
    limits = STANDARD_HANDS.limits.copy()
    limits[:, FINGER_JOINTS[list(fingers), joint]] = 0.0
    return replace(STANDARD_HANDS, limits=limits)


def without(finger: str) -> HandGeometry:
    """Our hands without a finger."""
    described = object_of(STANDARD_HANDS, "")
    for hand in ("left", "right"):
        described[hand]["fingers"][finger] = None
    return hands_of(described)


def made_hands() -> Iterator[tuple[str, HandGeometry]]:
    """All pairs that need no file."""
    for factor in (0.85, 1.0, 1.1, 1.2):
        yield f"ours, {factor:g} times as large", scaled(factor)
    yield "thumbs 1.2 times as long", long_thumbs(1.2)
    for seed in range(FIRST_PERTURBED, FIRST_PERTURBED + 3):
        yield f"proportions {seed}: 15 %, 10 degrees", perturbed(seed)
    yield "fingers of two joints", locked(range(1, 5), 2)
    yield "thumbs without their first joint", locked((0,), 0)
    for finger in FINGERS[3:]:
        yield f"no {finger} finger", without(finger)


@dataclass
class Line:
    """Sums over the takes of one pair of hands."""

    kind: str
    hits: int = 0
    false: int = 0
    missed: int = 0
    frames: int = 0
    touching: int = 0
    colliding: int = 0
    outside: int = 0
    in_keys: int = 0
    in_keys_between: list[float] = field(default_factory=list)
    fastest: list[float] = field(default_factory=list)
    off_key: list[NDArray[np.float64]] = field(default_factory=list)
    worst: tuple[float, str] = (1.0, "")

    def add(self, name: str, take: Take) -> None:
        """Measure one more take."""
        fine, onsets = shown(take), take_onsets(take).score
        size = float(take.meta["hand_size"])
        tips = fingertips(take.motion, size, take.geometry)
        body = biomechanics(take.motion, tips, size, take.geometry)
        self.hits, self.false = self.hits + onsets.hits, self.false + onsets.false
        self.missed, self.frames = self.missed + onsets.missed, self.frames + take.motion.frames
        self.touching += round(body.fingers_closer_3mm * take.motion.frames)
        self.colliding += round(body.hands_colliding * take.motion.frames)
        self.outside += round(body.outside_limits * take.motion.frames)
        touch = key_touch(take, fine)
        self.in_keys += round(touch.in_keys * take.motion.frames)
        self.in_keys_between.append(touch.in_keys_between)
        speed = np.abs(np.diff(take.motion.euler.astype(float), axis=0)) * take.motion.fps
        self.fastest.append(float(np.percentile(speed, 99.9)))
        self.off_key.append(off_key_m(take, fine))
        self.worst = min(self.worst, (onsets.f1, name))

    def row(self) -> str:
        """A row of the table."""
        f1 = 2 * self.hits / max(2 * self.hits + self.false + self.missed, 1)
        off = 1000 * np.concatenate(self.off_key)
        p50, p95 = np.percentile(off, (50, 95)) if len(off) else (np.nan, np.nan)
        between = 100 * np.mean(self.in_keys_between)
        return (
            f"| {self.kind} | {f1:.4f} | {self.worst[0]:.4f} | {self.false} | {self.missed} of "
            f"{self.hits + self.missed} | {p50:.2f} | {p95:.2f} | {self.in_keys} | {between:.2f} "
            f"| {self.touching} | {self.colliding} | {self.outside} | {np.mean(self.fastest):.1f} | {self.frames} |"
        )


HEAD = (
    "| hands | onset F1 | worst piece | false | missed | off its key, mm, median | 95 % "
    f"| frames with one > {1000 * THROUGH_M:g} mm in a key | % of all moments | with fingers < 3 mm | hands colliding "
    "| joints beyond limits | joint speed 99.9 %, rad/s | frames |\n|" + "---|" * 14
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.other_hands",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--scores", type=Path, required=True, help="folder of two-track MIDI scores")
    parser.add_argument("--hands", type=Path, nargs="+", default=[], help="hand geometry files")
    parser.add_argument("--only", nargs="+", help="only pairs whose name has one of these words")
    parser.add_argument("--count", type=int, default=10, help="excerpts")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    pairs: list[tuple[str, HandGeometry | None]] = [("ours", None), *made_hands()]
    for path in arguments.hands:
        described = read_hand_file(path)
        pairs.append((described["name"], hands_of(described)))
    if arguments.only:
        pairs = [pair for pair in pairs if any(word in pair[0] for word in arguments.only)]
    excerpts = choose_excerpts(
        arguments.scores, "validation", arguments.count, arguments.seconds, "performed", arguments.seed
    )
    pipeline = Pipeline()
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, hands in pairs:
            line = Line(kind)
            if hands is not None:
                write_hand_file(folder / "hands.json", hands, kind)
            for excerpt in excerpts:
                write_midi(folder / "notes.mid", excerpt.notes)
                request = GenerateRequest(
                    midi=folder / "notes.mid",
                    output=folder / "take.npz",
                    seed=excerpt_seed(arguments.seed, excerpt),
                    sound_end_s=excerpt.seconds,
                    hand_geometry=None if hands is None else folder / "hands.json",
                )
                line.add(excerpt.name, pipeline.generate(request).take)
            print(line.row(), flush=True)


if __name__ == "__main__":
    main()
