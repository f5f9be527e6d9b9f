# SPDX-License-Identifier: GPL-3.0-or-later
"""Do two commits make the same takes, figures, FBX files and keyframes, bit for bit?

    python -m benchmarks.identity record runs/before.json --blender .venv/bin/python .venv-blender52/bin/python
    git switch other-commit
    python -m benchmarks.identity record runs/after.json --blender .venv/bin/python .venv-blender52/bin/python
    python -m benchmarks.identity compare runs/before.json runs/after.json

`record --checkout FOLDER` measures another working copy, also one that is older than this file. Both records have to
be made on one computer with the same packages: other processors round otherwise, and `compare` says where they differ.

Ten short pieces of MIDI that this script writes, and eight seconds of the demo's recording: whole takes, each hand
redone, a range redone, other frame rates, no key contact, another style; the figures of each; then the same in each
Blender that is named, as keyframes of a saved file and as FBX. Everything goes through the doors that callers use
(`python -m models`, the worker, the operators), so moving the rooms behind them does not touch this script.

What is hashed is the arrays and the figures. Left out, by name: `meta.version` of a take, which changes with every
release, and what names a moment or a folder in an FBX (see `identity_blender.py`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mido
import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
VOLATILE_META = ("version",)
"""Names of a take's meta that are left out: the software's version is not the take's content."""
SECONDS = 8.0
REDONE_RANGE = [2.5, 5.0]
TICKS = 480
"""A quarter note, which lasts half a second here."""
LINES_OF_COMMANDS = """
import contextlib, io, json, runpy, sys
sys.path.insert(0, "")
for line in sys.stdin:
    sys.argv, printed, code = ["models", *json.loads(line)], io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(printed):
            runpy.run_module("models", run_name="__main__")
    except SystemExit as end:
        code = end.code
    print(json.dumps([code, printed.getvalue()]), flush=True)
"""
"""`python -m models ARGUMENTS`, again and again in one process: importing torch is most of a short command's time."""

Note = tuple[float, float, int, int]
"""Onset s, offset s, MIDI pitch, velocity."""
Results = dict[str, dict[str, str]]
"""sha256 of each part (an array, the figures) of each result."""


# -- pieces -----------------------------------------------------------------------------------------------


@dataclass
class Piece:
    """What is played; the left hand is empty where the hands have to be found."""

    right: list[Note] = field(default_factory=list)
    left: list[Note] = field(default_factory=list)
    split: bool = True
    """Whether each hand has a track of its own."""

    def write(self, path: Path) -> None:
        """Write a MIDI file."""
        file = mido.MidiFile(ticks_per_beat=TICKS)
        hands = [("right", self.right), ("left", self.left)] if self.split else [("", self.right + self.left)]
        for name, notes in hands:
            events = [(round(on * 2 * TICKS), 1, pitch, velocity) for on, _, pitch, velocity in notes]
            events += [(round(off * 2 * TICKS), 0, pitch, 0) for _, off, pitch, _ in notes]
            track, now = mido.MidiTrack(), 0
            if name:
                track.append(mido.MetaMessage("track_name", name=name))
            for tick, kind, pitch, velocity in sorted(events):
                message = "note_on" if kind else "note_off"
                track.append(mido.Message(message, note=pitch, velocity=velocity, time=tick - now))
                now = tick
            file.tracks.append(track)
        file.save(path)


def row(pitches: list[int], step: float, length: float, dice: random.Random, loud: int = 64) -> list[Note]:
    """Pitches one after another, up to the end of a piece, each a little louder or softer than `loud`."""
    onsets = [0.5 + step * number for number in range(int((SECONDS - 1.0) / step))]
    return [
        (onset, onset + length, pitches[number % len(pitches)], loud + dice.randint(-12, 12))
        for number, onset in enumerate(onsets)
    ]


def chords(rows: list[list[int]], step: float, length: float, dice: random.Random) -> list[Note]:
    """Chords one after another."""
    return [
        (on, off, pitch, loud)
        for on, off, number, loud in row(list(range(len(rows))), step, length, dice)
        for pitch in rows[number]
    ]


