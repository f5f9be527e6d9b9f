# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user has chosen in this session. What merely lies in a .blend, perhaps a stranger's, is no choice."""

from __future__ import annotations

_models: set[str] = set()


def choose_model(folder: str) -> None:
    """The user picked a model folder, by hand or by a script of their own."""
    if folder:
        _models.add(folder)


def is_chosen_model(folder: str) -> bool:
    """Whether a model folder was picked since Blender was started."""
    return folder in _models


def forget() -> None:
    """Start as Blender starts."""
    _models.clear()
