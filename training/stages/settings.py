# SPDX-License-Identifier: GPL-3.0-or-later
"""How to train: checked values, and the named presets in `training/presets/`.

A preset is a JSON object with `stage1` and `stage2`, each some fields of `TrainSettings`; what it leaves out keeps the
default. `default` trains the model that ships; `paper` and `official` are what section 4 of the paper and the
authors' released code do, which neither clip nor average nor change the rate.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.checks import check_choices, check_ranges

PRESETS = Path(__file__).parents[1] / "presets"
CHOICES = {
    "optimizer": ("adamw", "adam"),
    "schedule": ("cosine", "constant"),
    "precision": ("float32", "bfloat16", "float16"),
    "v_weight": ("none", "alpha_bar"),
    "statistics": ("measured", "config"),
}


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """How to train; saved beside the checkpoint."""

    seed: int = 0
    steps: int = 0
    """Stop after so many steps; 0 means that `minutes` decides."""
    minutes: float = 0.0
    """Stop after so many minutes of training, those before a resume included."""
    batch_size: int = 16
    """Windows in a step, over all processes and accumulated parts."""
    accumulate: int = 1
    """Parts that a process works off one after another before a step, each with its gradients added up."""
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    """Learning rate: half a cosine down to `final_rate`, or `constant`; both after the warm-up."""
    final_rate: float = 0.02
    """Share of the learning rate that is left at the end of the cosine."""
    warmup_steps: int = 100
    beta2: float = 0.99
    """Decay of the optimiser's squared gradients."""
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    """Bound of the gradient's norm; 0 does not clip."""
    average_limit: float = 0.9995
    """Upper bound of the averaged weights' decay, which is (1 + s) / (10 + s) at step s: the last tenth of a run. 0
    does not average."""
    precision: str = "float32"
    """`bfloat16` runs the networks in autocast; faster where the processor has the instructions (measure). `float16`
    does so with a scaled loss, on CUDA only."""
    validate_steps: int = 0
    """Measure the held-out loss every so many steps; 0: at the end only."""
    statistics: str = "measured"
    """Stage 1 measures mean and spread of motion and positions, or takes those of the model's `config`."""
    hint_dropout: float = 0.0
    """Share of the windows whose rolls do not say which hand plays a note (models without a finger plan)."""
    position_speed_weight: float = 1.0
    """Stage 1: weight of the L1 of the positions' differences from frame to frame."""
    mask_speed: bool = True
    """Stage 1: count those differences only between frames in which the hand was seen; the released code counts all."""
    v_weight: str = "none"
    """Stage 2: `alpha_bar` weighs the squared error of v by alpha-bar of its timestep, snr / (snr + 1), as the released
    code does; `none` is eq. 5."""
    same_time: bool = False
    """Stage 2: both hands of a window always have the same timestep."""
    fingertip_weight: float = 0.5
    """Stage 2: weight of the fingertips' distance (squared, in centimetres); 0 leaves the loss of eq. 5 alone."""
    playing_weight: float = 4.0
    """Stage 2: how many times a finger that holds a key weighs in that distance (with a finger plan)."""
    speed_weight: float = 0.1
    """Stage 2: weight of the fingertips' change from frame to frame (squared, in half centimetres)."""
    log_seconds: float = 20.0
    save_seconds: float = 120.0

    def __post_init__(self) -> None:
        if (self.steps > 0) == (self.minutes > 0):
            raise ValueError(
                f"give either steps or minutes, not steps={self.steps} and minutes={self.minutes}"
            )
        check_ranges(
            self,
            batch_size=(1, 65536),
            accumulate=(1, 4096),
            learning_rate=(1e-8, 1.0),
            final_rate=(0.0, 1.0),
            warmup_steps=(0, 10**6),
            beta2=(0.5, 1.0),
            weight_decay=(0.0, 1.0),
            clip_norm=(0.0, 1e6),
            average_limit=(0.0, 1.0),
            validate_steps=(0, 10**9),
            hint_dropout=(0.0, 1.0),
            position_speed_weight=(0.0, 1e3),
            fingertip_weight=(0.0, 1e3),
            playing_weight=(1.0, 1e3),
            speed_weight=(0.0, 1e3),
        )
        check_choices(self, **CHOICES)
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of accumulate {self.accumulate}"
            )


def preset_names() -> list[str]:
    """The named presets."""
    return sorted(path.stem for path in PRESETS.glob("*.json"))


def preset_values(name: str, stage: int) -> dict[str, Any]:
    """The fields of `TrainSettings` that a preset fixes for a stage; `ValueError` for an unknown name or field."""
    if name not in preset_names():
        raise ValueError(f"there is no training preset {name!r}; there are {', '.join(preset_names())}")
    values = json.loads((PRESETS / f"{name}.json").read_text(encoding="utf-8"))[f"stage{stage}"]
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(TrainSettings)})
    if unknown:
        raise ValueError(f"the training preset {name} has an unknown setting {unknown[0]}")
    return values


def resolve(preset: str, stage: int, changes: dict[str, Any]) -> TrainSettings:
    """A preset with single values changed; steps given replace a preset's minutes and the other way round."""
    values = preset_values(preset, stage)
    if changes.keys() & {"steps", "minutes"}:
        values = {name: value for name, value in values.items() if name not in ("steps", "minutes")}
    return TrainSettings(**{**values, **changes})


def parse_change(text: str) -> tuple[str, Any]:
    """`NAME=VALUE` as a setting of the right type; `ValueError` with a sentence."""
    name, found, value = text.partition("=")
    fields = {field.name: type(field.default) for field in dataclasses.fields(TrainSettings)}
    if not found or name not in fields:
        raise ValueError(f"{text!r} is no setting; NAME=VALUE with one of {', '.join(fields)}")
    kind: Any = fields[name]
    if kind is bool:
        if value not in ("true", "false"):
            raise ValueError(f"{name} is true or false, not {value!r}")
        return name, value == "true"
    try:
        return name, kind(value)
    except ValueError as error:
        raise ValueError(f"{name} must be a {kind.__name__}, not {value!r}") from error
