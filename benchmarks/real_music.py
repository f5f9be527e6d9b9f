# SPDX-License-Identifier: GPL-3.0-or-later
"""Real MIDI files through the whole road: how many notes are struck, held, left out, by the hand the file names.

    python -m benchmarks.real_music FOLDER [FOLDER ...] --each composer --seconds 30
    python -m benchmarks.real_music FOLDER --pieces 6 --ways merged pedalled --json runs/real.json

Every file is played in some of these ways, each a line of the table:

- `as it is`: the file, its tracks and its pedal.
- `merged`: all tracks in one called Piano, so that the hands have to be found.
- `pedalled`: one track without a pedal, each note as long as it sounds with the file's own pedal, as transcribers and
  piano rolls write lengths. Only files that have a pedal. Its frame F1 is that of the fingers' real releases.

Columns: notes, in a second, and the most keys down at once; onset F1 and frame F1 (docs/definitions.md); notes left
out; hand accuracy against the hands that the file's tracks name (staves, really), where it names both; seconds of work
for a second of music, one thread, without loading.

The hardest excerpts are told apart by their notes a second and by the most keys down at once, not by taste: ordinary
is what has at most `ORDINARY_RATE` notes a second and never more keys down than two hands have fingers
(docs/definitions.md, "Ordinary difficulty"). Other excerpts have a star beside their names.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido
import numpy as np

from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.body.notes import UNKNOWN, Notes
from models.errors import UserError
from models.evaluation.scores import evaluate_take
from models.music.midi import read_midi, write_midi
from models.music.pedal import Pedal

WAYS = ("as it is", "merged", "pedalled")
ORDINARY_RATE, ORDINARY_KEYS = 14.0, 10
SUSTAIN, DOWN = 64, 64
"""Controller of the sustain pedal, and the value from which it is down."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One piece, played in one way."""

    piece: str
    way: str
    notes: int
    notes_a_second: float
    most_keys: int
    """The most keys that sound at once without the pedal."""
    onset_f1: float
    frame_f1: float
    left_out: int
    hands: float | None
    """Share of notes in the hand whose track they are in."""
    work: float
    """Seconds for a second of music."""

    @property
    def ordinary(self) -> bool:
        """Of ordinary difficulty."""
        return self.notes_a_second <= ORDINARY_RATE and self.most_keys <= ORDINARY_KEYS


def midi_files(folders: Sequence[Path], each: str | None, pieces: int | None, seed: int) -> list[Path]:
    """The files of the folders, or a sample: one of each composer's folder, or so many of each folder."""
    chosen: list[Path] = []
    draw = random.Random(seed)
    for folder in folders:
        files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))
        if folder.is_file():
            files = [folder]
        if each == "composer":
            composers = sorted({p.parent for p in files})
            files = [draw.choice([p for p in files if p.parent == composer]) for composer in composers]
        chosen += sorted(draw.sample(files, min(pieces, len(files)))) if pieces else files
    return chosen


def merged(path: Path, target: Path) -> None:
    """Write the file with all tracks in one."""
    file = mido.MidiFile(path, clip=True)
    track = mido.merge_tracks(file.tracks)
    names = [message for message in track if message.type == "track_name"]
    file.tracks = [mido.MidiTrack([message for message in track if message not in names])]
    file.tracks[0].insert(0, mido.MetaMessage("track_name", name="Piano", time=0))
    file.type = 0
    # The names' own waiting times are part of the time of what follows.
    _keep_times(track, file.tracks[0])
    file.save(target)


def _keep_times(before: mido.MidiTrack, after: mido.MidiTrack) -> None:
    waited, kept = 0, iter(list(after)[1:])
    for message in before:
        waited += message.time
        if message.type != "track_name":
            next(kept).time = waited
            waited = 0


def pedal_spans(path: Path) -> list[tuple[float, float]]:
    """Seconds between which the sustain pedal is down."""
    spans, since, now = [], None, 0.0
    for message in mido.MidiFile(path, clip=True):
        now += message.time
        if message.type == "control_change" and message.control == SUSTAIN:
            if message.value >= DOWN and since is None:
                since = now
            elif message.value < DOWN and since is not None:
                spans.append((since, now))
                since = None
    return spans if since is None else [*spans, (since, now)]


def sounding(notes: Notes, spans: list[tuple[float, float]]) -> Notes:
    """The notes as long as they sound: until the pedal comes up, or their key is struck again."""
    if not spans:
        return notes
    down, up = np.array(spans).T
    offset_s = notes.offset_s.astype(float)
    span = np.searchsorted(down, offset_s, "right") - 1
    held = (span >= 0) & (offset_s < up[span])
    offset_s = np.where(held, up[span], offset_s)
    last: dict[float, int] = {}
    for i, pitch in enumerate(notes.pitch.tolist()):
        if pitch in last:
            offset_s[last[pitch]] = min(offset_s[last[pitch]], notes.onset_s[i])
        last[pitch] = i
    return dataclasses.replace(notes, offset_s=np.maximum(offset_s, notes.onset_s + 1e-3))


def most_keys(notes: Notes) -> int:
    """The most keys down at once."""
    at = np.concatenate([notes.offset_s, notes.onset_s]).astype(float)
    step = np.repeat([-1, 1], len(notes))
    order = np.lexsort((step, at))
    return int(np.cumsum(step[order]).max(initial=0))


