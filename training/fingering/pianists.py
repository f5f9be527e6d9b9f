# SPDX-License-Identifier: GPL-3.0-or-later
"""The fingers of real pianists: every note of the tracked excerpts with the finger that pressed its key."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from training.fingering.fingered import FingeredScore
from training.synthesis.real_notes import RealExcerpt, excerpts_to_learn, excerpts_to_measure


def pianists_to_learn(path: Path) -> list[FingeredScore]:
    """The excerpts that models may learn from.

    Raises:
        OSError, KeyError, ValueError: when the file is missing or not such a data set.
    """
    return _fingered(path, excerpts_to_learn(path).values())


def pianists_to_measure(path: Path) -> list[FingeredScore]:
    """The other excerpts; raises as `pianists_to_learn` does."""
    return _fingered(path, excerpts_to_measure(path).values())


def _fingered(path: Path, excerpts: Iterable[RealExcerpt]) -> list[FingeredScore]:
    return [FingeredScore(path, one.notes, one.notes.finger.astype(np.int8)) for one in excerpts]
