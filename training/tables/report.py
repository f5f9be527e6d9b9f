# SPDX-License-Identifier: GPL-3.0-or-later
"""A table as Markdown, and how surely a row differs from the whole method: differences paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.tables.rows import FULL, Row

Results = dict[str, list[dict[str, Any]]]

FIELD = {
    "fgd_right": ("FGD R", 1.0),
    "fgd_left": ("FGD L", 1.0),
    "wgd_right": ("WGD R", 1.0),
    "wgd_left": ("WGD L", 1.0),
    "pd_right": ("PD R mm", 1000.0),
    "pd_left": ("PD L mm", 1000.0),
    "smooth_right": ("Smooth R", 1.0),
    "smooth_left": ("Smooth L", 1.0),
    "fid": ("FID (own)", 1.0),
}
OURS = {
    "held_out_v": ("held-out v", 1.0),
    "onset_f1_pooled": ("onset F1", 1.0),
    "frame_f1": ("frame F1", 1.0),
    "real_motion_distance": ("real-motion distance", 1.0),
    "hands_colliding": ("hands collide %", 100.0),
    "spread_mm": ("hand spread W1 mm", 1.0),
    "together_gap": ("speed correlation gap", 1.0),
}
"""Figures of a table: heading and unit factor."""
HIGHER_IS_BETTER = ("onset_f1_pooled", "frame_f1")


def _values(results: list[dict[str, Any]], name: str) -> list[float]:
    return [result["figures"][name] for result in results if name in result["figures"]]


def cell(values: Sequence[float], factor: float = 1.0) -> str:
    """`mean ± standard deviation` (n - 1) over seeds; `-` for no values, the mean alone for one."""
    if not values:
        return "-"
    scaled = factor * np.asarray(values, np.float64)
    spread = f" ± {scaled.std(ddof=1):.2g}" if len(scaled) > 1 else ""
    return f"{scaled.mean():.4g}{spread}"


def _grid(head: list[str], body: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


def table(rows: Sequence[Row], results: Results, columns: dict[str, tuple[str, float]]) -> str:
    """Rows by figures, mean ± standard deviation over seeds."""
    there = {name: what for name, what in columns.items() if any(_values(results[r.key], name) for r in rows)}
    body = [
        [row.label, *(cell(_values(results[row.key], name), factor) for name, (_, factor) in there.items())]
        for row in rows
    ]
    return _grid(["", *(heading for heading, _ in there.values())], body)


def cost_table(rows: Sequence[Row], results: Results) -> str:
    """Parameters of stage 2, steps and seconds of its training."""
    body = []
    for row in rows:
        found = results[row.key]
        steps = sorted({result["steps"] for result in found})
        seconds = cell([result["seconds"] for result in found])
        body.append(
            [
                row.label,
                f"{found[0]['parameters']:,}",
                "/".join(f"{s}" for s in steps),
                seconds,
                f"{len(found)}",
            ]
        )
    return _grid(["", "parameters", "steps", "seconds of training", "seeds"], body)


def paired(full: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Mean of other - full over seeds and its t statistic (n - 1 degrees of freedom; nan below two seeds)."""
    difference = np.asarray(other, np.float64) - np.asarray(full, np.float64)
    if len(difference) < 2:
        return float(difference.mean()), float("nan")
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    if error == 0:
        return float(difference.mean()), float("nan")
    return float(difference.mean()), float(difference.mean() / error)


def paired_table(rows: Sequence[Row], results: Results) -> str:
    """Every row minus the whole method, paired by seed: mean difference, t, seeds that the whole method wins."""
    columns = {name: what for name, what in {**FIELD, **OURS}.items() if _values(results[FULL.key], name)}
    body = []
    for row in rows:
        if row.key == FULL.key:
            continue
        cells = [row.label]
        for name, (_, factor) in columns.items():
            full, other = _values(results[FULL.key], name), _values(results[row.key], name)
            if len(full) != len(other):
                cells.append("-")
                continue
            mean, t = paired(full, other)
            sign = -1 if name in HIGHER_IS_BETTER else 1
            wins = sum(sign * (b - a) > 0 for a, b in zip(full, other))
            cells.append(f"{factor * mean:+.3g} (t {t:.1f}, {wins}/{len(full)})")
        body.append(cells)
    return _grid(["", *(heading for heading, _ in columns.values())], body)


def as_markdown(number: int, rows: Sequence[Row], results: Results) -> str:
    """All of a table."""
    parts = [
        f"### Table {number}: the field's figures",
        table(rows, results, FIELD),
        f"### Table {number}: our figures, contact 0",
        table(rows, results, OURS),
        f"### Table {number}: cost",
        cost_table(rows, results),
        f"### Table {number}: each row minus the whole method, paired by seed",
        "Mean difference (t statistic, seeds in which the whole method is better).",
        paired_table(rows, results),
    ]
    return "\n\n".join(parts)
