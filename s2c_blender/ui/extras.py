# SPDX-License-Identifier: GPL-3.0-or-later
"""What the full edition adds to the panels, put here by `install`; the self-contained edition leaves it as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import bpy

if TYPE_CHECKING:
    from .next_step import Step
    from .preferences import S2C_Preferences


@dataclass
class Extras:
    """Functions that the panels ask, where they are there."""

    generator_step: Callable[[bpy.types.Context], Step] | None = None
    """The step that puts a missing generator there."""
    draw_preferences: Callable[[bpy.types.UILayout, bpy.types.Context, S2C_Preferences], None] | None = None
    """Draws what else there is to choose under Advanced."""


extras = Extras()
