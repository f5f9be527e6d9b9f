# SPDX-License-Identifier: GPL-3.0-or-later
"""The released checkpoints of the paper's authors as a model folder of this project.

A released stage-2 checkpoint is a pickled dictionary: `state_dict` and `hyper_parameters` (an `argparse.Namespace`).
Its state holds one hand: the U-Net with refiner and HCAA under `model.`, the stage-1 predictor with its fine-tuned
HuBERT under `piano2posi.`, and the tables of the noise schedule. A stage-1 checkpoint holds the latter's keys without
the prefix. Nothing of a checkpoint is run: it is read with `weights_only=True`, tensors and that namespace only.

Every key is mapped, ignored for a reason that is said, or unknown; an unknown or a missing one stops the conversion.
So does a setting that says that these tensors compute something else (`training.stages.released_settings`).
"""

from __future__ import annotations

import argparse
import dataclasses
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from models.config import ModelConfig, ScheduleConfig
from models.diffusion.schedule import build_schedule
from models.networks.hubert import WEIGHT_NORM, build_hubert
from models.networks.stages import Networks
from training.stages.hubert_config import hubert_config
from training.stages.released_settings import Settings, SettingsError, check_settings, check_sizes

State = dict[str, Tensor]

HUBERT_PREFIX = "piano2posi.audio_encoder_cont."
_RESIDUAL = {
    "mlp.1": "film",
    "block1.proj": "block_1.conv",
    "block1.norm": "block_1.norm",
    "block2.proj": "block_2.conv",
    "block2.norm": "block_2.norm",
    "res_conv": "skip",
}
_ATTENTION = {
    "fn.norm.g": "norm_in.gain",
    "fn.fn.to_qkv.weight": "qkv.weight",
    "fn.fn.to_out.0.weight": "out.weight",
    "fn.fn.to_out.0.bias": "out.bias",
    "fn.fn.to_out.1.g": "norm_out.gain",
}
_WHOLE = {
    "model.cond_feature_map.": "streams.streams.{h}.lift.",
    "model.time_mlp.1.": "streams.streams.{h}.embedding.time.0.",
    "model.time_mlp.3.": "streams.streams.{h}.embedding.time.2.",
    "model.mid_attn.fn.norm.g": "streams.streams.{h}.unet.attention.norm.gain",
    "model.mid_attn.fn.fn.to_qkv.": "streams.streams.{h}.unet.attention.qkv.",
    "model.mid_attn.fn.fn.to_out.": "streams.streams.{h}.unet.attention.out.",
    "model.final_conv.": "streams.streams.{h}.unet.output.",
    "model.transformer_encoder.": "streams.refiners.nets.{h}.transformer.encoder.",
    "model.transformer_decoder.": "streams.refiners.nets.{h}.transformer.decoder.",
    "model.diff_attn.out_proj.": "streams.streams.{h}.interaction.out.",
    "model.diff_attn.subln.": "streams.streams.{h}.interaction.norm.",
    "model.diff_attn.mlp.": "streams.streams.{h}.interaction.mlp.",
    "model.diff_attn.lambda_q_left": "streams.streams.{h}.interaction.lambda_q1",
    "model.diff_attn.lambda_k_left": "streams.streams.{h}.interaction.lambda_k1",
    "model.diff_attn.lambda_q_right": "streams.streams.{h}.interaction.lambda_q2",
    "model.diff_attn.lambda_k_right": "streams.streams.{h}.interaction.lambda_k2",
    "piano2posi.audio_feature_map_cont.": "predictors.hands.nets.{h}.transformer.input.",
    "piano2posi.transformer_encoder.": "predictors.hands.nets.{h}.transformer.encoder.",
    "piano2posi.transformer_decoder.": "predictors.hands.nets.{h}.transformer.decoder.",
    "piano2posi.bs_map_r.": "predictors.hands.nets.{h}.head.",
}
_IGNORED = {
    r"model\.cross_attn\.": "another fusion, which HCAA does not use",
    r"piano2posi\.audio_encoder_cont\.lm_head\.": "a speech head that nothing uses",
    r"piano2posi\.pos_feature_map\.": "a layer that the released predictor does not use",
    r"(alphas_cumprod|sqrt_|log_one_minus|posterior_|loss_weight)": "follows from the betas",
}


