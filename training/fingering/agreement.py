# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a fingering has the finger that is printed or played, and how often two editions print the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.notes import UNKNOWN
from models.planning.fingering import FingeringCosts, finger_notes
from models.planning.hands import assign_hands
from training.fingering.fingered import FingeredScore
from training.fingering.works import Work
from training.synthesis.scores import Score

RUN = 8
"""Notes that two editions must have in common in a row to be taken for the same place."""


@dataclass(frozen=True)
class Agreement:
    """Notes that agree, of how many."""

    same: int
    of: int

    @property
    def share(self) -> float:
        """From 0 to 1; NaN where there is nothing to compare."""
        return self.same / self.of if self.of else float("nan")

    def __str__(self) -> str:
        return f"{self.share:.3f} of {self.of}"


def with_digits(
    scores: Iterable[FingeredScore], costs: FingeringCosts | None = None, hand: int | None = None
) -> Agreement:
    """Notes with a digit to which the search, run over each hand's whole piece, gives the same finger.

    hand: of this one alone; None for both.
    """
    same = of = 0
    for score in scores:
        fingers = finger_notes(score.notes, costs=costs).finger
        marked = score.digits >= 0
        if hand is not None:
            marked &= score.notes.hand == hand
        same += int((fingers[marked] == score.digits[marked]).sum())
        of += int(marked.sum())
    return Agreement(same, of)


def between_editions(works: Sequence[Work]) -> Agreement:
    """Notes with a digit in two editions of a piece, over all pairs of editions; aligned hand by hand by pitch.

    Pairs whose print is the same throughout are left out: one was made from the other's plates.
    """
    pieces: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        pieces[work.piece].append(work)
    same = of = 0
    for editions in pieces.values():
        for one, two in combinations(editions, 2):
            pairs = _both_printed(one, two)
            agree = int((pairs[:, 0] == pairs[:, 1]).sum())
            if len(pairs) >= 4 and agree < len(pairs):
                same, of = same + agree, of + len(pairs)
    return Agreement(same, of)


def _both_printed(one: Work, two: Work) -> NDArray[np.int64]:
    """(n, 2) digits of the notes that carry one in both editions."""
    found: list[tuple[int, int]] = []
    for hand in (0, 1):
        first, second = (np.flatnonzero(work.score.notes.hand == hand) for work in (one, two))
        a, b = (_runs(work.score.notes.pitch[i]) for work, i in ((one, first), (two, second)))
        for block in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
            if block.size == 0:
                continue
            length = block.size + RUN - 1
            left = one.score.digits[first[block.a : block.a + length]]
            right = two.score.digits[second[block.b : block.b + length]]
            both = (left >= 0) & (right >= 0)
            found += zip(left[both].tolist(), right[both].tolist(), strict=True)
    return np.array(found, np.int64).reshape(-1, 2)


def _runs(pitches: NDArray[np.floating[Any]]) -> list[bytes]:
    """Every run of RUN pitches: rare enough for a quick alignment."""
    keys = pitches.astype(np.uint8).tobytes()
    return [keys[i : i + RUN] for i in range(len(keys) - RUN + 1)]


def with_staffs(scores: Iterable[Score]) -> Agreement:
    """Notes that get the hand of their staff when hands are hidden."""
    same = of = 0
    for score in scores:
        found = assign_hands(score.notes.with_hands(UNKNOWN))
        same += int((found == score.notes.hand).sum())
        of += len(found)
    return Agreement(same, of)
