# SPDX-License-Identifier: GPL-3.0-or-later
"""The player of a take: drawn from its seed, told to the networks, kept where only part of a take is made anew."""

import dataclasses

import numpy as np
import pytest
from tiny_model import TINY

from models.body.notes import Notes
from models.body.player import FEWEST_FEATURES, PLAYER_FEATURES, Player, draw_player_scores, scores_of_take
from models.config import ModelConfig
from models.generation.generator import GenerateSettings, generate
from models.generation.model import wrap
from models.networks.stages import Networks
from models.networks.torch_engine import TorchEngine

TOLD = dataclasses.replace(TINY, habit_dim=len(PLAYER_FEATURES))


@pytest.fixture(scope="module")
def told_model():
    import torch

    torch.manual_seed(0)
    networks = Networks(TOLD)
    for parameter in networks.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return wrap(TOLD, TorchEngine(TOLD, networks, torch.device("cpu")), "told")


def scores_of_seed(seed):
    return Player.of_seed(seed).scores


def take_of(model, seed, **more):
    table = [[0.2, 0.6, 60, 80], [0.6, 1.0, 52, 70], [1.0, 1.4, 64, 60]]
    notes = Notes.from_arrays(table, hand=np.array([1, 0, 1]))
    settings = GenerateSettings(seed=seed, contact=0.0)
    return generate(model, notes, duration_s=1.6, settings=settings, **more)


def test_a_seed_has_one_player_and_seeds_differ():
    assert np.array_equal(scores_of_seed(3), scores_of_seed(3))
    assert np.abs(scores_of_seed(3) - scores_of_seed(4)).max() > 0.1
    drawn = np.array([draw_player_scores(np.random.default_rng(k)) for k in range(2000)])
    assert np.allclose(drawn.std(0), 1.0, atol=0.08) and np.abs(drawn).max() <= 2.5
    told = Player(scores=drawn[0]).vector()
    assert told[:, 5].tolist() == [-1.0, 1.0] and told.shape == (2, 10)


def test_what_a_file_says_about_a_player_is_checked():
    assert scores_of_take({"habits": [[0, 1, 2], [3, 4, 5]]}).max() == 2.5
    for broken in ({}, {"habits": "x"}, {"habits": [[1, 2], [3, 4]]}, {"habits": [[0, 0, float("nan")]] * 2}):
        assert scores_of_take(broken) is None


def test_a_redone_hand_has_a_player_of_its_own_and_a_redone_range_keeps_it(told_model):
    first = take_of(told_model, 1)
    assert np.allclose(first.meta["habits"], scores_of_seed(1))
    hand = take_of(told_model, 2, keep=first, keep_hand="left")
    assert np.allclose(hand.meta["habits"], [scores_of_seed(2)[0], scores_of_seed(1)[1]])
    part = take_of(told_model, 3, keep=hand, redo_range=(0.4, 0.9))
    assert np.allclose(part.meta["habits"], hand.meta["habits"])


def test_the_networks_hear_of_the_player(told_model, monkeypatch):
    first = take_of(told_model, 1)
    ninth = Player.of_seed(9)
    monkeypatch.setattr(Player, "of_seed", lambda seed, style: ninth)
    other = take_of(told_model, 1)
    assert np.abs(first.motion.euler - other.motion.euler).max() > 1e-3


def test_what_a_model_is_told_of_its_player_is_as_strong_as_its_config_says(told_model):
    """Scores of half the size, told twice as loud, give the same take; the take names the scores themselves."""
    doubled = dataclasses.replace(told_model, config=dataclasses.replace(TOLD, player_gain=2.0))
    half = Player.of_seed(1).scores / 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Player, "of_seed", lambda seed, style: Player(style=style, scores=half))
        quiet = take_of(doubled, 1)
    plain = take_of(told_model, 1)
    np.testing.assert_array_equal(quiet.motion.euler, plain.motion.euler)
    np.testing.assert_allclose(quiet.meta["habits"], half)


def test_a_model_is_asked_for_the_motion_that_its_config_names(told_model):
    """Tracked or drawn hands; a model from before that was told reads the same config without it."""
    drawn = dataclasses.replace(told_model, config=dataclasses.replace(TOLD, told_tracked=-1.0))
    assert np.abs(take_of(drawn, 1).motion.euler - take_of(told_model, 1).motion.euler).max() > 1e-3
    assert dataclasses.replace(TINY, habit_dim=FEWEST_FEATURES).player_dim == TOLD.player_dim - 1


def test_numbers_that_do_not_fit_each_other_are_refused():
    with pytest.raises(ValueError, match="habit_dim"):
        dataclasses.replace(TINY, habit_dim=3)
    with pytest.raises(ValueError, match="style_dim"):
        dataclasses.replace(TINY, habit_dim=len(PLAYER_FEATURES), style_dim=0)
    before = ModelConfig.from_json('{"style_dim": 5}')  # a model folder from before habits were told
    assert before.player_dim == 5
