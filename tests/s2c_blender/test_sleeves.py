# SPDX-License-Identifier: GPL-3.0-or-later
"""Arms of the built-in hands: closed, bound to the right bones, and whole when wrist, elbow and forearm turn."""

from collections import Counter
from itertools import pairwise

import bpy
import numpy as np
import pytest
from mathutils.bvhtree import BVHTree

from s2c_blender.core import skeleton
from s2c_blender.rig import arm_line, hand_file, parts
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.hand_mesh import create_hand_mesh

WRIST, ELBOW = arm_line.joints()[:2]
LINE = arm_line.arm_line()
REST_BEND = np.degrees(
    np.arccos(np.dot(*(way / np.linalg.norm(way) for way in np.diff(arm_line.joints()[[2, 1, 0]], axis=0))))
)
"""By how much the elbow is bent at rest, degrees."""
POSES = {
    "hand down": {"hand": (40, 0, 0)},
    "hand up": {"hand": (-40, 0, 0)},
    "hand to the thumb": {"hand": (0, 0, 25)},
    "hand to the little finger": {"hand": (0, 0, -25)},
    "hand turned in": {"hand": (0, 60, 0)},
    "hand turned out": {"hand": (0, -60, 0)},
    "forearm turned in": {"forearm": (0, 60, 0)},
    "forearm turned out": {"forearm": (0, -60, 0)},
    "arm straight": {"forearm": (-REST_BEND, 0, 0)},
    "elbow at 120": {"forearm": (120 - REST_BEND, 0, 0)},
    "elbow at 140": {"forearm": (140 - REST_BEND, 0, 0)},
    "arm raised": {"upper_arm": (-35, 0, 0)},
    "arm out": {"upper_arm": (0, 0, -40)},
    "shrug": {"shoulder": (15, 0, 0)},
}


def hands(*, arms: bool = True) -> tuple[bpy.types.Object, list[bpy.types.Object]]:
    """The armature and the meshes of the left and the right hand."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    collection = bpy.context.scene.collection
    armature = create_armature(bpy.context, 1.0, collection, arms=arms)
    return armature, [create_hand_mesh(armature, hand, 1.0, collection) for hand in (0, 1)]


def posed(
    armature: bpy.types.Object, body: bpy.types.Object, pose: dict[str, tuple[float, ...]]
) -> np.ndarray:
    """(n, 3) skinned vertices of a right hand, metres from its rest wrist."""
    for bone in armature.pose.bones:
        bone.rotation_euler = (0.0, 0.0, 0.0)
    for name, degrees in pose.items():
        armature.pose.bones[name + ".R"].rotation_euler = np.radians(degrees)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    mesh = body.evaluated_get(depsgraph).data
    places = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", places)
    return places.reshape(-1, 3) - skeleton.rest_bones(skeleton.RIGHT)[0].head


def section(
    shape: parts.Part, material: int, point: np.ndarray, normal: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges (k, 2) of one material that a plane cuts near `point`, where (k,), in the order round the section."""
    faces = shape.faces[shape.materials == material]
    edges = np.unique(np.sort(np.stack([faces, np.roll(faces, -1, 1)], -1).reshape(-1, 2), 1), axis=0)
    height = (shape.vertices - point) @ normal
    a, b = height[edges].T
    cut = ((a < 0) != (b < 0)) & (np.linalg.norm(shape.vertices[edges[:, 0]] - point, axis=1) < 0.1)
    edges, share = edges[cut], (a / np.where(a == b, 1.0, a - b))[cut]
    at = (1 - share)[:, None] * shape.vertices[edges[:, 0]] + share[:, None] * shape.vertices[edges[:, 1]]
    across = np.linalg.svd(np.atleast_2d(normal))[2][1:]
    x, y = across @ (at - at.mean(0)).T
    order = np.argsort(np.arctan2(y, x))
    return edges[order], share[order], at[order]


def area(ring: np.ndarray) -> float:
    """Of a closed polygon (k, 3)."""
    return float(np.linalg.norm(np.cross(ring, np.roll(ring, -1, 0)).sum(0))) / 2


