# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of synthesised motion beside that of real pianists, for docs/lab/calibration.md."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window on a farm
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from models.body.skeleton import FINGERS
from models.whole_file import whole_file
from training.synthesis.calibration import SPEED_PERCENTILES, Body

_COLOURS = ("tab:orange", "tab:blue")
_MOST_POINTS = 400_000


def draw(bodies: list[tuple[str, Body]], folder: Path) -> list[Path]:
    """Write the pictures of one or two bodies of motion, each with its name; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"speeds": _speeds, "fingertips": _fingertips, "landing": _landing}
    paths = []
    for name, maker in makers.items():
        figure = maker(bodies)
        path = folder / f"calibration-{name}.png"
        with whole_file(path) as part:
            figure.savefig(part, dpi=90, bbox_inches="tight", format="png")
        plt.close(figure)
        paths.append(path)
    return paths


def _speeds(bodies: list[tuple[str, Body]]) -> plt.Figure:
    figure, axes = plt.subplots(figsize=(6, 3.6))
    for (name, body), colour in zip(bodies, _COLOURS, strict=False):
        speed = np.sort(body.speeds)
        axes.plot(np.maximum(speed, 1e-3), np.linspace(0, 1, len(speed)), label=name, color=colour)
        for percentile in SPEED_PERCENTILES:
            axes.plot(np.percentile(speed, percentile), percentile / 100, "o", color=colour, markersize=4)
    axes.set(xscale="log", xlabel="wrist speed, m/s", ylabel="share of frames below", xlim=(5e-3, 4))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    return figure


def _ellipse(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 60) outline of one deviation about the mean of points (n, 2)."""
    values, vectors = np.linalg.eigh(np.cov(points, rowvar=False))
    angle = np.linspace(0, 2 * np.pi, 60)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    return points.mean(0)[:, None] + (vectors * np.sqrt(np.maximum(values, 0))) @ circle


def _fingertips(bodies: list[tuple[str, Body]]) -> plt.Figure:
    figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True, sharey=True)
    for panel, (title, pressing) in zip(panels, (("pressing", True), ("idle", False)), strict=True):
        for (name, body), colour in zip(bodies, _COLOURS, strict=False):
            for finger in range(len(FINGERS)):
                points = body.offsets[:, :, finger][body.pressing[:, :, finger] == pressing]
                if len(points) < 3:
                    continue
                points = points[:: max(len(points) // _MOST_POINTS, 1)]
                label = name if finger == 0 else None
                panel.plot(*(1000 * _ellipse(points)), color=colour, label=label)
                panel.plot(*(1000 * points.mean(0)), "o", color=colour, markersize=4)
        panel.plot(0, 0, "k+")
        panel.set(
            title=f"{title} fingertips, one deviation", xlabel="outward of the wrist, mm", aspect="equal"
        )
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("forward of the wrist, mm")
    panels[0].legend(loc="lower left")
    return figure


def _landing(bodies: list[tuple[str, Body]]) -> plt.Figure:
    figure, (places, shares) = plt.subplots(1, 2, figsize=(9, 3.4))
    for k, ((name, body), colour) in enumerate(zip(bodies, _COLOURS, strict=False)):
        at = np.arange(len(FINGERS)) + 0.2 * (2 * k - 1)
        for finger in range(len(FINGERS)):
            y = body.tip_y[:, :, finger][body.pressing[:, :, finger]]
            if len(y):
                low, middle, high = 1000 * np.percentile(y, (10, 50, 90))
                places.plot([at[finger]] * 2, [low, high], color=colour, linewidth=4, alpha=0.5)
                places.plot(at[finger], middle, "o", color=colour)
        counts = body.pressing.sum((0, 1))
        shares.bar(at, counts / max(counts.sum(), 1), 0.38, color=colour, label=name)
    for panel in (places, shares):
        panel.set_xticks(np.arange(len(FINGERS)), FINGERS)
    places.set(title="where pressing fingers are, 10 to 90 %", ylabel="behind the key's front edge, mm")
    shares.set(title="which finger how often", ylabel="share of the pressing")
    shares.legend()
    return figure
