# SPDX-License-Identifier: GPL-3.0-or-later
"""What is expected of a job, and what other jobs teach."""

import dataclasses

import pytest

from models.app.time_estimates import USUAL_STEPS, Expectations, Work

SONG = Work(duration_s=280.0, listens=True, loads=("model", "transcriber"), model=("default", "cpu"))
CLIP = dataclasses.replace(SONG, duration_s=2.0, loads=())


def test_the_stages_come_in_order_and_with_the_length() -> None:
    plan = Expectations().plan(SONG)
    assert list(plan) == ["load", "transcribe", "sample", "contact", "write"] and plan["load"] > 0
    longer = Expectations().plan(dataclasses.replace(SONG, duration_s=560.0))
    for stage in ("transcribe", "sample", "contact"):
        assert longer[stage] == pytest.approx(2 * plan[stage])
    known = dataclasses.replace(SONG, listens=False, loads=(), contact=False)
    assert Expectations().plan(known) == {"load": 0, "sample": plan["sample"], "contact": 0, "write": 0}


def test_a_clip_teaches_what_a_song_takes() -> None:
    """Two seconds fill a whole segment and a whole window: their pace a second of music is no song's."""
    expectations = Expectations()
    expectations.learn(CLIP, {"transcribe": 3.5, "sample": 0.8, "contact": 0.2, "total": 9.0})
    plan = expectations.plan(SONG)
    assert plan["transcribe"] == pytest.approx(3.5 * 19) and plan["sample"] == pytest.approx(0.8 * 35)


def test_a_redone_bar_and_a_known_sound_teach_nothing_false() -> None:
    expectations = Expectations()
    whole = {"transcribe": 70.0, "sample": 28.0, "contact": 14.0}
    expectations.learn(SONG, whole)
    before = expectations.plan(SONG)
    bar = dataclasses.replace(SONG, listens=False, range_s=(100.0, 116.0))
    redone = expectations.plan(bar)
    assert redone["sample"] == pytest.approx(1.6) and redone["contact"] == pytest.approx(1.4)
    expectations.learn(bar, {"transcribe": 0.5, "sample": 1.6, "contact": 1.4})
    assert expectations.plan(SONG) == pytest.approx(before)
    expectations.learn(SONG, {"transcribe": 0.01, "sample": 0.02})  # too short to tell
    assert expectations.plan(SONG) == pytest.approx(before)


def test_more_steps_take_longer_and_models_are_not_mixed_up() -> None:
    expectations = Expectations()
    many = dataclasses.replace(SONG, steps=100 * USUAL_STEPS)
    assert expectations.plan(many)["sample"] == pytest.approx(100 * expectations.plan(SONG)["sample"])
    other = dataclasses.replace(SONG, model=("mine", "cuda"))
    before = expectations.plan(SONG)["sample"]
    expectations.learn(other, {"sample": 560.0})
    assert expectations.plan(other)["sample"] == pytest.approx(560)
    assert expectations.plan(SONG)["sample"] == before
