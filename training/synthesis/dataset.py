# SPDX-License-Identifier: GPL-3.0-or-later
"""Shards of aligned notes and motion: any number of hours, the same for the same seed, resumable.

A shard is one performance of an excerpt, a compressed ``.npz``: ``euler`` float16 (F, 2, 16, 3) rad, ``wrist`` float32
(F, 2, 3) m, ``notes`` float32 (n, 4), ``hands`` int8 (n,), ``fingering`` int8 (n, 2), ``style`` float32 (2, 9) what the
networks are told of the player of each hand, ``fps``,
``name``, ``split``.
Half precision keeps angles to 0.0005 rad, a tenth of a millimetre at the fingertip.
``index.json`` beside them lists every shard with its split, seconds, notes and seed.
"""

from __future__ import annotations

import json
import multiprocessing
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.body.notes import Notes
from models.body.player import Player
from models.checks import check_range
from models.contact import apply_contact
from models.planning.fingering import finger_notes
from models.whole_file import write_text_whole
from training.synthesis.hand_process import HandHabits
from training.synthesis.motion import base_motion
from training.synthesis.performance import perform
from training.synthesis.sample import Sample, save_sample
from training.synthesis.scores import MIN_NOTES, Piece, Score, index_pieces, load_score
from training.synthesis.style import draw_player

FORMAT = 3
MOST_VARIATION = 0.8
"""Players finger the same notes differently; how differently is drawn up to this (`finger_notes`)."""


@dataclass(frozen=True, kw_only=True)
class SynthesisConfig:
    """What to synthesise."""

    hours: float
    seed: int = 0
    processes: int = 1
    fps: float = 30.0
    shortest_s: float = 45.0
    """Excerpts are at least this long in score time, if the piece is."""
    longest_s: float = 110.0

    def __post_init__(self) -> None:
        if not self.hours > 0:
            raise ValueError(f"hours is {self.hours}; it must be above 0")
        check_range("processes", self.processes, 1)
        check_range("seed", self.seed, 0)
        check_range("fps", self.fps, 10, 240)
        if not 5 <= self.shortest_s <= self.longest_s:
            raise ValueError(
                f"excerpts of {self.shortest_s} to {self.longest_s} s: 5 s or more, shortest first"
            )


def excerpt(score: Score, rng: np.random.Generator, shortest_s: float, longest_s: float) -> Score:
    """A random stretch of the score, from the onset of a chord; the whole score where it is short."""
    length = rng.uniform(shortest_s, longest_s)
    onsets = score.notes.onset_s
    latest = float(onsets[-1]) - 0.8 * length
    if latest <= onsets[0]:
        return score
    start = onsets[np.searchsorted(onsets, rng.uniform(float(onsets[0]), latest))]
    inside = (onsets >= start) & (onsets < start + length)
    notes = score.notes.select(inside)
    offset = np.minimum(notes.offset_s, start + length).astype(notes.offset_s.dtype)
    return Score(replace(notes, offset_s=offset), score.dropped)


def synthesise(
    score: Score, rng: np.random.Generator, *, tempo_known: bool = True, fps: float = 30.0
) -> Sample:
    """Perform a score and move the hands of a random player to it."""
    player = draw_player(rng)
    notes = perform(score, rng, tempo_known=tempo_known).shifted(rng.uniform(0.4, 2.0))
    duration = float(notes.offset_s.max()) + rng.uniform(0.5, 2.0)
    return move_hands(notes, player, duration, rng, fps)


def move_hands(
    notes: Notes,
    player: Player,
    duration_s: float,
    rng: np.random.Generator,
    fps: float = 30.0,
    habits: HandHabits | None = None,
) -> Sample:
    """A player's motion to notes that are all in a hand.

    Notes that the fingering leaves out are left out of the sample too, so that its notes are what its hands play.
    """
    variation, seed = rng.uniform(0.0, MOST_VARIATION), int(rng.integers(2**31))
    notes = finger_notes(notes, variation=variation, seed=seed)
    notes = notes.select(notes.played)
    assert notes.release_s is not None  # from finger_notes
    offset = np.clip(notes.release_s, notes.onset_s + 0.04, notes.offset_s).astype(notes.offset_s.dtype)
    notes = replace(notes, offset_s=offset, release_s=offset.astype(np.float64))
    motion = base_motion(notes, player, duration_s, rng, fps, habits)
    done = apply_contact(motion, notes, hand_size=player.hand_size, style=player.style)
    return Sample(done.motion, notes, player, tracked=False)


def shard_seed(seed: int, name: str, turn: int) -> list[int]:
    """Entropy of one shard: the run's seed, the piece, the how-manieth performance of it."""
    return [seed, zlib.crc32(name.encode()), turn]


