# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage times and estimates with a clock that we turn by hand."""

import pytest

from models.app.progress import StageClock


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_seconds_belong_to_the_stage_that_worked() -> None:
    time = Time()
    clock = StageClock(clock=time)
    clock("load", 0, 1)
    time.now += 2
    clock("sample", 0, 4)  # the model was loading until now
    time.now += 1
    clock("sample", 1, 4)
    time.now += 3
    clock("sample", 4, 4)
    time.now += 5
    clock("contact", 2, 6)  # a stage that never reported its beginning
    time.now += 0.5
    assert clock.finish() == {"load": 2, "sample": 4, "contact": 5.5, "total": 11.5}


def test_time_left_comes_from_the_plan_and_more_and_more_from_the_steps() -> None:
    time = Time()
    heard: list[float | None] = []
    clock = StageClock(lambda stage, step, of, left: heard.append(left), clock=time)
    clock("prepare", 0, 1)
    assert heard.pop() is None
    clock.expect({"sample": 30.0, "contact": 6.0})
    clock("sample", 0, 10)
    assert heard.pop() == pytest.approx(36)
    time.now += 2
    clock("sample", 0, 10)
    assert heard.pop() == pytest.approx(34)
    time.now += 5
    clock("sample", 1, 10)  # the first step says nothing of the others
    assert heard.pop() == pytest.approx(0.9 * 30 + 6)
    for step, seconds, done in ((2, 1, 0.1), (6, 4, 0.5), (10, 4, 0.9)):
        time.now += seconds
        clock("sample", step, 10)
        pace = (0.1 * 30 + 10 * done) / (0.1 + done)  # a second a step was measured
        # The stage to come will be faster than expected, too.
        assert heard.pop() == pytest.approx(pace * (1 - step / 10) + 6 * pace / 30)
    clock("contact", 0, 2)
    assert heard.pop() == pytest.approx(6 * 12 / 30)
    time.now += 2
    clock("contact", 1, 2)
    assert heard.pop() == pytest.approx(3 * 12 / 30)


def test_nothing_is_said_of_a_stage_that_was_not_expected() -> None:
    heard: list[float | None] = []
    clock = StageClock(lambda stage, step, of, left: heard.append(left), clock=Time())
    clock("load", 1, 1)  # one stage is over, and what comes is not known: that is not "no time left"
    clock.expect({"sample": 3.0})
    clock("read", 0, 1)
    clock("read", 1, 1)
    assert heard == [None, None, None]


class Job:
    """A job as a real one reports, by a clock that we turn: (seconds before the report, stage, step, of)."""

    def __init__(self, expected: dict[str, float], reports: list[tuple[float, str, int, int]]) -> None:
        time = Time()
        self.said: list[tuple[float, float]] = []
        clock = StageClock(lambda stage, step, of, left: self._hear(time.now, left), clock=time)
        clock.expect(expected)
        for seconds, stage, step, of in reports:
            time.now += seconds
            clock(stage, step, of)
        self.end = time.now

    def _hear(self, now: float, left: float | None) -> None:
        assert left is not None
        self.said.append((now, left))

    @property
    def growth(self) -> float:
        """The largest leap upward from one report to the next; what is below two seconds counts as two."""
        lefts = [left for _, left in self.said]
        return max(after / max(before, 2.0) for before, after in zip(lefts, lefts[1:]))

    def wrong_by(self, share: float) -> float:
        """The largest factor between what was said and what was true, from a share of the job on, two seconds aside."""
        start = self.said[0][0]
        late = [(now, left) for now, left in self.said if now >= start + share * (self.end - start)]
        return max(
            max((left + 2) / (self.end - now + 2), (self.end - now + 2) / (left + 2)) for now, left in late
        )


def stage(name: str, first_s: float, step_s: float, steps: int) -> list[tuple[float, str, int, int]]:
    """Reports of a stage whose first step takes longer than the others."""
    seconds = [0.0, first_s, *[step_s] * (steps - 1)]
    return [(second, name, step, steps) for step, second in enumerate(seconds)]


EXPECTED = {"load": 8.0, "transcribe": 14.0, "sample": 2.0, "contact": 1.0, "write": 0.0}


def test_a_cold_start_makes_no_minutes_of_seconds() -> None:
    """Loading and every stage's first step are many times slower than what follows, as on a computer just started."""
    reports = [
        *stage("load", 25.0, 0.0, 1),
        *stage("transcribe", 20.0, 0.3, 32),  # 20 s for one of 32 steps: "ten minutes left"
        *stage("sample", 6.0, 0.1, 24),
        *stage("contact", 1.5, 0.2, 5),
        *stage("write", 0.1, 0.0, 1),
    ]
    job = Job(EXPECTED, reports)
    assert job.growth <= 1.3
    assert max(left for _, left in job.said) <= sum(EXPECTED.values())
    late = [(now, left) for now, left in job.said if now >= job.end - 20]  # the first slow step is over
    assert len(late) > 60 and all(abs(job.end - now - left) < 10 for now, left in late)


@pytest.mark.parametrize("slower", [4, 12])
def test_a_slow_computer_is_found_out_but_without_a_leap(slower: int) -> None:
    reports = [
        *stage("load", 8.0, 0.0, 1),
        *stage("transcribe", slower * 0.5, slower * 0.44, 32),
        *stage("sample", slower * 0.1, slower * 0.08, 24),
        *stage("contact", slower * 0.2, slower * 0.2, 5),
    ]
    job = Job(EXPECTED, reports)
    assert job.growth <= 1.57
    assert job.wrong_by(0.25) < 1.5


def test_a_fast_computer_is_found_out_at_once() -> None:
    reports = [
        *stage("load", 1.0, 0.0, 1),
        *stage("transcribe", 0.1, 0.1, 32),
        *stage("sample", 0.1, 0.02, 24),
    ]
    assert Job({"load": 1.0, "transcribe": 30.0, "sample": 1.0}, reports).wrong_by(0.6) < 2


def test_an_overdue_stage_is_never_negative() -> None:
    time = Time()
    heard: list[float | None] = []
    clock = StageClock(lambda stage, step, of, left: heard.append(left), clock=time)
    clock.expect({"load": 1.0})
    clock("load", 0, 1)
    time.now += 5
    clock("load", 0, 1)
    assert heard[-1] == 0
