# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that was stopped is noticed within 30 seconds; one that works, loads or downloads in silence is not."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from test_real_worker import worker_python

from s2c_blender.core.jobs import Job, JobMachine, Request, State
from s2c_blender.core.process import ChildProcess
from s2c_blender.core.worker_client import WorkerConfig

ROOT = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).with_name("fake_worker.py")
NOTICED_S = 30.0
PATIENT = WorkerConfig(command=("python",))


class Silent:
    """Stands where the process is: answers up to a method, then only pings, if those."""

    def __init__(self, until, answers_pings):
        self.until, self.answers_pings = until, answers_pings
        self.pings, self.lines, self.is_stopped, self.ended = [], [], False, False

    def write(self, data):
        request = json.loads(data)
        if request["method"] == "ping":
            self.pings.append(request["id"])
            if self.answers_pings:
                self.answer(request["id"])
        elif request["method"] != self.until:
            self.answer(request["id"], {"protocol": 1})
        else:
            self.waiting = request["id"]
        return True

    def answer(self, number, result=None):
        line = json.dumps({"id": number, "event": "result", "result": result or {}})
        self.lines.append(line.encode() + b"\n")

    def flush(self):
        return True

    def read(self):
        return self.lines.pop(0) if self.lines else None

    def returncode(self):
        return 0 if self.ended else None

    def drained(self):
        return self.ended

    def stopped(self):
        return self.is_stopped

    def stderr_tail(self):
        return ""

    def kill(self):
        self.ended = True

    def end(self, _grace):
        self.ended = True


@pytest.fixture
def begin(monkeypatch):
    """A job whose worker says nothing more once it is asked for `until`."""

    def start(until, answers_pings):
        process = Silent(until, answers_pings)
        monkeypatch.setattr("s2c_blender.core.worker_client.ChildProcess", lambda *_a, **_k: process)
        machine = JobMachine()
        machine.start(Job("take", [Request("generate", {})], "default"), PATIENT, 0.0)
        for _ in range(3):
            machine.pump(0.0)
        return machine, process

    return start


def pump(machine, begin, end, step=0.1):
    """Pump with a clock of its own; returns when the job ended, `end` at the latest."""
    for k in range(round((end - begin) / step)):
        machine.pump(begin + k * step)
        if not machine.active:
            return begin + k * step
    return end


def test_a_running_worker_that_answers_nothing_is_ended_in_a_sentence(begin):
    machine, process = begin("generate", False)
    assert machine.status.state is State.RUNNING
    assert 20.0 < pump(machine, 0.0, 100.0) < NOTICED_S
    assert machine.status.code == "worker_stopped" and machine.status.message.endswith(".")
    assert process.ended and len(process.pings) == 1


def test_a_running_worker_that_answers_pings_lives_until_the_job_itself_is_silent_too_long(begin):
    machine, process = begin("generate", True)
    assert PATIENT.silence_seconds <= pump(machine, 0.0, 1000.0) < PATIENT.silence_seconds + 1
    assert machine.status.code == "worker_silent" and len(process.pings) > 30


def test_a_silent_download_is_not_taken_for_a_stopped_worker(begin):
    machine, process = begin("load", True)
    assert pump(machine, 0.0, 3000.0, 0.5) == 3000.0 and machine.status.state is State.LOADING
    process.answer(process.waiting)
    machine.pump(3000.1)
    assert machine.status.state in (State.RUNNING, State.DONE)


def test_a_worker_that_imports_from_a_slow_disk_may_be_deaf_for_minutes(begin):
    machine, _ = begin("load", False)
    assert PATIENT.silence_seconds < pump(machine, 0.0, 1000.0) < PATIENT.silence_seconds + 10
    machine, _ = begin("hello", False)
    assert PATIENT.start_seconds <= pump(machine, 0.0, 1000.0) < PATIENT.start_seconds + 1


@pytest.mark.parametrize("until", ["hello", "load", "generate"])
def test_what_the_system_calls_stopped_is_noticed_in_any_state(begin, until):
    machine, process = begin(until, False)
    process.is_stopped = True
    assert pump(machine, 0.0, 100.0) < NOTICED_S
    assert machine.status.code == "worker_stopped" and process.ended


def test_a_moments_stop_is_forgiven(begin):
    machine, process = begin("load", True)
    for k in range(20):
        process.is_stopped = k % 2 == 0
        assert pump(machine, 20.0 * k, 20.0 * (k + 1)) == 20.0 * (k + 1)


def test_a_computer_that_slept_is_no_stopped_worker(begin):
    machine, process = begin("generate", False)
    pump(machine, 0.0, 5.0)
    assert process.pings
    machine.pump(100.0)  # nobody pumped for a long time
    assert machine.active
    process.answer(process.pings[-1])
    machine.pump(100.1)
    assert pump(machine, 100.1, 115.0) == 115.0


# -- real processes -----------------------------------------------------------------------------------------

posix = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")


@posix
def test_a_request_to_a_child_that_reads_nothing_does_not_wait(tmp_path):
    child = ChildProcess((sys.executable, str(FAKE), "good", str(tmp_path / "log")))
    try:
        os.kill(child.pid, signal.SIGSTOP)
        line = json.dumps({"id": 1, "method": "unload", "params": {"long": "x" * 1_000_000}}).encode() + b"\n"
        began = time.monotonic()
        assert child.write(line) and time.monotonic() - began < 2.0
        if Path("/proc/self/stat").exists():
            while not child.stopped() and time.monotonic() - began < 10.0:
                time.sleep(0.01)  # the signal takes effect when the system comes to it
            assert child.stopped()
        os.kill(child.pid, signal.SIGCONT)
        end = time.monotonic() + 20
        while not (tmp_path / "log").exists() and time.monotonic() < end:
            assert child.flush()
            time.sleep(0.01)
        assert not child.stopped()
        while not (log := (tmp_path / "log").read_text()).endswith("\n") and time.monotonic() < end:
            time.sleep(0.01)
        assert len(json.loads(log)["params"]["long"]) == 1_000_000
    finally:
        child.kill()
        child.end(1.0)


@posix
@pytest.mark.timeout(180)
def test_the_real_worker_is_ended_when_it_was_stopped_in_its_work(tmp_path):
    python = worker_python()
    if not python:
        pytest.skip("no Python with torch and transkun: python dev.py setup makes one")
    machine = JobMachine()
    params = {"midi": str(ROOT / "demo" / "score.mid"), "output": str(tmp_path / "take.npz"), "seed": 1}
    job = Job("take", [Request("generate", {**params, "device": "cpu"})], "default", "cpu")
    settings = WorkerConfig(command=(python, "-m", "models.worker"), root=ROOT)
    try:
        machine.start(job, settings, time.monotonic())
        end = time.monotonic() + 100
        while machine.status.stage != "sample" and machine.active and time.monotonic() < end:
            machine.pump(time.monotonic())
            time.sleep(0.01)
        assert machine.status.stage == "sample", machine.status
        process = machine._client.process
        os.kill(process.pid, signal.SIGSTOP)
        began = time.monotonic()
        while machine.active and time.monotonic() - began < 60:
            machine.pump(time.monotonic())
            time.sleep(0.05)
        assert time.monotonic() - began < NOTICED_S
        assert machine.status.code == "worker_stopped"
        while process.returncode() is None and time.monotonic() - began < 70:
            time.sleep(0.01)
        assert process.returncode() == -signal.SIGKILL
        assert not list(tmp_path.iterdir())
    finally:
        machine.shutdown()
