# SPDX-License-Identifier: GPL-3.0-or-later
"""A page on which anyone can try to tell hands apart: pairs of clips on the same notes, the order hidden.

One file that needs no network: stick figures on two canvases, a question, the score in the end with the share of
guessers who do as well, and the answers as a file.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.body.keyboard import (
    ALL_PITCHES,
    BLACK_BACK,
    BLACK_BASE_WIDTH,
    BLACK_FRONT,
    BLACK_HEIGHT,
    KEY_IS_BLACK,
    KEY_X,
    WHITE_LENGTH,
    WHITE_PITCH,
)
from models.body.notes import Notes
from models.music.notes import trim_notes
from training.evaluation.blind_clips import DOTS, LINES, Clip

REAL, NOW = "real", "now"
"""Kinds of pairs: a real pianist against a take; a new take against an older one."""
CLIP_S = 8.0
_MARGIN_M = 0.05
_TEMPLATE = Path(__file__).with_name("blind_page.html")


@dataclass(frozen=True, eq=False)
class Pair:
    """Two clips on the same notes, of which the first is the real or the new one."""

    kind: str
    name: str
    right: Clip
    other: Clip
    notes: Notes

    @property
    def seconds(self) -> float:
        """Length of both."""
        return min((len(clip.points) - 1) / clip.fps for clip in (self.right, self.other))


def cut(pair: Pair, rng: np.random.Generator, seconds: float = CLIP_S) -> Pair:
    """A random part of a pair, in which it plays; the whole pair where it is shorter."""
    if pair.seconds <= seconds:
        return pair
    latest = pair.seconds - seconds
    onsets = pair.notes.onset_s[pair.notes.onset_s <= latest]
    start = float(rng.choice(onsets)) if len(onsets) else 0.0
    notes = trim_notes(pair.notes, start, start + seconds)
    right, other = (clip.part(start, seconds) for clip in (pair.right, pair.other))
    return Pair(pair.kind, pair.name, right, other, notes)


def page(pairs: list[Pair], seed: int) -> str:
    """The page, pairs in random order and on random sides."""
    rng = np.random.default_rng(seed)
    shown = [pairs[index] for index in rng.permutation(len(pairs))]
    sides = rng.integers(0, 2, len(shown)).tolist()
    packed = [_packed(pair, side) for pair, side in zip(shown, sides, strict=True)]
    data = {
        "pairs": packed,
        "key": base64.b64encode(json.dumps(sides).encode()).decode(),  # so that it is not read by accident
        "keys": _keys(),
        "lines": LINES,
        "dots": DOTS,
    }
    data["page"] = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]
    return _TEMPLATE.read_text(encoding="utf-8").replace("@DATA@", json.dumps(data))


def _packed(pair: Pair, side: int) -> dict[str, Any]:
    """A pair as the page reads it; the right answer is on side 0 (left) or 1."""
    clips = [pair.right, pair.other] if side == 0 else [pair.other, pair.right]
    x = np.concatenate([clip.points[..., 0].ravel() for clip in clips])
    table = np.stack([pair.notes.onset_s, pair.notes.offset_s], 1).astype(np.float64).round(3)
    return {
        "kind": pair.kind,
        "name": pair.name,
        "seconds": pair.seconds,
        "view": [float(x.min() - _MARGIN_M), float(x.max() + _MARGIN_M)],
        "notes": [[*times, int(key)] for times, key in zip(table.tolist(), pair.notes.pitch, strict=True)],
        "clips": [clip.packed() for clip in clips],
    }


def _keys() -> list[dict[str, Any]]:
    """The piano's keys as boxes, white ones first, so that black ones are drawn over them."""
    keys = []
    for black in (False, True):
        half = (BLACK_BASE_WIDTH if black else WHITE_PITCH) / 2
        front, back, top = (BLACK_FRONT, BLACK_BACK, BLACK_HEIGHT) if black else (0.0, WHITE_LENGTH, 0.0)
        for index in np.flatnonzero(KEY_IS_BLACK if black else ~KEY_IS_BLACK).tolist():
            x, pitch = float(KEY_X[index]), int(ALL_PITCHES[index])
            box = {"left": x - half, "right": x + half, "front": front, "back": back, "top": top}
            keys.append({"pitch": pitch, "black": black, **box})
    return keys
