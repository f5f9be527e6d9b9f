# SPDX-License-Identifier: GPL-3.0-or-later
"""What a row of the tables is measured by: the field's figures, ours, and how well the hands go together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import LOWEST_PITCH
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import size_factor
from models.body.take import Take
from models.music.notes import ONSET, SUSTAIN
from training.evaluation.figures import measure, summary
from training.metrics import Clip, compare
from training.metrics.embedding import EmbeddingNet
from training.tables.generate import Sampled

_OURS = ("onset_f1_pooled", "frame_f1", "hands_colliding", "outside_limits", "real_motion_distance")
_MOVING_M_S = 1e-9


def notes_from_rolls(rolls: NDArray[np.floating[Any]], fps: float) -> Notes:
    """The notes that `models.music.notes.note_rolls` makes rolls (T, 88, 2) of, sorted by onset.

    Exact to the rolls' resolution, but for notes of one key whose onsets are less than two frames apart.
    """
    notes = []
    for key in range(rolls.shape[1]):
        onset, sustain = rolls[:, key, ONSET], rolls[:, key, SUSTAIN]
        frame, starts = 0, []
        while frame < len(onset):
            if onset[frame] > 0:
                after = onset[frame + 1] if frame + 1 < len(onset) else 0.0
                starts.append((frame + after / (onset[frame] + after), 127 * (onset[frame] + after)))
                frame += 1
            frame += 1
        for i, (start, velocity) in enumerate(starts):
            end = starts[i + 1][0] if i + 1 < len(starts) else len(onset)
            first = int(np.ceil(start))
            silent = np.flatnonzero(sustain[first + 1 : int(np.ceil(end))] == 0)
            stop = first + 1 + silent[0] if len(silent) else end
            notes.append((start / fps, stop / fps, key + LOWEST_PITCH, velocity))
    return Notes.from_arrays(np.array(sorted(notes), np.float32).reshape(-1, 4))


def clips_of(sampled: list[Sampled], fps: float) -> tuple[list[Clip], list[Clip]]:
    """Real and generated clips, window by window."""
    real: list[Clip] = []
    generated: list[Clip] = []
    for part in sampled:
        valid = part.batch.valid.transpose(1, 2).numpy()
        for side, euler, wrist in (
            (real, part.batch.euler, part.batch.wrist),
            (generated, part.euler, part.wrist),
        ):
            pairs = zip(euler.transpose(1, 2).numpy(), wrist.transpose(1, 2).numpy(), valid)
            side.extend(Clip(pose, position, fps, seen) for pose, position, seen in pairs)
    return real, generated


def coordination(real: list[Clip], generated: list[Clip]) -> dict[str, float]:
    """How far the relation between the hands is from the real one.

    `spread_mm`: Wasserstein-1 distance between the distributions of right wrist minus left wrist in X over all frames.
    `together_gap`: |difference| between generated and real correlation of the hands' wrist speeds.
    """

    def spread(clips: list[Clip]) -> NDArray[np.float64]:
        return np.sort(np.concatenate([clip.position[:, 1, 0] - clip.position[:, 0, 0] for clip in clips]))

    def correlation(clips: list[Clip]) -> float:
        steps = [np.linalg.norm(np.diff(clip.position[..., :2], axis=0), axis=-1) for clip in clips]
        speed = np.concatenate(steps).astype(np.float64)
        if speed.std(0).min() < _MOVING_M_S:
            return 0.0
        return float(np.corrcoef(speed.T)[0, 1])

    return {
        "spread_mm": float(np.abs(spread(real) - spread(generated)).mean() * 1000),
        "together_gap": abs(correlation(real) - correlation(generated)),
    }


def playing(sampled: list[Sampled], fps: float) -> dict[str, float]:
    """Onset F1, frame F1, colliding hands and real-motion distance; nothing where the data has no notes."""
    rows = []
    for part in sampled:
        if part.batch.sounds is None:
            return {}
        rolls, style = part.batch.sounds[:, 0].numpy(), part.batch.style.numpy()
        for i in range(len(part.batch)):
            notes = notes_from_rolls(rolls[i], fps)
            euler = part.euler[i].transpose(0, 1).unflatten(-1, (16, 3)).numpy()
            motion = Motion(euler, part.wrist[i].transpose(0, 1).numpy(), fps)
            size = size_factor(float(style[i, 0, 0])) if style.shape[2] else 1.0
            take = Take(motion, notes, {"hand_size": size})
            rows.append(measure("contact 0", take, notes, motion.frames / fps, {}))
    found = summary(rows)
    return {name: float(found[name]) for name in _OURS if found[name] is not None}


def all_figures(
    sampled: list[Sampled], fps: float, form: str, autoencoder: EmbeddingNet | None
) -> dict[str, float]:
    """Every figure of a row and seed."""
    real, generated = clips_of(sampled, fps)
    return {
        **compare(real, generated, form=form, autoencoder=autoencoder),
        **coordination(real, generated),
        **playing(sampled, fps),
    }
