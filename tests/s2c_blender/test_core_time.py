# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames and seconds at awkward rates, and the heard range of a strip by arithmetic."""

import pytest

from s2c_blender.core.timebase import StripTiming, TimeBase, heard_range, map_frame

NTSC = TimeBase(30, 1.001)


def strip(**values):
    start = values.get("content_start", 1.0)
    length = values.get("content_duration", 100.0)
    return StripTiming(
        **{
            "content_start": start,
            "content_duration": length,
            "content_trim_start": 0.0,
            "left_handle": start,
            "right_handle": start + length,
            **values,
        }
    )


@pytest.mark.parametrize(
    "clock", [TimeBase(24), TimeBase(25), NTSC, TimeBase(60), TimeBase(5), TimeBase(24, 1.001)]
)
def test_seconds_and_frames_are_inverse(clock):
    assert clock.frame(clock.seconds(1234.5)) == pytest.approx(1234.5)
    assert map_frame(77.0, clock, clock) == pytest.approx(77.0)


def test_another_rate_keeps_frame_one():
    assert map_frame(1.0, TimeBase(24), TimeBase(60)) == 1.0
    assert map_frame(25.0, TimeBase(24), TimeBase(60)) == pytest.approx(61.0)


def test_a_plain_strip_is_heard_from_its_beginning():
    heard = heard_range(strip(content_start=10.0), TimeBase(25), TimeBase(25), None)
    assert (heard.start_frame, heard.frames) == (10, 100)
    assert (heard.sound_start_s, heard.sound_end_s) == pytest.approx((0.0, 4.0))


def test_trims_and_a_window_cut_both_ends():
    timing = strip(content_start=10.0, left_handle=20.0, right_handle=100.0)
    heard = heard_range(timing, TimeBase(25), TimeBase(25), (30, 59))
    assert (heard.start_frame, heard.frames) == (30, 30)
    assert (heard.sound_start_s, heard.sound_end_s) == pytest.approx((0.8, 2.0))


def test_a_start_between_frames_moves_to_the_next_frame_with_the_sound():
    heard = heard_range(strip(content_start=2.0), TimeBase(24), TimeBase(30), None)
    assert heard.start_frame == 3  # frame 2 at 24 plays with frame 2.25 at 30
    assert heard.sound_start_s == pytest.approx(0.75 / 30)


def test_nothing_heard_is_none():
    assert heard_range(strip(), TimeBase(25), TimeBase(25), (500, 600)) is None
    assert heard_range(strip(content_duration=0.0), TimeBase(25), TimeBase(25), None) is None


def test_rates_must_be_positive():
    with pytest.raises(ValueError, match="fps_base"):
        TimeBase(24, 0)


def test_a_strip_that_is_drawn_beyond_its_content_is_heard_as_long_as_there_is_content():
    heard = heard_range(strip(content_start=10.0, right_handle=300.0), TimeBase(25), TimeBase(25), None)
    assert (heard.start_frame, heard.frames) == (10, 100)
    assert heard.sound_end_s == pytest.approx(4.0)
    early = heard_range(strip(content_start=10.0, left_handle=2.0), TimeBase(25), TimeBase(25), None)
    assert early.start_frame == 10 and early.sound_start_s == pytest.approx(0.0)


def test_a_sound_that_begins_late_inside_its_strip_is_heard_later():
    heard = heard_range(strip(content_start=10.0, sound_offset_s=1.0), TimeBase(25), TimeBase(25), None)
    assert heard.start_frame == 35 and heard.sound_start_s == pytest.approx(0.0)
