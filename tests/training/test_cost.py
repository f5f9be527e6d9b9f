# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts of parameters and multiply-adds, and what is measured."""

import dataclasses
import json

import pytest
import torch

from models.config import EncoderConfig, InteractionConfig, ModelConfig, TransformerConfig, UNetConfig
from models.generation.model import load_model
from models.networks.stages import Networks, parameter_count
from training.__main__ import main
from training.commands.cost import as_markdown
from training.tables.cost import (
    Cost,
    CostOptions,
    Timing,
    build,
    count_multiply_adds,
    count_parameters,
    measure,
)

META, CPU = torch.device("meta"), torch.device("cpu")
TINY = ModelConfig(
    name="tiny",
    predictor=TransformerConfig(width=16, heads=2, feedforward=16, encoder_layers=1, decoder_layers=1),
    refiner=TransformerConfig(width=16, heads=2, feedforward=16, encoder_layers=1, decoder_layers=1),
    unet=UNetConfig(widths=(16, 32), time_width=16),
    interaction=InteractionConfig(heads=2),
    sampling_steps=3,
)


def test_the_command_counts_all_of_the_shipped_model(capsys, tmp_path):
    file = tmp_path / "cost.json"
    assert main(["cost", "--presets", "default", "--no-timing", "--json", str(file)]) == 0
    out = capsys.readouterr().out
    assert "| default |" in out and "766 s" in out
    (cost,) = json.loads(file.read_text(encoding="utf-8"))
    assert sum(cost["parameters"].values()) == parameter_count(
        load_model("default", "cpu", "torch").engine.networks
    )
    assert cost["timings"] == [] and cost["peak_memory_mb"] is None


def test_parts_add_up_and_each_hand_counts():
    apart = dataclasses.replace(TINY, shared_hands=False)
    one, two = count_parameters(build(TINY, META)), count_parameters(build(apart, META))
    assert sum(one.values()) == parameter_count(Networks(TINY))
    assert two == {name: 2 * count for name, count in one.items()}
    none = dataclasses.replace(TINY, interaction=InteractionConfig(kind="none"))
    assert count_parameters(build(none, META))["interaction"] == 0


def test_multiply_adds_are_those_of_the_layers():
    """With concatenation for the hands' meeting, against a count of every linear and convolution layer by hooks."""
    config = dataclasses.replace(TINY, interaction=InteractionConfig(kind="concat"))
    parts = build(config, CPU)
    total = 0

    def hook(module, inputs, output):
        nonlocal total
        if isinstance(module, torch.nn.Linear):
            total += output.numel() * module.in_features
        elif hasattr(module, "kernel_size"):
            window = module.kernel_size[0] * (module.kernel_size[1] if len(module.kernel_size) > 1 else 1)
            total += output.numel() * module.in_channels * window

    handles = [m.register_forward_hook(hook) for m in parts.networks.modules() if not list(m.children())]
    with torch.no_grad():
        x = torch.zeros(1, 2, 240, config.channels)
        parts.evaluate(x, 1, parts.zeros(1, 2, 240, config.condition_dim))
    for handle in handles:
        handle.remove()
    counted = count_multiply_adds(build(config, META))
    attention = 2 * 2 * 60 * 60 * config.unet.attention_heads * config.unet.head_width  # QK and AV, two hands
    assert counted["evaluation"] == pytest.approx(total + attention, rel=1e-3)
    steps = dataclasses.replace(config, sampling_steps=7)
    more = count_multiply_adds(build(steps, META))["window"]
    assert more - counted["window"] == pytest.approx(4 * counted["evaluation"])


def test_a_sound_encoder_counts_once_for_each_set_of_weights():
    pytest.importorskip("transformers")
    encoder = EncoderConfig(kind="hubert", feature_dim=768, source="base", centred_bins=0, finger_plan=False)
    one = build(dataclasses.replace(TINY, encoder=encoder), META)
    each = dataclasses.replace(TINY, encoder=dataclasses.replace(encoder, source="", per_hand=True))
    count = count_parameters(one)["sound_encoder"]
    assert count == pytest.approx(94.4e6, rel=0.01)  # HuBERT base, as published
    assert count_parameters(build(each, META))["sound_encoder"] == 2 * count


def test_measuring_runs_the_sampler_or_says_that_it_did_not():
    threads = torch.get_num_threads()
    try:
        parts = build(TINY, CPU)
        assert all(torch.isfinite(value).all() for value in parts.networks.parameters())
        whole = measure(parts, 1, CostOptions(repeats=1))
        guessed = measure(parts, 1, CostOptions(repeats=1, direct_seconds=0.0))
    finally:
        torch.set_num_threads(threads)
    assert whole.measured and not guessed.measured
    assert guessed.window == pytest.approx(
        guessed.predictors + guessed.refiners + 3 * guessed.evaluation, rel=1e-6
    )
    assert whole.sound_encoder == 0.0 and whole.evaluation > 0


def test_the_table_says_what_was_not_measured():
    timings = [Timing(1, 0.0, 0.1, 0.2, 0.3, 300.0, False), Timing(2, 0.0, 0.1, 0.2, 0.3, 3.0, True)]
    parts = dict.fromkeys(("sound_encoder", "predictors", "refiners", "unets", "interaction"), 10**6)
    cost = Cost("some", "ancestral", 1000, parts, {"evaluation": 1e9, "window": 1e12}, timings, 100.0)
    lines = as_markdown([cost]).splitlines()
    assert "5.0 M" in lines[2] and "1000.0 G" in lines[2]
    assert "300 s (steps x evaluation)" in lines[-2] and "| 3 s |" in lines[-1]


def test_options_are_checked():
    for wrong in ({"threads": ()}, {"threads": (0,)}, {"repeats": 0}, {"device": "tpu"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            CostOptions(**wrong)
