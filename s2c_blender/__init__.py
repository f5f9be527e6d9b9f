# SPDX-License-Identifier: GPL-3.0-or-later
"""S2C Piano Hands inside Blender: settings, panels, operators, and the session that speaks with the worker."""

from __future__ import annotations


def register() -> None:
    """Register everything; `unregister` undoes it in reverse."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Remove everything that `register` added, end the worker, leave no timer or handler behind."""
    from . import registration

    registration.unregister()
