# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hands a take was made for. No bpy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.character.own_hands import standard_geometry
from ..core.character.same_hands import same_hands


def said_of_hands(geometry: Mapping[str, Any], meta: Mapping[str, Any]) -> list[str]:
    """A sentence where a take was made for other hands than those of this geometry, by its own account.

    One that describes no hands was made for built-in ones of the size that it names.
    """
    other = meta.get("hand_geometry")
    if other is None:
        other = standard_geometry(meta.get("hand_size") or 1.0)
    if same_hands(geometry, other):
        return []
    return [
        "The take was made for other hands, so that fingertips miss their keys: press Generate for these."
    ]
