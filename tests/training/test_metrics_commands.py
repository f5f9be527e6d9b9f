# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips from folders, the gesture autoencoder's training, and both commands."""

import json

import numpy as np
import pytest
import torch

from models.body.motion import Motion
from models.body.notes import Notes
from models.body.take import Take
from training.__main__ import main
from training.metrics import Clip
from training.metrics.autoencoder import (
    AutoencoderSettings,
    Windows,
    convert_checkpoint,
    load_autoencoder,
    save_autoencoder,
    train_autoencoder,
)
from training.metrics.embedding import EmbeddingConfig, EmbeddingNet
from training.metrics.sources import clip_files, read_clip, read_pairs


def motion(seed, frames=130, fps=30.0):
    rng = np.random.default_rng(seed)
    euler = 0.01 * np.cumsum(rng.standard_normal((frames, 2, 16, 3)), 0)
    wrist = 0.001 * np.cumsum(rng.standard_normal((frames, 2, 3)), 0) + np.array([0.0, -0.05, 0.1])
    return Motion(euler.astype(np.float32), wrist.astype(np.float32), fps)


def save_take(path, seed, **options):
    notes = np.array([[0.5, 1.0, 60, 80], [1.5, 2.0, 64, 80]], np.float32)
    path.parent.mkdir(exist_ok=True)
    Take(motion(seed, **options), Notes.from_arrays(notes), {}).save(path)


def save_annotation(folder, name, seed, frames=130, unseen=()):
    path = folder / "annotation" / "7" / "BV1" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.random.default_rng(seed).standard_normal((2, frames, 62)).round(4)
    rows[..., 0] = 1.0
    rows[0, list(unseen), 0] = 0.0
    path.write_text(
        json.dumps({"fps": 30, "start_frame": 0, "left": rows[0].tolist(), "right": rows[1].tolist()})
    )
    return rows


# --- sources


def test_a_take_and_a_slower_one_become_clips_at_30(tmp_path):
    save_take(tmp_path / "takes" / "a.npz", 1)
    save_take(tmp_path / "takes" / "b.npz", 1, frames=50, fps=25.0)
    clip = read_clip(tmp_path / "takes" / "a.npz")
    assert np.array_equal(clip.pose, motion(1).euler.reshape(130, 2, 48)) and clip.valid.all()
    slower = read_clip(tmp_path / "takes" / "b.npz")
    assert (slower.fps, slower.frames) == (30.0, 60)
    source = motion(1, frames=50, fps=25.0).euler.reshape(50, 2, 48)
    assert slower.pose[30] == pytest.approx(source[25], abs=1e-6)


def test_annotation_is_read_by_its_columns(tmp_path):
    rows = save_annotation(tmp_path, "BV1_seq_0000", 1, unseen=(3, 4))
    clip = read_clip(clip_files(tmp_path)["7/BV1/BV1_seq_0000"])
    assert clip.pose[:, 1] == pytest.approx(rows[1][:, 4:52]) and clip.position[:, 0] == pytest.approx(
        rows[0][:, 1:4]
    )
    assert np.flatnonzero(~clip.valid[:, 0]).tolist() == [3, 4] and clip.valid[:, 1].all()
    (tmp_path / "test.txt").write_text("7 BV1\n")
    (tmp_path / "train.txt").write_text("7 BV2\n")
    assert list(clip_files(tmp_path, "test")) == ["7/BV1/BV1_seq_0000"]
    with pytest.raises(ValueError, match="train"):
        clip_files(tmp_path, "train")


def test_pairs_meet_by_name_and_kinds_do_not_mix(tmp_path):
    real, generated = tmp_path / "real", tmp_path / "generated"
    for name in "ab":
        save_take(real / f"{name}.npz", 1)
    save_take(generated / "a.npz", 2, frames=100)
    one, other, alone = read_pairs(real, generated, lambda clip: [clip])
    assert [c.frames for c in one] == [c.frames for c in other] == [100] and alone == ["b"]
    save_annotation(tmp_path / "data", "x", 1)
    with pytest.raises(ValueError, match="export"):
        read_pairs(tmp_path / "data", generated, lambda clip: [clip])


# --- the autoencoder