def pieces() -> dict[str, Piece]:
    """The ten pieces by name; the same ones whenever this is called."""
    dice = random.Random(18)
    major = [0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21, 23, 24]
    scale = major + major[-2:0:-1]
    wander = [60]
    for _ in range(60):
        wander.append(min(max(wander[-1] + dice.choice([-5, -3, -2, -1, 1, 2, 3, 4, 7]), 55), 88))
    return {
        "scales": Piece(
            row([60 + step for step in scale], 0.125, 0.12, dice),
            row([48 + step for step in scale], 0.125, 0.12, dice),
        ),
        "contrary": Piece(
            row([64 + step for step in scale], 0.16, 0.15, dice, 80),
            row([60 - step for step in scale], 0.16, 0.15, dice, 50),
        ),
        "chords": Piece(
            chords([[60, 64, 67, 72], [62, 65, 69, 74], [59, 62, 67, 71], [61, 66, 70, 73]], 0.5, 0.4, dice),
            chords([[36, 43, 48], [38, 45, 50], [31, 38, 43], [42, 49, 54]], 0.5, 0.45, dice),
        ),
        "interlocked": Piece(
            row([60, 64, 62, 65, 64, 67], 0.25, 0.2, dice),
            [(on + 0.125, off + 0.125, pitch, loud)
             for on, off, pitch, loud in row([62, 59, 64, 61, 65, 60], 0.25, 0.2, dice)],
        ),
        "leaps": Piece(
            row([60, 84, 67, 91, 72, 96], 0.4, 0.3, dice),
            chords([[31], [55, 59, 62], [36], [52, 55, 60]], 0.3, 0.25, dice),
        ),
        "repeated": Piece(row([72, 72, 72, 74], 0.11, 0.08, dice), row([48, 48, 55, 55], 0.2, 0.15, dice)),
        "octaves": Piece(
            chords([[60 + step, 72 + step] for step in scale], 0.25, 0.2, dice),
            chords([[36 + step, 48 + step] for step in scale], 0.5, 0.45, dice),
        ),
        "arpeggios": Piece(
            row([48, 52, 55, 60, 64, 67, 72, 76, 79, 76, 72, 67, 64, 60, 55, 52], 0.12, 0.3, dice), split=False
        ),
        "thirds": Piece(chords([[66 + step, 69 + step] for step in range(12)], 0.2, 0.18, dice), split=False),
        "melody": Piece(
            [note for note in row(wander, 0.23, 0.3, dice) if dice.random() > 0.2],
            chords([[41, 48, 56], [46, 53, 61], [39, 46, 55], [44, 51, 60]], 1.2, 1.1, dice),
            split=False,
        ),
    }  # fmt: skip


def write_inputs(checkout: Path, folder: Path) -> dict[str, Path]:
    """The pieces and the recording's beginning as files, by name."""
    files = {}
    for name, piece in pieces().items():
        files[name] = folder / f"{name}.mid"
        piece.write(files[name])
    samples, rate = soundfile.read(checkout / "demo" / "recording.flac", dtype="int16")
    files["recording"] = folder / "recording.wav"
    soundfile.write(files["recording"], samples[: round(SECONDS * rate)], rate, subtype="PCM_16")
    return files


# -- the doors --------------------------------------------------------------------------------------------


def surroundings(checkout: Path) -> dict[str, str]:
    """Variables of children: no packages of the user's, and no hashes that change from run to run."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    fixed = {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1", "PYTHONHASHSEED": "0"}
    return {**kept, **fixed, "S2C_WORKER_PYTHON": sys.executable, "S2C_CHECKOUT": str(checkout)}


class Child:
    """A process that answers lines with lines."""

    def __init__(self, arguments: list[str], checkout: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=checkout,
            env=surroundings(checkout),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )

    def send(self, message: Any) -> None:
        """Write one line of JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def lines(self) -> Iterator[Any]:
        """What it answers, as it comes."""
        assert self._process.stdout is not None
        yield from map(json.loads, self._process.stdout)
        raise SystemExit(f"error: the process ended early with code {self._process.wait()}")

    def close(self) -> None:
        """Let it end by itself, which it does when there is nothing more to read."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)


class Worker(Child):
    """`python -m models.worker`."""

    def __init__(self, checkout: Path) -> None:
        super().__init__(["-m", "models.worker"], checkout)
        self._number = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of one request; SystemExit with the worker's sentence when there is none."""
        self._number += 1
        self.send({"id": self._number, "method": method, "params": params})
        for reply in self.lines():
            if reply["id"] == self._number and reply["event"] == "result":
                return dict(reply["result"])
            if reply["id"] == self._number and reply["event"] == "error":
                raise SystemExit(f"error: {method} {params}: {reply['message']} ({reply['detail']})")
        raise AssertionError("lines() ends with SystemExit")


