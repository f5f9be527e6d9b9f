# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed and memory of the generator on this computer, printed by `python -m models benchmark`.

The music is made up (`study`): both hands, eighth notes, chords and leaps, about twelve notes a second. Networks and
contact are timed by the stages of the same pipeline that makes takes; transcription needs a recording.
"""

from __future__ import annotations

import dataclasses
import re
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.app.pipeline import Pipeline
from models.app.progress import StageClock
from models.app.request import GenerateRequest, LoadRequest, TranscribeRequest
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.generation.devices import devices
from models.generation.model import runs_without_torch
from models.machine import allowed_threads, cores, engines, memory_gb, package_versions
from models.model_folder import config_of, file_hash, preset_folder, weights_of
from models.music.midi import write_midi

WINDOW_S = 8.0
SONG_S = 300.0
LONG_SONG_S = 600.0
REPEATS = 3


def study(seconds: float) -> Notes:
    """Notes in their hands: broken chords in the right hand, octaves and chords in the left."""
    harmony = np.array([0, 5, 7, 9, 2, 7, 0, 4])
    rows, hands = [], []
    step_s = 0.125
    for i in range(int(seconds / step_s)):
        onset_s = i * step_s
        root = harmony[i // 16 % len(harmony)]
        degree = (0, 4, 7, 12, 16, 12, 7, 4)[i % 8]
        rows.append((onset_s, onset_s + step_s * 0.9, 60 + root + degree, 60 + i * 7 % 40))
        hands.append(RIGHT)
        if i % 4 == 0:
            chord = (-24, -12) if i % 8 == 0 else (-8, -5, 0)
            rows.extend((onset_s, onset_s + step_s * 3.6, 60 + root + pitch, 55) for pitch in chord)
            hands += [LEFT] * len(chord)
    return Notes.from_arrays(np.array(rows, np.float32), hand=np.array(hands))


def peak_memory_mb() -> float | None:
    """Most memory that this process has held so far; None where the system does not say (Windows)."""
    if sys.platform == "win32":
        return None
    status = Path("/proc/self/status")
    if (
        status.is_file()
    ):  # what `getrusage` says on Linux begins with the memory of the process that started this one
        found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text("ascii", "replace"), re.MULTILINE)
        if found is not None:
            return round(int(found[1]) / 1e3, 1)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


@dataclass(frozen=True)
class Choice:
    """What is measured."""

    preset: str
    device: str
    engine: str


def time_generation(pipeline: Pipeline, folder: Path, seconds: float, choice: Choice) -> dict[str, float]:
    """Seconds of each stage for a study of that length."""
    midi = folder / "study.mid"
    write_midi(midi, study(seconds))
    request = GenerateRequest(
        midi=midi, output=folder / "take.npz", seed=1, sound_end_s=seconds, **dataclasses.asdict(choice)
    )
    seconds_of_stages: dict[str, float] = pipeline.generate(request, StageClock()).facts["seconds"]
    return seconds_of_stages


def _row(seconds: dict[str, float], music_s: float) -> dict[str, Any]:
    networks, contact = seconds.get("sample", 0.0), seconds.get("contact", 0.0)
    together = networks + contact
    return {
        "networks_s": round(networks, 3),
        "contact_s": round(contact, 3),
        "together_s": round(together, 3),
        "real_time_factor": round(together / music_s, 4),
        "peak_memory_mb": peak_memory_mb(),
    }


def time_engine(choice: Choice, *, song: bool, long_song: bool) -> dict[str, Any]:
    """One engine's figures; the first window is thrown away as warm-up."""
    pipeline, clock = Pipeline(), StageClock()
    clock("load", 0, 1)
    model = pipeline.load(LoadRequest(**dataclasses.asdict(choice)))
    facts: dict[str, Any] = {"device": model.engine.device, "load_s": round(clock.finish()["total"], 3)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        time_generation(pipeline, folder, WINDOW_S, choice)
        windows = [time_generation(pipeline, folder, WINDOW_S, choice) for _ in range(REPEATS)]
        median = {stage: statistics.median(row[stage] for row in windows) for stage in windows[0]}
        facts["window_8_s"] = _row(median, WINDOW_S)
        if song:
            facts["song_5_min"] = _row(time_generation(pipeline, folder, SONG_S, choice), SONG_S)
        if long_song:
            facts["song_10_min"] = _row(time_generation(pipeline, folder, LONG_SONG_S, choice), LONG_SONG_S)
    return facts


def run(
    *,
    preset: str = "default",
    device: str = "auto",
    song: bool = True,
    long_song: bool = False,
    sound: Path | None = None,
    engine: str | None = None,
) -> dict[str, Any]:
    """Measure and return facts as plain JSON values; without `engine` each that can run the model, side by side.

    Engines take turns in one process, so the memory of a later one holds what the earlier ones left.
    """
    folder = preset_folder(preset)
    facts: dict[str, Any] = {
        "threads": allowed_threads(),
        "cores": cores(),
        "memory_gb": memory_gb(),
        "versions": {"python": sys.version.split()[0], **package_versions()},
        "devices": [item["description"] for item in devices()],
        "preset": folder.name,
        "weights_sha256": file_hash(weights_of(folder)),
    }
    chosen = [engine] if engine is not None else [name for name in engines() if _can(name, folder, device)]
    for name in chosen:
        facts[name] = time_engine(Choice(preset, device, name), song=song, long_song=long_song)
    if sound is not None:
        with tempfile.TemporaryDirectory() as name:
            request = TranscribeRequest(sound=sound, output=Path(name) / "notes.mid", device=device)
            heard = Pipeline().transcribe(request)
        seconds, length_s = heard["seconds"]["transcribe"], heard["duration_s"]
        facts["transcription"] = {
            "sound_s": length_s,
            "seconds": seconds,
            "real_time_factor": round(seconds / length_s, 3),
            "notes": heard["notes"],
            "peak_memory_mb": peak_memory_mb(),
        }
    return facts


def _can(engine: str, folder: Path, device: str) -> bool:
    return engine == "torch" or (device in ("auto", "cpu") and runs_without_torch(config_of(folder)))
