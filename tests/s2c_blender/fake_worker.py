# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that misbehaves on purpose: `python fake_worker.py FAULT [LOG [TAKE]]`. Standard library only.

Without a fault (`good`) it speaks the protocol and copies TAKE (or the file named by the environment variable
FAKE_TAKE) to the wanted place, so that the Blender side can be tested without networks. Requests go to LOG.
With `steady` it goes through the stages of the real one, takes a moment for each, looks for a cancel between them,
and saves the take as that does: first under another name. FAKE_FACTS adds to the answer (a JSON object).
"""

import json
import os
import shutil
import sys
import threading
import time
from pathlib import Path

HELLO = {
    "protocol": 1,
    "version": "0.0.0",
    "python": "3.11.0",
    "packages": {"torch": "2.13.0"},
    "presets": ["default"],
}
HELLO["devices"] = [{"name": "cpu", "memory_gb": 23.0}]


def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


STAGES = ("prepare", "load", "transcribe", "sample", "contact", "write")


def work_steadily(request, cancelled):
    params, number = request["params"], request["id"]
    for stage in STAGES:
        for step in range(3):
            if number in cancelled["ids"]:
                say(id=number, event="error", code="cancelled", message="Cancelled.", detail="")
                return False
            say(id=number, event="progress", stage=stage, step=step, of=3, seconds_left=0.1)
            time.sleep(0.004)
    part = Path(params["output"] + ".abcdefgh.part")
    with Path(os.environ["FAKE_TAKE"]).open("rb") as take, part.open("wb") as file:
        file.write(take.read(1000))
        file.flush()
        time.sleep(0.02)
        file.write(take.read())
    part.replace(params["output"])
    return True


def generate(fault, request, cancelled):
    params, number = request["params"], request["id"]
    if fault == "steady":
        if work_steadily(request, cancelled):
            result = {"take": params["output"], "seconds": {"total": 0.1}, "notes": 2, "onset_f1": 0.97}
            say(id=number, event="result", result=result)
        return
    if fault == "error":
        say(id=number, event="error", code="silent_sound", message="The recording is silent.", detail="rms 0")
        return
    if fault == "error_once" and not cancelled.setdefault("failed", False):
        cancelled["failed"] = True
        say(id=number, event="error", code="corrupt_sound", message="The recording is damaged.", detail="x")
        return
    if fault == "late":  # the cancel is heard when the result is being saved
        say(id=number, event="progress", stage="contact", step=1, of=1, seconds_left=0.1)
        while number not in cancelled["ids"]:
            time.sleep(0.002)
        say(id=number, event="progress", stage="write", step=0, of=1, seconds_left=0.1)
        say(id=number, event="error", code="cancelled", message="Cancelled.", detail="")
        time.sleep(0.5)
        shutil.copy(os.environ["FAKE_TAKE"], params["output"])
        return
    for step in range(1, 4):
        say(id=number, event="progress", stage="sample", step=step, of=3, seconds_left=(3 - step) * 0.5)
        if fault == "infinite":
            say(
                id=number,
                event="progress",
                stage="sample",
                step=float("inf"),
                of=3,
                seconds_left=float("nan"),
            )
        if fault == "dies":
            sys.stderr.write("Traceback: something broke\n")
            sys.stderr.flush()
            os._exit(7)
        if fault == "hangs":
            while not cancelled.get("stop"):
                time.sleep(0.01)
            return
        if fault in ("slow", "ignores_cancel"):
            for _ in range(1000):
                if fault == "slow" and number in cancelled.get("ids", ()):
                    say(id=number, event="error", code="cancelled", message="Cancelled.", detail="")
                    return
                time.sleep(0.01)
    take = sys.argv[3] if len(sys.argv) > 3 else os.environ.get("FAKE_TAKE")
    if take:
        shutil.copy(take, params["output"])
    say(id=number + 1000, event="result", result={"take": "of a forgotten job"})
    result = {"take": params["output"], "seed": params["seed"], "seconds": {"total": 0.1}, "device": "cpu"}
    result.update(notes=2, onset_f1=0.97, frames=60, fps=params["fps"])
    result.update(json.loads(os.environ.get("FAKE_FACTS", "{}")))
    result.update(notes_played=1, left_out=[{"time_s": 1.0, "pitch": 64}], left_out_total=1)
    say(id=number, event="result", result=result)


def main():
    fault = sys.argv[1]
    if fault == "ends_at_once":
        sys.exit(3)
    if fault == "garbage":
        for number in range(400):
            print(f"Loading checkpoint shards {number}: \x00 {{not json")
        sys.stdout.flush()
    shared = {"ids": set()}
    jobs = []

    def work():
        while True:
            while not jobs:
                time.sleep(0.005)
            generate(fault, jobs.pop(0), shared)

    threading.Thread(target=work, daemon=True).start()
    for line in sys.stdin:
        request = json.loads(line)
        number, method = request["id"], request["method"]
        if len(sys.argv) > 2:
            with Path(sys.argv[2]).open("a", encoding="utf-8") as log:
                log.write(json.dumps({"pid": os.getpid(), **request}) + "\n")
        if fault == "garbage":
            continue
        if method == "hello":
            if fault == "noisy":
                print("a library prints a banner")
                print('{"id": "no number", "event": "result"}')
            say(id=number, event="result", result=dict(HELLO, protocol=99) if fault == "old" else HELLO)
        elif method == "load":
            say(id=number, event="log", text="loading")
            say(id=number, event="result", result={"preset": request["params"]["preset"]})
        elif method == "generate":
            jobs.append(request)
        elif method == "ping" and fault not in ("hangs", "deaf"):
            say(id=number, event="result", result={})
        elif method == "cancel" and fault not in ("hangs", "ignores_cancel"):
            shared["ids"].add(request["params"]["target"])
            say(id=number, event="result", result={"cancelled": True})
    os._exit(0)


main()
