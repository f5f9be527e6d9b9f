# SPDX-License-Identifier: GPL-3.0-or-later
"""Generating with a tiny model: seeds, redoing, splicing, mirroring, long songs, cancelling."""

import dataclasses

import numpy as np
import pytest
import torch
from mirroring import mirror_hands
from tiny_model import TINY, tiny_model

from models.body.arm_geometry import fit_arms
from models.body.arms import Arms, natural_arms_of
from models.body.edit_mask import EditMask
from models.body.keyboard import key_x
from models.body.kinematics import outside_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.resampling import frame_count, resample, splice
from models.body.skeleton import STANDARD_ARMS
from models.body.take import Take
from models.conditioning.windows import fade_weights, sampling_rounds, window_starts
from models.errors import Cancelled, UserError
from models.generation import generator, sampling
from models.generation.generator import GenerateSettings, generate
from models.networks import torch_engine
from models.planning import plan


@pytest.fixture(scope="module")
def model():
    return tiny_model()


def song(seconds=4.0, seed=0):
    rng = np.random.default_rng(seed)
    count = int(5 * seconds)
    onset = np.sort(rng.uniform(0, seconds - 0.4, count))
    notes = np.stack([onset, onset + 0.3, rng.integers(40, 84, count), np.full(count, 80.0)], 1).astype(
        np.float32
    )
    return Notes.from_arrays(notes, hand=notes[:, 2] > 62)


def settings(**changes):
    return GenerateSettings(**{"contact": 0.0, **changes})


def make(model, notes, seconds=4.0, **changes):
    extra = {
        name: changes.pop(name) for name in ("keep", "keep_hand", "redo_range", "progress") if name in changes
    }
    return generate(model, notes, duration_s=seconds, settings=settings(**changes), **extra)


def same(a: Motion, b: Motion) -> bool:
    return np.array_equal(a.euler, b.euler) and np.array_equal(a.wrist, b.wrist)


def test_a_seed_gives_the_same_take_and_another_seed_another(model):
    notes = song()
    first, again, other = (make(model, notes, seed=seed) for seed in (3, 3, 4))
    assert same(first.motion, again.motion)
    assert np.abs(first.motion.euler - other.motion.euler).max() > 0.01
    assert first.meta["seed"] == 3 and first.meta["sampler"] == "dpm++2m" and first.meta["steps"] == 3


def test_what_the_networks_freed_is_given_back_before_contact_asks_for_memory(model, monkeypatch):
    order = []

    def told(name):
        original = getattr(generator, name)

        def call(*arguments, **named):
            order.append(name)
            return original(*arguments, **named)

        monkeypatch.setattr(generator, name, call)

    for name in ("sample_song", "give_memory_back", "apply_contact"):
        told(name)
    make(model, song(), contact=1.0)
    assert order == ["sample_song", "give_memory_back", "apply_contact"]


@pytest.mark.parametrize("contact", [0.0, 1.0])
@pytest.mark.parametrize("fps", [24, 29.97, 30, 60])
def test_take_fills_the_duration_at_the_wanted_rate_inside_the_limits(model, fps, contact):
    notes = song()
    take = make(model, notes, fps=fps, contact=contact)
    assert take.motion.fps == fps and take.motion.frames == frame_count(4.0, fps)
    assert take.notes.fingering.shape == (len(notes), 2)
    # Between frames that lie at a limit the curve of another rate swings out by half a degree (0.0095 in four songs).
    tolerance = 1e-4 if contact or fps == 30 else 1e-2
    assert not outside_limits(take.motion.euler, tolerance).any()
    assert np.isfinite(take.motion.euler).all() and np.isfinite(take.motion.wrist).all()


def test_windows_do_not_depend_on_their_batch(model, monkeypatch):
    notes = song(9.0)
    together = make(model, notes, 9.0)
    monkeypatch.setattr(torch_engine, "BATCH_WINDOWS", 1)
    alone = make(model, notes, 9.0)
    np.testing.assert_allclose(alone.motion.euler, together.motion.euler, atol=1e-4)
    np.testing.assert_allclose(alone.motion.wrist, together.motion.wrist, atol=1e-5)


