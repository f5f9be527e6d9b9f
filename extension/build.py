# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the extension: a zip for each system and each Python of Blender's, in both editions, and the repository.

    python -m extension.build [--edition full] [--platform linux-x64] [--python 3.13] [-o dist]

The full edition and its repository land in `dist/`, the self-contained one in `dist/self-contained/`. Wheels are
fetched by pip and kept in `dist/wheels/`. A Python that none of Blender's own builds has (3.14, say) makes a zip for
the Blender of a distribution.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from extension.blender_tool import ToolError
from extension.contents import Edition
from extension.manifest import project_version
from extension.targets import Target, choose
from extension.wheels import WheelError, fetch
from extension.zips import MOST_BYTES, make_repository, make_zip
from locks.make import ROOT


def export(python: str, folder: Path) -> None:
    """Write the networks of a zip, with a Python that has torch and onnx. CalledProcessError when that fails."""
    command = [python, "-m", "extension.networks", "-o", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)


def build(editions: list[Edition], targets: list[Target], folder: Path, wheels: Path, onnx: Path) -> None:
    """Build all zips and the repository, and print the sizes."""
    large = f"  more than {MOST_BYTES / 1e6:.0f} MB"
    for target in targets:
        fetched = fetch(target, wheels / target.name)
        for edition in editions:
            place = folder if edition is Edition.FULL else folder / edition.value
            archive = make_zip(edition, target, place, wheels=fetched, onnx=onnx)
            size = archive.stat().st_size
            print(f"{size / 1e6:6.1f} MB  {archive}{large if size > MOST_BYTES else ''}", flush=True)
    if Edition.FULL in editions:
        make_repository(folder, project_version())
        print(f"The repository: {folder / 'index.json'}, for people {folder / 'index.html'}")


def main() -> int:
    """Build what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m extension.build",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--edition", choices=[every.value for every in Edition], help="only this one")
    parser.add_argument("--platform", default="", help="only for this one, such as windows-x64")
    parser.add_argument("--python", default="", help="only for this one, such as 3.13")
    parser.add_argument("--onnx", type=Path, help="networks that were exported before")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist", help="the folder to build in")
    arguments = parser.parse_args()
    editions = [every for every in Edition if arguments.edition in (None, every.value)]
    try:
        targets = choose(arguments.platform, arguments.python)
        with tempfile.TemporaryDirectory() as temporary:
            onnx = arguments.onnx or Path(temporary)
            if arguments.onnx is None:
                export(sys.executable, onnx)
            build(editions, targets, arguments.output, arguments.output / "wheels", onnx)
    except (ValueError, WheelError, ToolError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
