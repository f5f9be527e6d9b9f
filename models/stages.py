# SPDX-License-Identifier: GPL-3.0-or-later
"""How long each stage of a job took, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable

Listener = Callable[[str, int, int, float | None], None]
"""`listener(stage, step, of, seconds_left)`; raises `models.errors.Cancelled` to stop the job."""


class StageClock:
    """A progress callback that times the stages it hears about and passes the news on.

    Time since the call before belongs to the stage that reports, unless it reports step 0: then the stage begins now
    and the time was spent by the one before. The rest of a stage is estimated from its own steps, later stages from
    what was expected of them.
    """

    def __init__(
        self, listener: Listener | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._begin = self._last = clock()
        self._stage = ""
        self._stage_begin = self._begin
        self._expected: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        """Seconds spent in each stage so far."""

    @property
    def total(self) -> float:
        """Seconds since the clock was made."""
        return self._clock() - self._begin

    def expect(self, seconds: dict[str, float]) -> None:
        """The stages still to come, in order, with the seconds that each will probably take."""
        self._expected = dict(seconds)

    def __call__(self, stage: str, step: int, of: int) -> None:
        """`step` of `of` steps of `stage` are done."""
        now = self._clock()
        spent_by = stage if step > 0 or not self._stage else self._stage
        self.seconds[spent_by] = self.seconds.get(spent_by, 0.0) + now - self._last
        if stage != self._stage:
            self._stage = stage
            # A stage that first reports after some steps began when the one before it was last heard of.
            self._stage_begin = now if step == 0 else self._last
        self._last = now
        if self._listener is not None:
            self._listener(stage, step, of, self.seconds_left(step, of))

    def seconds_left(self, step: int, of: int) -> float | None:
        """Estimate for the running stage and those after it; None while nothing is known."""
        done = max(step, 0) / max(of, 1)
        elapsed = self._last - self._stage_begin
        names = list(self._expected)
        guess = self._expected.get(self._stage)
        if done > 0:
            left: float | None = elapsed * (1 - done) / done
        else:
            left = None if guess is None else max(guess - elapsed, 0.0)
        if left is None:
            return None
        later = names[names.index(self._stage) + 1 :] if self._stage in names else []
        return max(left, 0.0) + sum(self._expected[name] for name in later)

    def finish(self) -> dict[str, float]:
        """Rounded seconds of every stage, and `total`; what follows the last report belongs to its stage."""
        now = self._clock()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._last
        self._last = now
        return {name: round(value, 3) for name, value in {**self.seconds, "total": now - self._begin}.items()}