@pytest.mark.parametrize("contact", [0.0, 1.0])
@pytest.mark.parametrize("hand", ["left", "right"])
def test_redoing_a_hand_leaves_the_other_bit_for_bit(model, hand, contact):
    notes = song()
    take = make(model, notes, seed=1, fps=24, contact=contact)
    redone = make(model, notes, seed=2, fps=24, contact=contact, keep=take, keep_hand=hand)
    new, kept = ("left", "right").index(hand), ("right", "left").index(hand)
    assert np.array_equal(redone.motion.euler[:, kept], take.motion.euler[:, kept])
    assert np.array_equal(redone.motion.wrist[:, kept], take.motion.wrist[:, kept])
    assert np.abs(redone.motion.euler[:, new] - take.motion.euler[:, new]).max() > 0.01
    its = take.notes.hand == kept
    assert np.array_equal(redone.notes.fingering[its], take.notes.fingering[its])
    assert redone.meta["redone"] == {"hand": hand, "range": None, "kept_seed": 1}


@pytest.mark.parametrize("contact", [0.0, 1.0])
def test_redoing_a_stretch_leaves_the_rest_bit_for_bit(model, contact):
    notes = song(9.0)
    take = make(model, notes, 9.0, seed=1, fps=25, contact=contact)
    redone = make(model, notes, 9.0, seed=2, fps=25, contact=contact, keep=take, redo_range=(3.0, 5.0))
    changed = np.abs(redone.motion.euler - take.motion.euler).max((1, 2, 3)) > 0
    assert changed[75:125].mean() > 0.9
    assert not changed[:75].any() and not changed[125:].any()
    assert np.array_equal(redone.motion.wrist[:75], take.motion.wrist[:75])
    assert np.array_equal(redone.motion.wrist[125:], take.motion.wrist[125:])


def arms_of(take):
    return np.stack([take.arms.elbow, take.arms.shoulder], -2)  # (frames, 2, 2, 3)


def check_arm_lengths(take, hand_size=1.0):
    for one, other, length in (
        (take.arms.shoulder, take.arms.elbow, STANDARD_ARMS.upper_arm),
        (take.arms.elbow, take.motion.wrist, STANDARD_ARMS.forearm),
    ):
        found = np.linalg.norm(one.astype(float) - other, axis=-1)
        np.testing.assert_allclose(found, np.broadcast_to(hand_size * length, found.shape), atol=1e-6)


@pytest.mark.parametrize("fps", [24, 30])
def test_a_kept_arm_stays_bit_for_bit_and_the_new_one_fits_its_hand(model, fps):
    notes = song()
    take = make(model, notes, seed=1, fps=fps, style={"hand_size": 2.0})
    moved = Arms(take.arms.elbow, take.arms.shoulder + np.float32([0.0, 0.01, 0.01]))
    edited = dataclasses.replace(take, given_arms=moved)  # as an animator left it
    redone = make(
        model,
        notes,
        seed=2,
        fps=fps,
        keep=edited,
        keep_hand="right",
        style={"hand_size": 2.0, "looseness": 1.0},
    )
    assert np.array_equal(arms_of(redone)[:, 0], arms_of(edited)[:, 0])
    assert np.abs(arms_of(redone)[:, 1] - arms_of(edited)[:, 1]).max() > 0.002
    check_arm_lengths(take, 1.2)
    new = dataclasses.replace(
        redone, given_arms=Arms(*(part[:, [1, 1]] for part in (redone.arms.elbow, redone.arms.shoulder)))
    )
    wrist = redone.motion.wrist[:, [1, 1]]
    check_arm_lengths(dataclasses.replace(new, motion=Motion(new.motion.euler, wrist, fps)), 1.2)


