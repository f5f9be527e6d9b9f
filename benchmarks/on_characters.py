# SPDX-License-Identifier: GPL-3.0-or-later
"""What characters strike as Blender evaluates their bones: held-out excerpts, generated for their hands and applied.

    .venv/bin/python benchmarks/on_characters.py --scores path/to/scores
    .venv/bin/python benchmarks/on_characters.py --scores path/to/scores --only unreal4 rigify --count 3

Each character sits at its piano as Use Character puts it there, and leans after far keys. Between frames bones are
evaluated, too. *Off the take*: the farthest fingertip of all moments from where the take has it. Below the line of
Rigify's generated rig: how far its hands are from the IK controls that they belong to, how long its arms' bones get.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "s2c_blender")]

import bpy
import numpy as np
from character_helpers import mpfb_armature
from measured_armatures import NUMBERS, at_a_piano
from numpy.typing import NDArray

import s2c_blender
from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body.keyboard import struck_keys
from models.body.take import Take
from models.evaluation.key_touch import off_key_m
from models.evaluation.scores import onset_score, playable, shown
from models.music.midi import write_midi
from s2c_blender.core.character.hands import CharacterHands
from s2c_blender.rig.character import stored
from s2c_blender.takes.sampling import scene_of_its_own
from training.evaluation.excerpts import Excerpt, choose_excerpts
from training.evaluation.takes import excerpt_seed

RIGIFY = "rigify"
MPFB = "mpfb"
STRETCHED = 1.001
RIGIFY_ARMS = [
    f"DEF-{bone}.{side}{part}" for bone in ("upper_arm", "forearm") for side in "LR" for part in ("", ".001")
]
ONE_HAND = ("webxr_left", "webxr_right", "unity_xr_left")
START = 1
HEAD = (
    "| character | onset F1 | worst piece | false; missed | off its key, mm: median | 95 % | off the take, mm "
    "| arm too short in pieces |\n|" + "---|" * 8
)


def generated_rig() -> bpy.types.Object:
    """What Rigify makes of its human."""
    import addon_utils

    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    bpy.ops.pose.rigify_generate()
    return bpy.context.object


def seated_character(name: str) -> bpy.types.Object:
    """A character at its piano, in an empty scene.

    `RIGIFY` is the rig that Rigify generates of its human, `MPFB` the whole body with Mixamo's names; most of the
    others are arms and hands alone, so they cannot lean.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    if name not in (RIGIFY, MPFB):
        return at_a_piano(name)
    armature = generated_rig() if name == RIGIFY else mpfb_armature()
    bpy.ops.s2c.use_character(armature=armature.name)
    return armature


class RigifyArms:
    """What is asked of the arms of Rigify's generated rig, over all moments."""

    def __init__(self) -> None:
        self.missed: list[float] = []
        self.longest: list[float] = []

    def look(self, evaluated: bpy.types.Object) -> None:
        """At one moment."""
        bones, metres = evaluated.pose.bones, evaluated.matrix_world.to_scale().x
        self.missed += [
            metres * (bones[f"DEF-hand.{side}"].head - bones[f"hand_ik.{side}"].head).length for side in "LR"
        ]
        self.longest.append(max(bones[name].matrix.to_scale().y for name in RIGIFY_ARMS))

    def said(self) -> str:
        """A line below the table's row."""
        missed, longest = 1000 * np.array(self.missed), np.array(self.longest)
        stretched = 100 * float((longest > STRETCHED).mean())
        return (
            f"IK targets missed by {np.percentile(missed, 99.9):.3f} mm in 999 of 1000 moments, {missed.max():.3f} at "
            f"most; the arms' bones are {longest.max():.4f} times as long as at rest at most, longer than {STRETCHED} "
            f"times in {stretched:.2f} % of {len(longest)} moments"
        )


def tips_of(
    armature: bpy.types.Object, moments: int, rate: float, fps: float, arms: RigifyArms | None
) -> NDArray[np.float32]:
    """(moments, 2, 5, 3) fingertips of the evaluated bones in the piano's frame; not a number where one is missing."""
    hands = stored.character_hands(armature)
    piano = stored.piano_matrix(armature, stored.mapping_of(armature))
    ends = _ends(armature, hands)
    found = np.full((moments, 2, 5, 3), np.nan, np.float32)
    with scene_of_its_own([armature], bpy.context.scene) as scene:  # without the piano's 88 keys
        for moment in range(moments):
            frame, part = divmod(moment * fps / rate + 1e-9, 1)
            scene.frame_set(START + int(frame), subframe=float(part))
            evaluated = armature.evaluated_get(scene.view_layers[0].depsgraph)
            if arms is not None:
                arms.look(evaluated)
            to_piano = piano @ np.array(evaluated.matrix_world)
            for (hand, finger), (bone, point) in ends.items():
                pose = np.array(evaluated.pose.bones[bone].matrix)
                found[moment, hand, finger] = (to_piano @ pose @ point)[:3]
    return found


