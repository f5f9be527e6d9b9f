# SPDX-License-Identifier: GPL-3.0-or-later
"""Both stages at tiny size: learning, exact resume, data, masks, export."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from models.body.notes import Notes
from models.body.skeleton import FINGER_JOINTS
from models.conditioning.hand_space import note_features, plan_in_hand_space
from models.config import ModelConfig, TransformerConfig, UNetConfig
from models.generation.model import load_model
from models.networks.stages import Networks, save_model
from training.__main__ import main
from training.data.shards import mirror_batch, piece_rolls, random_batch, read_piece, read_pieces, shard_paths
from training.stages.loop import (
    NonFiniteLossError,
    TrainSettings,
    new_state,
    rate_factor,
    read_checkpoint,
    step_randomness,
    train_step,
)
from training.stages.masks import random_corruption
from training.stages.stage1 import measure_statistics, position_loss, reaching, train_stage1
from training.stages.stage2 import train_stage2
from training.stages.warm_start import begin_with

SMALL = TransformerConfig(
    width=24, heads=2, feedforward=32, encoder_layers=1, decoder_layers=1, input_kernel=3
)
TINY = ModelConfig(
    name="tiny",
    predictor=SMALL,
    refiner=SMALL,
    window_frames=32,
    sampling_steps=3,
    unet=UNetConfig(
        widths=(24, 32), blocks_per_level=1, groups=4, attention_heads=2, head_width=8, time_width=24
    ),
)
CPU = torch.device("cpu")


def quiet(line: str) -> None:
    assert line


def settings(**changes):
    return TrainSettings(
        **{
            "steps": 12,
            "batch_size": 4,
            "warmup_steps": 2,
            "log_seconds": 1e9,
            "save_seconds": 1e9,
            **changes,
        }
    )


def test_splits_do_not_mix_and_pieces_are_read_whole(shards, tmp_path):
    assert [path.name for path in shard_paths(shards, "validation")] == ["p3.npz"]
    pieces = read_pieces(shards, "train", fps=30)
    assert [piece.frames for piece in pieces] == [150, 160, 170]
    assert len(read_pieces(shards, "train", fps=30, limit=2)) == 2
    with pytest.raises(ValueError, match="frames a second"):
        read_pieces(shards, "train", fps=24)
    older = tmp_path / "older.npz"
    with np.load(shard_paths(shards, "train")[0]) as shard:
        np.savez(older, **{**shard, "style": np.zeros(5, np.float32)})
    with pytest.raises(ValueError, match="earlier version"):
        read_piece(older, fps=30)
    with pytest.raises(ValueError, match="split"):
        shard_paths(shards, "test")


def test_batches_depend_on_seed_and_step_only(shards):
    pieces = read_pieces(shards, "train", fps=30)
    a, b, c = (random_batch(pieces, step_randomness(5, step).numpy, size=6, frames=48) for step in (7, 7, 8))
    assert torch.equal(a.euler, b.euler) and torch.equal(a.sounds, b.sounds)
    assert not torch.equal(a.euler, c.euler)
    assert (
        a.sounds.shape == (6, 3, 48, 88, 2)
        and a.euler.shape == (6, 2, 48, 48)
        and a.wrist.shape == (6, 2, 48, 3)
    )


def test_windows_longer_than_a_piece_hold_the_last_pose(shards):
    pieces = read_pieces(shards, "train", fps=30)[:1]
    batch = random_batch(pieces, np.random.default_rng(0), size=1, frames=200)
    assert torch.equal(batch.wrist[0, :, 149:], batch.wrist[0, :, 149:150].expand(-1, 51, -1))
    assert not batch.sounds[0, :, 150:].any()


def test_hints_about_hands_can_be_dropped(shards):
    pieces = read_pieces(shards, "train", fps=30)
    for dropout, known in ((0.0, True), (1.0, False)):
        batch = random_batch(pieces, np.random.default_rng(0), size=4, frames=48, hint_dropout=dropout)
        assert bool(batch.sounds[:, 1:].any()) is known
        assert batch.sounds[:, 0].any()
    torch.testing.assert_close(
        random_batch(pieces, np.random.default_rng(0), size=4, frames=48, hint_dropout=0.0)
        .sounds[:, 1:]
        .sum(1),
        batch.sounds[:, 0],
        atol=2 / 255,
        rtol=0,
    )


def test_mirroring_twice_leads_back_and_swaps_what_the_hands_see(shards):
    batch = random_batch(
        read_pieces(shards, "train", fps=30), np.random.default_rng(0), size=4, frames=48, hint_dropout=0.0
    )
    mirrored = mirror_batch(batch)
    back = mirror_batch(mirrored)
    torch.testing.assert_close(back.wrist, batch.wrist)
    assert torch.equal(back.sounds, batch.sounds) and torch.equal(back.euler, batch.euler)
    torch.testing.assert_close(back.plan, batch.plan)
    torch.testing.assert_close(
        plan_in_hand_space(mirrored.plan, shared_hands=True).flip(1),
        plan_in_hand_space(batch.plan, shared_hands=True),
    )
    torch.testing.assert_close(
        note_features(mirrored.sounds, shared_hands=True).flip(1),
        note_features(batch.sounds, shared_hands=True),
    )


def test_reach_of_the_fingers_is_measured(shards):
    pieces = read_pieces(shards, "train", fps=30)
    reach = measure_statistics(pieces, shared_hands=True).finger_reach
    # The shards' middle fingers play the key right in front of the wrist; the others play nothing.
    assert abs(reach[2]) < 0.015 and reach[0] == reach[1] == reach[3] == reach[4] == 0


def test_the_direction_in_which_hands_reach_out_is_measured(shards):
    """Fingers that bend at one joint alone reach out and draw in by it."""
    piece = read_pieces(shards, "train", fps=30)[0]
    euler = np.zeros((piece.frames, 2, 16, 3), np.float16)
    euler[:, :, FINGER_JOINTS[2, 1], 0] = (0.6 + 0.3 * np.sin(np.arange(piece.frames) / 5))[:, None]
    bending = dataclasses.replace(piece, euler=euler.reshape(-1, 2, 48))
    spread = torch.full((48,), 0.5, dtype=torch.float64)
    direction = reaching([bending], spread, shared_hands=True).numpy()
    assert np.linalg.norm(direction) == pytest.approx(1.0)
    assert np.abs(direction).argmax() == 3 * FINGER_JOINTS[2, 1] and direction.min() < -0.999
    still = dataclasses.replace(piece, euler=np.zeros_like(piece.euler))
    assert not reaching([still], spread, shared_hands=True).any()


def test_rolls_are_kept_to_a_255th():
    rolls = piece_rolls(Notes.from_arrays([[0.5, 1.0, 60, 100]], hand=1), 30, 60)
    assert rolls[0, 15, 39, 0] == round(255 * 100 / 127) and rolls[2, 20, 39, 1] == 255
    assert not rolls[1].any()


def test_masks_cover_every_task_and_given_hands_are_clean():
    draw = random_corruption(np.random.default_rng(0), size=400, frames=48, steps=1000)
    known = draw.known[..., 0]
    whole = known.all(2)
    assert torch.equal(draw.t == 0, whole) and int(draw.t.max()) <= 1000
    assert not whole.all(1).any()
    assert 0.05 < whole.any(1).float().mean() < 0.35
    assert (~known.any(2).any(1)).float().mean() > 0.25
    both_ends = known[..., 0].all(1) & known[..., -1].all(1) & ~known[..., 24].any(1)
    assert both_ends.float().mean() > 0.1
    assert (draw.t[:, 0] != draw.t[:, 1]).float().mean() > 0.2
    assert torch.histc(draw.t[draw.t > 0].float(), 10).min() > 40


def test_learning_rate_warms_up_and_falls():
    plan = settings(steps=100, warmup_steps=9, final_rate=0.1)
    assert rate_factor(plan, 0, 0) == pytest.approx(0.1)
    assert rate_factor(plan, 10, 0) > 0.95
    assert rate_factor(plan, 100, 0) == pytest.approx(0.1)
    assert rate_factor(settings(steps=0, minutes=1.0, warmup_steps=0), 5, 60.0) == pytest.approx(0.02)


@pytest.mark.parametrize(
    "change", [{"steps": 0}, {"minutes": 1.0}, {"learning_rate": 0.0}, {"precision": "float8"}]
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        settings(**change)


def test_both_stages_learn_a_few_windows_by_heart(shards, tmp_path):
    pieces = read_pieces(shards, "train", fps=30)[:1]
    figures = {}
    for steps in (1, 50):
        out = tmp_path / str(steps)
        plan = settings(steps=steps, learning_rate=4e-3, fingertip_weight=0.0)
        train_stage1(out, TINY, plan, pieces, pieces, CPU, quiet)
        train_stage2(out, plan, pieces, pieces, CPU, quiet)
        figures[steps] = last_validation(out / "stage1")["place"], last_validation(out / "stage2")["v"]
    assert figures[50][0] < 0.5 * figures[1][0]
    assert figures[50][1] < 0.7 * figures[1][1]


def test_half_precision_learns_from_nearly_the_same_loss(shards, tmp_path):
    pieces = read_pieces(shards, "train", fps=30)
    train_stage1(tmp_path, TINY, settings(steps=2), pieces, [], CPU, quiet)
    plan, lines = settings(steps=3, fingertip_weight=1.0, speed_weight=0.1), {}
    for precision in ("float32", "bfloat16"):
        out = tmp_path / precision
        shutil.copytree(tmp_path / "stage1", out / "stage1")
        shutil.copy(tmp_path / "config.json", out)
        train_stage2(out, dataclasses.replace(plan, precision=precision), pieces, pieces, CPU, quiet)
        lines[precision] = last_validation(out / "stage2")
    for name in ("v", "tips", "tip_speed"):
        assert lines["bfloat16"][name] == pytest.approx(lines["float32"][name], rel=0.05)
    assert lines["bfloat16"] != lines["float32"]


def test_hands_with_weights_of_their_own_train_on_mirrored_windows_too(shards, tmp_path):
    pieces = read_pieces(shards, "train", fps=30)
    config = train_stage1(
        tmp_path,
        dataclasses.replace(TINY, shared_hands=False, decoupled_noise=False),
        settings(steps=2),
        pieces,
        [],
        CPU,
        quiet,
    )
    train_stage2(tmp_path, settings(steps=2), pieces, [], CPU, quiet)
    names = read_checkpoint(tmp_path / "stage2")["averaged"]
    assert {name.split(".")[1] for name in names if name.startswith("streams.")} == {"0", "1"}
    assert (
        abs(config.statistics.position_mean[0]) < 0.1
    )  # left and right hand together, not folded onto each other


def last_validation(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()][-1]["validation"]


def test_an_interrupted_run_ends_with_the_same_bits(shards, tmp_path):
    pieces = read_pieces(shards, "train", fps=30)

    class Interrupted(Exception):
        pass

    def stop_at(limit):
        calls = []

        def report(line):
            calls.append(line)
            if len(calls) == limit:
                raise Interrupted

        return report

    for name in ("whole", "broken"):
        train_stage1(tmp_path / name, TINY, settings(steps=6), pieces, [], CPU, quiet)
    train_stage2(tmp_path / "whole", settings(), pieces, [], CPU, quiet)
    eager = settings(log_seconds=0.0, save_seconds=0.0)
    with pytest.raises(Interrupted):
        train_stage2(tmp_path / "broken", eager, pieces, [], CPU, stop_at(5))
    assert 0 < read_checkpoint(tmp_path / "broken" / "stage2")["step"] < 12
    train_stage2(tmp_path / "broken", settings(), pieces, [], CPU, quiet)
    whole, broken = (read_checkpoint(tmp_path / name / "stage2") for name in ("whole", "broken"))
    assert whole["step"] == broken["step"] == 12
    for part in ("network", "averaged"):
        for name, value in whole[part].items():
            assert torch.equal(value, broken[part][name]), name
    assert ModelConfig.load(tmp_path / "whole" / "config.json") == ModelConfig.load(
        tmp_path / "broken" / "config.json"
    )


def test_a_run_given_again_keeps_the_statistics_that_its_weights_belong_to(shards, tmp_path):
    pieces = read_pieces(shards, "train", fps=30)
    train_stage1(tmp_path, TINY, settings(steps=2), pieces[:1], [], CPU, quiet)
    begun = train_stage2(tmp_path, settings(steps=2), pieces[:1], [], CPU, quiet)
    again = train_stage1(tmp_path, TINY, settings(steps=4), pieces, [], CPU, quiet)
    assert again == begun == train_stage2(tmp_path, settings(steps=4), pieces, [], CPU, quiet)
    other = dataclasses.replace(TINY, position_sharing=False)
    with pytest.raises(ValueError, match="another configuration"):
        train_stage1(tmp_path, other, settings(steps=6), pieces, [], CPU, quiet)


def test_training_begins_with_the_weights_of_another_run_and_measures_its_own_statistics(shards, tmp_path):
    pieces = read_pieces(shards, "train", fps=TINY.fps)
    old, new = tmp_path / "old", tmp_path / "new"
    train_stage1(old, TINY, settings(), pieces, None, CPU, quiet)
    train_stage2(old, settings(), pieces, None, CPU, quiet)
    for folder, start in ((new, old), (tmp_path / "bare", None)):
        train_stage1(folder, TINY, settings(steps=1), pieces[:1], None, CPU, quiet, start=start)
        train_stage2(folder, settings(steps=1), pieces[:1], None, CPU, quiet, start=start)
    for stage in ("stage1", "stage2"):
        given, warm, bare = (
            read_checkpoint(tmp_path / name / stage)["averaged"] for name in ("old", "new", "bare")
        )
        far = {
            name: sum(float((w[k] - given[k]).abs().sum()) for k in given)
            for name, w in (("warm", warm), ("bare", bare))
        }
        assert 0 < far["warm"] < 0.3 * far["bare"]
        assert read_checkpoint(new / stage)["step"] == 1
    mean = [ModelConfig.load(folder / "config.json").statistics.euler_mean for folder in (old, new)]
    assert mean[0] != mean[1]
    with pytest.raises(FileNotFoundError, match="neither a checkpoint of stage1 nor a model"):
        train_stage1(
            tmp_path / "lost", TINY, settings(), pieces, None, CPU, quiet, start=tmp_path / "nowhere"
        )
    other = dataclasses.replace(TINY, predictor=dataclasses.replace(SMALL, width=32))
    with pytest.raises(ValueError, match="another architecture"):
        train_stage1(tmp_path / "other", other, settings(), pieces, None, CPU, quiet, start=old)


def test_a_run_may_keep_the_statistics_of_its_weights_and_measures_what_they_lack(shards, tmp_path):
    pieces = read_pieces(shards, "train", fps=TINY.fps)
    known = dataclasses.replace(measure_statistics(pieces[:1], shared_hands=True), reaching=(0.0,) * 48)
    config = dataclasses.replace(TINY, statistics=known)
    kept = settings(steps=1, statistics="config")
    found = train_stage1(tmp_path / "kept", config, kept, pieces, None, CPU, quiet).statistics
    spread = torch.tensor(known.euler_std)
    direction = reaching(pieces, spread, shared_hands=True)
    np.testing.assert_allclose(found.reaching, direction, rtol=1e-5, atol=1e-9)
    assert float(direction.norm()) == pytest.approx(1)
    assert dataclasses.replace(found, reaching=known.reaching) == known
    again = dataclasses.replace(config, statistics=found)
    assert train_stage1(tmp_path / "again", again, kept, pieces[:1], None, CPU, quiet).statistics == found


def test_the_wrists_spread_is_measured_for_a_new_network_and_kept_for_one_that_learned_with_it(
    shards, tmp_path
):
    pieces = read_pieces(shards, "train", fps=TINY.fps)
    train_stage1(tmp_path, TINY, settings(steps=1), pieces, None, CPU, quiet)
    learned = ModelConfig.load(tmp_path / "config.json")
    known = dataclasses.replace(learned.statistics, residual_std=(0.0123, 0.0124, 0.0125))
    spreads = {}
    for how in ("config", "measured"):
        out = tmp_path / how
        shutil.copytree(tmp_path / "stage1", out / "stage1")
        (out / "config.json").write_text(dataclasses.replace(learned, statistics=known).to_json())
        train_stage2(out, settings(steps=1, statistics=how), pieces, [], CPU, quiet)
        spreads[how] = ModelConfig.load(out / "config.json").statistics.residual_std
    assert spreads["config"] == known.residual_std
    assert spreads["measured"] != known.residual_std


def test_training_begins_with_a_model_whose_new_inputs_have_no_effect_yet(tmp_path):
    before = Networks(TINY)
    save_model(tmp_path, TINY, before, "", half=False)
    told = dataclasses.replace(TINY, habit_dim=4)
    after = Networks(told)
    begin_with(after.predictors, tmp_path, "stage1")
    begin_with(after.streams, tmp_path, "stage2")
    features = torch.rand(1, 2, 48, TINY.encoder.feature_width)
    style = torch.randn(1, 2, told.player_dim)
    found = after.predictors(features, style)
    torch.testing.assert_close(found, before.predictors(features, style[..., : TINY.player_dim]))
    step, known_style = torch.tensor([3, 7]), style[0]
    one, other = (nets.streams.streams[0].embedding for nets in (before, after))
    torch.testing.assert_close(one(step, known_style[:, : TINY.player_dim]), other(step, known_style))
    found.sum().backward()
    assert after.predictors.hands.nets[0].style.weight.grad[:, TINY.player_dim :].abs().max() > 0
    with pytest.raises(ValueError, match="another architecture"):
        begin_with(Networks(dataclasses.replace(TINY, style_dim=0)).streams, tmp_path, "stage2")


def test_a_loss_that_is_not_a_number_stops_before_any_change():
    network = torch.nn.Linear(2, 1)
    state = new_state(network, settings())
    before = [parameter.clone() for parameter in network.parameters()]

    def loss_of(module, draw):
        return {"loss": module(torch.ones(1, 2)).sum() * float("nan")}

    with pytest.raises(NonFiniteLossError, match="step 0"):
        train_step(state, settings(), loss_of)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters()))
    assert state.step == 0


def test_a_perfect_predictor_has_no_loss(shards):
    from models.conditioning.conditioning import encode_input
    from models.conditioning.hand_space import Normalizer, canonical_wrist

    pieces = read_pieces(shards, "train", fps=30)
    config = dataclasses.replace(TINY, statistics=measure_statistics(pieces, shared_hands=True))
    normalizer = Normalizer(config, torch.empty(0))
    batch = random_batch(pieces, np.random.default_rng(0), size=3, frames=48)
    truth = normalizer.positions(canonical_wrist(batch.wrist, shared_hands=True))

    class Oracle(torch.nn.Module):
        def forward(self, features, style):
            return truth - encode_input(batch.sounds, batch.plan, normalizer).anchor

    parts = position_loss(Oracle(), batch, config, normalizer)
    assert float(parts["loss"]) < 1e-5 and float(parts["metres"]) < 1e-6
    assert abs(float(truth.mean())) < 0.5 and 0.3 < float(truth.std()) < 2


def test_shards_that_are_still_being_made_are_followed_in_every_folder(shards, tmp_path, monkeypatch):
    (tmp_path / "tiny.json").write_text(TINY.to_json())
    also = shutil.copytree(shards, tmp_path / "also")
    followed = []
    monkeypatch.setattr(
        "training.data.shards.extend_pieces", lambda pieces, folder, split, *, fps: followed.append(folder)
    )
    command = [
        "train",
        "--stage",
        "1",
        "--config",
        str(tmp_path / "tiny.json"),
        "--out",
        str(tmp_path / "run"),
    ]
    command += ["--data", str(shards), "--also", str(also), "--steps", "2", "--batch", "2", "--follow"]
    assert main([*command, "--set", "save_seconds=0"]) == 0
    assert set(followed) == {shards, also}


def test_commands_train_both_stages_and_export_a_model_that_loads(shards, tmp_path, capsys):
    (tmp_path / "tiny.json").write_text(TINY.to_json())
    common = ["--data", str(shards), "--out", str(tmp_path / "run"), "--steps", "3", "--batch", "2"]
    assert main(["train", "--stage", "1", "--config", str(tmp_path / "tiny.json"), *common]) == 0
    assert main(["train", "--stage", "2", *common]) == 0
    assert (
        main(
            ["export", "--out", str(tmp_path / "run"), "--folder", str(tmp_path / "model"), "--name", "mine"]
        )
        == 0
    )
    assert "hours of motion" in capsys.readouterr().out
    model = load_model(tmp_path / "model", "cpu", "torch")
    averaged = read_checkpoint(tmp_path / "run" / "stage2")["averaged"]
    for name, value in model.engine.networks.streams.state_dict().items():
        assert torch.equal(value, averaged[name])
    card = (tmp_path / "model" / "README.md").read_text()
    assert (
        model.config.name == "mine"
        and "3 steps of 2 windows" in card
        and "motion that this project made" in card
    )
