# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips from folders: our takes and training shards (`.npz`), or PianoMotion10M annotation (`annotation/**/*.json`).

Takes and shards hold Euler angles of bone frames and the wrist in the piano frame; the data set holds MANO's axis-angle
numbers and camera positions. The two do not compare: export takes in the data set's format first.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.body.resampling import frame_count, resample
from training.data.pianomotion.clip import BadClip, read_annotation
from training.metrics.clips import Clip

FPS = 30.0
"""Clips are brought to the rate of the data set and of the released evaluation."""
SHARD_INDEX = "index.json"
ANNOTATION = "annotation"


def clip_files(folder: Path, split: str | None = None) -> dict[str, Path]:
    """Names (path below the folder without ending) and files of what can be read; `ValueError` for nothing.

    split: of a folder of shards, or of a data set with `train.txt`, `valid.txt`, `test.txt`; None takes all.
    """
    if (folder / ANNOTATION).is_dir():
        root = folder / ANNOTATION
        files = _listed(folder, split) if split else sorted(root.rglob("*.json"))
    else:
        root = folder
        files = sorted(path for path in folder.rglob("*.npz"))
        if split and (folder / SHARD_INDEX).is_file():
            index = json.loads((folder / SHARD_INDEX).read_text(encoding="utf-8"))
            chosen = {entry["file"] for entry in index["shards"] if entry["split"] == split}
            files = [path for path in files if path.name in chosen]
    if not files:
        raise ValueError(
            f"{folder} holds no takes (.npz) and no {ANNOTATION} folder" + (f" ({split})" if split else "")
        )
    return {str(path.relative_to(root).with_suffix("")): path for path in files}


def _listed(folder: Path, split: str) -> list[Path]:
    listing = folder / {"train": "train.txt", "validation": "valid.txt", "test": "test.txt"}[split]
    videos = [line.split() for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        path for up, video in videos for path in sorted((folder / ANNOTATION / up / video).glob("*.json"))
    ]


def read_clip(path: Path, name: str = "") -> Clip:
    """One whole take, shard or annotation at 30 fps; `ValueError` or `KeyError` for a file that is none."""
    clip = _from_annotation(path, name) if path.suffix == ".json" else _from_arrays(path, name)
    if np.isclose(clip.fps, FPS):
        return clip
    frames = max(frame_count(clip.frames / clip.fps, FPS), 1)
    nearest = np.minimum(np.round(np.arange(frames) * clip.fps / FPS).astype(int), clip.frames - 1)
    pose, position = (resample(part, clip.fps, FPS, frames) for part in (clip.pose, clip.position))
    return Clip(pose, position, FPS, clip.valid[nearest], name)


def _from_arrays(path: Path, name: str) -> Clip:
    with np.load(path, allow_pickle=False) as data:
        euler, wrist, fps = data["euler"], data["wrist"], float(data["fps"])
    return Clip(euler.reshape(len(euler), 2, 48).astype(np.float32), wrist.astype(np.float32), fps, name=name)


def _from_annotation(path: Path, name: str) -> Clip:
    try:
        stored = read_annotation(path)
    except BadClip as error:
        raise ValueError(f"{path.name} cannot be used: {error}") from error
    return Clip(stored.pose, stored.position, stored.fps, stored.valid, name)


def read_pairs(
    real: Path, generated: Path, cut_one: Callable[[Clip], list[Clip]]
) -> tuple[list[Clip], list[Clip], list[str]]:
    """Windows of what both folders hold under one name, cut alike, and the names that only one of them holds.

    The longer one of a pair is cut to the shorter.
    """
    if (real / ANNOTATION).is_dir() != (generated / ANNOTATION).is_dir():
        raise ValueError(
            "one folder holds MANO annotation, the other takes in bone frames; "
            "export the takes in the data set's format"
        )
    files = clip_files(real), clip_files(generated)
    shared = [name for name in files[0] if name in files[1]]
    sides: tuple[list[Clip], list[Clip]] = ([], [])
    for name in shared:
        pair = [read_clip(side[name], name) for side in files]
        frames = min(clip.frames for clip in pair)
        for side, clip in zip(sides, pair):
            whole = Clip(clip.pose[:frames], clip.position[:frames], clip.fps, clip.valid[:frames], name)
            side.extend(cut_one(whole))
    return *sides, sorted(set(files[0]) ^ set(files[1]))
