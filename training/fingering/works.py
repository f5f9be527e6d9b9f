# SPDX-License-Identifier: GPL-3.0-or-later
"""All fingered scores of a folder with the side of the split that each belongs to.

Sides are drawn by opus (Chopin) or composer (everything else), so that no two editions of a work, nor two pieces
of one set, lie on different sides. Composers on whom motion is validated and works that are tested elsewhere are
always held out.
"""

from __future__ import annotations

import logging
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from training.fingering.fingered import FingeredScore
from training.fingering.kern import read_kern
from training.synthesis.scores import HELD_OUT_WORDS, VALIDATION_COMPOSERS

log = logging.getLogger(__name__)

TRAIN, HELD_OUT = "train", "held out"
MIN_PRINTED = 4
_TESTED_ELSEWHERE = ("chopin-010", "chopin-028", "chopin-038")
_HELD_OUT_SHARE = 30  # of a hundred, by hash


@dataclass(frozen=True)
class Work:
    """One edition of one piece."""

    score: FingeredScore
    group: str
    """What the split is drawn by."""
    piece: str
    """The same for every edition of the piece."""
    side: str
    """`train` (the weights are fitted on it) or `held out` (the figures)."""


def group_and_piece(path: Path) -> tuple[str, str]:
    """Group and piece of a file from its name and folder."""
    stem = path.stem.lower()
    if path.parent.name == "chopin":
        opus = stem.split("-")[0].split("_")[0]
        number = re.search(r"-(\d{3})(?:-|$)", stem)
        rest = re.sub(r"^.*-\d{3}-|^.*-piano", "", stem) if "primo" in stem or "secondo" in stem else ""
        return f"chopin-{opus}", f"chopin-{opus}-{number[1] if number else '000'}{rest}"
    _, _, title = stem.partition("_")
    composer = title.split("--")[0]
    if composer == "chopin-fryderyk":
        opus_match = re.search(r"-op-(\d+)", title)
        opus = f"{int(opus_match[1]):03d}" if opus_match else "none"
        return f"chopin-{opus}", f"chopin-{opus}-{title}"
    return composer or "unknown", re.sub(r"-(post-correcturam|pc\d)+.*$", "", title)


def side_of(group: str) -> str:
    """The side of a group: fixed lists first, then a hash of its name."""
    held_out = {name.replace("_", "-") for name in VALIDATION_COMPOSERS}
    if group in held_out or group in _TESTED_ELSEWHERE or any(word in group for word in HELD_OUT_WORDS):
        return HELD_OUT
    draw = zlib.crc32(group.encode()) % 100
    return HELD_OUT if draw < _HELD_OUT_SHARE else TRAIN


def read_works(folder: Path) -> list[Work]:
    """Every score below ``folder`` with at least a few certain digits, sorted by path; unreadable files are logged.

    Raises:
        FileNotFoundError: when there is none.
    """
    works = []
    for path in sorted(folder.rglob("*.krn")):
        if path.stem.endswith("-piano") or "violoncello" in path.stem or "violino" in path.stem:
            continue  # extracts of scores that are there as a whole
        try:
            score = read_kern(path)
        except ValueError as error:
            log.warning("%s: left out", error)
            continue
        if score is not None and (score.digits >= 0).sum() >= MIN_PRINTED:
            group, piece = group_and_piece(path)
            works.append(Work(score, group, piece, side_of(group)))
    if not works:
        raise FileNotFoundError(f"{folder} holds no .krn file with printed piano fingering")
    return works
