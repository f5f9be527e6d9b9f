# SPDX-License-Identifier: GPL-3.0-or-later
"""Depth curves of the piano's keys: they go with the fingers on them, frame by frame."""

import numpy as np
import pytest

from models.body import keyboard
from models.body.kinematics import forward_kinematics
from models.body.notes import Notes
from models.body.skeleton import RIGHT
from models.contact import apply_contact
from models.contact.key_curves import key_curves
from models.planning.fingering import finger_notes
from tests.models.test_contact import melody, relaxed_motion

FPS = 30.0


def depth_of(curves: np.ndarray, pitch: int, frames: int, fps: float = FPS) -> np.ndarray:
    """(frames,) of one key; 0 where it has no knots."""
    mine = curves[curves[:, 0] == pitch]
    return np.interp(np.arange(frames) / fps, mine[:, 1], mine[:, 2]) if len(mine) else np.zeros(frames)


def test_a_key_is_as_deep_as_the_finger_on_it_in_every_frame() -> None:
    result = apply_contact(relaxed_motion(5.0, FPS), melody())
    motion = result.motion
    curves = key_curves(result.notes, motion.frames, FPS)
    tips = forward_kinematics(motion.euler.astype(float), motion.wrist.astype(float)).tips.reshape(-1, 10, 3)
    pitch = keyboard.key_under(tips) + keyboard.LOWEST_PITCH
    below = (keyboard.key_surface(pitch) - tips[..., 2]) / keyboard.bottom_depth(pitch, tips[..., 1])
    for key in np.unique(result.notes.pitch).astype(int).tolist():
        there = np.where(pitch == key, below, 0.0).max(1).clip(0, 1)
        depth = depth_of(curves, key, motion.frames)
        # Fingers that leave are not held to their key to the last.
        assert (np.abs(there - depth) < 0.12).mean() > 0.97, key
        assert there[depth > 0.7].min() > 0.55, key


def test_knots_lie_on_frames_in_order_and_keys_begin_and_end_up() -> None:
    notes = finger_notes(melody())
    curves = key_curves(notes, 150, FPS)
    pitch, frame, depth = curves[:, 0], curves[:, 1] * FPS, curves[:, 2]
    np.testing.assert_allclose(frame, np.round(frame), atol=1e-3)
    assert (np.diff(np.lexsort((frame, pitch))) > 0).all() and len(np.unique(curves[:, :2], axis=0)) == len(
        curves
    )
    assert depth.min() == 0 and depth.max() == 1
    for key in np.unique(pitch):
        assert depth[pitch == key][0] == 0 and depth[pitch == key][-1] == 0
    assert set(pitch.astype(int)) == set(notes.pitch[notes.played].astype(int))


@pytest.mark.parametrize("velocity", [30, 100])
def test_soft_keys_go_down_slower_than_loud_ones(velocity: int) -> None:
    notes = finger_notes(Notes.from_arrays([[1.0, 1.8, 64, velocity]], hand=RIGHT))
    depth = depth_of(key_curves(notes, 90, FPS), 64, 90)
    bottom = int(depth.argmax())
    assert abs(bottom / FPS - 1.0) < 0.05
    if velocity == 30:
        assert 0.2 < depth[bottom - 1] < 0.9 and depth[bottom - 2] > 0.05
    else:
        assert depth[bottom - 1] < 1e-3


def test_a_key_that_is_struck_again_comes_up_between() -> None:
    table = [[1.0 + 0.15 * i, 1.15 + 0.15 * i, 60, 70] for i in range(6)]
    notes = finger_notes(Notes.from_arrays(table, hand=RIGHT))
    depth = depth_of(key_curves(notes, 90, FPS), 60, 90)
    assert (np.diff((depth > 0.75).astype(int)) == 1).sum() == 6


def test_blocks_of_time_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    table = [[0.5 + 0.4 * i, 0.85 + 0.4 * i, 60 + i % 12, 64] for i in range(40)]
    notes = finger_notes(Notes.from_arrays(table, hand=RIGHT))
    whole = key_curves(notes, 600, FPS)
    monkeypatch.setattr("models.contact.key_curves._BLOCK_S", 1.7)
    blocks = key_curves(notes, 600, FPS)
    for key in range(60, 72):
        np.testing.assert_allclose(depth_of(blocks, key, 600), depth_of(whole, key, 600), atol=0.003)


def test_without_notes_no_key_moves() -> None:
    assert key_curves(finger_notes(Notes.from_arrays(np.zeros((0, 4)))), 30, FPS).shape == (0, 3)
