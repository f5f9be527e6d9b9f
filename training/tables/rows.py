# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the paper's tables 1 and 2 as configurations."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from models.config import ModelConfig

PRESETS = Path(__file__).parent / "presets"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One system of a table; the defaults are the whole method."""

    key: str
    label: str
    system: str = "dual_stream"
    decoupled_noise: bool = True
    position_sharing: bool = True
    interaction: str = "hcaa"

    def config(self, base: ModelConfig) -> ModelConfig:
        """`base` with this row's switches."""
        return dataclasses.replace(
            base,
            decoupled_noise=self.decoupled_noise,
            position_sharing=self.position_sharing,
            interaction=dataclasses.replace(base.interaction, kind=self.interaction),
        )


FULL = Row(key="full", label="S2C (DN, PS, HCAA)")
TABLES: dict[int, tuple[Row, ...]] = {
    1: (
        Row(key="regression", label="Direct regression (EmoTalk's way)", system="regression"),
        Row(key="mlp", label="MLP diffusion (LivelySpeaker's way)", system="mlp"),
        Row(
            key="single_stream",
            label="One U-Net for both hands (PianoMotion10M's way)",
            system="single_stream",
        ),
        FULL,
    ),
    2: (
        Row(key="shared_noise", label="no DN, PS, HCAA", decoupled_noise=False),
        Row(key="own_position", label="DN, no PS, none", position_sharing=False, interaction="none"),
        Row(key="no_interaction", label="DN, PS, none", interaction="none"),
        Row(key="concat", label="DN, PS, concatenation", interaction="concat"),
        Row(key="cross_attention", label="DN, PS, cross-attention", interaction="cross_attention"),
        FULL,
    ),
}


def preset_names() -> list[str]:
    """Configurations made for these tables."""
    return sorted(path.stem for path in PRESETS.glob("*.json"))


def base_config(preset: str) -> ModelConfig:
    """A preset's configuration, or that of a `config.json`; `ValueError` for neither."""
    path = PRESETS / f"{preset}.json" if preset in preset_names() else Path(preset)
    if not path.is_file():
        raise ValueError(f"{preset!r} is neither a file nor one of {', '.join(preset_names())}")
    config = ModelConfig.from_json(json.dumps(json.loads(path.read_text(encoding="utf-8"))))
    if config.known_frames or config.shared_hands:
        raise ValueError("the tables need known_frames and shared_hands to be false: the paper has neither")
    return config
