# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading PianoMotion10M: a made-up folder with every kind of damage, crops, rates, workers, export and back."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from pianomotion_fixture import NOTES, build
from torch import nn

from models.body.keyboard import key_x
from models.body.mano import CameraView, camera_from_piano, mano_from_euler
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.take import Take
from models.config import ModelConfig
from models.errors import UserError
from training.__main__ import main
from training.data.pianomotion.camera import fit_view
from training.data.pianomotion.check import check_split, onset_f1
from training.data.pianomotion.clip import read_clip, read_notes
from training.data.pianomotion.export import export_dataset
from training.data.pianomotion.features import FeatureCache
from training.data.pianomotion.layout import clips
from training.data.pianomotion.rates import interpolate_columns, resample_rows
from training.data.pianomotion.source import PianoMotionSource, open_source
from training.data.shards import Batch
from training.stages.background import BackgroundSource, generator_of

FRAMES = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("pianomotion"))


def source(folder: Path, split: str = "train", **options) -> PianoMotionSource:
    return PianoMotionSource(clips=clips(folder, split), frames=FRAMES, **options)


def same(a: Batch, b: Batch) -> bool:
    pairs = [(getattr(a, field.name), getattr(b, field.name)) for field in dataclasses.fields(Batch)]
    return all((x is None and y is None) or torch.equal(x, y) for x, y in pairs)


def test_shapes_and_values_of_a_window(folder: Path) -> None:
    batch = source(folder, notes=True).window(0, 0.0)
    files = clips(folder, "train")[0]
    data = json.loads(files.annotation.read_text())
    assert batch.euler.shape == (1, 2, FRAMES, 48) and batch.audio.shape == (1, round(FRAMES / 30 * 16000))
    left, right = (np.asarray(data[side], np.float32)[:FRAMES] for side in ("left", "right"))
    assert torch.equal(batch.euler[0, 0], torch.from_numpy(left[:, 4:52]))
    assert torch.equal(batch.euler[0, 1], torch.from_numpy(right[:, 4:52]))
    shifted = right[:, 1:4] + np.float32([0.0, -0.27, -3.2])  # adjust moves y and z, never x
    assert torch.allclose(batch.wrist[0, 1], torch.from_numpy(shifted))
    assert not batch.valid[0, 0, 10] and batch.valid.sum() == 2 * FRAMES - 1
    onset = np.argwhere(batch.sounds[0, 0, :, :, 0].numpy() > 0.4)
    assert [0, 48 - 21] in onset.tolist() and [15, 49 - 21] in onset.tolist()


def test_notes_are_in_the_clips_own_time(folder: Path) -> None:
    files = clips(folder, "train")[1]
    clip = read_clip(files)
    notes = read_notes(files, clip.start_frame / clip.fps, clip.seconds)
    assert clip.start_frame == 120 and np.isclose(notes.onset_s[0], 0.0, atol=1e-3)
    assert notes.pitch[0] == 48 + 8  # the note at second 4 of the video


def test_choices_depend_on_the_generator_alone(folder: Path) -> None:
    one, two = source(folder), source(folder, cache_bytes=1)
    two.batch(np.random.default_rng(5), 3)  # another history, another cache
    whole = one.batch(np.random.default_rng(1), 6)
    assert same(whole, two.batch(np.random.default_rng(1), 6))
    part = two.batch(np.random.default_rng(1), 6, slice(2, 4))
    assert torch.equal(part.euler, whole.euler[2:4]) and torch.equal(part.audio, whole.audio[2:4])
    assert not same(whole, one.batch(np.random.default_rng(2), 6))


def test_damaged_clips_are_named_once_with_their_reason(folder: Path, caplog) -> None:
    windows = source(folder)
    for step in range(8):
        windows.batch(np.random.default_rng(step), 8)
    reasons = {name.split("/")[-1]: why for name, why in windows.skipped.items()}
    assert set(reasons) == {f"BVbad_seq_000{i}" for i in range(4)}
    words = ("not readable JSON", "sound", "not finite", "shapes")
    assert all(word in reasons[f"BVbad_seq_000{i}"] for i, word in enumerate(words))
    assert len(caplog.records) == 4
    with pytest.raises(UserError, match="check-dataset"):
        PianoMotionSource(
            clips=[c for c in clips(folder, "train") if c.uploader == "7"], frames=FRAMES
        ).window(0, 0)


def test_memory_stays_within_its_bound(folder: Path) -> None:
    windows = source(folder, cache_bytes=700_000)
    for index in range(3):
        windows.window(index, 0.5)
        assert sum(clip.bytes for clip in windows._cache.values()) <= 700_000 or len(windows._cache) == 1


