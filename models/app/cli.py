# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator on the command line, with or without Blender.

    python -m models generate song.wav -o take.npz --seed 1
    python -m models generate song.wav -o again.npz --keep take.npz --hand left --range 4 8
    python -m models transcribe song.wav -o notes.mid
    python -m models export -o models/onnx
    python -m models evaluate take.npz --midi truth.mid --json
    python -m models benchmark
    python -m models export -o models/onnx

Results go to stdout (`--json`: one line), progress and errors to stderr. Exit codes: 0 done, 1 failed with one
sentence, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models import __version__
from models.app import export
from models.app.command_line import Parser, run_command, say
from models.app.export import EXPORTS
from models.app.progress import StageClock
from models.app.request import DEVICES, ENGINES, HANDS, GenerateRequest, TranscribeRequest, from_params
from models.body.keyboard_size import read_keyboard
from models.body.player import STYLES
from models.errors import UserError
from models.plain_text import printable

MOST_THREADS = 256
STAGE_TEXT = {
    "prepare": "Reading",
    "transcribe": "Listening",
    "load": "Loading the model",
    "sample": "Generating",
    "contact": "Putting fingers on keys",
    "write": "Writing",
}


def _style(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    if not equals or name not in STYLES:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=VALUE with NAME one of {', '.join(STYLES)}")
    try:
        return name, float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not a number") from None


def build_parser() -> argparse.ArgumentParser:
    """The command line; callers rely on its names (docs/formats.md)."""
    parser = Parser(
        prog="python -m models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=__version__)
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one line of JSON on stdout")
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    compute = Parser(add_help=False)
    compute.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default: auto)")
    compute.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores but one)")
    trims = Parser(add_help=False)
    trims.add_argument(
        "--sound-start", type=float, default=0.0, metavar="S", help="begin at this second of the input"
    )
    trims.add_argument("--sound-end", type=float, metavar="S", help="end at this second of the input")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    generate = commands.add_parser("generate", parents=[common, compute, trims], help="make a take")
    generate.add_argument(
        "input", type=Path, nargs="?", metavar="SOUND_OR_MIDI", help="recording or MIDI file to play"
    )
    generate.add_argument(
        "-o", "--output", type=Path, required=True, metavar="TAKE.npz", help="take to write"
    )
    generate.add_argument(
        "--midi",
        type=Path,
        metavar="NOTES.mid",
        help="play these notes; they are laid over the recording, where there is one",
    )
    generate.add_argument(
        "--no-align",
        dest="align",
        action="store_false",
        help="the notes of --midi are in the recording's time already; do not listen",
    )
    generate.add_argument(
        "--part",
        metavar="N_OR_NAME",
        help="the part of the MIDI file to play, by number or name (default: the piano's)",
    )
    generate.add_argument(
        "--seed",
        type=int,
        default=0,
        help="another seed, another take; the same seed gives the same take for any number of threads; on "
        "another engine or kind of processor its last digits differ (default: 0)",
    )
    generate.add_argument("--preset", default="default", help="preset or model folder (default: default)")
    generate.add_argument(
        "--allow-download",
        action="store_true",
        help="fetch a sound encoder that the model needs and is missing",
    )
    generate.add_argument(
        "--engine",
        choices=ENGINES,
        default="auto",
        help="what runs the networks (default: auto, torch on a GPU and for models that need it, else onnx)",
    )
    generate.add_argument("--sampler", help="sampler (default: the preset's)")
    generate.add_argument(
        "--steps", type=int, metavar="N", help="network evaluations a window (default: the preset's)"
    )
    generate.add_argument(
        "--contact", type=float, default=1.0, metavar="0..1", help="key contact's strength (default: 1)"
    )
    generate.add_argument("--fps", type=float, default=30.0, help="frames a second of the take (default: 30)")
    generate.add_argument(
        "--keep", type=Path, metavar="TAKE.npz", help="keep this take but for --hand and --range"
    )
    generate.add_argument("--hand", choices=HANDS, help="the hand to make anew")
    generate.add_argument(
        "--hand-geometry",
        type=Path,
        metavar="HANDS.json",
        help="the hands of another body, on which contact is solved (default: the built-in hands)",
    )
    generate.add_argument(
        "--range", type=float, nargs=2, metavar=("START", "END"), help="the seconds to make anew"
    )
    generate.add_argument(
        "--style",
        type=_style,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"0 is average, -1 and 1 are the usual extremes; names: {', '.join(STYLES)}",
    )
    generate.add_argument(
        "--keyboard",
        metavar="KEYS_OR_FILE",
        help="other keys than the 88 usual ones: a number of keys (61), or a JSON file with lowest_pitch, keys, "
        "white_pitch, white_dip (metres); notes beyond them are left out",
    )
    generate.set_defaults(run=run_generate)

    transcribe = commands.add_parser(
        "transcribe", parents=[common, compute, trims], help="write a recording's notes"
    )
    transcribe.add_argument("sound", type=Path, metavar="SOUND")
    transcribe.add_argument("-o", "--output", type=Path, required=True, metavar="NOTES.mid")
    transcribe.set_defaults(run=run_transcribe)

    evaluate = commands.add_parser("evaluate", parents=[common], help="the figures of one take")
    evaluate.add_argument("take", type=Path, metavar="TAKE.npz")
    evaluate.add_argument(
        "--midi", type=Path, metavar="TRUTH.mid", help="true notes (default: the take's own)"
    )
    evaluate.set_defaults(run=run_evaluate)

    benchmark = commands.add_parser(
        "benchmark", parents=[common, compute], help="speed and memory on this computer"
    )
    benchmark.add_argument("--preset", default="default", help="preset or model folder (default: default)")
    benchmark.add_argument(
        "--short", action="store_true", help="the 8 s window alone, without the five-minute song"
    )
    benchmark.add_argument("--long", action="store_true", help="ten minutes too")
    benchmark.add_argument("--sound", type=Path, help="also time the transcription of this recording")
    benchmark.add_argument(
        "--engine",
        choices=ENGINES[1:],
        help="this engine alone (default: all that are installed, side by side)",
    )
    benchmark.set_defaults(run=run_benchmark)

    exporting = commands.add_parser(
        "export", parents=[common], help="write the ONNX files of the engine without torch"
    )
    exporting.add_argument("--what", choices=(*EXPORTS, "all"), default="all", help="default: all")
    exporting.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    exporting.set_defaults(run=run_export)
    return parser


