# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal equations of one Gauss-Newton step over both hands' trajectories, and their banded solution.

For residuals r of weights w with the Jacobian J the step d solves ``(J' W J + damping) d = -J' W r``. Costs of single
frames fill a block of 21 x 21 for each hand and frame; costs of acceleration and speed couple a variable to itself one
and two frames on. In the order frame by frame the matrix of a hand is a band of 42 beside the diagonal, which banded
Cholesky solves in time linear in the number of frames. Where hands are near each other the matrix of both is one
band, of 84.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, solveh_banded

from models.contact.variables import COUNT, FINGER_VARIABLES, Array

_HELD = 1e11
"""Added to the diagonal of a variable that stays."""


class NormalEquations:
    """Sums of costs of F frames."""

    def __init__(self, frames: int) -> None:
        self.matrix = np.zeros((2, COUNT, COUNT, frames))
        """Of single frames."""
        self.slope = np.zeros((2, COUNT, frames))
        self.next = np.zeros((2, COUNT, frames))
        """What couples a variable to itself one frame on."""
        self.after = np.zeros((2, COUNT, frames))
        """Two frames on."""
        self.across: Array | None = None
        """(21, 21, F) of single frames, right hand by left hand; None while nothing couples the hands."""
        self._diagonal = np.einsum("hiif->hif", self.matrix)  # a view

    def add_single(self, residual: Array, weight: Array) -> None:
        """Residuals (2, 21, F) of which each is its own variable less a constant; ``weight`` broadcasts to them."""
        self.slope += weight * residual
        self._diagonal += weight

    def add_tips(self, residual: Array, weight: Array, moves: Array) -> None:
        """Residuals (3, 2, 5, F) of the tips; ``moves`` (3, 2, 5, 9, F) as of `HandPoints.tips_by_variable`."""
        weighted = weight[:, :, :, None] * moves
        slope = np.einsum("xhkif,xhkf->hkif", weighted, residual)
        squares = np.einsum("xhkif,xhkjf->hkijf", weighted, moves, optimize=False)
        fingers = slice(0, FINGER_VARIABLES)
        self.slope[:, fingers] += slope[:, :, :3].reshape(2, FINGER_VARIABLES, -1)
        self.slope[:, FINGER_VARIABLES:] += slope[:, :, 3:].sum(1)
        self.matrix[:, FINGER_VARIABLES:, FINGER_VARIABLES:] += squares[:, :, 3:, 3:].sum(1)
        for finger in range(5):
            own = slice(3 * finger, 3 * finger + 3)
            self.matrix[:, own, own] += squares[:, finger, :3, :3]
            self.matrix[:, FINGER_VARIABLES:, own] += squares[:, finger, 3:, :3]

    def add_fingers(self, residual: Array, weight: Array, moves: Array) -> None:
        """Residuals (3, 2, 5, F) of the tips as far as fingers move them.

        Args:
            residual: metres.
            weight: (2, 5, F).
            moves: (3, 2, 5, 3, F) what a unit of each of a finger's variables moves its tip by.
        """
        weighted = weight[:, :, None] * moves
        slope = np.einsum("xhkif,xhkf->hkif", weighted, residual)
        squares = np.einsum("xhkif,xhkjf->hkijf", weighted, moves, optimize=False)
        self.slope[:, :FINGER_VARIABLES] += slope.reshape(2, FINGER_VARIABLES, -1)
        for finger in range(5):
            own = slice(3 * finger, 3 * finger + 3)
            self.matrix[:, own, own] += squares[:, finger]

    def add_sparse(
        self,
        frame: NDArray[np.int64],
        hand: NDArray[np.int64],
        variable: NDArray[np.int64],
        moves: Array,
        residual: Array,
        weight: Array,
    ) -> None:
        """K residuals that some variables (K, n) of a hand (K,) move by ``moves`` (K, n) a unit."""
        pull, weighted = (weight * residual)[:, None] * moves, weight[:, None] * moves
        self._scatter_slope(hand[:, None] * COUNT + variable, frame, pull)
        row = hand[:, None] * COUNT + variable
        squares = weighted[:, :, None] * moves[:, None]
        self._scatter(self.matrix, row[:, :, None] * COUNT + variable[:, None], frame, squares)

    def add_across(
        self,
        frame: NDArray[np.int64],
        variable: tuple[NDArray[np.int64], NDArray[np.int64]],
        moves: tuple[Array, Array],
        residual: Array,
        weight: Array,
    ) -> None:
        """K residuals that variables of both hands move, each hand's (K, n) by ``moves`` (K, n) a unit."""
        for hand in (0, 1):
            which = np.full(len(frame), hand)
            self.add_sparse(frame, which, variable[hand], moves[hand], residual, weight)
        if self.across is None:
            self.across = np.zeros(self.matrix.shape[1:])
        products = (weight[:, None] * moves[1])[:, :, None] * moves[0][:, None]
        self._scatter(self.across, variable[1][:, :, None] * COUNT + variable[0][:, None], frame, products)

    def _scatter_slope(self, row: NDArray[np.int64], frame: NDArray[np.int64], values: Array) -> None:
        np.add.at(self.slope.reshape(-1), row * self.slope.shape[-1] + frame[:, None], values)

    def _scatter(
        self, into: Array, place: NDArray[np.int64], frame: NDArray[np.int64], values: Array
    ) -> None:
        np.add.at(into.reshape(-1), place * into.shape[-1] + frame[:, None, None], values)

    def add_differences(self, residual: Array, weight: Array) -> None:
        """Residuals (2, 21, F - 1) that are a variable's value in the next frame less its value in this one."""
        pull = weight * residual
        self.slope[..., 1:] += pull
        self.slope[..., :-1] -= pull
        self._diagonal[..., 1:] += weight
        self._diagonal[..., :-1] += weight
        self.next[..., :-1] -= weight

    def add_second_differences(self, residual: Array, weight: Array) -> None:
        """Residuals (2, 21, F - 2): a variable's values in this frame and the one after next, less twice the next."""
        pull = weight * residual
        for first, factor in ((0, 1.0), (1, -2.0), (2, 1.0)):
            frames = slice(first, first + residual.shape[-1])
            self.slope[..., frames] += factor * pull
            self._diagonal[..., frames] += factor * factor * weight
        self.next[..., :-2] -= 2 * weight
        self.next[..., 1:-1] -= 2 * weight
        self.after[..., :-2] += weight

    def solve(self, damping: Array, held: NDArray[np.bool_]) -> Array:
        """The step (2, 21, F); variables that are ``held`` (2, 21, F) do not move."""
        self._diagonal += damping
        self._diagonal[held] += _HELD
        wanted = np.where(held, 0.0, -self.slope)
        steps = np.zeros_like(wanted)
        if self.across is not None:
            steps[:] = self._solved((0, 1), wanted)
        else:
            for hand in (0, 1):
                if not held[hand].all():
                    steps[hand] = self._solved((hand,), wanted)[0]
        steps[held] = 0.0
        return steps

    def _solved(self, hands: tuple[int, ...], wanted: Array) -> Array:
        """Steps (n, 21, F) of these hands, which nothing couples to another one."""
        right = np.ascontiguousarray(wanted[list(hands)].transpose(2, 0, 1)).reshape(-1)
        try:
            # 32 bit takes two thirds of the time, and the next step mends its rounding.
            single = np.dtype(np.float32)
            step = solveh_banded(
                self._band(hands, single),
                right.astype(single),
                lower=True,
                overwrite_ab=True,
                overwrite_b=True,
            )
        except LinAlgError:
            step = solveh_banded(self._band(hands, right.dtype), right, lower=True, overwrite_ab=True)
        return step.reshape(-1, len(hands), COUNT).transpose(1, 2, 0)

    def _band(self, hands: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[np.floating[Any]]:
        """The matrix of these hands frame by frame, in LAPACK's lower form: row k is what lies k below the diagonal."""
        frames, width = self.slope.shape[-1], len(hands) * COUNT
        band = np.zeros((2 * width + 1, frames, width), dtype)
        for place, hand in enumerate(hands):
            first = place * COUNT
            for below in range(COUNT):
                rows = np.arange(below, COUNT)
                band[below, :, first : first + COUNT - below] = self.matrix[hand, rows, rows - below].T
            band[width, :, first : first + COUNT] = self.next[hand].T
            band[2 * width, :, first : first + COUNT] = self.after[hand].T
        if len(hands) == 2 and self.across is not None:
            for below in range(1, 2 * COUNT):
                columns = np.arange(max(COUNT - below, 0), min(2 * COUNT - below, COUNT))
                band[below][:, columns] += self.across[columns + below - COUNT, columns].T
        return band.reshape(2 * width + 1, -1)
