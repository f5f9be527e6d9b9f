# SPDX-License-Identifier: GPL-3.0-or-later
"""How long each stage of a job took, and how long the rest will take."""

from __future__ import annotations

import time
from collections.abc import Callable

PRIOR_SHARE = 0.1
"""What was expected of a stage counts as much as this share of it, measured."""
MOST_SLOWER = 10.0
GROWTH_A_SECOND = 1.25
LONGEST_GROWTH_S = 2.0
"""The time left that is told grows at most so fast, and between two reports at most as in so many seconds."""
SMALL_S = 2.0
"""Below this the time left may grow freely."""

ProgressListener = Callable[[str, int, int, float | None], None]
"""`listener(stage, step, of, seconds_left)`; raises `models.errors.Cancelled` to stop the job."""


class StageClock:
    """A progress callback that times the stages it hears about and passes the news on.

    Time since the call before belongs to the stage that reports, unless it reports step 0: then the stage begins now
    and the time was spent by the one before.

    The rest of a stage is estimated from what was expected of it and from its own steps, the more from these the more
    of the stage they are. The first step of a stage is not measured: what is done once (caches, kernels that are
    compiled, memory that is fetched) is done in it, and as the pace of all others it made minutes of seconds. What is
    told never leaps up: it climbs, so that a computer slower than expected is still found out in time.
    """

    def __init__(
        self, listener: ProgressListener | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._begin = self._last = clock()
        self._stage = ""
        self._stage_begin = self._begin
        self._paced_from: tuple[float, float] | None = (
            None  # when the first step was done, and the share it was
        )
        # How much slower than expected the stage before and this one go: so, probably, will those that come.
        self._slower_before = self._slower = 1.0
        self._told: tuple[float, float] | None = None  # seconds left that were told last, and when
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
            self._paced_from = None
            self._slower_before = self._slower
        self._last = now
        done = max(step, 0) / max(of, 1)
        if self._paced_from is None and done > 0:
            self._paced_from = (now, done)
        left = self._calmed(self._seconds_left(done), now)
        if self._listener is not None:
            self._listener(stage, step, of, left)

    def _seconds_left(self, done: float) -> float | None:
        """Estimate for the running stage, of which a share is done, and those after it; None for one not expected."""
        if self._stage not in self._expected:
            return None
        rest = self._rest_of_stage(done)
        names = list(self._expected)
        return rest + self._slower * sum(
            self._expected[name] for name in names[names.index(self._stage) + 1 :]
        )

    def _rest_of_stage(self, done: float) -> float:
        guess = self._expected[self._stage]
        if self._paced_from is None:
            return max(self._slower_before * guess - (self._last - self._stage_begin), 0.0)
        since, before = self._paced_from
        measured, seconds = done - before, self._last - since
        pace = (PRIOR_SHARE * self._slower_before * guess + seconds) / (PRIOR_SHARE + measured)
        if measured > 0 and guess > 0:
            self._slower = min(max(pace / guess, 1 / MOST_SLOWER), MOST_SLOWER)
        return pace * (1 - done)

    def _calmed(self, left: float | None, now: float) -> float | None:
        """What is told: no more than what was told before and a little."""
        if left is None:
            return None
        if self._told is not None:
            before, at = self._told
            growth = GROWTH_A_SECOND ** min(now - at, LONGEST_GROWTH_S)
            left = min(left, max(before, SMALL_S) * growth)
        self._told = (left, now)
        return left

    def finish(self) -> dict[str, float]:
        """Rounded seconds of every stage, and `total`; what follows the last report belongs to its stage."""
        now = self._clock()
        if self._stage:
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._last
        self._last = now
        return {name: round(value, 3) for name, value in {**self.seconds, "total": now - self._begin}.items()}
