# SPDX-License-Identifier: GPL-3.0-or-later
"""Both engines side by side: seconds by stage, memory, time to begin, and how far apart their takes are.

    python -m benchmarks.engines --scores SCORES [--count 10] [--seconds 20]

SCORES is a folder of two-track MIDI scores. Each piece is made by both engines in turn, in this process, with the same
seed, with and without key contact; then each engine makes one long take in a process of its own, which says what it
takes to import and load it and how much memory it holds at most.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.app.benchmark import study
from models.app.pipeline import Pipeline
from models.app.progress import StageClock
from models.app.request import GenerateRequest
from models.body.take import Take
from models.music.midi import write_midi
from training.evaluation.excerpts import Excerpt, choose_excerpts

ENGINES = ("onnx", "torch")
CHILD = """
import json, sys, time
begin = time.perf_counter()
import models.generation.generator
from models.app.benchmark import peak_memory_mb
from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest, LoadRequest
imported = time.perf_counter()
pipeline = Pipeline()
pipeline.load(LoadRequest(device="cpu", engine=sys.argv[1]))
loaded = time.perf_counter()
seconds = pipeline.generate(
    GenerateRequest(midi=sys.argv[2], output=sys.argv[3], device="cpu", engine=sys.argv[1], seed=1)
).facts["seconds"]
print(json.dumps([imported - begin, loaded - imported, peak_memory_mb(), seconds]))
"""


@dataclass(frozen=True)
class Row:
    """One piece by both engines, in the order of `ENGINES`."""

    name: str
    networks: tuple[float, ...]
    """Seconds for a second of music."""
    contact: tuple[float, ...]
    apart: tuple[float, float]
    """Largest differences of angles (radians) and wrists (millimetres) of the takes."""
    apart_before_contact: tuple[float, float]


def differences(one: Take, other: Take) -> tuple[float, float]:
    """Largest difference of angles in radians and of wrists in millimetres."""
    angles = np.abs(one.motion.euler - other.motion.euler).max()
    return float(angles), float(1e3 * np.abs(one.motion.wrist - other.motion.wrist).max())


def measure(pipeline: Pipeline, excerpt: Excerpt, folder: Path, seed: int) -> Row:
    """Make one piece with both engines."""
    midi = folder / "piece.mid"
    write_midi(midi, excerpt.notes)
    seconds, takes = [], []
    for contact in (1.0, 0.0):
        for engine in ENGINES:
            request = GenerateRequest(
                midi=midi, output=folder / "take.npz", device="cpu", engine=engine, seed=seed, contact=contact
            )
            made = pipeline.generate(request, StageClock())
            takes.append(made.take)
            seconds.append(made.facts["seconds"])
    networks, contacts = (
        tuple(seconds[i].get(stage, 0.0) / excerpt.seconds for i in (0, 1)) for stage in ("sample", "contact")
    )
    return Row(excerpt.name, networks, contacts, differences(*takes[:2]), differences(*takes[2:]))


def show(rows: list[Row]) -> None:
    """The table of all pieces."""
    print(
        "| piece | networks: onnx, torch (s/s) | contact (s/s) | take apart: rad, mm | before contact: rad, mm |"
    )
    print("|---|---|---|---|---|")
    for row in rows:
        parts = (row.networks, row.contact, row.apart, row.apart_before_contact)
        print(f"| {row.name} |", " | ".join(", ".join(f"{x:.2g}" for x in part) for part in parts), "|")
    medians = [np.median([row.networks[i] for row in rows]) for i in (0, 1)]
    print(
        f"networks, median: onnx {medians[0]:.4f}, torch {medians[1]:.4f}, ratio {medians[1] / medians[0]:.2f}"
    )
    print(f"farthest apart: {max(r.apart[0] for r in rows):.2g} rad, {max(r.apart[1] for r in rows):.2g} mm")


def show_processes(minutes: float, folder: Path) -> None:
    """What a process of each engine takes."""
    midi, length = folder / "long.mid", 60 * minutes
    write_midi(midi, study(length))
    for engine in ENGINES:
        command = [sys.executable, "-c", CHILD, engine, str(midi), str(folder / "long.npz")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        imported, loaded, memory, seconds = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{engine}: import {imported:.2f} s, load {loaded:.2f} s; {minutes:g} minutes of music: networks "
            f"{seconds['sample'] / length:.4f}, contact {seconds['contact'] / length:.4f} s/s, at most {memory} MB"
        )


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scores", type=Path, required=True, help="folder of two-track MIDI scores")
    parser.add_argument("--count", type=int, default=10, help="pieces (default: 10)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each piece (default: 20)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the long take (default: 10)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    excerpts = choose_excerpts(
        options.scores, "validation", options.count, options.seconds, "performed", options.seed
    )
    pipeline = Pipeline()
    with tempfile.TemporaryDirectory() as name:
        show([measure(pipeline, excerpt, Path(name), options.seed) for excerpt in excerpts])
        show_processes(options.minutes, Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
