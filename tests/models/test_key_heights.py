# SPDX-License-Identifier: GPL-3.0-or-later
"""Heights of the keys that fingers stay above: under them, and on their way from frame to frame."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.body.keyboard import BLACK_BACK, BLACK_FRONT, BLACK_HEIGHT, BLACK_TOP_WIDTH, key_x
from models.contact.key_heights import height_on_the_way, height_under

BLACK, WHITE = float(key_x(61)), float(key_x(62))
C, D = BLACK - 0.013, BLACK + 0.013


def path(x: list[float], y: list[float]) -> NDArray[np.float64]:
    """(F, 3) one finger, frame by frame."""
    return np.stack([np.array(x), np.array(y), np.zeros(len(x))], 1)


def test_black_keys_are_high_and_have_slopes_around_them() -> None:
    edge = BLACK + BLACK_TOP_WIDTH / 2
    over = path([BLACK, edge, WHITE, BLACK, BLACK, BLACK], [0.08, 0.08, 0.08, 0.03, BLACK_FRONT, BLACK_BACK])
    np.testing.assert_allclose(height_under(over), BLACK_HEIGHT * np.array([1, 1, 0, 0, 1, 1]), atol=1e-6)
    beside = height_under(path([edge + 0.001 * i for i in range(7)], [0.08] * 7))
    assert (np.diff(beside) <= 0).all() and 0 < beside[3] < BLACK_HEIGHT and beside[-1] == 0


@pytest.mark.parametrize("forth", [True, False])
def test_a_finger_on_its_way_from_a_black_to_a_white_key_is_above_the_edge_between(forth: bool) -> None:
    """Half way to the next frame counts for this one, the other half for the next one."""
    x = [BLACK, BLACK, WHITE, WHITE]
    points = path(x if forth else x[::-1], [0.08] * 4)
    here, way = height_under(points), height_on_the_way(points)
    over_white = 2 if forth else 1
    assert here[over_white] == 0
    # On the last quarter of its way it is beside the black key already, on the slope or past it.
    beside = height_under(points[1:2] + np.array([0.25, 0.5, 0.75])[:, None] * (points[2:3] - points[1:2]))
    assert way[over_white] == pytest.approx(beside[1:].max() if forth else beside[:2].max())
    np.testing.assert_array_equal(np.delete(way, over_white), np.delete(here, over_white))


def test_a_finger_that_goes_over_a_black_key_from_one_frame_to_the_next_is_above_it_in_both() -> None:
    points = path([C, D], [0.08, 0.08])
    assert not height_under(points).any()
    np.testing.assert_allclose(height_on_the_way(points), BLACK_HEIGHT)
    # Where it goes in front of the black keys there is nothing in its way.
    assert not height_on_the_way(path([C, D], [0.03, 0.03])).any()


def test_fingers_that_rest_are_above_what_is_under_them() -> None:
    rng = np.random.default_rng(0)
    points = np.repeat(rng.uniform([-0.6, 0.0, 0.0], [0.6, 0.15, 0.05], (1, 2, 5, 3)), 6, 0)
    np.testing.assert_array_equal(height_on_the_way(points), height_under(points))
    moving = rng.uniform([-0.6, 0.0, 0.0], [0.6, 0.15, 0.05], (40, 2, 5, 3))
    assert (height_on_the_way(moving) >= height_under(moving)).all()
    assert (height_on_the_way(moving) > height_under(moving)).any()
    assert len(height_on_the_way(points[:1])) == 1
