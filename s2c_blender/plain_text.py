# SPDX-License-Identifier: GPL-3.0-or-later
"""Text fit to be shown: a file's name, a stranger's .blend and a worker's answer may hold anything. No bpy."""

from __future__ import annotations

import re
import unicodedata

MOST = 600
"""Longest text in the panel, in characters."""
MOST_DIGITS = 20
"""A longer number says nothing to a person."""
MOST_LOOKED_AT = 20_000
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Unicode categories that steer a terminal or the direction of writing, or show nothing."""


def shown(text: str, most: int = MOST) -> str:
    """`text` in one line of at most `most` characters: nothing in it is a control character or an endless number."""
    cut = len(text) > MOST_LOOKED_AT
    seen = "".join(" " if unicodedata.category(c) in UNSEEN else c for c in text[:MOST_LOOKED_AT])
    seen = re.sub(rf"\d{{{MOST_DIGITS},}}", lambda found: f"{found[0][:6]}…", " ".join(seen.split()))
    return seen if len(seen) <= most and not cut else f"{seen[: most - 1]}…"


def sentence(text: str, most: int = MOST) -> str:
    """`shown`, with a full stop where there is none; empty stays empty."""
    seen = shown(text, most - 1)
    return seen if not seen or seen[-1] in ".!?…" else f"{seen}."
