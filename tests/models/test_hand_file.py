# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand geometry files: what is written is read, and what is no pair of hands is one sentence."""

import copy
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contact_scenes import other_hands

from models.body.hand_file import (
    BadHand,
    hands_of,
    object_of,
    read_hand_file,
    same_hands,
    write_hand_file,
)
from models.body.kinematics import forward_kinematics
from models.body.skeleton import FINGER_JOINTS, STANDARD_HANDS, HandGeometry
from models.errors import UserError

GOOD = object_of(STANDARD_HANDS, "ours")


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """The standard hands with one value changed."""
    data = copy.deepcopy(GOOD)
    part: Any = data
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = to
    return data


def equal(one: HandGeometry, other: HandGeometry) -> bool:
    return all(np.array_equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(one))


@pytest.mark.parametrize("hands", [STANDARD_HANDS, other_hands()], ids=["ours", "others"])
def test_what_is_written_is_read_bit_for_bit(hands: HandGeometry, tmp_path: Path) -> None:
    path = tmp_path / "hands.json"
    write_hand_file(path, hands, "Ann's hands")
    found = read_hand_file(path)
    assert found["name"] == "Ann's hands" and equal(hands_of(found), hands)
    write_hand_file(path, hands_of(found), "Ann's hands")
    assert read_hand_file(path) == found


def test_locked_joints_and_missing_fingers_are_kept() -> None:
    data = changed("left", "fingers", "ring", to=None)
    data["right"]["fingers"]["index"]["locked"] = [3]
    data["right"]["fingers"]["thumb"]["locked"] = [1]
    hands = hands_of(data)
    assert hands.present.tolist() == [[True, True, True, False, True], [True] * 5]
    assert not hands.limits[1, FINGER_JOINTS[1, 2]].any() and not hands.limits[1, FINGER_JOINTS[0, 0]].any()
    assert hands.locked[1].sum() == 2 and hands.locked[0].sum() == 3
    assert object_of(hands, "ours") == data
    assert np.array_equal(hands.limits[1, 0], STANDARD_HANDS.limits[1, 0])


