# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the networks are told about a window of music, worked out alike for training and sampling.

Functions take numpy arrays or torch tensors and return the same kind.

Axes: B batch, H = 2 hands, T frames of the window, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace

from models.body.rotations import Array
from models.conditioning.finger_features import anchor_x, plan_features
from models.conditioning.hand_space import (
    Normalizer,
    centred_rolls,
    note_features,
    plan_in_hand_space,
    seen_from_other,
)


@dataclass(frozen=True)
class EncodedInput:
    """A window of music, in the space of each hand."""

    features: Array
    """[B, 2, T, feature_width] f_a: the rolls, then the finger plan as seen from the anchor."""
    anchor: Array | None
    """[B, 2, T, 3] normalised position that the predictors correct; None without a finger plan."""
    plan: Array | None
    """[B, 2, T, 5, PLAN_CHANNELS] in hand-space X."""


def encode_input(sounds: Array, plan: Array | None, normalizer: Normalizer) -> EncodedInput:
    """Features of rolls [B, 3, T, 88, 2] and, where the model reads one, of a finger plan [B, 2, T, 5, 8]."""
    config = normalizer.config
    features = note_features(sounds, shared_hands=config.shared_hands)
    if not config.encoder.finger_plan:
        return EncodedInput(features, None, None)
    if plan is None:
        raise ValueError("this model reads a finger plan; give one")
    plan = plan_in_hand_space(plan, shared_hands=config.shared_hands)
    place = anchor_x(plan, normalizer.finger_reach, float(normalizer.position_mean[0]))
    xp = array_namespace(place)
    x = (place - normalizer.position_mean[0]) / normalizer.position_std[0]
    anchor = xp.stack([x, xp.zeros_like(x), xp.zeros_like(x)], axis=-1)
    return EncodedInput(xp.concat([features, plan_features(plan, place)], axis=-1), anchor, plan)


def predict_positions(
    predictors: Callable[[Array, Array], Array], heard: EncodedInput, style: Array
) -> Array:
    """P = Phi_A2P(f_a), normalised positions [B, 2, T, 3]; with a finger plan a correction of its anchor.

    predictors: `models.networks.position_predictor.PositionPredictors`. style: [B, 2, S] what is told of each hand's
    player.
    """
    predicted = predictors(heard.features, style)
    xp = array_namespace(predicted)
    predicted = xp.astype(predicted, xp.float32)
    return predicted if heard.anchor is None else predicted + heard.anchor


def build_condition(streams: Any, heard: EncodedInput, positions: Array, normalizer: Normalizer) -> Array:
    """c of Algorithm 1, line 7, for predicted positions [B, 2, T, 3]: [B, 2, T, condition_dim].

    streams: `models.networks.dual_stream.DualStream`, or what has its `condition`.
    """
    config = normalizer.config
    metres = normalizer.metres(positions)
    other = normalizer.positions(seen_from_other(metres, shared_hands=config.shared_hands))
    rolls = heard.features[..., : config.encoder.feature_dim]
    near = [centred_rolls(rolls, metres[..., 0], config)]
    if heard.plan is not None:
        near.append(plan_features(heard.plan, metres[..., 0]))
    there = [part for part in near if part is not None]
    centred = array_namespace(positions).concat(there, axis=-1) if there else None
    return streams.condition(heard.features, positions, other, centred)
