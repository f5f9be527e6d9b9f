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

from models.contact.variables import COUNT, FINGER_VARIABLES, PLACE, TURN, Array

_HELD = 1e11
"""Added to the diagonal of a variable that stays."""


class NormalEquations:
    """Sums of costs of F frames."""

    def __init__(self, frames: int) -> None:
        self.matrix = np.zeros((2, COUNT, COUNT, frames))
        """Of single frames; what lies above the diagonal counts for nothing."""
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

    def add_tips(self, residual: Array, weight: Array, by_finger: Array, by_turn: Array) -> None:
        """Residuals of the tips as far as fingers and wrists move them.

        Args:
            residual: (3, 2, 5, F) metres.
            weight: (3, 2, 5, F).
            by_finger: (3, 2, 5, 3, F) what a unit of each of a finger's variables moves its tip by.
            by_turn: (3, 2, 5, 3, F) the same of the wrist's angles; its place moves tips as it goes.
        """
        pull = weight * residual
        turned, bent = weight[:, :, :, None] * by_turn, weight[:, :, :, None] * by_finger
        self.slope[:, PLACE] += pull.sum(2).transpose(1, 0, 2)
        self.slope[:, TURN] += np.einsum("xhkif,xhkf->hif", by_turn, pull)
        self._add_own(pull, bent, by_finger)
        for x in range(3):
            place = PLACE.start + x
            self.matrix[:, place, :FINGER_VARIABLES] += bent[x].reshape(2, FINGER_VARIABLES, -1)
            self.matrix[:, place, place] += weight[x].sum(1)
            self.matrix[:, TURN, place] += turned[x].sum(1)
        for row in range(3):
            turn = self.matrix[:, TURN.start + row]
            for column in range(3):
                turn[:, column:FINGER_VARIABLES:3] += _over_places(
                    turned[:, :, :, row], by_finger[:, :, :, column]
                )
            for column in range(row + 1):
                both = _over_places(turned[:, :, :, row], by_turn[:, :, :, column])
                turn[:, TURN.start + column] += both.sum(1)

    def add_fingers(self, residual: Array, weight: Array, moves: Array) -> None:
        """Residuals (3, 2, 5, F) of the tips as far as fingers move them.

        Args:
            residual: metres.
            weight: (2, 5, F).
            moves: (3, 2, 5, 3, F) what a unit of each of a finger's variables moves its tip by.
        """
        self._add_own(weight * residual, weight[:, :, None] * moves, moves)

    def _add_own(self, pull: Array, weighted: Array, moves: Array) -> None:
        """What fingers have to do alone: ``pull`` (3, 2, 5, F), ``weighted`` and ``moves`` (3, 2, 5, 3, F)."""
        slope = np.einsum("xhkif,xhkf->hkif", moves, pull)
        self.slope[:, :FINGER_VARIABLES] += slope.reshape(2, FINGER_VARIABLES, -1)
        for row in range(3):
            for column in range(row + 1):
                block = self.matrix[:, row:FINGER_VARIABLES:3, column:FINGER_VARIABLES:3]
                own = np.einsum("hkkf->hkf", block)  # a view
                own += _over_places(weighted[:, :, :, row], moves[:, :, :, column])

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
        for hands in ((0,), (1,)) if self.across is None else ((0, 1),):
            moves = np.flatnonzero(~held[list(hands)].all((0, 1)))
            if len(moves):
                frames = slice(int(moves[0]), int(moves[-1]) + 1)
                steps[list(hands), :, frames] = self._solved(hands, frames, wanted)
        steps[held] = 0.0
        return steps

    def _solved(self, hands: tuple[int, ...], frames: slice, wanted: Array) -> Array:
        """Steps of these hands in some frames, which nothing that moves couples to another hand or frame."""
        right = np.ascontiguousarray(wanted[list(hands), :, frames].transpose(2, 0, 1)).reshape(-1)
        try:
            # 32 bit takes two thirds of the time, and the next step mends its rounding.
            single = np.dtype(np.float32)
            step = solveh_banded(
                self._band(hands, frames, single),
                right.astype(single),
                lower=True,
                overwrite_ab=True,
                overwrite_b=True,
                check_finite=False,
            )
        except LinAlgError:
            step = solveh_banded(self._band(hands, frames, right.dtype), right, lower=True, overwrite_ab=True)
        return step.reshape(-1, len(hands), COUNT).transpose(1, 2, 0)

    def _band(self, hands: tuple[int, ...], part: slice, dtype: np.dtype[Any]) -> NDArray[np.floating[Any]]:
        """The matrix of these hands frame by frame, in LAPACK's lower form: row k is what lies k below the diagonal.

        In memory column by column, as LAPACK reads it.
        """
        frames, width = part.stop - part.start, len(hands) * COUNT
        band = np.zeros((frames, width, 2 * width + 1), dtype)
        for place, hand in enumerate(hands):
            own = band[:, place * COUNT : (place + 1) * COUNT]
            # Copied at once it is read several times sooner than column by column.
            blocks = np.ascontiguousarray(self.matrix[hand, ..., part].astype(dtype).transpose(2, 1, 0))
            for column in range(COUNT):
                own[:, column, : COUNT - column] = blocks[:, column, column:]
            own[..., width] = self.next[hand, :, part].T
            own[..., 2 * width] = self.after[hand, :, part].T
        if len(hands) == 2 and self.across is not None:
            for column in range(COUNT):
                band[:, column, COUNT - column : 2 * COUNT - column] = self.across[:, column, part].T
        return band.reshape(-1, 2 * width + 1).T


def _over_places(one: Array, other: Array) -> Array:
    """(2, 5, F) the sum over the three coordinates of products of (3, 2, 5, F)."""
    found: Array = np.einsum("xhkf,xhkf->hkf", one, other)
    return found
