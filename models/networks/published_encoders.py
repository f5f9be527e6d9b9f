# SPDX-License-Identifier: GPL-3.0-or-later
"""The sound encoders that may be downloaded: for each the exact version on the Hugging Face hub and its hash.

Who changes a file there, or stands in between, changes nothing here: other bytes are thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True)
class Published:
    """One version of one encoder."""

    revision: str
    """The commit on the hub."""
    sha256: str
    """Of its `model.safetensors`."""
    config: Mapping[str, Any]
    """What its `config.json` says of the architecture; kept here, so that only weights are downloaded."""


PUBLISHED: Mapping[str, Published] = MappingProxyType(
    {
        "facebook/hubert-large-ls960-ft": Published(
            # The safetensors of it: a commit whose parent is the authors' last one, ece5fabb, with the same tensors.
            revision="ba42e7f7a888fd65f7af7849c452e3e7d5216aad",
            sha256="1fefcd85b08c83451afd1df872bc11b92333dc4b5393506def29a20baa69c4ed",
            config=MappingProxyType(
                {
                    "model_type": "hubert",
                    "vocab_size": 32,
                    "hidden_size": 1024,
                    "num_hidden_layers": 24,
                    "num_attention_heads": 16,
                    "intermediate_size": 4096,
                    "hidden_act": "gelu",
                    "layer_norm_eps": 1e-5,
                    "initializer_range": 0.02,
                    "conv_dim": [512] * 7,
                    "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
                    "conv_stride": [5, 2, 2, 2, 2, 2, 2],
                    "conv_bias": True,
                    "feat_extract_norm": "layer",
                    "feat_extract_activation": "gelu",
                    "feat_proj_layer_norm": True,
                    "do_stable_layer_norm": True,
                    "num_conv_pos_embeddings": 128,
                    "num_conv_pos_embedding_groups": 16,
                    "activation_dropout": 0.1,
                    "attention_dropout": 0.1,
                    "feat_proj_dropout": 0.1,
                    "final_dropout": 0.1,
                    "hidden_dropout": 0.1,
                    "layerdrop": 0.1,
                    "apply_spec_augment": True,
                    "mask_time_prob": 0.05,
                    "mask_time_length": 10,
                }
            ),
        )
    }
)
