# SPDX-License-Identifier: GPL-3.0-or-later
"""The banded solution of the normal equations is that of the dense ones made from the same residuals."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.contact.equations import NormalEquations

FRAMES = 9
Array = NDArray[np.float64]


class DenseEquations:
    """The same sums of costs, residual by residual; variables in the order (2, 21, F)."""

    def __init__(self) -> None:
        self.index = np.arange(2 * 21 * FRAMES).reshape(2, 21, FRAMES)
        self.matrix = np.zeros((self.index.size, self.index.size))
        self.right = np.zeros(self.index.size)

    def add(self, variables: Array, moves: Array, residual: float, weight: float) -> None:
        """One residual, moved by some variables."""
        row = np.zeros(len(self.right))
        row[variables] = moves
        self.matrix += weight * np.outer(row, row)
        self.right -= weight * residual * row

    def solve(self, damping: Array, held: NDArray[np.bool_]) -> Array:
        """The step (2, 21, F)."""
        free = np.flatnonzero(~held.ravel())
        matrix = self.matrix + np.diag(damping.ravel())
        step = np.zeros(len(self.right))
        step[free] = np.linalg.solve(matrix[np.ix_(free, free)], self.right[free])
        return step.reshape(self.index.shape)


def both_equations(across: bool) -> tuple[NormalEquations, DenseEquations]:
    """The same random residuals of every kind."""
    rng = np.random.default_rng(0)
    banded, dense = NormalEquations(FRAMES), DenseEquations()
    index = dense.index
    residual, weight = rng.normal(size=(2, 21, FRAMES)), rng.uniform(0.5, 2, (2, 21, 1))
    banded.add_single(residual, weight)
    for place in np.ndindex(residual.shape):
        dense.add(index[place][None], np.ones(1), residual[place], weight[place[0], place[1], 0])
    tips, by_finger, by_turn = (rng.normal(size=(3, 2, 5, *more, FRAMES)) for more in ((), (3,), (3,)))
    tip_weight = rng.uniform(0, 2, tips.shape)
    banded.add_tips(tips, tip_weight, by_finger, by_turn)
    by_place = np.broadcast_to(np.eye(3)[:, None, None, :, None], by_turn.shape)
    by = np.concatenate([by_finger, by_place, by_turn], 3)
    for x, hand, finger, frame in np.ndindex(tips.shape):
        which = index[hand, [*range(3 * finger, 3 * finger + 3), *range(15, 21)], frame]
        place = (x, hand, finger, frame)
        dense.add(which, by[x, hand, finger, :, frame], tips[place], tip_weight[place])
    for order, shape, kernel in ((1, FRAMES - 1, [-1.0, 1.0]), (2, FRAMES - 2, [1.0, -2.0, 1.0])):
        residual, weight = rng.normal(size=(2, 21, shape)), rng.uniform(0, 2, (2, 21, shape))
        (banded.add_differences if order == 1 else banded.add_second_differences)(residual, weight)
        for hand, variable, frame in np.ndindex(residual.shape):
            which = index[hand, variable, frame : frame + order + 1]
            place = (hand, variable, frame)
            dense.add(which, np.array(kernel), residual[place], weight[place])
    _add_pairs(banded, dense, rng, across)
    return banded, dense


def _add_pairs(
    banded: NormalEquations, dense: DenseEquations, rng: np.random.Generator, across: bool
) -> None:
    count = 30
    frame, hand = rng.integers(0, FRAMES, count), rng.integers(0, 2, count)
    residual, weight = rng.normal(size=count), rng.uniform(0, 2, count)
    moves = rng.normal(size=(2, count, 9))
    variable = np.array([[rng.permutation(21)[:9] for _ in range(count)] for _ in range(2)])
    banded.add_sparse(frame, hand, variable[0], moves[0], residual, weight)
    for k in range(count):
        dense.add(dense.index[hand[k], variable[0, k], frame[k]], moves[0, k], residual[k], weight[k])
    if across:
        banded.add_across(frame, (variable[0], variable[1]), (moves[0], moves[1]), residual, weight)
        for k in range(count):
            which = np.concatenate([dense.index[side, variable[side, k], frame[k]] for side in (0, 1)])
            dense.add(which, moves[:, k].ravel(), residual[k], weight[k])


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("kept", ["nothing", "some", "a hand"])
def test_the_banded_solution_is_the_dense_one(across: bool, kept: str) -> None:
    banded, dense = both_equations(across)
    rng = np.random.default_rng(1)
    held = np.zeros((2, 21, FRAMES), bool)
    if kept == "some":
        held = rng.random(held.shape) < 0.3
    elif kept == "a hand":
        held[1] = True
    damping = rng.uniform(0.1, 1, held.shape)
    expected = dense.solve(damping, held)
    step = banded.solve(damping, held)
    np.testing.assert_allclose(step, expected, atol=2e-4 * np.abs(expected).max())
    assert not step[held].any() and np.abs(step[~held]).min() > 0


def test_hands_that_nothing_couples_are_solved_as_if_the_other_were_not_there() -> None:
    alone, _ = both_equations(across=False)
    other, _ = both_equations(across=False)
    other.slope[1] *= -3
    nothing, damping = np.zeros((2, 21, FRAMES), bool), np.ones((2, 21, 1))
    one, two = alone.solve(damping, nothing), other.solve(damping, nothing)
    np.testing.assert_array_equal(one[0], two[0])
    assert not np.array_equal(one[1], two[1])
