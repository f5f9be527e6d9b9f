# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's threads with a pipeline that does what it is told, over pipes of our own."""

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from models.app.error_messages import error_for_user
from models.app.pipeline import Pipeline
from models.app.progress import StageClock
from models.worker import server
from models.worker.channel import Channel


class StubbornPipeline(Pipeline):
    """A job in it looks for nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.started, self.let_go = threading.Event(), threading.Event()
        self.failure: Exception | None = None
        self.unloaded = 0

    def transcribe(self, request: Any, clock: StageClock | None = None) -> dict[str, Any]:
        if self.failure is not None:
            raise self.failure
        self.started.set()
        assert self.let_go.wait(60)
        assert clock is not None
        clock("transcribe", 1, 2)
        return {"notes": 3}

    def unload(self) -> None:
        self.unloaded += 1


class Talk:
    """Both ends of a worker's pipes."""

    def __init__(self, pipeline: Pipeline) -> None:
        read_requests, self._requests = os.pipe()
        self._replies, write_replies = os.pipe()
        self._lines = os.fdopen(self._replies, "rb")
        worker = server.Worker(Channel(read_requests, write_replies), pipeline)
        self.thread = threading.Thread(target=worker.run, daemon=True)
        self.thread.start()

    def send(self, request_id: int, method: str, **params: Any) -> None:
        line = json.dumps({"id": request_id, "method": method, "params": params})
        os.write(self._requests, line.encode() + b"\n")

    def reply(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._lines.readline())
        return answer

    def end(self) -> None:
        os.close(self._requests)
        self.thread.join(60)
        assert not self.thread.is_alive()


@pytest.fixture
def pipeline() -> StubbornPipeline:
    return StubbornPipeline()


@pytest.fixture
def talk(pipeline: StubbornPipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    monkeypatch.setattr(server, "END_GRACE_S", 120.0)  # never leave by force: this process is the test's
    found = Talk(pipeline)
    yield found
    pipeline.let_go.set()
    found.end()


JOB = {"sound": "a.wav", "output": "b.mid"}


def test_a_cancel_is_answered_while_the_job_is_deep_in_a_step(talk: Talk, pipeline: StubbornPipeline) -> None:
    talk.send(1, "transcribe", **JOB)
    assert pipeline.started.wait(60)
    talk.send(2, "cancel", target=1)
    assert talk.reply() == {"id": 2, "event": "result", "result": {"cancelled": True}}
    answer = talk.reply()
    assert (answer["id"], answer["code"]) == (1, "cancelled")
    # The next job is taken although the old one has not let go yet; a second one is too many.
    talk.send(3, "transcribe", **JOB)
    talk.send(4, "transcribe", **JOB)
    assert (refused := talk.reply())["id"] == 4 and refused["code"] == "busy"
    pipeline.let_go.set()
    replies = [talk.reply(), talk.reply()]
    assert [(reply["id"], reply["event"]) for reply in replies] == [(3, "progress"), (3, "result")]


def test_a_waiting_job_can_be_cancelled_before_it_begins(talk: Talk, pipeline: StubbornPipeline) -> None:
    talk.send(1, "transcribe", **JOB)
    assert pipeline.started.wait(60)
    talk.send(2, "cancel", target=1)
    assert {talk.reply()["id"], talk.reply()["id"]} == {1, 2}
    talk.send(3, "transcribe", **JOB)
    talk.send(4, "cancel", target=3)
    first = talk.reply()  # the cancel has been read, while the first job still holds the pipeline
    pipeline.let_go.set()
    answers = {reply["id"]: reply for reply in (first, talk.reply())}
    assert answers[4]["result"] == {"cancelled": True} and answers[3]["code"] == "cancelled"


@pytest.mark.parametrize(
    "failure", [MemoryError(), OSError(28, "No space left", "/x/b.mid"), ZeroDivisionError("division")]
)
def test_a_failing_job_is_explained_and_the_next_one_works(
    talk: Talk, pipeline: StubbornPipeline, failure: Exception
) -> None:
    pipeline.failure = failure
    talk.send(1, "transcribe", **JOB)
    reply = talk.reply()
    assert reply["event"] == "error" and reply["code"] == error_for_user(failure).code
    assert type(failure).__name__ in reply["detail"] and type(failure).__name__ not in reply["message"]
    assert pipeline.unloaded == isinstance(failure, MemoryError)
    pipeline.failure = None
    pipeline.let_go.set()
    talk.send(2, "transcribe", **JOB)
    assert [talk.reply()["event"], talk.reply()["event"]] == ["progress", "result"]


def test_an_id_in_use_is_refused(talk: Talk, pipeline: StubbornPipeline) -> None:
    talk.send(1, "transcribe", **JOB)
    assert pipeline.started.wait(60)
    talk.send(1, "hello")
    assert talk.reply()["code"] == "bad_request"


def test_progress_is_at_most_ten_lines_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[Any, ...]] = []
    now = 0.0
    worker = server.Worker(Channel(-1, -1))
    monkeypatch.setattr(
        worker._channel, "send", lambda *reply, **body: sent.append((body["stage"], body["step"]))
    )
    monkeypatch.setattr(server.time, "monotonic", lambda: now)
    clock = worker._clock(server.Job(1, "generate", {}))
    for step in range(1000):
        now = 50 + step * 0.01  # a hundred steps a second for ten seconds
        clock("sample", step, 1000)
    clock("contact", 0, 6)
    assert 90 <= len(sent) <= 102 and sent[-1] == ("contact", 0)
