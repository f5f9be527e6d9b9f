# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken and extreme hand geometries, on which a short score is played."""

from __future__ import annotations

import random
from typing import Any

from models.body.hand_file import object_of
from models.body.skeleton import FINGERS, HANDS, STANDARD_HANDS
from tests.fuzz.kinds.base import WorkerKind
from tests.fuzz.kinds.midi import midi_file, scale
from tests.fuzz.mutate import as_json, mutate_value
from tests.fuzz.verdict import Outcome


class Hands(WorkerKind):
    """`generate` on the hands of a mutated file, with a tiny model."""

    name = "hands"

    def prepare(self) -> None:
        self.score = midi_file([scale(6)])
        self.ours = object_of(STANDARD_HANDS, "ours")

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        score, hands = self.case / "score.mid", self.case / "hands.json"
        score.write_bytes(self.score)
        # Half of them are hands indeed, of a body that nobody has.
        value = _another_body(self.ours, rng) if number % 2 else mutate_value(self.ours, rng)
        hands.write_bytes(as_json(value, rng))
        before = self.files()
        params = {
            "midi": str(score),
            "output": str(self.case / "take.npz"),
            "preset": str(self.tiny_model),
            "device": "cpu",
            "steps": 2,
            "hand_geometry": str(hands),
        }
        return self.finish(self.ask("generate", params), before, ("case/take.npz",))


def _another_body(ours: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """Lengths and places within and beyond what is possible, fingers and joints that are missing."""
    body = mutate_value(ours, rng, times=0)
    size = rng.choice((0.6, 0.8, 1.0, 1.3, 1.8))
    for hand in HANDS:
        for name in FINGERS:
            finger = body[hand]["fingers"][name]
            if rng.random() < 0.12:
                body[hand]["fingers"][name] = None
                continue
            factor = size * (rng.choice((0.3, 3.0)) if rng.random() < 0.02 else rng.uniform(0.9, 1.1))
            for key in ("base", "lengths"):
                finger[key] = [factor * length for length in finger[key]]
            finger["lengths"] = [length * rng.uniform(0.8, 1.2) for length in finger["lengths"]]
            if rng.random() < 0.1:
                finger["locked"] = rng.sample((1, 2, 3), rng.choice((1, 2)))
            if rng.random() < 0.05:
                turned = rng.choice(([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]))
                finger["y_axis"], finger["z_axis"] = turned, [turned[2], turned[0], turned[1]]
    return body
