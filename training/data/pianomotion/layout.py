# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies where in a folder of PianoMotion10M.

annotation/<uploader>/<video>/<video>_seq_0000.json    one clip of 30 s
audio/<uploader>/<video>/<video>_seq_0000.mp3          its sound
midi/<uploader>/<video>.mid                            the notes of the whole video
train.txt valid.txt test.txt                           lines "<uploader> <video>": the split is by video
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.checks import check_choice
from models.errors import UserError, quoted

SPLITS = ("train", "valid", "test")
AUDIO_SUFFIXES = (".mp3", ".flac", ".wav", ".ogg")
_HEAD_BYTES = 4096
_FIELD = r'"%s"\s*:\s*([-+0-9.eE]+)'


@dataclass(frozen=True)
class ClipFiles:
    """The files of one clip; they need not exist."""

    root: Path
    uploader: str
    video: str
    name: str
    """For instance BV1Jf421Z732_seq_0000."""

    @property
    def annotation(self) -> Path:
        """The file of the clip's motion."""
        return self.root / "annotation" / self.uploader / self.video / f"{self.name}.json"

    @property
    def audio(self) -> Path:
        """The first that exists of `AUDIO_SUFFIXES`, else the .mp3 that should."""
        stem = self.root / "audio" / self.uploader / self.video / self.name
        paths = [stem.with_name(stem.name + suffix) for suffix in AUDIO_SUFFIXES]
        return next((path for path in paths if path.is_file()), paths[0])

    @property
    def midi(self) -> Path:
        """The notes of the clip's whole video."""
        return self.root / "midi" / self.uploader / f"{self.video}.mid"

    def __str__(self) -> str:
        return f"{self.uploader}/{self.video}/{self.name}"


def is_pianomotion(folder: Path) -> bool:
    """Whether a folder has the data set's layout."""
    return (folder / "annotation").is_dir() and (folder / "audio").is_dir()


def videos(root: Path, split: str) -> list[tuple[str, str]]:
    """(uploader, video) of a split, in the order of its list.

    Raises:
        UserError: the list is missing or a line is not "<uploader> <video>".
    """
    check_choice("split", split, SPLITS)
    path = root / f"{split}.txt"
    if not path.is_file():
        raise UserError(
            "split_missing", f"The data set has no list {quoted(path)}; download it again.", str(path)
        )
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or any(
            word in (".", "..") or not re.fullmatch(r"[\w.-]+", word) for word in words
        ):
            sentence = f"Line {number} of {quoted(path)} does not name an uploader and a video."
            raise UserError("split_corrupt", sentence, line[:200])
        pairs.append((words[0], words[1]))
    return pairs


def clips(root: Path, split: str, uploaders: Sequence[str] = ()) -> list[ClipFiles]:
    """The clips of a split, ordered by video and name; `uploaders` keeps those people's only."""
    found = []
    for uploader, video in videos(root, split):
        if uploaders and uploader not in uploaders:
            continue
        folder = root / "annotation" / uploader / video
        found += [ClipFiles(root, uploader, video, path.stem) for path in sorted(folder.glob("*.json"))]
    return found


def clip_seconds(files: ClipFiles) -> float:
    """Length of a clip from the head of its annotation, without reading the motion; 0 where it does not say."""
    try:
        with files.annotation.open("rb") as file:
            head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return 0.0
    fields = [re.search(_FIELD % name, head) for name in ("start_frame", "end_frame", "fps")]
    try:
        start, end, fps = (float(field.group(1)) if field else 0.0 for field in fields)
    except ValueError:
        return 0.0
    return max(end - start, 0.0) / fps if fps > 0 else 0.0
