# SPDX-License-Identifier: GPL-3.0-or-later
"""What a released checkpoint says of itself (`hyper_parameters`), compared with the model that conversion builds.

The settings are those of the released training scripts' command lines, stage 1 and stage 2. Each is compared, known not
to change what the network computes, or unknown; one that differs and one that is unknown stop the conversion. One that
is not there has the released scripts' value: some of them are younger than others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from models.config import JOINT_CHANNELS, WRIST_CHANNELS, ModelConfig

Settings = Mapping[str, Any]

_SCALARS = (bool, int, float, str, type(None))
_LONGEST = 40
_BOTH_HANDS = 2
_LAST_LAYER = "tanh"
_STAGE_1 = {
    "bs_dim": _BOTH_HANDS * WRIST_CHANNELS,
    "encoder_type": "transformer",
    "latest_layer": _LAST_LAYER,
    "period": 30,
    "fps": 30,
}
_STAGE_2 = {
    "obj": "pred_v",
    "bs_dim": _BOTH_HANDS * JOINT_CHANNELS,
    "encoder_type": "transformer",
    "latest_layer": _LAST_LAYER,
    "fusion": 4,
    "hidden_type": "audio_f",
    "xyz_guide": True,
    "remap_noise": True,
    "fps": 30,
}
_OF_TRAINING = frozenset(
    # What was learned from and how, where things lie on the disk.
    "adjust batch_size begin_note check_val_every_n_iteration classes_num continue_train data_root experiment_name "
    "gpu0_bs is_random iterations logdir loss_mode lr piano2posi_path preload return_beta save_every_n_iteration tiny "
    "up_list use_midiguide valid_batch_size weight_rec weight_vel "
    # The longest sound that masks were made for; it cuts nothing that fits.
    "max_seq_len".split()
)
_UNUSED_IN_STAGE_2 = frozenset({"period", "feature_dim"})


class SettingsError(ValueError):
    """A setting with another value, or one that nobody knows; the text names it."""


def check_settings(settings: Settings, stage: int, label: str) -> None:
    """Compare what every converted model has in common, before a tensor is looked at; raises `SettingsError`."""
    common = _STAGE_1 if stage == 1 else _STAGE_2
    sizes = _sizes(None, stage)
    unused = _OF_TRAINING | (frozenset() if stage == 1 else _UNUSED_IN_STAGE_2)
    for name, value in settings.items():
        if name in common:
            _compare(label, name, value, common[name])
        elif name == "wav2vec_path" and stage == 1:
            if not (isinstance(value, str) and "hubert" in value.lower()):
                raise SettingsError(f"{label} has {_said(name, value)}; only a HuBERT can be converted")
        elif name not in sizes and name not in unused:
            raise SettingsError(f"{label} has {_said(name, value)}, a setting that nobody knows")


def check_sizes(settings: Settings, stage: int, config: ModelConfig, label: str) -> None:
    """Compare what the tensors said with what the settings say; raises `SettingsError`."""
    for name, wanted in _sizes(config, stage).items():
        if name in settings:
            _compare(label, name, settings[name], wanted)


def _sizes(config: ModelConfig | None, stage: int) -> dict[str, float]:
    """Settings that follow from the configuration, of which only the names count without one."""
    config = config or ModelConfig()
    seconds = config.window_frames / config.fps
    if stage == 1:
        width, layers = config.predictor.width, config.predictor.encoder_layers
        return {"feature_dim": width, "num_layer": layers, "train_sec": seconds}
    steps, width = config.schedule.steps, config.unet.widths[0]
    layers = config.refiner.encoder_layers
    return {"timesteps": steps, "unet_dim": width, "num_layer": layers, "train_sec": seconds}


def _compare(label: str, name: str, value: Any, wanted: Any) -> None:
    same = (
        isinstance(value, _SCALARS)
        and value == wanted
        and isinstance(value, bool) == isinstance(wanted, bool)
    )
    if not same:
        raise SettingsError(f"{label} has {_said(name, value)}; only {wanted!r} can be converted")


def _said(name: str, value: Any) -> str:
    text = repr(value) if isinstance(value, _SCALARS) else f"a {type(value).__name__}"
    return f"{_short(str(name))} = {_short(text)}"


def _short(text: str) -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return printable if len(printable) <= _LONGEST else printable[:_LONGEST] + "..."
