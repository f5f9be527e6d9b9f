# SPDX-License-Identifier: GPL-3.0-or-later
"""One sheet of pictures of takes: strokes with most going on and halfway between, from two sides.

    python -m demo.contact_sheet --scores SCORES --out docs/images/contact_model.jpg   five pieces, the default model
    python -m demo.contact_sheet --scores SCORES --by synthesiser --out sheet.jpg      the synthesiser's own motion
    python -m demo.contact_sheet --take A.npz B.npz --pairs 3 --views player --out sheet.png

Rows are takes, a row for each view; columns are moments. Runs Blender as a Python module, without a window.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bpy

import s2c_blender
from demo.looks import moments, room, sheet
from models.body.take import Take
from models.evaluation.scores import hand_size_of

Choose = Callable[[Path, Take], list[moments.Moment]]
"""What of a take is looked at."""


def main(arguments: list[str] | None = None) -> int:
    """Make a sheet; returns the exit status."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory() as folder:
        takes = options.take or _make_takes(options, Path(folder))
        rows = rows_of(takes, options.views, busiest(options.pairs), tuple(options.size), options.engine)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        sheet.write_sheet(rows, options.out, quality=options.quality)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")
    return 0


def busiest(pairs: int) -> Choose:
    """Strokes with most going on, and halfway to the next."""
    return lambda _path, take: moments.choose(take.notes, take.motion.fps, take.motion.frames, pairs)


def rows_of(
    paths: list[Path], views: list[str], choose: Choose, size: tuple[int, int], engine: str = "workbench"
) -> list[sheet.Row]:
    """A row of pictures for each take and view, of the moments that ``choose`` finds in it.

    Whatever Blender has loaded is gone afterwards.
    """
    rows: list[sheet.Row] = []
    place: tuple[float, float, room.Room] | None = None
    try:
        for path in paths:
            take = Take.load(path)
            hand_size, fps = hand_size_of(take), take.motion.fps
            if place is None or place[:2] != (hand_size, fps):
                if place is not None:
                    s2c_blender.unregister()
                bpy.ops.wm.read_factory_settings(use_empty=True)
                s2c_blender.register()
                place = (hand_size, fps, room.Room.build(hand_size, fps, size, engine))
            began = time.process_time()
            place[2].put(path.resolve())
            rows += _look(place[2], take, take.meta.get("title", path.stem), views, choose(path, take))
            print(f"{path.stem}: {time.process_time() - began:.0f} s of processor", flush=True)
    finally:
        if place is not None:
            s2c_blender.unregister()
    return rows


def _look(
    place: room.Room, take: Take, title: str, views: list[str], chosen: list[moments.Moment]
) -> list[sheet.Row]:
    fps = take.motion.fps
    return [
        sheet.Row(
            f"{title}, {view}",
            [sheet.Cell(place.look(view, moment.frame), moment.caption(fps)) for moment in chosen],
        )
        for view in views
    ]


def _make_takes(options: argparse.Namespace, folder: Path) -> list[Path]:
    """In a process of its own, so that the model's threads and memory are gone when the drawing begins."""
    command = [
        sys.executable,
        "-m",
        "demo.looks.takes",
        "--scores",
        str(options.scores),
        "--out",
        str(folder),
    ]
    command += ["--by", options.by, "--seed", str(options.seed), "--preset", options.preset]
    subprocess.run(command, check=True)
    return sorted(folder.glob("*.npz"))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="contact_sheet", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--take", type=Path, nargs="+", metavar="TAKE.npz", help="takes to show")
    source.add_argument(
        "--scores", type=Path, metavar="SCORES", help="folder of the scores: make five takes first"
    )
    parser.add_argument("--by", choices=("model", "synthesiser"), default="model", help="who moves the hands")
    parser.add_argument("--preset", default="default", help="preset or model folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=2, help="an onset and a moment between, so many times")
    parser.add_argument("--views", nargs="+", choices=sorted(room.VIEWS), default=["player", "front"])
    parser.add_argument("--size", type=int, nargs=2, default=(360, 240), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument(
        "--engine", choices=("workbench", "cycles"), default="workbench", help="cycles where there is no EGL"
    )
    parser.add_argument("--quality", type=int, default=72, help="of a JPEG, 1 to 100")
    parser.add_argument("--out", type=Path, required=True, help=".jpg or .png to write")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the bpy module may hang in its own exit (Blender 4.5)
