# SPDX-License-Identifier: GPL-3.0-or-later
"""Training of the network that guesses hands: the same function as the one that ships, and it learns."""

import numpy as np
import pytest
import torch

from models.body.notes import Notes
from models.planning.hand_odds import FEATURES, right_hand_odds
from training.fingering.hand_fit import HandFitOptions, excerpt, fit_hands, new_weights, odds
from training.synthesis.scores import Score


def two_voices(seed: int, count: int = 200) -> Score:
    rng = np.random.default_rng(seed)
    hands = rng.integers(0, 2, count)
    onset = np.arange(count) * 0.2
    pitch = np.where(hands == 1, 74, 50) + rng.integers(-5, 6, count)
    notes = np.column_stack([onset, onset + 0.2, pitch, np.full(count, 80)]).astype(np.float32)
    return Score(Notes.from_arrays(notes, hand=hands), 0.0)


def test_torch_and_numpy_agree() -> None:
    weights = new_weights(3)
    features = torch.randn(2, 150, FEATURES, generator=torch.Generator().manual_seed(0))
    plain = {name: value.detach().numpy() for name, value in weights.items()}
    for k in range(2):
        np.testing.assert_allclose(
            right_hand_odds(features[k].numpy(), plain), odds(features, weights)[k].detach(), atol=1e-4
        )


def test_excerpts_hide_hands_and_weigh_only_hidden_notes() -> None:
    options = HandFitOptions(length=256, given=1.0)
    features, wanted, weight = excerpt(two_voices(1), np.random.default_rng(2), options)
    assert features.shape == (256, FEATURES) and weight[200:].sum() == 0
    given = features[:, 1]
    assert (weight[:200] == (given[:200] == 0)).all()
    known = given != 0
    assert known.any() and (np.sign(given[known]) == 2 * wanted[known] - 1).all()


def test_it_learns_register() -> None:
    weights = fit_hands([two_voices(k) for k in range(8)], HandFitOptions(steps=60, batch=4, length=128))
    score = two_voices(50)
    quiet = HandFitOptions(length=200, given=0.0)
    features, wanted, _ = excerpt(score, np.random.default_rng(4), quiet)
    assert ((right_hand_odds(features, weights) > 0) == wanted.astype(bool)).mean() > 0.95


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="range"):
        HandFitOptions(steps=0)
