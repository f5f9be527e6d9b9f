# SPDX-License-Identifier: GPL-3.0-or-later
"""The job machine against a worker that misbehaves: every fault ends in a sentence and the next job works."""

import json
import sys
import time
from pathlib import Path

import pytest

from s2c_blender.core.jobs import Job, JobMachine, Request, State
from s2c_blender.core.protocol import LineSplitter, decode, encode
from s2c_blender.core.worker_client import WorkerConfig

FAKE = Path(__file__).with_name("fake_worker.py")


def config(fault, log=None, **patience):
    command = (sys.executable, str(FAKE), fault, *([str(log)] if log else []))
    return WorkerConfig(command=command, **{"start_seconds": 20.0, "silence_seconds": 20.0, **patience})


def job(**params):
    return Job(
        "generate", [Request("generate", {"seed": 1, "fps": 30.0, "output": "take.npz", **params})], "default"
    )


def until(machine, wanted, limit=20.0, clock=time.monotonic):
    end = time.monotonic() + limit
    while not wanted() and time.monotonic() < end:
        machine.pump(clock())
        time.sleep(0.002)
    assert wanted(), machine.status


def finish(machine, limit=20.0):
    until(machine, lambda: not machine.active, limit)
    return machine.status


@pytest.fixture
def machine():
    machine = JobMachine()
    yield machine
    machine.shutdown()


def works_again(machine):
    machine.start(job(), config("good"), time.monotonic())
    assert finish(machine).state is State.DONE
    assert machine.job.results[0]["onset_f1"] == 0.97


def test_a_job_goes_through_its_states_and_a_second_one_uses_the_same_worker(machine, tmp_path):
    log = tmp_path / "requests"
    settings = config("good", log)
    seen = []
    machine.start(job(), settings, time.monotonic())
    while machine.active:
        machine.pump(time.monotonic())
        if not seen or seen[-1] is not machine.status.state:
            seen.append(machine.status.state)
    order = [State.STARTING, State.LOADING, State.RUNNING, State.DONE]
    assert seen == [state for state in order if state in seen] and seen[-1] is State.DONE
    assert machine.job.hello["packages"]["torch"] == "2.13.0"
    machine.start(job(seed=2), settings, time.monotonic())
    assert finish(machine).state is State.DONE
    requests = [json.loads(line) for line in log.read_text().splitlines()]
    assert [request["method"] for request in requests] == ["hello", "load", "generate", "generate"]
    assert len({request["pid"] for request in requests}) == 1
    assert machine.stale_replies >= 1


def test_progress_has_stage_share_and_time_left(machine):
    machine.start(job(), config("slow"), time.monotonic())
    until(machine, lambda: machine.status.step == 1)
    assert machine.status.stage == "sample" and machine.status.factor == pytest.approx(1 / 3)
    now = time.monotonic()
    left = machine.seconds_left(now)
    assert 0 <= left <= 1.0
    assert machine.seconds_left(now + 0.25) == pytest.approx(max(0.0, left - 0.25), abs=1e-6)
    assert machine.seconds_left(now + 4) == 0.0
    assert machine.seconds_left(now + 100) is None


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("ends_at_once", "worker_start"),
        ("dies", "worker_died"),
        ("error", "silent_sound"),
        ("old", "worker_protocol"),
    ],
)
def test_a_fault_ends_in_one_sentence_and_the_next_job_works(machine, fault, code):
    machine.start(job(), config(fault), time.monotonic())
    status = finish(machine)
    assert (status.state, status.code) == (State.FAILED, code)
    assert status.message.endswith(".") and "\n" not in status.message and "Traceback" not in status.message
    works_again(machine)


def test_a_dead_workers_last_words_are_kept_for_the_developer(machine):
    machine.start(job(), config("dies"), time.monotonic())
    assert "something broke" in finish(machine).detail and "exit code: 7" in machine.status.detail


def test_a_python_that_does_not_exist_is_a_sentence(machine, tmp_path):
    settings = WorkerConfig(command=(str(tmp_path / "no-python"), "-m", "models.worker"))
    machine.start(job(), settings, time.monotonic())
    assert machine.status.state is State.FAILED and machine.status.code == "worker_start"
    works_again(machine)


@pytest.mark.parametrize(("fault", "code"), [("garbage", "worker_garbage"), ("hangs", "worker_silent")])
def test_garbage_and_silence_are_noticed(machine, fault, code):
    machine.start(job(), config(fault, start_seconds=4.0, silence_seconds=4.0), time.monotonic())
    assert finish(machine).code == code
    works_again(machine)


