# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparators, the switches of the paper's table 2, and the tables' bookkeeping, at tiny size."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from pianomotion_fixture import build

from models.body.notes import Notes
from models.config import EncoderConfig, InteractionConfig, ModelConfig, TransformerConfig, UNetConfig
from models.diffusion.parameterization import add_noise, x0_from_v
from models.diffusion.schedule import build_schedule
from models.music.notes import note_rolls
from models.networks.dual_stream import DualStream
from models.networks.position_predictor import PositionPredictors
from training.commands.tables import read_windows
from training.comparators import SYSTEMS
from training.comparators.joint import apart, together
from training.data.shards import Batch
from training.metrics import Clip
from training.stages.loop import step_randomness
from training.stages.stage2 import Stage2, motion_loss
from training.tables.figures import coordination, notes_from_rolls
from training.tables.generate import sample_batch, starting_noise
from training.tables.report import as_markdown, cell, paired
from training.tables.rows import FULL, TABLES, base_config
from training.tables.run import Bench, Budget, result_path, run_table

SMALL = TransformerConfig(width=16, heads=2, feedforward=16, encoder_layers=1, decoder_layers=1)
TINY = ModelConfig(
    name="tiny",
    encoder=EncoderConfig(kind="features", feature_dim=6, centred_bins=0, finger_plan=False),
    predictor=SMALL,
    refiner=SMALL,
    unet=UNetConfig(
        widths=(16, 24), blocks_per_level=1, groups=4, attention_heads=2, head_width=8, time_width=16
    ),
    interaction=InteractionConfig(heads=2),
    known_frames=False,
    shared_hands=False,
    style_dim=0,
    window_frames=16,
    sampling_steps=3,
)
B, T = 2, 16


def shake(network):
    """Zero-initialised layers would hide dependences."""
    generator = torch.Generator().manual_seed(7)
    for parameter in network.parameters():
        parameter.data = 0.2 * torch.randn(parameter.shape, generator=generator)
    return network.eval()


