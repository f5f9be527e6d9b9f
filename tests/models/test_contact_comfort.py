# SPDX-License-Identifier: GPL-3.0-or-later
"""Comfortable fingers: which way the wrist is asked to go, thumbs that are not hooked."""

import numpy as np
import pytest
import torch

from models.body.pose import Pose
from models.body.skeleton import ABDUCTION, FLEXION, LAST, MIDDLE
from models.contact.posture_costs import posture_costs, unhooked

ARCHED = (0.35, 0.7, 0.45, 0.0)


def hands(frames=1, **changes):
    """Arched fingers (frames, 2, 5, 4); `changes` give one joint of one finger another angle: thumb_middle=1.0."""
    names = ("flexion", "middle", "last", "abduction")
    angles = torch.tensor(ARCHED).expand(frames, 2, 5, 4).clone()
    angles[..., 0, MIDDLE] = 0.2
    for name, value in changes.items():
        finger, joint = name.split("_")
        angles[..., ["thumb", "index", "middle", "ring", "little"].index(finger), names.index(joint)] = value
    return angles


def pose(fingers):
    """Hands with these fingers, wrists at the origin."""
    level = torch.zeros(len(fingers), 2, 3)
    return Pose(fingers, level, level)


def asked(fingers):
    """(2, 5, 3) where the wrists are asked to go."""
    return posture_costs(pose(fingers))[0]


def test_arched_fingers_ask_for_nothing():
    assert not asked(hands()).any()


@pytest.mark.parametrize(("finger", "index"), [("index", 1), ("little", 4)])
def test_a_stretched_finger_asks_the_wrist_to_come_nearer_and_a_curled_one_to_go_back(finger, index):
    stretched, curled = asked(hands(**{f"{finger}_middle": 0.1})), asked(hands(**{f"{finger}_middle": 1.5}))
    assert (stretched[:, index, 1] > 0.002).all() and (curled[:, index, 1] < -0.002).all()
    others = np.delete(stretched, index, axis=1)
    assert not others.any()
    np.testing.assert_allclose(stretched[0] * [-1, 1, 1], stretched[1], atol=1e-7)  # hands are mirror images


def test_a_hooked_thumb_is_stretched_and_nothing_else_is_touched():
    hooked = hands(thumb_flexion=np.radians(-30.0), thumb_middle=np.radians(70.0))
    eased = unhooked(hooked)
    thumb = np.degrees(eased[0, 0, 0, [FLEXION, MIDDLE]])
    np.testing.assert_allclose(thumb, [-30, 50], atol=1e-3)  # 20 degrees beyond -10: 20 less than 70
    for angle in (FLEXION, LAST, ABDUCTION):
        assert torch.equal(eased[..., angle], hooked[..., angle])
    assert torch.equal(eased[..., 1:, MIDDLE], hooked[..., 1:, MIDDLE])
    far, near = (pose(part).tips_in_hand[0, :, 0].norm(dim=-1) for part in (eased, hooked))
    assert (far > near).all()


@pytest.mark.parametrize(("root_deg", "middle_deg"), [(0, 70), (-30, 20), (-9.9, 80)])
def test_thumbs_that_are_not_hooked_stay_as_they_are(root_deg, middle_deg):
    thumbs = hands(thumb_flexion=np.radians(root_deg), thumb_middle=np.radians(middle_deg))
    assert torch.equal(unhooked(thumbs), thumbs)


def test_unhooking_has_no_jumps():
    turn = torch.linspace(0.2, -0.8, 400)
    angles = hands(400)
    angles[..., 0, FLEXION] = turn[:, None]
    angles[..., 0, MIDDLE] = 0.4 - turn[:, None]
    step = unhooked(angles)[..., 0, MIDDLE].diff(dim=0).abs().max()
    assert step <= turn.diff().abs().max() + 1e-6
