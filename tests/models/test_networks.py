# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks at tiny size: shapes, the equations of HCAA, switches, the paper's sizes."""

import dataclasses

import pytest
import torch
from tiny_model import TINY

from models.body.keyboard import key_x
from models.conditioning.hand_space import (
    Normalizer,
    canonical_wrist,
    centred_rolls,
    mirror_wrist,
    note_features,
    seen_from_other,
)
from models.config import InteractionConfig, ModelConfig
from models.model_folder import PRESETS_FOLDER
from models.networks.hcaa import HandCoordinatedAsymmetricAttention
from models.networks.interaction import build_interaction
from models.networks.stages import Networks, parameter_count


def inputs(config, batch=2, frames=None):
    frames = frames or config.window_frames
    torch.manual_seed(1)
    features = torch.rand(batch, 2, frames, config.encoder.feature_width)
    seen = torch.rand(batch, 2, frames, config.encoder.plan_dim)
    return {
        "features": features,
        "plan_seen": seen,
        "x": torch.randn(batch, 2, frames, config.channels),
        "positions": torch.randn(batch, 2, frames, 3),
        "known": torch.zeros(batch, 2, frames, 1, dtype=torch.bool),
        "style": torch.randn(batch, 2, config.player_dim),
        "t": torch.tensor([[5, 5]] * batch),
    }


def randomise(network):
    """Layers that begin as zero would hide what reaches the output."""
    torch.manual_seed(2)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.eval()


def run(networks, config, given):
    rolls = given["features"][..., : config.encoder.feature_dim]
    centred = [centred_rolls(rolls, given["positions"][..., 0], config), given["plan_seen"]]
    centred = torch.cat([part for part in centred if part is not None], -1)
    condition = networks.streams.condition(
        given["features"], given["positions"], given["positions"].flip(1), centred
    )
    assert condition.shape[-1] == config.condition_dim
    return networks.streams(
        given["x"], given["t"], condition, given["known"], torch.zeros_like(given["x"]), given["style"]
    )


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"shared_hands": False},
        {"wrist_residual": False, "style_dim": 0},
        {"encoder": dataclasses.replace(TINY.encoder, finger_plan=False)},
        {"position_sharing": False, "predictor_output": "tanh"},
        {"interaction": InteractionConfig(kind="none")},
        {"interaction": InteractionConfig(kind="concat")},
        {"interaction": InteractionConfig(kind="cross_attention", heads=2)},
        {"interaction": InteractionConfig(heads=2, causal=True, mlp=True, residual=False)},
        {"unet": dataclasses.replace(TINY.unet, patch=1, noise_embedding=12)},
    ],
)
def test_every_switch_gives_a_model_that_hears_all_it_is_given(change):
    config = dataclasses.replace(TINY, **change)
    networks = randomise(Networks(config))
    given = inputs(config)
    positions = networks.predictors(given["features"], given["style"])
    assert positions.shape == (2, 2, config.window_frames, 3)
    v = run(networks, config, given)
    assert v.shape == given["x"].shape and torch.isfinite(v).all()

    def moved(hand, name, value):
        """How much one hand's v changes when something of one hand is something else."""
        other = {**given, name: given[name].clone()}
        other[name][:, hand] = value
        return (run(networks, config, other) - v).abs().amax((0, 2, 3))

    for hand in (0, 1):
        own, across = moved(hand, "x", 0.3)[[hand, 1 - hand]]
        assert own > 1e-4
        # A hand knows of the other's motion by the interaction alone.
        assert (across > 1e-6) == (config.interaction.kind != "none"), config.interaction.kind
        assert moved(hand, "features", 0.5)[hand] > 1e-5
        assert moved(hand, "t", 40)[hand] > 1e-5
        if config.player_dim:
            assert moved(hand, "style", 1.0)[hand] > 1e-5
        near, far = moved(hand, "positions", 0.7)[[hand, 1 - hand]]
        assert near > 1e-5
        assert (far > 1e-6) == (config.position_sharing or config.interaction.kind != "none")


def test_hcaa_is_equation_6():
    torch.manual_seed(0)
    width, heads = 12, 3
    attention = HandCoordinatedAsymmetricAttention(
        width, InteractionConfig(heads=heads, lambda_init=0.25)
    ).eval()
    own, other = torch.randn(2, 7, width), torch.randn(2, 7, width)

    def attend(weight, x):
        q, k, v = (x @ part.T for part in weight.chunk(3))
        columns = []
        for h in range(heads):
            s = slice(h * 4, h * 4 + 4)
            columns.append(torch.softmax(q[..., s] @ k[..., s].transpose(-1, -2) / 4**0.5, -1) @ v[..., s])
        return torch.cat(columns, -1)

    factor = (
        torch.exp((attention.lambda_q1 * attention.lambda_k1).sum())
        - torch.exp((attention.lambda_q2 * attention.lambda_k2).sum())
        + 0.25
    )
    expected = attend(attention.own.weight, own) - factor * attend(attention.other.weight, other)
    torch.testing.assert_close(attention.coefficient(), factor)
    torch.testing.assert_close(attention.difference(own, other), expected, atol=1e-5, rtol=1e-4)


def test_causal_mask_and_residual_are_switches():
    torch.manual_seed(0)
    causal = build_interaction(8, InteractionConfig(heads=2, causal=True, residual=False)).eval()
    own, other = torch.randn(1, 6, 8), torch.randn(1, 6, 8)
    later = own.clone()
    later[:, 4:] += 1
    torch.testing.assert_close(causal(own, other)[:, :4], causal(later, other)[:, :4])
    residual = build_interaction(8, InteractionConfig(heads=2)).eval()
    torch.nn.init.zeros_(residual.out.weight)
    torch.nn.init.zeros_(residual.out.bias)
    assert torch.equal(residual(own, other), own)