def test_what_stands_for_a_missing_finger_lies_behind_the_wrist_and_apart() -> None:
    data = changed("left", "fingers", "ring", to=None)
    data["left"]["fingers"]["pinky"] = None
    joints = forward_kinematics(np.zeros((1, 2, 16, 3)), np.zeros((1, 2, 3)), geometry=hands_of(data))
    stubs = joints.tips[0, 0, 3:]
    assert (stubs[:, 1] < -0.01).all() and np.abs(stubs).max() < 0.05
    assert np.linalg.norm(stubs[0] - stubs[1]) > 0.004


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([], "must be an object"),
        ({**GOOD, "format": 2}, "format is 2"),
        ({**GOOD, "format": True}, "format is True"),
        ({**GOOD, "name": 3}, "its name is 3"),
        ({**GOOD, "more": 1}, '"more", which is not known'),
        ({key: GOOD[key] for key in ("format", "name", "left")}, 'no "right"'),
        (changed("left", "fingers", "thumb", to=3), "the left thumb is 3"),
        (changed("left", "fingers", to={}), 'has no "index"'),
        (changed("right", "fingers", to=dict.fromkeys(GOOD["right"]["fingers"])), "fewer than two fingers"),
        (
            changed("right", "fingers", "ring", "base", to=[0, 1]),
            '"base" of the right ring must be 3 numbers',
        ),
        (changed("right", "fingers", "ring", "base", to=[0, 1, "2"]), "must be 3 numbers"),
        (changed("right", "fingers", "ring", "base", to=[0, 1, True]), "must be 3 numbers"),
        (changed("right", "fingers", "ring", "base", to=[0, 10**400, 0]), "must be 3 numbers"),
        (changed("right", "fingers", "ring", "base", to=[0, float("nan"), 0]), "must be 3 numbers"),
        (changed("right", "fingers", "ring", "y_axis", to=[0, 1.01, 0]), "not of length 1"),
        (changed("right", "fingers", "ring", "y_axis", to=[0, 0, 1]), "right angle"),
        (changed("right", "fingers", "ring", "lengths", to=[0.0, 0.05, 0.05]), "shorter than 1 mm"),
        (changed("right", "fingers", "ring", "lengths", to=[0.4, 0.05, 0.05]), "longer than 30 cm"),
        (changed("right", "fingers", "ring", "lengths", to=[0.2, 0.1, 0.1]), "the armature's scale"),
        (changed("right", "fingers", "ring", "radii", to=[0.1, 0.01, 0.01, 0.01]), "thicker"),
        (changed("right", "fingers", "ring", "locked", to=[0]), '"locked"'),
        (changed("right", "fingers", "ring", "locked", to=[1, 2, 3]), "all of them"),
        (changed("right", "fingers", "ring", "locked", to=[1, 1]), "twice"),
        (changed("right", "fingers", "ring", "locked", to=[True]), '"locked"'),
    ],
)
def test_what_is_no_pair_of_hands_is_refused(data: Any, why: str) -> None:
    with pytest.raises(BadHand) as caught:
        hands_of(data)
    assert why in str(caught.value) and len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "hand_geometry_empty"),
        (b" " * (1 << 17), "hand_geometry_too_large"),
        (b"no json", "hand_geometry_unusable"),
        (b"\xff\xfe", "hand_geometry_unusable"),
        (b"[" * 60_000, "hand_geometry_unusable"),
        (json.dumps(GOOD).replace("0.048", "NaN", 1).encode(), "hand_geometry_unusable"),
        (json.dumps({**GOOD, "\x1b[2J": 1}).encode(), "hand_geometry_unusable"),
        (json.dumps({**GOOD, "format": 3}).encode(), "hand_geometry_unusable"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "hands.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_hand_file(path)
    assert caught.value.code == code
    assert caught.value.message.isprintable() and caught.value.message.endswith(".")
    with pytest.raises(UserError, match="does not exist"):
        read_hand_file(tmp_path / "gone.json")


def test_a_character_may_be_called_anything(tmp_path: Path) -> None:
    path = tmp_path / "hands.json"
    for name in ("two\nlines \x1b[2J", "n" * 5000, ""):
        path.write_text(json.dumps({**GOOD, "name": name}), encoding="utf-8")
        found = read_hand_file(path)
        assert found["name"].isprintable() and len(found["name"]) <= 120
        assert equal(hands_of(found), STANDARD_HANDS)


def test_hands_measured_twice_are_the_same_and_others_are_not() -> None:
    nearly = replace(STANDARD_HANDS, lengths=STANDARD_HANDS.lengths + 5e-5)
    longer = replace(STANDARD_HANDS, lengths=STANDARD_HANDS.lengths + 1e-3)
    fewer = hands_of(changed("left", "fingers", "ring", to=None))
    stiff = hands_of(changed("left", "fingers", "ring", "locked", to=[3]))
    assert same_hands(STANDARD_HANDS, nearly)
    assert not any(same_hands(STANDARD_HANDS, hands) for hands in (longer, fewer, stiff))


def test_proportions_are_those_of_the_long_fingers() -> None:
    larger = replace(
        STANDARD_HANDS,
        lengths=1.2 * STANDARD_HANDS.lengths,
        finger_bases=1.2 * STANDARD_HANDS.finger_bases,
    )
    assert STANDARD_HANDS.proportion == 1.0 and larger.proportion == pytest.approx(1.2)
    lengths = STANDARD_HANDS.lengths.copy()
    lengths[:, 0] *= 1.5
    assert replace(STANDARD_HANDS, lengths=lengths).proportion == 1.0
    assert hands_of(changed("left", "fingers", "ring", to=None)).proportion == 1.0
