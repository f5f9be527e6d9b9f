# SPDX-License-Identifier: GPL-3.0-or-later
"""Converted checkpoints compute what the released code computes, within a few 1e-6; nothing else is let in."""

import pickle

import pytest
import released_checkpoint as released
import torch
from safetensors.torch import load_file

from models.config import ModelConfig
from models.diffusion import samplers
from models.diffusion.schedule import build_schedule
from models.generation.model import load_model
from models.model_folder import PRESETS_FOLDER
from models.networks.hubert import build_hubert, load_pair
from models.networks.released_transformer import causal_bias
from models.networks.stages import Networks, parameter_count
from training.__main__ import main
from training.stages.convert import ConversionError, convert, read_checkpoint

BASE = ModelConfig.load(PRESETS_FOLDER / "official" / "config.json")


def both() -> tuple[dict, dict]:
    return released.stage2_state("left"), released.stage2_state("right")


def stacked(name: str) -> torch.Tensor:
    """[B, 2, T, 48] noise, drawn as the released code's [B, 48, T] for each hand."""
    parts = [released.noise(f"{name} {side}", released.BATCH, 48, released.FRAMES) for side in released.SIDES]
    return torch.stack(parts, 1).transpose(2, 3)


@pytest.fixture(scope="module")
def networks() -> tuple[ModelConfig, Networks]:
    converted = convert(both(), None, BASE)
    networks = Networks(converted.config)
    networks.load_state_dict(converted.state, strict=True)
    return converted.config, networks.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def features() -> torch.Tensor:
    shape = released.BATCH, released.FRAMES, released.FEATURES
    return torch.stack([released.noise(f"features {side}", *shape) for side in released.SIDES], 1)


def denoiser(networks: Networks, features: torch.Tensor):
    style = torch.zeros(released.BATCH, 2, 0)
    positions = networks.predictors(features, style)
    condition = networks.streams.condition(features, positions, positions.flip(1))
    known = torch.zeros(released.BATCH, 2, released.FRAMES, 1, dtype=torch.bool)

    def denoise(x: torch.Tensor, t: int) -> torch.Tensor:
        return networks.streams(x, torch.full((released.BATCH, 2), t), condition, known, x, style)

    return positions, denoise


