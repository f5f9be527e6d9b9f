# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of synthesised motion beside those of real pianists (PianoMime fingertip paths; X and Y alone are real).

Wrist speed percentiles, wrist Y, the fingertip's offset from the wrist while it presses, and how much of the
pressing each finger does (in frames).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.kinematics import forward_kinematics
from models.skeleton import FINGERS

REAL_FPS = 20.0
REAL_PRESS_M, REAL_REST_M = 0.02, 0.1
"""Heights in the data set: below the first a finger presses, above the second it is in the rest pose at the start."""
SPEED_PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Figures:
    """What is compared."""

    speed: NDArray[np.float64]
    """(3,) wrist speed in X and Y, m/s, at ``SPEED_PERCENTILES``."""
    wrist_y: NDArray[np.float64]
    """(3,) 5th, 50th, 95th percentile, m."""
    offsets: NDArray[np.float64]
    """(5, 2) median fingertip minus wrist while pressing, in right-hand terms, m."""
    shares: NDArray[np.float64]
    """(5,) share of the pressing."""


def figures(wrists: list[NDArray], tips: list[NDArray], pressing: list[NDArray], fps: float) -> Figures:
    """Figures of a body of motion.

    Args:
        wrists: of each piece (F, 2, 2 or 3) m. tips: (F, 2, 5, 2 or 3) m. pressing: bool (F, 2, 5).
        fps: frames a second of all.
    """
    speeds = [np.linalg.norm(np.diff(w[..., :2], axis=0), axis=-1).ravel() * fps for w in wrists]
    offset = np.concatenate([t[..., :2] - w[:, :, None, :2] for w, t in zip(wrists, tips, strict=True)])
    offset[:, 0, :, 0] *= -1
    down = np.concatenate(pressing)
    medians = np.full((5, 2), np.nan)
    for f in np.flatnonzero(down.any((0, 1))):
        medians[f] = np.median(offset[:, :, f][down[:, :, f]], axis=0)
    counts = down.sum((0, 1))
    return Figures(
        np.percentile(np.concatenate(speeds), SPEED_PERCENTILES),
        np.percentile(np.concatenate([w[..., 1].ravel() for w in wrists]), (5, 50, 95)),
        medians,
        counts / max(counts.sum(), 1),
    )


def of_shards(folder: Path, limit: int) -> Figures:
    """Figures of at most ``limit`` shards, spread evenly, resampled to the rate of the real data.

    Raises:
        FileNotFoundError: when the folder has no index. ValueError: when it lists no shard.
    """
    files = [
        entry["file"] for entry in json.loads((folder / "index.json").read_text(encoding="utf-8"))["shards"]
    ]
    if not files:
        raise ValueError(f"{folder} lists no shards; synthesise some first")
    wrists, tips, pressing = [], [], []
    for file in files[:: max(len(files) // max(limit, 1), 1)][:limit]:
        with np.load(folder / file, allow_pickle=False) as data:
            fps, notes, fingering = float(data["fps"]), data["notes"], data["fingering"].astype(int)
            euler, wrist, size = data["euler"], data["wrist"], 1 + 0.1 * float(data["style"][0])
        frame = np.unique(np.round(np.arange(0, (len(wrist) - 1) / fps, 1 / REAL_FPS) * fps).astype(int))
        time = frame / fps
        pose = forward_kinematics(
            torch.from_numpy(euler[frame].astype(np.float32)),
            torch.from_numpy(wrist[frame].astype(np.float32)),
            size,
        )
        down = np.zeros((len(frame), 2, 5), bool)
        for (onset, offset), (hand, finger) in zip(notes[:, :2], fingering, strict=True):
            down[(time >= onset) & (time < offset), hand, finger] = True
        wrists.append(wrist[frame])
        tips.append(pose.tips.numpy())
        pressing.append(down)
    return figures(wrists, tips, pressing, REAL_FPS)


def of_real(path: Path) -> Figures:
    """Figures of the PianoMime paths, without the rest pose at the start of each excerpt."""
    with np.load(path, allow_pickle=False) as data:
        points, ends = data["points"], data["episode_ends"]
    wrists, tips, pressing = [], [], []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        part = points[start:end]
        part = part[(part[:, :, 1:, 2] < REAL_REST_M).all((1, 2))]
        if len(part) > 1:
            wrists.append(part[:, :, 0])
            tips.append(part[:, :, 1:])
            pressing.append(part[:, :, 1:, 2] < REAL_PRESS_M)
    return figures(wrists, tips, pressing, REAL_FPS)


def compare(shards: Path, real: Path | None, limit: int = 60) -> str:
    """A table of both; the shards alone where no real data is given."""
    columns = [("shards", of_shards(shards, limit))]
    if real is not None:
        columns.append(("real", of_real(real)))
    rows = [("", *(name for name, _ in columns))]
    for k, p in enumerate(SPEED_PERCENTILES):
        rows.append((f"wrist speed p{p}, m/s", *(f"{f.speed[k]:.3f}" for _, f in columns)))
    rows += [
        (f"wrist y p{p}, m", *(f"{f.wrist_y[k]:+.3f}" for _, f in columns)) for k, p in enumerate((5, 50, 95))
    ]
    for k, name in enumerate(FINGERS):
        places = (f"{f.offsets[k, 0]:+.3f} {f.offsets[k, 1]:+.3f}" for _, f in columns)
        rows.append((f"{name} x, y from wrist, m", *places))
        rows.append((f"{name} share of pressing", *(f"{f.shares[k]:.2f}" for _, f in columns)))
    return "\n".join(f"{row[0]:28}" + "".join(f"{cell:>18}" for cell in row[1:]) for row in rows)
