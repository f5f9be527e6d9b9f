# SPDX-License-Identifier: GPL-3.0-or-later
"""The takes that an evaluation looks at: the model's, with another seed, with a redone hand, the synthesiser's."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body.player import Player, draw_player_scores
from models.body.take import Take
from models.music.midi import write_midi
from training.evaluation.excerpts import Excerpt
from training.synthesis.dataset import move_hands

LEFT = 0


@dataclass(frozen=True, kw_only=True)
class TakeOptions:
    """What is made of every excerpt."""

    source: str = "midi"
    """`midi` gives the notes; `sound` renders and transcribes them."""
    hands: str = "given"
    """`unknown` hides the hands of the score's tracks."""
    contacts: tuple[float, ...] = (1.0, 0.0)
    other_seed: bool = False
    """Also a take with the next seed, contact 1."""
    redo: bool = False
    """Also the left hand made anew with the right one given, contact 1."""
    synthesiser: bool = False
    """Also the motion synthesiser's own motion to the same notes."""
    seed: int = 0
    preset: str = "default"
    sampler: str | None = None
    steps: int | None = None
    fps: float = 30.0
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.source not in ("midi", "sound"):
            raise ValueError(f"source is {self.source!r}; it must be midi or sound")
        if self.hands not in ("given", "unknown"):
            raise ValueError(f"hands is {self.hands!r}; it must be given or unknown")
        if not self.contacts:
            raise ValueError("contacts must name at least one strength")


@dataclass(frozen=True)
class Made:
    """A take and the seconds of its stages."""

    kind: str
    take: Take
    seconds: dict[str, float]


def make_takes(pipeline: Pipeline, excerpt: Excerpt, folder: Path, options: TakeOptions) -> Iterator[Made]:
    """All takes of one excerpt; `folder` is for the files between them."""
    seed = excerpt_seed(options.seed, excerpt)
    midi, sound = folder / "notes.mid", None
    hidden = options.hands == "unknown" or options.source == "sound"
    write_midi(midi, excerpt.notes, None if hidden else excerpt.hands)
    if options.source == "sound":
        from training.data.rendering import render

        sound = folder / "notes.wav"
        render(midi, sound)
    music: dict[str, Any] = {"sound": sound} if sound is not None else {"midi": midi}

    def made(kind: str, name: str, **changes: Any) -> Made:
        values = {
            "seed": seed,
            "preset": options.preset,
            "sampler": options.sampler,
            "steps": options.steps,
            "fps": options.fps,
            "device": options.device,
            "sound_end_s": excerpt.seconds,
            **music,
            **changes,
        }
        done = pipeline.generate(GenerateRequest(output=folder / name, **values))
        return Made(kind, done.take, done.facts["seconds"])

    for contact in options.contacts:
        yield made(f"contact {contact:g}", f"contact{contact:g}.npz", contact=contact)
    if options.other_seed:
        yield made("another seed", "seed.npz", contact=1.0, seed=seed + 1)
    if options.redo:
        first = folder / "contact1.npz"
        if not first.is_file():
            made("contact 1", first.name, contact=1.0)
        yield made("redone left hand", "redo.npz", contact=1.0, seed=seed + 2, keep=first, hand="left")
    if options.synthesiser:
        yield synthesised(excerpt, options)


def excerpt_seed(seed: int, excerpt: Excerpt) -> int:
    """The seed of an excerpt's takes: each excerpt has a player of its own, the same for the same ``seed``."""
    return seed + 10 * (zlib.crc32(excerpt.name.encode()) % 1_000_000)


def synthesised(excerpt: Excerpt, options: TakeOptions) -> Made:
    """The synthesiser's motion of a player of average style to the excerpt's notes; every excerpt has its own."""
    begin = time.perf_counter()
    rng = np.random.default_rng([options.seed, zlib.crc32(excerpt.name.encode())])
    player = Player(scores=draw_player_scores(rng))
    sample = move_hands(excerpt.notes, excerpt.hands, player, excerpt.seconds, rng, options.fps)
    seconds = {"sample": time.perf_counter() - begin}
    return Made(
        "synthesiser", Take(sample.motion, sample.notes, sample.fingering, {"hand_size": 1.0}), seconds
    )


def right_hand_kept(first: Take, redone: Take) -> bool:
    """Whether the redo left every number of the right hand as it was."""
    return np.array_equal(first.motion.euler[:, 1], redone.motion.euler[:, 1]) and np.array_equal(
        first.motion.wrist[:, 1], redone.motion.wrist[:, 1]
    )
