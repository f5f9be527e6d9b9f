# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of the scenes: `python -m demo.looks.scene_takes --out FOLDER` writes the MIDI file and the take of each."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from demo.looks.scenes import SCENES, Scene, scene_named
from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.music.midi import write_midi


def make(
    scenes: Sequence[Scene],
    out: Path,
    *,
    preset: str = "default",
    seed: int = 1,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Let the model play the scenes; returns the takes' paths."""
    out.mkdir(parents=True, exist_ok=True)
    pipeline = Pipeline()
    paths = []
    for scene in scenes:
        midi, path = out / f"{scene.name}.mid", out / f"{scene.name}.npz"
        write_midi(midi, scene.notes)
        take = pipeline.generate(GenerateRequest(midi=midi, output=path, preset=preset, seed=seed)).take
        dataclasses.replace(take, meta={**take.meta, "title": scene.title}).save(path)
        say(f"{path.name}: {len(take.notes)} notes, {take.motion.frames / take.motion.fps:.0f} s")
        paths.append(path)
    return paths


def main(arguments: list[str] | None = None) -> int:
    """Make the takes; returns the exit status."""
    names = [scene.name for scene in SCENES]
    parser = argparse.ArgumentParser(
        prog="scene_takes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--scenes", nargs="+", choices=names, default=names, metavar="NAME", help="all, unless named"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for takes and MIDI files")
    parser.add_argument("--preset", default="default", help="preset or model folder")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    make(
        [scene_named(name) for name in options.scenes], options.out, preset=options.preset, seed=options.seed
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