def test_arms_outside_a_redone_stretch_stay_bit_for_bit(model):
    notes = song(9.0)
    take = make(model, notes, 9.0, seed=1)
    lifted, elbow = fit_arms(
        take.arms.shoulder + np.float32([0, 0.02, 0.01]),
        take.arms.elbow,
        take.motion.wrist,
        1.0,
        STANDARD_ARMS,
    )
    edited = dataclasses.replace(take, given_arms=Arms(elbow, lifted))  # as an animator left it
    redone = make(model, notes, 9.0, seed=2, keep=edited, redo_range=(3.0, 5.0))
    new, old = arms_of(redone), arms_of(edited)
    assert np.array_equal(new[:90], old[:90]) and np.array_equal(new[150:], old[150:])
    assert np.abs(new[90:150] - old[90:150]).max((1, 2, 3)).min() > 0
    np.testing.assert_allclose(
        new[110:130, :, 1], natural_arms_of(redone.motion).shoulder[110:130], atol=1e-6
    )
    check_arm_lengths(redone)


def test_a_kept_take_without_arms_gets_natural_ones(model):
    notes = song()
    take = dataclasses.replace(make(model, notes, seed=1), given_arms=None, meta={})
    redone = make(model, notes, seed=2, keep=take, keep_hand="left", style={"hand_size": 2.0})
    check_arm_lengths(redone, 1.2)


def test_style_moves_the_trunk(model):
    notes = song(20.0)
    stiff, loose = (make(model, notes, 20.0, style={"looseness": value}) for value in (-1.0, 1.0))
    apart = [
        np.abs(take.arms.shoulder - natural_arms_of(take.motion, sway=0.0).shoulder).max()
        for take in (stiff, loose)
    ]
    assert apart[1] > 2 * apart[0] > 0


def test_redoing_one_hand_in_a_stretch_changes_nothing_else(model):
    notes = song()
    take = make(model, notes, seed=1)
    redone = make(model, notes, seed=2, keep=take, keep_hand="right", redo_range=(1.0, 2.0))
    difference = np.abs(redone.motion.euler - take.motion.euler).max((2, 3))
    assert difference[30:60, 1].max() > 0
    difference[30:60, 1] = 0
    assert difference.max() == 0


def test_the_kept_hand_reaches_the_redone_one_through_the_network(model):
    notes = song()
    take = make(model, notes, seed=1)
    bent = Take(
        Motion(take.motion.euler + np.float32([[[0.3]], [[0.0]]]), take.motion.wrist, 30.0),
        take.notes,
        take.meta,
    )
    with_take, with_bent = (make(model, notes, seed=2, keep=kept, keep_hand="right") for kept in (take, bent))
    assert np.abs(with_take.motion.euler[:, 1] - with_bent.motion.euler[:, 1]).max() > 1e-5


def test_mirrored_music_and_noise_give_the_mirrored_take(model, monkeypatch):
    notes = song(6.0)
    mirrored = dataclasses.replace(notes, pitch=124 - notes.pitch, hand=1 - notes.hand)
    monkeypatch.setattr(plan, "VARIATION", 0.0)  # what a seed draws for a note depends on its pitch
    straight = make(model, notes, 6.0)
    draw = sampling.noise_source
    monkeypatch.setattr(sampling, "noise_source", lambda seed, hand, start: draw(seed, 1 - hand, start))
    image = make(model, mirrored, 6.0)
    euler, wrist = mirror_hands(
        torch.from_numpy(straight.motion.euler), torch.from_numpy(straight.motion.wrist), float(key_x(62))
    )
    np.testing.assert_allclose(image.motion.euler, euler.numpy(), atol=1e-4)
    np.testing.assert_allclose(image.motion.wrist, wrist.numpy(), atol=1e-5)


def test_style_changes_the_take(model):
    notes = song(1.5)
    plain, curled = make(model, notes, 1.5), make(model, notes, 1.5, style={"curl": 1.0})
    assert np.abs(plain.motion.euler - curled.motion.euler).max() > 1e-4
    with pytest.raises(ValueError, match="charm"):
        settings(style={"charm": 1.0})


