# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of synthesised motion beside those of real pianists (PianoMime fingertip paths; X and Y alone are real).

Wrist speed percentiles, wrist Y, the fingertip's offset from the wrist while it presses and while it does not, how much
of the pressing each finger does (in frames), the pooled real-motion distance and anticipation. The repertoires differ:
scores of the 18th to the 20th century here, mostly arrangements of songs there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import size_factor
from models.body.skeleton import FINGERS
from models.evaluation.anticipation import anticipation
from models.evaluation.real_motion_distance import distance_to_real, take_features
from training.data.baselines import baselines
from training.data.fit_real_motion import excerpt_features

REAL_FPS = 20.0
REAL_PRESS_M, REAL_REST_M = 0.02, 0.1
"""Heights in the data set: below the first a finger presses, above the second it is in the rest pose at the start."""
SPEED_PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Body:
    """Frames of many pieces at ``REAL_FPS``, pooled."""

    speeds: NDArray[np.float64]
    """Wrist speeds in X and Y of both hands, m/s."""
    wrist_y: NDArray[np.float64]
    """Metres, both hands."""
    offsets: NDArray[np.float64]
    """(F, 2, 5, 2) fingertip minus wrist, in right-hand terms, m."""
    tip_y: NDArray[np.float64]
    """(F, 2, 5) metres."""
    pressing: NDArray[np.bool_]
    """(F, 2, 5)"""


@dataclass(frozen=True)
class Figures:
    """What is compared."""

    speed: NDArray[np.float64]
    """(3,) wrist speed in X and Y, m/s, at ``SPEED_PERCENTILES``."""
    wrist_y: NDArray[np.float64]
    """(3,) 5th, 50th, 95th percentile, m."""
    offsets: NDArray[np.float64]
    """(5, 2) median fingertip minus wrist while pressing, in right-hand terms, m."""
    idle: NDArray[np.float64]
    """(5, 2) the same of fingers that do not press."""
    shares: NDArray[np.float64]
    """(5,) share of the pressing."""


@dataclass(frozen=True)
class ShardFigures:
    """Shards alone can say these."""

    body: Body
    distance: float | None
    """Pooled real-motion distance."""
    early: float
    """Share of the onsets, where the tempo allows it, whose finger is above its key early."""


def body_of(
    wrists: list[NDArray[Any]], tips: list[NDArray[Any]], pressing: list[NDArray[Any]], fps: float
) -> Body:
    """A body of motion.

    Args:
        wrists: of each piece (F, 2, 2 or 3) m. tips: (F, 2, 5, 2 or 3) m. pressing: bool (F, 2, 5).
        fps: frames a second of all.
    """
    speeds = [np.linalg.norm(np.diff(w[..., :2], axis=0), axis=-1).ravel() * fps for w in wrists]
    offset = np.concatenate([t[..., :2] - w[:, :, None, :2] for w, t in zip(wrists, tips, strict=True)])
    offset[:, 0, :, 0] *= -1
    return Body(
        np.concatenate(speeds),
        np.concatenate([w[..., 1].ravel() for w in wrists]),
        offset,
        np.concatenate([t[..., 1] for t in tips]),
        np.concatenate(pressing),
    )


def figures(body: Body) -> Figures:
    """Figures of a body of motion; NaN where a finger never presses (rests)."""
    places = np.full((2, 5, 2), np.nan)
    for k, chosen in enumerate((body.pressing, ~body.pressing)):
        for f in np.flatnonzero(chosen.any((0, 1))):
            places[k, f] = np.median(body.offsets[:, :, f][chosen[:, :, f]], axis=0)
    counts = body.pressing.sum((0, 1))
    return Figures(
        np.percentile(body.speeds, SPEED_PERCENTILES),
        np.percentile(body.wrist_y, (5, 50, 95)),
        places[0],
        places[1],
        counts / max(counts.sum(), 1),
    )


