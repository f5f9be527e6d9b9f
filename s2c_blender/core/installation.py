# SPDX-License-Identifier: GPL-3.0-or-later
"""What the session knows of an installer: that it may be at work. No bpy."""

from __future__ import annotations

from typing import Protocol

from .jobs import Status


class Installation(Protocol):
    """Something that is built or deleted beside the jobs, a little at each pump."""

    status: Status

    @property
    def active(self) -> bool:
        """True while something is built or deleted."""

    def pump(self, now: float) -> bool:
        """Go on without waiting. Returns True when there is something new to draw."""

    def cancel(self) -> None:
        """Stop."""


class NoInstallation:
    """The edition that installs nothing."""

    def __init__(self) -> None:
        self.status = Status()

    @property
    def active(self) -> bool:
        """Never."""
        return False

    def pump(self, now: float) -> bool:  # noqa: ARG002 - an installation's signature
        """Nothing goes on."""
        return False

    def cancel(self) -> None:
        """There is nothing to stop."""
