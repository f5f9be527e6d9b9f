# SPDX-License-Identifier: GPL-3.0-or-later
"""From piano space to what the networks see, and back.

Canonical space of a hand: with `shared_hands` the left hand is reflected about D4 into a right hand (pitch p
-> 124 - p, wrist x -> 2 x_D - x, Euler (x, y, z) -> (x, -y, -z)), so that one set of weights serves both;
without it both hands stay as they are. Then mean and spread of `Statistics` are taken out.

Axes: B batch, H = 2 hands, T frames, K = 93 keys of hand space (pitches 16 to 108), C motion channels (48 Euler
angles, then with `wrist_residual` the wrist's offset from the predicted position).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from models.body import keyboard
from models.conditioning.finger_features import X_NEXT, X_NOW
from models.config import HAND_SPACE_KEYS, NOTE_FEATURES, ModelConfig

LOWEST_CANONICAL_PITCH = 16
REFLECTION_X = float(keyboard.key_x(keyboard.MIRROR_PITCH_SUM // 2))
"""Metres: the middle of D4."""
_EULER_SIGNS = (1.0, -1.0, -1.0)
_PLAN_X = [X_NOW, X_NEXT]


def note_features(sounds: Tensor, *, shared_hands: bool) -> Tensor:
    """What each hand sees of the notes.

    sounds: [B, 3, T, 88, 2], the rolls of all notes, of the left hand's and of the right hand's known notes.
    Returns [B, 2, T, 93 * 3]: for each key of hand space onset, sustain, and own minus other hand's known
    sustain.
    """
    everything, left, right = sounds.unbind(1)
    hint = (right - left)[..., 1:]
    views = []
    for hand, sign in ((0, -1.0), (1, 1.0)):
        view = torch.nn.functional.pad(
            torch.cat([everything, sign * hint], -1),
            (0, 0, keyboard.LOWEST_PITCH - LOWEST_CANONICAL_PITCH, 0),
        )
        views.append(view.flip(-2) if shared_hands and hand == 0 else view)
    return torch.stack(views, 1).flatten(-2)


def mirror_wrist(wrist: Tensor) -> Tensor:
    """Reflect wrists [..., 3] about D4."""
    return wrist * wrist.new_tensor([-1.0, 1.0, 1.0]) + wrist.new_tensor([2 * REFLECTION_X, 0.0, 0.0])


def canonical_wrist(wrist: Tensor, *, shared_hands: bool) -> Tensor:
    """Wrists [B, 2, T, 3] in metres, each in its own hand's space; the same function leads back."""
    if not shared_hands:
        return wrist
    return torch.stack([mirror_wrist(wrist[:, 0]), wrist[:, 1]], 1)


def canonical_euler(euler: Tensor, *, shared_hands: bool) -> Tensor:
    """Euler angles [B, 2, T, 48], each in its own hand's space; the same function leads back."""
    if not shared_hands:
        return euler
    return torch.stack([euler[:, 0] * euler.new_tensor(_EULER_SIGNS * 16), euler[:, 1]], 1)


def plan_in_hand_space(plan: Tensor, *, shared_hands: bool) -> Tensor:
    """Finger plans [B, 2, T, 5, PLAN_CHANNELS], each in its own hand's space; the same function leads back."""
    if not shared_hands:
        return plan
    left = plan[:, 0].clone()
    left[..., _PLAN_X] = 2 * REFLECTION_X - left[..., _PLAN_X]
    return torch.stack([left, plan[:, 1]], 1)


def seen_from_other(wrist: Tensor, *, shared_hands: bool) -> Tensor:
    """The other hand's wrist [B, 2, T, 3] metres as each hand sees it in its own space."""
    other = wrist.flip(1)
    return mirror_wrist(other) if shared_hands else other


