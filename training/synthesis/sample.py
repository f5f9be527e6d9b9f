# SPDX-License-Identifier: GPL-3.0-or-later
"""One performance that models learn from."""

from __future__ import annotations

from dataclasses import dataclass

from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import Player


@dataclass(frozen=True)
class Sample:
    """One performance."""

    motion: Motion
    notes: Notes
    """With the fingers that play them."""
    player: Player