MIDI_NAMES = (".mid", ".midi", ".rmi", ".kar", ".smf")
_WRAPPER_BYTES = 1024
"""So far from its beginning the notes of a MIDI file begin, where it is wrapped."""


def is_midi(path: Path) -> bool:
    """Whether a file is MIDI, by its first bytes, or by its name where there are none to look into."""
    named = path.suffix.lower() in MIDI_NAMES
    try:
        if not path.is_file():  # a pipe would wait for ever
            return named
        with path.open("rb") as file:
            first = file.read(_WRAPPER_BYTES)
    except OSError:
        return named
    return first[:4] == b"MThd" or (named and (not first or b"MThd" in first))


@contextlib.contextmanager
def progress_bar() -> Any:
    """A clock that draws one bar a stage on stderr; silent where stderr is no terminal."""
    from tqdm import tqdm

    bar: tqdm | None = None
    current = ""

    def listen(stage: str, step: int, of: int, _seconds_left: float | None) -> None:
        nonlocal bar, current
        if stage != current:
            if bar is not None:
                bar.close()
            bar = tqdm(
                total=of, desc=STAGE_TEXT.get(stage, stage), file=sys.stderr, disable=None, leave=False
            )
            current = stage
        assert bar is not None
        bar.total = of
        bar.update(step - bar.n)

    try:
        yield StageClock(listen)
    finally:
        if bar is not None:
            bar.close()


