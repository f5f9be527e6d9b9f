# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors that an animator may read, the signal that a job was cancelled, and the progress callback.

Everything in `models` that can go wrong through no fault of the code (a missing file, a silent
recording, a full disk) is raised as `UserError`: one plain sentence that says what is wrong and what
to do about it, with the developer's detail kept apart.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass

from models.plain_text import printable, sentence, shortened

Progress = Callable[[str, int, int], None]
"""`progress(stage, step, of)`: `step` of `of` steps of `stage` are done. It raises `Cancelled` when the
job is cancelled, so a long loop only has to call it often (at least once a second)."""


class UserError(Exception):
    """Something the animator can understand and act on.

    code: short machine-readable name (`silent_sound`), stable across versions.
    message: one sentence, what is wrong and what to do; made fit for a terminal, whatever names it quotes.
    detail: for the developer; may be empty.
    """

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", code):
            raise ValueError(f"code={code!r} must be lower-case words joined by underscores")
        message = sentence(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str, str]]:
        return type(self), (self.code, self.message, self.detail)


@dataclass(frozen=True)
class Remark:
    """What the animator should know of a take that was made all the same."""

    code: str
    """Short machine-readable name (`notes_off_keyboard`), stable across versions."""
    sentence: str
    """One sentence, fit for a terminal, whatever names it quotes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sentence", sentence(self.sentence))


class Cancelled(Exception):
    """The job was cancelled; raised out of the progress callback and not to be caught on the way."""


def no_progress(stage: str, step: int, of: int) -> None:
    """A progress callback for callers who do not listen."""


def quoted(path: str | os.PathLike[str]) -> str:
    """The file's name in quotes, as it appears in messages."""
    return f'"{shortened(printable(os.path.basename(os.fspath(path)) or os.fspath(path)))}"'
