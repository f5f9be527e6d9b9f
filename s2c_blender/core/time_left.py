# SPDX-License-Identifier: GPL-3.0-or-later
"""The time left of a job as an animator can believe it: counted down, and led to each new estimate without a jump."""

from __future__ import annotations

import math

SETTLE_SECONDS = 3.0
"""In this time a shown value comes most of the way to an estimate that says something else."""
GROWTH = 1.6
"""What is shown grows at most by this factor a second; rounding in words adds to it, and doubling is too much."""
LEAST_S = 5.0
"""Below this nothing is counted in words, so that growing begins here."""
OVERDUE_SECONDS = 5.0
"""So long after a countdown has run out without news, no time is shown any more."""


class TimeLeft:
    """Hears estimates, shows seconds."""

    def __init__(self) -> None:
        self._shown: float | None = None
        self._due = 0.0
        """When the job ends by the newest estimate."""
        self._at = 0.0
        """When `_shown` was true."""

    def reset(self) -> None:
        """Another job begins."""
        self._shown = None

    def hear(self, seconds: float, now: float) -> None:
        """A new estimate. One that is no number is passed over."""
        if not math.isfinite(seconds):
            return
        if self._shown is None:
            self._shown, self._at = max(0.0, seconds), now
        self.advance(now)
        self._due = now + max(0.0, seconds)

    def advance(self, now: float) -> None:
        """Count down to `now`, and go a part of the way to the newest estimate."""
        if self._shown is None or now <= self._at:
            return
        passed = now - self._at
        wanted, counted = self._due - now, self._shown - passed
        share = 1.0 - math.exp(-passed / SETTLE_SECONDS)
        most = max(self._shown, LEAST_S) * GROWTH**passed
        self._shown = min(max(0.0, counted + (wanted - counted) * share), most)
        self._at = now

    def shown(self, now: float) -> float | None:
        """Seconds left; None when nothing is known, or when all that was known has passed."""
        if self._shown is None or now - self._due > OVERDUE_SECONDS:
            return None
        return max(0.0, self._shown - max(0.0, now - self._at))


def in_words(seconds: float) -> str:
    """The time left for a person: no false precision, and never "0 s left"."""
    if seconds < LEAST_S:
        return "a few seconds left"
    if seconds < 20:
        return f"about {seconds:.0f} s left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s left"
    return f"about {max(2, round(seconds / 60))} min left"
