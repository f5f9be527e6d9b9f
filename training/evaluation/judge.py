# SPDX-License-Identifier: GPL-3.0-or-later
"""A judge that tries to tell made hands from real ones: a classifier two-sample test (Lopez-Paz and Oquab 2017).

Gradient boosting sees windows of both and says of windows of excerpts that it has not seen which they are. The area
under its curve is 0.5 where it cannot tell, 1 where it always can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from training.evaluation.judge_features import GROUPS, feature_names

FOLDS = 5
DIVISIONS = 10
"""Ways of dividing the excerpts into folds, over which the area under the curve is averaged. With thirty excerpts one
way differs from another by 0.02 (standard deviation)."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of many excerpts."""

    features: NDArray[np.float64]
    """(W, D), see `judge_features.feature_names`."""
    excerpt: NDArray[np.int64]
    """(W,) which excerpt each is of; the made one has the number of the real one whose notes it plays."""

    @classmethod
    def of(cls, excerpts: list[NDArray[np.float64]], first: int = 0) -> Windows:
        """Of the features (W, D) of each excerpt; excerpts are numbered from ``first`` on."""
        numbers = [np.full(len(part), first + index) for index, part in enumerate(excerpts)]
        return cls(np.concatenate(excerpts), np.concatenate(numbers))

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.features)


@dataclass(frozen=True)
class Difference:
    """One feature that gives made hands away."""

    name: str
    group: str
    auc: float
    """Area under the curve of this number alone, 0.5 or more."""
    made: float
    """Mean over the made windows."""
    real: float


@dataclass(frozen=True)
class Verdict:
    """What the judge found."""

    auc: float
    """With all features, the mean over `DIVISIONS`."""
    spread: float
    """Standard deviation of that from division to division."""
    groups: dict[str, float]
    """With each group alone."""
    differences: list[Difference]
    """Largest first."""
    windows: tuple[int, int]
    """Made and real ones."""


def judge(made: Windows, real: Windows, seed: int = 0) -> Verdict:
    """Whether windows can be told apart; excerpts stay together in the folds.

    Raises:
        ValueError: with fewer than two excerpts on a side.
    """
    if min(len(np.unique(made.excerpt)), len(np.unique(real.excerpt))) < 2:
        raise ValueError("the judge needs at least two excerpts of two seconds and more on either side")
    names = feature_names()
    features = np.concatenate([made.features, real.features])
    is_made = np.repeat([1, 0], [len(made), len(real)])
    excerpt = np.concatenate([made.excerpt, real.excerpt])
    groups = {
        group: float(_areas(features[:, [of == group for of, _ in names]], is_made, excerpt, seed).mean())
        for group in GROUPS
    }
    areas = _areas(features, is_made, excerpt, seed)
    alone = [float(roc_auc_score(is_made, column)) for column in features.T]
    differences = [
        Difference(
            name,
            group,
            max(auc, 1 - auc),
            float(made.features[:, i].mean()),
            float(real.features[:, i].mean()),
        )
        for i, ((group, name), auc) in enumerate(zip(names, alone, strict=True))
    ]
    return Verdict(
        float(areas.mean()),
        float(areas.std()),
        groups,
        sorted(differences, key=lambda one: -one.auc),
        (len(made), len(real)),
    )


def _areas(
    features: NDArray[np.float64], is_made: NDArray[np.int64], excerpt: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    """(DIVISIONS,) areas under the curve of what is said of windows while their excerpt is held out."""
    areas = np.zeros(DIVISIONS)
    for division in range(DIVISIONS):
        folds = StratifiedGroupKFold(
            min(FOLDS, len(np.unique(excerpt))), shuffle=True, random_state=DIVISIONS * seed + division
        )
        says = np.zeros(len(features))
        for learned, held_out in folds.split(features, is_made, excerpt):
            classifier = HistGradientBoostingClassifier(random_state=seed)
            classifier.fit(features[learned], is_made[learned])
            says[held_out] = classifier.predict_proba(features[held_out])[:, 1]
        areas[division] = roc_auc_score(is_made, says)
    return areas
