# SPDX-License-Identifier: GPL-3.0-or-later
"""The released system, small, from a folder of PianoMotion10M to a model that loads: both stages and the export."""

import dataclasses
from pathlib import Path

import pianomotion_fixture
import pytest
import tiny_hubert
import torch

from models.config import ModelConfig
from models.generation.model import load_model
from models.model_folder import PRESETS_FOLDER
from models.networks.hubert import HAND_FILES
from training.__main__ import main
from training.stages.loop import read_checkpoint

STEPS = 3


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> Path:
    """Data set, encoder to begin with, architecture."""
    folder = tmp_path_factory.mktemp("studio")
    pianomotion_fixture.build(folder / "data")
    tiny_hubert.save_source(folder / "hubert")
    official = ModelConfig.load(PRESETS_FOLDER / "official" / "config.json")
    layers = {"heads": 2, "feedforward": 24, "encoder_layers": 1, "decoder_layers": 1}
    small = dataclasses.replace(
        official,
        encoder=dataclasses.replace(official.encoder, feature_dim=tiny_hubert.WIDTH),
        predictor=dataclasses.replace(official.predictor, width=16, **layers),
        refiner=dataclasses.replace(official.refiner, width=tiny_hubert.WIDTH, **layers),
        unet=dataclasses.replace(
            official.unet, widths=(16, 32), noise_embedding=tiny_hubert.WIDTH, time_width=16
        ),
        interaction=dataclasses.replace(official.interaction, heads=2),
        schedule=dataclasses.replace(official.schedule, steps=8),
        sampling_steps=8,
        window_frames=32,
    )
    (folder / "config.json").write_text(small.to_json())
    return folder


def train(studio: Path, out: Path, stage: int, workers: int, steps: int = STEPS) -> None:
    command = ["train", "--preset", "official", "--stage", str(stage), "--data", str(studio / "data")]
    command += [
        "--out",
        str(out),
        "--config",
        str(studio / "config.json"),
        "--hubert",
        str(studio / "hubert"),
    ]
    command += ["--steps", str(steps), "--batch", "2", "--workers", str(workers), "--device", "cpu"]
    assert main(command) == 0


def weights(out: Path, stage: int) -> dict[str, torch.Tensor]:
    return read_checkpoint(out / f"stage{stage}")["network"]


def test_from_the_data_set_to_a_model_that_loads(studio, tmp_path) -> None:
    out = tmp_path / "run"
    for stage in (1, 2):
        train(studio, out, stage, workers=0)
    assert main(["export", "--out", str(out), "--folder", str(tmp_path / "model"), "--name", "mine"]) == 0
    model = load_model(tmp_path / "model", "cpu")
    assert model.config.representation == "mano" and model.config.encoder.per_hand
    assert all((tmp_path / "model" / name).is_file() for name in HAND_FILES)
    audio = torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    assert model.engine.encoder is not None and torch.isfinite(model.engine.encoder(audio, 30)).all()
    began = tiny_hubert.weights(0)
    trained = model.engine.encoder.encoders[0].hubert.state_dict()
    name = "encoder.layers.0.attention.q_proj.weight"
    assert not torch.equal(trained[name], began[name])  # fine-tuned
    frozen = "feature_extractor.conv_layers.0.conv.weight"
    torch.testing.assert_close(trained[frozen], began[frozen])


def test_reading_ahead_changes_nothing_also_after_a_stop(studio, tmp_path) -> None:
    train(studio, tmp_path / "plain", 1, workers=0)
    train(studio, tmp_path / "ahead", 1, workers=1, steps=STEPS)
    plain, ahead = weights(tmp_path / "plain", 1), weights(tmp_path / "ahead", 1)
    assert plain.keys() == ahead.keys() and all(torch.equal(plain[name], ahead[name]) for name in plain)
    train(studio, tmp_path / "plain", 1, workers=0, steps=STEPS + 2)
    train(studio, tmp_path / "ahead", 1, workers=1, steps=STEPS + 2)
    plain, ahead = weights(tmp_path / "plain", 1), weights(tmp_path / "ahead", 1)
    assert all(torch.equal(plain[name], ahead[name]) for name in plain)


def test_features_of_a_frozen_encoder_are_kept_and_heard_once(studio, tmp_path, capsys, monkeypatch) -> None:
    config = ModelConfig.load(studio / "config.json")
    encoder = dataclasses.replace(config.encoder, per_hand=False, source=str(studio / "hubert"))
    (tmp_path / "paper.json").write_text(dataclasses.replace(config, encoder=encoder).to_json())
    command = ["train", "--preset", "paper", "--stage", "1", "--data", str(studio / "data"), "--workers", "0"]
    command += ["--config", str(tmp_path / "paper.json"), "--steps", "2", "--batch", "2", "--device", "cpu"]
    command += ["--feature-cache", str(tmp_path / "features")]
    assert main([*command, "--out", str(tmp_path / "one")]) == 0
    assert "features of" in capsys.readouterr().out
    kept = sorted((tmp_path / "features").rglob("*.safetensors"))
    assert kept

    def deaf(*unused):
        raise AssertionError("heard again")

    monkeypatch.setattr("models.networks.hubert.HubertPair.forward", deaf)
    assert main([*command, "--out", str(tmp_path / "two")]) == 0
    assert sorted((tmp_path / "features").rglob("*.safetensors")) == kept
    one, two = weights(tmp_path / "one", 1), weights(tmp_path / "two", 1)
    assert all(torch.equal(one[name], two[name]) for name in one)
    monkeypatch.undo()
    fine_tuned = [*command, "--out", str(tmp_path / "three"), "--hubert", str(studio / "hubert")]
    fine_tuned[fine_tuned.index(str(tmp_path / "paper.json"))] = str(studio / "config.json")
    assert main(fine_tuned) == 2 and "not trained" in capsys.readouterr().err


def test_dry_run_says_what_would_be_trained_and_writes_nothing(studio, tmp_path, capsys) -> None:
    command = ["train", "--preset", "official", "--stage", "1", "--data", str(studio / "data")]
    command += ["--out", str(tmp_path / "run"), "--dry-run", "--device", "cpu"]
    command += ["--config", str(studio / "config.json")]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert '"learning_rate": 2e-05' in said and '"representation": "mano"' in said and "clips" in said
    assert not (tmp_path / "run").exists()
