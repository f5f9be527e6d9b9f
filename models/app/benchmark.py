# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed and memory of the generator on this computer, printed by `python -m models benchmark`.

The music is made up (`study`): both hands, eighth notes, chords and leaps, about twelve notes a second. Networks and
contact are timed by the stages of the same pipeline that makes takes; transcription needs a recording.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.app.pipeline import Pipeline
from models.app.progress import StageClock
from models.app.request import GenerateRequest, LoadRequest, TranscribeRequest
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.machine import cores, devices, memory_gb, package_versions
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
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def time_generation(
    pipeline: Pipeline, folder: Path, seconds: float, preset: str, device: str
) -> dict[str, float]:
    """Seconds of each stage for a study of that length."""
    midi = folder / "study.mid"
    write_midi(midi, study(seconds))
    request = GenerateRequest(
        midi=midi, output=folder / "take.npz", preset=preset, device=device, seed=1, sound_end_s=seconds
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


def run(
    *,
    preset: str = "default",
    device: str = "auto",
    song: bool = True,
    long_song: bool = False,
    sound: Path | None = None,
) -> dict[str, Any]:
    """Measure and return facts as plain JSON values; the first window is thrown away as warm-up."""
    pipeline = Pipeline()
    clock = StageClock()
    clock("load", 0, 1)
    model = pipeline.load(LoadRequest(preset=preset, device=device))
    load_s = clock.finish()["total"]
    facts: dict[str, Any] = {
        "device": str(model.device),
        "device_name": next((d["description"] for d in devices() if d["name"] == model.device.type), None),
        "threads": torch.get_num_threads(),
        "cores": cores(),
        "memory_gb": memory_gb(),
        "versions": {"python": sys.version.split()[0], **package_versions()},
        "preset": model.preset,
        "weights_sha256": model.weights_hash,
        "load_s": round(load_s, 3),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        time_generation(pipeline, folder, WINDOW_S, preset, device)
        windows = [time_generation(pipeline, folder, WINDOW_S, preset, device) for _ in range(REPEATS)]
        median = {stage: statistics.median(row[stage] for row in windows) for stage in windows[0]}
        facts["window_8_s"] = _row(median, WINDOW_S)
        if song:
            facts["song_5_min"] = _row(time_generation(pipeline, folder, SONG_S, preset, device), SONG_S)
        if long_song:
            facts["song_10_min"] = _row(
                time_generation(pipeline, folder, LONG_SONG_S, preset, device), LONG_SONG_S
            )
        if sound is not None:
            request = TranscribeRequest(sound=sound, output=folder / "notes.mid", device=device)
            heard = pipeline.transcribe(request)
            seconds, length_s = heard["seconds"]["transcribe"], heard["duration_s"]
            facts["transcription"] = {
                "sound_s": length_s,
                "seconds": seconds,
                "real_time_factor": round(seconds / length_s, 3),
                "notes": heard["notes"],
                "peak_memory_mb": peak_memory_mb(),
            }
    return facts