def versions(path: Path, folder: Path, ways: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """The file in each way in which it can be played."""
    for way in ways:
        target = folder / f"{way}.mid"
        if way == "as it is":
            yield way, path
        elif way == "merged":
            merged(path, target)
            yield way, target
        elif spans := pedal_spans(path):
            notes = read_midi(path).notes
            write_midi(target, sounding(notes, spans).with_hands(UNKNOWN))
            yield way, target


def excerpt(notes: Notes, start_s: float, end_s: float) -> Notes:
    """The notes that begin between two seconds, in the time from `start_s`."""
    inside = notes.select((notes.onset_s >= start_s) & (notes.onset_s < end_s))
    return inside.shifted(-start_s)


def measure(pipeline: Pipeline, path: Path, way: str, file: Path, seconds: float, folder: Path) -> Line:
    """Play `file`, a version of `path`, and compare with what `path` says."""
    true = read_midi(path).notes
    start_s = max(float(true.onset_s.min(initial=np.inf)) - 1.0, 0.0) if len(true) else 0.0
    end_s = start_s + seconds
    wanted = excerpt(true, start_s, end_s)
    began = time.perf_counter()
    made = pipeline.generate(
        GenerateRequest(
            midi=file,
            output=folder / "take.npz",
            seed=1,
            sound_start_s=start_s,
            sound_end_s=end_s,
            device="cpu",
        )
    )
    work = (time.perf_counter() - began) / seconds
    if way == "pedalled":
        figures = evaluate_take(made.take, wanted, pedal=Pedal.none())
    else:
        figures = evaluate_take(made.take, made.take.notes)
    return Line(
        piece=f"{path.parent.name}/{path.stem}",
        way=way,
        notes=len(wanted),
        notes_a_second=len(wanted) / seconds,
        most_keys=most_keys(wanted),
        onset_f1=figures["onset_f1"],
        frame_f1=figures["frame_f1"],
        left_out=made.facts["left_out_total"],
        hands=hand_accuracy(made.take.notes, wanted),
        work=work,
    )


def hand_accuracy(played: Notes, named: Notes) -> float | None:
    """Share of the notes that are played by the hand that the file names; None where it does not name both."""
    if not {0, 1} <= set(named.hand.tolist()):
        return None
    hand_of = {
        (round(float(onset), 2), int(pitch)): int(hand)
        for onset, pitch, hand in zip(named.onset_s, named.pitch, named.hand, strict=True)
        if hand != UNKNOWN
    }
    pairs = [
        (hand_of.get((round(float(onset), 2), int(pitch))), int(hand))
        for onset, pitch, hand in zip(played.onset_s, played.pitch, played.hand, strict=True)
        if hand != UNKNOWN
    ]
    same = [a == b for a, b in pairs if a is not None]
    return float(np.mean(same)) if same else None


def print_table(lines: Sequence[Line]) -> None:
    """The table in Markdown, and the summary of each way."""
    print("| piece | way | notes | a second | keys | onset F1 | frame F1 | left out | hands | s / s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for line in lines:
        hands = "" if line.hands is None else f"{line.hands:.3f}"
        mark = "" if line.ordinary else " *"
        print(
            f"| {line.piece}{mark} | {line.way} | {line.notes} | {line.notes_a_second:.1f} | {line.most_keys} "
            f"| {line.onset_f1:.3f} | {line.frame_f1:.3f} | {line.left_out} | {hands} | {line.work:.3f} |"
        )
    print(
        f"\n\\* more than {ORDINARY_RATE:g} notes a second, or more than {ORDINARY_KEYS} keys down at once\n"
    )
    print(
        "| way | pieces | onset F1 mean | worst ordinary | ordinary below 0.97 | frame F1 mean | left out | hands |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for way in WAYS:
        own = [line for line in lines if line.way == way]
        if not own:
            continue
        ordinary = [line.onset_f1 for line in own if line.ordinary]
        hands = [line.hands for line in own if line.hands is not None]
        print(
            f"| {way} | {len(own)} | {np.mean([line.onset_f1 for line in own]):.4f} "
            f"| {min(ordinary, default=float('nan')):.3f} | {sum(f1 < 0.97 for f1 in ordinary)} of {len(ordinary)} "
            f"| {np.mean([line.frame_f1 for line in own]):.3f} "
            f"| {sum(line.left_out for line in own)} of {sum(line.notes for line in own)} "
            f"| {np.mean(hands) if hands else float('nan'):.3f} |"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line names; 0, or 1 where a file could not be played."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, help="folders of MIDI files, or files")
    parser.add_argument("--each", choices=["composer"], help="one file of each folder that holds files")
    parser.add_argument("--pieces", type=int, help="so many files of each folder that is named")
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="of each file, from a second before its first note"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of files")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--json", type=Path, help="write the lines there, too")
    chosen = parser.parse_args(arguments)
    pipeline, lines, failed = Pipeline(), [], 0
    for path in midi_files(chosen.folders, chosen.each, chosen.pieces, chosen.seed):
        with tempfile.TemporaryDirectory() as scratch:
            try:
                for way, file in versions(path, Path(scratch), chosen.ways):
                    lines.append(measure(pipeline, path, way, file, chosen.seconds, Path(scratch)))
                    line = lines[-1]
                    print(
                        f"{line.piece} {way}: {line.onset_f1:.3f} {line.left_out}",
                        file=sys.stderr,
                        flush=True,
                    )
            except (UserError, OSError, ValueError, KeyError) as error:
                failed += 1
                print(f"{path.name}: {error}", file=sys.stderr, flush=True)
    print_table(lines)
    if chosen.json:
        chosen.json.write_text(
            json.dumps([dataclasses.asdict(line) for line in lines], indent=1), encoding="utf-8"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
