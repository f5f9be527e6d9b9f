# SPDX-License-Identifier: GPL-3.0-or-later
"""How hands look, in figures."""

import numpy as np
import pytest

from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import FINGER_JOINTS, LEFT, RIGHT
from models.body.take import Take
from models.evaluation.posture_metrics import playing_fingers, posture_metrics

FPS = 30.0


def one_note(onset_s: float, offset_s: float, pitch: int, hand: int, finger: int) -> Notes:
    return Notes.from_arrays([[onset_s, offset_s, pitch, 80.0]], np.array([[hand, finger]]))


def still_take(frames: int = 90) -> Take:
    """Hands at rest; the right little finger plays from second 1 to 2."""
    motion = Motion(np.zeros((frames, 2, 16, 3), np.float32), np.zeros((frames, 2, 3), np.float32), FPS)
    return Take(motion, one_note(1.0, 2.0, 72, RIGHT, 4))


def test_hooked_thumbs_are_counted_while_they_are_idle() -> None:
    take = still_take()
    assert posture_metrics(take).hooked_thumbs == 0
    root, middle, _ = FINGER_JOINTS[0]
    take.motion.euler[:45, RIGHT, root, 0] = np.radians(-20)
    assert posture_metrics(take).hooked_thumbs == 0  # raised, but straight
    take.motion.euler[:45, RIGHT, middle, 0] = np.radians(50)
    assert posture_metrics(take).hooked_thumbs == pytest.approx(0.25)
    playing = Take(take.motion, one_note(0.0, 3.0, 60, RIGHT, 0))
    assert posture_metrics(playing).hooked_thumbs == 0


def test_pegs_are_little_fingers_that_play_straight() -> None:
    take = still_take()
    assert posture_metrics(take).pegs == 1
    _, middle, last = FINGER_JOINTS[4]
    take.motion.euler[:, RIGHT, [middle, last], 0] = np.radians(15)
    assert posture_metrics(take).pegs == 0
    nobody = Take(take.motion, Notes.none())
    assert posture_metrics(nobody).pegs is None


def test_a_mirrored_take_looks_the_same() -> None:
    take = still_take()
    angles = np.random.default_rng(0).normal(0, 0.2, (90, 2, 16, 3)).astype(np.float32)
    mirror = angles[:, ::-1] * np.array([1, -1, -1], np.float32)
    one, other = (
        posture_metrics(Take(Motion(part, take.motion.wrist, FPS), one_note(1.0, 2.0, 72, hand, 4)))
        for part, hand in ((angles, RIGHT), (mirror, LEFT))
    )
    assert one.wrist_roll_deg == pytest.approx(other.wrist_roll_deg)
    assert one.wrist_turn_deg == pytest.approx(other.wrist_turn_deg)
    assert one.pegs == other.pegs and one.hooked_thumbs == other.hooked_thumbs


def test_fingers_are_busy_from_shortly_before_a_note_to_shortly_after() -> None:
    take = still_take()
    busy = playing_fingers(take.notes, 90, FPS)
    frames = np.flatnonzero(busy[:, RIGHT, 4])
    assert frames[0] == 26 and frames[-1] == 63 and busy.sum() == len(frames)
    assert not playing_fingers(take.notes.with_hands(-1), 90, FPS).any()