def cuts() -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Material, point and normal of the sections that are looked at: wrist, forearm, elbow, upper arm."""
    wrist = [
        (parts.SKIN, np.array([0.0, y, 0.0]), np.array([0.0, 1.0, 0.0]))
        for y in np.arange(-0.05, 0.021, 0.007)
    ]
    lengths = np.arange(0.13, 0.55, 0.01)
    points, side, up = LINE.at(lengths)
    return wrist + [(parts.SLEEVE, *cut) for cut in zip(points, np.cross(side, up), strict=True)]


@pytest.mark.parametrize("arm", [True, False])
def test_skin_and_cloth_are_closed_and_outward(arm: bool) -> None:
    shape = hand_file.read().whole(arm)
    for material in (parts.SKIN, parts.SHIRT, parts.SLEEVE):
        faces = shape.faces[shape.materials == material]
        edges = Counter(
            (int(a), int(b)) for face in faces for a, b in pairwise([*face, face[0]])
        )  # as often each way
        assert all(edges[b, a] == count for (a, b), count in edges.items())
        a, b, c, d = shape.vertices[faces].astype(float).transpose(1, 0, 2)
        assert np.einsum("ij,ij->", np.cross(c - a, d - b), a + b + c + d) / 24 > 5e-6  # cubic metres
    assert len(shape.faces) < 26_000


def test_sections_of_the_sleeve_do_not_cross_where_the_arm_is_bent() -> None:
    shape = hand_file.read().sleeve
    a, b, c, d = shape.vertices[shape.faces[shape.materials == parts.SLEEVE]].transpose(1, 0, 2)
    middles, normals = (a + b + c + d) / 4, np.cross(c - a, d - b)
    line = LINE.points[(LINE.lengths > 0.13) & (LINE.lengths < LINE.lengths[-1] - 0.04)][::4]
    gaps = np.linalg.norm(middles[:, None] - line, axis=2)
    nearest = np.argmin(gaps, axis=1)
    beside = (nearest > 0) & (nearest < len(line) - 1) & (gaps.min(1) > 0.03)  # neither end nor lining
    assert beside.sum() > 2000
    assert (np.einsum("ij,ij->i", normals, middles - line[nearest])[beside] > 0).all()


def test_hands_without_arms_are_the_same_hands_with_a_short_cuff() -> None:
    with_arm, without = hand_file.read().whole(arm=True), hand_file.read().whole(arm=False)
    for material in (parts.SKIN, parts.NAIL):
        np.testing.assert_array_equal(
            with_arm.vertices[with_arm.faces[with_arm.materials == material]],
            without.vertices[without.faces[without.materials == material]],
        )
    assert without.vertices[:, 1].min() > -0.14 and with_arm.vertices[:, 2].max() > 0.3
    cloth = np.unique(without.faces[without.materials >= parts.SHIRT])
    np.testing.assert_array_equal(without.weights[cloth, parts.HAND], 1.0)
    armature, bodies = hands(arms=False)
    for body in bodies:
        assert all(group.name in armature.data.bones for group in body.vertex_groups)
    moved = posed(armature, bodies[1], {"hand": (30, 20, 10)})
    wrist = armature.pose.bones["hand.R"]
    turn = np.array((wrist.matrix @ wrist.bone.matrix_local.inverted()).to_3x3())
    behind = without.vertices[:, 1] < -0.02  # no finger is there
    np.testing.assert_allclose(moved[behind], without.vertices[behind] @ turn.T, atol=1e-5)


def test_left_arm_mirrors_the_right() -> None:
    _, bodies = hands()
    groups = [{group.name[:-2] for group in body.vertex_groups} for body in bodies]
    assert groups[0] == groups[1] >= {"shoulder", "upper_arm", "forearm", "hand"}
    points, weights = [], []
    for body in bodies:
        names = [group.name[:-2] for group in body.vertex_groups]
        points.append(np.array([vertex.co for vertex in body.data.vertices]))
        table = np.zeros((len(points[-1]), len(parts.COLUMNS)))
        for vertex in body.data.vertices:
            assert 1 <= len(vertex.groups) <= 4
            for group in vertex.groups:
                table[vertex.index, parts.COLUMNS.index(names[group.group])] = group.weight
        np.testing.assert_allclose(table.sum(1), 1.0, atol=1e-5)
        weights.append(table)
    np.testing.assert_allclose(points[0] * [-1, 1, 1], points[1], atol=1e-6)
    np.testing.assert_array_equal(weights[0], weights[1])


def test_no_section_collapses_or_swells_in_any_pose() -> None:
    armature, bodies = hands()
    shape = hand_file.read().whole(arm=True)
    sections = [section(shape, *cut) for cut in cuts()]
    rest = np.array([area(ring) for _, _, ring in sections])
    assert rest.min() > 0.001  # square metres; every section was found
    for name, pose in POSES.items():
        moved = posed(armature, bodies[1], pose)
        now = np.array(
            [
                area((1 - share)[:, None] * moved[edges[:, 0]] + share[:, None] * moved[edges[:, 1]])
                for edges, share, _ in sections
            ]
        )
        assert (now / rest).min() > 0.6 and (now / rest).max() < 1.4, (name, (now / rest).round(2))


@pytest.mark.parametrize("pose", ["hand down", "hand up", "hand to the thumb", "hand turned in"])
def test_cloth_stays_with_the_forearm_when_the_hand_bends_and_the_skin_inside_it(pose: str) -> None:
    armature, bodies = hands()
    shape = hand_file.read().whole(arm=True)
    moved = posed(armature, bodies[1], POSES[pose])
    cloth = np.unique(shape.faces[shape.materials >= parts.SHIRT])
    np.testing.assert_allclose(moved[cloth], shape.vertices[cloth], atol=1e-6)
    knuckle = np.argmin(np.linalg.norm(shape.vertices - [0.0, 0.08, 0.0], axis=1))
    assert np.linalg.norm(moved[knuckle] - shape.vertices[knuckle]) > 0.005 or pose == "hand turned in"

    away = ELBOW / np.linalg.norm(ELBOW)
    shirt = shape.faces[shape.materials == parts.SHIRT]
    tree = BVHTree.FromPolygons(shape.vertices.tolist(), shirt.tolist())
    edge = (shape.vertices[shirt] @ away).min()
    skin = moved[np.unique(shape.faces[shape.materials == parts.SKIN])]
    skin = skin[(skin @ away > edge + 0.001) & (skin @ away < edge + 0.03)]
    assert len(skin) > 300
    for point in skin:
        middle = (point @ away) * away
        out = point - middle
        distance = tree.ray_cast(middle.tolist(), out.tolist())[3]
        assert distance > np.linalg.norm(out), point


def test_no_edge_is_torn_out_in_any_pose() -> None:
    armature, bodies = hands()
    shape = hand_file.read().whole(arm=True)
    edges = np.stack([shape.faces, np.roll(shape.faces, -1, 1)], -1).reshape(-1, 2)
    rest = np.linalg.norm(np.diff(shape.vertices[edges], axis=1)[:, 0], axis=1)
    for name, pose in POSES.items():
        moved = posed(armature, bodies[1], pose)
        now = np.linalg.norm(np.diff(moved[edges], axis=1)[:, 0], axis=1)
        assert (now - rest).max() < 0.008, name  # metres; neighbouring sections are up to 0.0075 apart
