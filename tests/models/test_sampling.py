# SPDX-License-Identifier: GPL-3.0-or-later
"""What the noise of a take depends on: the seed, the hand, the window, and the switches of the configuration."""

import dataclasses

import pytest
import torch
from tiny_model import TINY, tiny_model

from models import sampling
from models.generator import GenerateSettings, generate
from models.windows import window_starts

SECONDS = 3.0


class Start:
    """What a sampler was given for one batch of windows."""

    def __init__(self, x, generators):
        self.x = x.clone()
        """[B, 2, T, C]"""
        # What a sampler would draw later; from copies, so that the take is not another one.
        self.next = torch.stack([torch.stack([self.draw(hand) for hand in hands]) for hands in generators])

    @staticmethod
    def draw(generator):
        again = torch.Generator()
        again.set_state(generator.get_state())
        return torch.randn(16, generator=again)


@pytest.fixture
def starts(monkeypatch):
    """Every batch of windows that was sampled."""
    heard = []
    plain = sampling.SAMPLERS[TINY.sampler]

    def listening(denoise, x, schedule, **rest):
        heard.append(Start(x, rest["generators"]))
        return plain(denoise, x, schedule, **rest)

    monkeypatch.setitem(sampling.SAMPLERS, TINY.sampler, listening)
    return heard


def sample(config=TINY, seed=0, seconds=SECONDS):
    import numpy as np

    notes = np.array([[0.5, 0.9, 50, 80], [1.0, 1.4, 70, 80]], np.float32)
    settings = GenerateSettings(seed=seed, contact=0.0)
    return generate(tiny_model(config), notes, np.array([0, 1]), duration_s=seconds, settings=settings).motion


@pytest.mark.parametrize("decoupled", [True, False])
def test_noise_of_the_hands_is_its_own_or_shared_from_beginning_to_end(starts, decoupled):
    sample(dataclasses.replace(TINY, decoupled_noise=decoupled))
    assert starts
    for start in starts:
        assert torch.equal(start.x[:, 0], start.x[:, 1]) != decoupled
        assert torch.equal(start.next[:, 0], start.next[:, 1]) != decoupled


def test_a_shared_start_is_one_noise_at_first_and_each_hand_its_own_later(starts):
    sample(TINY)
    plain = list(starts)
    starts.clear()
    sample(dataclasses.replace(TINY, shared_start=True))
    assert len(starts) == len(plain) > 0
    for apart, start in zip(plain, starts):
        assert torch.equal(start.x[:, 0], start.x[:, 1])
        assert torch.equal(start.x[:, 0], apart.x[:, 0])  # the left hand's is both's
        assert not torch.equal(start.next[:, 0], start.next[:, 1])


def test_every_window_and_every_seed_has_its_own_noise(starts):
    sample(seed=1, seconds=6.0)
    first = torch.cat([start.x for start in starts])
    starts.clear()
    sample(seed=2, seconds=6.0)
    other = torch.cat([start.x for start in starts])
    assert len(first) == len(window_starts(0, 180, TINY.window_frames, 12)) > 3
    drawn = torch.cat([first, other]).flatten(2).flatten(0, 1)
    assert len(torch.unique(drawn, dim=0)) == 4 * len(first)
    # Standard normal noise, up to what the configuration scales it by.
    assert torch.tensor([TINY.pose_noise, TINY.wrist_noise]).tolist() == [1.0, 1.0]
    assert abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.02
