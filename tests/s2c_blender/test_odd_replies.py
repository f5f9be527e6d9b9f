# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that answers with anything at all: every job ends in a sentence, and no pump raises.

S2C_ODD_SEED sets the seed (1), S2C_ODD_LINES the number of odd lines (300).
"""

import json
import os
import random
import sys
from pathlib import Path

import pytest

from s2c_blender.core.check_report import describe_check
from s2c_blender.core.jobs import Job, JobMachine, Request, State
from s2c_blender.core.runtime import PythonChoice
from s2c_blender.core.worker_client import WorkerConfig
from s2c_blender.plain_text import MOST
from s2c_blender.takes.result_line import checked, notes_sentence

FAKE = Path(__file__).with_name("fake_worker.py")
SEED = int(os.environ.get("S2C_ODD_SEED", "1"))
LINES = int(os.environ.get("S2C_ODD_LINES", "300"))
STATES = ("hello", "load", "generate", "end")

HELLO = {"protocol": 1, "python": "3.11.0", "packages": {"torch": "2.0"}, "devices": [{"name": "cpu"}]}
NAMES = ("stage", "step", "of", "seconds_left", "text", "code", "message", "detail", "result")
FIELDS = ("protocol", "python", "packages", "devices", "take", "notes", "notes_played", "left_out", "seconds")
FIELDS += ("left_out_total", "frames", "fps", "device", "onset_f1")


class Raw(str):
    """A piece of JSON, or of what is none, that is written as it is."""


def value(source, depth=0):
    """Any value that a line could hold."""
    kinds = ["Infinity", "-Infinity", "NaN", "1e308", "-1e308", "1e999", "-1", "0", "true", "null", "9" * 400]
    kinds += [
        "9" * 5000,
        "1.5",
        '""',
        '"x"',
        '"\\u001b[31m\\u0007\\u0000 red \\u202e"',
        '"\\ud800"',
        '"\\n\\n"',
    ]
    kinds += [json.dumps("9" * 400), json.dumps("x" * 300_000), "[" * 900 + "]" * 900, "[" * 5000, "{}", "[]"]
    if depth < 3 and source.random() < 0.3:
        if source.random() < 0.5:
            return Raw("[" + ",".join(value(source, depth + 1) for _ in range(source.randint(0, 4))) + "]")
        inside = (
            f'"{source.choice(FIELDS + ("time_s", "pitch"))}": {value(source, depth + 1)}' for _ in range(3)
        )
        return Raw("{" + ",".join(inside) + "}")
    return Raw(source.choice(kinds))


def odd_line(source, number):
    """A line of the worker; often it has the id that is waited for."""
    if source.random() < 0.08:
        return source.choice(["", "[", "null", "\x00" * 50, "hello", '{"id": 1', "[" * 100_000, "9" * 5000])
    ids = [str(number)] * 6 + [str(number + 1), "true", "1.0", '"1"', "null", "9" * 400, "[]", "-1", "NaN"]
    event = source.choice(['"progress"'] * 3 + ['"log"', '"result"', '"error"', '"party"', "1", "[]", "{}"])
    fields = [f'"{name}": {value(source)}' for name in source.sample(NAMES, source.randint(0, 5))]
    if event == '"result"' and source.random() < 0.7:
        inside = ",".join(f'"{name}": {value(source)}' for name in source.sample(FIELDS, 5))
        fields.append(f'"result": {{"protocol": 1, {inside}}}')
    return "{" + ", ".join([f'"id": {source.choice(ids)}', f'"event": {event}', *fields]) + "}"


class Script:
    """Stands where the process is: says odd lines in one state, and what is proper in the others."""

    def __init__(self, source, state):
        self.source, self.state = source, state
        self.lines, self.said_odd, self.ended = [], [], False

    def answer(self, number, method):
        proper = {"hello": HELLO, "load": {"preset": "default"}}.get(method, {"take": "take.npz"})
        if method == self.state and not self.said_odd:
            self.say_odd(number, 4)
        self.lines.append(json.dumps({"id": number, "event": "result", "result": proper}))
        if method == "generate" and self.state == "end":
            self.say_odd(number, 4)
            self.lines.append(
                json.dumps({"id": number, "event": "result", "result": {"take": "/etc/passwd"}})
            )

    def say_odd(self, number, count):
        self.said_odd = [odd_line(self.source, number) for _ in range(count)]
        self.lines += self.said_odd

    # What `WorkerClient` asks of a process.

    def write(self, data):
        request = json.loads(data)
        self.answer(request["id"], request["method"])
        return True

    def flush(self):
        return True

    def read(self):
        return (self.lines.pop(0) + "\n").encode("utf-8", "surrogatepass") if self.lines else None

    def returncode(self):
        return 0 if self.ended else None

    def drained(self):
        return self.ended and not self.lines

    def stopped(self):
        return False

    def stderr_tail(self):
        return ""

    def kill(self):
        self.ended = True

    def end(self, _grace):
        self.ended = True


def check_words(text, most=MOST):
    assert len(text) <= most and text.isprintable(), text[:200]
    assert "9" * 21 not in text


@pytest.mark.parametrize("state", STATES)
def test_odd_replies_end_a_job_in_a_sentence_and_never_the_pump(state, monkeypatch):
    source = random.Random(f"{SEED} {state}")
    thrown = 0
    while thrown < LINES // len(STATES):
        script = Script(source, state)
        monkeypatch.setattr("s2c_blender.core.worker_client.ChildProcess", lambda *_a, _s=script, **_k: _s)
        machine, now = JobMachine(), 0.0
        job = Job("take", [Request("generate", {"output": "take.npz"})], "default")
        machine.start(
            job,
            WorkerConfig(command=("python",), silence_seconds=10.0, loading_seconds=10.0, start_seconds=10.0),
            now,
        )
        for _ in range(800):
            now += 0.05
            try:
                machine.pump(now)
                check_status(machine, now)
            except Exception:
                print(f"seed {SEED}, {state}: {[line[:300] for line in script.said_odd]}", file=sys.stderr)
                raise
            if not machine.active and not script.lines:
                break
        assert not machine.active, [line[:300] for line in script.said_odd]
        status = machine.status
        assert status.state in (State.DONE, State.FAILED, State.IDLE)
        if status.state is State.FAILED:
            assert status.message and status.message[-1] in ".!?…" and status.code
        for result in job.results:
            found = checked(result)
            check_words(notes_sentence(found))
            assert all(0 <= note["pitch"] <= 127 for note in found["left_out"])
        for line in describe_check(job, PythonChoice()):
            check_words(line, 300)
        machine.shutdown()
        thrown += len(script.said_odd)


def check_status(machine, now):
    status = machine.status
    assert 0.0 <= status.factor <= 1.0
    check_words(status.message)
    check_words(status.stage, 40)
    check_words(status.log)
    assert len(status.code) <= 40
    left = machine.seconds_left(now)
    assert left is None or 0.0 <= left < 1e7


@pytest.mark.parametrize("count", [1, 40])
def test_a_reply_after_the_end_changes_nothing(count, monkeypatch):
    script = Script(random.Random(1), "")
    monkeypatch.setattr("s2c_blender.core.worker_client.ChildProcess", lambda *_a, **_k: script)
    machine = JobMachine()
    job = Job("take", [Request("generate", {"output": "take.npz"})], "default")
    machine.start(job, WorkerConfig(command=("python",)), 0.0)
    while machine.active:
        machine.pump(0.1)
    last = {"id": 3, "event": "result", "result": {"take": "another.npz"}}
    error = {"id": 3, "event": "error", "code": "x", "message": "Too late."}
    script.lines += [json.dumps(last), json.dumps(error)] * count
    machine.pump(0.2)
    assert machine.status.state is State.DONE and job.results == [{"take": "take.npz"}]
    assert machine.stale_replies == 2 * count or count > 20


def test_an_error_code_is_a_name_and_a_message_is_one_bounded_line(monkeypatch):
    script = Script(random.Random(1), "")
    monkeypatch.setattr("s2c_blender.core.worker_client.ChildProcess", lambda *_a, **_k: script)
    machine = JobMachine()
    machine.start(Job("take", [Request("generate", {})]), WorkerConfig(command=("python",)), 0.0)
    script.lines = [
        json.dumps(
            {
                "id": 1,
                "event": "error",
                "code": "x" * 500,
                "message": "a\n\x1b[31m" + "7" * 400 + "b" * 900_000,
            }
        )
    ]
    machine.pump(0.1)
    assert machine.status.code == "worker_error"
    check_words(machine.status.message)
    assert machine.status.message.startswith("a [31m777777…b")