def test_other_rates_turn_joints_along_the_shortest_way(folder: Path) -> None:
    clip = read_clip(clips(folder, "valid")[0])
    assert clip.fps == 60
    slow = resample_rows(clip.rows, 60, 30)
    assert np.allclose(slow, clip.rows[::2], atol=1e-5)
    rows = np.zeros((2, 2, 62), np.float32)
    rows[..., 0] = 1
    rows[0, :, 4:7], rows[1, :, 4:7] = [0, 0, 3.0], [0, 0, -3.0]  # 0.28 rad apart through pi
    half = resample_rows(rows, 1, 2)[1, 0, 4:7]
    assert np.isclose(abs(half[2]), np.pi, atol=1e-5)
    assert np.isclose(interpolate_columns(rows, 3)[1, 0, 6], 0.0)  # plain numbers, as released


def test_linear_interpolation_is_torchs() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 2, 62)).astype(np.float32)
    torchs = torch.nn.functional.interpolate(
        torch.from_numpy(rows).flatten(1).T[None], size=24, mode="linear"
    )
    assert np.allclose(interpolate_columns(rows, 24), torchs[0].T.reshape(24, 2, 62).numpy(), atol=1e-5)


def test_released_cut(folder: Path) -> None:
    windows = source(folder, "valid", legacy=True)
    first, last = windows.window(0, 0.0), windows.window(0, 1.0)
    rows = read_clip(clips(folder, "valid")[0]).rows
    assert np.allclose(first.euler[0].numpy().swapaxes(0, 1), interpolate_columns(rows[:128], 64)[..., 4:52])
    assert first.euler.shape == last.euler.shape and not torch.equal(first.audio, last.audio)
    assert first.valid[0, 0].sum() == FRAMES - 1  # one frame of two around the invalid one


def test_workers_change_nothing_and_leave_the_generator_as_the_source_would(folder: Path) -> None:
    generator, direct = partial(generator_of, 3), source(folder)
    with BackgroundSource(source(folder), generator, size=2, steps=6, workers=2) as ahead:
        for step in (0, 1, 2):
            one, two = generator(step), generator(step)
            assert same(ahead.batch(one, 2), direct.batch(two, 2))
            assert one.random() == two.random()
        odd = np.random.default_rng(99)  # not foreseen
        assert same(ahead.batch(odd, 2), direct.batch(np.random.default_rng(99), 2))
        assert same(ahead.batch(generator(3), 2), direct.batch(generator(3), 2))


