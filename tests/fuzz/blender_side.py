# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension inside Blender, given broken inputs one by one: `python -m tests.fuzz.blender_side FOLDER`.

Cases come as JSON lines on stdin, verdicts go out on stdout. Everything else that Blender prints goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np

import s2c_blender
from s2c_blender import compat, fcurves
from s2c_blender.core.jobs import Job, JobMachine, Request
from s2c_blender.core.worker_client import WorkerConfig
from s2c_blender.errors import UserError
from s2c_blender.rig.bones import joint_bones
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes.take_file import load_take

FRAMES = 60
HERE = Path(__file__).resolve().parent
REPLYING = HERE / "replying_worker.py"
JOB_SECONDS = 10.0
BUTTONS = (
    "bpy.ops.s2c.regenerate_hand(hand='LEFT')",
    "bpy.ops.s2c.regenerate_range()",
    "bpy.ops.s2c.resample()",
    "bpy.ops.s2c.follow_strip()",
    "bpy.ops.s2c.generate()",
)


def take(case: dict[str, Any]) -> dict[str, Any]:
    """Read a take file as Blender's side does."""
    try:
        for _ in load_take(Path(case["path"])):
            continue
    except UserError as fault:
        return {"accepted": False, "code": fault.code, "message": str(fault)}
    return {"accepted": True}


class Machine:
    """A job machine whose worker says what a file holds."""

    def __init__(self) -> None:
        self.machine = JobMachine()

    def run(self, case: dict[str, Any]) -> dict[str, Any]:
        """One job; the worker answers it with the lines of a file, then with an error."""
        config = WorkerConfig(
            command=(sys.executable, str(REPLYING)),
            start_seconds=30.0,
            silence_seconds=5.0,
            cancel_grace_seconds=0.5,
        )
        now = time.monotonic()
        job = Job("take", [Request("generate", {"path": case["path"]})], "default", "cpu")
        self.machine.start(job, config, now)
        end, cancelled = now + JOB_SECONDS, False
        while self.machine.active and time.monotonic() < end:
            self.machine.pump(time.monotonic())
            if case["cancel"] and not cancelled and self.machine.status.state.name == "RUNNING":
                cancelled = True
                self.machine.cancel(time.monotonic())
            time.sleep(0.001)
        status = self.machine.status
        problems = [] if not self.machine.active else ["slow: the job does not end"]
        if not 0.0 <= status.factor <= 1.0:
            problems.append(f"progress of {status.factor}")
        done = status.state.name in ("DONE", "IDLE")
        return {"accepted": done, "code": status.code, "message": status.message, "problems": problems}


class Scene:
    """A scene with a strip, hands and a take; what a case changes of it is undone before the next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[dict[str, Any]] = []
        self.blend = folder / "start.blend"
        session.config = SessionConfig(
            data_folder=folder / "data",
            temporary_root=folder / "tmp",
            worker_command=(sys.executable, str(REPLYING)),
            patience={"silence_seconds": 5.0, "cancel_grace_seconds": 0.3},
        )
        for name in ("tmp", "data"):
            (folder / name).mkdir(exist_ok=True)
        scene = bpy.context.scene
        scene.render.fps = 30
        bpy.ops.s2c.add_hands()
        armature = scene.s2c_settings.armature
        action = bpy.data.actions.new("take 1")
        slot = action.slots.new(id_type="OBJECT", name=armature.name)
        bag = compat.channelbag(action, slot, create=True)
        for hand, bones in enumerate(joint_bones(armature)):
            for joint, bone in enumerate(bones):
                for channel in fcurves.channels(bone, joint):
                    values = np.full(FRAMES, 0.05 * hand, np.float32)
                    fcurves.write_channel(bag, bone, channel, 1, values)
        compat.bind_action(armature, action, slot)
        bpy.ops.wm.save_as_mainfile(filepath=str(self.blend))
        start = session.machine.start

        def listen(job: Job, *rest: Any) -> None:
            self.sent += [request.params for request in job.requests]
            start(job, *rest)

        session.machine.start = listen  # type: ignore[method-assign]

    def run(self, case: dict[str, Any]) -> dict[str, Any]:
        """Put broken marks on the take's action, press each button, look at what would be asked of the worker."""
        bpy.ops.wm.open_mainfile(filepath=str(self.blend))
        action = bpy.data.actions[0]
        problems: list[str] = []
        self.sent.clear()
        for name, value in (("s2c_take", case["marks"]), ("s2c_notes", case["notes"])):
            try:
                action[name] = value
            except (TypeError, ValueError, OverflowError, UnicodeError):
                action[name] = str(value).encode("ascii", "replace").decode()[:1000]
        for name, value in case["settings"].items():
            try:
                setattr(bpy.context.scene.s2c_settings, name, value)
            except (TypeError, ValueError, OverflowError, UnicodeError):
                continue  # Blender itself does not let a file hold this
        said: list[str] = []
        for button in BUTTONS:
            said += self._press(button, problems)
        self._look_at_requests(problems)
        self._look_at_files(problems)
        refused = [text for text in said if text]
        return {"accepted": not refused, "message": refused[0] if refused else "", "problems": problems}

    def _press(self, button: str, problems: list[str]) -> list[str]:
        from tests.fuzz.verdict import wrong_with_sentence

        texts = []
        session.machine.job = None
        try:
            eval(button, {"bpy": bpy})  # a fixed list above
        except RuntimeError as error:
            texts = [line.removeprefix("Error: ") for line in str(error).strip().splitlines()]
        if session.busy:
            end = time.monotonic() + JOB_SECONDS
            while session.busy and time.monotonic() < end:
                session.pump(time.monotonic())
            if session.busy:
                problems.append(f"slow: {button} does not end")
            texts.append(session.view(time.monotonic()).message)
        for text in filter(None, texts):
            if "defect" in text or "Traceback" in text:
                problems.append(f"unforeseen: {button}: {text[:300]}")
            elif wrong := wrong_with_sentence(text):
                problems.append(f"sentence {wrong}: {button}: {text[:200]!r}")
        return texts

    def _look_at_files(self, problems: list[str]) -> None:
        """No take came of it, so no file may be there."""
        for folder in (session.takes_folder(), self.folder / "tmp"):
            for path in folder.rglob("*"):
                if path.is_file():
                    problems.append(f"file left: {path.relative_to(self.folder)}")
                    path.unlink()

    def _look_at_requests(self, problems: list[str]) -> None:
        for params in self.sent:
            output = Path(str(params.get("output")))
            if output.parent != session.takes_folder() or output.suffix != ".npz":
                problems.append(f"output chosen by the file: {output}")
            if params.get("allow_download"):
                problems.append("consent given by the file")
            if params.get("preset") not in ("default", "paper", "official"):
                problems.append(f"model chosen by the file: {params.get('preset')!r}")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    scene: Scene | None = None
    machine = Machine()

    def say(answer: dict[str, Any]) -> None:
        replies.write(json.dumps(answer) + "\n")
        replies.flush()

    say({"ready": True})
    for line in sys.stdin:
        case = json.loads(line)
        if case["what"] == "take":
            say(take(case))
        elif case["what"] == "replies":
            say(machine.run(case))
        else:
            scene = scene or Scene(folder)
            say(scene.run(case))
    os._exit(0)


if __name__ == "__main__":
    main()