def test_positions_and_one_step_are_those_of_the_released_code(networks, features) -> None:
    positions, denoise = denoiser(networks[1], features)
    truth = released.outputs()
    torch.testing.assert_close(positions, truth["positions"], atol=1e-5, rtol=0)
    # The released code counts timesteps from 0: its T // 2 is our T // 2 + 1.
    v = denoise(stacked("x"), released.steps() // 2 + 1)
    assert truth["v"].std() > 0.1
    torch.testing.assert_close(v, truth["v"], atol=1e-5, rtol=0)


def test_a_sampling_run_with_the_same_noise_ends_in_the_same_motion(networks, features, monkeypatch) -> None:
    config, nets = networks
    _, denoise = denoiser(nets, features)
    one = released.noise("start", released.BATCH, 48, released.FRAMES)
    start = torch.stack([one, one], 1).transpose(2, 3)  # the released code starts both hands alike
    queue = [stacked(f"step {i}") for i in range(released.steps() - 1)]
    monkeypatch.setattr(samplers, "draw_noise", lambda *unused: queue.pop(0))
    found = samplers.sample_ancestral(
        denoise,
        start,
        build_schedule(config.schedule),
        steps=released.steps(),
        generators=[],
        clamp=config.clamp,
    )
    assert not queue
    torch.testing.assert_close(found, released.outputs()["sample"], atol=1e-5, rtol=0)


def test_the_causal_bias_of_a_single_window(features) -> None:
    """The released code switches the bias on for a batch of one; here the configuration does."""
    state = both()
    biased = BASE.__class__.from_json(BASE.to_json().replace('"causal_bias": false', '"causal_bias": true'))
    converted = convert(state, None, biased)
    nets = Networks(converted.config)
    nets.load_state_dict(converted.state)
    positions = nets.eval().predictors(features[:1], torch.zeros(1, 2, 0))
    torch.testing.assert_close(positions[:, 0], released.outputs()["single_position"], atol=1e-5, rtol=0)


def test_bias_falls_by_a_step_a_second_and_hides_what_is_to_come() -> None:
    bias = causal_bias(4, 95)
    assert bias.shape == (4, 95, 95)
    assert torch.isinf(bias[:, 10, 11:]).all() and torch.isfinite(bias[:, 10, :11]).all()
    assert bias[0, 94, 65] == 0 and bias[0, 94, 64] == -0.25 and bias[1, 94, 4] == -3 / 16
    assert causal_bias(6, 2).shape == (6, 2, 2)


def test_command_writes_a_folder_that_loads(tmp_path, capsys) -> None:
    paths = [released.save(tmp_path / f"{side}.ckpt", released.stage2_state(side)) for side in released.SIDES]
    out = tmp_path / "model"
    command = ["convert", "--stage2", *map(str, paths), "--out", str(out), "--report"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "none missing, none unknown" in said and "another fusion, which HCAA does not use" in said
    assert "maps     stage 2 left:model.init_conv.weight -> streams.streams.0.unet.input.weight" in said
    model = load_model(out, "cpu")
    assert model.config.schedule.steps == released.steps() and model.config.shared_start
    assert main(command) == 1 and "exists" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left.ckpt", "model", "right.ckpt"]


def test_predictors_may_come_from_stage_1(tmp_path) -> None:
    stage1 = tuple(
        {
            name.removeprefix("piano2posi."): torch.full_like(value, 0.25)
            for name, value in released.stage2_state(side).items()
            if name.startswith("piano2posi.")
        }
        for side in released.SIDES
    )
    converted = convert(both(), stage1, BASE)
    assert (converted.state["predictors.hands.nets.1.head.0.weight"] == 0.25).all()
    plain = convert(both(), None, BASE)
    for name, value in plain.state.items():
        if name.startswith("streams."):
            assert torch.equal(value, converted.state[name])


def tiny_hubert() -> dict[str, torch.Tensor]:
    """A HuBERT with a speech head, under the names that the weight norm of older PyTorch gave."""
    hubert = build_hubert(
        {
            "hidden_size": released.FEATURES,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "intermediate_size": 48,
            "conv_dim": [8, 8],
            "conv_kernel": [10, 3],
            "conv_stride": [5, 2],
            "num_conv_pos_embeddings": 16,
            "num_conv_pos_embedding_groups": 4,
        }
    )
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    state = {"lm_head.weight": torch.ones(2, 2)}
    for name, value in hubert.state_dict().items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        state[name] = value
    return state


def test_encoders_go_to_files_of_their_own(tmp_path, capsys) -> None:
    encoder = tiny_hubert()
    paths = []
    for side in released.SIDES:
        state = released.stage2_state(side)
        state |= {f"piano2posi.audio_encoder_cont.{name}": value for name, value in encoder.items()}
        paths.append(str(released.save(tmp_path / f"{side}.ckpt", state)))
    assert main(["convert", "--stage2", *paths, "--out", str(tmp_path / "model")]) == 0
    assert "a speech head that nothing uses" in capsys.readouterr().out
    kept = load_file(tmp_path / "model" / "hubert.left.safetensors")
    assert "encoder.pos_conv_embed.conv.parametrizations.weight.original1" in kept
    assert len(kept) == len(encoder) - 1
    config = ModelConfig.load(tmp_path / "model" / "config.json").encoder
    assert (config.kind, config.per_hand) == ("hubert", True)
    heard = load_pair(config, tmp_path / "model")(torch.zeros(1, 3200), 6)
    assert heard.shape == (1, 2, 6, released.FEATURES)


def test_an_encoder_for_one_hand_or_with_a_hole_stops_the_conversion() -> None:
    left, right = both()
    encoder = {f"piano2posi.audio_encoder_cont.{name}": value for name, value in tiny_hubert().items()}
    with pytest.raises(ConversionError, match="right hand's HuBERT"):
        convert((left | encoder, right), None, BASE)
    encoder.pop("piano2posi.audio_encoder_cont.encoder.layer_norm.bias")
    with pytest.raises(ConversionError, match="differs"):
        convert((left | encoder, right | encoder), None, BASE)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s.update({"model.surprise.weight": torch.ones(1)}), "nobody knows"),
        (lambda s: s.pop("model.ups.1.0.mlp.1.bias"), "missing"),
        (lambda s: s.update({"model.final_conv.bias": torch.ones(3)}), "the model wants"),
        (lambda s: s.update({"betas": torch.full((6,), 0.5)}), "noise schedule"),
        (lambda s: s.pop("model.cond_feature_map.weight"), "lacks"),
    ],
)
def test_what_does_not_fit_stops_the_conversion(change, sentence) -> None:
    left, right = both()
    change(left)
    with pytest.raises(ConversionError, match=sentence):
        convert((left, right), None, BASE)


STAGE_1 = {
    "bs_dim": 6,
    "feature_dim": 32,
    "wav2vec_path": "facebook/hubert-large-ls960-ft",
    "encoder_type": "transformer",
    "latest_layer": "tanh",
    "period": 30,
    "num_layer": 1,
    "train_sec": 8,
    "fps": 30,
    "loss_mode": "naive_l1",
}


