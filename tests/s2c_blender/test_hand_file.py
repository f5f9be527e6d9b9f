# SPDX-License-Identifier: GPL-3.0-or-later
"""The kept hand is the one that the anatomy gives, and a mesh that Blender finds nothing wrong with."""

from pathlib import Path

import bpy
import numpy as np
import pytest

from s2c_blender.rig import hand_file, hand_shape
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.hand_mesh import create_hand_mesh


@pytest.mark.parametrize("piece", hand_file.PIECES)
def test_the_file_is_what_the_anatomy_gives(piece: str) -> None:
    fresh, kept = getattr(hand_shape.compute(), piece), getattr(hand_file.read(), piece)
    np.testing.assert_array_equal(kept.faces, fresh.faces)
    np.testing.assert_array_equal(kept.materials, fresh.materials)
    np.testing.assert_allclose(kept.vertices, fresh.vertices, atol=hand_file.VERTEX_STEP)
    np.testing.assert_allclose(kept.blush, fresh.blush, atol=1e-3)
    np.testing.assert_allclose(kept.weights, fresh.weights, atol=1.5 / hand_file.WEIGHT_STEPS)


def test_weights_in_whole_steps_sum_to_one_and_stay_close() -> None:
    weights = np.random.default_rng(0).dirichlet(np.full(16, 0.2), 500)
    steps = hand_file.whole_steps(weights)
    np.testing.assert_array_equal(steps.sum(1), hand_file.WEIGHT_STEPS)
    np.testing.assert_allclose(steps / hand_file.WEIGHT_STEPS, weights, atol=1 / hand_file.WEIGHT_STEPS)


def test_a_written_hand_reads_back(tmp_path: Path) -> None:
    pieces = hand_file.read()
    hand_file.write(pieces, tmp_path / "hand.npz")
    again = hand_file.read(tmp_path / "hand.npz")
    for piece in hand_file.PIECES:
        for name in hand_file.ARRAYS:
            np.testing.assert_array_equal(
                getattr(getattr(again, piece), name), getattr(getattr(pieces, piece), name)
            )


@pytest.mark.parametrize("hand", [0, 1])
def test_blender_has_nothing_to_correct(hand: int) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = create_armature(bpy.context, 1.0, bpy.context.scene.collection)
    mesh = create_hand_mesh(armature, hand, 1.0, bpy.context.scene.collection).data
    assert mesh.validate(verbose=False) is False
    normals = np.array([polygon.normal for polygon in mesh.polygons])
    centres = np.array([polygon.center for polygon in mesh.polygons])
    volume = sum(
        polygon.area * np.dot(normal, centre)
        for polygon, normal, centre in zip(mesh.polygons, normals, centres, strict=True)
    )
    assert volume > 0  # outward
    assert {polygon.material_index for polygon in mesh.polygons} == {0, 1, 2, 3}
