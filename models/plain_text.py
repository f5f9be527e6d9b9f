# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of strangers, such as file names and settings, as it may stand in a sentence on a terminal.

A name can hold escape sequences that paint or rename the terminal, line ends that fake a second message, bytes that
are no text, and a setting can be a number of three hundred digits.
"""

from __future__ import annotations

import re

LONGEST_NUMBER = 40
"""Digits of a number that are shown; a SHA-256 in decimal is longer, nothing that a person reads is."""
LONGEST_NAME = 120
LONGEST_SENTENCE = 1200

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Controls, line ends, marks that turn the writing direction, and halves of characters (bytes that are no UTF-8)."""
_LONG_NUMBER = re.compile(rf"\d{{{LONGEST_NUMBER + 1},}}")


def printable(text: str, keep: str = "") -> str:
    r"""`text` with what would not be shown as it is written spelt out (`\x1b`), but for the characters in `keep`."""
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _spelt(found[0]), text)


def sentence(text: str) -> str:
    """`text` as one line of bounded length, with the middle of endless numbers left out."""
    text = _LONG_NUMBER.sub(lambda found: f"{found[0][:12]}… ({len(found[0])} digits)", printable(text))
    return shortened(text, LONGEST_SENTENCE)


def shortened(text: str, most: int = LONGEST_NAME) -> str:
    """`text` with its middle left out where it has more than `most` characters."""
    if len(text) <= most:
        return text
    end = most // 4
    return f"{text[: most - end - 1]}…{text[-end:]}"


def _spelt(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
