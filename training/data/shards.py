# SPDX-License-Identifier: GPL-3.0-or-later
"""Training pieces in memory and random windows of them.

A folder of shards (`python -m training synthesise`, `recorded`) holds `.npz` files, one performance each: `euler`
(F, 2, 16, 3) radians, `wrist` (F, 2, 3) metres, `notes` (n, 4), `fingering` (n, 2) hand and finger, -1 unknown,
`style` (2, S) what networks are told of each hand's player (`Player.vector`), `fps`; and `index.json`, which says for
each file whether it is for training or for validation (split by composer, so that no piece is in both).

The random choices of training step s depend on (seed, s) only: a run that was interrupted goes on exactly as
if it had not been. Axes: B batch, H = 2 hands, T frames of the window, F frames of the piece.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body.keyboard import KEYS, LOWEST_PITCH, MIRROR_PITCH_SUM
from models.body.notes import Notes
from models.body.player import PLAYER_FEATURES, STYLES
from models.body.skeleton import LEFT, RIGHT
from models.checks import check_choice
from models.conditioning.finger_features import PLAN_CHANNELS, X_NEXT, X_NOW, finger_plan
from models.conditioning.hand_space import REFLECTION_X, mirror_wrist
from models.music.notes import note_rolls

INDEX_FILE = "index.json"
TOLD = len(STYLES) + len(PLAYER_FEATURES)
"""Numbers that networks can be told of each hand's player."""
SPLITS = ("train", "validation")
_ROLL_SCALE = 255.0


