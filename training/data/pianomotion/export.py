# SPDX-License-Identifier: GPL-3.0-or-later
"""Our takes and training shards as a folder of PianoMotion10M.

Poses become MANO's rotation vectors, wrists a camera's view in which depth is real; the view is written beside the
motion (`camera`), so that our loader finds the wrists again. Every frame is valid, `adjust` is zero, shape numbers
are zero.
"""

from __future__ import annotations

import dataclasses
import io
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.body.mano import CameraView, camera_from_piano, mano_from_euler
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.resampling import resample_motion
from models.body.take import Take
from models.errors import UserError, quoted
from models.music.midi import write_midi
from models.whole_file import write_bytes_whole, write_text_whole
from training.data.pianomotion.clip import COLUMNS, POSE, POSITION, VALID
from training.data.pianomotion.layout import SPLITS as THEIR_SPLITS
from training.data.pianomotion.layout import ClipFiles
from training.data.rendering import render
from training.data.shards import INDEX_FILE, SPLITS

FPS = 30.0
CLIP_SECONDS = 30.0
SHORTEST_S = 8.0
"""The rest of a take becomes a clip if it is as long as a training window; a shorter one is left out."""
UPLOADER = "s2c"
VIEW = CameraView(depth_factor=0.05)
_CAMERA = {"fx": 25000.0, "height": 720, "width": 1280}
_DECIMALS = 4


@dataclass(frozen=True)
class Performance:
    """What becomes a video."""

    name: str
    split: str
    motion: Motion
    notes: Notes


def read_performances(paths: Sequence[Path], split: str) -> list[tuple[Path, str]]:
    """(file, split) of takes (`split`), and of the shards in folders, which have their own.

    Raises:
        UserError: a folder without shards, or a file that is not there.
    """
    found: list[tuple[Path, str]] = []
    for path in paths:
        if not path.is_dir():
            found.append((path, split))
            continue
        try:
            shards = json.loads((path / INDEX_FILE).read_text(encoding="utf-8"))["shards"]
            found += [(path / entry["file"], THEIR_SPLITS[SPLITS.index(entry["split"])]) for entry in shards]
        except (OSError, ValueError, KeyError, TypeError) as error:
            sentence = f"{quoted(path)} is no folder of training shards; name takes or such a folder."
            raise UserError("no_shards", sentence, repr(error)) from error
    return found


