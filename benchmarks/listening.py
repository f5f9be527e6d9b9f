# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound to notes by ONNX Runtime and by the same network in torch, side by side.

    python -m benchmarks.listening [SOUND ...] [--seconds S] [--threads N] [--repeats N]

Each listens in a process of its own, in turns. Of every sound the table has:

- seconds a second of sound, the best of the repeats, for torch and for ONNX Runtime, and their ratio;
- the same in seconds of processor time, which other programs disturb less;
- notes of both, and onset F1 (50 ms) of ONNX Runtime's notes against torch's, as docs/definitions.md has it;
- ends: the share of matched notes whose end is within 50 ms or a fifth of the note.

Below it: seconds to import and load, and the most memory that each process had (Linux).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "demo" / "recording.flac"
ENGINES = ("torch", "onnx")
END_S, END_SHARE = 0.05, 0.2


def listen_here(engine: str, sounds: Sequence[Path], seconds: float, threads: int, output: Path) -> None:
    """Listen to each sound by one engine; notes into MIDI files, figures to stdout as JSON."""
    began = time.perf_counter()
    from models.music.audio import load_audio
    from models.music.transcription.transcribe import transcribe

    network: Any
    if engine == "torch":
        import torch

        from models.networks.transcription.network import load_network

        torch.set_num_threads(threads)
        network = load_network(torch.device("cpu"))
    else:
        from models.app.transcriber import transcriber_files
        from models.music.transcription.onnx_network import OnnxNoteNetwork

        network = OnnxNoteNetwork(transcriber_files(), threads)
    loaded_s = time.perf_counter() - began
    paces, processor = [], []
    for number, sound in enumerate(sounds):
        audio = load_audio(sound, end_s=seconds)
        began, used = time.perf_counter(), time.process_time()
        notes = transcribe(audio, network).notes
        paces.append((time.perf_counter() - began) / audio.duration_s)
        processor.append((time.process_time() - used) / audio.duration_s)
        notes.table.tofile(output / f"{engine}{number}.notes")
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"loaded_s": loaded_s, "memory_mb": memory_mb, "paces": paces, "processor": processor}))


def in_a_process(engine: str, arguments: argparse.Namespace, output: Path) -> dict[str, Any]:
    """The figures of one run."""
    command = [sys.executable, "-m", "benchmarks.listening", *map(str, arguments.sounds), "--engine", engine]
    command += [
        "--output",
        str(output),
        "--seconds",
        str(arguments.seconds),
        "--threads",
        str(arguments.threads),
    ]
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def agreement(output: Path, number: int) -> list[str]:
    """Notes of torch and of ONNX Runtime, F1, share of ends."""
    import numpy as np

    from models.body.notes import Notes
    from models.evaluation.scores import note_score

    right, mine = (
        Notes.from_arrays(np.fromfile(output / f"{engine}{number}.notes", np.float32).reshape(-1, 4))
        for engine in ENGINES
    )
    ends = matched = 0
    for i in range(len(right)):
        same = np.flatnonzero(
            (mine.pitch == right.pitch[i]) & (np.abs(mine.onset_s - right.onset_s[i]) <= 0.05)
        )
        if len(same):
            room = max(END_S, END_SHARE * float(right.offset_s[i] - right.onset_s[i]))
            matched += 1
            ends += abs(float(mine.offset_s[same[0]] - right.offset_s[i])) <= room
    f1 = note_score(mine, right).f1
    return [f"{len(right)}", f"{len(mine)}", f"{f1:.4f}", f"{ends / max(matched, 1):.3f}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sounds", type=Path, nargs="*", default=[DEMO], metavar="SOUND")
    parser.add_argument(
        "--seconds", type=float, default=44.0, help="of each sound (default: 44, three segments)"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.engine:
        listen_here(
            arguments.engine, arguments.sounds, arguments.seconds, arguments.threads, arguments.output
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        runs: dict[str, list[dict[str, Any]]] = {engine: [] for engine in ENGINES}
        for _ in range(arguments.repeats):
            for engine in ENGINES:
                runs[engine].append(in_a_process(engine, arguments, output))
        print(
            "| sound | torch s/s | onnx s/s | ratio | CPU torch | onnx | ratio | notes torch | onnx | F1 | ends |\n"
            + "|---" * 11
            + "|"
        )
        for number, sound in enumerate(arguments.sounds):
            cells = [sound.name]
            for figure in ("paces", "processor"):
                slow, fast = (min(run[figure][number] for run in runs[engine]) for engine in ENGINES)
                cells += [f"{slow:.3f}", f"{fast:.3f}", f"{fast / slow:.2f}"]
            print(f"| {' | '.join([*cells, *agreement(output, number)])} |")
        for engine in ENGINES:
            loaded_s, memory = (
                choose(run[name] for run in runs[engine])
                for name, choose in (("loaded_s", min), ("memory_mb", max))
            )
            print(f"{engine}: import and load {loaded_s:.2f} s, memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
