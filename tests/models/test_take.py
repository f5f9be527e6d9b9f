# SPDX-License-Identifier: GPL-3.0-or-later
"""Take files: round trip, atomic writing, clear errors, no pickle."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.body.arms import Arms, natural_arms_of
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.take import Take
from models.errors import UserError


def make_take(frames: int = 12) -> Take:
    rng = np.random.default_rng(0)
    motion = Motion(
        rng.normal(size=(frames, 2, 16, 3)).astype(np.float32),
        rng.normal(size=(frames, 2, 3)).astype(np.float32),
        29.97,
    )
    notes = np.array([[0.1, 0.2, 60, 80], [0.2, 0.3, 64, 70]], np.float32)
    return Take(
        motion,
        Notes.from_arrays(notes, np.array([[1, 0], [-1, -1]])),
        {"seed": 3, "preset": "default"},
        np.array([[0.0, 1.0], [0.25, 0.0]], np.float32),
    )


def test_round_trip_is_exact(tmp_path: Path) -> None:
    take = make_take()
    take.save(tmp_path / "a.npz")
    back = Take.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(back.motion.euler, take.motion.euler)
    np.testing.assert_array_equal(back.motion.wrist, take.motion.wrist)
    np.testing.assert_array_equal(back.notes.table, take.notes.table)
    np.testing.assert_array_equal(back.notes.fingering, take.notes.fingering)
    np.testing.assert_array_equal(back.pedal, take.pedal)
    assert back.motion.fps == 29.97 and back.meta["seed"] == 3
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_arms_and_depths_of_piano_keys_come_back_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    arms = Arms(*rng.normal(size=(2, 12, 2, 3)).astype(np.float32))
    keys = np.array([[60, 0.05, 0], [60, 0.1, 1], [64, 0.2, 0.5]], np.float32)
    replace(make_take(), given_arms=arms, keys=keys).save(tmp_path / "a.npz")
    back = Take.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(back.arms.elbow, arms.elbow)
    np.testing.assert_array_equal(back.arms.shoulder, arms.shoulder)
    np.testing.assert_array_equal(back.keys, keys)
    assert back.meta["format"] == 2


def test_a_take_without_arms_gets_natural_ones_of_its_hands_and_is_saved_with_them(tmp_path: Path) -> None:
    old = _rewritten(tmp_path, elbow=None, shoulder=None, meta=np.array('{"format": 1, "hand_size": 1.3}'))
    take = Take.load(old)
    wanted = natural_arms_of(take.motion, hand_size=1.3)
    np.testing.assert_array_equal(take.arms.elbow, wanted.elbow)
    np.testing.assert_array_equal(take.arms.shoulder, wanted.shoulder)
    take.save(tmp_path / "new.npz")
    new = Take.load(tmp_path / "new.npz")
    assert new.meta["format"] == 2 and new.given_arms is not None
    np.testing.assert_array_equal(new.arms.elbow, wanted.elbow)
    assert make_take().keys.shape == (0, 3)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'gone\.npz" does not exist'):
        Take.load(tmp_path / "gone.npz")
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(UserError, match=r'broken\.npz" is not a readable take'):
        Take.load(tmp_path / "broken.npz")


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    notes = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "evil.npz", notes=notes, fps=30.0, meta='{"format": 1}')
    with pytest.raises(UserError, match="not a readable take, because the kind of its notes is unknown"):
        Take.load(tmp_path / "evil.npz")


def test_motion_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    take = make_take()
    take.motion.euler[3, 0, 0, 0] = np.nan
    take.save(tmp_path / "nan.npz")
    with pytest.raises(UserError, match="not finite"):
        Take.load(tmp_path / "nan.npz")


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="wrist"):
        Motion(np.zeros((4, 2, 16, 3), np.float32), np.zeros((5, 2, 3), np.float32), 30.0)
    with pytest.raises(ValueError, match="fps"):
        Motion(np.zeros((4, 2, 16, 3), np.float32), np.zeros((4, 2, 3), np.float32), 0.0)


def _rewritten(tmp_path: Path, **arrays: np.ndarray | None) -> Path:
    """A take file with arrays replaced or, where None, left out."""
    make_take().save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        kept = {**file, **arrays}
    np.savez(tmp_path / "b.npz", **{name: array for name, array in kept.items() if array is not None})
    return tmp_path / "b.npz"


def test_takes_of_earlier_versions_have_no_pedal(tmp_path: Path) -> None:
    assert Take.load(_rewritten(tmp_path, pedal=None)).pedal.shape == (0, 2)


def test_pedals_are_checked_and_brought_into_order(tmp_path: Path) -> None:
    late = np.array([[2.0, 0.0], [1.0, 1.0]], np.float32)
    assert Take.load(_rewritten(tmp_path, pedal=late)).pedal.tolist() == [[1.0, 1.0], [2.0, 0.0]]
    for wrong, why in (
        (np.array([[1.0, 1.5]], np.float32), "further down"),
        (np.array([[np.nan, 1.0]], np.float32), "not finite"),
        (np.array([[-1.0, 1.0]], np.float32), "beyond 0"),
        (np.zeros((3, 3), np.float32), "shape of its pedal"),
    ):
        with pytest.raises(UserError, match=why):
            Take.load(_rewritten(tmp_path, pedal=wrong))


def test_fingers_leave_their_keys_where_the_take_says_else_at_the_offsets(tmp_path: Path) -> None:
    take = make_take()
    early = (take.notes.onset_s + 0.01).astype(np.float32)
    told = Take.load(_rewritten(tmp_path, release=early)).notes
    assert told.release_s == pytest.approx(early)
    for nothing in (None, early[:-1]):
        notes = Take.load(_rewritten(tmp_path, release=nothing)).notes
        assert notes.release_s == pytest.approx(notes.offset_s)
    before = Take.load(_rewritten(tmp_path, release=np.zeros_like(early))).notes
    assert before.release_s == pytest.approx(before.onset_s)