def read_performance(path: Path, split: str) -> Performance:
    """A take or a shard; `UserError` where it is neither."""
    try:
        with np.load(path, allow_pickle=False) as data:
            shard = "meta" not in data.files
            if shard:
                motion = Motion(data["euler"].astype(np.float32), data["wrist"], float(data["fps"]))
                notes = Notes.from_arrays(data["notes"], data["fingering"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        sentence = f"The file {quoted(path)} is neither a take nor a training shard."
        raise UserError("take_corrupt", sentence, repr(error)) from error
    if not shard:
        take = Take.load(path)
        motion, notes = take.motion, take.notes
    name = re.sub(r"[^\w-]", "_", path.stem)
    return Performance(name, split, motion, notes.astype(np.float32))


def motion_rows(motion: Motion, view: CameraView = VIEW) -> NDArray[np.float64]:
    """Rows (F, 2, 62) of a motion, rounded to 4 decimals as the data set is."""
    rows = np.zeros((motion.frames, 2, COLUMNS))
    rows[..., VALID] = 1
    rows[..., POSITION] = camera_from_piano(motion.wrist.astype(np.float64), view)
    rows[..., POSE] = mano_from_euler(motion.euler.astype(np.float64))
    return np.round(rows, _DECIMALS)


def export_dataset(
    items: Sequence[tuple[Path, str]],
    out: Path,
    *,
    soundfont: Path | None = None,
    recording: Path | None = None,
    report: Callable[[str], None] = lambda _line: None,
) -> int:
    """Write performances as a data set; returns the number of clips.

    soundfont: play the notes with it (fluidsynth). recording: the sound of the only take. Neither: no sound.

    Raises:
        UserError: `out` holds something already, or a file cannot be read or rendered.
    """
    if out.exists() and any(out.iterdir()):
        sentence = f"The folder {quoted(out)} is not empty; choose a new one."
        raise UserError("folder_not_empty", sentence, str(out))
    if recording is not None and len(items) != 1:
        raise UserError("one_recording", "A recording belongs to one take; name that take only.")
    for folder in ("annotation", "audio", "midi"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    lists: dict[str, list[str]] = {split: [] for split in THEIR_SPLITS}
    count, names = 0, set[str]()
    for path, split in items:
        performance = read_performance(path, split)
        if performance.name in names:
            raise UserError("same_name", f"Two takes are called {performance.name}; rename one.", str(path))
        names.add(performance.name)
        written = _export_one(performance, out, soundfont, recording)
        count += written
        if written:
            lists[split].append(f"{UPLOADER} {performance.name}")
        report(f"{performance.name}: {written} clips ({split})")
    for split, lines in lists.items():
        write_text_whole(out / f"{split}.txt", "".join(f"{line}\n" for line in lines))
    return count


def _export_one(performance: Performance, out: Path, soundfont: Path | None, recording: Path | None) -> int:
    motion = performance.motion
    frames = int(np.floor((motion.frames - 1) / motion.fps * FPS + 1e-6)) + 1
    rows = motion_rows(resample_motion(motion, FPS, frames))
    spans = clip_spans(frames)
    midi = ClipFiles(out, UPLOADER, performance.name, "").midi
    midi.parent.mkdir(parents=True, exist_ok=True)
    write_midi(midi, performance.notes)
    sound = _sound(midi, soundfont, recording)
    for number, (start, stop) in enumerate(spans):
        files = ClipFiles(out, UPLOADER, performance.name, f"{performance.name}_seq_{number:04d}")
        files.annotation.parent.mkdir(parents=True, exist_ok=True)
        write_text_whole(files.annotation, json.dumps(_annotation(files, rows, start, stop)))
        if sound is not None:
            samples, rate = sound
            first, last = (round(frame / FPS * rate) for frame in (start, stop))
            piece = np.pad(samples[first:last], ((0, max(0, last - max(first, len(samples)))), (0, 0)))
            files.audio.parent.mkdir(parents=True, exist_ok=True)
            encoded = io.BytesIO()  # a disk that is full is better told of by Python than by the library
            soundfile.write(encoded, piece, rate, format="MP3")
            write_bytes_whole(files.audio, encoded.getvalue())
    return len(spans)


def clip_spans(frames: int) -> list[tuple[int, int]]:
    """First frame and one past the last of each clip of a performance."""
    size = round(CLIP_SECONDS * FPS)
    spans = [(start, min(start + size, frames)) for start in range(0, frames, size)]
    return [(start, stop) for start, stop in spans if stop - start >= SHORTEST_S * FPS]


def _annotation(files: ClipFiles, rows: NDArray[np.float64], start: int, stop: int) -> dict[str, Any]:
    return {
        "up": files.uploader,
        "bv": files.video,
        "frame_num": len(rows),
        "fps": round(FPS),
        **_CAMERA,
        "adjust": [0.0, 0.0, 0.0],
        "start_frame": start,
        "end_frame": stop,
        "camera": dataclasses.asdict(VIEW),
        "left": rows[start:stop, 0].tolist(),
        "right": rows[start:stop, 1].tolist(),
    }


def _sound(
    midi: Path, soundfont: Path | None, recording: Path | None
) -> tuple[NDArray[np.float32], int] | None:
    """Samples (n, channels) and their rate."""
    if recording is None and soundfont is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source = recording
        if source is None:
            source = Path(folder) / "rendered.wav"
            render(midi, source, soundfont=soundfont)
        try:
            samples, rate = soundfile.read(source, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError, RuntimeError) as error:
            sentence = f"The file {quoted(source)} is not a sound that can be read."
            raise UserError("not_audio", sentence, repr(error)) from error
    return samples, rate