def refused(tmp_path, capsys, name, *, stage=2, **settings) -> None:
    """The command says the setting's name in one sentence, and nothing is there afterwards."""
    paths = []
    for side in released.SIDES:
        state = released.stage2_state(side)
        changed = settings if stage == 2 and side == "right" else {}
        paths.append(str(released.save(tmp_path / f"{side}.ckpt", state, **changed)))
    command = ["convert", "--stage2", *paths, "--out", str(tmp_path / "model")]
    if stage == 1:
        first = {k.removeprefix("piano2posi."): v for k, v in state.items() if k.startswith("piano2posi.")}
        width = first["audio_feature_map_cont.weight"].shape[0]
        content = {"state_dict": first, "hyper_parameters": {**STAGE_1, "feature_dim": width, **settings}}
        torch.save(content, tmp_path / "first.ckpt")
        command += ["--stage1", *[str(tmp_path / "first.ckpt")] * 2]
    expected = 1 if name else 0
    assert main(command) == expected
    said = capsys.readouterr().err
    assert (tmp_path / "model").exists() == (not name)
    if name:
        assert f"has {name} = " in said and said.count("\n") == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"obj": "pred_noise"},
        {"obj": "pred_x0"},
        {"latest_layer": "sigmoid"},
        {"latest_layer": "none"},
        {"encoder_type": "mamba"},
        {"fusion": 2},
        {"fusion": True},
        {"hidden_type": "both"},
        {"xyz_guide": False},
        {"remap_noise": False},
        {"bs_dim": 122},
        {"unet_dim": 128},
        {"timesteps": 500},
        {"num_layer": 16},
        {"train_sec": 4},
        {"objective": "pred_v"},
        {"obj": torch.ones(3)},
    ],
)
def test_a_checkpoint_that_computes_something_else_is_refused_by_name(tmp_path, capsys, settings) -> None:
    refused(tmp_path, capsys, next(iter(settings)), **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"latest_layer": "sigmoid"},
        {"encoder_type": "mamba"},
        {"wav2vec_path": "facebook/wav2vec2-large-960h"},
        {"feature_dim": 832},
        {"num_layer": 6},
        {"period": 25},
        {"obj": "pred_v"},
    ],
)
def test_a_stage_1_checkpoint_is_refused_by_name_too(tmp_path, capsys, settings) -> None:
    refused(tmp_path, capsys, next(iter(settings)), stage=1, **settings)


def test_settings_of_training_and_missing_ones_do_not_matter(tmp_path, capsys) -> None:
    refused(tmp_path, capsys, "", stage=1, lr=1.0, up_list=["a"], data_root="elsewhere")
    for side in released.SIDES:
        torch.save({"state_dict": released.stage2_state(side)}, tmp_path / f"{side}.ckpt")
    paths = [str(tmp_path / f"{side}.ckpt") for side in released.SIDES]
    assert main(["convert", "--stage2", *paths, "--out", str(tmp_path / "bare")]) == 0
    assert "left.ckpt has no hyper_parameters" in capsys.readouterr().err


class Harmful:
    def __reduce__(self):
        return (print, ("this must not run",))


def test_a_checkpoint_cannot_run_code(tmp_path, capsys) -> None:
    path = tmp_path / "bad.ckpt"
    torch.save({"state_dict": {}, "more": Harmful()}, path)
    with pytest.raises(ConversionError, match="not opened"):
        read_checkpoint(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ConversionError):
        read_checkpoint(path)
    assert main(["convert", "--stage2", str(path), str(path), "--out", str(tmp_path / "m")]) == 1
    said = capsys.readouterr()
    assert "this must not run" not in said.out and "Nothing was converted" in said.err
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_presets_have_the_published_sizes(preset) -> None:
    """Numbers of the released code: U-Net and refiner 384 M a hand, 34 M of it a fusion that HCAA leaves unused."""
    config = ModelConfig.load(PRESETS_FOLDER / preset / "config.json")
    with torch.device("meta"):
        networks = Networks(config)
    stream = networks.streams
    assert parameter_count(stream.refiners) / 2 == pytest.approx(75.6e6, rel=0.01)
    assert parameter_count(stream.streams[0].unet) == pytest.approx(227.5e6, rel=0.01)
    assert parameter_count(networks.predictors) / 2 == pytest.approx(23.7e6, rel=0.01)
    if preset == "official":
        a_hand = (parameter_count(stream.refiners) + parameter_count(stream.streams)) / 2
        assert a_hand + 33.6e6 == pytest.approx(384e6, rel=0.01)
    else:
        assert config.schedule.kind == "linear" and not config.interaction.causal and not config.shared_start