def of_shards(folder: Path, limit: int) -> ShardFigures:
    """Figures of at most ``limit`` shards, spread evenly, resampled to the rate of the real data.

    Raises:
        FileNotFoundError: when the folder has no index. ValueError: when it lists no shard.
    """
    files = [
        entry["file"] for entry in json.loads((folder / "index.json").read_text(encoding="utf-8"))["shards"]
    ]
    if not files:
        raise ValueError(f"{folder} lists no shards; synthesise some first")
    wrists, tips, pressing, features = [], [], [], []
    met, counted = 0.0, 0
    for file in files[:: max(len(files) // max(limit, 1), 1)][:limit]:
        with np.load(folder / file, allow_pickle=False) as data:
            fps, notes = float(data["fps"]), Notes.from_arrays(data["notes"], data["fingering"])
            euler, wrist = data["euler"].astype(np.float32), data["wrist"]
            size = size_factor(float(data["style"][0, 0]))
        points = forward_kinematics(torch.from_numpy(euler), torch.from_numpy(wrist), size).tips.numpy()
        features.append(take_features(Motion(euler, wrist, fps), points))
        early = anticipation(points, notes, fps)
        met, counted = met + early.share * early.counted, counted + early.counted
        frame = np.unique(np.round(np.arange(0, (len(wrist) - 1) / fps, 1 / REAL_FPS) * fps).astype(int))
        time = frame / fps
        down = np.zeros((len(frame), 2, 5), bool)
        for onset, offset, hand, finger in zip(
            notes.onset_s, notes.offset_s, notes.hand, notes.finger, strict=True
        ):
            if finger >= 0:
                down[(time >= onset) & (time < offset), hand, finger] = True
        wrists.append(wrist[frame])
        tips.append(points[frame])
        pressing.append(down)
    body = body_of(wrists, tips, pressing, REAL_FPS)
    return ShardFigures(body, distance_to_real(np.concatenate(features)), met / max(counted, 1))


def of_real(path: Path) -> Body:
    """The PianoMime paths, without the rest pose at the start of each excerpt."""
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
    return body_of(wrists, tips, pressing, REAL_FPS)


def compare(shards: Path, real: Path | None, limit: int = 60, plots: Path | None = None) -> str:
    """A table of both, the shards alone where no real data is given; pictures go into ``plots``."""
    made = of_shards(shards, limit)
    bodies = [("synthesised", made.body)]
    if real is not None:
        bodies.append(("real", of_real(real)))
    columns = [(name, figures(body)) for name, body in bodies]
    rows = [("", *(name for name, _ in columns))]
    for k, p in enumerate(SPEED_PERCENTILES):
        rows.append((f"wrist speed p{p}, m/s", *(f"{f.speed[k]:.3f}" for _, f in columns)))
    for k, p in enumerate((5, 50, 95)):
        rows.append((f"wrist y p{p}, m", *(f"{f.wrist_y[k]:+.3f}" for _, f in columns)))
    for k, name in enumerate(FINGERS):
        for state in ("offsets", "idle"):
            label = "pressing" if state == "offsets" else "idle"
            places = (getattr(f, state)[k] for _, f in columns)
            rows.append((f"{name} x, y {label}, m", *(f"{x:+.3f} {y:+.3f}" for x, y in places)))
        rows.append((f"{name} share of pressing", *(f"{f.shares[k]:.2f}" for _, f in columns)))
    lines = [f"{row[0]:28}" + "".join(f"{cell:>18}" for cell in row[1:]) for row in rows]
    lines.append(f"early over the key where the tempo allows: {made.early:.3f} of the onsets")
    distance = "too short" if made.distance is None else f"{made.distance:.3f}"
    lines.append(f"real-motion distance, pooled: {distance}")
    if real is not None:
        lines += baselines(excerpt_features(real)).lines()
    if plots is not None:
        from training.synthesis.plots import draw  # matplotlib is for this alone

        lines.extend(f"wrote {path}" for path in draw(bodies, plots))
    return "\n".join(lines)
