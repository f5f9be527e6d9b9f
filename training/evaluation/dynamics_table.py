# SPDX-License-Identifier: GPL-3.0-or-later
"""The dynamics of many takes as one row of a table: ranks, ranges and heights piece by piece, strokes pooled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from models.evaluation.dynamics import VELOCITIES, stroke_figures
from models.evaluation.key_strokes import KeyStrokes
from training.evaluation.figures import Row

MEANS = (
    "velocity_speed_rho",
    "speed_p95_p5",
    "wrist_height_range_mm",
    "wrist_height_white_mm",
    "wrist_height_black_mm",
    "wrist_stroke_mm",
    "knuckles_stroke_mm",
    "wrist_bend_range_deg",
    "wrist_bend_stroke_deg",
    "joint_speed_p999",
)
"""Figures of a piece that are averaged over the pieces that have them."""
BENDS = ("mcp_deg", "pip_deg", "dip_deg")
CALM_RATE = 7.0
"""Notes a second up to which a piece is calm. Releases were measured of two slow performances (docs/definitions.md)."""


def dynamics_summary(rows: list[Row]) -> dict[str, Any]:
    """Of takes of one kind: the figures of their strokes together, and means and extremes over pieces."""
    pieces = [row.figures["dynamics"] for row in rows]
    rests = sum(one["rests"] for one in pieces)
    rises = sum(one["rests"] * one["rises_at_rests"] for one in pieces if one["rests"])
    pooled = stroke_figures(KeyStrokes.joined([row.strokes for row in rows]))
    return {
        "kind": rows[0].kind,
        **{name: _mean([one[name] for one in pieces]) for name in MEANS},
        "velocity_speed_rho_worst": min(_known(pieces, "velocity_speed_rho"), default=None),
        "speed_m_s": pooled.speed_m_s,
        "start_to_bottom_ms": pooled.start_to_bottom_ms,
        "release_ms": pooled.release_ms,
        "release_calm_ms": calm_releases(rows),
        "onset_depth": pooled.onset_depth,
        "rests": rests,
        "rises_at_rests": rises / rests if rests else None,
        "joint_speed_max": max(one["joint_speed_max"] for one in pieces),
        **{name: _mean(_known(pieces, name)) for name in BENDS},
    }


def calm_releases(rows: list[Row]) -> list[float] | None:
    """Quartiles, ms, of the releases in pieces of at most `CALM_RATE` notes a second; None without any."""
    calm = [row.strokes for row in rows if row.figures["notes"] <= CALM_RATE * row.figures["music_s"]]
    return stroke_figures(KeyStrokes.joined(calm)).release_ms


def _known(pieces: list[dict[str, Any]], name: str) -> list[Any]:
    return [one[name] for one in pieces if one[name] is not None]


def _mean(values: list[Any]) -> Any:
    known = [value for value in values if value is not None]
    return np.mean(known, axis=0).tolist() if known else None


def _number(digits: int) -> Callable[[Any], str]:
    return lambda value: "-" if value is None else f"{value:.{digits}f}"


def _each(digits: int) -> Callable[[Any], str]:
    number = _number(digits)
    return lambda values: "-" if values is None else " ".join(number(value) for value in values)


def _near(digits: int) -> Callable[[Any], str]:
    number = _number(digits)
    return lambda values: " / ".join(number(values[str(velocity)]) for velocity in VELOCITIES)


_AT = " / ".join(str(velocity) for velocity in VELOCITIES)
COLUMNS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "velocity_speed_rho": ("velocity and speed, rho", _number(2)),
    "velocity_speed_rho_worst": ("worst", _number(2)),
    "speed_p95_p5": ("speed p95 / p5", _number(2)),
    "speed_m_s": (f"speed m/s at {_AT}", _near(2)),
    "start_to_bottom_ms": (f"start to bottom ms at {_AT}", _near(0)),
    "release_ms": ("release ms, quartiles", _each(0)),
    "release_calm_ms": (f"the same, at most {CALM_RATE:.0f} notes a second", _each(0)),
    "onset_depth": ("depth at onset", _number(2)),
    "wrist_height_range_mm": ("wrist height range mm", _number(0)),
    "wrist_height_white_mm": ("at white keys", _number(0)),
    "wrist_height_black_mm": ("at black keys", _number(0)),
    "rises_at_rests": ("rises at rests", _number(2)),
    "wrist_stroke_mm": ("wrist up and down in a stroke mm", _number(1)),
    "knuckles_stroke_mm": ("knuckles", _number(1)),
    "wrist_bend_range_deg": ("bend range deg", _number(0)),
    "wrist_bend_stroke_deg": ("in a stroke", _number(1)),
    "joint_speed_p999": ("joint speed 99.9 % rad/s", _number(1)),
    "joint_speed_max": ("largest", _number(1)),
    "mcp_deg": ("MCP deg", _each(0)),
    "pip_deg": ("PIP", _each(0)),
    "dip_deg": ("DIP", _each(0)),
}
"""Heading of each figure, and how it is written."""


def dynamics_markdown(summaries: list[dict[str, Any]]) -> str:
    """The table, a row for each figure and a column for each kind of take."""
    head = ["", *(one["kind"] for one in summaries)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for name, (heading, written) in COLUMNS.items():
        lines.append("| " + " | ".join([heading, *(written(one[name]) for one in summaries)]) + " |")
    return "\n".join(lines)