def condition_of(network, seed=1, other_scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(B, 2, T, 6, generator=generator)
    own, other = (torch.randn(B, 2, T, 3, generator=generator) for _ in range(2))
    return network.condition(features, own, other_scale * other)


def evaluate(network, x, condition, t=500):
    known = torch.zeros(B, 2, T, 1, dtype=torch.bool)
    return network(x, torch.full((B, 2), t), condition, known, torch.zeros_like(x), torch.zeros(B, 2, 0))


def noise(seed=3):
    return torch.randn(B, 2, T, TINY.channels, generator=torch.Generator().manual_seed(seed))


def test_together_and_apart_are_inverse_and_keep_left_first():
    x = noise()
    assert torch.equal(apart(together(x)), x)
    assert torch.equal(together(x)[..., : TINY.channels], x[:, 0])


@pytest.mark.parametrize("name", ["single_stream", "mlp", "regression"])
def test_comparators_answer_for_every_hand_and_learn_in_every_weight(name):
    torch.manual_seed(0)
    network = shake(SYSTEMS[name].build(TINY))
    v = evaluate(network, noise(), condition_of(network))
    assert v.shape == (B, 2, T, TINY.channels)
    v.square().sum().backward()
    assert all(
        parameter.grad is not None and bool(parameter.grad.abs().sum() > 0)
        for parameter in network.parameters()
        if parameter.requires_grad and parameter.numel() > 1
    )


@pytest.mark.parametrize("name", ["single_stream", "mlp"])
def test_joint_diffusion_sees_both_hands(name):
    network = shake(SYSTEMS[name].build(TINY))
    condition, x = condition_of(network), noise()
    changed = x.clone()
    changed[:, 1] += 1
    assert not torch.allclose(
        evaluate(network, x, condition)[:, 0], evaluate(network, changed, condition)[:, 0]
    )


def test_known_frames_are_refused_by_comparators():
    with pytest.raises(ValueError, match="known_frames"):
        SYSTEMS["mlp"].build(dataclasses.replace(TINY, known_frames=True))


def test_regression_gives_one_motion_whatever_the_noise():
    network = shake(SYSTEMS["regression"].build(TINY))
    condition, schedule = condition_of(network), build_schedule(TINY.schedule)
    found = []
    for t, seed in ((1000, 3), (500, 4)):
        x, step = noise(seed), torch.tensor(t)
        v = evaluate(network, x, condition, t)
        found.append(x0_from_v(x, v, schedule.signal(step), schedule.noise(step)))
    assert torch.allclose(found[0], network.motion(condition), atol=1e-4)
    assert torch.allclose(found[0], found[1], atol=1e-4)


def batch_of(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        euler=torch.randn(B, 2, T, 48, generator=generator),
        wrist=torch.randn(B, 2, T, 3, generator=generator),
        valid=torch.ones(B, 2, T, dtype=torch.bool),
        style=torch.zeros(B, 2, 5),
        features=torch.randn(B, 2, T, 6, generator=generator),
    )


class Recorder(torch.nn.Module):
    """A network that keeps what it is given and answers zero."""

    def __init__(self, config):
        super().__init__()
        self.inner = DualStream(config)
        self.seen = []

    def condition(self, *parts):
        return self.inner.condition(*parts)

    def forward(self, x, t, *rest):
        self.seen.append((x, t))
        return torch.zeros_like(x)


def stage_of(config, system="dual_stream"):
    from models.conditioning.hand_space import Normalizer

    settings = Budget(steps=1, batch_size=B).settings(0, stage=2)
    predictors = PositionPredictors(config).eval()
    return Stage2(
        config, settings, predictors, Normalizer(config, torch.empty(0)), build_schedule(config.schedule)
    )


@pytest.mark.parametrize("decoupled", [True, False])
def test_decoupled_noise_in_training(decoupled):
    config = dataclasses.replace(TINY, decoupled_noise=decoupled, wrist_residual=False)
    stage, recorder, batch = stage_of(config), Recorder(config), batch_of()
    motion_loss(recorder, batch, step_randomness(0, 0), stage)
    (x, t), x0 = recorder.seen[0], batch.euler
    assert torch.equal(t[:, 0], t[:, 1])
    signal, sigma = (part(t)[..., None, None] for part in (stage.schedule.signal, stage.schedule.noise))
    epsilon = (x - add_noise(x0, torch.zeros_like(x0), signal, sigma)) / sigma
    loud = t[:, 0] > 300
    assert loud.any()
    same = torch.allclose(epsilon[loud, 0], epsilon[loud, 1], atol=1e-3)
    assert same is not decoupled


@pytest.mark.parametrize("sampler", ["ancestral", "dpm++2m"])
def test_decoupled_noise_in_sampling(sampler):
    shape = (B, 2, T, 5)
    for decoupled in (True, False):
        x, generators = starting_noise(1, 0, shape, decoupled=decoupled)
        assert torch.equal(x[:, 0], x[:, 1]) is not decoupled
        later = [generator.standard_normal(3) for generator in generators[0]]
        assert np.array_equal(*later) is not decoupled
    x = starting_noise(1, 4, shape, decoupled=True)[0]
    assert torch.equal(x[:1], starting_noise(1, 4, (1, *shape[1:]), decoupled=True)[0])
    config = dataclasses.replace(TINY, decoupled_noise=False, sampler=sampler)
    recorder = Recorder(config)
    condition = condition_of(recorder)
    sample_batch(recorder, batch_of(), condition, config, seed=0, first=0, steps=3)
    assert len(recorder.seen) >= 3
    assert all(torch.equal(x[:, 0], x[:, 1]) for x, _ in recorder.seen)


def test_position_sharing_is_all_that_a_stream_knows_of_the_other_position():
    for sharing in (True, False):
        network = shake(DualStream(dataclasses.replace(TINY, position_sharing=sharing)))
        one, two = condition_of(network), condition_of(network, other_scale=2.0)
        assert torch.equal(one, two) is not sharing


@pytest.mark.parametrize("kind", ["none", "concat", "cross_attention", "hcaa"])
def test_only_an_interaction_carries_the_other_hands_noise(kind):
    row = next(row for row in TABLES[2] if row.interaction == kind and row.decoupled_noise)
    config = row.config(TINY)
    assert config.interaction.kind == kind
    network = shake(DualStream(config))
    condition, x = condition_of(network), noise()
    changed = x.clone()
    changed[:, 1] += torch.randn(x[:, 1].shape, generator=torch.Generator().manual_seed(9))
    one, two = evaluate(network, x, condition), evaluate(network, changed, condition)
    assert not torch.equal(one[:, 1], two[:, 1])
    assert torch.equal(one[:, 0], two[:, 0]) is (kind == "none")


def test_table_2_is_the_papers():
    switches = [(row.decoupled_noise, row.position_sharing, row.interaction) for row in TABLES[2]]
    assert switches == [
        (False, True, "hcaa"),
        (True, False, "none"),
        (True, True, "none"),
        (True, True, "concat"),
        (True, True, "cross_attention"),
        (True, True, "hcaa"),
    ]
    assert TABLES[1][-1] is FULL is TABLES[2][-1]


def test_rows_differ_in_their_switches_only():
    base = base_config("reduced")
    for row in (*TABLES[1], *TABLES[2]):
        config = row.config(base)
        back = dataclasses.replace(
            config, decoupled_noise=True, position_sharing=True, interaction=base.interaction
        )
        assert back == base
    assert not base.encoder.finger_plan
    with pytest.raises(ValueError, match="neither"):
        base_config("nothing")


def test_notes_come_back_from_their_rolls():
    table = [[0.11, 0.5, 60, 80], [0.30, 0.9, 64, 64], [1.02, 1.4, 60, 100], [2.0, 2.2, 21, 30]]
    notes = Notes.from_arrays(np.array(table, np.float32))
    found = notes_from_rolls(note_rolls(notes, 30.0, 0, 90), 30.0)
    assert len(found) == len(notes)
    assert np.allclose(found.onset_s, notes.onset_s, atol=1e-3)
    assert np.allclose(found.offset_s, notes.offset_s, atol=1 / 30 + 1e-3)
    assert np.array_equal(found.pitch, notes.pitch)
    assert np.allclose(found.velocity, notes.velocity, atol=0.1)
    assert len(notes_from_rolls(np.zeros((9, 88, 2), np.float32), 30.0)) == 0


def clip_of(left, right):
    position = np.zeros((len(left), 2, 3), np.float32)
    position[:, 0, 0], position[:, 1, 0] = left, right
    return Clip(np.zeros((len(left), 2, 48), np.float32), position, 30.0)


def test_coordination_sees_spread_and_common_movement():
    rng = np.random.default_rng(0)
    path = rng.standard_normal(400).cumsum() * 0.01
    real = clip_of(path, path + 0.3)
    assert coordination([real], [real]) == {"spread_mm": 0.0, "together_gap": 0.0}
    wide = coordination([real], [clip_of(path, path + 0.35)])
    assert wide["spread_mm"] == pytest.approx(50, rel=1e-3)
    assert wide["together_gap"] == pytest.approx(0, abs=1e-3)
    alone = coordination([real], [clip_of(path, rng.standard_normal(400).cumsum() * 0.01 + 0.3)])
    assert alone["together_gap"] > 0.8


def test_paired_statistics():
    mean, t = paired([1.0, 2.0, 3.0], [2.0, 3.5, 3.5])
    assert mean == pytest.approx(1.0)
    assert t == pytest.approx(1.0 / (0.5 / math.sqrt(3)))
    assert math.isnan(paired([1.0], [2.0])[1])
    assert cell([1.0, 3.0]) == "2 ± 1.4"
    assert cell([0.002], 1000) == "2"
    assert cell([]) == "-"


def test_budget_is_checked():
    with pytest.raises(ValueError, match="steps"):
        Budget(steps=1, minutes=1.0)
    with pytest.raises(ValueError, match="latent"):
        Budget(steps=1, windows=8)
    assert json.loads(json.dumps(dataclasses.asdict(Budget(steps=1))))["steps"] == 1


class Waves:
    """Motion that follows its features, as a source of windows; counts what is asked of it."""

    hours = 1.0

    def __init__(self, frames):
        self.frames, self.asked = frames, 0

    def batch(self, rng, size, rows=slice(None)):
        self.asked += 1
        phase = rng.random((size, 2, 1, 1)) * 6
        wave = torch.from_numpy(np.sin(phase + np.arange(self.frames)[:, None] / 9)).float()
        still = torch.from_numpy(0.1 * rng.standard_normal((size, 2, self.frames, 48))).float()
        batch = Batch(
            euler=0.3 * wave + 0.1 * still,
            wrist=0.2 * wave.expand(-1, -1, -1, 3),
            valid=torch.ones(size, 2, self.frames, dtype=torch.bool),
            style=torch.zeros(size, 2, 5),
            features=wave.expand(-1, -1, -1, 6).contiguous(),
        )
        return batch.map(lambda part: part[rows])


def test_a_table_is_trained_once_and_read_afterwards(tmp_path):
    config = dataclasses.replace(TINY, window_frames=96)
    source = Waves(96)

    def bench(**changes):
        values = {"steps": 2, "stage1_steps": 2, "batch_size": 2, "windows": 2, "autoencoder_steps": 0}
        return Bench(
            out=tmp_path,
            base=config,
            budget=Budget(**{**values, **changes}),
            train=source,
            held_out=source,
            data="waves",
            hardware="any",
            report=lambda line: None,
        )

    rows = (TABLES[2][2], TABLES[1][0], FULL)
    results = run_table(bench(), rows, [0])
    assert all(result_path(tmp_path, row, 0).is_file() for row in rows)
    full, none = results["full"][0], results["no_interaction"][0]
    assert full["steps"] == none["steps"] == 2
    assert full["parameters"] > none["parameters"]
    assert "held_out_v" in full["figures"] and "held_out_x0" in results["regression"][0]["figures"]
    assert all(math.isfinite(value) for value in full["figures"].values())
    text = as_markdown(2, rows, results)
    assert all(row.label in text for row in rows)
    asked = source.asked
    assert run_table(bench(), rows, [0]) == results
    assert source.asked == asked
    with pytest.raises(ValueError, match="another configuration"):
        run_table(bench(steps=3), rows, [0])


def test_folders_of_the_data_set_are_read(tmp_path):
    config = dataclasses.replace(base_config("reduced"), window_frames=32)
    train, held_out, words = read_windows(build(tmp_path), config, 1)
    assert "PianoMotion10M" in words
    for source in (train, held_out):
        batch = source.batch(np.random.default_rng(0), 2)
        assert batch.euler.shape == (2, 2, 32, 48) and batch.sounds.shape == (2, 3, 32, 88, 2)
