# SPDX-License-Identifier: GPL-3.0-or-later
"""The protocol against the real worker process: `python -m models.worker`."""

import gc
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from models.app.pipeline import Pipeline
from models.app.request import LoadRequest
from models.body.notes import Notes
from models.body.take import Take
from models.errors import UserError
from models.music.midi import write_midi
from models.worker.channel import Channel
from models.worker.server import Worker

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0


class Client:
    """A worker process and what it said."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "models.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.replies: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.last_id = 0

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.replies.put(line)

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def send(self, method: str, **params: Any) -> int:
        self.last_id += 1
        self.write(json.dumps({"id": self.last_id, "method": method, "params": params}).encode())
        return self.last_id

    def reply(self) -> dict[str, Any]:
        """The next line, which must be JSON."""
        answer: dict[str, Any] = json.loads(self.replies.get(timeout=PATIENCE_S))
        return answer

    def until(self, request_id: int | None, *events: str) -> dict[str, Any]:
        """The next reply to a request that is one of the events; others to it are passed over."""
        while True:
            reply = self.reply()
            if reply["id"] == request_id and reply["event"] in (events or ("result", "error")):
                return reply

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.until(self.send(method, **params))

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        self.process.stdin.close()


@pytest.fixture(scope="module")
def worker() -> Iterator[Client]:
    """One worker for the tests that leave it alive."""
    client = Client()
    yield client
    client.close()


@pytest.fixture
def new_worker() -> Iterator[Client]:
    client = Client()
    yield client
    client.close()


@pytest.fixture(scope="module")
def midi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four notes in three seconds."""
    return _midi(tmp_path_factory.mktemp("midi") / "short.mid", 4)