def run_generate(arguments: argparse.Namespace) -> dict[str, Any]:
    """`generate`: facts about the take."""
    sound, midi = arguments.input, arguments.midi
    if sound is not None and midi is None and is_midi(sound):
        sound, midi = None, sound
    names = (
        "output",
        "part",
        "seed",
        "preset",
        "sampler",
        "steps",
        "contact",
        "fps",
        "keep",
        "hand_geometry",
        "hand",
        "range",
        "device",
        "engine",
        "align",
        "allow_download",
    )
    params = {name: getattr(arguments, name) for name in names}
    params.update(sound=sound, midi=midi, style=dict(arguments.style))
    params.update(sound_start_s=arguments.sound_start, sound_end_s=arguments.sound_end)
    if arguments.keyboard is not None:
        params["keyboard"] = read_keyboard(arguments.keyboard)
    request = from_params(GenerateRequest, params)
    from models.app.pipeline import Pipeline

    with progress_bar() as clock:
        return Pipeline().generate(request, clock).facts


def run_transcribe(arguments: argparse.Namespace) -> dict[str, Any]:
    """`transcribe`: facts about the notes."""
    params = {name: getattr(arguments, name) for name in ("sound", "output", "device")}
    params.update(sound_start_s=arguments.sound_start, sound_end_s=arguments.sound_end)
    request = from_params(TranscribeRequest, params)
    from models.app.pipeline import Pipeline

    with progress_bar() as clock:
        return Pipeline().transcribe(request, clock)


def run_evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    """`evaluate`: the figures of docs/definitions.md."""
    from models.body.take import Take
    from models.evaluation.scores import evaluate_take
    from models.music.midi import read_midi

    take = Take.load(arguments.take)
    if arguments.midi is None:
        return evaluate_take(take, take.notes)
    true = read_midi(arguments.midi)
    return evaluate_take(take, true.notes, pedal=true.pedal)


def run_benchmark(arguments: argparse.Namespace) -> dict[str, Any]:
    """`benchmark`: seconds and memory."""
    from models.app.benchmark import run

    return run(
        preset=arguments.preset,
        device=arguments.device,
        song=not arguments.short,
        long_song=arguments.long,
        sound=arguments.sound,
        engine=arguments.engine,
    )


def run_export(arguments: argparse.Namespace) -> dict[str, Any]:
    """`export`: the files that were written."""
    return export.run(arguments.what, arguments.output)


def _flat(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in facts.items():
        rows.extend(_flat(value, f"{prefix}{name} ") if isinstance(value, dict) else [(prefix + name, value)])
    return rows


def as_table(facts: dict[str, Any]) -> str:
    """Facts for people: a name and a value a line, then each remark."""
    parts = facts.get("parts", ())
    rows = {name: value for name, value in facts.items() if name not in ("parts", "remarks")}
    if len(parts) > 1:
        rows["parts"] = [
            f"{part['number']} {part['name']} ({part['notes']} notes{'' if part['chosen'] else ', left out'})"
            for part in parts
        ]
    named = [(name.replace("_", " "), value) for name, value in _flat(rows)]
    width = max(len(name) for name, _ in named)
    lines = [f"{name:<{width}}  {_cell(value)}" for name, value in named]
    return "\n".join([*lines, *(remark["sentence"] for remark in facts.get("remarks", ()))])


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return "; ".join(_cell(item) for item in value) or "-"
    if isinstance(value, dict):  # one of several things that are listed
        return " ".join(_cell(item) for item in value.values())
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else printable(str(value))


def _limit_threads(count: int | None) -> None:
    if count is None:
        return
    if not 1 <= count <= MOST_THREADS:
        sentence = (
            f'The setting "threads" is {count}, but it must be a whole number from 1 to {MOST_THREADS}.'
        )
        raise UserError("bad_params", sentence)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    arguments = build_parser().parse_args(argv)

    def command() -> int:
        _limit_threads(getattr(arguments, "threads", None))
        with contextlib.redirect_stdout(sys.stderr):  # what libraries print is not the result
            facts = arguments.run(arguments)
        say(json.dumps(facts) if arguments.json else as_table(facts))
        return 0

    return run_command(command, debug=arguments.debug)
