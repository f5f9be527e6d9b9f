# SPDX-License-Identifier: GPL-3.0-or-later
"""What is taken from the configuration of a HuBERT that lies in somebody's folder: shapes and rates, each in its range.

Everything else in such a file is left out. Some of it would make the library fetch or run other people's code.
"""

from __future__ import annotations

from typing import Any

from models.checks import BadValue, shown

WHOLE = {
    "hidden_size": (1, 8192),
    "intermediate_size": (1, 32768),
    "num_hidden_layers": (1, 100),
    "num_attention_heads": (1, 64),
    "num_conv_pos_embeddings": (1, 1024),
    "num_conv_pos_embedding_groups": (1, 1024),
    "num_feat_extract_layers": (1, 16),
    "vocab_size": (1, 100_000),
    "mask_time_length": (1, 1000),
    "mask_time_min_masks": (0, 1000),
    "mask_feature_length": (1, 1000),
    "mask_feature_min_masks": (0, 1000),
}
SHARES = (
    "activation_dropout",
    "attention_dropout",
    "feat_proj_dropout",
    "final_dropout",
    "hidden_dropout",
    "layerdrop",
    "layer_norm_eps",
    "initializer_range",
    "mask_time_prob",
    "mask_feature_prob",
)
"""Numbers from 0 to 1."""
FLAGS = (
    "apply_spec_augment",
    "conv_bias",
    "conv_pos_batch_norm",
    "do_stable_layer_norm",
    "feat_proj_layer_norm",
)
LISTS = {"conv_dim": (1, 4096), "conv_kernel": (1, 64), "conv_stride": (1, 64)}
MOST_LAYERS = 16
CHOICES = {
    "feat_extract_norm": ("group", "layer"),
    "feat_extract_activation": ("gelu", "gelu_new", "relu"),
    "hidden_act": ("gelu", "gelu_new", "relu"),
}


def checked(config: Any) -> dict[str, Any]:
    """The known part of a configuration; raises `BadValue` that names what cannot be."""
    if not isinstance(config, dict):
        raise BadValue("the sound encoder's configuration must be a JSON object")
    for name, value in config.items():
        if name in WHOLE and not _whole(value, *WHOLE[name]):
            raise _wrong(name, value, f"a whole number from {WHOLE[name][0]} to {WHOLE[name][1]}")
        if name in SHARES and not (type(value) in (int, float) and 0 <= value <= 1):
            raise _wrong(name, value, "a number from 0 to 1")
        if name in FLAGS and type(value) is not bool:
            raise _wrong(name, value, "true or false")
        if name in CHOICES and value not in CHOICES[name]:
            raise _wrong(name, value, f"one of {', '.join(CHOICES[name])}")
        if name in LISTS:
            fits = isinstance(value, list) and 1 <= len(value) <= MOST_LAYERS
            if not fits or not all(_whole(item, *LISTS[name]) for item in value):
                raise _wrong(name, value, f"1 to {MOST_LAYERS} whole numbers up to {LISTS[name][1]}")
    known = {*WHOLE, *SHARES, *FLAGS, *LISTS, *CHOICES}
    return {name: value for name, value in config.items() if name in known}


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _wrong(name: str, value: Any, wanted: str) -> BadValue:
    return BadValue(f"{name} is {shown(value)}; it must be {wanted}")
