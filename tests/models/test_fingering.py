# SPDX-License-Identifier: GPL-3.0-or-later
"""The fingering search: optimal, textbook where the textbooks agree, fast, and varied by a seed that stays local."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from counting import calls_of

from models.body import skeleton
from models.body.notes import Notes
from models.planning.fingering import FingeringCosts, cheapest_path, finger_notes
from models.planning.fingering_costs import (
    FITTED_SHAPES,
    ROWS,
    add_fitted,
    ergonomic_tables,
    load_tables,
    relation,
)
from models.planning.fingering_lattice import STATE_COUNT, build_lattice, lattice_costs
from models.planning.fingering_noise import finger_noise, hashed_uniform


def line(pitches: list[int], step_s: float = 0.2) -> Notes:
    return Notes.from_arrays([[i * step_s, (i + 1) * step_s, pitch, 80.0] for i, pitch in enumerate(pitches)])


def fingers(notes: Notes, hand: int, **options: float) -> list[int]:
    return finger_notes(notes.with_hands(hand), **options).finger.tolist()  # type: ignore[arg-type]


def random_notes(count: int, seed: int) -> Notes:
    """Single right-hand notes, chords and held keys within a hand's reach of a wandering centre."""
    rng = np.random.default_rng(seed)
    onset = np.cumsum(rng.choice([0.0, 0.15, 0.3], count, p=[0.3, 0.4, 0.3]))
    centre = 64 + np.cumsum(rng.normal(0, 1.0, count))
    pitch = np.clip(np.round(centre + rng.uniform(-6, 6, count)), 40, 90)
    table = np.column_stack([onset, onset + rng.choice([0.1, 0.3, 0.9], count), pitch, np.full(count, 80.0)])
    return Notes.from_arrays(table, hand=skeleton.RIGHT).select(np.lexsort((pitch, onset)))


def test_scales_have_the_fingering_of_the_schools() -> None:
    c_major = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83, 84]
    assert fingers(line(c_major), skeleton.RIGHT) == [0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3, 4]
    b_major = [59, 61, 63, 64, 66, 68, 70, 71]
    assert fingers(line(b_major), skeleton.LEFT) == [3, 2, 1, 0, 3, 2, 1, 0]
    repeated = fingers(line([60] * 6, 0.12), skeleton.RIGHT)
    assert all(a != b for a, b in itertools.pairwise(repeated)), "fast repeated notes change fingers"


@pytest.mark.parametrize("hand", [skeleton.LEFT, skeleton.RIGHT])
def test_octaves_are_the_thumbs_and_the_little_fingers(hand: int) -> None:
    steps = [48, 50, 52, 53, 43, 55, 48]
    notes = Notes.from_arrays(
        [[0.4 * i, 0.4 * i + 0.35, pitch + octave, 80] for i, pitch in enumerate(steps) for octave in (0, 12)]
    )
    assert fingers(notes, hand) == ([0, 4] if hand == skeleton.RIGHT else [4, 0]) * len(steps)


def test_left_hands_play_accompaniments_as_pianists_do() -> None:
    """An Alberti bass, and a root with its fifth and octave; the tables were fitted to print alone once."""
    assert fingers(line([48, 55, 52, 55] * 3, 0.35), skeleton.LEFT)[:8] == [4, 0, 2, 0] * 2
    keys = [(36, 43, 48), (41, 48, 53), (43, 50, 55)]
    chords = Notes.from_arrays(
        [[0.5 * i, 0.5 * i + 0.4, pitch, 80] for i, chord in enumerate(keys) for pitch in chord]
    )
    assert fingers(chords, skeleton.LEFT)[3:] == [4, 1, 0] * 2


def test_a_legato_overlap_does_not_take_the_finger_from_the_next_chord() -> None:
    chords = [(0.0, 1.08, (49, 54, 57)), (1.0, 2.0, (50, 54, 59, 62))]
    notes = Notes.from_arrays([[on, off, pitch, 80] for on, off, keys in chords for pitch in keys])
    assert fingers(notes, skeleton.RIGHT)[3] == 0, "the thumb lets go of its key and takes the next"
    notes.offset_s[0] = 1.6
    assert fingers(notes, skeleton.RIGHT)[3] != 0, "a key that is held keeps its finger"