class ConversionError(ValueError):
    """The checkpoint is not one that this conversion knows; the text says what is wrong."""


@dataclass
class Report:
    """What became of every key."""

    mapped: dict[str, str] = field(default_factory=dict)
    """Released key to ours; `hubert.left:` and `hubert.right:` stand before keys of the encoders' files."""
    ignored: dict[str, str] = field(default_factory=dict)
    """Released key to the reason."""


@dataclass(frozen=True)
class Converted:
    """A whole model."""

    config: ModelConfig
    state: State
    hubert: tuple[State, State]
    """Each hand's encoder; empty where the checkpoints hold none."""
    report: Report


class Checkpoint(NamedTuple):
    """What a released file holds."""

    state: State
    settings: Settings
    """`hyper_parameters`; empty where the file has none."""


def read_checkpoint(path: Path) -> Checkpoint:
    """Tensors and settings of a released checkpoint; raises `ConversionError` with a sentence for anything else."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ConversionError(
            f"{path.name} holds more than tensors and settings, and what else it holds could run as a program; "
            f"it was not opened ({str(error).splitlines()[0]})"
        ) from error
    except (OSError, RuntimeError, EOFError) as error:
        raise ConversionError(f"{path} cannot be read as a checkpoint: {error}") from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConversionError(f"{path.name} has no state_dict of tensors")
    settings = content.get("hyper_parameters") if "state_dict" in content else None
    if isinstance(settings, argparse.Namespace):
        settings = vars(settings)
    if not isinstance(settings, Mapping | None):
        raise ConversionError(
            f"{path.name} has hyper_parameters of an unknown kind, {type(settings).__name__}"
        )
    return Checkpoint(
        {name.removeprefix("module."): value for name, value in state.items()}, dict(settings or {})
    )


def check_hyper_parameters(
    checkpoints: Sequence[Checkpoint], stage: int, labels: Sequence[str], config: ModelConfig | None = None
) -> None:
    """The settings of both hands are those of a model that can be converted, their sizes those of `config`.

    Raises:
        ConversionError: names the setting.
    """
    for checkpoint, label in zip(checkpoints, labels, strict=True):
        try:
            check_settings(checkpoint.settings, stage, label)
            if config is not None:
                check_sizes(checkpoint.settings, stage, config, label)
        except SettingsError as error:
            raise ConversionError(str(error)) from error


def _target(name: str, hand: int) -> str | None:
    """Our name for a released one that is taken over as it is."""
    for prefix, ours in _WHOLE.items():
        if name.startswith(prefix):
            return ours.format(h=hand) + name[len(prefix) :]
    unet = f"streams.streams.{hand}.unet."
    match = re.fullmatch(r"model\.(mid_block1|mid_block2|final_res_block)\.(.+)\.(weight|bias)", name)
    if match and match[2] in _RESIDUAL:
        block = {"mid_block1": "middle_1", "mid_block2": "middle_2", "final_res_block": "final"}[match[1]]
        return f"{unet}{block}.{_RESIDUAL[match[2]]}.{match[3]}"
    match = re.fullmatch(r"model\.(down|up)s\.(\d+)\.([0-3])\.?(.*)", name)
    if match is None:
        return None
    way, level, part, rest = match.groups()
    if part in "01":
        inner, _, kind = rest.rpartition(".")
        return f"{unet}{way}_blocks.{level}.{part}.{_RESIDUAL[inner]}.{kind}" if inner in _RESIDUAL else None
    if part == "2":
        return f"{unet}{way}_attention.{level}.{_ATTENTION[rest]}" if rest in _ATTENTION else None
    return f"{unet}{way}sample.{level}.{rest}"


def _input_layer(weight: Tensor, condition: int) -> Tensor:
    """The released input is [condition, lifted noise, positions], ours [lifted noise, condition, positions]."""
    refined, lifted, positions = weight.split((condition, condition, weight.shape[1] - 2 * condition), 1)
    return torch.cat([lifted, refined, positions], 1)


def convert_hand(
    released: State, hand: int, config: ModelConfig, report: Report, label: str
) -> tuple[State, State]:
    """One hand's tensors under our names, and its HuBERT's; raises `ConversionError` for an unknown key."""
    state: State = {}
    hubert: State = {}
    side = ("left", "right")[hand]
    joined: dict[str, dict[str, Tensor]] = {"left": {}, "right": {}}
    unknown = []
    for name, value in released.items():
        reason = next((why for pattern, why in _IGNORED.items() if re.match(pattern, name)), None)
        match = re.fullmatch(r"model\.diff_attn\.([qkv])_proj_(left|right)\.weight", name)
        if reason is not None:
            report.ignored[f"{label}:{name}"] = reason
        elif name == "betas":
            _check_betas(value, config.schedule)
            report.ignored[f"{label}:{name}"] = "equal to the schedule of the configuration"
        elif match:
            joined[match[2]][match[1]] = value
            own = {"left": "own", "right": "other"}[match[2]]
            report.mapped[f"{label}:{name}"] = f"streams.streams.{hand}.interaction.{own}.weight [{match[1]}]"
        elif name.startswith(HUBERT_PREFIX):
            inner = name.removeprefix(HUBERT_PREFIX)
            stem, _, last = inner.rpartition(".")
            inner = f"{stem}.{WEIGHT_NORM[last]}" if last in WEIGHT_NORM else inner
            hubert[inner] = value
            report.mapped[f"{label}:{name}"] = f"hubert.{side}:{inner}"
        elif name in ("model.init_conv.weight", "model.init_conv.bias"):
            ours = f"streams.streams.{hand}.unet.input.{name.rpartition('.')[2]}"
            state[ours] = (
                _input_layer(value, config.refiner.width) if name.endswith("weight") else value
            ).contiguous()
            report.mapped[f"{label}:{name}"] = ours
        elif (target := _target(name, hand)) is not None:
            state[target] = value
            report.mapped[f"{label}:{name}"] = target
        else:
            unknown.append(name)
    if unknown:
        raise ConversionError(f"{label} has {len(unknown)} keys that nobody knows, first {unknown[0]!r}")
    for released_side, ours in (("left", "own"), ("right", "other")):
        if set(joined[released_side]) == set("qkv"):
            parts = [joined[released_side][kind] for kind in "qkv"]
            state[f"streams.streams.{hand}.interaction.{ours}.weight"] = torch.cat(parts)
    return state, hubert


def _check_betas(betas: Tensor, schedule: ScheduleConfig) -> None:
    ours = torch.from_numpy(build_schedule(schedule).beta[1:]).float()
    if betas.shape != ours.shape or not torch.allclose(betas.float(), ours, atol=1e-6):
        raise ConversionError(
            f"the checkpoint's noise schedule ({len(betas)} steps) is not the {schedule.kind} one of {schedule.steps}"
        )


def config_of(released: State, base: ModelConfig) -> ModelConfig:
    """`base` with the sizes that a released stage-2 state has; raises `ConversionError` where one cannot be read."""

    def layers(prefix: str) -> int:
        found = {
            int(m[1]) for name in released if (m := re.match(re.escape(prefix) + r"\.layers\.(\d+)\.", name))
        }
        return len(found)

    try:
        condition = released["model.cond_feature_map.weight"].shape[0]
        levels = len({name.split(".")[2] for name in released if name.startswith("model.downs.")})
        widths = tuple(released[f"model.downs.{i}.3.weight"].shape[0] for i in range(levels))
        predictor = released["piano2posi.audio_feature_map_cont.weight"]
        encoder = dataclasses.replace(base.encoder, feature_dim=predictor.shape[1])
        steps = len(released["betas"])
        sizes = [
            released[f"{prefix}.transformer_encoder.layers.0.linear1.weight"].shape[0]
            for prefix in ("model", "piano2posi")
        ]
    except (KeyError, IndexError) as error:
        raise ConversionError(f"not a released stage-2 checkpoint with HCAA: it lacks {error}") from error
    refiner = dataclasses.replace(
        base.refiner,
        width=condition,
        feedforward=sizes[0],
        encoder_layers=layers("model.transformer_encoder"),
        decoder_layers=layers("model.transformer_decoder"),
    )
    return dataclasses.replace(
        base,
        encoder=encoder,
        refiner=refiner,
        predictor=dataclasses.replace(
            base.predictor,
            width=predictor.shape[0],
            feedforward=sizes[1],
            encoder_layers=layers("piano2posi.transformer_encoder"),
            decoder_layers=layers("piano2posi.transformer_decoder"),
        ),
        unet=dataclasses.replace(
            base.unet,
            widths=widths,
            noise_embedding=condition,
            time_width=released["model.time_mlp.3.weight"].shape[0],
        ),
        schedule=dataclasses.replace(base.schedule, steps=steps),
        sampling_steps=min(base.sampling_steps, steps),
    )


def convert(stage2: tuple[State, State], stage1: tuple[State, State] | None, base: ModelConfig) -> Converted:
    """Left and right hand's states to a model; `stage1`, where given, takes the place of the predictors in `stage2`.

    Raises:
        ConversionError: for a key that is unknown or missing, or a tensor of another shape than the configuration's.
    """
    config = config_of(stage2[0], base)
    report = Report()
    state: State = {}
    encoders: list[State] = []
    for hand, released in enumerate(stage2):
        side = ("left", "right")[hand]
        parts = {f"stage 2 {side}": dict(released)}
        if stage1 is not None:
            drop = [name for name in released if name.startswith("piano2posi.")]
            for name in drop:
                del parts[f"stage 2 {side}"][name]
                report.ignored[f"stage 2 {side}:{name}"] = (
                    "the stage-1 checkpoint that was given takes its place"
                )
            parts[f"stage 1 {side}"] = {f"piano2posi.{name}": value for name, value in stage1[hand].items()}
        encoder: State = {}
        for label, part in parts.items():
            ours, hubert = convert_hand(part, hand, config, report, label)
            state.update(ours)
            encoder.update(hubert)
        encoders.append(encoder)
    config = _with_encoders(config, encoders)
    _check_complete(state, config)
    return Converted(config, state, (encoders[0], encoders[1]), report)


def _with_encoders(config: ModelConfig, encoders: list[State]) -> ModelConfig:
    """`config` listening with the two HuBERTs; without any, features come from the caller."""
    if not any(encoders):
        encoder = dataclasses.replace(config.encoder, kind="features", source="", per_hand=False)
    else:
        for side, state in zip(("left", "right"), encoders):
            _check_encoder(state, side)
        encoder = dataclasses.replace(config.encoder, kind="hubert", source="", per_hand=True)
    return dataclasses.replace(config, encoder=encoder)


def _check_encoder(state: State, side: str) -> None:
    try:
        with torch.device("meta"):
            wanted = {k: v.shape for k, v in build_hubert(hubert_config(state)).state_dict().items()}
    except (KeyError, IndexError) as error:
        raise ConversionError(
            f"the {side} hand's HuBERT is missing or incomplete: it lacks {error}"
        ) from error
    differing = sorted(set(wanted) ^ set(state)) or sorted(k for k in wanted if wanted[k] != state[k].shape)
    if differing:
        raise ConversionError(
            f"the {side} hand's HuBERT differs from the published one in {len(differing)} tensors, "
            f"first {differing[0]!r}"
        )


def _check_complete(state: State, config: ModelConfig) -> None:
    with torch.device("meta"):
        wanted = {name: value.shape for name, value in Networks(config).state_dict().items()}
    missing = sorted(set(wanted) - set(state))
    if missing:
        raise ConversionError(f"{len(missing)} tensors are missing, first {missing[0]!r}")
    extra = sorted(set(state) - set(wanted))
    if extra:
        raise ConversionError(f"{len(extra)} tensors have no place in the model, first {extra[0]!r}")
    for name, shape in wanted.items():
        if state[name].shape != shape:
            raise ConversionError(f"{name} is {tuple(state[name].shape)}; the model wants {tuple(shape)}")
