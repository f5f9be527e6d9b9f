# SPDX-License-Identifier: GPL-3.0-or-later
"""A Gaussian over a long row of variables of which only near ones touch: information form, banded Cholesky.

Minus the logarithm of its density is half a sum of squares, ((coefficients . x - target) / deviation)^2, one for each
statement made about it. Drawing from it costs time linear in the length (Rue and Held, Gaussian Markov Random Fields,
2005, algorithms 2.1 and 2.5).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded, solve_banded


class BandedGaussian:
    """Statements about ``size`` variables; no statement may join two that are more than ``width`` apart."""

    def __init__(self, size: int, width: int) -> None:
        self._bands = np.zeros((width + 1, size))  # lower form: bands[i - j, j] = precision[i, j]
        self._pull = np.zeros(size)

    def copy(self) -> BandedGaussian:
        """An independent copy."""
        other = BandedGaussian(self._bands.shape[1], self._bands.shape[0] - 1)
        other._bands[:], other._pull[:] = self._bands, self._pull
        return other

    def couple(
        self, rows: NDArray[np.integer[Any]], columns: NDArray[np.integer[Any]], values: NDArray[Any]
    ) -> None:
        """Add to the precision at distinct places (rows, columns), rows not before columns."""
        self._bands[rows - columns, columns] += values

    def state(
        self,
        variables: NDArray[np.integer[Any]],
        coefficients: ArrayLike,
        deviation: ArrayLike,
        target: ArrayLike = 0.0,
    ) -> None:
        """State that ``coefficients . x[variables[i]]`` is ``target[i]``, give or take ``deviation[i]``.

        Args:
            variables: (m, k). coefficients: (m, k), or (k,) for all. deviation, target: (m,) or one number for all.
        """
        size = self._bands.shape[1]
        factors = np.broadcast_to(np.asarray(coefficients, float), variables.shape).T
        weight = np.broadcast_to(1 / np.square(np.asarray(deviation, float)), len(variables))
        for i, one in enumerate(factors):
            for j, other in enumerate(factors):
                gap = variables[:, i] - variables[:, j]
                below = gap >= 0
                place = gap[below] * size + variables[below, j]
                self._bands += np.bincount(place, (weight * one * other)[below], self._bands.size).reshape(
                    self._bands.shape
                )
            self._pull += np.bincount(variables[:, i], weight * one * target, size)

    def mean(self) -> NDArray[np.float64]:
        """(size,) the likeliest values."""
        return cho_solve_banded((cholesky_banded(self._bands, lower=True), True), self._pull)

    def draw(self, rng: np.random.Generator, spread: float = 1.0) -> NDArray[np.float64]:
        """(size,) values drawn at random, their deviations from the mean times ``spread``."""
        factor = cholesky_banded(self._bands, lower=True)
        width, size = len(factor) - 1, factor.shape[1]
        upper = np.zeros_like(factor)
        for d in range(min(width + 1, size)):
            upper[width - d, d:] = factor[d, : size - d]
        noise = solve_banded((0, width), upper, rng.standard_normal(size))
        return cho_solve_banded((factor, True), self._pull) + spread * noise
