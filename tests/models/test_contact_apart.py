# SPDX-License-Identifier: GPL-3.0-or-later
"""Hands make room where they meet, and only there."""

import numpy as np
import pytest
import torch

from models.body.pose import Pose
from models.contact.hand_avoidance import avoid_other_hand

FRAMES, FPS = 150, 30.0
NOBODY = np.zeros((FRAMES, 2), bool)  # is kept


def meeting(start: int, stop: int) -> Pose:
    """Two hands at rest 40 cm apart; from frame `start` to `stop` the left one reaches into the right one."""
    euler = torch.zeros(FRAMES, 2, 16, 3)
    euler[..., 1:13, 0] = 0.5
    wrist = torch.zeros(FRAMES, 2, 3)
    wrist[..., 0] = torch.tensor([-0.2, 0.2])
    wrist[start:stop, 0, 0] = 0.13
    wrist[..., 1], wrist[..., 2] = -0.12, 0.06
    return Pose.of_euler(euler, wrist)


@pytest.mark.parametrize("playing", [0.0, 1.0])
def test_a_short_meeting_moves_nobody_before_or_after_it(playing: float) -> None:
    posture = meeting(74, 78)
    firm = np.full((FRAMES, 2, 5), playing, np.float32)
    room = avoid_other_hand(posture, firm, FPS, NOBODY)
    assert room is not None
    wrists, fingers = np.linalg.norm(room.wrists, axis=-1), np.linalg.norm(room.fingers, axis=-1)
    assert wrists[70:82].max() > 0.002, "where they meet they give way"
    away = np.r_[0:62, 90:FRAMES]
    assert wrists[away].max() < 0.05 * wrists.max()
    assert fingers[away].max() <= 0.05 * fingers.max()


def test_hands_that_never_meet_stay() -> None:
    posture = meeting(0, 0)
    assert avoid_other_hand(posture, np.ones((FRAMES, 2, 5), np.float32), FPS, NOBODY) is None
