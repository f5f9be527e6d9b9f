# SPDX-License-Identifier: GPL-3.0-or-later
"""The sustain pedal as a step function."""

from __future__ import annotations

import numpy as np
import pytest

from models.music.pedal import Pedal


@pytest.fixture
def pedal() -> Pedal:
    return Pedal(np.array([1.0, 2.0, 2.5]), np.array([1.0, 0.4, 0.6], np.float32))


def test_a_depth_holds_until_the_next(pedal: Pedal) -> None:
    assert pedal.depth_at(np.array([0.9, 1.0, 1.99, 2.0, 9.0])) == pytest.approx([0, 1, 1, 0.4, 0.6])


def test_half_way_down_lets_the_strings_sound(pedal: Pedal) -> None:
    assert pedal.down_at(np.array([0.9, 1.5, 2.2, 3.0])).tolist() == [False, True, False, True]


def test_a_part_begins_as_the_pedal_stands(pedal: Pedal) -> None:
    part = pedal.part(1.5, 2.4)
    assert part.time_s == pytest.approx([0.0, 0.5])
    assert part.depth == pytest.approx([1.0, 0.4])
    assert len(pedal.part(0.0, 0.5)) == 0


@pytest.mark.parametrize(
    ("time_s", "depth"), [([1.0, 0.5], [0.0, 1.0]), ([0.0], [1.5]), ([0.0, 1.0], [1.0]), ([np.nan], [0.5])]
)
def test_what_is_no_pedal_is_refused(time_s: list[float], depth: list[float]) -> None:
    with pytest.raises(ValueError, match="pedal"):
        Pedal(np.array(time_s), np.array(depth, np.float32))