class CommandLine(Child):
    """`python -m models`."""

    def __init__(self, checkout: Path) -> None:
        super().__init__(["-c", LINES_OF_COMMANDS], checkout)

    def run(self, *arguments: str) -> dict[str, Any]:
        """The facts that a command prints with `--json`; SystemExit when it fails."""
        self.send([*arguments, "--json"])
        code, printed = next(self.lines())
        if code:
            raise SystemExit(f"error: python -m models {' '.join(arguments)} ended with code {code}")
        return dict(json.loads(printed))


# -- results ----------------------------------------------------------------------------------------------


def digest(data: bytes) -> str:
    """sha256 in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def hash_take(path: Path) -> dict[str, str]:
    """sha256 of each array of a take file, its type and shape included, and of its meta."""
    parts = {}
    with np.load(path, allow_pickle=False) as arrays:
        for name in sorted(arrays.files):
            array = arrays[name]
            if name == "meta":
                meta = {
                    key: value for key, value in json.loads(str(array)).items() if key not in VOLATILE_META
                }
                parts[name] = digest(json.dumps(meta, sort_keys=True).encode())
            else:
                parts[name] = digest(f"{array.dtype.str} {array.shape} ".encode() + array.tobytes())
    return parts


def hash_figures(figures: dict[str, Any]) -> dict[str, str]:
    """sha256 of each figure; JSON keeps every digit of a number."""
    return {name: digest(json.dumps(value, sort_keys=True).encode()) for name, value in figures.items()}


def jobs(names: list[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Takes to make, each after the one that it keeps: its name, the piece's, and what the worker is told."""
    for seed, name in enumerate(names, start=1):
        yield f"{name}, whole", name, {"seed": seed}
        for hand in ("left", "right"):
            yield f"{name}, {hand} redone", name, {"seed": seed + 100, "keep": f"{name}, whole", "hand": hand}
        again = {"seed": seed + 200, "keep": f"{name}, whole", "range": REDONE_RANGE}
        yield f"{name}, range redone", name, again
    for name, fps in zip(names, (24.0, 60.0, 30000 / 1001), strict=False):
        yield f"{name}, {fps:.5g} fps", name, {"seed": 1, "fps": fps}
        again = {
            "seed": 2,
            "fps": fps,
            "keep": f"{name}, {fps:.5g} fps",
            "hand": "left",
            "range": REDONE_RANGE,
        }
        yield f"{name}, {fps:.5g} fps, left redone in range", name, again
    for name in names[:2]:
        yield f"{name}, contact 0", name, {"seed": 1, "contact": 0.0}
        style = {"hand_size": 2.0, "curl": 0.7, "wrist_height": -0.6, "energy": 0.8, "looseness": -0.5}
        yield f"{name}, style", name, {"seed": 1, "style": style}


def make_takes(checkout: Path, files: dict[str, Path], folder: Path) -> tuple[Results, dict[str, Any]]:
    """Every take and its figures, and what the worker says of itself."""
    results: Results = {}
    worker, commands = Worker(checkout), CommandLine(checkout)
    hello = worker.ask("hello")
    for label, name, params in jobs(list(files)):
        began = time.monotonic()
        take, kind = folder / f"{label}.npz", "sound" if files[name].suffix == ".wav" else "midi"
        keep = {"keep": str(folder / f"{params['keep']}.npz")} if "keep" in params else {}
        facts = worker.ask(
            "generate", output=str(take), device="cpu", **{kind: str(files[name])}, **{**params, **keep}
        )
        results[label] = hash_take(take)
        counts = ("notes", "notes_played", "left_out", "left_out_total", "false_strikes", "onset_f1")
        results[f"{label}: result"] = hash_figures({key: facts[key] for key in counts if key in facts})
        truth = ("--midi", str(files[name])) if kind == "midi" else ()
        results[f"{label}: figures"] = hash_figures(commands.run("evaluate", str(take), *truth))
        say(f"{label}: {time.monotonic() - began:.1f} s")
    first = next(iter(files))
    take = folder / "command line.npz"
    commands.run("generate", str(files[first]), "-o", str(take), "--seed", "1", "--device", "cpu")
    results[f"{first}, whole, by the command line"] = hash_take(take)
    if "recording" in files:
        notes = folder / "notes.mid"
        commands.run("transcribe", str(files["recording"]), "-o", str(notes), "--device", "cpu")
        results["recording, transcribed"] = {"file": digest(notes.read_bytes())}
    worker.close()
    commands.close()
    return results, hello


