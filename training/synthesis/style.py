# SPDX-License-Identifier: GPL-3.0-or-later
"""Players drawn at random, one for each synthesised performance."""

from __future__ import annotations

import numpy as np

from models.body.player import STYLES, Player, Style, draw_player_scores

EXTREME = 1.3
"""Largest style value of a synthesised player."""
_SPREAD = {"hand_size": 0.35, "curl": 0.6, "wrist_height": 0.6, "energy": 0.6, "looseness": 0.6}
"""Deviations between players; hands of real pianists differ by 4 % (PianoMime, median reach of an excerpt)."""


def draw_style(rng: np.random.Generator) -> Style:
    """A style: independent normal numbers, kept within the extremes."""
    drawn = {name: float(np.clip(rng.normal(0, _SPREAD[name]), -EXTREME, EXTREME)) for name in STYLES}
    return Style(**drawn)


def draw_player(rng: np.random.Generator) -> Player:
    """A player at random."""
    return Player(style=draw_style(rng), scores=draw_player_scores(rng))
