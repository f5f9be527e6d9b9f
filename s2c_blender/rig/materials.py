# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials of the built-in hands and piano, made once a file and reused by name and tag."""

from __future__ import annotations

from collections.abc import Callable

import bpy

TAG = "s2c_material"
"""Custom property that marks our materials; a user's material of the same name is left alone."""
BLUSH_ATTRIBUTE = "s2c_blush"
"""Point attribute of the hand mesh: 0 to 1, how red the skin is."""


def plain(
    name: str,
    colour: tuple[float, float, float],
    roughness: float,
    *,
    coat: float = 0.0,
    sheen: float = 0.0,
    metallic: float = 0.0,
) -> bpy.types.Material:
    """A Principled material; the same one is returned when the file already has it."""

    def fill(shader: bpy.types.Node, _material: bpy.types.Material) -> None:
        shader.inputs["Coat Weight"].default_value = coat
        shader.inputs["Sheen Weight"].default_value = sheen
        shader.inputs["Metallic"].default_value = metallic

    return _material(name, colour, roughness, fill)


def skin() -> bpy.types.Material:
    """Skin with a little subsurface scattering, redder where blood shows through, with fine relief."""
    return _material("S2C Skin", (0.62, 0.36, 0.26), 0.47, _fill_skin)


def nail() -> bpy.types.Material:
    """Fingernails: paler and glossier than skin."""

    def fill(shader: bpy.types.Node, _material: bpy.types.Material) -> None:
        shader.inputs["Subsurface Weight"].default_value = 0.15
        shader.inputs["Subsurface Scale"].default_value = 0.003
        shader.inputs["Coat Weight"].default_value = 0.15

    return _material("S2C Nail", (0.72, 0.45, 0.38), 0.28, fill)


def _material(
    name: str,
    colour: tuple[float, float, float],
    roughness: float,
    fill: Callable[[bpy.types.Node, bpy.types.Material], None],
) -> bpy.types.Material:
    for material in bpy.data.materials:
        if material.get(TAG) == name and material.library is None:
            return material
    material = bpy.data.materials.new(name)
    material[TAG] = name
    material.diffuse_color = (*colour, 1.0)
    material.roughness = roughness
    if material.node_tree is None:  # always there since 5.0
        material.use_nodes = True
    shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    fill(shader, material)
    return material


def _fill_skin(shader: bpy.types.Node, material: bpy.types.Material) -> None:
    tree = material.node_tree
    nodes, link = tree.nodes, tree.links.new
    shader.inputs["Subsurface Weight"].default_value = 0.22
    shader.inputs["Subsurface Radius"].default_value = (1.0, 0.35, 0.2)
    shader.inputs["Subsurface Scale"].default_value = 0.006
    shader.inputs["Specular IOR Level"].default_value = 0.4
    blush = nodes.new("ShaderNodeAttribute")
    blush.attribute_name = BLUSH_ATTRIBUTE
    place = nodes.new("ShaderNodeTexCoord")
    blotches = nodes.new("ShaderNodeTexNoise")
    blotches.inputs["Scale"].default_value = 55.0
    blotches.inputs["Detail"].default_value = 4.0
    redness = nodes.new("ShaderNodeMath")  # attribute plus a share of the blotches
    redness.operation = "MULTIPLY_ADD"
    redness.use_clamp = True
    redness.inputs[1].default_value = 0.28
    mix = nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    mix.inputs["A"].default_value = (0.64, 0.385, 0.28, 1.0)
    mix.inputs["B"].default_value = (0.60, 0.235, 0.165, 1.0)
    for socket in mix.inputs:  # the colour sockets share their names with those of other types
        if socket.type == "RGBA":
            socket.default_value = (
                (0.64, 0.385, 0.28, 1.0) if socket.name == "A" else (0.60, 0.235, 0.165, 1.0)
            )
    cells = nodes.new("ShaderNodeTexVoronoi")
    cells.feature = "DISTANCE_TO_EDGE"
    cells.inputs["Scale"].default_value = 1100.0
    bump = nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = 0.12
    bump.inputs["Distance"].default_value = 0.0003
    for node, x, y in (
        (place, -900, 0),
        (blush, -700, 300),
        (blotches, -700, 60),
        (cells, -700, -250),
        (redness, -480, 200),
        (mix, -260, 240),
        (bump, -260, -200),
    ):
        node.location = (x, y)
    link(place.outputs["Object"], blotches.inputs["Vector"])
    link(place.outputs["Object"], cells.inputs["Vector"])
    link(next(output for output in blotches.outputs if output.type == "VALUE"), redness.inputs[0])
    link(blush.outputs["Fac"], redness.inputs[2])
    link(redness.outputs[0], next(socket for socket in mix.inputs if socket.type == "VALUE"))
    link(next(socket for socket in mix.outputs if socket.type == "RGBA"), shader.inputs["Base Color"])
    link(cells.outputs["Distance"], bump.inputs["Height"])
    link(bump.outputs["Normal"], shader.inputs["Normal"])