@dataclass(frozen=True)
class Piece:
    """One performance."""

    name: str
    euler: NDArray[np.float16]
    """(F, 2, 48) radians."""
    wrist: NDArray[np.float32]
    """(F, 2, 3) metres, piano frame."""
    rolls: NDArray[np.uint8]
    """(3, F, 88, 2), 255 for 1.0: onset and sustain of all, of the left and of the right hand's notes."""
    plan: NDArray[np.float16]
    """(F, 2, 5, PLAN_CHANNELS) the finger plan."""
    style: NDArray[np.float32]
    """(2, S)"""

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.wrist)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Windows of performances, float32. What a source does not have is None."""

    euler: Tensor
    """[B, 2, T, 48] radians, in the representation that the model's configuration names."""
    wrist: Tensor
    """[B, 2, T, 3] metres."""
    valid: Tensor
    """[B, 2, T] bool: frames in which the hand was seen."""
    style: Tensor
    """[B, 2, S] what is told of each hand's player; S may be 0."""
    sounds: Tensor | None = None
    """[B, 3, T, 88, 2] rolls of all, of the left, of the right hand's known notes."""
    plan: Tensor | None = None
    """[B, 2, T, 5, PLAN_CHANNELS], X in metres of the piano frame."""
    audio: Tensor | None = None
    """[B, samples] at 16 kHz, mono."""
    features: Tensor | None = None
    """[B, 2, T, C] what a frozen audio encoder made of the sound."""

    def map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with every tensor that is there changed."""
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        changed: dict[str, Any] = {
            name: None if part is None else change(part) for name, part in parts.items()
        }
        return Batch(**changed)

    def to(self, device: torch.device) -> Batch:
        """The batch on another device."""
        return self.map(lambda part: part.to(device))

    def __len__(self) -> int:
        return len(self.euler)


EVERY = slice(None)


class WindowSource(Protocol):
    """Where training windows come from."""

    @property
    def hours(self) -> float:
        """Hours of motion behind the windows."""

    def batch(self, rng: np.random.Generator, size: int, rows: slice = EVERY) -> Batch:
        """The windows `rows` of a batch of `size` that `rng` chooses.

        The choices for all `size` windows are drawn, so that processes which share a batch agree on it; only `rows`
        are read and returned.
        """


@dataclass(frozen=True)
class ShardSource:
    """Windows of pieces in memory; the list may grow."""

    pieces: Sequence[Piece]
    frames: int
    fps: float
    hint_dropout: float = 0.0
    mirror: bool = False

    @property
    def hours(self) -> float:
        """Length of all pieces together, hours."""
        return sum(piece.frames for piece in self.pieces) / self.fps / 3600

    def batch(self, rng: np.random.Generator, size: int, rows: slice = EVERY) -> Batch:
        """See `WindowSource.batch`."""
        return random_batch(
            self.pieces,
            rng,
            size=size,
            frames=self.frames,
            hint_dropout=self.hint_dropout,
            mirror=self.mirror,
            rows=rows,
        )


def piece_rolls(notes: Notes, fps: float, frames: int) -> NDArray[np.uint8]:
    """The three rolls of a piece, quantised to 8 bits."""
    groups = (notes, *(notes.select(notes.hand == hand) for hand in (LEFT, RIGHT)))
    rolls = np.stack([note_rolls(group, fps, 0, frames) for group in groups])
    return np.round(np.clip(rolls, 0, 1) * _ROLL_SCALE).astype(np.uint8)


def read_piece(path: Path, *, fps: float) -> Piece:
    """Read one shard; `ValueError` where its arrays do not fit or are not finite."""
    with np.load(path, allow_pickle=False) as shard:
        euler, wrist = shard["euler"], shard["wrist"].astype(np.float32)
        if float(shard["fps"]) != fps:
            raise ValueError(f"{path.name} has {float(shard['fps'])} frames a second; the model wants {fps}")
        frames = len(wrist)
        if euler.shape != (frames, 2, 16, 3) or wrist.shape != (frames, 2, 3):
            raise ValueError(
                f"{path.name}: euler {euler.shape} and wrist {wrist.shape} do not fit each other"
            )
        style = shard["style"].astype(np.float32)
        if style.shape != (2, TOLD):
            raise ValueError(f"{path.name} was made by an earlier version; synthesise the shards again")
        if not (np.isfinite(euler).all() and np.isfinite(wrist).all()):
            raise ValueError(f"{path.name} holds numbers that are not finite")
        notes = Notes.from_arrays(shard["notes"].astype(np.float32), shard["fingering"])
        rolls = piece_rolls(notes, fps, frames)
        return Piece(
            path.stem,
            euler.reshape(frames, 2, 48).astype(np.float16),
            wrist,
            rolls,
            finger_plan(notes, fps, 0, frames).astype(np.float16),
            style,
        )


def shard_paths(folder: Path, split: str) -> list[Path]:
    """The shards of one split, in the order of their names."""
    check_choice("split", split, SPLITS)
    index = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
    paths = sorted(folder / entry["file"] for entry in index["shards"] if entry["split"] == split)
    if not paths:
        raise ValueError(f"{folder / INDEX_FILE} lists no shards for {split}; synthesise some first")
    return paths


def read_pieces(folder: Path, split: str, *, fps: float, limit: int = 0) -> list[Piece]:
    """All pieces of one split (`limit` > 0: at most that many, spread evenly over the list)."""
    paths = shard_paths(folder, split)
    if limit and limit < len(paths):
        paths = [paths[i] for i in np.linspace(0, len(paths) - 1, limit).round().astype(int)]
    return [read_piece(path, fps=fps) for path in paths]


def extend_pieces(pieces: list[Piece], folder: Path, split: str, *, fps: float) -> None:
    """Append the shards that came to `folder` since `pieces` was read."""
    have = {piece.name for piece in pieces}
    pieces.extend(read_piece(path, fps=fps) for path in shard_paths(folder, split) if path.stem not in have)


def random_batch(
    pieces: Sequence[Piece],
    rng: np.random.Generator,
    *,
    size: int,
    frames: int,
    hint_dropout: float = 0.0,
    mirror: bool = False,
    rows: slice = EVERY,
) -> Batch:
    """`size` windows of `frames` frames, every second of music equally likely; `rows` of them are made.

    hint_dropout: share of the windows in which the rolls do not say which hand plays a note. mirror: reflect half of
    them (for models whose hands do not share weights; the others see every window mirrored anyway).
    """
    weights = np.array([piece.frames for piece in pieces], dtype=float)
    picks = rng.choice(len(pieces), size, p=weights / weights.sum())
    starts = [int(rng.integers(0, max(pieces[pick].frames - frames, 0) + 1)) for pick in picks]
    unhinted = (rng.random(size) < hint_dropout)[rows]
    mirrored = (rng.random(size) < 0.5)[rows] if mirror else None
    chosen = list(zip(picks[rows], starts[rows]))
    size = len(chosen)
    sounds = np.zeros((size, 3, frames, KEYS, 2), np.float32)
    euler, wrist = np.zeros((size, 2, frames, 48), np.float32), np.zeros((size, 2, frames, 3), np.float32)
    plan = np.zeros((size, 2, frames, 5, PLAN_CHANNELS), np.float32)
    for i, (pick, start) in enumerate(chosen):
        piece = pieces[pick]
        rolls = piece.rolls[:, start : start + frames]
        sounds[i, :, : rolls.shape[1]] = rolls / np.float32(_ROLL_SCALE)
        span = np.minimum(
            np.arange(start, start + frames), piece.frames - 1
        )  # a short piece holds its last pose
        euler[i], wrist[i] = piece.euler[span].swapaxes(0, 1), piece.wrist[span].swapaxes(0, 1)
        plan[i] = piece.plan[span].swapaxes(0, 1)
    sounds[unhinted, 1:] = 0.0
    batch = Batch(
        euler=torch.from_numpy(euler),
        wrist=torch.from_numpy(wrist),
        valid=torch.ones(size, 2, frames, dtype=torch.bool),
        style=torch.from_numpy(np.stack([pieces[pick].style for pick, _ in chosen])),
        sounds=torch.from_numpy(sounds),
        plan=torch.from_numpy(plan),
    )
    return batch if mirrored is None else _mirror_some(batch, torch.from_numpy(mirrored))


def mirror_batch(batch: Batch) -> Batch:
    """The reflection about D4 of windows of pieces, hands swapped; notes that fall off the keyboard are dropped."""
    if batch.sounds is None or batch.plan is None:
        raise ValueError("only windows with notes and a finger plan can be mirrored")
    sounds = torch.zeros_like(batch.sounds)
    keys = torch.arange(KEYS)
    image = MIRROR_PITCH_SUM - 2 * LOWEST_PITCH - keys
    inside = (image >= 0) & (image < KEYS)
    sounds[..., image[inside], :] = batch.sounds[..., keys[inside], :]
    plan = batch.plan.flip(1).clone()
    for channel in (X_NOW, X_NEXT):
        plan[..., channel] = 2 * REFLECTION_X - plan[..., channel]
    return Batch(
        euler=batch.euler.flip(1) * batch.euler.new_tensor([1.0, -1.0, -1.0] * 16),
        wrist=mirror_wrist(batch.wrist.flip(1)),
        valid=batch.valid.flip(1),
        style=batch.style.flip(1),  # with its side: in a mirror a right hand still lies like one
        sounds=sounds[:, [0, 2, 1]],
        plan=plan,
    )


def _mirror_some(batch: Batch, chosen: Tensor) -> Batch:
    mirrored = mirror_batch(batch)

    def pick(name: str) -> Tensor:
        there, here = getattr(mirrored, name), getattr(batch, name)
        return torch.where(chosen.view(-1, *[1] * (here.ndim - 1)), there, here)

    names = ("euler", "wrist", "valid", "style", "sounds", "plan")
    return Batch(**{name: pick(name) for name in names})
