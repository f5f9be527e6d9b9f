# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations: round trip, strictness, ranges."""

import dataclasses
import json

import pytest

from models.config import (
    InteractionConfig,
    ModelConfig,
    ScheduleConfig,
    Statistics,
    TransformerConfig,
    UNetConfig,
)
from models.model_folder import PRESETS_FOLDER


def test_json_round_trip_keeps_every_value():
    config = ModelConfig(
        name="x",
        unet=UNetConfig(widths=(8, 16), groups=4),
        schedule=ScheduleConfig(kind="linear", steps=50),
        sampling_steps=5,
        statistics=Statistics(position_std=(0.1, 0.2, 0.3)),
        wrist_residual=False,
    )
    assert ModelConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"surprise": 1}, "surprise"),
        ({"unet": {"depth": 3}}, "unet.depth"),
        ({"style_dim": "four"}, "style_dim"),
        ({"wrist_residual": 1}, "wrist_residual"),
        ({"format_version": 99}, "format_version"),
        ({"unet": {"widths": 3}}, "unet.widths"),
    ],
)
def test_json_that_does_not_fit_is_refused_by_name(change, name):
    data = json.loads(ModelConfig().to_json()) | change
    with pytest.raises(ValueError, match=name):
        ModelConfig.from_json(json.dumps(data))


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: TransformerConfig(width=10, heads=3), "transformer.width 10"),
        (lambda: TransformerConfig(input_kernel=4), "transformer.input_kernel"),
        (lambda: UNetConfig(widths=(8, 12), groups=8), "unet.widths"),
        (lambda: UNetConfig(widths=(8,)), "unet.widths"),
        (lambda: InteractionConfig(kind="telepathy"), "interaction.kind"),
        (lambda: ScheduleConfig(beta_end=2.0), "schedule.beta_end"),
        (lambda: Statistics(position_std=(1.0, 0.0, 1.0)), "statistics.position_std"),
        (lambda: ModelConfig(window_frames=241), "window_frames 241"),
        (lambda: ModelConfig(name="../x"), "name is"),
        (lambda: ModelConfig(sampling_steps=1001), "model.sampling_steps"),
    ],
)
def test_values_out_of_range_are_refused(build, name):
    with pytest.raises(ValueError, match=name):
        build()


def test_condition_and_channel_widths_follow_the_switches():
    config = ModelConfig()
    assert config.channels == 51
    assert dataclasses.replace(config, wrist_residual=False).channels == 48
    assert config.condition_dim - dataclasses.replace(config, position_sharing=False).condition_dim == 3


def test_every_preset_in_the_package_has_a_valid_configuration():
    folders = sorted(path.parent for path in PRESETS_FOLDER.glob("*/config.json"))
    assert "paper" in [folder.name for folder in folders]
    for folder in folders:
        assert ModelConfig.load(folder / "config.json").name == folder.name
