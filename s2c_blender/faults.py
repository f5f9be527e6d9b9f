# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception for what an animator can understand and put right."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_LONG_NUMBER = re.compile(r"\d{41,}")
MOST_CHARACTERS = 1200


class Fault(Exception):
    """Something is wrong with the scene, the settings or a file.

    code: stable machine-readable name; message: one sentence, what is wrong and what to do; detail: for a
    developer, may be empty.
    """

    def __init__(self, code: str, message: str, detail: str = "") -> None:
        message = plain(message)
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail


def plain(text: str) -> str:
    r"""`text` as one line that every panel and terminal can show.

    Names in it may hold line ends, escape sequences or bytes that are no text, which Blender's panels refuse: they are
    spelt out (`\x1b`). The middle of endless numbers and of endless texts is left out.
    """
    text = _UNPRINTABLE.sub(lambda found: _spelt(ord(found[0])), text)
    text = _LONG_NUMBER.sub(lambda found: f"{found[0][:12]}… ({len(found[0])} digits)", text)
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else f"{text[:half]}…{text[-half:]}"


def _spelt(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
