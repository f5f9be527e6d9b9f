# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be made and for whom: everything a finished take needs to find its place, without bpy references."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core import skeleton
from ..strip_audio import StripSound
from .read_back import Keep


@dataclass(frozen=True, kw_only=True)
class TakeOrder:
    """One take for one armature."""

    armature_uid: int
    """`session_uid` of the armature object; survives renaming."""
    armature_name: str
    """Its name when the job began, for messages."""
    scene_uid: int
    """`session_uid` of the scene that is animated."""
    start_frame: int
    """Scene frame of the take's first frame."""
    output: Path
    """Where the worker writes the take."""
    params: dict[str, Any]
    """Parameters of the worker's `generate`."""
    hand: str = ""
    """`left` or `right` when only that hand is made anew, else empty."""
    frames: tuple[int, int] | None = None
    """The frames of the take that are made anew, the first and one past the last; None is all of them."""
    sound: StripSound | None = None
    keep: Keep | None = None
    """The motion on the armature, for what stays of it."""

    @property
    def hands(self) -> tuple[int, ...]:
        """The hands that are made anew, 0 left, 1 right."""
        return (skeleton.HANDS.index(self.hand),) if self.hand else (skeleton.LEFT, skeleton.RIGHT)

    @property
    def partial(self) -> bool:
        """Whether something on the armature stays as it is."""
        return bool(self.hand) or self.frames is not None