def in_blender(python: Path, checkout: Path, files: dict[str, Path], folder: Path) -> Results:
    """What one Blender makes of the takes and of a job of its own."""
    began = time.monotonic()
    found = folder / f"{digest(str(python).encode())[:8]}.json"
    sound = files.get("recording", next(iter(files.values())))
    command = [str(python), str(HERE / "identity_blender.py"), str(sound), str(folder), str(found)]
    done = subprocess.run(
        command, cwd=checkout, env=surroundings(checkout), capture_output=True, text=True, check=False
    )
    if not found.is_file():
        raise SystemExit(f"error: {python} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    say(f"{python}: {time.monotonic() - began:.1f} s")
    return dict(json.loads(found.read_text("utf-8")))


# -- commands ---------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """A line about how far it is."""
    print(f"identity: {text}", file=sys.stderr, flush=True)


def commit_of(checkout: Path) -> str:
    """The commit that is measured; `+` after it when files differ from it."""
    ask = ["git", "-C", str(checkout), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()


def record(arguments: argparse.Namespace) -> int:
    """Make everything, and write the hashes."""
    began = time.monotonic()
    checkout = arguments.checkout.resolve()
    commit = commit_of(checkout)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="identity-") as text:
        folder = Path(text)
        files = write_inputs(checkout, folder)
        if arguments.pieces:
            files = {name: files[name] for name in arguments.pieces}
        results, hello = make_takes(checkout, files, folder)
        for python in arguments.blender:
            results |= in_blender(python.absolute(), checkout, files, folder)
    made = {
        "commit": commit,
        "processor": processor(),
        "threads": hello["threads"],
        "python": hello["python"],
        "packages": hello["packages"],
    }
    arguments.out.write_text(json.dumps({"made": made, "results": results}, indent=1), "utf-8")
    print(f"{'result':<64}  sha256 of all its parts")
    for name, parts in results.items():
        print(f"{name:<64}  {whole(parts)}")
    say(f"{len(results)} results of {commit} in {time.monotonic() - began:.0f} s")
    return 0


def processor() -> str:
    """The processor's name, by which roundings may differ."""
    try:
        names = [
            line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
        ]
    except OSError:
        names = []
    return names[0].partition(":")[2].strip() if names else f"{platform.machine()} {platform.processor()}"


def whole(parts: dict[str, str]) -> str:
    """One short hash of all parts of a result."""
    return digest(json.dumps(parts, sort_keys=True).encode())[:16]


def compare(arguments: argparse.Namespace) -> int:
    """Print what differs; 1 when anything does."""
    first, second = (json.loads(path.read_text("utf-8")) for path in (arguments.first, arguments.second))
    for name, value in first["made"].items():
        other = second["made"].get(name)
        if name != "commit" and value != other:
            print(f"NOT THE SAME {name}: {value} and {other}; differences below may come from that")
    different = 0
    names = [*first["results"], *(name for name in second["results"] if name not in first["results"])]
    print(f"{'result':<64}  {first['made']['commit']:<18}  {second['made']['commit']:<18}")
    for name in names:
        one, two = first["results"].get(name), second["results"].get(name)
        verdict = "same"
        if one is None or two is None:
            verdict = "ONLY IN ONE"
        elif one != two:
            parts = sorted(part for part in {*one, *two} if one.get(part) != two.get(part))
            verdict = f"DIFFERENT: {', '.join(parts)}"
        different += verdict != "same"
        shown = [whole(parts) if parts is not None else "-" for parts in (one, two)]
        print(f"{name:<64}  {shown[0]:<18}  {shown[1]:<18}  {verdict}")
    print(f"{len(names) - different} of {len(names)} results are the same.")
    return int(different > 0)


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.identity",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("record", help="make everything and write the hashes")
    one.add_argument("out", type=Path, metavar="OUT.json")
    one.add_argument("--checkout", type=Path, default=HERE.parent, help="working copy (default: this one)")
    one.add_argument(
        "--blender", type=Path, nargs="+", default=[], metavar="PYTHON", help="Pythons that hold a bpy"
    )
    one.add_argument(
        "--pieces", nargs="+", choices=[*pieces(), "recording"], help="only these (default: all)"
    )
    one.set_defaults(run=record)
    two = commands.add_parser("compare", help="say which results of two records differ")
    two.add_argument("first", type=Path, metavar="A.json")
    two.add_argument("second", type=Path, metavar="B.json")
    two.set_defaults(run=compare)
    arguments = parser.parse_args()
    return int(arguments.run(arguments))


if __name__ == "__main__":
    sys.exit(main())
