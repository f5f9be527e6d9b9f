# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in piano's keys and the rest skeleton as geometry: solid, apart from each other, and as the generator's."""

from collections import Counter

import numpy as np
import pytest

from models.body import keyboard as generator_keys
from models.body import keyboard_size
from s2c_blender.core import keyboard, skeleton
from s2c_blender.piano.frame import FEWEST_KEYS

SHAPES = {shape.pitch: shape for shape in keyboard.key_shapes()}
WHITE = [pitch for pitch in SHAPES if not SHAPES[pitch].black]


def placed(pitch: int) -> np.ndarray:
    """A key's vertices in the piano frame, at rest."""
    shape = SHAPES[pitch]
    return shape.vertices + (shape.x, keyboard.HINGE_Y, keyboard.HINGE_Z)


def outline(pitch: int, y: float) -> tuple[float, float]:
    """Left and right end of a key where its surface is cut across at ``y``."""
    points, ends = placed(pitch), []
    for face in SHAPES[pitch].faces:
        for a, b in zip(face, (*face[1:], face[0]), strict=True):
            (x1, y1, _), (x2, y2, _) = points[a], points[b]
            if min(y1, y2) <= y <= max(y1, y2) and y1 != y2:
                ends.append(x1 + (x2 - x1) * (y - y1) / (y2 - y1))
    return min(ends), max(ends)


def test_keys_lie_and_are_named_as_the_generator_has_them() -> None:
    assert list(SHAPES) == list(range(21, 109))
    for pitch, shape in SHAPES.items():
        assert shape.x == pytest.approx(float(generator_keys.key_x(pitch)), abs=1e-12)
        assert shape.black == bool(generator_keys.is_black(pitch))
    assert [SHAPES[pitch].name for pitch in (21, 60, 61, 108)] == ["A0", "C4", "C#4", "C8"]


def test_a_keyboard_may_have_as_few_keys_and_go_as_deep_here_as_in_the_generator() -> None:
    assert keyboard.DIP_RANGE == keyboard_size.DIP_RANGE
    assert FEWEST_KEYS == keyboard_size.FEWEST_KEYS
    assert keyboard.WHITE_DIP == generator_keys.WHITE_DIP


@pytest.mark.parametrize("pitch", SHAPES)
def test_every_key_is_a_solid_of_its_size(pitch: int) -> None:
    shape, points = SHAPES[pitch], placed(pitch)
    edges = Counter((a, b) for face in shape.faces for a, b in zip(face, (*face[1:], face[0]), strict=True))
    # Every edge belongs to two faces that run along it in opposite ways: closed, and all faces look outwards.
    assert set(edges.values()) == {1} and all((b, a) in edges for a, b in edges)
    volume = 0.0
    for face in shape.faces:
        for a, b in zip(face[1:-1], face[2:], strict=True):
            volume += np.dot(points[face[0]], np.cross(points[a], points[b])) / 6
    size = points.max(0) - points.min(0)
    assert 0.4 * size.prod() < volume < size.prod()
    top = generator_keys.key_surface(pitch)
    assert points[:, 2].max() == pytest.approx(float(top), abs=1e-9)
    width = 0.0137 if shape.black else 0.0225
    assert size[0] == pytest.approx(width, abs=1e-9)
    assert points[:, 1].min() == pytest.approx(0.044 if shape.black else 0.0, abs=1e-9)
    assert points[:, 1].max() == pytest.approx(keyboard.HINGE_Y, abs=1e-9)  # where keys turn
    # The edge is rounded off on all sides: what is on top is a little smaller than what is below.
    upper = points[np.isclose(points[:, 2], points[:, 2].max())]
    body = points[np.isclose(points[:, 2], points[:, 2].max() - 0.0008)]
    for axis in (0, 1):
        assert upper[:, axis].min() == pytest.approx(body[:, axis].min() + 0.0008, abs=1e-9)
        assert upper[:, axis].max() == pytest.approx(body[:, axis].max() - 0.0008, abs=1e-9)


def test_keys_have_no_more_corners_than_they_need() -> None:
    corners = {pitch: len(shape.vertices) // 3 for pitch, shape in SHAPES.items()}
    # A black key, C8 without neighbours, C and E beside one black key, D and G between two.
    assert [corners[pitch] for pitch in (61, 108, 60, 64, 62, 67)] == [4, 4, 6, 6, 8, 8]


@pytest.mark.parametrize("y", [0.01, 0.03, 0.047, 0.07, 0.12])
def test_neighbours_leave_each_other_room(y: float) -> None:
    present = [pitch for pitch in SHAPES if placed(pitch)[:, 1].min() < y]
    ends = [outline(pitch, y) for pitch in present]
    gaps = [right[0] - left[1] for left, right in zip(ends, ends[1:])]
    assert min(gaps) > 0.0004 and max(gaps) < 0.0045
    if y < 0.04:
        assert present == WHITE and np.allclose(gaps, 0.001, atol=1e-9)


def test_a_pressed_key_s_front_is_down_by_its_dip() -> None:
    for pitch in (60, 61):
        shape = SHAPES[pitch]
        front = np.array([0.0 if pitch == 60 else 0.05, float(generator_keys.key_dip(pitch))])
        assert np.sin(shape.press_angle) * (keyboard.HINGE_Y - front[0]) == pytest.approx(front[1])


@pytest.mark.parametrize("size", [0.8, 1.0, 1.3])
def test_bones_have_their_lengths_and_square_axes_and_the_hands_are_mirror_images(size: float) -> None:
    left, right = (skeleton.rest_bones(hand, size) for hand in (0, 1))
    for one, other in zip(left, right, strict=True):
        for bone in (one, other):
            np.testing.assert_allclose(bone.frame.T @ bone.frame, np.eye(3), atol=1e-12)
            assert np.linalg.det(bone.frame) == pytest.approx(1)
            way = bone.tail - bone.head
            np.testing.assert_allclose(way / np.linalg.norm(way), bone.frame[:, 1], atol=1e-12)
            if "thumb" not in bone.name:  # +X bends a finger toward the palm, which looks down
                assert bone.frame[2, 2] < -0.5
        np.testing.assert_allclose(one.head * (-1, 1, 1), other.head, atol=1e-12)
        np.testing.assert_allclose(one.tail * (-1, 1, 1), other.tail, atol=1e-12)
        assert one.name[:-2] == other.name[:-2] and (one.name[-2:], other.name[-2:]) == (".L", ".R")
    plain = skeleton.rest_bones(1)
    for bone, usual in zip(right, plain, strict=True):
        grown = np.linalg.norm(bone.tail - bone.head) / np.linalg.norm(usual.tail - usual.head)
        assert grown == pytest.approx(size)
        np.testing.assert_allclose(bone.head - right[0].head, size * (usual.head - plain[0].head), atol=1e-12)


def test_axes_that_are_given_roughly_are_made_square() -> None:
    frame = skeleton._frame({"y_axis": [0.0, 3.0, 0.0], "z_axis": [0.0, 0.5, 2.0]})
    np.testing.assert_allclose(frame, np.eye(3), atol=1e-12)