def test_lines_outside_the_protocol_are_passed_over(machine):
    machine.start(job(), config("noisy"), time.monotonic())
    assert finish(machine).state is State.DONE


def test_cancel_is_answered_and_keeps_the_worker(machine, tmp_path):
    log = tmp_path / "requests"
    machine.start(job(), config("slow", log), time.monotonic())
    until(machine, lambda: machine.status.step == 1)
    machine.cancel(time.monotonic())
    assert machine.status.state is State.CANCELLING
    status = finish(machine)
    assert status.state is State.IDLE and status.message == "Cancelled." and machine.worker_running
    assert json.loads(log.read_text().splitlines()[-1])["params"] == {"target": 3}


@pytest.mark.parametrize("fault", ["ignores_cancel", "hangs"])
def test_a_worker_that_ignores_cancel_is_killed_after_the_grace_time(machine, fault):
    machine.start(job(), config(fault, cancel_grace_seconds=0.2), time.monotonic())
    until(machine, lambda: machine.status.step == 1)
    worker = machine._client.process
    machine.cancel(time.monotonic())
    assert finish(machine).state is State.IDLE
    until(machine, lambda: worker.returncode() is not None)
    works_again(machine)


def test_cancel_while_starting_ends_at_once(machine):
    machine.start(job(), config("garbage"), time.monotonic())
    machine.cancel(time.monotonic(), "Another file was opened.")
    assert machine.status.state is State.IDLE and machine.status.message == "Another file was opened."
    works_again(machine)


def test_one_job_at_a_time(machine):
    machine.start(job(), config("slow"), time.monotonic())
    with pytest.raises(RuntimeError, match="already running"):
        machine.start(job(), config("slow"), time.monotonic())


def test_a_pump_looks_at_a_bounded_number_of_lines(machine):
    settings = config("garbage", start_seconds=60.0, lines_per_pump=10, chunks_per_pump=2)
    machine.start(job(), settings, time.monotonic())
    client, counts = machine._client, [0]
    end = time.monotonic() + 20
    while client.garbage_lines < 400 and time.monotonic() < end:
        machine.pump(time.monotonic())
        counts.append(client.garbage_lines)
    assert client.garbage_lines == 400
    assert max(b - a for a, b in zip(counts, counts[1:], strict=False)) <= 10


def test_the_worker_ends_when_blender_lets_go_of_it(machine):
    machine.start(job(), config("good"), time.monotonic())
    finish(machine)
    process = machine._client.process
    process.close_stdin()
    until(machine, lambda: process.returncode() is not None)
    assert process.returncode() == 0
    works_again(machine)


def test_shutdown_kills_a_worker_that_will_not_end(machine):
    machine.start(job(), config("hangs"), time.monotonic())
    until(machine, lambda: machine.status.step == 1)
    process = machine._client.process
    machine.shutdown(0.1)
    assert process.returncode() is not None and not machine.active


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"hello",
        b"[1]",
        b'{"id": 1}',
        b'{"id": true, "event": "result"}',
        b'{"id": 1, "event": "party"}',
        b"\xff",
        b"[" * 200_000,
    ],
)
def test_other_lines_are_not_replies(line):
    assert decode(line) is None


@pytest.mark.parametrize(
    "value", ["Infinity", "-Infinity", "NaN", "1e999", "1" + "0" * 400, "true", '"3"', "null"]
)
def test_what_is_no_finite_number_is_none(value):
    reply = decode(b'{"id": 1, "event": "progress", "step": %s}' % value.encode())
    assert reply.number("step") is None


def test_a_worker_that_sends_infinities_does_not_stop_the_pump(machine):
    machine.start(job(), config("infinite"), time.monotonic())
    assert finish(machine).state is State.DONE


def test_requests_and_lines_survive_any_cutting():
    lines = encode(1, "generate", {"sound": "Größe.wav"}) + b"\r\n" + encode(2, "hello", {})
    splitter, found = LineSplitter(), []
    for k in range(len(lines)):
        found += splitter.feed(lines[k : k + 1])
    assert [json.loads(line)["id"] for line in found] == [1, 2]
    assert json.loads(found[0])["params"]["sound"] == "Größe.wav"
    assert splitter.feed(b"x" * (2 << 20)) == [] and splitter.feed(b"rest\nnext\n") == [b"next"]


def test_a_config_that_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="command"):
        WorkerConfig(command=())
    with pytest.raises(ValueError, match="silence_seconds"):
        WorkerConfig(command=("python",), silence_seconds=0)