def test_cancelling_stops_within_one_sampling_step(model):
    notes = song()
    calls = []

    def progress(stage, step, of):
        calls.append((stage, step, of))
        if step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        make(model, notes, progress=progress)
    assert [step for _, step, _ in calls] == [0, 1, 2]


def test_progress_counts_up_to_the_end(model):
    notes = song(9.0)
    steps = []
    make(
        model,
        notes,
        9.0,
        progress=lambda stage, step, of: steps.append((step, of)) if stage == "sample" else None,
    )
    assert steps == [(i, steps[0][1]) for i in range(steps[0][1] + 1)]


@pytest.mark.parametrize("contact", [0.0, 1.0])
@pytest.mark.parametrize("seconds", [0.02, 1.6, 1.61, 30.0])
def test_any_length_works_with_and_without_notes(model, seconds, contact):
    notes = song(30.0)
    heard = notes.onset_s < seconds  # the last ones sound on beyond the end
    takes = [make(model, played, seconds, contact=contact) for played in (notes.select(heard), Notes.none())]
    for take in takes:
        assert take.motion.frames == frame_count(seconds, 30)
        assert np.isfinite(take.motion.euler).all() and np.isfinite(take.motion.wrist).all()
    assert takes[0].notes.same_strokes(notes.select(heard)) and not len(takes[1].notes)
    # The notes are heard: with them the same seed moves otherwise.
    assert not heard.any() or np.abs(takes[0].motion.wrist - takes[1].motion.wrist).max() > 1e-4


def test_long_songs_pass_through_the_networks_a_few_windows_at_a_time(model, monkeypatch):
    sizes = []
    forward = sampling._windows
    monkeypatch.setattr(
        sampling,
        "_windows",
        lambda model, music, starts, *rest: (sizes.append(len(starts)), forward(model, music, starts, *rest))[
            1
        ],
    )
    make(model, song(60.0), 60.0)
    assert max(sizes) < torch_engine.BATCH_WINDOWS and sum(sizes) == len(window_starts(0, 1800, 48, 12))


def test_settings_that_the_model_cannot_serve_are_said_in_a_sentence(model):
    notes = song(1.0)
    with pytest.raises(UserError, match="sampler"):
        settings(sampler="magic")
    with pytest.raises(UserError, match="steps"):
        make(model, notes, 1.0, steps=2000)
    take = make(model, notes, 1.0)
    with pytest.raises(UserError, match="longer"):
        make(model, notes, 1.0, keep=take, redo_range=(5.0, 6.0))
    with pytest.raises(ValueError, match="keep"):
        make(model, notes, 1.0, keep_hand="left")


def test_windows_cover_everything_and_gaps_touch_two_neighbours():
    for stop in (1, 48, 49, 500):
        covered = np.zeros(stop + 100, bool)
        for start in window_starts(0, stop, 48, 12):
            covered[start : start + 48] = True
        assert covered[:stop].all()
    first, gaps = sampling_rounds(0, 48 + 36 * 4, TINY)
    assert first == [0, 72, 144] and gaps == [36, 108]
    assert all(b - a >= 48 for a, b in zip(first, first[1:]))
    weights = fade_weights(48, 12)
    np.testing.assert_allclose(weights[:12] + weights[-12:], 1.0)


def test_resampling_keeps_straight_lines_and_identity():
    line = np.linspace(0, 3, 91, dtype=np.float32)[:, None]
    np.testing.assert_allclose(resample(line, 30, 24, 73)[:, 0], np.arange(73) / 24, atol=1e-5)
    assert np.array_equal(resample(line, 30, 30, 91), line)
    wave = np.sin(np.arange(91) / 30 * 6)[:, None]
    np.testing.assert_allclose(
        resample(wave, 30, 60, 180)[2:-2, 0], np.sin(np.arange(2, 178) / 60 * 6), atol=2e-3
    )


