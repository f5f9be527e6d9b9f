# SPDX-License-Identifier: GPL-3.0-or-later
"""A file like PianoMime's, small and made up: hands that sway over their keys and press one finger after another."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.body.keyboard import key_x
from training.synthesis.real_notes import REAL_FPS


def write_real_file(path: Path, excerpts: int = 4, seconds: int = 14, seed: int = 0) -> None:
    """Excerpts end to end; the first half second of each is the rest pose."""
    rng, points = np.random.default_rng(seed), []
    frames = int(seconds * REAL_FPS)
    time = np.arange(frames) / REAL_FPS
    for _ in range(excerpts):
        part = np.zeros((frames, 2, 6, 3), np.float32)
        part[..., 2] = 0.045
        for hand, side in ((0, -1.0), (1, 1.0)):
            sway = 0.02 * np.sin(2 * np.pi * (0.3 * time + rng.uniform()))
            wrist = np.stack([side * 0.2 + sway, np.full(frames, -0.08)], 1)
            part[:, hand, 0, :2] = wrist
            for finger in range(5):
                own = 0.004 * np.sin(2 * np.pi * ((1 + 0.1 * finger) * time + rng.uniform()))
                part[:, hand, 1 + finger, 0] = wrist[:, 0] + side * (finger - 2) * 0.0235 + own
                part[:, hand, 1 + finger, 1] = 0.04 + own
            for k in range(1, 2 * seconds - 1):
                on, finger = slice(10 * k, 10 * k + 8), k % 5
                pitch = 64 + hand * 10 + int(rng.integers(0, 3))
                part[on, hand, 1 + finger, 0] = key_x(pitch)
                part[on, hand, 1 + finger, 2] = 0.005
        part[:10, ..., 2] = 0.2
        points.append(part)
    ends = frames * np.arange(1, excerpts + 1)
    np.savez(path, points=np.concatenate(points), episode_ends=ends.astype(np.int32), fps=REAL_FPS)
