# SPDX-License-Identifier: GPL-3.0-or-later
"""All layers that animate an armature as one action: every animated property as Blender evaluates it."""

from __future__ import annotations

import bpy
import numpy as np

from .. import compat, fcurves
from .layers import layers
from .sampling import scene_of_its_own


def flatten(
    armature: bpy.types.Object, span: tuple[int, int]
) -> tuple[bpy.types.Action, bpy.types.ActionSlot]:
    """A new action, and its slot, with a key on every frame of `span` for all that any layer animates.

    Constraints and drivers are not in it: they go on working beside it.
    """
    frames = range(span[0], span[1] + 1)
    animated = {(curve.data_path, curve.array_index) for layer in layers(armature) for curve in layer.curves}
    paths = sorted({path for path, _ in animated if _resolves(armature, path)})
    found: dict[str, list[list[float]]] = {path: [] for path in paths}
    with scene_of_its_own([armature]) as scene:
        for frame in frames:
            scene.frame_set(frame)
            evaluated = armature.evaluated_get(scene.view_layers[0].depsgraph)
            for path in paths:
                found[path].append(_numbers(evaluated.path_resolve(path)))
    action = bpy.data.actions.new(f"{armature.name} flattened")
    slot = action.slots.new(id_type="OBJECT", name=armature.name)
    bag = compat.channelbag(action, slot, create=True)
    assert bag is not None
    for path, index in sorted(animated):
        if path in found:
            values = np.array([numbers[min(index, len(numbers) - 1)] for numbers in found[path]], np.float32)
            fcurves.write_channel(bag, "Export", (path, index), span[0], values)
    return action, slot


def _resolves(armature: bpy.types.Object, path: str) -> bool:
    """Whether a path leads to numbers; curves of deleted bones and of names do not."""
    try:
        return bool(_numbers(armature.path_resolve(path)))
    except (ValueError, TypeError):
        return False


def _numbers(value: object) -> list[float]:
    if isinstance(value, (bool, int, float)):
        return [float(value)]
    return [float(number) for number in value]  # type: ignore[attr-defined]
