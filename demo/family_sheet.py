# SPDX-License-Identifier: GPL-3.0-or-later
"""A sheet of families of characters at the piano: joints as Blender evaluates them, in a moment of the demo's score.

    .venv/bin/python demo/family_sheet.py --out docs/images/families.png

Armatures are made of the rest numbers in tests/s2c_blender/rigs. Fingers have the colours of Show Mapping.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "s2c_blender")]

import bpy
import matplotlib as mpl
import numpy as np
from measured_armatures import NUMBERS, at_a_piano
from numpy.typing import NDArray
from PIL import Image

import s2c_blender
from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body import keyboard
from s2c_blender.core.character.families import family
from s2c_blender.core.skeleton import FINGERS
from s2c_blender.rig.character import stored
from s2c_blender.rig.character.overlay import COLOURS

mpl.use("Agg")
from matplotlib import pyplot as plt

Array = NDArray[np.float64]

ONE_HAND = ("webxr_left", "webxr_right", "unity_xr_left")
TITLES = {
    "godette_vrm": "Godette, VRM",
    "godette_gltf": "Godette, glTF",
    "mixamo_fbx": "Mixamo, FBX",
    "mixamo_glb": "Mixamo, GLB",
    "mpfb_mixamo": "MPFB, Mixamo's names",
    "rocketbox_biped": "Rocketbox (Biped)",
}
SECONDS, FRAME = 4.0, 75
EYE, AIM = np.array([0.3, 0.72, 0.52]), np.array([-0.03, -0.05, 0.06])
KEYS = range(36, 85)
COLUMNS, PANEL, SHADES = 4, (3.4, 2.6), 64


def lines_of(armature: bpy.types.Object, frame: int) -> list[tuple[str, Array]]:
    """Colour names and lines (n, 3) of arms, palms and fingers in the piano's frame."""
    bpy.context.scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mapping, hands = stored.mapping_of(armature), stored.character_hands(armature)
    to_piano = stored.piano_matrix(armature, mapping) @ np.array(evaluated.matrix_world)

    def place(bone: str, at: Array | None = None) -> Array:
        pose = np.array(evaluated.pose.bones[bone].matrix)
        found: Array = (to_piano @ pose @ (np.array([0, 0, 0, 1.0]) if at is None else at))[:3]
        return found

    lines = []
    for hand, own in zip(hands.hands, mapping.hands, strict=True):
        arm = [
            place(own.bones[part])
            for part in ("shoulder", "upper_arm", "forearm", "wrist")
            if part in own.bones
        ]
        lines.append(("palm", np.array(arm)))
        for finger in filter(None, hand.fingers):
            rest = np.array(armature.data.bones[finger.bones[-1]].matrix_local)
            tip = place(finger.bones[-1], np.linalg.inv(rest) @ np.append(finger.axes.heads[-1], 1.0))
            joints = [*(place(bone) for bone in finger.bones), tip]
            lines.append(("palm", np.array([arm[-1], joints[0]])))
            lines.append((FINGERS[finger.finger], np.array(joints)))
    return lines


def seen(points: Array) -> Array:
    """(n, 2) where points (n, 3) are in the picture."""
    way = (AIM - EYE) / np.linalg.norm(AIM - EYE)
    right = np.cross(way, [0, 0, 1])
    right /= np.linalg.norm(right)
    up = np.cross(right, way)
    rays = points - EYE
    flat: Array = np.stack([rays @ right, rays @ up], 1) / (rays @ way)[:, None]
    return flat


def draw_keys(axes: plt.Axes) -> None:
    """White keys, then black ones upon them."""
    for black in (False, True):
        for pitch in KEYS:
            if bool(keyboard.is_black(pitch)) == black:
                x, z = float(keyboard.key_x(pitch)), float(keyboard.key_surface(pitch))
                wide, front, back = (0.0055, 0.05, 0.14) if black else (0.0113, 0.0, 0.14)
                corners = [(x - wide, front), (x + wide, front), (x + wide, back), (x - wide, back)]
                corners_seen = seen(np.array([(*corner, z) for corner in corners]))
                colour = "0.2" if black else "0.93"
                axes.fill(*corners_seen.T, facecolor=colour, edgecolor="0.6", linewidth=0.3)


def draw(axes: plt.Axes, name: str, folder: Path, pipeline: Pipeline) -> None:
    """One family's panel."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    armature = at_a_piano(name)
    hands = stored.character_hands(armature).geometry(name)
    (folder / "hands.json").write_text(json.dumps(hands), encoding="utf-8")
    request = GenerateRequest(
        midi=ROOT / "demo" / "score.mid",
        output=folder / "take.npz",
        seed=1,
        sound_end_s=SECONDS,
        hand_geometry=folder / "hands.json",
    )
    pipeline.generate(request)
    bpy.ops.s2c.apply_take(filepath=str(folder / "take.npz"), frame_start=1)
    draw_keys(axes)
    for colour, line in lines_of(armature, FRAME):
        arm = colour == "palm"
        axes.plot(*seen(line).T, color=COLOURS[colour] if not arm else "0.45", linewidth=1.6 if arm else 2.4)
    found = family(stored.mapping_of(armature).family)
    axes.set_title(TITLES.get(name) or (found.title if found else name), fontsize=8)
    axes.set_aspect("equal")
    axes.set(xlim=(-0.42, 0.42), ylim=(-0.17, 0.4))
    axes.axis("off")


def main() -> None:
    """Draw the sheet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[name for name in NUMBERS if name not in ONE_HAND])
    arguments = parser.parse_args()
    rows = -(-len(arguments.only) // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(PANEL[0] * COLUMNS, PANEL[1] * rows), squeeze=False)
    s2c_blender.register()
    pipeline = Pipeline()
    with tempfile.TemporaryDirectory() as folder:
        for axes, name in zip(grid.flat, arguments.only, strict=False):
            draw(axes, name, Path(folder), pipeline)
            print(name, flush=True)
    s2c_blender.unregister()
    for axes in grid.flat[len(arguments.only) :]:
        axes.axis("off")
    figure.tight_layout(pad=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100)
    Image.open(picture).convert("RGB").quantize(SHADES).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
