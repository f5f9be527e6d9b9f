# SPDX-License-Identifier: GPL-3.0-or-later
"""How hands look, in figures."""

import numpy as np
import pytest

from models.body.motion import Motion
from models.body.skeleton import FINGER_JOINTS, LEFT, RIGHT
from models.body.take import Take
from models.evaluation.posture_metrics import playing_fingers, posture_metrics

FPS = 30.0


def still_take(frames: int = 90) -> Take:
    """Hands at rest; the right little finger plays from second 1 to 2."""
    motion = Motion(np.zeros((frames, 2, 16, 3), np.float32), np.zeros((frames, 2, 3), np.float32), FPS)
    return Take(motion, np.array([[1.0, 2.0, 72, 80]], np.float32), np.array([[RIGHT, 4]], np.int8))


def test_hooked_thumbs_are_counted_while_they_are_idle() -> None:
    take = still_take()
    assert posture_metrics(take).hooked_thumbs == 0
    root, middle, _ = FINGER_JOINTS[0]
    take.motion.euler[:45, RIGHT, root, 0] = np.radians(-20)
    assert posture_metrics(take).hooked_thumbs == 0  # raised, but straight
    take.motion.euler[:45, RIGHT, middle, 0] = np.radians(50)
    assert posture_metrics(take).hooked_thumbs == pytest.approx(0.25)
    playing = Take(take.motion, np.array([[0.0, 3.0, 60, 80]], np.float32), np.array([[RIGHT, 0]], np.int8))
    assert posture_metrics(playing).hooked_thumbs == 0


def test_pegs_are_little_fingers_that_play_straight() -> None:
    take = still_take()
    assert posture_metrics(take).pegs == 1
    _, middle, last = FINGER_JOINTS[4]
    take.motion.euler[:, RIGHT, [middle, last], 0] = np.radians(15)
    assert posture_metrics(take).pegs == 0
    nobody = Take(take.motion, np.zeros((0, 4), np.float32), np.zeros((0, 2), np.int8))
    assert posture_metrics(nobody).pegs is None


def test_a_mirrored_take_looks_the_same() -> None:
    take = still_take()
    angles = np.random.default_rng(0).normal(0, 0.2, (90, 2, 16, 3)).astype(np.float32)
    mirror = angles[:, ::-1] * np.array([1, -1, -1], np.float32)
    one, other = (
        posture_metrics(
            Take(Motion(part, take.motion.wrist, FPS), take.notes, np.array([[hand, 4]], np.int8))
        )
        for part, hand in ((angles, RIGHT), (mirror, LEFT))
    )
    assert one.wrist_roll_deg == pytest.approx(other.wrist_roll_deg)
    assert one.wrist_turn_deg == pytest.approx(other.wrist_turn_deg)
    assert one.pegs == other.pegs and one.hooked_thumbs == other.hooked_thumbs


def test_fingers_are_busy_from_shortly_before_a_note_to_shortly_after() -> None:
    take = still_take()
    busy = playing_fingers(take.fingering, take.notes, 90, FPS)
    frames = np.flatnonzero(busy[:, RIGHT, 4])
    assert frames[0] == 26 and frames[-1] == 63 and busy.sum() == len(frames)
    unknown = np.array([[-1, -1]], np.int8)
    assert not playing_fingers(unknown, take.notes, 90, FPS).any()
