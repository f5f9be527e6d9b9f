# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of take files: readable, allowed on every file system, and never given twice. No bpy.

A name is taken by making the file, which only one of several Blenders can do; it says who did. The worker replaces it
in the end. Whoever took a name lets go of it when no take came (`release`).
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import stat
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ..core import temporary
from ..errors import UserError

SUFFIX = ".npz"
PART_PATTERN = ".????????.part"
"""What the worker appends to a name while it writes: eight letters that make it unique, and `.part`."""
TITLE_BYTES = 80
"""Longest title as UTF-8. Seed, hand, frames and the worker's own endings add to it; 255 bytes are allowed."""
MOST_OF_ONE_NAME = 10_000
FORSAKEN_SECONDS = 24 * 3600.0
"""No job lasts this long: a name taken so long ago was left by a Blender that died, on whatever computer."""

_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\ud800-\udfff]')
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""Marks that turn the writing direction, so that a name would not read as it is spelt."""
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\..*)?", re.IGNORECASE)
"""Names that mean a device on Windows, whatever follows their first dot."""
_EXTENSION = re.compile(
    r"\.(?:wave?|mp[234]|flac|og[gav]|opus|m4a|aac|aiff?|wma|ac3|midi?|rmi|kar|mov|mkv|avi|webm)(?:\.\d{3})?$",
    re.IGNORECASE,
)
"""A dot alone says nothing: "Op. 28 No. 4" has no extension. Blender numbers strips of one name: "song.wav.001"."""
_ENDING = re.compile(r", seed -?\d+(?:, .*)?(?: \(\d+\))?")


def clean_title(text: str) -> str:
    """`text` as the beginning of a file name on any system; "take" where nothing is left of it."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    text = _REFUSED.sub("_", " ".join(text.split())).strip(" .")
    text = text.encode("utf-8")[:TITLE_BYTES].decode("utf-8", "ignore").strip(" .")
    if _RESERVED.fullmatch(text):
        text = f"_{text}"
    return text or "take"


def recording_title(*candidates: str | None) -> str:
    """The title of the first of `candidates`, paths or names of recordings, that says something."""
    for candidate in candidates:
        name = _EXTENSION.sub("", re.split(r"[/\\]", candidate or "")[-1])
        if name.strip(" ."):
            return clean_title(name)
    return clean_title("")


def title_of_take(path: str) -> str:
    """The title in a name that `take_path` made, empty for any other name."""
    stem = os.path.splitext(re.split(r"[/\\]", path)[-1])[0]
    found = _ENDING.search(stem)
    return stem[: found.start()] if found else ""


def take_path(
    folder: Path, title: str, seed: int, hand: str = "", frames: tuple[int, int] | None = None
) -> Path:
    """A file name for a take that is free now: "my song, seed 3, left hand, frames 10 to 40.npz".

    hand: `left`, `right` or empty for both; frames: first and last scene frame when only those are new.
    """
    stem = f"{clean_title(title)}, seed {seed}"
    if hand:
        stem += f", {hand} hand"
    if frames is not None:
        stem += f", frames {frames[0]} to {frames[1]}"
    wanted = folder / (stem + SUFFIX)
    return next((path for path in _numbered(wanted) if not os.path.lexists(path)), wanted)


def reserve(path: Path) -> Path:
    """Take the name `path`, or the next free "… (2)", and return which. Raises UserError when none can be taken."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
    try:
        for candidate in _numbered(path):
            with (
                contextlib.suppress(FileExistsError),
                os.fdopen(os.open(candidate, flags, 0o666), "wb") as file,
            ):
                file.write(temporary.owner_note())
                return candidate
    except OSError as error:
        raise UserError(
            "data_folder",
            f'The folder "{path.parent}" for takes cannot be written; free or unlock it.',
            str(error),
        ) from error
    raise UserError(
        "data_folder", f'The folder "{path.parent}" holds too many takes of one name; move some elsewhere.'
    )


def release(path: Path, *, written: bool = False) -> None:
    """Remove what a job that came to nothing left under a reserved name; a whole take only if `written` says so."""
    with contextlib.suppress(OSError):
        for part in path.parent.glob(glob.escape(path.name) + PART_PATTERN):
            part.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        if stat.S_ISREG(path.lstat().st_mode) and (written or is_reserved(path)):
            path.unlink()


def is_reserved(path: Path) -> bool:
    """Whether a file only keeps a name for a take."""
    return not path.lstat().st_size or temporary.read_note(path) is not None


def remove_forsaken(folder: Path) -> Iterator[None]:
    """Remove the names in `folder` that were taken by Blenders which died, a file a step."""
    latest = time.time() - FORSAKEN_SECONDS
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            yield
            if not entry.name.endswith(SUFFIX) or not entry.is_file(follow_symlinks=False):
                continue
            found, path = entry.stat(follow_symlinks=False), Path(entry.path)
            if found.st_size > temporary.MARKER_BYTES:
                continue
            if found.st_mtime < latest or temporary.owner_is_gone(temporary.read_note(path)):
                release(path)


def _numbered(path: Path) -> Iterator[Path]:
    """`path`, then the same name with (2), (3) and so on."""
    yield path
    for number in range(2, MOST_OF_ONE_NAME):
        yield path.with_name(f"{path.stem} ({number}){SUFFIX}")
