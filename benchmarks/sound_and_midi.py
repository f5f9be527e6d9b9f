# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings with a MIDI file of what is played: what the ear finds, what the hands strike, how well both fit.

    python -m benchmarks.sound_and_midi demo/recording.flac demo/recording.mid demo/recording.flac demo/score.mid

Arguments are pairs: a recording, and a MIDI file of it. Columns:

- heard: F1 of the transcribed notes' onsets, 50 ms, against the file's notes;
- from sound: onset F1 of a take made from the recording alone, against the file's notes;
- with both: onset F1 of a take made from the recording and the file;
- fit: notes of the file that are heard, and `median_ms` (docs/definitions.md, "A MIDI file and its recording").

The file's notes are put into the recording's time by its fit. That is no proof of the fit itself: `tests/models/`
`test_alignment.py` and `test_pipeline.py` hold it against tempo curves and a recording whose times are known.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from models.app.pipeline import Pipeline
from models.app.request import GenerateRequest
from models.app.transcriber import load_transcriber
from models.errors import no_progress
from models.evaluation.scores import evaluate_take, note_score
from models.music.alignment import align
from models.music.midi import read_midi
from models.music.note_source import NoteSource, load_sound


def measure(pipeline: Pipeline, sound: Path, midi: Path, seconds: float, folder: Path) -> list[str]:
    """The cells of one line of the table."""
    part = load_sound(sound, 0.0, seconds)
    heard = NoteSource(load_transcriber).heard(part, "cpu", no_progress).notes
    aligned = align(read_midi(midi).notes, heard, part.duration_s)
    figures = []
    for notes in (None, midi):
        request = GenerateRequest(
            sound=sound, midi=notes, output=folder / "take.npz", seed=1, device="cpu", sound_end_s=seconds
        )
        figures.append(evaluate_take(pipeline.generate(request).take, aligned.notes)["onset_f1"])
    fit = aligned.fit
    kind = "one performance" if len(aligned.time_map.file_s) == 2 else f"{len(aligned.time_map.file_s)} knots"
    return [
        f"{sound.name}, {midi.name}",
        f"{part.duration_s:.0f} s",
        f"{note_score(heard, aligned.notes).f1:.3f}",
        *(f"{figure:.3f}" for figure in figures),
        f"{fit.matched} of {fit.notes}, {fit.median_ms:.0f} ms, {kind}",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the pairs that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="SOUND MIDI")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each recording, from its beginning")
    chosen = parser.parse_args(arguments)
    if len(chosen.files) % 2:
        parser.error("files come in pairs, a recording and a MIDI file of it")
    pipeline = Pipeline()
    print("| recording, MIDI file | length | heard | from sound | with both | fit |")
    print("|---|---|---|---|---|---|")
    for sound, midi in zip(chosen.files[::2], chosen.files[1::2], strict=True):
        with tempfile.TemporaryDirectory() as folder:
            cells = measure(pipeline, sound, midi, chosen.seconds, Path(folder))
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
