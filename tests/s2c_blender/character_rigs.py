# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures of other people as numbers, and posing them as Blender does, for the tests of characters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.body.hand_file import hands_of
from models.body.kinematics import forward_kinematics
from models.body.skeleton import FINGER_JOINTS, FINGERS, HANDS, JOINTS, STANDARD_HANDS
from s2c_blender.core.character.hands import CharacterHands
from s2c_blender.core.character.mapping import CharacterMapping, HandMapping
from s2c_blender.core.character.rest_bones import RestBones

NUMBERS = json.loads((Path(__file__).parent / "rigs" / "rest_numbers.json").read_text(encoding="utf-8"))[
    "rigs"
]


def rotation(quaternions: np.ndarray) -> np.ndarray:
    """(..., 3, 3) of quaternions (..., 4), w first."""
    w, x, y, z = np.moveaxis(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def measured(name: str) -> RestBones:
    """An armature of `rigs/rest_numbers.json`."""
    rows = NUMBERS[name]["bones"]
    numbers = np.array([row[2:] for row in rows])
    return RestBones(
        tuple(row[0] for row in rows),
        np.array([row[1] for row in rows]),
        numbers[:, :3],
        numbers[:, 3:6],
        rotation(numbers[:, 6:]),
        NUMBERS[name]["metres"],
    )


def renamed(bones: RestBones, names: Mapping[str, str]) -> RestBones:
    """The same bones under other names; those that are not in the table keep theirs."""
    return replace(bones, names=tuple(names.get(name, name) for name in bones.names))


def rolled(bones: RestBones, seed: int) -> RestBones:
    """The same bones, each with axes of its own that say nothing about where it points."""
    random = np.random.default_rng(seed).normal(size=(len(bones.names), 4))
    return replace(bones, frames=rotation(random))


def moved(bones: RestBones, seed: int, scale: float) -> RestBones:
    """The whole armature turned, moved and scaled at rest, as large in metres as before."""
    random = np.random.default_rng(seed)
    turn, way = rotation(random.normal(size=4)), random.normal(size=3)
    return replace(
        bones,
        heads=bones.heads @ turn.T * scale + way,
        tails=bones.tails @ turn.T * scale + way,
        frames=turn @ bones.frames,
        metres=bones.metres / scale,
    )


def mirrored(bones: RestBones, names: Mapping[str, str]) -> RestBones:
    """The mirror image under other names; X of each bone stays the side's own, as importers do it."""
    mirror = np.array([-1.0, 1.0, 1.0])
    frames = mirror[:, None] * bones.frames * mirror
    return replace(
        renamed(bones, names), heads=bones.heads * mirror, tails=bones.tails * mirror, frames=frames
    )


def joined(first: RestBones, second: RestBones) -> RestBones:
    """Two armatures as one."""
    parents = np.where(second.parents < 0, -1, second.parents + len(first.names))
    pairs = ((first.heads, second.heads), (first.tails, second.tails), (first.frames, second.frames))
    heads, tails, frames = (np.concatenate(pair) for pair in pairs)
    names = first.names + second.names
    return RestBones(names, np.concatenate([first.parents, parents]), heads, tails, frames, first.metres)


def posed(
    bones: RestBones,
    basis: Mapping[str, np.ndarray],
    loose: str = "",
    place: Any = (0, 0, 0),
    turn: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Heads (n, 3) and axes (n, 3, 3) of all bones, armature space, when bones are turned as Blender does it.

    basis: bone to ``matrix_basis`` as 3x3. loose: a bone that is put at `place` with the axes `turn`.
    """
    heads, frames = np.zeros((len(bones.names), 3)), np.zeros((len(bones.names), 3, 3))
    done: set[int] = set()

    def pose(bone: int) -> None:
        if bone in done:
            return
        done.add(bone)
        parent = int(bones.parents[bone])
        name = bones.names[bone]
        if name == loose:
            heads[bone], frames[bone] = place, turn
            return
        own = basis.get(name, np.eye(3))
        if parent < 0:
            heads[bone], frames[bone] = bones.heads[bone], bones.frames[bone] @ own
            return
        pose(parent)
        since_rest = frames[parent] @ bones.frames[parent].T
        heads[bone] = heads[parent] + since_rest @ (bones.heads[bone] - bones.heads[parent])
        frames[bone] = since_rest @ bones.frames[bone] @ own

    for bone in range(len(bones.names)):
        pose(bone)
    return heads, frames


def kinematics(data: dict[str, Any], euler: np.ndarray, wrist: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints (2, 16, 3) and tips (2, 5, 3) by the generator's own kinematics, piano frame."""
    joints = forward_kinematics(euler, wrist, geometry=hands_of(data))
    return joints.position, joints.tips


def by_names(wrist: str, finger: str, fingers: tuple[str, ...], sides: tuple[str, str]) -> CharacterMapping:
    """A mapping by a scheme such as ``{side}Hand{finger}{n}``; empty finger names are missing fingers."""
    hands = []
    for side in sides:
        bones = {"wrist": wrist.format(side=side)}
        for name, word in zip(FINGERS, fingers, strict=True):
            for n in (1, 2, 3) if word else ():
                bones[f"{name}{n}"] = finger.format(side=side, finger=word, n=n)
        hands.append(HandMapping(bones))
    return CharacterMapping("by hand", *hands)


def angles(seed: int, hands: CharacterHands) -> np.ndarray:
    """Random poses within the limits (2, 16, 3); joints that a rig lacks stay at 0."""
    limits = STANDARD_HANDS.limits
    euler = np.random.default_rng(seed).uniform(limits[..., 0], limits[..., 1])
    for hand in hands.hands:
        for finger in filter(None, hand.fingers):
            for joint in finger.locked:
                euler[hand.hand, FINGER_JOINTS[finger.finger, joint - 1]] = 0.0
    return euler


def check_exact(bones: RestBones, mapping: CharacterMapping, seed: int, off: float = 1e-9) -> None:
    """Posed bones are where the generator's kinematics of the geometry file put them, within `off` metres."""
    hands = CharacterHands.of(bones, mapping)
    euler = angles(seed, hands)
    random = np.random.default_rng(seed)
    wrist, turn, origin = random.normal(size=(2, 3)), rotation(random.normal(size=4)), random.normal(size=3)
    wanted, tips = kinematics(hands.geometry("x"), euler, wrist)
    rotations = hands.finger_rotations(euler)
    for hand, own in zip(hands.hands, mapping.hands, strict=True):
        place = turn @ wrist[hand.hand] / bones.metres + origin
        axes = turn @ hand.wrist_orientations(euler[hand.hand, 0])
        heads, frames = posed(bones, rotations, hand.wrist, place, axes)
        for joint, name in enumerate(JOINTS):
            if name not in own.bones:
                continue
            found = turn.T @ (heads[bones.index[own.bones[name]]] - origin) * bones.metres
            assert found == pytest.approx(wanted[hand.hand, joint], abs=off), (name, HANDS[hand.hand])
        for finger in filter(None, hand.fingers):
            last = bones.index[finger.bones[-1]]
            tip = heads[last] + frames[last] @ bones.in_bone_space(last, finger.axes.heads[-1])
            found = turn.T @ (tip - origin) * bones.metres
            assert found == pytest.approx(tips[hand.hand, finger.finger], abs=off), FINGERS[finger.finger]


def check_flexion(bones: RestBones, mapping: CharacterMapping) -> None:
    """20 degrees at every joint bring every tip toward the palm, by 5 mm and more."""
    hands = CharacterHands.of(bones, mapping)
    rest, bent = np.zeros((2, 16, 3)), np.zeros((2, 16, 3))
    bent[:, 1:, 0] = np.radians(20)
    for hand in hands.hands:
        palm = _palm(bones, mapping, hand.hand)
        heads, frames = posed(bones, hands.finger_rotations(rest))
        heads2, frames2 = posed(bones, hands.finger_rotations(bent))
        for finger in filter(None, hand.fingers):
            last = bones.index[finger.bones[-1]]
            point = bones.in_bone_space(last, finger.axes.heads[-1])
            tip, tip2 = (h[last] + f[last] @ point for h, f in ((heads, frames), (heads2, frames2)))
            way = (tip2 - tip) * bones.metres
            assert way @ palm > 0.005, (HANDS[hand.hand], FINGERS[finger.finger])


def _palm(bones: RestBones, mapping: CharacterMapping, hand: int) -> np.ndarray:
    """Where the palm faces: first knuckle x last knuckle from the wrist, worked out apart from the code."""
    own = mapping.hands[hand].bones
    fingers = [name for name in ("index1", "middle1", "ring1", "pinky1") if name in own]
    wrist, first, last = (bones.heads[bones.index[own[name]]] for name in ("wrist", fingers[0], fingers[-1]))
    normal = np.cross(first - wrist, last - wrist) * (1 if hand else -1)
    return normal / np.linalg.norm(normal)


def with_parent(bones: RestBones, below: str, name: str, share: float) -> RestBones:
    """A new bone between `below` and its parent, at this share of the way from the parent."""
    child = bones.index[below]
    parent = int(bones.parents[child])
    head = bones.heads[parent] * (1 - share) + bones.heads[child] * share
    grown = with_leaf(bones, bones.names[parent], name, head)
    parents = grown.parents.copy()
    parents[child] = len(bones.names)
    return replace(grown, parents=parents)


def with_leaf(bones: RestBones, parent: str, name: str, head: np.ndarray) -> RestBones:
    """A new bone without children, whose axes and tail say nothing."""
    frame = rotation(np.random.default_rng(len(bones.names)).normal(size=4))
    return RestBones(
        (*bones.names, name),
        np.append(bones.parents, bones.index[parent]),
        np.vstack([bones.heads, head]),
        np.vstack([bones.tails, head + 0.01 / bones.metres * frame[:, 1]]),
        np.concatenate([bones.frames, frame[None]]),
        bones.metres,
    )


def without_bone(bones: RestBones, name: str) -> RestBones:
    """The bones without one of them; its children hang on its parent."""
    gone = bones.index[name]
    parents = np.where(bones.parents == gone, bones.parents[gone], bones.parents)
    keep = np.arange(len(bones.names)) != gone
    parents = np.where(parents > gone, parents - 1, parents)[keep]
    names = tuple(other for other in bones.names if other != name)
    return RestBones(names, parents, bones.heads[keep], bones.tails[keep], bones.frames[keep], bones.metres)
