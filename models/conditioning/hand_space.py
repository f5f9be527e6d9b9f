# SPDX-License-Identifier: GPL-3.0-or-later
"""From piano space to what the networks see, and back.

Canonical space of a hand: with `shared_hands` the left hand is reflected about D4 into a right hand (pitch p
-> 124 - p, wrist x -> 2 x_D - x, Euler (x, y, z) -> (x, -y, -z)), so that one set of weights serves both;
without it both hands stay as they are. Then mean and spread of `Statistics` are taken out.

Functions take numpy arrays or torch tensors and return the same kind.

Axes: B batch, H = 2 hands, T frames, K = 93 keys of hand space (pitches 16 to 108), C motion channels (48 Euler
angles, then with `wrist_residual` the wrist's offset from the predicted position).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from models.body import keyboard
from models.body.kinematics import like
from models.body.rotations import Array
from models.conditioning.finger_features import PLAN_CHANNELS, X_NEXT, X_NOW
from models.config import HAND_SPACE_KEYS, NOTE_FEATURES, ModelConfig

LOWEST_CANONICAL_PITCH = 16
REFLECTION_X = float(keyboard.key_x(keyboard.MIRROR_PITCH_SUM // 2))
"""Metres: the middle of D4."""
_EULER_SIGNS = (1.0, -1.0, -1.0)
_PLAN_X = np.isin(np.arange(PLAN_CHANNELS), (X_NOW, X_NEXT))
_PLAN_SIGNS, _PLAN_SHIFT = np.where(_PLAN_X, -1.0, 1.0), np.where(_PLAN_X, 2 * REFLECTION_X, 0.0)


def note_features(sounds: Array, *, shared_hands: bool) -> Array:
    """What each hand sees of the notes.

    sounds: [B, 3, T, 88, 2], the rolls of all notes, of the left hand's and of the right hand's known notes.
    Returns [B, 2, T, 93 * 3]: for each key of hand space onset, sustain, and own minus other hand's known
    sustain.
    """
    xp = array_namespace(sounds)
    everything, left, right = (sounds[:, i] for i in range(3))
    hint = (right - left)[..., 1:]
    below = like(
        np.zeros((*hint.shape[:2], keyboard.LOWEST_PITCH - LOWEST_CANONICAL_PITCH, NOTE_FEATURES)), hint
    )
    views = []
    for hand, sign in ((0, -1.0), (1, 1.0)):
        view = xp.concat([below, xp.concat([everything, sign * hint], axis=-1)], axis=-2)
        views.append(xp.flip(view, axis=-2) if shared_hands and hand == 0 else view)
    stacked = xp.stack(views, axis=1)
    return xp.reshape(stacked, (*stacked.shape[:-2], -1))


def mirror_wrist(wrist: Array) -> Array:
    """Reflect wrists [..., 3] about D4."""
    return wrist * like([-1.0, 1.0, 1.0], wrist) + like([2 * REFLECTION_X, 0.0, 0.0], wrist)


def canonical_wrist(wrist: Array, *, shared_hands: bool) -> Array:
    """Wrists [B, 2, T, 3] in metres, each in its own hand's space; the same function leads back."""
    if not shared_hands:
        return wrist
    return array_namespace(wrist).stack([mirror_wrist(wrist[:, 0]), wrist[:, 1]], axis=1)


def canonical_euler(euler: Array, *, shared_hands: bool) -> Array:
    """Euler angles [B, 2, T, 48], each in its own hand's space; the same function leads back."""
    if not shared_hands:
        return euler
    mirrored = euler[:, 0] * like(_EULER_SIGNS * 16, euler)
    return array_namespace(euler).stack([mirrored, euler[:, 1]], axis=1)


def plan_in_hand_space(plan: Array, *, shared_hands: bool) -> Array:
    """Finger plans [B, 2, T, 5, PLAN_CHANNELS], each in its own hand's space; the same function leads back."""
    if not shared_hands:
        return plan
    left = plan[:, 0] * like(_PLAN_SIGNS, plan) + like(_PLAN_SHIFT, plan)
    return array_namespace(plan).stack([left, plan[:, 1]], axis=1)


def seen_from_other(wrist: Array, *, shared_hands: bool) -> Array:
    """The other hand's wrist [B, 2, T, 3] metres as each hand sees it in its own space."""
    other = array_namespace(wrist).flip(wrist, axis=1)
    return mirror_wrist(other) if shared_hands else other


_NUMPY = np.zeros(0, np.float32)


