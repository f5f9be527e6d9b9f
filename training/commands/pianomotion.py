# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommands `check-dataset` and `export-dataset`.

python -m training check-dataset PIANOMOTION10M --uploader 1467634 --uploader 66685747
python -m training export-dataset take.npz --out dataset --soundfont piano.sf2
"""

from __future__ import annotations

import argparse
from pathlib import Path

from models.app.command_line import complain
from models.body.notes import Notes
from models.errors import UserError
from models.plain_text import printable
from training.data.pianomotion.layout import SPLITS, ClipFiles


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the subcommands."""
    check = commands.add_parser("check-dataset", help="what a folder of PianoMotion10M holds")
    check.add_argument("folder", type=Path)
    check.add_argument(
        "--uploader", action="append", default=[], help="only this person's videos; repeatable"
    )
    check.add_argument("--transcribe", action="store_true", help="compare sound and notes, too (slow)")
    check.set_defaults(main=check_main)
    export = commands.add_parser("export-dataset", help="takes or shards in the format of PianoMotion10M")
    export.add_argument("takes", type=Path, nargs="+", help="take files, or folders of training shards")
    export.add_argument("--out", type=Path, required=True, help="a new folder")
    export.add_argument(
        "--split", choices=SPLITS, default="train", help="of the takes; shards have their own"
    )
    sound = export.add_mutually_exclusive_group()
    sound.add_argument("--soundfont", type=Path, help="play the notes with this .sf2 file")
    sound.add_argument("--recording", type=Path, help="the sound of the only take")
    export.set_defaults(main=export_main)


def check_main(arguments: argparse.Namespace) -> int:
    """Print the report; 1 where the folder is no such data set."""
    from training.data.pianomotion.check import report_lines
    from training.data.pianomotion.layout import is_pianomotion

    if not is_pianomotion(arguments.folder):
        complain(ValueError(f"{arguments.folder} has no folders annotation and audio"))
        return 1
    print(
        "\n".join(
            report_lines(arguments.folder, arguments.uploader, heard_notes if arguments.transcribe else None)
        )
    )
    return 0


def heard_notes(files: ClipFiles) -> Notes:
    """Notes that the transcriber hears in a clip; none in a silent one."""
    from models.app.transcriber import load_transcriber
    from models.music.audio import load_audio
    from models.music.transcription.listen import listen

    try:
        return listen(load_audio(files.audio), load_transcriber("cpu")).notes
    except UserError as error:
        if error.code != "silent_sound":
            raise
        return Notes.none()


def export_main(arguments: argparse.Namespace) -> int:
    """Write the data set; 1 with one sentence where it cannot be."""
    from training.data.pianomotion.export import export_dataset, read_performances

    try:
        count = export_dataset(
            read_performances(arguments.takes, arguments.split),
            arguments.out,
            soundfont=arguments.soundfont,
            recording=arguments.recording,
            report=lambda line: print(line, flush=True),
        )
    except UserError as error:
        complain(error)
        return 1
    sound = "" if arguments.soundfont or arguments.recording else ", without sound"
    print(f"{printable(str(arguments.out))}: {count} clips{sound}")
    return 0
