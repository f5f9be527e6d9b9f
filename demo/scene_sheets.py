# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets of small scenes (pp and ff, legato, a leap ...): strips of pictures from the player, the front and the side.

    python -m demo.scene_sheets --out docs/images                 all sheets and the picture of curves
    python -m demo.scene_sheets --out /tmp/looks --sheets leap --views hand --count 12 --size 480 320
    python -m demo.scene_sheets --out /tmp/looks --takes FOLDER   of takes that are there already

Rows are takes, a row for each view; columns follow one another in time. Writes scenes-NAME.jpg and scenes-curves.png.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.contact_sheet import Choose, rows_of
from demo.looks import curves, moments, room, sheet
from demo.looks.scenes import SHEETS, scene_named
from models.body.take import Take

CURVES = ("melody", "octaves")
"""Sheets whose two takes are drawn as curves, too."""


def main(arguments: list[str] | None = None) -> int:
    """Make the sheets; returns the exit status."""
    options = _options(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        takes = options.takes or _make_takes(options, Path(folder))
        for name in options.sheets:
            paths = [takes / f"{scene}.npz" for scene in SHEETS[name]]
            rows = rows_of(
                paths, options.views, _strip_of(options.count), tuple(options.size), options.engine
            )
            path = options.out / f"scenes-{name}.jpg"
            sheet.write_sheet(rows, path, quality=options.quality)
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)
        drawn = [name for name in CURVES if name in options.sheets]
        if drawn:
            pairs = {name: [takes / f"{scene}.npz" for scene in SHEETS[name]] for name in drawn}
            curves.draw(pairs, options.out / "scenes-curves.png")
    return 0


def _strip_of(count: int) -> Choose:
    def choose(path: Path, take: Take) -> list[moments.Moment]:
        frames = scene_named(path.stem).frames(take.motion.fps, count)
        return moments.strip(take.notes, take.motion.fps, [f for f in frames if f < take.motion.frames])

    return choose


def _make_takes(options: argparse.Namespace, folder: Path) -> Path:
    """In a process of its own, so that the model's threads and memory are gone when the drawing begins."""
    command = [sys.executable, "-m", "demo.looks.scene_takes", "--out", str(folder)]
    command += ["--preset", options.preset, "--seed", str(options.seed), "--scenes"]
    subprocess.run([*command, *(scene for name in options.sheets for scene in SHEETS[name])], check=True)
    return folder


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scene_sheets", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sheets",
        nargs="+",
        choices=list(SHEETS),
        default=list(SHEETS),
        metavar="NAME",
        help="all, unless named",
    )
    parser.add_argument(
        "--takes", type=Path, metavar="FOLDER", help="takes of demo.looks.scene_takes to show"
    )
    parser.add_argument("--preset", default="default", help="preset or model folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=8, help="pictures side by side")
    parser.add_argument("--views", nargs="+", choices=sorted(room.VIEWS), default=["player", "front", "side"])
    parser.add_argument("--size", type=int, nargs=2, default=(216, 144), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument(
        "--engine", choices=("workbench", "cycles"), default="workbench", help="cycles where there is no EGL"
    )
    parser.add_argument("--quality", type=int, default=72, help="of the JPEGs, 1 to 100")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sheets")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the bpy module may hang in its own exit (Blender 4.5)
