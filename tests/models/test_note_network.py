# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network's own arithmetic against `transkun`'s layers, with small random weights."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models.networks.one_core import OneCorePool
from models.networks.transcription.backbone import NoteBackbone, attend
from models.networks.transcription.scoring import IntervalScorer
from models.networks.transcription.spectrum import LOG_FLOOR, Spectrum
from models.thread_pool import slices

CPU = torch.device("cpu")
KEYS = 5
WITHOUT_TRANSKUN = pytest.mark.skipif(
    importlib.util.find_spec("transkun") is None, reason="transkun is not installed"
)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Crews of two, whatever the machine; the same numbers for the same seed."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.manual_seed(3)
    yield
    torch.set_num_threads(before)


def stirred(module: Any) -> Any:
    """With weights so large that every part of the module has a say."""
    for name, weight in module.named_parameters():
        nn.init.normal_(weight, std=1.0 if name.endswith("scale") else weight.shape[0] ** -0.5)
    return module.eval().requires_grad_(False)


@WITHOUT_TRANSKUN
@torch.inference_mode()
def test_tokens_and_scores_are_those_of_the_library() -> None:
    from transkun.LayersTransformer import Backbone, ScaledInnerProductIntervalScorer

    library = stirred(
        Backbone(3, 8, 1, 4, 8, 2, 1, 4, nLayers=3, enabledAttn=["F", "T"], useGradientCheckpoint=False)
    )
    scorer = stirred(ScaledInnerProductIntervalScorer(32, 1))
    tracks = torch.tensor([-64, -67, *range(60, 60 + KEYS)])
    features = torch.randn(1, 61, 24, 3)
    expected = library(features, outputIndices=tracks)[0, 2:]
    dense = scorer(expected[None])[0][..., 0, :].permute(2, 1, 0).numpy()  # (key, begin, end)

    fast, scores = NoteBackbone(library, tracks, KEYS), IntervalScorer(library.upConv1dSkip, scorer)
    grid = fast.embedded(features)
    with OneCorePool(CPU) as pool:
        for layer in range(3):
            grid = fast.layer(layer, grid, pool, lambda: None)
        tokens = grid[1:].transpose(0, 1)
        found = scores.scores(tokens, 61, pool)
    key, frame = torch.arange(KEYS).repeat_interleave(61), torch.arange(61).repeat(KEYS)
    context = scores.context(tokens, key, frame).view(KEYS, 61, 32)
    assert expected.std() > 0.1
    torch.testing.assert_close(context, expected, atol=1e-4, rtol=1e-4)

    np.testing.assert_allclose(found.single, dense.diagonal(axis1=1, axis2=2), atol=1e-3)
    sparse = np.zeros_like(dense)
    sparse[found.track, found.begin, found.end] = found.score
    positive = np.triu(dense, 1).clip(0)
    assert (positive > 0).mean() > 0.1
    np.testing.assert_allclose(sparse, positive, atol=2e-3, rtol=1e-3)


@WITHOUT_TRANSKUN
@torch.inference_mode()
def test_spectra_are_those_of_the_library() -> None:
    from transkun.Util import Spectrum as LibrarySpectrum
    from transkun.Util import makeFrame

    library: Any = nn.Module()
    library.spectrogramExtractor = LibrarySpectrum(256, 2)
    library.freq2mels = torch.rand(129, 7)
    library.freq2mels[:3] = library.freq2mels[90:] = 0
    sound = torch.randn(2, 5000) * 0.1 + 0.02
    framed = makeFrame(sound, 64, 256)
    framed = (framed - framed.mean()) / (framed.std() + 1e-8)
    power = library.spectrogramExtractor(framed).abs().square().mean(0).squeeze()
    power = power if power.shape[-1] == 129 else power.transpose(-1, -2)
    expected = (power @ library.freq2mels + LOG_FLOOR).log()
    expected = ((expected - math.log(LOG_FLOOR)) / -math.log(LOG_FLOOR)).transpose(-1, -2)
    with OneCorePool(CPU) as pool:
        features = Spectrum.of(library, 64)(sound, pool)
    torch.testing.assert_close(features[0], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0])
def test_attention_with_any_size_of_logits(size: float) -> None:
    """Beyond the exponential's range too, where the quick way would give inf / inf or 0 / 0."""
    query, key, value = torch.randn(3, 6, 8) * size, torch.randn(3, 9, 8), torch.randn(3, 9, 8)
    q, k, v = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in (query, key, value))
    expected = nn.functional.scaled_dot_product_attention(q, k, v, scale=1.0).transpose(1, 2).flatten(2)
    seen = attend(query, torch.cat([key, value], -1), 2)
    assert seen.isfinite().all()
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=1e-3)


def test_a_crew_works_in_order_and_leaves_torch_as_it_was() -> None:
    with OneCorePool(CPU) as pool:
        assert torch.get_num_threads() == 1
        assert pool.each(lambda part: (part.start, torch.is_inference_mode_enabled()), slices(10, 4)) == [
            (0, True),
            (4, True),
            (8, True),
        ]
        with pytest.raises(ZeroDivisionError):
            pool.each(lambda x: 1 // x, [1, 0, 2])
    assert torch.get_num_threads() == 2
