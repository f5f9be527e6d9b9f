# SPDX-License-Identifier: GPL-3.0-or-later
"""A small folder with the layout of PianoMotion10M, made up, damaged clips included."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from models.body.notes import Notes
from models.music.midi import write_midi

SECONDS = 4.0
NOTES = Notes.from_arrays(
    np.array([[0.5 * i, 0.5 * i + 0.4, 48 + i % 30, 60] for i in range(40)], np.float32)
)


def rows_of(rng: np.random.Generator, fps: float, seconds: float = SECONDS) -> np.ndarray:
    """(F, 2, 62) smooth motion; frame 10 of the left hand is invalid."""
    t = np.arange(round(seconds * fps)) / fps
    rows = np.zeros((len(t), 2, 62))
    waves = rng.normal(0, 0.2, (2, 62)) * np.sin(2 * np.pi * 0.3 * t[:, None, None] + rng.random((2, 62)) * 6)
    rows += waves
    rows[..., 0] = 1.0
    rows[..., 1:4] += [0.1, 0.35, 24.0]
    rows[10, 0, 0] = 0.0
    return np.round(rows, 4)


def write_clip(
    root: Path, uploader: str, video: str, number: int, *, fps: float = 30.0, seed: int = 0
) -> Path:
    """One clip with its sound; returns the annotation's path."""
    name = f"{video}_seq_{number:04d}"
    annotation = root / "annotation" / uploader / video / f"{name}.json"
    audio = root / "audio" / uploader / video / f"{name}.mp3"
    annotation.parent.mkdir(parents=True, exist_ok=True)
    audio.parent.mkdir(parents=True, exist_ok=True)
    rows = rows_of(np.random.default_rng((seed, number)), fps)
    start = round(number * SECONDS * fps)
    head = {
        "up": uploader,
        "bv": video,
        "frame_num": 5000,
        "fps": fps,
        "fx": 25000.0,
        "height": 720,
        "width": 1280,
    }
    head |= {"adjust": [-0.05, -0.27, -3.2], "start_frame": start, "end_frame": start + len(rows)}
    annotation.write_text(json.dumps(head | {"left": rows[:, 0].tolist(), "right": rows[:, 1].tolist()}))
    t = np.arange(round(SECONDS * 22050)) / 22050
    soundfile.write(audio, 0.3 * np.sin(2 * np.pi * (200 + 50 * number) * t), 22050, format="MP3")
    return annotation


def build(root: Path) -> Path:
    """Videos: good (two clips), fast (60 fps), bad (broken JSON, cut sound, NaN, wrong columns), one without clips."""
    for number in (0, 1):
        write_clip(root, "1467634", "BVgood", number)
    write_clip(root, "66685747", "BVfast", 0, fps=60.0, seed=1)
    broken = [write_clip(root, "7", "BVbad", number, seed=2) for number in range(4)]
    broken[0].write_text(broken[0].read_text()[:5000])
    sound = root / "audio" / "7" / "BVbad" / "BVbad_seq_0001.mp3"
    sound.write_bytes(sound.read_bytes()[:4000])
    data = json.loads(broken[2].read_text())
    data["left"][3][20] = float("nan")
    broken[2].write_text(json.dumps(data))
    data = json.loads(broken[3].read_text())
    data["right"] = [row[1:] for row in data["right"]]
    broken[3].write_text(json.dumps(data))
    for uploader, video in (("1467634", "BVgood"), ("66685747", "BVfast")):
        (root / "midi" / uploader).mkdir(parents=True, exist_ok=True)
        write_midi(root / "midi" / uploader / f"{video}.mid", NOTES)
    (root / "train.txt").write_text("1467634 BVgood\n66685747 BVfast\n7 BVbad\n")
    (root / "valid.txt").write_text("66685747 BVfast\n")
    (root / "test.txt").write_text("1467634 BVnone\n")
    return root
