# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception for what an animator can understand and put right."""

from __future__ import annotations

from .plain_text import shown


class UserError(Exception):
    """Something is wrong with the scene, the settings or a file.

    code: stable machine-readable name; message: one sentence, what is wrong and what to do; detail: for a
    developer, may be empty.
    """

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        self.code = code
        self.message = shown(message)
        super().__init__(self.message)
        self.detail = detail
