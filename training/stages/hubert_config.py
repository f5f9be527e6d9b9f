# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of a HuBERT from the shapes of its weights."""

from __future__ import annotations

from typing import Any

from torch import Tensor

HEAD_WIDTH = 64
"""Channels of an attention head in every published HuBERT."""


def hubert_config(state: dict[str, Tensor]) -> dict[str, Any]:
    """`config.json` as transformers' `HubertConfig` reads it.

    Large models normalise every convolution by layer and their transformer before it computes; base models normalise
    the first convolution by group and their transformer after. What shapes do not tell (dropout, masking) is zero:
    these weights are for listening.
    """
    hidden = state["feature_projection.projection.weight"].shape[0]
    convolutions: list[tuple[int, ...]] = []
    while (name := f"feature_extractor.conv_layers.{len(convolutions)}.conv.weight") in state:
        convolutions.append(tuple(state[name].shape))
    layers = 0
    while f"encoder.layers.{layers}.attention.q_proj.weight" in state:
        layers += 1
    by_layer = "feature_extractor.conv_layers.1.layer_norm.weight" in state
    position = state["encoder.pos_conv_embed.conv.parametrizations.weight.original1"]
    strides = [5] + [2] * (len(convolutions) - 1)
    return {
        "model_type": "hubert",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": max(hidden // HEAD_WIDTH, 1),
        "intermediate_size": state["encoder.layers.0.feed_forward.intermediate_dense.weight"].shape[0],
        "conv_dim": [shape[0] for shape in convolutions],
        "conv_kernel": [shape[2] for shape in convolutions],
        "conv_stride": strides,
        "conv_bias": "feature_extractor.conv_layers.0.conv.bias" in state,
        "feat_extract_norm": "layer" if by_layer else "group",
        "do_stable_layer_norm": by_layer,
        "feat_proj_layer_norm": "feature_projection.layer_norm.weight" in state,
        "num_conv_pos_embeddings": position.shape[2],
        "num_conv_pos_embedding_groups": hidden // position.shape[1],
        "apply_spec_augment": False,
        "attention_dropout": 0.0,
        "hidden_dropout": 0.0,
        "activation_dropout": 0.0,
        "feat_proj_dropout": 0.0,
        "layerdrop": 0.0,
    }