class Normalizer:
    """Mean and spread of `config.statistics` as tensors of one device."""

    def __init__(self, config: ModelConfig, device: torch.device | str = "cpu") -> None:
        self.config = config
        statistics = config.statistics

        def tensor(values: tuple[float, ...]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device)

        self.euler_mean, self.euler_std = tensor(statistics.euler_mean), tensor(statistics.euler_std)
        self.position_mean, self.position_std = (
            tensor(statistics.position_mean),
            tensor(statistics.position_std),
        )
        self.residual_std = tensor(statistics.residual_std)
        self.finger_reach = tensor(statistics.finger_reach)

    def positions(self, canonical_wrists: Tensor) -> Tensor:
        """Canonical metres [..., 3] to normalised positions."""
        return (canonical_wrists - self.position_mean) / self.position_std

    def metres(self, positions: Tensor) -> Tensor:
        """Normalised positions [..., 3] to metres of hand space."""
        return positions * self.position_std + self.position_mean

    def motion(self, euler: Tensor, wrist: Tensor, predicted: Tensor) -> Tensor:
        """Piano-space euler [B, 2, T, 48], wrist [B, 2, T, 3] and normalised predicted positions to x0 [B, 2, T, C]."""
        shared = self.config.shared_hands
        x0 = (canonical_euler(euler, shared_hands=shared) - self.euler_mean) / self.euler_std
        if not self.config.wrist_residual:
            return x0
        offset = canonical_wrist(wrist, shared_hands=shared) - self.metres(predicted)
        return torch.cat([x0, offset / self.residual_std], -1)

    def unmotion(self, x0: Tensor, predicted: Tensor) -> tuple[Tensor, Tensor]:
        """x0 [B, 2, T, C] and normalised predicted positions to piano-space euler [B, 2, T, 48], wrist [B, 2, T, 3]."""
        shared = self.config.shared_hands
        euler = canonical_euler(x0[..., :48] * self.euler_std + self.euler_mean, shared_hands=shared)
        wrist = self.metres(predicted)
        if self.config.wrist_residual:
            wrist = wrist + x0[..., 48:] * self.residual_std
        return euler, canonical_wrist(wrist, shared_hands=shared)


@lru_cache(maxsize=8)
def _key_grid(spacing_m: float, bins: int) -> tuple[Tensor, float]:
    """Splat of keys on a regular grid along X: [2 * K, G] weights (white keys first) and the grid's first X."""
    pitches = LOWEST_CANONICAL_PITCH + np.arange(HAND_SPACE_KEYS)
    x = keyboard.key_x(pitches)
    first = float(x[0]) - bins * spacing_m
    size = int(np.ceil((x[-1] - first) / spacing_m)) + bins + 2
    grid = first + spacing_m * np.arange(size)
    weight = np.maximum(0.0, 1 - np.abs(x[:, None] - grid) / spacing_m)
    black = keyboard.is_black(pitches)[:, None]
    return torch.tensor(np.stack([weight * ~black, weight * black]), dtype=torch.float32), first


def centred_rolls(features: Tensor, wrist_x: Tensor, config: ModelConfig) -> Tensor | None:
    """The notes around a hand, in the hand's own frame of reference.

    features [B, 2, T, K * 3] from `note_features`; wrist_x [B, 2, T] metres of hand space (of the predicted
    position). Returns [B, 2, T, bins * 3 * 2]: the rolls read at `centred_bins` places `centred_spacing_m`
    apart around the wrist, white and black keys apart; None where the configuration leaves it out. With it a
    network need not learn every pattern of fingers again for every place on the keyboard.
    """
    bins, spacing = config.encoder.centred_bins, config.encoder.centred_spacing_m
    if not bins:
        return None
    splat, first = _key_grid(spacing, bins)
    rolls = features.unflatten(-1, (HAND_SPACE_KEYS, NOTE_FEATURES)).transpose(-1, -2)  # [B, 2, T, 3, K]
    rolls = rolls.contiguous()  # so that the next line is one matrix product, not one for each frame
    grid = torch.cat([rolls @ part for part in splat.to(features)], -2)  # [B, 2, T, 6, G]
    place = (wrist_x - first) / spacing - (bins - 1) / 2
    place = place.clamp(0, grid.shape[-1] - bins - 1)
    index = place.floor()
    share = (place - index)[..., None, None].to(grid.dtype)
    columns = index.long()[..., None] + torch.arange(bins + 1, device=grid.device)  # [B, 2, T, bins + 1]
    window = grid.gather(-1, columns[..., None, :].expand(*grid.shape[:-1], bins + 1))
    return ((1 - share) * window[..., :-1] + share * window[..., 1:]).flatten(-2)