def _ends(
    armature: bpy.types.Object, hands: CharacterHands
) -> dict[tuple[int, int], tuple[str, NDArray[np.float64]]]:
    """Of each finger its last bone and the fingertip in that bone's own space."""
    ends = {}
    for hand in hands.hands:
        for finger in filter(None, hand.fingers):
            rest = np.array(armature.data.bones[finger.bones[-1]].matrix_local)
            point = np.linalg.inv(rest) @ np.append(finger.axes.heads[-1], 1.0)
            ends[hand.hand, finger.finger] = finger.bones[-1], point
    return ends


class Line:
    """Sums over the takes of one character."""

    def __init__(self, arms: RigifyArms | None) -> None:
        self.arms = arms
        self.hits = self.false = self.missed = self.short = 0
        self.worst, self.off_take = 1.0, 0.0
        self.off_key: list[NDArray[np.float64]] = []

    def add(self, take: Take, armature: bpy.types.Object) -> None:
        """Measure one take that the armature plays."""
        fine = shown(take)
        tips = tips_of(armature, len(fine), fine.rate, take.motion.fps, self.arms)
        there = ~np.isnan(tips)
        self.off_take = max(self.off_take, float(np.abs(tips - fine.tips)[there].max()))
        seen = replace(fine, tips=np.where(there, tips, fine.tips))
        score = onset_score(struck_keys(seen.tips), fine.rate, playable(take.notes)).score
        self.hits, self.false = self.hits + score.hits, self.false + score.false
        self.missed, self.worst = self.missed + score.missed, min(self.worst, score.f1)
        self.off_key.append(off_key_m(take, seen))
        self.short += "too short" in bpy.context.scene.s2c_settings.result

    def row(self, name: str) -> str:
        """A row of the table."""
        f1 = 2 * self.hits / max(2 * self.hits + self.false + self.missed, 1)
        p50, p95 = np.percentile(1000 * np.concatenate(self.off_key), (50, 95))
        return (
            f"| {name} | {f1:.4f} | {self.worst:.4f} | {self.false}; {self.missed} of {self.hits + self.missed} "
            f"| {p50:.2f} | {p95:.2f} | {1000 * self.off_take:.2f} | {self.short} |"
        )


def measure(name: str, excerpts: list[Excerpt], pipeline: Pipeline, folder: Path, seed: int) -> str:
    """The row of one character."""
    armature = seated_character(name)
    hands = stored.character_hands(armature).geometry(name)
    (folder / "hands.json").write_text(json.dumps(hands), encoding="utf-8")
    line = Line(RigifyArms() if name == RIGIFY else None)
    for excerpt in excerpts:
        write_midi(folder / "notes.mid", excerpt.notes)
        request = GenerateRequest(
            midi=folder / "notes.mid",
            output=folder / "take.npz",
            seed=excerpt_seed(seed, excerpt),
            sound_end_s=excerpt.seconds,
            hand_geometry=folder / "hands.json",
        )
        take = pipeline.generate(request).take
        bpy.ops.s2c.apply_take(filepath=str(folder / "take.npz"), frame_start=START)
        line.add(take, armature)
        print(f"{name}, {excerpt.name}: {time.process_time():.0f} s so far", file=sys.stderr, flush=True)
    return line.row(name) + ("" if line.arms is None else "\n\n" + line.arms.said())


def main() -> None:
    """Print the table."""
    known = [RIGIFY, MPFB, *(name for name in NUMBERS if name not in ONE_HAND)]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scores", type=Path, required=True, help="folder of two-track MIDI scores")
    parser.add_argument(
        "--only", nargs="+", choices=known, default=known, metavar="NAME", help=", ".join(known)
    )
    parser.add_argument("--count", type=int, default=10, help="excerpts")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of each")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    excerpts = choose_excerpts(
        arguments.scores, "validation", arguments.count, arguments.seconds, "performed", arguments.seed
    )
    pipeline = Pipeline()
    s2c_blender.register()
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only:
            print(measure(name, excerpts, pipeline, Path(folder), arguments.seed), flush=True)
    s2c_blender.unregister()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # the bpy module does not end by itself after Rigify has generated a rig (Blender 4.5)
