# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a good end of a case, and what as a finding."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MOST_SECONDS = 20.0
MOST_MB = 1024.0
LONGEST_SENTENCE = 400
UNFORESEEN_CODES = ("unexpected", "defect")
UNFORESEEN_WORDS = ("did not foresee", "because of a defect", "Traceback")


@dataclass
class Outcome:
    """How one case ended."""

    accepted: bool = False
    code: str = ""
    """Machine-readable name of the refusal; empty for what was accepted."""
    message: str = ""
    seconds: float = 0.0
    peak_mb: float | None = None
    """Largest memory of the process during the case; None where the system does not tell."""
    problems: list[str] = field(default_factory=list)
    """What went wrong, in words; the first word is the name of the class of findings."""


def judge(outcome: Outcome) -> Outcome:
    """Adds what is wrong with an outcome to its problems."""
    problems = outcome.problems
    if not outcome.accepted:
        text = outcome.message
        if "Traceback" in text:
            problems.append("traceback shown to the user")
        elif outcome.code in UNFORESEEN_CODES or any(word in text for word in UNFORESEEN_WORDS):
            problems.append(f"unforeseen: {text[:200]}")
        elif wrong := wrong_with_sentence(text):
            problems.append(f"sentence {wrong}: {text[:200]!r}")
    if outcome.seconds > MOST_SECONDS:
        problems.append(f"slow: {outcome.seconds:.1f} s")
    if outcome.peak_mb is not None and outcome.peak_mb > MOST_MB:
        problems.append(f"memory: {outcome.peak_mb:.0f} MB")
    return outcome


def wrong_with_sentence(text: str) -> str:
    """Why a text is no sentence for an animator; empty for one that is."""
    if not text.strip():
        return "is empty"
    if not text.isprintable():
        return "has control characters or several lines"
    if len(text) > LONGEST_SENTENCE:
        return f"has {len(text)} letters"
    if re.search(r"\d{40}", text):
        return "has a number of forty digits"
    if text.rstrip()[-1] not in ".!?":
        return "does not end"
    return ""