def _one(task: tuple[Piece, int, Path, SynthesisConfig]) -> dict[str, Any]:
    """Make one shard; the entry for the index (``seconds`` 0 where the piece is not playable)."""
    piece, turn, out, config = task
    seed = shard_seed(config.seed, piece.name, turn)
    file = f"{piece.name}~{turn}.npz"
    entry: dict[str, Any] = {
        "file": file,
        "piece": piece.name,
        "composer": piece.composer,
        "split": piece.split,
    }
    entry |= {"turn": turn, "seed": seed}
    score = load_score(piece.path)
    if score is None:
        return entry | {"seconds": 0.0, "notes": 0}
    rng = np.random.default_rng(seed)
    part = excerpt(score, rng, config.shortest_s, config.longest_s)
    if len(part.notes) < MIN_NOTES // 2:
        return entry | {"seconds": 0.0, "notes": 0}
    sample = synthesise(part, rng, tempo_known=piece.tempo_known, fps=config.fps)
    save_sample(out / file, sample, piece.name, piece.split)
    return entry | {"seconds": sample.motion.frames / config.fps, "notes": len(sample.notes)}


def _tasks(
    pieces: list[Piece], config: SynthesisConfig, out: Path
) -> Iterator[tuple[Piece, int, Path, SynthesisConfig]]:
    """Endless: every piece once in an order drawn from the seed, then all again."""
    turn = 0
    while True:
        for k in np.random.default_rng([config.seed, turn]).permutation(len(pieces)):
            yield pieces[k], turn, out, config
        turn += 1


def _write_index(path: Path, config: SynthesisConfig, entries: list[dict[str, Any]], scores: Path) -> None:
    made = [entry for entry in entries if entry["seconds"] > 0]
    hours = {
        split: round(sum(entry["seconds"] for entry in made if entry["split"] == split) / 3600, 4)
        for split in ("train", "validation")
    }
    index = {
        "format": FORMAT,
        "scores": scores.name,
        "config": {k: v for k, v in asdict(config).items() if k != "processes"},
        "hours": hours,
        "shards": made,
        "unplayable": [{"piece": e["piece"], "turn": e["turn"]} for e in entries if e["seconds"] == 0],
    }
    write_text_whole(path, json.dumps(index, indent=1))


def _known(path: Path, config: SynthesisConfig) -> dict[tuple[str, int], dict[str, Any]]:
    """Entries of an earlier run with the same seed, by piece and turn.

    Raises:
        ValueError: when the folder was filled with another seed or other settings, or by an earlier version.
    """
    if not path.is_file():
        return {}
    index = json.loads(path.read_text(encoding="utf-8"))
    if index.get("format") != FORMAT:
        raise ValueError(f"{path.parent} holds shards of an earlier version; choose another folder")
    for key, value in asdict(config).items():
        if key not in ("hours", "processes") and index["config"].get(key) != value:
            found = index["config"].get(key)
            raise ValueError(
                f"{path.parent} holds shards made with {key} {found}, not {value}; choose another folder"
            )
    done = {(e["piece"], e["turn"]): e for e in index["shards"] if (path.parent / e["file"]).is_file()}
    for e in index["unplayable"]:
        done[e["piece"], e["turn"]] = e | {"seconds": 0.0, "split": "train", "notes": 0}
    return done


def quiet_process() -> None:
    """One thread each: the processes are the threads."""
    torch.set_num_threads(1)


def build(scores: Path, out: Path, config: SynthesisConfig, *, say: bool = True) -> Path:
    """Fill ``out`` with shards until they last ``config.hours``; returns the path of the index.

    Stops early when no piece of a whole turn was playable.
    """
    pieces = index_pieces(scores)
    out.mkdir(parents=True, exist_ok=True)
    index_path = out / "index.json"
    known = _known(index_path, config)
    entries: list[dict[str, Any]] = []
    seconds, fresh_seconds, started, silent = 0.0, 0.0, time.monotonic(), 0
    todo = _tasks(pieces, config, out)
    with multiprocessing.get_context("spawn").Pool(config.processes, quiet_process) as pool:
        while seconds < config.hours * 3600 and silent < len(pieces):
            batch = [next(todo) for _ in range(8 * config.processes)]
            new = [task for task in batch if (task[0].name, task[1]) not in known]
            results = {(e["piece"], e["turn"]): e for e in pool.imap(_one, new)}
            for task in batch:
                key = (task[0].name, task[1])
                entry = results.get(key) or known[key]
                entries.append(entry)
                seconds += entry["seconds"]
                silent = 0 if entry["seconds"] else silent + 1
            fresh_seconds += sum(e["seconds"] for e in results.values())
            _write_index(index_path, config, entries, scores)
            if say and new:
                rate = fresh_seconds / (time.monotonic() - started)
                left = max(config.hours * 3600 - seconds, 0) / max(rate, 1e-9)
                print(f"{seconds / 3600:.2f} of {config.hours:g} h, {rate:.0f} times real time,", end=" ")
                print(f"{left / 60:.1f} min left", flush=True)
    return index_path
