# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of `benchmarks.identity` that runs in Blender's Python: hashes of keyframes and of FBX files.

    PYTHON_WITH_BPY benchmarks/identity_blender.py SOUND_OR_MIDI FOLDER_OF_TAKES OUT.json     (identity.py calls it)

The first takes of the folder are applied at 30 and at 24 frames a second; then a take of Blender's own is made, the
left hand of it and a range of it are made anew. What was saved is read back from the .blend.

Left out of an FBX, by name, since they tell when and where it was written and not what is in it: `MOMENTS`. The ids of
its objects come from Python's hashes of their names, which the caller keeps from changing (PYTHONHASHSEED).
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, os.environ["S2C_CHECKOUT"])

import bpy
import numpy as np

import s2c_blender
from s2c_blender.session import SessionConfig, session

MOMENTS = {
    b"CreationTimeStamp",
    b"CreationTime",
    b"FileId",  # of the moment, too
    b"DocumentUrl",
    b"SrcDocumentUrl",
    b"Original|FileName",
    b"Original|ApplicationNativeFile",  # where the .blend lies
    b"Original|DateTime_GMT",
    b"LastSaved|DateTime_GMT",
}
MOST_TAKES = 3
PRESETS = ("UNREAL", "UNITY", "GENERIC")


def hash_fbx(path: Path) -> str:
    """sha256 of everything in an FBX file but `MOMENTS`; read by the reader that Blender ships."""
    parser = importlib.import_module("io_scene_fbx.parse_fbx")
    root, version = parser.parse(str(path))
    found = hashlib.sha256(str(version).encode())
    _add(root, found)
    return found.hexdigest()


def _add(element: Any, found: Any) -> None:
    if element.id in MOMENTS or (element.id == b"P" and element.props[0] in MOMENTS):
        return
    found.update(b"<%s %s " % (element.id, bytes(element.props_type)))
    for value in element.props:
        found.update(value if isinstance(value, bytes) else _bytes(value))
    for child in element.elems:
        _add(child, found)
    found.update(b">")


def _bytes(value: Any) -> bytes:
    return value.tobytes() if hasattr(value, "tobytes") else repr(value).encode()


def hash_actions() -> dict[str, str]:
    """sha256 of the keyframes of each action of the open file."""
    return {action.name: hash_action(action) for action in bpy.data.actions}


def hash_action(action: bpy.types.Action) -> str:
    """sha256 of every curve's path and keys."""
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    curves = [(bag.slot.identifier, curve) for bag in bags for curve in bag.fcurves]
    found = hashlib.sha256()
    for slot, curve in sorted(curves, key=lambda pair: (pair[0], pair[1].data_path, pair[1].array_index)):
        found.update(f"{slot} {curve.data_path} {curve.array_index} {curve.extrapolation}".encode())
        points = curve.keyframe_points
        for name in ("co", "handle_left", "handle_right"):
            values = np.empty(2 * len(points), np.float32)
            points.foreach_get(name, values)
            found.update(values.tobytes())
        kinds = np.empty(len(points), np.int32)
        points.foreach_get("interpolation", kinds)
        found.update(kinds.tobytes())
    return found.hexdigest()


def new_scene(fps: int) -> bpy.types.Scene:
    """An empty file with hands and a piano."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = fps, 1.0
    bpy.ops.s2c.add_piano()
    bpy.ops.s2c.add_hands()
    return scene


def saved_and_exported(folder: Path) -> dict[str, str]:
    """Hashes of the open scene: an FBX of each kind, and the keyframes of the file, saved and opened again."""
    parts = {}
    for preset in PRESETS:
        fbx = folder / "identity.fbx"
        bpy.ops.s2c.export_fbx(filepath=str(fbx), preset=preset)
        parts[f"fbx {preset}"] = hash_fbx(fbx)
    blend = folder / "identity.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    bpy.ops.wm.open_mainfile(filepath=str(blend))
    return {**parts, **{f"keys of {name}": found for name, found in hash_actions().items()}}


def main() -> None:
    """Write the hashes as JSON."""
    source, folder, out = (Path(argument) for argument in sys.argv[1:])
    takes = sorted(folder.glob("*whole.npz"))[:MOST_TAKES]
    version = bpy.app.version_string
    results: dict[str, dict[str, str]] = {}
    s2c_blender.register()
    session.config = SessionConfig(data_folder=folder / f"data {version}")
    for path in takes:
        for fps in (30, 24):
            new_scene(fps)
            bpy.ops.s2c.apply_take(filepath=str(path))
            results[f"Blender {version}: {path.stem}, applied at {fps} fps"] = saved_and_exported(folder)
    if source.suffix == ".wav":
        scene = new_scene(30)
        strip = scene.sequence_editor_create().strips.new_sound(source.stem, str(source), 1, 1)
        scene.frame_end = int(strip.frame_final_end)
        bpy.ops.s2c.generate()
        results[f"Blender {version}: generated"] = saved_and_exported(folder)
        bpy.ops.s2c.regenerate_hand(hand="LEFT")
        results[f"Blender {version}: left hand redone"] = saved_and_exported(folder)
        bpy.ops.s2c.regenerate_range(hand="BOTH", frame_start=60, frame_end=140)
        results[f"Blender {version}: range redone"] = saved_and_exported(folder)
    s2c_blender.unregister()
    out.write_text(json.dumps(results), "utf-8")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the bpy module may hang in its own exit (Blender 4.5)
