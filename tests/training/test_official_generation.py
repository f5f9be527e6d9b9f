# SPDX-License-Identifier: GPL-3.0-or-later
"""Converted checkpoints with their own HuBERTs make takes from a recording like any other model."""

from pathlib import Path

import numpy as np
import pytest
import released_checkpoint as released
import soundfile
import tiny_hubert
import torch

from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body.kinematics import outside_limits
from models.body.notes import Notes
from models.body.take import Take
from models.errors import UserError
from models.evaluation.scores import take_onsets
from models.generation import generator
from models.generation.model import load_model
from models.music.midi import write_midi
from models.networks.audio_features import SoundFeatures, mono_16k
from training.__main__ import main

SECONDS = 11.0
"""Longer than a window of eight."""
AT_THE_KEYS = (0.1 / 1.5, 0.13 / 1.5, 19.0 / 25)
"""A position of the data set, in the network's units: random weights alone put hands metres from the piano."""


@pytest.fixture(scope="module")
def song(tmp_path_factory) -> dict[str, Path]:
    """Two hands of quarter notes: as MIDI, and as a recording with a decaying tone for each."""
    folder = tmp_path_factory.mktemp("song")
    onsets = np.arange(0.5, SECONDS - 1, 0.5)
    rng = np.random.default_rng(0)
    rows = [(t, t + 0.4, int(p), 80) for t in onsets for p in (rng.integers(45, 53), rng.integers(67, 75))]
    notes = Notes.from_arrays(np.array(rows, np.float32), hand=np.tile([0, 1], len(onsets)))
    write_midi(folder / "song.mid", notes)
    time = np.arange(int(SECONDS * 22050)) / 22050
    sound = np.zeros_like(time)
    for onset, _, pitch, _ in notes.table:
        after = np.maximum(time - onset, 0)
        tone = np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * after) * np.exp(-4 * after)
        sound += 0.1 * tone * (time >= onset)
    soundfile.write(folder / "song.wav", sound, 22050)
    return {"midi": folder / "song.mid", "sound": folder / "song.wav"}


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    """What `convert` makes of small released checkpoints."""
    folder = tmp_path_factory.mktemp("model")
    paths = []
    for seed, side in enumerate(released.SIDES):
        state = released.stage2_state(side)
        state["piano2posi.bs_map_r.1.weight"] = 0.02 * state["piano2posi.bs_map_r.1.weight"]
        state["piano2posi.bs_map_r.1.bias"] = torch.tensor(AT_THE_KEYS).atanh()
        encoder = tiny_hubert.weights(seed)
        state |= {f"piano2posi.audio_encoder_cont.{name}": value for name, value in encoder.items()}
        paths.append(str(released.save(folder / f"{side}.ckpt", state)))
    assert main(["convert", "--stage2", *paths, "--out", str(folder / "model")]) == 0
    (folder / "model" / "hubert.json").write_text(tiny_hubert_config())
    return folder / "model"


def tiny_hubert_config() -> str:
    """Heads of 8 channels are too narrow for the rule by which `convert` finds their number."""
    import json

    return json.dumps(tiny_hubert.CONFIG)


def take(song, model_folder, output: Path, **changes) -> Take:
    settings = {"sound": song["sound"], "midi": song["midi"], "preset": str(model_folder), "device": "cpu"}
    request = GenerateRequest(output=output, **{**settings, **changes})
    return Pipeline().generate(request).take


def test_a_take_stays_within_the_limits_follows_its_seed_and_ends_in_contact(
    song, model_folder, tmp_path
) -> None:
    first = take(song, model_folder, tmp_path / "a.npz", seed=1)
    again = take(song, model_folder, tmp_path / "b.npz", seed=1)
    other = take(song, model_folder, tmp_path / "c.npz", seed=2)
    assert first.motion.frames == round(SECONDS * 30)
    assert np.isfinite(first.motion.euler).all() and np.isfinite(first.motion.wrist).all()
    assert not outside_limits(torch.from_numpy(first.motion.euler)).any()
    np.testing.assert_array_equal(first.motion.euler, again.motion.euler)
    assert np.abs(first.motion.euler - other.motion.euler).max() > 0.05
    bare = take(song, model_folder, tmp_path / "d.npz", seed=1, contact=0.0)
    # Random poses twist the wrists to their limits, from where few keys can be reached; contact does what it can.
    assert take_onsets(first).score.f1 > take_onsets(bare).score.f1