class Normalizer:
    """Mean and spread of `config.statistics` as float32 arrays of the kind and on the device of `same`."""

    def __init__(self, config: ModelConfig, same: Array = _NUMPY) -> None:
        self.config = config
        statistics, xp = config.statistics, array_namespace(same)

        def array(values: tuple[float, ...]) -> Array:
            return xp.asarray(values, dtype=xp.float32, device=device(same))

        self.euler_mean, self.euler_std = array(statistics.euler_mean), array(statistics.euler_std)
        self.position_mean, self.position_std = (
            array(statistics.position_mean),
            array(statistics.position_std),
        )
        self.residual_std = array(statistics.residual_std)
        self.finger_reach = array(statistics.finger_reach)

    def positions(self, canonical_wrists: Array) -> Array:
        """Canonical metres [..., 3] to normalised positions."""
        return (canonical_wrists - self.position_mean) / self.position_std

    def metres(self, positions: Array) -> Array:
        """Normalised positions [..., 3] to metres of hand space."""
        return positions * self.position_std + self.position_mean

    def motion(self, euler: Array, wrist: Array, predicted: Array) -> Array:
        """Piano-space euler [B, 2, T, 48], wrist [B, 2, T, 3] and normalised predicted positions to x0 [B, 2, T, C]."""
        shared = self.config.shared_hands
        x0 = (canonical_euler(euler, shared_hands=shared) - self.euler_mean) / self.euler_std
        if not self.config.wrist_residual:
            return x0
        offset = canonical_wrist(wrist, shared_hands=shared) - self.metres(predicted)
        return array_namespace(x0).concat([x0, offset / self.residual_std], axis=-1)

    def unmotion(self, x0: Array, predicted: Array) -> tuple[Array, Array]:
        """x0 [B, 2, T, C] and normalised predicted positions to piano-space euler [B, 2, T, 48], wrist [B, 2, T, 3]."""
        shared = self.config.shared_hands
        euler = canonical_euler(x0[..., :48] * self.euler_std + self.euler_mean, shared_hands=shared)
        wrist = self.metres(predicted)
        if self.config.wrist_residual:
            wrist = wrist + x0[..., 48:] * self.residual_std
        return euler, canonical_wrist(wrist, shared_hands=shared)


@lru_cache(maxsize=8)
def _key_grid(spacing_m: float, bins: int) -> tuple[NDArray[np.float64], float]:
    """Splat of keys on a regular grid along X: [2 * K, G] weights (white keys first) and the grid's first X."""
    pitches = LOWEST_CANONICAL_PITCH + np.arange(HAND_SPACE_KEYS)
    x = keyboard.key_x(pitches)
    first = float(x[0]) - bins * spacing_m
    size = int(np.ceil((x[-1] - first) / spacing_m)) + bins + 2
    grid = first + spacing_m * np.arange(size)
    weight = np.maximum(0.0, 1 - np.abs(x[:, None] - grid) / spacing_m)
    black = keyboard.is_black(pitches)[:, None]
    return np.stack([weight * ~black, weight * black]), first


def centred_rolls(features: Array, wrist_x: Array, config: ModelConfig) -> Array | None:
    """The notes around a hand, in the hand's own frame of reference.

    features [B, 2, T, K * 3] from `note_features`; wrist_x [B, 2, T] metres of hand space (of the predicted
    position). Returns [B, 2, T, bins * 3 * 2]: the rolls read at `centred_bins` places `centred_spacing_m`
    apart around the wrist, white and black keys apart; None where the configuration leaves it out. With it a
    network need not learn every pattern of fingers again for every place on the keyboard.
    """
    bins, spacing = config.encoder.centred_bins, config.encoder.centred_spacing_m
    if not bins:
        return None
    xp = array_namespace(features)
    splat, first = _key_grid(spacing, bins)
    frames = features.shape[:-1]
    rolls = xp.matrix_transpose(xp.reshape(features, (*frames, HAND_SPACE_KEYS, NOTE_FEATURES)))
    flat = xp.reshape(
        rolls, (-1, HAND_SPACE_KEYS)
    )  # so that the next line is one product, not one for each frame
    grid = xp.concat(
        [xp.reshape(flat @ like(part, features), (*frames, NOTE_FEATURES, -1)) for part in splat], axis=-2
    )  # [B, 2, T, 6, G]
    place = (wrist_x - first) / spacing - (bins - 1) / 2
    place = xp.clip(place, 0, grid.shape[-1] - bins - 1)
    index = xp.floor(place)
    share = xp.astype(place - index, grid.dtype)[..., None, None]
    columns = xp.astype(index, xp.int64)[..., None] + xp.arange(bins + 1, device=device(grid))
    columns = xp.broadcast_to(columns[..., None, :], (*grid.shape[:-1], bins + 1))
    window = xp.take_along_axis(grid, columns, axis=-1)
    near = (1 - share) * window[..., :-1] + share * window[..., 1:]
    return xp.reshape(near, (*frames, -1))
