# SPDX-License-Identifier: GPL-3.0-or-later
"""A narrow keyboard of 61 keys through the real generator: fingertips on the user's keys, what lies beyond is said."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from character_helpers import mpfb_armature, seated, tips_seen
from mathutils import Euler, Matrix, Vector
from midi_helpers import track, write_midi
from piano_helpers import add_keys, select

import s2c_blender
from s2c_blender.core import keyboard
from s2c_blender.install.environment import PYTHON_VARIABLE
from s2c_blender.rig.bones import joint_bones
from s2c_blender.rig.character import stored
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes.clock import read_notes
from s2c_blender.takes.take_arrays import ONSET, PITCH

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = "Scripts/python.exe" if os.name == "nt" else "bin/python"
NARROW = Matrix.LocRotScale((3.0, -2.0, 0.72), Euler((0.0, 0.0, 0.7)), (0.92,) * 3)
PLAYED = (60, 61, 64, 48)
BEYOND = (30, 102)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Scene]:
    python = next((p for p in (str(ROOT / ".venv" / SCRIPTS), sys.executable) if Path(p).is_file()), "")
    if subprocess.run(
        [python, "-c", "import scipy, onnxruntime"], capture_output=True, check=False
    ).returncode:
        pytest.skip("no Python with the generator's packages: python dev.py setup makes one")
    monkeypatch.setenv(PYTHON_VARIABLE, python)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    session.config = SessionConfig(data_folder=tmp_path / "data")
    bpy.context.scene.render.fps = 30
    bpy.context.scene.sequence_editor_create()
    yield bpy.context.scene
    session.shutdown()
    session.config = SessionConfig()
    s2c_blender.unregister()


def tips(armature: bpy.types.Object, frame: float) -> np.ndarray:
    """(10, 3) the contact points of all fingers in the world, as Blender evaluates them."""
    bpy.context.scene.frame_set(int(frame), subframe=frame - int(frame))
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    last = [name for names in joint_bones(armature) for name in (names[3 * i] for i in range(1, 6))]
    return np.array([evaluated.matrix_world @ evaluated.pose.bones[name].tail for name in last])


def surface_at(key: bpy.types.Object, point: np.ndarray, frame: Matrix) -> float:
    """Z in the piano frame of a user's key at a point of the world above or in it, as Blender evaluates it."""
    evaluated = key.evaluated_get(bpy.context.evaluated_depsgraph_get())
    inverse = evaluated.matrix_world.inverted()
    up = frame.to_3x3() @ Vector((0, 0, 1))
    hit, place, _, _ = evaluated.ray_cast(inverse @ (Vector(point) + 0.05 * up), inverse.to_3x3() @ -up)
    assert hit, "no fingertip over the key"
    return float((frame.inverted() @ evaluated.matrix_world @ place).z)


def assert_fingers_hold_their_keys(
    armature: bpy.types.Object,
    keys: dict[int, bpy.types.Object],
    frame: Matrix,
    tips_at: Callable[[float], np.ndarray],
) -> None:
    """In the middle of each note a fingertip lies on the user's own key, which is down: to a millimetre."""
    notes, _ = read_notes(armature.animation_data.action)
    for onset, number in notes[:, [ONSET, PITCH]].tolist():
        if number not in PLAYED:
            continue
        pitch = int(number)
        found = tips_at(1 + 30 * (onset + 0.4))
        own = np.array([frame.inverted() @ Vector(tip) for tip in found.tolist()])
        top = keyboard.key_top(pitch)
        nearest = int(np.hypot(own[:, 0] - keyboard.key_x(pitch), own[:, 2] - top).argmin())
        assert abs(own[nearest, 0] - keyboard.key_x(pitch)) < 0.012
        surface = surface_at(keys[pitch], found[nearest], frame)
        assert surface < top - 0.004, "the user's key is down under the finger"
        assert own[nearest, 2] == pytest.approx(surface, abs=1e-3)


@pytest.mark.timeout(300)
def test_hands_play_what_a_narrow_keyboard_of_sixty_one_keys_has(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    keys = add_keys(NARROW, range(36, 97))
    select(keys.values())
    bpy.ops.s2c.use_keys()
    bpy.ops.s2c.add_hands()
    settings = scene.s2c_settings
    settings.midi_path = str(write_midi(tmp_path / "wide.mid", track((*PLAYED, *BEYOND))))
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert "4 of 6 notes played" in settings.result
    assert {note.pitch for note in settings.left_out} == {"F♯1", "F♯7"}
    assert any("2 notes lie beyond the keyboard's 61 keys (C2 to C7)" in r.sentence for r in settings.remarks)

    armature = settings.armature
    assert armature.matrix_world.to_scale().x == pytest.approx(0.92, rel=1e-4)
    assert_fingers_hold_their_keys(armature, keys, NARROW, lambda frame: tips(armature, frame))
    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    assert any("beyond the keyboard's 61 keys" in r.sentence for r in settings.remarks)


@pytest.mark.timeout(300)
def test_fingers_go_as_deep_as_shallow_keys_do(scene: bpy.types.Scene, tmp_path: Path) -> None:
    frame = Matrix.Translation((0.0, 0.0, 0.72))
    keys = add_keys(frame)
    bpy.ops.s2c.fit_piano(lowest=keys[21].name, highest=keys[108].name, dip=0.006)
    select(keys.values())
    bpy.ops.s2c.use_keys()
    bpy.ops.s2c.add_hands()
    settings = scene.s2c_settings
    settings.midi_path = str(write_midi(tmp_path / "played.mid", track(PLAYED)))
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert "4 of 4 notes played" in settings.result
    armature = settings.armature
    assert_fingers_hold_their_keys(armature, keys, frame, lambda number: tips(armature, number))
    notes, _ = read_notes(armature.animation_data.action)
    for onset, number in notes[:, [ONSET, PITCH]].tolist():
        deepest = min(tips(armature, 1 + 30 * (onset + 0.4))[:, 2]) - 0.72
        assert keyboard.key_top(int(number)) - 0.006 < deepest < keyboard.key_top(int(number)) - 0.003


@pytest.mark.timeout(300)
def test_a_character_plays_a_narrow_keyboard_with_hands_of_its_own_size(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    character = mpfb_armature()
    frame = Matrix(seated(character).tolist()).inverted() @ Matrix.Scale(0.92, 4)
    keys = add_keys(frame, range(36, 97))
    select(keys.values())
    bpy.ops.s2c.use_keys()
    assert bpy.ops.s2c.use_character(armature=character.name) == {"FINISHED"}
    settings = scene.s2c_settings
    settings.midi_path = str(write_midi(tmp_path / "wide.mid", track((*PLAYED, *BEYOND))))
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert "4 of 6 notes played" in settings.result
    hands = stored.character_hands(character)

    def tips_at(number: float) -> np.ndarray:
        return tips_seen(character, hands, round(number)).reshape(-1, 3)

    assert_fingers_hold_their_keys(character, keys, frame, tips_at)