def test_search_finds_the_cheapest_path_of_all() -> None:
    notes = random_notes(7, 3)
    lattice = build_lattice(notes, skeleton.RIGHT, FingeringCosts())
    own, step, skip = lattice_costs(lattice, load_tables(FingeringCosts()))

    def price(path: tuple[int, ...]) -> float:
        total = sum(own[i, s] for i, s in enumerate(path))
        total += sum(step[i, path[i - 1], path[i]] for i in range(1, len(path)))
        return float(total + sum(skip[i, path[i - 2], path[i]] for i in range(2, len(path))))

    every = itertools.product(*(range(STATE_COUNT[n]) for n in lattice.size))
    best = min(price(path) for path in every)
    found = cheapest_path(lattice.size, own, step, skip)
    assert price(tuple(found)) == pytest.approx(best, abs=1e-3)


def test_every_chord_has_fingers_in_the_order_of_its_keys() -> None:
    notes = random_notes(400, 5)
    used = finger_notes(notes)
    together = np.flatnonzero(np.diff(notes.onset_s) < 0.01)
    both = used.played[together] & used.played[together + 1]
    assert both.sum() > 50
    low, high = used.finger[together[both]], used.finger[together[both] + 1]
    assert (low < high).all()


def test_fitted_costs_add_to_the_table_rows_of_their_distance_and_colours() -> None:
    base = ergonomic_tables(FingeringCosts())
    fitted = {name: np.zeros(shape, np.float32) for name, shape in FITTED_SHAPES.items()}
    fitted["step"][24 + 3, 7] = 1.0  # three semitones up
    fitted["step_black"][2 * 4 + 2, 7] = 0.5  # up from a black key to a white one
    step = add_fitted(base, fitted).step - base.step
    assert step[relation(3, False, False), 7] == pytest.approx(1.0)
    assert step[relation(3, True, False), 7] == pytest.approx(1.5)
    assert step[relation(5, True, False), 7] == pytest.approx(0.5)
    assert step[relation(-3, True, False), 7] == 0 and step[ROWS].any() == np.False_


@pytest.mark.parametrize("count", [300, 3000])
def test_the_work_of_a_note_does_not_grow_with_the_song(count: int) -> None:
    notes = random_notes(count, 8)
    finger_notes(notes.select(slice(50)))  # what is read or worked out once
    assert calls_of(lambda: finger_notes(notes)) < 60 * len(notes)  # twice where keys are let go


def test_seeds_differ_and_stay_sensible() -> None:
    notes = line(np.random.default_rng(1).integers(55, 75, 300).tolist())
    best = fingers(notes, skeleton.RIGHT)
    one, two = (fingers(notes, skeleton.RIGHT, variation=1.0, seed=seed) for seed in (1, 2))
    again = fingers(notes, skeleton.RIGHT, variation=1.0, seed=1)
    assert one == again
    assert 0.03 < np.mean(np.array(one) != two) < 0.6
    assert np.mean(np.array(one) == best) > 0.5
    assert fingers(notes, skeleton.RIGHT, seed=7) == best


def test_variation_of_some_bars_does_not_depend_on_the_others() -> None:
    notes = line(np.random.default_rng(2).integers(55, 75, 200).tolist())
    changed = replace(notes, pitch=notes.pitch + (np.arange(200) < 60))
    before, after = (
        np.array(fingers(which, skeleton.RIGHT, variation=1.0, seed=4)) for which in (notes, changed)
    )
    assert (before[90:] == after[90:]).all() and (before[:60] != after[:60]).any()


def test_noise_has_the_seed_in_it_and_no_drift() -> None:
    onsets, pitches = np.linspace(0, 60, 3000), np.full(3000, 60.0)
    noise = finger_noise(onsets, pitches, skeleton.RIGHT, 3)
    assert abs(noise.mean()) < 0.2 and 0.3 < noise.std() < 1.5
    assert np.abs(np.diff(noise, axis=0)).max() < 0.3, "smooth in time"
    assert not np.allclose(noise, finger_noise(onsets, pitches, skeleton.RIGHT, 4))
    assert not np.allclose(noise, finger_noise(onsets, pitches, skeleton.LEFT, 3))
    draws = hashed_uniform(5, np.arange(20000))
    assert draws.min() > 0 and draws.max() < 1 and abs(draws.mean() - 0.5) < 0.01
