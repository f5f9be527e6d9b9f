# SPDX-License-Identifier: GPL-3.0-or-later
"""What the noise of a take depends on: the seed, the hand, the window, and the switches of the configuration."""

import copy
import dataclasses

import numpy as np
import pytest
from tiny_model import TINY, tiny_model

from models.body.edit_mask import EditMask
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import Player
from models.conditioning.windows import KEPT_WINDOWS, ModelInput, window_starts
from models.errors import no_progress
from models.generation import sampling
from models.generation.generator import GenerateSettings, generate
from models.generation.noise import liveliness
from models.networks.torch_engine import TorchEngine
from models.thread_pool import ThreadPool

SECONDS = 3.0


class Start:
    """What a sampler was given for one batch of windows."""

    def __init__(self, x, generators):
        self.x = x.copy()
        """[B, 2, T, C]"""
        # What a sampler would draw later; from copies, so that the take is not another one.
        self.next = np.stack(
            [[copy.deepcopy(hand).standard_normal(16) for hand in hands] for hands in generators]
        )


@pytest.fixture
def starts(monkeypatch):
    """Every batch of windows that was sampled, in the order of the song: by one thread."""
    heard = []
    monkeypatch.setattr(TorchEngine, "pool", lambda engine: ThreadPool(1))
    plain = sampling.SAMPLERS[TINY.sampler]

    def listening(denoise, x, schedule, **rest):
        heard.append(Start(x, rest["generators"]))
        return plain(denoise, x, schedule, **rest)

    monkeypatch.setitem(sampling.SAMPLERS, TINY.sampler, listening)
    return heard


def sample(config=TINY, seed=0, seconds=SECONDS):
    notes = Notes.from_arrays([[0.5, 0.9, 50, 80], [1.0, 1.4, 70, 80]], hand=np.array([0, 1]))
    settings = GenerateSettings(seed=seed, contact=0.0)
    return generate(tiny_model(config), notes, duration_s=seconds, settings=settings).motion


@pytest.mark.parametrize("decoupled", [True, False])
def test_noise_of_the_hands_is_its_own_or_shared_from_beginning_to_end(starts, decoupled):
    sample(dataclasses.replace(TINY, decoupled_noise=decoupled))
    assert starts
    for start in starts:
        assert np.array_equal(start.x[:, 0], start.x[:, 1]) != decoupled
        assert np.array_equal(start.next[:, 0], start.next[:, 1]) != decoupled


def test_a_shared_start_is_one_noise_at_first_and_each_hand_its_own_later(starts):
    sample(TINY)
    plain = list(starts)
    starts.clear()
    sample(dataclasses.replace(TINY, shared_start=True))
    assert len(starts) == len(plain) > 0
    for apart, start in zip(plain, starts):
        assert np.array_equal(start.x[:, 0], start.x[:, 1])
        assert np.array_equal(start.x[:, 0], apart.x[:, 0])  # the left hand's is both's
        assert not np.array_equal(start.next[:, 0], start.next[:, 1])


def test_every_window_and_every_seed_has_its_own_noise(starts):
    sample(seed=1, seconds=6.0)
    first = np.concatenate([start.x for start in starts])
    starts.clear()
    sample(seed=2, seconds=6.0)
    other = np.concatenate([start.x for start in starts])
    assert len(first) == len(window_starts(0, 180, TINY.window_frames, 12)) > 3
    drawn = np.concatenate([first, other]).reshape(4 * len(first), -1)
    assert len(np.unique(drawn, axis=0)) == 4 * len(first)
    # Standard normal noise, up to what the configuration scales it by.
    assert [TINY.pose_noise, TINY.wrist_noise] == [1.0, 1.0]
    assert abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.02


NOTES = Notes.from_arrays(
    np.array([[0.5 + 0.4 * i, 0.8 + 0.4 * i, 48 + 5 * (i % 7), 80] for i in range(140)], np.float32),
    np.zeros((140, 2), np.int8),
)
SONG = 1800  # frames


def redo(hands, start, stop, kept):
    """A stretch of a minute's song anew."""
    told = np.zeros((2, TINY.player_dim), np.float32)
    settings = sampling.SamplingSettings(
        seed=5, sampler=TINY.sampler, steps=2, player_vector=told, liveliness=np.zeros(2)
    )
    music = ModelInput(NOTES, 30.0)
    part = EditMask.of_seconds(SONG, 30.0, hands, (start / 30, stop / 30))
    return sampling.sample_song(tiny_model(), music, SONG, settings, kept, part, no_progress)


@pytest.fixture(scope="module")
def kept():
    """Motion that no model made: hands that swing to and fro."""
    swing = np.sin(np.arange(SONG) / 20)
    euler = np.zeros((SONG, 2, 16, 3))
    euler[:, :, 1:, 0] = 0.3 + 0.05 * swing[:, None, None]  # fingers bend, inside their limits
    wrist = np.array([[-0.2, -0.1, 0.1], [0.2, -0.1, 0.1]]) + 0.02 * swing[:, None, None]
    return Motion(euler.astype(np.float32), wrist.astype(np.float32), 30.0)


