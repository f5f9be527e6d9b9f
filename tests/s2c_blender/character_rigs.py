# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures of other people as numbers, and posing them as Blender does, for the tests of characters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.body.kinematics import forward_kinematics
from models.body.skeleton import FINGERS, HANDS, STANDARD_HANDS, HandGeometry
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


def hand_geometry(data: dict[str, Any]) -> HandGeometry:
    """A hand geometry file as the generator's hands; missing fingers are the standard ones."""
    parts = {
        name: np.array(getattr(STANDARD_HANDS, name))
        for name in ("finger_bases", "finger_frames", "lengths", "radii")
    }
    for hand, side in enumerate(HANDS):
        for index, name in enumerate(FINGERS):
            finger = data[side]["fingers"][name]
            if finger is None:
                continue
            y, z = np.array(finger["y_axis"]), np.array(finger["z_axis"])
            parts["finger_bases"][hand, index] = finger["base"]
            parts["finger_frames"][hand, index] = np.stack([np.cross(y, z), y, z], axis=1)
            parts["lengths"][hand, index] = finger["lengths"]
            parts["radii"][hand, index] = finger["radii"]
    return replace(STANDARD_HANDS, **parts)


def kinematics(data: dict[str, Any], euler: np.ndarray, wrist: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints (2, 16, 3) and tips (2, 5, 3) by the generator's own kinematics, piano frame."""
    joints = forward_kinematics(euler, wrist, geometry=hand_geometry(data))
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