@pytest.fixture(scope="module")
def long_midi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes: long enough to be interrupted."""
    return _midi(tmp_path_factory.mktemp("midi") / "long.mid", 240)


def _midi(path: Path, count: int) -> Path:
    onsets = np.arange(count) * 0.5
    rows = [onsets, onsets + 0.4, 60 + np.arange(count) % 5, np.full(count, 80)]
    write_midi(path, Notes.from_arrays(np.stack(rows, 1).astype(np.float32)))
    return path


def test_hello_answers_fast_and_says_what_is_there(new_worker: Client) -> None:
    result = new_worker.call("hello")["result"]
    assert result["protocol"] == 1
    assert set(result["packages"]) >= {"torch", "numpy"} and result["packages"]["torch"]
    assert result["devices"][-1]["name"] == "cpu" and result["devices"][-1]["memory_gb"] > 0
    assert isinstance(result["presets"], list) and result["python"].startswith("3.")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{not json", "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b"[1, 2]", "bad_request"),
        (b'{"method": "hello"}', "bad_request"),
        (b'{"id": true, "method": "hello"}', "bad_request"),
        (b'{"id": "7", "method": "hello"}', "bad_request"),
        (b'{"id": 7}' + b" " * (1 << 21), "bad_request"),
    ],
)
def test_lines_that_are_no_requests(worker: Client, line: bytes, code: str) -> None:
    worker.write(line)
    reply = worker.reply()
    assert (reply["id"], reply["event"], reply["code"]) == (None, "error", code)
    assert worker.call("hello")["event"] == "result"


def test_a_ping_is_answered_while_a_silent_download_goes_on() -> None:
    """The caller tells by it a worker that waits for the network from one that was stopped."""
    downloading, done = threading.Event(), threading.Event()

    class Downloads(Pipeline):
        def load(self, request: LoadRequest) -> Any:
            downloading.set()
            assert done.wait(PATIENCE_S)
            raise UserError("download_failed", "The network is gone.")

    (to_worker, requests), (replies, from_worker) = os.pipe(), os.pipe()
    served = threading.Thread(target=Worker(Channel(to_worker, from_worker), Downloads()).run, daemon=True)
    served.start()
    with os.fdopen(replies, "rb") as lines:
        os.write(requests, b'{"id": 1, "method": "load", "params": {"preset": "default"}}\n')
        assert downloading.wait(PATIENCE_S)
        assert json.loads(lines.readline())["event"] == "progress"
        os.write(requests, b'{"id": 2, "method": "ping"}\n')
        assert json.loads(lines.readline()) == {"id": 2, "event": "result", "result": {}}
        done.set()
        assert json.loads(lines.readline())["code"] == "download_failed"
        os.close(requests)
        served.join(PATIENCE_S)
    assert not served.is_alive()
    os.close(from_worker)
    os.close(to_worker)


def test_unknown_method_and_wrong_params_name_the_fault(worker: Client) -> None:
    reply = worker.call("dance")
    assert reply["code"] == "unknown_method" and "'dance'" in reply["message"]
    worker.write(b'{"id": 1001, "method": "generate", "params": [1]}')
    assert worker.until(1001)["code"] == "bad_params"
    reply = worker.call("generate", midi="a.mid", output="b.npz", contact=3)
    assert reply["code"] == "bad_params" and '"contact"' in reply["message"]
    reply = worker.call("cancel", target="all")
    assert reply["code"] == "bad_params" and '"target"' in reply["message"]
    reply = worker.call("load", preset="no-such-preset")
    assert reply["event"] == "error" and "no-such-preset" in reply["message"]


def test_generate_writes_a_take(worker: Client, tiny_preset: Path, midi: Path, tmp_path: Path) -> None:
    output = tmp_path / "take.npz"
    job = worker.send(
        "generate", midi=str(midi), output=str(output), preset=str(tiny_preset), seed=3, fps=24, steps=2
    )
    stages = []
    while (reply := worker.reply())["event"] != "result":
        assert reply["id"] == job and reply["event"] == "progress", reply
        assert 0 <= reply["step"] <= reply["of"]
        assert reply["seconds_left"] is None or reply["seconds_left"] >= 0
        stages.append(reply["stage"])
    assert {"load", "sample", "contact"} <= set(stages)
    result = reply["result"]
    take = Take.load(output)
    assert result["take"] == str(output) and result["seed"] == 3 and result["fps"] == take.motion.fps == 24
    assert result["frames"] == take.motion.frames and result["notes"] == len(take.notes) == 4
    assert result["device"] and 0 <= result["onset_f1"] <= 1
    assert (
        result["notes_played"] + len(result["left_out"]) == result["notes"] and result["false_strikes"] >= 0
    )
    assert {"sample", "contact", "total"} <= set(result["seconds"])
    assert [path.name for path in tmp_path.iterdir()] == ["take.npz"]
    assert len(take.meta["midi_sha256"]) == 64


def test_a_take_of_pieces_of_sound(worker: Client, tiny_preset: Path, midi: Path, tmp_path: Path) -> None:
    sound = tmp_path / "noise.wav"
    soundfile.write(sound, np.random.default_rng(0).uniform(-0.5, 0.5, 16000), 8000)
    pieces = [
        {"path": str(sound), "start_s": 0.5, "end_s": 2, "at_s": at_s, "gain": 0.5} for at_s in (0, 2.5)
    ]
    params = {"midi": str(midi), "output": str(tmp_path / "take.npz"), "preset": str(tiny_preset), "steps": 1}
    params["align"] = False  # nobody can hear a melody in noise
    reply = worker.call("generate", sounds=pieces, **params)
    assert reply["event"] == "result" and reply["result"]["frames"] == 120, reply
    assert Take.load(tmp_path / "take.npz").meta["sound_sha256"] == reply["result"]["sound_sha256"]
    reply = worker.call("generate", sounds=[{**pieces[0], "gain": 17}], **params)
    assert (reply["event"], reply["code"]) == ("error", "bad_params") and "sounds[0].gain" in reply["message"]


def test_one_job_at_a_time_and_cancel(
    worker: Client, tiny_preset: Path, midi: Path, long_midi: Path, tmp_path: Path
) -> None:
    output = tmp_path / "take.npz"
    params = {"midi": str(long_midi), "output": str(output), "preset": str(tiny_preset)}
    job = worker.send("generate", **params, sampler="ancestral", steps=1000)
    while worker.until(job, "progress")["stage"] != "sample":
        pass
    second = worker.send("generate", midi=str(midi), output=str(tmp_path / "b.npz"), preset=str(tiny_preset))
    refused = worker.until(second)
    assert refused["code"] == "busy"
    hello = worker.send("hello")
    cancel = worker.send("cancel", target=job)
    answers: dict[int, dict[str, Any]] = {}
    while not {cancel, job} <= set(answers):
        reply = worker.reply()
        if reply["event"] in ("result", "error"):
            answers[reply["id"]] = reply
    assert answers[cancel]["result"] == {"cancelled": True}
    assert answers[job]["code"] == "cancelled"
    assert not output.exists() and not list(tmp_path.iterdir())
    if hello not in answers:
        assert worker.until(hello)["event"] == "result"
    assert worker.call("cancel", target=job)["result"] == {"cancelled": False}
    again = worker.call("generate", midi=str(midi), output=str(output), preset=str(tiny_preset), steps=1)
    assert again["event"] == "result" and output.exists()


def test_progress_comes_at_most_ten_times_a_second(
    worker: Client, tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    params = {"midi": str(midi), "output": str(tmp_path / "take.npz"), "preset": str(tiny_preset)}
    begin = time.monotonic()
    job = worker.send("generate", **params, sampler="ancestral", steps=40)
    stages: dict[str, int] = {}
    while (reply := worker.until(job, "progress", "result"))["event"] == "progress":
        stages[reply["stage"]] = stages.get(reply["stage"], 0) + 1
    assert sum(stages.values()) <= 10 * (time.monotonic() - begin) + 2 * len(stages)


def test_results_that_cannot_be_written_are_said_before_the_work(
    worker: Client, tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    params = {"midi": str(midi), "preset": str(tiny_preset)}
    reply = worker.call("generate", **params, output=str(tmp_path / "nowhere" / "take.npz"))
    assert reply["code"] == "folder_missing" and "nowhere" in reply["message"]
    reply = worker.call("generate", **params, output=str(tmp_path))
    assert reply["code"] == "not_a_file"
    reply = worker.call(
        "generate", **{**params, "midi": str(tmp_path / "gone.mid")}, output=str(tmp_path / "t.npz")
    )
    assert reply["event"] == "error" and "gone.mid" in reply["message"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # numpy's ZipFile cannot close itself
def test_a_full_disk_is_one_sentence(
    tiny_preset: Path, midi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import whole_file
    from models.app.error_messages import error_for_user
    from models.app.pipeline import Pipeline
    from models.app.request import GenerateRequest
    from models.errors import UserError

    output = tmp_path / "take.npz"
    full = tmp_path / "take.npz.abcdefgh.part"
    full.symlink_to("/dev/full")
    monkeypatch.setattr(whole_file.tempfile, "mkstemp", lambda *_: (os.open(full, os.O_WRONLY), str(full)))
    with pytest.raises((OSError, UserError)) as caught:
        Pipeline().generate(GenerateRequest(midi=midi, output=output, preset=str(tiny_preset), steps=1))
    assert error_for_user(caught.value).code == "disk_full"
    assert not output.exists()
    del caught
    gc.collect()


def test_load_and_unload(worker: Client, tiny_preset: Path) -> None:
    result = worker.call("load", preset=str(tiny_preset), device="cpu")["result"]
    assert result["device"] == "cpu" and result["preset"] == tiny_preset.name
    assert worker.call("unload")["event"] == "result"


def test_it_ends_when_stdin_closes_also_while_working(
    new_worker: Client, tiny_preset: Path, long_midi: Path, tmp_path: Path
) -> None:
    output = tmp_path / "take.npz"
    params = {"midi": str(long_midi), "output": str(output), "preset": str(tiny_preset)}
    job = new_worker.send("generate", **params, sampler="ancestral", steps=1000)
    while new_worker.until(job, "progress")["stage"] != "sample":
        pass
    assert new_worker.process.stdin is not None
    new_worker.process.stdin.close()
    new_worker.process.wait(PATIENCE_S)
    assert not output.exists()


def test_shutdown_ends_it(new_worker: Client) -> None:
    assert new_worker.call("shutdown")["event"] == "result"
    assert new_worker.process.wait(PATIENCE_S) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for a child on Windows")
def test_ctrl_c_in_blenders_terminal_leaves_it_alone(new_worker: Client) -> None:
    new_worker.call("hello")
    new_worker.process.send_signal(signal.SIGINT)
    assert new_worker.call("hello")["event"] == "result"


def test_what_libraries_print_goes_to_stderr() -> None:
    noisy = "import os, sys\nprint('hello from a library')\nos.write(1, b'straight to the descriptor\\n')\n"
    code = (
        "from models.worker.channel import claim_standard_streams\n"
        "channel = claim_standard_streams()\n"
        f"{noisy}"
        "os.system('echo from a child process')\n"
        "assert sys.stdin.read() == ''\n"
        "channel.send(1, 'result', result={'nan': float('nan'), 'text': 'x' * 50000})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=b"for the worker alone\n",
        capture_output=True,
        cwd=ROOT,
        check=True,
    )
    line = json.loads(done.stdout)
    assert line["result"]["nan"] is None and len(line["result"]["text"]) < 21_000
    assert (
        b"from a library" in done.stderr and b"descriptor" in done.stderr and b"child process" in done.stderr
    )
