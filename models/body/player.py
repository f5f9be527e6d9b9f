# SPDX-License-Identifier: GPL-3.0-or-later
"""Who plays: a style, and how each hand lies over the keys.

Real pianists differ most in where their fingertips lie from the wrist: turned outward or inward, reaching far or
drawn in, spread or gathered. Each of these is a score of unit deviation; both hands of a pianist reach alike, in the
rest they are independent (PianoMime: correlations 0.03, 0.59, 0.10). A left hand does not lie like a mirrored right
one either, so networks with one set of weights for both hands are told which one they move.

Each take has scores of its own, drawn from its seed; what is redone inside a take keeps them. How lively a hand is,
networks are not told: sampling begins with more noise for it (`models.generation.noise`). The names and ranges of
the style values stand in ``hands.json``, which Blender's side reads too (`s2c_blender.core.player`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.skeleton import REST_DATA

_DATA = REST_DATA["player"]

STYLES: tuple[str, ...] = tuple(_DATA["styles"])
"""Style values in the networks' order; 0 is average, -1 and 1 are the usual extremes. New names go last, so that older
weights keep their places."""
STYLE_RANGE: tuple[float, float] = tuple(_DATA["style_range"])
"""Of every style value but `hand_size`: training saw up to 1.3, and beyond this the networks are asked for what they
cannot know. More is refused and nowhere silently cut."""
HAND_SIZE_RANGE: tuple[float, float] = tuple(_DATA["hand_size_range"])
"""Of `hand_size`, hands of 0.7 to 1.4 times the usual lengths: contact is solved on the hand that is asked for, the
networks are told of it as far as `STYLE_RANGE`."""
HAND_SIZE_STEP: float = _DATA["hand_size_step"]

SCORES = ("turn", "reach", "spread")
PLAYER_FEATURES = ("side", *SCORES, "tracked")
"""What the networks read for each hand after the style, in this order; older models know the first `FEWEST_FEATURES`.
``side`` is -1 for the left hand, 1 for the right one. ``tracked`` is 1 for motion along the tracked paths of real
pianists, -1 for motion that the synthesiser drew: models learn from both and are asked for the former."""
FEWEST_FEATURES = 1 + len(SCORES)
BOTH_HANDS = np.array([0.0, 0.6, 0.0])
"""Correlation of each score between the hands of a pianist."""
MOST_SCORE = 2.5
_STREAM, _LIVELINESS_STREAM = 0x4AB17, 0x11FE
_SCORE_STEP = 1e-6
"""Scores this near to each other are the same player's."""


def style_range(name: str) -> tuple[float, float]:
    """Smallest and largest value of a style."""
    return HAND_SIZE_RANGE if name == "hand_size" else STYLE_RANGE


def size_factor(hand_size: Any) -> Any:
    """Factor on all lengths of the hand, from the style value `hand_size`; elementwise for tensors."""
    return 1 + HAND_SIZE_STEP * hand_size


def style_of_size(factor: float) -> float:
    """The style value `hand_size` of hands that are so many times as long as usual."""
    return (factor - 1) / HAND_SIZE_STEP


@dataclass(frozen=True, kw_only=True)
class Style:
    """How somebody plays; each number is 0 on average and ±1 at the usual extremes.

    Raises:
        ValueError: for a value outside `style_range`.
    """

    hand_size: float = 0.0
    """Above 0 longer hands, below 0 shorter ones (`size_factor`)."""
    curl: float = 0.0
    """Fingertips nearer to the palm."""
    wrist_height: float = 0.0
    energy: float = 0.0
    """Higher lifts, deeper accents, a wrist that bounces with the strokes."""
    looseness: float = 0.0
    """Above 0 more sway and follow-through, idle fingers later and softer; below 0 precise and still."""

    def __post_init__(self) -> None:
        for name in STYLES:
            value, (low, high) = getattr(self, name), style_range(name)
            if not low <= value <= high:
                raise ValueError(f"style {name} is {value}; it must be between {low:g} and {high:g}")

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Style:
        """The style with these values; what is not named is average. Raises ValueError for an unknown name, too."""
        unknown = sorted(set(values) - set(STYLES))
        if unknown:
            raise ValueError(f"style has {unknown[0]!r}; it knows {', '.join(STYLES)}")
        return cls(**{name: float(value) for name, value in values.items()})

    @property
    def size_factor(self) -> float:
        """Factor on all lengths of the hand."""
        return size_factor(self.hand_size)

    def vector(self) -> NDArray[np.float32]:
        """(5,) in the order of `STYLES`, as far as the networks know it: within `STYLE_RANGE`."""
        low, high = STYLE_RANGE
        return np.array([min(max(getattr(self, name), low), high) for name in STYLES], np.float32)


