# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of wrists and fingertips over the keyboard, of real pianists and of takes on the same notes.

X and Y alone, at the rate of the tracked videos: height and joint angles were not tracked. Axis letter: F frames.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.app.pipeline import Pipeline
from models.body.take import Take
from models.evaluation.fine_motion import fine_motion
from models.evaluation.scores import hand_size_of
from models.music.notes import trim_notes
from training.evaluation.excerpts import LEAST_NOTES, Excerpt
from training.evaluation.takes import TakeOptions, make_takes, synthesised
from training.synthesis.real_notes import REAL_FPS, excerpts_to_measure

WHAT = ("model", "contact0", "synthesiser")
"""What makes takes: the model, the model without key contact, the synthesiser that it learns from."""


@dataclass(frozen=True, eq=False)
class Paths:
    """At `REAL_FPS`, metres; hand 0 is left, 1 is right."""

    wrist: NDArray[np.float64]
    """(F, 2, 2) X and Y."""
    tips: NDArray[np.float64]
    """(F, 2, 5, 2) thumb to little finger."""

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.wrist)

    @classmethod
    def of_take(cls, take: Take) -> Paths:
        """What a take shows at the moments of the tracked videos."""
        fine = fine_motion(take.motion, hand_size_of(take), geometry=take.geometry)
        count = int((len(fine) - 1) / fine.rate * REAL_FPS + 1e-6) + 1 if len(fine) else 0
        at = np.minimum(np.rint(np.arange(count) * (fine.rate / REAL_FPS)).astype(int), len(fine) - 1)
        return cls(fine.wrist[at, :, :2].astype(np.float64), fine.tips[at, :, :, :2].astype(np.float64))


@dataclass(frozen=True, eq=False)
class RealPiece:
    """What a real pianist played, and how."""

    excerpt: Excerpt
    paths: Paths


def real_pieces(path: Path, count: int, seed: int, seconds: float | None = None) -> list[RealPiece]:
    """`count` random excerpts of those that nothing learns from, fewer where there are not enough; cut to ``seconds``.

    Raises:
        OSError, KeyError, ValueError: when the file is missing or not such a data set.
    """
    everything = excerpts_to_measure(path)
    found: list[RealPiece] = []
    for index in np.random.default_rng(seed).permutation(list(everything)).tolist():
        one = everything[index]
        frames = len(one.wrist) if seconds is None else min(len(one.wrist), round(seconds * REAL_FPS))
        notes = trim_notes(one.notes, 0.0, frames / REAL_FPS)
        if len(notes) >= LEAST_NOTES and len(found) < count:
            excerpt = Excerpt(f"pianist {index}", notes.astype(np.float32), frames / REAL_FPS)
            found.append(RealPiece(excerpt, Paths(one.wrist[:frames], one.tips[:frames])))
    return found


def take_on(pipeline: Pipeline, excerpt: Excerpt, what: str, folder: Path, options: dict[str, Any]) -> Take:
    """A take on an excerpt's notes; one that lies in the folder already is read.

    Args:
        pipeline: keeps the model between takes.
        what: one of `WHAT`.
        folder: where takes lie, by their excerpts' names.
        options: seed and preset, as of `TakeOptions`.
    """
    path = folder / f"{take_name(excerpt)}.npz"
    if path.is_file():
        return Take.load(path)
    chosen = TakeOptions(contacts=(0.0 if what == "contact0" else 1.0,), **options)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        if what == "synthesiser":
            take = synthesised(excerpt, chosen).take
        else:
            take = next(make_takes(pipeline, excerpt, Path(work), chosen)).take
    take.save(path)
    return take


def take_name(excerpt: Excerpt) -> str:
    """The name of an excerpt's take, without what a file's name may not have."""
    return re.sub(r"\W+", "_", excerpt.name)
