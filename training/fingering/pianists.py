# SPDX-License-Identifier: GPL-3.0-or-later
"""The fingers of real pianists: every note of the tracked excerpts with the finger that pressed its key."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.fingering.fingered import FingeredScore
from training.synthesis.real_notes import is_held_out, real_excerpts


def read_pianists(path: Path) -> tuple[list[FingeredScore], list[FingeredScore]]:
    """The excerpts that models may learn from, and the others, for measuring alone.

    Raises:
        OSError, KeyError, ValueError: when the file is missing or not such a data set.
    """
    scores = [FingeredScore(path, one.notes, one.notes.finger.astype(np.int8)) for one in real_excerpts(path)]
    learned = [score for index, score in enumerate(scores) if not is_held_out(index)]
    return learned, [score for index, score in enumerate(scores) if is_held_out(index)]
