# SPDX-License-Identifier: GPL-3.0-or-later
"""Take files are read with all they have, alike on both sides of the process boundary."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import write_take
from take_files import KNOTS, read, rewrite, with_arms

from s2c_blender.core.natural_arms import natural_arms
from s2c_blender.core.skeleton import STANDARD_ARMS
from s2c_blender.takes.take_file import at_scene_rate

try:
    from models.body.take import Take
except ImportError:  # the Python of Blender 5.2 has not what the generator needs
    Take = None


def test_both_sides_have_one_schema():
    """The rules are one file, which lies in two places because neither package may import the other. So are arms."""
    root = Path(__file__).parents[2]
    for ours, theirs in (
        ("s2c_blender/takes/take_arrays.py", "models/body/take_arrays.py"),
        ("s2c_blender/core/arm_geometry.py", "models/body/arm_geometry.py"),
        ("s2c_blender/core/natural_arms.py", "models/body/natural_arms.py"),
    ):
        assert (root / ours).read_bytes() == (root / theirs).read_bytes()


def test_notes_that_are_out_of_order_are_put_in_order(tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, notes=np.array([[1, 2, 64, 80], [0, 1, 60, 80]], np.float32))
    take, _ = read(path)
    assert take.notes[:, 2].tolist() == [60, 64] and take.fingering.tolist() == [[1, 2], [1, 0]]


def test_a_good_take_is_read_with_all_it_has(tmp_path):
    euler, wrist = write_take(tmp_path / "take.npz")
    take, _ = read(tmp_path / "take.npz")
    np.testing.assert_array_equal(take.euler, euler)
    np.testing.assert_array_equal(take.wrist, wrist)
    assert take.notes.shape == (2, 4) and take.fps == 30.0 and take.meta["seed"] == 1
    assert take.fingering.dtype == np.int8 and take.fingering.tolist() == [[1, 0], [1, 2]]
    assert take.euler.dtype == take.wrist.dtype == take.notes.dtype == np.float32


def test_a_take_of_format_1_has_no_arms_whatever_else_lies_in_it(tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, elbow=np.zeros((3, 3)))
    take, _ = read(path)
    assert take.elbow is None and take.shoulder is None and take.keys.shape == (0, 3)


def test_arms_and_depths_of_piano_keys_are_read_and_put_in_order(tmp_path):
    path = tmp_path / "take.npz"
    _, wrist = write_take(path)
    with_arms(path, keys=KNOTS[[3, 1, 4, 0, 2]])
    take, _ = read(path)
    np.testing.assert_array_equal(take.elbow, wrist + np.float32([0, -0.25, 0]))
    np.testing.assert_array_equal(take.shoulder, wrist + np.float32([0, -0.35, 0.25]))
    np.testing.assert_array_equal(take.keys, KNOTS)
    assert take.elbow.dtype == take.shoulder.dtype == take.keys.dtype == np.float32


def test_at_another_rate_arms_keep_their_lengths(tmp_path):
    path = tmp_path / "take.npz"
    _, wrist = write_take(path)
    still = np.repeat(wrist[:1], 60, 0)
    shoulder, elbow = natural_arms(still, np.zeros_like(still), 30.0, 1.2, STANDARD_ARMS)
    elbow[20:], shoulder[20:] = elbow[20:] + np.float32(0.02), shoulder[20:] + np.float32(0.03)
    with_arms(
        path, wrist=still, elbow=elbow, shoulder=shoulder, meta=np.array('{"format": 2, "hand_size": 1.2}')
    )
    scene = bpy.data.scenes.new("at 24")
    scene.render.fps, scene.render.fps_base = 24, 1.0
    take = at_scene_rate(read(path)[0], scene)
    assert take.fps == 24 and len(take.elbow) == len(take.shoulder) == len(take.wrist) == 48
    upper, fore = (
        np.linalg.norm(one.astype(float) - other, axis=-1)
        for one, other in ((take.elbow, take.shoulder), (take.wrist, take.elbow))
    )
    np.testing.assert_allclose(upper, np.broadcast_to(1.2 * STANDARD_ARMS.upper_arm, (48, 2)), atol=1e-6)
    np.testing.assert_allclose(fore, np.broadcast_to(1.2 * STANDARD_ARMS.forearm, (48, 2)), atol=1e-6)
    np.testing.assert_allclose(take.shoulder[0], shoulder[0], atol=1e-6)
    assert np.abs(take.shoulder[-1] - shoulder[-1]).max() < 0.02


def test_other_kinds_of_numbers_are_turned_into_ours(tmp_path):
    path = tmp_path / "take.npz"
    euler, _ = write_take(path)
    by_columns = np.asfortranarray(euler.astype(">f8"))
    rewrite(
        path,
        euler=by_columns,
        notes=np.array([[0, 1, 60, 80]]),
        fingering=np.array([[-1, -1]], ">i8"),
        fps=np.array(25),
    )
    take, _ = read(path)
    np.testing.assert_array_equal(take.euler, euler)
    assert take.euler.dtype == np.float32 and take.fingering.dtype == np.int8 and take.fps == 25.0
    assert take.notes.tolist() == [[0, 1, 60, 80]] and take.fingering.tolist() == [[-1, -1]]


def test_a_take_without_notes_is_a_take(tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, notes=np.zeros((0, 4), np.float32), fingering=np.zeros((0, 2), np.int8))
    take, _ = read(path)
    assert take.notes.shape == (0, 4) and take.fingering.shape == (0, 2)


def test_a_long_take_is_read_in_small_steps(tmp_path):
    write_take(tmp_path / "short.npz")
    write_take(tmp_path / "long.npz", frames=20_000)
    (_, short), (_, long) = read(tmp_path / "short.npz"), read(tmp_path / "long.npz")
    assert short < 10 and long - short >= 7


@pytest.mark.skipif(Take is None, reason="the generator's packages are not installed")
def test_what_the_generator_saves_is_read(tmp_path):
    write_take(tmp_path / "take.npz")
    Take.load(tmp_path / "take.npz").save(tmp_path / "saved.npz")
    take, _ = read(tmp_path / "saved.npz")
    assert take.meta["format"] == 2 and len(take.euler) == len(take.elbow) == len(take.shoulder) == 60


@pytest.mark.skipif(Take is None, reason="the generator's packages are not installed")
def test_a_take_for_other_hands_is_read_with_them(tmp_path):
    from models.body.hand_file import object_of
    from models.body.skeleton import STANDARD_HANDS

    path = tmp_path / "take.npz"
    write_take(path)
    described = object_of(STANDARD_HANDS, "Ann")
    take = Take.load(path)
    Take(take.motion, take.notes, {**take.meta, "hand_geometry": described}).save(path)
    found, _ = read(path)
    assert found.meta["hand_geometry"] == described
    assert Take.load(path).geometry.proportion == 1.0


def test_fingering_of_other_notes_is_unknown_on_both_sides(tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, fingering=np.zeros((3, 2), np.int8))
    assert read(path)[0].fingering.tolist() == [[-1, -1], [-1, -1]]
    models = pytest.importorskip("models.body.take", reason="the generator is not installed here")
    assert models.Take.load(path).notes.fingering.tolist() == [[-1, -1], [-1, -1]]
