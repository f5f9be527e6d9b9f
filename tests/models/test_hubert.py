# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound encoder: transformers' own numbers, any number of frames, and nothing from the network unasked."""

import json
import shutil

import pytest
import tiny_hubert
import torch

from models import hubert_source
from models.config import EncoderConfig
from models.errors import UserError
from models.hubert import HAND_FILES, SAMPLE_RATE, HubertEncoder, build_hubert, load_pair, normalise
from models.hubert_source import HASHES_FILE, find_source


def encoder_config(**changes) -> EncoderConfig:
    plain = {"kind": "hubert", "feature_dim": tiny_hubert.WIDTH, "centred_bins": 0, "finger_plan": False}
    return EncoderConfig(**{**plain, "per_hand": True, **changes})


@pytest.fixture
def audio() -> torch.Tensor:
    return torch.randn(2, 2 * SAMPLE_RATE, generator=torch.Generator().manual_seed(1))


def test_without_interpolation_it_is_transformers_forward(audio) -> None:
    torch.manual_seed(0)
    hubert = build_hubert(tiny_hubert.CONFIG).eval()
    with torch.inference_mode():
        truth = hubert(normalise(audio)).last_hidden_state
        found = HubertEncoder(hubert)(audio, truth.shape[1])
    torch.testing.assert_close(found, truth, atol=1e-5, rtol=1e-5)


def test_frames_are_those_of_the_motion_and_the_level_does_not_matter(audio, tmp_path) -> None:
    pair = load_pair(encoder_config(), tiny_hubert.save_pair(tmp_path))
    heard = pair(audio, 60)
    assert heard.shape == (2, 2, 60, tiny_hubert.WIDTH)
    torch.testing.assert_close(pair(audio * 0.1, 60), heard, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(heard[:, 0], heard[:, 1])  # each hand listens with its own


def test_one_encoder_serves_both_hands(audio, tmp_path) -> None:
    source = tiny_hubert.save_source(tmp_path / "one")
    pair = load_pair(encoder_config(per_hand=False, source=str(source)), tmp_path)
    heard = pair(audio, 60)
    assert torch.equal(heard[:, 0], heard[:, 1])
    inside = load_pair(encoder_config(per_hand=False, source="one"), tmp_path)
    assert torch.equal(inside(audio, 60), heard)


def test_a_fine_tuned_speech_model_gives_its_encoder(audio, tmp_path) -> None:
    plain = load_pair(
        encoder_config(per_hand=False, source=str(tiny_hubert.save_source(tmp_path / "a"))), tmp_path
    )
    speech = tiny_hubert.save_source(tmp_path / "b", prefix="hubert.")
    found = load_pair(encoder_config(per_hand=False, source=str(speech)), tmp_path)
    assert torch.equal(plain(audio, 30), found(audio, 30))


def test_the_convolutions_never_train(audio) -> None:
    encoder = HubertEncoder(build_hubert(tiny_hubert.CONFIG).train())
    encoder(audio, 60).sum().backward()
    assert all(p.grad is None for p in encoder.hubert.feature_extractor.parameters())
    assert encoder.hubert.encoder.layers[0].attention.q_proj.weight.grad is not None


def test_missing_damaged_and_other_encoders_are_told(tmp_path) -> None:
    with pytest.raises(UserError, match="missing"):
        load_pair(encoder_config(), tmp_path)
    folder = tiny_hubert.save_pair(tmp_path / "m")
    with pytest.raises(UserError, match="does not fit"):
        load_pair(encoder_config(feature_dim=64), folder)
    (folder / HAND_FILES[1]).write_bytes(b"not weights")
    with pytest.raises(UserError, match="damaged"):
        load_pair(encoder_config(), folder)


def test_nothing_is_downloaded_unasked(tmp_path) -> None:
    def fetch(*unused):
        raise AssertionError("asked the network")

    with pytest.raises(UserError, match="allow downloads") as caught:
        find_source("someone/hubert", tmp_path, allow_download=False, cache=tmp_path, fetch=fetch)
    assert caught.value.code == "download_not_allowed"
    with pytest.raises(UserError, match="is not there"):
        find_source("../no such folder", tmp_path, allow_download=True, cache=tmp_path, fetch=fetch)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("pickled", [False, True])
def test_a_download_is_kept_and_checked(tmp_path, pickled) -> None:
    origin, cache = tiny_hubert.save_source(tmp_path / "hub"), tmp_path / "cache"
    if pickled:
        (origin / "model.safetensors").unlink()
        torch.save(tiny_hubert.weights(), origin / hubert_source.PICKLE)
    asked = []

    def fetch(source, name, folder):
        asked.append(name)
        shutil.copy(origin / name, folder / name)
        return folder / name

    folder = find_source("someone/hubert", tmp_path, allow_download=True, cache=cache, fetch=fetch)
    load_pair(encoder_config(per_hand=False, source=str(folder)), tmp_path)
    count = len(asked)
    assert find_source("someone/hubert", tmp_path, allow_download=False, cache=cache, fetch=fetch) == folder
    assert len(asked) == count and [path.name for path in cache.iterdir()] == [folder.name]
    hashes = json.loads((folder / HASHES_FILE).read_text())
    assert set(hashes) == {"config.json", "model.safetensors"}
    (folder / "config.json").write_text("{}")
    with pytest.raises(UserError, match="not what was downloaded"):
        find_source("someone/hubert", tmp_path, allow_download=True, cache=cache, fetch=fetch)


def test_a_download_that_breaks_leaves_nothing(tmp_path) -> None:
    def fetch(source, name, folder):
        (folder / "half").write_bytes(b"x")
        raise ConnectionError("gone")

    with pytest.raises(UserError, match="could not be downloaded"):
        find_source("someone/hubert", tmp_path, allow_download=True, cache=tmp_path / "cache", fetch=fetch)
    assert not list((tmp_path / "cache").iterdir())