def test_still_wrists_are_smoothed_as_the_model_asks_and_angles_are_not():
    onset = np.repeat(np.arange(8) * 0.5, 2)
    table = np.stack([onset, onset + 0.4, np.tile([48, 76], 8), np.full(16, 80)], 1)
    notes = Notes.from_arrays(table, hand=np.tile([0, 1], 8))
    small = dataclasses.replace(
        TINY.statistics, position_std=(1e-4, 1e-4, 1e-4), residual_std=(1e-3, 1e-3, 1e-3)
    )
    still = dataclasses.replace(TINY, statistics=small)
    plain, eased = (
        make(tiny_model(which), notes).motion
        for which in (still, dataclasses.replace(still, still_smoothing_frames=6.0))
    )
    assert np.array_equal(plain.euler, eased.euler)
    tremble, calm = (np.abs(np.diff(part.wrist, n=2, axis=0)).mean() for part in (plain, eased))
    assert calm < tremble


def test_sampling_begins_with_as_much_noise_as_the_model_asks_for(monkeypatch):
    begun = []

    def listening(denoise, x, schedule, **rest):
        begun.append(x.copy())
        return plain(denoise, x, schedule, **rest)

    plain = sampling.SAMPLERS[TINY.sampler]
    monkeypatch.setitem(sampling.SAMPLERS, TINY.sampler, listening)
    notes = song()
    config = dataclasses.replace(TINY, pose_noise=1.25, wrist_noise=0.5)
    takes = [make(tiny_model(which), notes) for which in (TINY, config)]
    half = len(begun) // 2
    assert half and len(begun) == 2 * half
    for unit, scaled in zip(begun[:half], begun[half:]):
        np.testing.assert_array_equal(scaled[..., :48], np.float32(1.25) * unit[..., :48])
        np.testing.assert_array_equal(scaled[..., 48:], np.float32(0.5) * unit[..., 48:])
    assert np.abs(takes[0].motion.euler - takes[1].motion.euler).max() > 1e-3


def test_a_splice_is_exact_outside_and_goes_on_in_place_and_velocity():
    ramp = np.arange(60, dtype=np.float32)[:, None] * 0.01
    kept = Motion(
        ramp[:, None, None] + np.zeros((60, 2, 16, 3), np.float32), ramp[:, None] + np.zeros((60, 2, 3)), 30.0
    )
    new = Motion(np.ones((60, 2, 16, 3), np.float32), np.ones((60, 2, 3), np.float32), 30.0)
    out = splice(kept, new, EditMask.of_seconds(60, 30.0, (1,), (0.5, 1.5)))
    assert np.array_equal(out.euler[:, 0], kept.euler[:, 0])
    assert np.array_equal(out.euler[:15], kept.euler[:15]) and np.array_equal(out.wrist[45:], kept.wrist[45:])
    assert out.euler[30, 1, 0, 0] == 1.0
    assert np.abs(np.diff(out.wrist[13:18, 1, 0], n=2)).max() < 0.05
    assert np.abs(np.diff(out.wrist[43:48, 1, 0], n=2)).max() < 0.05
    assert np.abs(np.diff(out.wrist[:, 1, 0])).max() < 0.15


@pytest.mark.parametrize(("start", "stop"), [(0, 60), (20, 21), (0, 1), (59, 60), (20, 23)])
def test_a_splice_of_any_length_stays_between_what_it_joins(start, stop):
    kept = Motion(np.zeros((60, 2, 16, 3), np.float32), np.zeros((60, 2, 3), np.float32), 30.0)
    new = Motion(np.ones((60, 2, 16, 3), np.float32), np.ones((60, 2, 3), np.float32), 30.0)
    out = splice(kept, new, EditMask.of_seconds(60, 30.0, seconds=(start / 30, stop / 30)))
    assert not out.wrist[:start].any() and not out.wrist[stop:].any()
    assert out.wrist.min() > -0.1 and out.wrist.max() < 1.1
