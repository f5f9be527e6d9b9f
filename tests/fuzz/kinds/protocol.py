# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken requests and lines for the worker, and broken replies for Blender's side."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.fuzz.kinds.base import BlenderKind, WorkerKind
from tests.fuzz.kinds.midi import midi_file, scale
from tests.fuzz.mutate import as_json, mutate_bytes, mutate_value, odd_value
from tests.fuzz.verdict import Outcome


class Requests(WorkerKind):
    """Requests whose parameters are mutated."""

    name = "request"

    def prepare(self) -> None:
        self.score = midi_file([scale(4)])

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        score = self.case / "score.mid"
        score.write_bytes(self.score)
        params: dict[str, Any] = {
            "midi": str(score),
            "output": str(self.case / "take.npz"),
            "preset": str(self.tiny_model),
            "device": "cpu",
            "engine": "auto",
            "seed": 3,
            "steps": 2,
            "contact": 0.5,
            "fps": 24.0,
            "style": {"curl": 0.5, "hand_size": 1.0},
            "sound_start_s": 0.0,
            "sound_end_s": 3.0,
        }
        method = rng.choice(("generate", "generate", "generate", "load", "transcribe"))
        if method == "load":
            params = {"preset": str(self.tiny_model), "device": "cpu", "allow_download": False}
        elif method == "transcribe":
            params = {"sound": str(score), "output": str(self.case / "notes.mid"), "device": "cpu"}
        elif rng.random() < 0.3:
            piece = {"path": str(score), "start_s": 0.0, "end_s": 1.0, "at_s": 0.5, "gain": 1.0}
            params["sounds"] = [piece, dict(piece, at_s=2.0)]
        if number % 20:
            params = mutate_value(params, rng)
        before = self.files()
        wanted = {"case/take.npz", "case/notes.mid"}
        output = params.get("output") if isinstance(params, dict) else None
        if isinstance(output, str):  # a name of the fuzzer's own making is a wish like any other
            wanted.add(output.removeprefix(str(self.folder) + "/"))
        return self.finish(self.ask(method, params), before, tuple(wanted - {"case/score.mid"}))


class Lines(WorkerKind):
    """Lines that are no requests; after each the worker still answers."""

    name = "worker line"

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        good: Any = {"id": 7, "method": rng.choice(("hello", "nope", "cancel", "unload")), "params": {}}
        if good["method"] == "cancel":
            good["params"] = {"target": 5}
        line = rng.choice(
            (as_json(mutate_value(good, rng), rng), mutate_bytes(json.dumps(good).encode(), rng))
        )
        if rng.random() < 0.02:
            line = b"x" * (3 << 20)
        line = line.replace(b"\n", b" ").strip() or b"."
        before = self.files()
        outcome = self.say(line + b"\n")
        if not outcome.problems and b"shutdown" not in line:
            after = self.ask("hello", {})
            outcome.problems += [f"then hello: {problem}" for problem in after.problems]
        return self.finish(outcome, before)


class Replies(BlenderKind):
    """Replies of a worker that has gone mad: the job ends in a sentence."""

    name = "worker reply"

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        lines = []
        for _ in range(rng.choice((1, 2, 5))):
            reply: Any = rng.choice(
                (
                    {
                        "id": 0,
                        "event": "progress",
                        "stage": "sample",
                        "step": 1,
                        "of": 3,
                        "seconds_left": 2.0,
                    },
                    {
                        "id": 0,
                        "event": "result",
                        "result": {"take": "x", "notes": 2, "onset_f1": 0.9, "left_out": []},
                    },
                    {
                        "id": 0,
                        "event": "error",
                        "code": "silent",
                        "message": "The recording is silent.",
                        "detail": "",
                    },
                    {"id": 0, "event": "log", "text": "working"},
                )
            )
            reply = mutate_value(reply, rng)
            if isinstance(reply, dict) and rng.random() < 0.8:
                reply["id"] = 0  # stands for the id of the request
            data = as_json(reply, rng)
            lines.append(rng.choice((data, data, mutate_bytes(data, rng))).replace(b"\n", b" "))
        path = self.case / "replies"
        path.write_bytes(b"\n".join(lines) + b"\n")
        before = self.files()
        outcome, _ = self.ask("replies", path=str(path), cancel=rng.random() < 0.2)
        return self.finish(outcome, before)


class Marks(BlenderKind):
    """What lies in a stranger's .blend: marks, notes, settings; then every button is pressed."""

    name = "marks"

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        sound = {"sound": str(self.case / "song.wav"), "sound_start_s": 0.0, "sound_end_s": 2.0}
        marks: Any = {
            "take": "/nowhere/song, seed 3.npz",
            "start_frame": 1,
            "frames": 60,
            "fps": 30.0,
            "sound": {
                **sound,
                "sounds": [{"path": "x.wav", "start_s": 0.0, "end_s": 1.0, "at_s": 0.0, "gain": 1.0}],
            },
            "player": [[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]],
        }
        notes: Any = [0.1, 0.5, 60.0, 80.0, 1.0, 0.0, 1.0, 1.4, 64.0, 80.0, 1.0, 2.0]
        if number % 20:
            marks = mutate_value(marks, rng)
            if isinstance(marks, dict) and rng.random() < 0.1:
                marks.update(output="/etc/hostname", allow_download=True, preset="../x", hand="left")
        if rng.random() < 0.4:
            notes = mutate_value(notes, rng)
        text = as_json(marks, rng).decode("utf-8", "replace")
        settings = {}
        if rng.random() < 0.4:
            name = rng.choice(
                ("model_folder", "preset", "strip_name", "seed", "contact", "range_mode", "redo_start")
            )
            settings[name] = odd_value(rng)
        before = self.files()
        outcome, _ = self.ask("marks", marks=text, notes=notes, settings=settings)
        return self.finish(outcome, before)