def test_a_redone_hand_leaves_the_other_as_it_is(song, model_folder, tmp_path) -> None:
    first = take(song, model_folder, tmp_path / "a.npz", seed=1)
    redone = take(song, model_folder, tmp_path / "b.npz", seed=5, keep=tmp_path / "a.npz", hand="left")
    np.testing.assert_array_equal(redone.motion.euler[:, 1], first.motion.euler[:, 1])
    np.testing.assert_array_equal(redone.motion.wrist[:, 1], first.motion.wrist[:, 1])
    assert np.abs(redone.motion.euler[:, 0] - first.motion.euler[:, 0]).max() > 0.05


def test_a_redone_range_leaves_the_rest_as_it_is(song, model_folder, tmp_path) -> None:
    first = take(song, model_folder, tmp_path / "a.npz", seed=1)
    redone = take(song, model_folder, tmp_path / "b.npz", seed=5, keep=tmp_path / "a.npz", range=(4.0, 6.0))
    changed = np.abs(redone.motion.euler - first.motion.euler).max((1, 2, 3)) > 0
    assert changed[120:180].any() and not changed[:120].any() and not changed[180:].any()


def test_what_is_redone_lies_over_the_keyboard_as_the_whole_take_does(
    song, model_folder, tmp_path, monkeypatch
) -> None:
    shifts = []
    sample = generator.sample_song

    def listening(*arguments):
        shifts.append(arguments[7])
        return sample(*arguments)

    monkeypatch.setattr(generator, "sample_song", listening)
    take(song, model_folder, tmp_path / "a.npz", seed=1)
    take(song, model_folder, tmp_path / "b.npz", seed=5, keep=tmp_path / "a.npz", range=(9.0, 10.5))
    take(song, model_folder, tmp_path / "c.npz", seed=6, keep=tmp_path / "a.npz", hand="right")
    assert len(shifts) == 3 and shifts[0] != 0.0 and len(set(shifts)) == 1


def test_pieces_that_make_the_recording_are_listened_to_as_the_recording(
    song, model_folder, tmp_path
) -> None:
    whole = take(song, model_folder, tmp_path / "a.npz", seed=1, contact=0.0)
    sound = {"path": song["sound"], "start_s": 0.0}
    cut = [{**sound, "end_s": 1.0, "at_s": 0.0}, {**sound, "start_s": 1.0, "end_s": SECONDS, "at_s": 1.0}]
    pieced = take(song, model_folder, tmp_path / "b.npz", seed=1, contact=0.0, sound=None, sounds=cut)
    np.testing.assert_array_equal(pieced.motion.euler, whole.motion.euler)
    cut[0]["gain"] = 0.0
    other = take(song, model_folder, tmp_path / "c.npz", seed=1, contact=0.0, sound=None, sounds=cut)
    assert not np.array_equal(other.motion.euler, whole.motion.euler)


def test_without_a_recording_it_says_what_it_wants(song, model_folder, tmp_path) -> None:
    request = GenerateRequest(
        output=tmp_path / "a.npz", midi=song["midi"], preset=str(model_folder), device="cpu"
    )
    with pytest.raises(UserError, match="listens to a recording"):
        Pipeline().generate(request)
    assert not (tmp_path / "a.npz").exists()


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_presets_without_weights_say_what_to_do(preset: str) -> None:
    with pytest.raises(UserError, match="train it, or convert"):
        load_model(preset, "cpu")


def test_windows_are_heard_where_they_lie(song, model_folder) -> None:
    from models.music.audio import load_audio

    audio = load_audio(song["sound"])
    samples = mono_16k(audio, 2.0, 1.0)
    assert samples.shape == (16000,)
    whole = mono_16k(audio, 0.0, SECONDS)
    np.testing.assert_allclose(samples, whole[32000:48000], atol=1e-3)
    assert not mono_16k(audio, SECONDS + 1, 0.5).any() and not mono_16k(audio, -2.0, 1.0).any()
    model = load_model(model_folder, "cpu")
    features = SoundFeatures(audio, model.engine.encoder, 30.0, torch.device("cpu"))
    heard = features.windows([0, 60], 60)
    assert heard.shape == (2, 2, 60, tiny_hubert.WIDTH)
    torch.testing.assert_close(features.windows([60], 60)[0], heard[1])
