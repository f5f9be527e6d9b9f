# SPDX-License-Identifier: GPL-3.0-or-later
"""What no two hands can play or no frame rate can show is left out early; all other music stays as it is."""

from dataclasses import replace

import numpy as np
import pytest

from models.body.edit_mask import EditMask
from models.body.keyboard import key_x
from models.body.notes import UNKNOWN, Notes
from models.planning import plan, thinning
from models.planning.chord_thinning import HANDS_M, SPACING_M, SPAN_M, Chord, held_keys
from models.planning.plan import plan_fingering
from models.planning.thinning import LATE_S, stroke_times, thinned


def repeated(rate: float, count: int = 40, pitch: int = 72) -> Notes:
    return Notes.from_arrays([[0.5 + i / rate, 0.5 + (i + 0.5) / rate, pitch, 80] for i in range(count)])


EVERYWHERE = tuple(range(30, 100))
TWO_PLACES = (*range(40, 52), *range(66, 78))


def chords(keys: int, count: int, step_s: float, among: tuple[int, ...] = EVERYWHERE, seed: int = 0) -> Notes:
    rng = np.random.default_rng(seed)
    rows = [
        [0.5 + step_s * i, 0.5 + step_s * (i + 0.9), pitch, 80]
        for i in range(count)
        for pitch in sorted(rng.choice(among, keys, replace=False))
    ]
    return Notes.from_arrays(rows)


@pytest.mark.parametrize(
    ("fps", "rate", "share"), [(30, 14, 1.0), (30, 20, 0.75), (24, 20, 0.6), (60, 20, 1.0)]
)
def test_one_key_is_struck_in_every_second_frame_at_most(fps: float, rate: float, share: float) -> None:
    notes = repeated(rate)
    can = thinned(notes, fps)
    assert np.isclose(can.plays.mean(), share, atol=0.03)
    assert (can.plays != can.repeated).all()
    times = stroke_times(notes.onset_s[can.plays], fps)
    frames = np.ceil(times * fps)
    assert np.diff(frames).min() >= 2
    # Strokes that are shown are evenly spaced and in time.
    if share < 1:
        assert np.ptp(np.diff(frames)) <= 1
    assert (frames / fps - notes.onset_s[can.plays]).max() < max(LATE_S, 1 / fps) + 1e-6


def test_uneven_strokes_are_all_shown_where_the_frames_allow() -> None:
    onset = np.array([1.0, 1.06, 1.11, 1.3, 1.36, 1.41])
    times = stroke_times(onset, 30.0)
    frames = np.ceil(times * 30)
    assert np.diff(frames).min() == 2 and np.abs(frames / 30 - onset).max() < 0.05


def test_a_unison_is_one_stroke() -> None:
    notes = Notes.from_arrays([[1.0, 2.0, 60, 80], [1.004, 2.0, 60, 80], [1.5, 2.0, 60, 80]])
    assert thinned(notes, 30).plays.all()


@pytest.mark.parametrize(
    "notes", [chords(10, 20, 0.15, TWO_PLACES), chords(8, 30, 0.11, TWO_PLACES), repeated(12), Notes.none()]
)
def test_music_for_two_hands_stays_as_it_is(notes: Notes) -> None:
    can = thinned(notes, 30)
    assert can.plays.all() and not can.repeated.any() and (can.hand == UNKNOWN).all()


def test_a_chord_of_too_many_keys_becomes_two_hands_full() -> None:
    notes = chords(16, 12, 0.4)
    can = thinned(notes, 30)
    for onset in np.unique(notes.onset_s):
        here = can.plays & (notes.onset_s == onset)
        left, right = (np.sort(key_x(notes.pitch[here & (can.hand == hand)])) for hand in (0, 1))
        assert len(left) <= 5 and len(right) <= 5 and len(left) + len(right) >= 5
        assert left.max() < right.min()
        for keys in (left, right):
            assert np.ptp(keys) <= SPAN_M and (len(keys) < 2 or np.diff(keys).min() >= SPACING_M)


def test_hands_stay_where_they_are_if_that_costs_few_keys() -> None:
    full = [
        np.sort(np.random.default_rng(i).choice(key_x(np.arange(30, 100)), 25, replace=False))
        for i in range(40)
    ]
    held = held_keys([Chord(0.1 * i, x) for i, x in enumerate(full)])
    for side in (0, 1):
        middle = [np.mean(x[[keys[side][0], keys[side][-1]]]) for x, keys in zip(full, held, strict=True)]
        assert np.abs(np.diff(middle)).mean() < 0.05
    assert np.mean([len(left) + len(right) for left, right in held]) > 8
    assert HANDS_M > 0.08


def test_long_runs_of_chords_are_decided_in_parts_that_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.planning.chord_thinning._BLOCK", 4)
    near, far, right = [41, 43, 45, 47], [23, 24, 26, 28, 29], [72, 74, 76, 77, 79, 81, 83]
    first, then = (
        Chord(time_s, key_x(np.array(keys)))
        for time_s, keys in ((0.0, near + right), (0.4, far + near + right))
    )
    run = [replace(first, time_s=0.1 * i) for i in range(4)] + [
        replace(then, time_s=0.1 * i) for i in range(4, 6)
    ]
    assert [left for left, _ in held_keys(run)] == [[0, 1, 2, 3]] * 4 + [[5, 6, 7, 8]] * 2
    assert held_keys([then])[0][0] == [0, 1, 2, 3, 4]


def test_a_flood_is_played_as_chords_that_hands_can_strike() -> None:
    notes = chords(20, 120, 0.025)
    can = thinned(notes, 30)
    onsets = np.unique(notes.onset_s[can.plays])
    beats = onsets[np.diff(onsets, prepend=0) > thinning.CHORD_WINDOW_S]
    assert 8 <= len(beats) / 3.0 <= 1 / thinning.FLOOD_STEP_S + 1
    assert 6 * len(beats) < can.plays.sum() <= 10 * len(beats)
    assert not can.repeated.any(), "what a flood leaves out is no matter of the frame rate"


def test_the_plan_leaves_them_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    notes = chords(14, 6, 0.5)
    can = thinned(notes, 30)
    planned = plan_fingering(notes, seed=1, keep=None, edits=EditMask.everything(120, 30.0))
    assert planned.same_strokes(notes)
    assert not planned.played[~can.plays].any() and (planned.hand[~can.plays] == UNKNOWN).all()
    assert planned.played[can.plays].mean() > 0.95
    assert planned.release_s is not None and len(planned.release_s) == len(notes)
    monkeypatch.setattr(
        plan,
        "thinned",
        lambda notes, fps, _there, _playing: thinning.Thinned(
            np.ones(len(notes), bool), notes.hand, notes.hand < -1
        ),
    )
    more = plan_fingering(notes, seed=1, keep=None, edits=EditMask.everything(120, 30.0))
    assert more.played[~can.plays].any()


def test_a_flood_is_also_what_lies_too_far_apart_for_two_hands() -> None:
    wide = [[0.5 + 0.0155 * i, 0.6 + 0.0155 * i, 22 + (19 * i) % 86, 80] for i in range(60)]
    near = [[0.5 + 0.0155 * i, 0.6 + 0.0155 * i, 60 + (5 * i) % 12, 80] for i in range(60)]
    assert not thinned(Notes.from_arrays(wide), 30).plays.all()
    assert thinned(Notes.from_arrays(near), 30).plays.all()
