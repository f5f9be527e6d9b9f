# SPDX-License-Identifier: GPL-3.0-or-later
"""A character plays what the real worker makes for its hands: what is struck is read off its evaluated bones."""

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest
from character_helpers import seated_character, tips_seen
from real_generator import HAS_GENERATOR, SECONDS, two_hands, worker_python

import s2c_blender
from s2c_blender.install.environment import PYTHON_VARIABLE
from s2c_blender.rig.character import stored
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes import sampling
from s2c_blender.takes.clock import read_notes
from s2c_blender.takes.hands_on import reader_of

FPS, START = 30, 1


@pytest.fixture
def character(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[bpy.types.Object]:
    """A character at its piano, with six seconds of a two-handed piece on the timeline."""
    python = worker_python()
    if not python or not HAS_GENERATOR:
        pytest.skip("no Python with the generator's packages: python dev.py setup makes one")
    monkeypatch.setenv(PYTHON_VARIABLE, python)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    session.config = SessionConfig(data_folder=tmp_path / "data")
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = FPS, 1.0
    scene.sequence_editor_create()
    armature = seated_character(scale=100.0)
    scene.s2c_settings.midi_path = str(two_hands(tmp_path / "piece.mid"))
    yield armature
    session.shutdown()
    session.config = SessionConfig()
    s2c_blender.unregister()


def struck_as_seen(armature: bpy.types.Object) -> float:
    """Onset F1 of the keys that the fingertips of the evaluated bones strike, frame by frame and a half between."""
    from models.body.keyboard import struck_keys
    from models.body.notes import Notes
    from models.evaluation.scores import onset_score

    hands = stored.character_hands(armature)
    piano = stored.piano_matrix(armature, stored.mapping_of(armature))
    frames = range(START, START + round(SECONDS * FPS))
    tips = np.array([tips_seen(armature, hands, frame) for frame in frames])
    tips = tips @ piano[:3, :3].T + piano[:3, 3]
    between = np.concatenate(
        [np.stack([tips[:-1], (tips[:-1] + tips[1:]) / 2], 1).reshape(-1, 2, 5, 3), tips[-1:]]
    )
    notes, _ = read_notes(armature.animation_data.action)
    return onset_score(struck_keys(between), 2.0 * FPS, Notes.from_arrays(notes.astype(float))).score.f1


def angles(armature: bpy.types.Object) -> np.ndarray:
    """(frames, 2, 16, 3) as they are read back."""
    count = round(SECONDS * FPS)
    reader = reader_of(armature, count)
    for _ in sampling.sample(armature.session_uid, armature.name, range(START, START + count), reader):
        pass
    return np.array(reader.euler)


@pytest.mark.timeout(300)
def test_a_character_plays_and_redoes_a_hand_and_some_bars(character: bpy.types.Object) -> None:
    settings = bpy.context.scene.s2c_settings
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    assert "28 of 28 notes played" in settings.result, settings.result
    assert struck_as_seen(character) >= 0.98
    first = angles(character)

    assert bpy.ops.s2c.regenerate_hand(hand="LEFT") == {"FINISHED"}
    second = angles(character)
    assert np.abs(second[:, 1] - first[:, 1]).max() < 1e-3
    assert np.abs(second[:, 0] - first[:, 0]).max() > 0.02
    assert struck_as_seen(character) >= 0.98

    settings.redo_start, settings.redo_end = START + 60, START + 119
    assert bpy.ops.s2c.regenerate_range(hand="BOTH") == {"FINISHED"}
    third = angles(character)
    assert np.abs(third[:60] - second[:60]).max() < 1e-3 and np.abs(third[121:] - second[121:]).max() < 1e-3
    assert np.abs(third[60:120] - second[60:120]).max() > 0.02
    assert struck_as_seen(character) >= 0.98