@pytest.mark.parametrize(("start", "stop"), [(900, 960), (0, 40), (1770, 1800)])
def test_all_of_what_is_redone_is_new_and_far_from_it_nothing(kept, start, stop):
    new = redo((0, 1), start, stop, kept)
    changed = np.abs(new.euler - kept.euler).max((1, 2, 3)), np.abs(new.wrist - kept.wrist).max((1, 2))
    for how_much in changed:
        assert (how_much[start:stop] > 1e-4).all()
        away = np.ones(SONG, bool)
        away[max(start - 20, 0) : stop + 20] = False
        assert not how_much[away].any()


def test_a_hand_that_is_kept_stays_while_the_other_is_redone(kept):
    new = redo((1,), 900, 960, kept)
    assert np.abs(new.euler[905:955, 1] - kept.euler[905:955, 1]).max((1, 2)).min() > 1e-3
    # It went through the networks' units and back, and was softened at seams: nearly all of it is as it was.
    off = (
        np.abs(new.euler[:, 0] - kept.euler[:, 0]).max((1, 2)),
        np.abs(new.wrist[:, 0] - kept.wrist[:, 0]).max(1),
    )
    for how_much in off:
        assert np.quantile(how_much[888:972], 0.5) < 2e-3 and not how_much[:880].any()


def test_a_redone_bar_is_no_more_work_in_a_long_song(kept, starts):
    redo((0, 1), 900, 960, kept)
    assert 1 <= sum(len(start.x) for start in starts) <= 4


def test_where_blocks_of_frames_meet_does_not_show(monkeypatch):
    config = dataclasses.replace(TINY, smoothing_frames=2.0, still_smoothing_frames=5.0)
    whole = sample(config, seconds=6.0)
    monkeypatch.setattr(sampling, "BLOCK_FRAMES", 37)
    blocks = sample(config, seconds=6.0)
    np.testing.assert_allclose(blocks.euler, whole.euler, atol=1e-5)
    np.testing.assert_allclose(blocks.wrist, whole.wrist, atol=1e-5)


def test_seams_are_softened_where_they_are_and_lines_stay_lines():
    line = np.arange(100, dtype=np.float32)[None, :, None].repeat(2, 0).repeat(3, 2)
    ramp = line.copy()
    sampling.soften_seams(ramp, [30], 48)
    np.testing.assert_allclose(ramp, line, rtol=1e-5)
    step = np.zeros((2, 100, 3), np.float32)
    step[:, 42:] = 1.0  # the gap's window begins at 30, its first 12 frames were given
    soft = step.copy()
    sampling.soften_seams(soft, [30], 48)
    changed = np.flatnonzero(np.abs(soft - step).max((0, 2)) > 1e-6)
    assert changed.min() >= 42 - sampling.SEAM_FRAMES and changed.max() < 42 + sampling.SEAM_FRAMES
    rise = np.diff(soft[0, :, 0])
    assert (rise >= -1e-6).all() and rise.max() < 0.5  # a step no more
    end = np.zeros((2, 100, 3), np.float32)
    end[:, 66:] = 1.0  # the other edge
    sampling.soften_seams(end, [30], 48)
    assert np.diff(end, axis=1).max() < 0.5


def test_sampling_begins_as_lively_as_the_window_is(starts):
    sample(seed=3, seconds=6.0)
    plain = [start.x for start in starts]
    starts.clear()
    config = dataclasses.replace(TINY, liveliness=0.3, liveliness_within=0.4)
    sample(config, seed=3, seconds=6.0)
    firsts = window_starts(0, 180, TINY.window_frames, 12)
    factors = np.concatenate([start.x for start in starts]) / np.concatenate(plain)  # [B, 2, T, C]
    of_player = Player.of_seed(3).liveliness
    expected = liveliness(config, 3, firsts, of_player)
    # Windows are sampled in rounds: in another order.
    got, wanted = (part[part[:, 0, 0, 0].argsort()] for part in (factors, expected))
    np.testing.assert_allclose(got, np.broadcast_to(wanted, got.shape), rtol=1e-5)
    both = dataclasses.replace(config, shared_start=True)
    np.testing.assert_array_equal(*liveliness(both, 3, firsts, of_player).swapaxes(0, 1))


@pytest.fixture
def worked_out(monkeypatch):
    """The first frames of all windows whose notes were worked out."""
    starts, plain = [], ModelInput.sounds

    def listening(music, some, frames):
        starts.extend(some)
        return plain(music, some, frames)

    monkeypatch.setattr(ModelInput, "sounds", listening)
    return starts


def test_the_notes_of_a_window_are_worked_out_once_for_its_positions_and_its_motion(worked_out):
    sample(seconds=9.0)
    assert len(worked_out) > 4 and len(worked_out) == len(set(worked_out))


def test_of_a_long_song_only_some_windows_are_kept_and_all_are_told_the_same_again(worked_out):
    music, starts = ModelInput(NOTES, 30.0), list(range(0, 40 * KEPT_WINDOWS, 20))
    first, again = (music.heard(starts, TINY) for _ in range(2))
    assert np.array_equal(first.sounds, again.sounds) and np.array_equal(first.plan, again.plan)
    assert len(worked_out) == 2 * len(starts) - KEPT_WINDOWS
