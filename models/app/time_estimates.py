# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the stages of a job will probably take on this computer: a first guess, then what earlier jobs took.

What is learned is seconds for an amount of work, not for a second of music: a redone bar, a sound that was listened to
before, or a short clip that fills a whole segment say nothing false about the next song.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FIRST_GUESS = {"transcribe": 0.2, "sample": 0.04, "contact": 0.05}
"""Seconds of work for a second of music (and usual steps) before anything was measured: two cores of a laptop."""
LOAD_S = {"model": 1.0, "transcriber": 1.0}
"""Seconds that loading takes, with the libraries that it needs."""
USUAL_STEPS = 5
SEGMENT_S, SEGMENT_STEP_S = 16.0, 15.0
"""The transcriber hears so much at a time, and goes on by so much (`models.music.transcription.transcribe`)."""
WINDOW_S = 8.0
"""No less is sampled."""
CONTACT_MARGIN_S = 6.0
"""What contact hears on both sides of a redone range (`models.contact.apply`)."""
WORTH_LEARNING_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a job has to do."""

    duration_s: float
    listens: bool = False
    loads: tuple[str, ...] = ()
    """Of `LOAD_S`."""
    model: tuple[str, ...] | None = None
    """Preset, device and engine; None where nothing is generated."""
    steps: int = USUAL_STEPS
    contact: bool = True
    range_s: tuple[float, float] | None = None
    """What is made anew of a take; None for all of it."""

    @property
    def amounts(self) -> dict[str, float]:
        """How much each stage has to do, in seconds of music; in the order of the stages."""
        found = {}
        if self.listens:
            segments = max(1, math.ceil(self.duration_s / SEGMENT_STEP_S))
            found["transcribe"] = segments * SEGMENT_STEP_S
        if self.model is not None:
            start, end = self.range_s or (0.0, self.duration_s)
            changed = max(min(end, self.duration_s) - start, 0.0)
            found["sample"] = max(changed, WINDOW_S) * self.steps / USUAL_STEPS
            margin = 2 * CONTACT_MARGIN_S if self.range_s else 0.0
            found["contact"] = min(changed + margin, self.duration_s) if self.contact else 0.0
        return found


class Expectations:
    """Seconds of every stage to come; better ones after every job."""

    def __init__(self) -> None:
        self._rates: dict[tuple[str, tuple[str, ...] | None], float] = {}

    def plan(self, work: Work) -> dict[str, float]:
        """Seconds that each stage will probably take, in order."""
        plan = {"load": sum(LOAD_S[name] for name in work.loads)}
        for stage, amount in work.amounts.items():
            plan[stage] = amount * self._rates.get(_kind(stage, work), FIRST_GUESS[stage])
        if work.model is not None:
            plan["write"] = 0.0
        return plan

    def learn(self, work: Work, seconds: dict[str, float]) -> None:
        """Take in what the stages of a job took."""
        for stage, amount in work.amounts.items():
            if amount > 0 and seconds.get(stage, 0.0) > WORTH_LEARNING_S:
                self._rates[_kind(stage, work)] = seconds[stage] / amount


def _kind(stage: str, work: Work) -> tuple[str, tuple[str, ...] | None]:
    """Stages that a model works in are as fast as the model."""
    return stage, work.model if stage == "sample" else None
