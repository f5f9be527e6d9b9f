# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage times and estimates with a clock that we turn by hand."""

import pytest

from models.stages import StageClock


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


def test_time_left_comes_from_the_steps_and_the_plan() -> None:
    time = Time()
    heard: list[float | None] = []
    clock = StageClock(lambda stage, step, of, left: heard.append(left), clock=time)
    clock("prepare", 0, 1)
    assert heard.pop() is None
    clock.expect({"sample": 30.0, "contact": 6.0})
    clock("sample", 0, 10)
    assert heard.pop() == pytest.approx(36)
    time.now += 1
    clock("sample", 1, 10)
    assert heard.pop() == pytest.approx(9 + 6)
    time.now += 9
    clock("sample", 10, 10)
    assert heard.pop() == pytest.approx(6)
    clock("contact", 0, 2)
    time.now += 2
    clock("contact", 1, 2)
    assert heard.pop() == pytest.approx(2)


def test_an_overdue_stage_is_never_negative() -> None:
    time = Time()
    heard: list[float | None] = []
    clock = StageClock(lambda stage, step, of, left: heard.append(left), clock=time)
    clock.expect({"load": 1.0})
    clock("load", 0, 1)
    time.now += 5
    clock("load", 0, 1)
    assert heard[-1] == 0