class Loudness(nn.Module):
    """Stands for HuBERT: two numbers a frame; counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.calls = 0

    def forward(self, audio: torch.Tensor, frames: int) -> torch.Tensor:
        self.calls += 1
        loud = nn.functional.adaptive_avg_pool1d(audio[:, None].abs(), frames)[:, 0]
        heard = torch.stack([loud, 2 * loud], -1) * self.weight
        return torch.stack([heard, heard], 1)


def test_features_are_computed_once_and_read_by_others(folder: Path, tmp_path: Path) -> None:
    encoder = Loudness()
    cache = FeatureCache(tmp_path, encoder)
    batch = source(folder, "valid", features=cache).window(0, 0.3)
    assert batch.features.shape == (1, 2, FRAMES, 2) and encoder.calls == 1
    again = source(folder, "valid", features=cache.reader()).window(0, 0.3)
    assert torch.equal(again.features, batch.features) and encoder.calls == 1
    stored = next(tmp_path.rglob("*.safetensors"))
    stored.write_bytes(b"damaged")
    assert torch.equal(source(folder, "valid", features=cache).window(0, 0.3).features, batch.features)
    assert encoder.calls == 2
    other = Loudness()
    nn.init.constant_(other.weight, 2.0)
    assert FeatureCache(tmp_path, other).digest != cache.digest
    with pytest.raises(UserError, match="fill"):
        source(folder, "valid", features=FeatureCache(tmp_path, None, "other")).window(0, 0.3)


def playing(frames: int, fps: float = 30.0) -> Take:
    t = np.arange(frames) / fps
    rng = np.random.default_rng(7)
    euler = 0.4 * np.sin(t[:, None, None, None] + rng.random((2, 16, 3)) * 6)
    wrist = np.stack(
        [
            np.stack([0.3 * np.sin(t * 0.7) + s, 0.02 * np.sin(t), 0.06 + 0.01 * np.cos(t)], -1)
            for s in (-0.3, 0.3)
        ],
        1,
    )
    notes = np.array([[i * 0.5, i * 0.5 + 0.3, 40 + i % 40, 70] for i in range(int(t[-1] * 2))], np.float32)
    fingering = np.stack([np.arange(len(notes)) % 2, np.zeros(len(notes))], 1).astype(np.int8)
    motion = Motion(euler.astype(np.float32), wrist.astype(np.float32), fps)
    return Take(motion, Notes.from_arrays(notes, fingering))


def test_export_and_back(tmp_path: Path) -> None:
    take = playing(30 * 40)
    take.save(tmp_path / "my song.npz")
    out = tmp_path / "out"
    recording = tmp_path / "song.wav"
    import soundfile

    soundfile.write(recording, 0.2 * np.sin(np.arange(40 * 16000) * 0.1), 16000)
    arguments = ["export-dataset", str(tmp_path / "my song.npz"), "--out", str(out), "--split", "valid"]
    assert main([*arguments, "--recording", str(recording)]) == 0
    assert main(arguments) == 1  # not empty any more
    found = clips(out, "valid")
    assert [files.name for files in found] == ["my_song_seq_0000", "my_song_seq_0001"]
    clip = read_clip(found[1])
    stored = mano_from_euler(take.motion.euler[900:].astype(np.float64))
    assert np.abs(clip.pose - stored).max() < 6e-5
    notes = read_notes(found[0], 0.0, 1e9)
    assert np.allclose(notes.table, take.notes.table, atol=2e-4)
    config = ModelConfig.load(Path("models/presets/paper/config.json"))
    windows = dataclasses.replace(open_source(out, "validation", config), frames=240)
    batch = windows.window(0, 0.0)
    euler = batch.euler[0].unflatten(-1, (16, 3)).numpy().swapaxes(0, 1)
    assert np.abs(euler - take.motion.euler[:240]).max() < 1e-3
    assert np.abs(batch.wrist[0].numpy().swapaxes(0, 1) - take.motion.wrist[:240]).max() < 1e-4
    assert np.isclose(windows.hours * 3600, 40.0)


def test_export_refuses_two_takes_of_one_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        playing(300).save(tmp_path / name / "take.npz")
    items = [(tmp_path / name / "take.npz", "train") for name in ("a", "b")]
    with pytest.raises(UserError, match="rename"):
        export_dataset(items, tmp_path / "out")


def test_camera_is_found_from_the_notes() -> None:
    rng = np.random.default_rng(4)
    t = np.arange(900) / 30
    x = np.stack([-0.25 + 0.12 * np.sin(t), 0.2 + 0.15 * np.sin(1.3 * t)], 1)
    wrist = np.stack([x, np.full_like(x, -0.1), np.full_like(x, 0.06)], -1)
    from models.body.keyboard import KEY_X

    table = []
    for i, onset in enumerate(np.arange(0.2, 29, 0.25)):
        target = x[round(onset * 30), i % 2] + rng.uniform(-0.05, 0.05)
        table.append([onset, onset + 0.2, 21 + np.abs(KEY_X - target).argmin(), 64])
    table += [[t, t + 0.1, 100, 64] for t in (3.0, 9.0, 20.0)]  # wrong notes
    notes = Notes.from_arrays(np.array(table, np.float32))
    true = CameraView(scale=1.15, offset=(0.17, 0.1, 0.06))
    found = fit_view(camera_from_piano(wrist, true), np.ones((900, 2), bool), notes, 30)
    assert abs(found.scale - true.scale) < 0.06 and abs(found.offset[0] - true.offset[0]) < 0.02
    few = fit_view(camera_from_piano(wrist, true), np.ones((900, 2), bool), notes.select(slice(5)), 30)
    assert (few.scale, few.offset[0]) == (1.0, 0.0)
    assert key_x(60) == KEY_X[39]


def test_check_names_what_is_there(folder: Path, capsys) -> None:
    report = check_split(folder, "train")
    assert (report.videos, report.clips, len(report.skipped)) == (3, 7, 4)
    assert np.isclose(report.hours * 3600, 12.0) and report.rates == {30.0: 2, 60.0: 1}
    assert check_split(folder, "train", ["66685747"]).clips == 1
    assert check_split(folder, "test").videos_without_clips == 1
    wrong = dataclasses.replace(NOTES, pitch=NOTES.pitch + 1)
    assert len(check_split(folder, "valid", transcribe=lambda files: wrong).mismatched) == 1
    assert onset_f1(NOTES, NOTES) == 1.0 and onset_f1(NOTES, wrong) < 0.2
    assert main(["check-dataset", str(folder)]) == 0
    assert "BVbad_seq_0003: its rows have shapes" in capsys.readouterr().out
    assert main(["check-dataset", str(folder / "midi")]) == 1


def test_a_model_of_notes_and_fingering_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="fingering"):
        open_source(folder, "train", ModelConfig())
