# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound encoder: transformers' own numbers, any number of frames, and nothing from the network unasked."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import tiny_hubert
import torch

from models.config import EncoderConfig
from models.errors import UserError
from models.networks import hubert_source
from models.networks.hubert import (
    HAND_FILES,
    SAMPLE_RATE,
    HubertEncoder,
    build_hubert,
    load_pair,
    normalise,
)
from models.networks.hubert_source import find_source
from models.networks.published_encoders import PUBLISHED, Published


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


NAME, REVISION = "someone/hubert", "0123abcd"


class Hub:
    """A hub in a folder, with one published encoder; `asked` lists what was fetched from it."""

    def __init__(self, folder: Path) -> None:
        self.folder = tiny_hubert.save_source(folder)
        self.asked: list[tuple[str, str, str]] = []
        weights = (self.folder / "model.safetensors").read_bytes()
        self.published = Published(REVISION, hashlib.sha256(weights).hexdigest(), tiny_hubert.CONFIG)

    def fetch(self, source: str, revision: str, name: str, folder: Path) -> None:
        self.asked.append((source, revision, name))
        shutil.copy(self.folder / name, folder / name)


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Hub:
    made = Hub(tmp_path / "hub")
    monkeypatch.setattr(hubert_source, "PUBLISHED", {NAME: made.published})
    return made


def test_nothing_is_downloaded_unasked(tmp_path, hub) -> None:
    def find(source: str, allowed: bool) -> Path:
        return find_source(
            source, tmp_path, allow_download=allowed, cache=tmp_path / "cache", fetch=hub.fetch
        )

    with pytest.raises(UserError, match="allow downloads") as caught:
        find(NAME, False)
    assert caught.value.code == "download_not_allowed"
    with pytest.raises(UserError, match="is not there"):
        find("../no such folder", True)
    with pytest.raises(UserError, match="not among the encoders") as caught:
        find("stranger/hubert", True)  # a model may name whatever it wants
    assert caught.value.code == "encoder_unknown"
    assert hub.asked == [] and not (tmp_path / "cache").exists()


def test_a_download_is_the_pinned_version_kept_and_compared_at_every_use(tmp_path, hub) -> None:
    cache = tmp_path / "cache"
    folder = find_source(NAME, tmp_path, allow_download=True, cache=cache, fetch=hub.fetch)
    load_pair(encoder_config(per_hand=False, source=str(folder)), tmp_path)
    assert hub.asked == [(NAME, REVISION, "model.safetensors")]
    assert find_source(NAME, tmp_path, allow_download=False, cache=cache, fetch=hub.fetch) == folder
    assert len(hub.asked) == 1 and [path.name for path in cache.iterdir()] == [folder.name]
    for name in hubert_source.FILES:
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept[:-2] + b"x\n")
        with pytest.raises(UserError, match="not what was published"):
            find_source(NAME, tmp_path, allow_download=True, cache=cache, fetch=hub.fetch)
        (folder / name).write_bytes(kept)


def test_another_file_than_the_published_one_is_thrown_away(tmp_path, hub) -> None:
    tiny_hubert.save_source(hub.folder, seed=1)  # a good file, but not that one
    with pytest.raises(UserError, match="was thrown away") as caught:
        find_source(NAME, tmp_path, allow_download=True, cache=tmp_path / "cache", fetch=hub.fetch)
    assert caught.value.code == "download_damaged"
    assert not list((tmp_path / "cache").iterdir())


def test_a_download_that_breaks_leaves_nothing(tmp_path, hub) -> None:
    def fetch(source, revision, name, folder):
        (folder / "half").write_bytes(b"x")
        raise ConnectionError("gone")

    with pytest.raises(UserError, match="could not be downloaded"):
        find_source(NAME, tmp_path, allow_download=True, cache=tmp_path / "cache", fetch=fetch)
    assert not list((tmp_path / "cache").iterdir())


def test_the_hub_is_asked_for_a_commit_and_is_not_told_who_asks(tmp_path, monkeypatch) -> None:
    import huggingface_hub

    asked = {}
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *names, **how: asked.update(how))
    hubert_source.fetch_from_hub(NAME, REVISION, "model.safetensors", tmp_path)
    assert asked == {"revision": REVISION, "local_dir": tmp_path, "token": False}


def test_what_is_published_names_a_commit_a_hash_and_an_architecture() -> None:
    for published in PUBLISHED.values():
        assert len(bytes.fromhex(published.revision)) == 20
        assert len(bytes.fromhex(published.sha256)) == 32
        json.dumps(dict(published.config))
        with torch.device("meta"):
            hubert = build_hubert(dict(published.config))
        assert hubert.config.hidden_size == 1024
        assert sum(p.numel() for p in hubert.parameters()) == 315_438_720  # without the speech head
