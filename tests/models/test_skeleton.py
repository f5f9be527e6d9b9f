# SPDX-License-Identifier: GPL-3.0-or-later
"""The hand's geometry as data: limits of fingers are those of their joints, wrong shapes are refused."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from models.body.skeleton import ABDUCTION, FINGER_JOINTS, LEFT, RIGHT, STANDARD_HANDS


def test_limits_of_fingers_are_those_of_their_joints() -> None:
    limits = STANDARD_HANDS.finger_limits
    assert limits.shape == (2, 5, 4, 2)
    for hand, finger in product(range(2), range(5)):
        joints = STANDARD_HANDS.limits[hand, FINGER_JOINTS[finger]]
        assert np.array_equal(limits[hand, finger], np.stack([*joints[:, 0], joints[0, 2]]))
    np.testing.assert_array_equal(limits[LEFT, :, ABDUCTION], -limits[RIGHT, :, ABDUCTION, ::-1])


@pytest.mark.parametrize("name", ["lengths", "radii", "limits", "finger_bases"])
def test_hands_of_a_wrong_shape_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        replace(STANDARD_HANDS, **{name: getattr(STANDARD_HANDS, name)[0]})
