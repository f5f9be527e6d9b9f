# SPDX-License-Identifier: GPL-3.0-or-later
"""All figures of a body of generated clips against the real clips of the same music."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.checks import check_choice
from training.metrics import fixed, legacy
from training.metrics.clips import HANDS, Clip, both_hands, check_pairs
from training.metrics.embedding import EmbeddingNet

FORMS = ("legacy", "fixed")
FID_NOTE = (
    "FID's autoencoder is trained by this project: a FID is comparable only with others of the same autoencoder, "
    "not with published ones."
)


def compare(
    real: Sequence[Clip],
    generated: Sequence[Clip],
    *,
    form: str = "fixed",
    autoencoder: EmbeddingNet | None = None,
) -> dict[str, float]:
    """Figures of `generated[i]` against `real[i]`; smaller is better, but for `acceleration_ratio`, best at 1.

    `legacy`: `fgd_`, `wgd_`, `pd_`, `smooth_`, `smooth_first_` with `left` and `right`; with an autoencoder `fid`
    and `feature_distance`. `fixed`: `fgd_`, `fgd_pooled_`, `wgd_`, `pd_`, `pd_z_`, `smooth_`,
    `acceleration_ratio_`; with an autoencoder `fid`. Units are in the modules of the two forms.

    Raises:
        ValueError: for clips that are no pairs, and where the fixed form has too few frames or clips for a figure.
    """
    check_choice("form", form, FORMS)
    check_pairs(real, generated)
    pairs = list(zip(real, generated))
    fid = {} if autoencoder is None else _fid(pairs, form, autoencoder)  # first: it may refuse
    figures: dict[str, float] = {}
    for hand, name in enumerate(HANDS):
        found = (_legacy if form == "legacy" else _fixed)(pairs, hand)
        figures.update({f"{key}_{name}": value for key, value in found.items()})
    return figures | fid


def _fid(pairs: fixed.Pairs, form: str, autoencoder: EmbeddingNet) -> dict[str, float]:
    chosen = pairs if form == "legacy" else fixed.for_latents(pairs)
    if not chosen:
        raise ValueError(
            f"no clip shows both hands in {fixed.SEEN:.0%} of its frames; FID has nothing to compare"
        )
    real, generated = (latents(autoencoder, [pair[side] for pair in chosen]) for side in (0, 1))
    if form == "fixed":
        return {"fid": fixed.fid(real, generated)}
    return {
        "fid": legacy.fid(real, generated),
        "feature_distance": legacy.feature_distance(real, generated),
    }


def latents(autoencoder: EmbeddingNet, clips: Sequence[Clip]) -> NDArray[Any]:
    """Latent vectors (clips, D) float64; `ValueError` for clips of another length than the autoencoder's."""
    frames = autoencoder.config.frames
    for clip in clips:
        if clip.frames != frames:
            raise ValueError(f"clip {clip.name!r} has {clip.frames} frames; the autoencoder reads {frames}")
    poses = torch.from_numpy(np.stack([both_hands(clip) for clip in clips]))
    device = next(autoencoder.parameters()).device
    return autoencoder.latents(poses.to(device)).cpu().numpy().astype(np.float64)


def _legacy(pairs: fixed.Pairs, hand: int) -> dict[str, float]:
    rows = [
        {
            "fgd": legacy.fgd(real.pose[:, hand], generated.pose[:, hand]),
            "wgd": legacy.wgd(real.pose[:, hand], generated.pose[:, hand]),
            "pd": legacy.pd(real.position[:, hand], generated.position[:, hand]),
            "smooth": legacy.smooth(real.pose[:, hand], generated.pose[:, hand]),
            "smooth_first": legacy.smooth_first(real.pose[:, hand], generated.pose[:, hand]),
        }
        for real, generated in pairs
    ]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _fixed(pairs: fixed.Pairs, hand: int) -> dict[str, float]:
    pd, pd_z = fixed.pd(pairs, hand)
    smooth, ratio = fixed.smooth(pairs, hand)
    return {
        "fgd": fixed.fgd(pairs, hand),
        "fgd_pooled": fixed.fgd_pooled(pairs, hand),
        "wgd": fixed.wgd(pairs, hand),
        "pd": pd,
        "pd_z": pd_z,
        "smooth": smooth,
        "acceleration_ratio": ratio,
    }


def as_markdown(columns: dict[str, dict[str, float]]) -> str:
    """A table: a row for each figure and hand, a column for each name in `columns`."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name in names:
        cells = [f"{figures[name]:.4g}" if name in figures else "" for figures in columns.values()]
        lines.append(f"| {name.replace('_', ' ')} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