AVERAGE = Style()
"""The average style."""


def _average() -> NDArray[np.float64]:
    return np.zeros((2, len(SCORES)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Player:
    """Who plays; the average player where nothing is said.

    Raises:
        ValueError: for scores of another shape.
    """

    style: Style = Style()
    scores: NDArray[np.float64] = field(default_factory=_average)
    """(2, 3) `SCORES` of the left and the right hand, unit deviations."""

    def __post_init__(self) -> None:
        if self.scores.shape != (2, len(SCORES)):
            raise ValueError(f"scores are {self.scores.shape}; they must be {(2, len(SCORES))}")

    @classmethod
    def of_seed(cls, seed: int, style: Style = Style()) -> Player:
        """The player of a take's seed."""
        return cls(style=style, scores=draw_player_scores(np.random.default_rng([seed, _STREAM])))

    @property
    def hand_size(self) -> float:
        """Factor on all lengths of the hand."""
        return self.style.size_factor

    @property
    def liveliness(self) -> NDArray[np.float64]:
        """(2,) how much each hand moves, unit deviations, 0 for average hands.

        Drawn from the hand's scores, so that it stays wherever they do, as in a range that is made anew.
        """
        whole = np.rint((self.scores + MOST_SCORE) / _SCORE_STEP).astype(int)
        drawn = [np.random.default_rng([_LIVELINESS_STREAM, *hand]).standard_normal() for hand in whole]
        return np.where(self.scores.any(1), np.clip(drawn, -MOST_SCORE, MOST_SCORE), 0.0)

    def keeping(self, meta: Mapping[str, Any], hands: Collection[int]) -> Player:
        """This player with the scores that `hands` have in a take's ``meta``; 0 where it names none."""
        kept = scores_of_take(meta)
        known = np.zeros_like(self.scores) if kept is None else kept
        stays = np.isin((0, 1), list(hands))
        return dataclasses.replace(self, scores=np.where(stays[:, None], known, self.scores))

    def vector(
        self,
        style_dim: int = len(STYLES),
        habit_dim: int = len(PLAYER_FEATURES),
        gain: float = 1.0,
        tracked: float = 1.0,
    ) -> NDArray[np.float32]:
        """(2, style_dim + habit_dim) what the networks are told of each hand: the style, then `PLAYER_FEATURES`.

        style_dim: numbers of the style; a model that knows more than there are gets zeros. habit_dim: so many of
        `PLAYER_FEATURES`; 0 for models that are told nothing but the style. gain: factor on the scores.
        """
        style = np.zeros((2, style_dim), np.float32)
        known = self.style.vector()[:style_dim]
        style[:, : len(known)] = known
        if not habit_dim:
            return style
        habits = np.column_stack([[-1.0, 1.0], gain * self.scores, [tracked, tracked]])
        return np.concatenate([style, habits[:, :habit_dim].astype(np.float32)], 1)


def draw_player_scores(rng: np.random.Generator) -> NDArray[np.float64]:
    """(2, 3) scores of a player's left and right hand."""
    common, own = rng.standard_normal(len(SCORES)), rng.standard_normal((2, len(SCORES)))
    scores = np.sqrt(BOTH_HANDS) * common + np.sqrt(1 - BOTH_HANDS) * own
    return np.clip(scores, -MOST_SCORE, MOST_SCORE)


def scores_of_take(meta: Mapping[str, Any]) -> NDArray[np.float64] | None:
    """(2, 3) the scores that a take's ``meta`` names; None where it names none or something else stands there."""
    try:
        scores = np.array(meta["habits"], float)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    fits = scores.shape == (2, len(SCORES)) and bool(np.isfinite(scores).all())
    return np.clip(scores, -MOST_SCORE, MOST_SCORE) if fits else None
