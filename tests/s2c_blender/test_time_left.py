# SPDX-License-Identifier: GPL-3.0-or-later
"""The time left as it is shown: counted down, no jumps, no "0 s left"; and every stage has a name."""

import random
import re
from pathlib import Path

import pytest

from s2c_blender.core.jobs import STAGES
from s2c_blender.core.time_left import OVERDUE_SECONDS, TimeLeft, in_words

MODELS = Path(__file__).resolve().parents[2] / "models"


def shown_each_second(estimates, seconds, interval=0.1):
    """What is shown at every whole second when `estimates` (second to estimate) are heard."""
    left, found = TimeLeft(), []
    for tick in range(round(seconds / interval) + 1):
        now = tick * interval
        for at in [at for at in estimates if at <= now + 1e-9]:
            left.hear(estimates.pop(at), now)
        left.advance(now)
        if abs(now - round(now)) < 1e-9:
            found.append(left.shown(now))
    return found


def number(text):
    """Seconds that a text says; "a few" counts as five."""
    found = re.search(r"about (\d+) (s|min) left", text)
    return 5 if found is None else int(found[1]) * (60 if found[2] == "min" else 1)


def test_it_is_counted_down_between_estimates():
    shown = shown_each_second({0.0: 20.0}, 15)
    assert shown == pytest.approx([20.0 - k for k in range(16)])


def test_a_longer_estimate_is_reached_without_a_jump():
    shown = shown_each_second({0.0: 20.0, 3.0: 600.0}, 40)
    said = [number(in_words(value)) for value in shown]
    assert all(later <= 2 * former for former, later in zip(said, said[1:], strict=False)), said
    assert shown[-1] == pytest.approx(600 - 37, rel=0.02) and shown[4] < 30


def test_a_shorter_estimate_is_reached_smoothly():
    shown = shown_each_second({0.0: 100.0, 5.0: 20.0}, 16)
    assert shown[6] > 60 and all(b < a for a, b in zip(shown, shown[1:], strict=False))
    assert shown[-1] == pytest.approx(9.0, abs=3.0)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_estimated_nothing_more_than_doubles(seed):
    source = random.Random(seed)
    estimates = {source.uniform(0, 60): 10 ** source.uniform(-1, 4) for _ in range(12)}
    shown = [
        value for value in shown_each_second(estimates, 60, 0.04 if seed % 2 else 0.25) if value is not None
    ]
    said = [number(in_words(value)) for value in shown]
    assert all(later <= 2 * former for former, later in zip(said, said[1:], strict=False)), said


def test_a_countdown_that_has_run_out_is_not_shown_for_long():
    shown = shown_each_second({0.0: 3.0}, 12)
    assert in_words(shown[3]) == "a few seconds left"
    gone = [second for second, value in enumerate(shown) if value is None]
    assert gone == [second for second in range(13) if second > 3 + OVERDUE_SECONDS]


def test_it_comes_back_from_nothing_without_a_jump():
    shown = shown_each_second({0.0: 2.0, 20.0: 300.0}, 40)
    assert shown[15] is None and shown[20] < 10 and shown[40] > 200


def test_another_job_begins_with_nothing():
    left = TimeLeft()
    left.hear(500.0, 0.0)
    left.reset()
    assert left.shown(1.0) is None
    left.hear(10.0, 2.0)
    assert left.shown(2.0) == 10.0


def test_what_is_no_number_is_passed_over():
    left = TimeLeft()
    left.hear(float("nan"), 0.0)
    left.hear(float("inf"), 0.0)
    assert left.shown(0.0) is None
    left.hear(-3.0, 1.0)
    assert left.shown(1.0) == 0.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "a few seconds left"),
        (4.9, "a few seconds left"),
        (7.4, "about 7 s left"),
        (21.0, "about 20 s left"),
        (88.0, "about 90 s left"),
        (100.0, "about 2 min left"),
        (600.0, "about 10 min left"),
    ],
)
def test_words(seconds, words):
    assert in_words(seconds) == words


def test_every_stage_of_the_worker_has_a_name_and_no_other():
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted(MODELS.rglob("*.py")))
    sent = set(re.findall(r"(?:clock|progress)\(\s*\"(\w+)\"", code))
    sent |= set(re.findall(r"^STAGE = \"(\w+)\"", code, re.MULTILINE))
    assert sent == set(STAGES)