CONFIG = EmbeddingConfig(frames=40, latent=8)


def clips(count, frames=100):
    out = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        curl = 0.3 * np.sin(np.arange(frames)[:, None, None] / 9 + rng.random((1, 2, 48)) * 6)
        out.append(Clip(curl.astype(np.float32), np.zeros((frames, 2, 3), np.float32), 30.0, name=str(seed)))
    return out


def test_training_repeats_bit_for_bit_and_learns():
    settings = AutoencoderSettings(seed=3, steps=20, batch_size=8, learning_rate=3e-3)
    state = torch.random.get_rng_state()
    first, figures = train_autoencoder(clips(4), clips(2), settings, CONFIG, report=lambda line: None)
    assert torch.equal(state, torch.random.get_rng_state())  # nobody else's randomness was touched
    again, repeated = train_autoencoder(clips(4), clips(2), settings, CONFIG, report=lambda line: None)
    assert figures == repeated
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    other, begun = train_autoencoder(
        clips(4), [], AutoencoderSettings(seed=4, steps=1, batch_size=8), CONFIG, report=lambda line: None
    )
    assert figures["loss"] < 0.6 * begun["loss"]
    assert not torch.equal(first.pose_encoder.fc_mu.weight, other.pose_encoder.fc_mu.weight)


def test_windows_with_unseen_hands_are_not_used():
    valid = np.ones((100, 2), bool)
    valid[45:60, 1] = False
    source = clips(1)[0]
    windows = Windows([Clip(source.pose, source.position, 30.0, valid)], 40, 0.9)
    starts = set(windows.starts[:, 1].tolist())
    assert starts == {start for start in range(61) if valid[start : start + 40, 1].mean() >= 0.9}
    with pytest.raises(ValueError, match="both hands are seen"):
        Windows([Clip(source.pose, source.position, 30.0, np.zeros((100, 2), bool))], 40, 0.9)


def test_saved_and_converted_autoencoders_give_the_same_latents(tmp_path):
    torch.manual_seed(0)
    network = EmbeddingNet(CONFIG).eval()
    poses = torch.randn(5, 40, 96)
    save_autoencoder(tmp_path / "mine", network, {"seed": 0})
    assert torch.equal(load_autoencoder(tmp_path / "mine").latents(poses), network.latents(poses))
    released = EmbeddingNet().eval()
    torch.save({"pose_dim": 96, "gen_dict": released.state_dict(), "epoch": 3}, tmp_path / "theirs.bin")
    long = torch.randn(2, 240, 96)
    assert (
        main(["autoencoder", "--convert", str(tmp_path / "theirs.bin"), "--out", str(tmp_path / "out")]) == 0
    )
    assert torch.equal(load_autoencoder(tmp_path / "out").latents(long), released.latents(long))
    torch.save({"weights": 1}, tmp_path / "other.bin")
    with pytest.raises(ValueError, match="gen_dict"):
        convert_checkpoint(tmp_path / "other.bin")


# --- the commands


def test_commands_train_and_compare(tmp_path, capsys):
    real, generated = tmp_path / "real", tmp_path / "generated"
    for i in range(2):
        save_take(real / f"{i}.npz", i, frames=490)
        save_take(generated / f"{i}.npz", i + 10, frames=490)
    out = tmp_path / "autoencoder"
    train = ["autoencoder", "--data", str(real), "--out", str(out), "--steps", "2", "--batch", "4"]
    assert main([*train, "--latent", "2", "--device", "cpu"]) == 0
    capsys.readouterr()
    compare = ["metrics", str(real), str(generated)]
    assert main([*compare, "--autoencoder", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["clips"] == 4
    assert report["legacy"]["fid"] > 0 and report["fixed"]["fid"] > 0 and "only" in report["fid_note"]
    assert report["fixed"]["pd_z_left"] > 0 and 0 <= report["own"]["onset_f1"] <= 1
    assert main([*compare, "--form", "fixed"]) == 0
    table = capsys.readouterr().out
    assert "| fgd left |" in table and "No FID" in table
    assert main([*compare, "--autoencoder", str(tmp_path / "none")]) == 1  # FID refuses to go without
    assert "autoencoder" in capsys.readouterr().err
