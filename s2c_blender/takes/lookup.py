# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding a datablock again: undo and file loading free everything that was found before."""

from __future__ import annotations

from typing import Any


def by_uid(collection: Any, uid: int) -> Any | None:
    """The datablock with a `session_uid`, whatever it is called by now; None when it was deleted."""
    return next((item for item in collection if item.session_uid == uid), None)