@pytest.mark.parametrize(
    ("kind", "reaches"), [("hcaa", True), ("concat", True), ("cross_attention", True), ("none", False)]
)
def test_the_other_hand_is_felt_through_the_interaction_only(kind, reaches):
    config = dataclasses.replace(TINY, interaction=InteractionConfig(kind=kind, heads=2))
    networks = randomise(Networks(config))
    given = inputs(config)
    before = run(networks, config, given)
    given["x"] = given["x"].clone()
    given["x"][:, 1] += 1.0
    after = run(networks, config, given)
    assert torch.allclose(before[:, 0], after[:, 0], atol=1e-6) is not reaches
    assert not torch.allclose(before[:, 1], after[:, 1], atol=1e-4)


def test_each_hand_has_its_own_timestep_and_known_frames_hide_the_noise():
    config = dataclasses.replace(TINY, interaction=InteractionConfig(kind="none"))
    networks = randomise(Networks(config))
    given = inputs(config)
    before = run(networks, config, given)
    given["t"] = torch.tensor([[5, 900]] * 2)
    after = run(networks, config, given)
    assert torch.equal(before[:, 0], after[:, 0]) and not torch.allclose(before[:, 1], after[:, 1])
    given["known"][:, :, :4] = True
    masked = run(networks, config, given)
    given["x"][:, :, :4] = 100.0
    assert torch.equal(masked, run(networks, config, given))


def test_shared_hands_swap_with_their_inputs():
    networks = randomise(Networks(TINY))
    given = inputs(TINY)
    straight = run(networks, TINY, given)
    swapped = {name: value.flip(1) for name, value in given.items()}
    torch.testing.assert_close(run(networks, TINY, swapped), straight.flip(1), atol=1e-5, rtol=1e-4)


def test_paper_preset_has_the_papers_sizes():
    config = ModelConfig.load(PRESETS_FOLDER / "paper" / "config.json")
    with torch.device("meta"):
        networks = Networks(config)
    assert config.unet.widths == (256, 512, 1024, 2048)
    assert (config.schedule.kind, config.schedule.steps, config.channels) == ("linear", 1000, 48)
    assert len(networks.streams.streams) == 2
    assert parameter_count(networks) == 715_039_846


def test_paper_preset_runs_at_reduced_size():
    paper = ModelConfig.load(PRESETS_FOLDER / "paper" / "config.json")
    small = dataclasses.replace(paper.refiner, width=16, feedforward=16)
    config = dataclasses.replace(
        paper,
        encoder=dataclasses.replace(paper.encoder, feature_dim=10),
        predictor=small,
        refiner=small,
        window_frames=32,
        unet=dataclasses.replace(
            paper.unet, widths=(8, 8, 16, 16), groups=4, noise_embedding=8, time_width=16
        ),
    )
    given = inputs(config)
    assert run(Networks(config).eval(), config, given).shape == (2, 2, 32, 48)


def test_mirrored_music_looks_the_same_to_the_other_hand():
    sounds = torch.zeros(1, 3, 4, 88, 2)
    sounds[0, 0, 1, 60 - 21] = sounds[0, 1, 1, 60 - 21] = 1.0  # middle C, left hand
    mirrored = torch.zeros_like(sounds)
    mirrored[0, 0, 1, 64 - 21] = mirrored[0, 2, 1, 64 - 21] = 1.0  # its image about D4: E4, right hand
    seen, seen_mirrored = note_features(sounds, shared_hands=True), note_features(mirrored, shared_hands=True)
    assert torch.equal(seen[:, 0], seen_mirrored[:, 1]) and torch.equal(seen[:, 1], seen_mirrored[:, 0])
    assert not torch.equal(seen[:, 0], seen[:, 1])


def test_canonical_space_leads_back():
    config = dataclasses.replace(ModelConfig())
    normalizer = Normalizer(config, torch.empty(0))
    euler, wrist, positions = torch.randn(2, 2, 5, 48), torch.randn(2, 2, 5, 3), torch.randn(2, 2, 5, 3)
    back = normalizer.unmotion(normalizer.motion(euler, wrist, positions), positions)
    torch.testing.assert_close(back[0], euler)
    torch.testing.assert_close(back[1], wrist, atol=1e-6, rtol=1e-5)
    seen = seen_from_other(canonical_wrist(wrist, shared_hands=True), shared_hands=True)
    torch.testing.assert_close(seen[:, 1], wrist[:, 0])
    torch.testing.assert_close(mirror_wrist(seen[:, 0]), wrist[:, 1])


def test_centred_roll_has_a_key_where_it_is_seen_from_the_wrist():
    config = ModelConfig()
    features = torch.zeros(1, 2, 1, 93, 3)
    features[0, 1, 0, 60 - 16, 1] = 1.0  # C4 sounds
    wrist = float(key_x(60)) - 0.03
    rolls = centred_rolls(features.flatten(-2), torch.full((1, 2, 1), wrist), config)
    assert rolls.shape == (1, 2, 1, config.encoder.centred_dim - config.encoder.plan_dim)
    windows = rolls[0, 1, 0].unflatten(0, (6, 27))  # white (onset, sustain, hint), then black
    offsets = (torch.arange(27) - 13) * config.encoder.centred_spacing_m
    assert float(windows[1].sum()) == pytest.approx(1.0, abs=1e-5)
    assert float((windows[1] * offsets).sum()) == pytest.approx(0.03, abs=1e-5)
    assert float(windows[[0, 2, 3, 4, 5]].abs().sum()) == 0
