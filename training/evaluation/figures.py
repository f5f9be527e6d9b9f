# SPDX-License-Identifier: GPL-3.0-or-later
"""What one take is measured by, and how the takes of many pieces become one row of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.notes import Notes
from models.body.take import Take
from models.evaluation.anticipation import anticipation
from models.evaluation.biomechanics import fingertips
from models.evaluation.dynamics import take_strokes
from models.evaluation.key_strokes import KeyStrokes
from models.evaluation.real_motion_distance import distance_to_real, take_features
from models.evaluation.scores import Score, evaluate_take, hand_size_of, note_score, shown

WRIST_VELOCITY = slice(20, 24)
"""The features of the real-motion distance that are wrist velocities: left X, Y, right X, Y, m/s."""
SPEED_PERCENTILES = (50, 90, 99)


@dataclass(frozen=True)
class Row:
    """One take of one piece."""

    kind: str
    """What made it, for instance `contact 1`."""
    figures: dict[str, Any]
    features: NDArray[np.float64]
    """(F, 25) the features of the real-motion distance, to be pooled over pieces."""
    strokes: KeyStrokes
    """Its strokes, to be pooled, too."""


def measure(kind: str, take: Take, true_notes: Notes, music_s: float, seconds: dict[str, float]) -> Row:
    """All figures of a take against the notes that were performed."""
    tips, fine = fingertips(take.motion, hand_size_of(take), take.geometry), shown(take)
    early = anticipation(tips, take.notes, take.motion.fps)
    figures = {
        "music_s": music_s,
        "seconds": seconds,
        "transcription_onset_f1": note_score(take.notes, true_notes).f1,
        "arrives_early": early.share if early.counted else None,
        "arrival_notes": early.counted,
        **evaluate_take(take, true_notes, fine=fine),
    }
    return Row(kind, figures, take_features(take.motion, tips), take_strokes(take, fine, true_notes))


COLUMNS = {
    "onset_f1": "onset F1",
    "onset_f1_worst": "worst",
    "onset_f1_3mm": "at 3 mm",
    "onset_f1_90": "at 90 %",
    "frame_f1": "frame F1",
    "outside_limits": "outside limits",
    "fingers_closer_3mm": "fingers < 3 mm",
    "hands_colliding": "hands collide",
    "wrist_speed_p50": "wrist speed p50 m/s",
    "wrist_speed_p90": "p90",
    "wrist_speed_p99": "p99",
    "arrives_early": "arrives early",
    "real_motion_distance": "real-motion distance (pooled)",
    "sample_real_time_factor": "s per s: networks",
    "contact_real_time_factor": "contact",
}
_MEANS = (
    "onset_f1",
    "onset_precision",
    "onset_recall",
    "onset_f1_3mm",
    "onset_f1_90",
    "frame_f1",
    "outside_limits",
    "fingers_closer_3mm",
    "hands_colliding",
    "transcription_onset_f1",
)


def summary(rows: list[Row]) -> dict[str, Any]:
    """One line of the table: means over pieces, pooled distances and speeds, the worst piece, real-time factors."""
    figures = [row.figures for row in rows]
    features = np.concatenate([row.features for row in rows])
    speed = np.linalg.norm(features[:, WRIST_VELOCITY].reshape(-1, 2, 2), axis=-1)
    pooled = Score(
        *(sum(one[name] for one in figures) for name in ("onset_hits", "onset_false", "onset_missed"))
    )
    asked = sum(one["arrival_notes"] for one in figures)
    early = sum(one["arrives_early"] * one["arrival_notes"] for one in figures if one["arrival_notes"])
    music_s = sum(one["music_s"] for one in figures)
    stages = {
        stage: sum(one["seconds"].get(stage, 0.0) for one in figures) for stage in ("sample", "contact")
    }
    return {
        "kind": rows[0].kind,
        "pieces": len(rows),
        "music_s": music_s,
        "notes": sum(one["notes"] for one in figures),
        **{name: float(np.mean([one[name] for one in figures])) for name in _MEANS},
        "onset_f1_pooled": pooled.f1,
        "onset_f1_worst": min(one["onset_f1"] for one in figures),
        **{f"wrist_speed_p{p}": float(np.percentile(speed, p)) for p in SPEED_PERCENTILES},
        "arrives_early": early / asked if asked else None,
        "real_motion_distance": distance_to_real(features),
        **{f"{stage}_real_time_factor": seconds / music_s for stage, seconds in stages.items()},
    }


def as_markdown(summaries: list[dict[str, Any]]) -> str:
    """The table for the README: a row for each kind of take."""
    head = ["", *COLUMNS.values()]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for one in summaries:
        cells = ["-" if one[name] is None else f"{one[name]:.3f}" for name in COLUMNS]
        lines.append("| " + " | ".join([one["kind"], *cells]) + " |")
    return "\n".join(lines)


def looks_lines(kinds: dict[str, list[Row]]) -> list[str]:
    """A sentence for each kind of take: what `models.evaluation.posture_metrics` counts, the mean over the pieces."""
    lines = []
    for kind, rows in kinds.items():
        shares = []
        for name, words in (("hooked_thumbs", "idle thumbs hooked"), ("pegs", "little fingers like pegs")):
            found = [row.figures[name] for row in rows if row.figures[name] is not None]
            shares.append(f"{words} {100 * float(np.mean(found)):.0f} %" if found else f"no {words}")
        ranges = []
        for name, verb in (("bend", "bend"), ("roll", "roll"), ("turn", "turn")):
            low, high = np.mean([row.figures[f"wrist_{name}_deg"] for row in rows], axis=0)
            ranges.append(f"{verb} {low:.0f} to {high:.0f}")
        lines.append(
            f"{kind}: {', '.join(shares)}; wrists {', '.join(ranges)} degrees (5th to 95th percentile)"
        )
    return lines


def median_difference_mm(one: Take, other: Take) -> float:
    """Median distance between the same fingertips of two takes of one piece, millimetres."""
    tips = [fingertips(take.motion, hand_size_of(take), take.geometry) for take in (one, other)]
    frames = min(len(part) for part in tips)
    return float(np.median(np.linalg.norm(tips[0][:frames] - tips[1][:frames], axis=-1)) * 1000)
