# SPDX-License-Identifier: GPL-3.0-or-later
"""Built-in hands that an earlier version added, or that somebody changed: contact is solved on those very hands."""

import json
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from real_generator import HAS_GENERATOR, SECONDS, two_hands, worker_python
from session_helpers import write_arms_take

import s2c_blender
from s2c_blender.core import skeleton
from s2c_blender.install.environment import PYTHON_VARIABLE
from s2c_blender.order_from_scene import order_new_take
from s2c_blender.rig import hand_geometry
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.bones import joint_bones
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes.clock import read_notes
from s2c_blender.takes.hands_on import reader_of

EARLIER = {"ring": [0.019, 0.086, 0.0], "pinky": [0.042, 0.077, -0.003]}
"""Knuckles of version 1's right hand, 5 and 14 mm behind the middle finger's."""
START, FPS = 1, 30


@pytest.fixture(autouse=True)
def scene(tmp_path: Path) -> Iterator[bpy.types.Scene]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    session.config = SessionConfig(data_folder=tmp_path / "data")
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = FPS, 1.0
    scene.sequence_editor_create()
    yield scene
    session.shutdown()
    session.config = SessionConfig()
    s2c_blender.unregister()


def of_earlier_version(size: float = 1.0, *, arms: bool = True) -> bpy.types.Object:
    with pytest.MonkeyPatch.context() as earlier:
        for finger, base in EARLIER.items():
            earlier.setitem(skeleton.DATA["fingers"][finger], "base", base)
        armature = create_armature(bpy.context, size, bpy.context.scene.collection, arms=arms)
    bpy.context.scene.s2c_settings.armature = armature
    return armature


@pytest.mark.parametrize(("size", "arms"), [(1.0, True), (1.2, True), (0.8, False)])
def test_their_knuckles_are_told(size: float, arms: bool) -> None:
    armature = of_earlier_version(size, arms=arms)
    armature.matrix_world = Matrix.LocRotScale((1, 2, 3), Matrix.Rotation(1, 3, "Z"), (2, 2, 2))
    found = hand_geometry.other_geometry(armature)
    for hand, mirror in (("left", -1), ("right", 1)):
        fingers = found[hand]["fingers"]
        for finger in skeleton.FINGERS:
            base = EARLIER.get(finger, skeleton.DATA["fingers"][finger]["base"])
            wanted = size * np.array(base) * [mirror, 1, 1]
            assert fingers[finger]["base"] == pytest.approx(wanted.tolist(), abs=1e-6)
            lengths = size * np.array(skeleton.DATA["fingers"][finger]["lengths"])
            assert fingers[finger]["lengths"] == pytest.approx(lengths.tolist(), abs=1e-6)
    assert reader_of(armature, 1).meta == {"hand_geometry": found}


@pytest.mark.parametrize("size", [0.7, 1.0, 1.35])
def test_hands_as_they_are_added_are_told_by_their_size_alone(
    size: float, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    armature = create_armature(bpy.context, size, scene.collection)
    assert hand_geometry.other_geometry(armature) is None
    assert reader_of(armature, 1).meta == {}
    scene.s2c_settings.midi_path = str(two_hands(tmp_path / "piece.mid"))
    assert "hand_geometry" not in order_new_take(bpy.context, 1).params


def test_a_longer_finger_is_told_and_a_bent_one_cannot_be(scene: bpy.types.Scene) -> None:
    armature = create_armature(bpy.context, 1.0, scene.collection)
    tip = joint_bones(armature)[1][skeleton.JOINTS.index("index3")]
    bpy.ops.object.mode_set(mode="EDIT")
    bone = armature.data.edit_bones[tip]
    bone.tail = bone.head + 1.25 * (bone.tail - bone.head)
    bpy.ops.object.mode_set(mode="OBJECT")
    told = hand_geometry.other_geometry(armature)
    longer = told["right"]["fingers"]["index"]["lengths"]
    assert longer[2] == pytest.approx(1.25 * skeleton.DATA["fingers"]["index"]["lengths"][2], abs=1e-6)
    bpy.ops.object.mode_set(mode="EDIT")
    armature.data.edit_bones[tip].tail.z -= 0.01
    bpy.ops.object.mode_set(mode="OBJECT")
    assert hand_geometry.other_geometry(armature) is None


def test_a_take_for_the_hands_of_today_is_said_to_be_for_others(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    arrays, said = write_arms_take(tmp_path / "made.npz"), {}
    armature = of_earlier_version()
    own = hand_geometry.other_geometry(armature)
    for name, meta in {
        "today": {"hand_size": 1.0},
        "silent": {},
        "own": {"hand_size": 1.0, "hand_geometry": own},
    }.items():
        text = json.dumps({"format": 2, "seed": 1} | meta)
        write_arms_take(tmp_path / "made.npz", {**arrays, "meta": np.array(text)})
        bpy.ops.s2c.apply_take(filepath=str(tmp_path / "made.npz"), frame_start=START)
        said[name] = "other hands" in scene.s2c_settings.result
    assert said == {"today": True, "silent": True, "own": False}


def tips_seen(armature: bpy.types.Object) -> np.ndarray:
    """(moments, 2, 5, 3) tails of the fingers' last bones as Blender evaluates them, frames and half-way."""
    names = [[hand[joint] for joint in skeleton.FINGER_JOINTS[:, 2]] for hand in joint_bones(armature)]
    found = []
    for half in range(2 * round(SECONDS * FPS) - 1):
        bpy.context.scene.frame_set(START + half // 2, subframe=half % 2 / 2)
        evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append([[list(evaluated.pose.bones[name].tail) for name in hand] for hand in names])
    return np.array(found)


@pytest.mark.timeout(300)
def test_they_play_and_a_hand_is_redone(
    scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = worker_python()
    if not python or not HAS_GENERATOR:
        pytest.skip("no Python with the generator's packages: python dev.py setup makes one")
    from models.body.keyboard import struck_keys
    from models.body.notes import Notes
    from models.body.take import Take
    from models.evaluation.key_touch import off_key_m
    from models.evaluation.scores import onset_score, shown

    monkeypatch.setenv(PYTHON_VARIABLE, python)
    armature = of_earlier_version()
    scene.s2c_settings.midi_path = str(two_hands(tmp_path / "piece.mid"))
    for operator in (bpy.ops.s2c.generate, lambda: bpy.ops.s2c.regenerate_hand(hand="LEFT")):
        assert operator() == {"FINISHED"}
        assert "other hands" not in scene.s2c_settings.result
        take = Take.load(scene.s2c_settings.take_path)
        assert take.geometry.finger_bases[1, 4] == pytest.approx(EARLIER["pinky"], abs=1e-6)
        seen = tips_seen(armature)
        made = shown(take).tips[:: round(shown(take).rate / FPS / 2)][: len(seen)]
        off = np.abs(seen - made)[::2]  # between frames arms carry their hands on arcs of their own
        assert off.max() < 2e-5, "fingertips in Blender are where contact put them"
        assert np.percentile(off_key_m(take, shown(take)), 95) < 0.002
        notes, _ = read_notes(armature.animation_data.action)
        score = onset_score(struck_keys(seen), 2.0 * FPS, Notes.from_arrays(notes.astype(float))).score
        assert score.f1 >= 0.97
