# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's two threads: one listens and answers at once, the main thread does one job at a time.

Methods: `hello` (versions and devices), `load` and `unload` (models), `generate`, `transcribe`, `cancel`
(`{"target": id}`), `ping`, `shutdown`. `cancel`, `ping` and `shutdown` are answered while a job runs, `hello` after
it; another job is refused as `busy`.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models.app.error_messages import error_for_user
from models.app.pipeline import Pipeline
from models.app.progress import StageClock
from models.app.request import GenerateRequest, LoadRequest, TranscribeRequest, from_params
from models.checks import shown
from models.errors import Cancelled, UserError
from models.worker.channel import MAX_LINE_BYTES, Channel, ClientGone
from models.worker.machine import hello_facts

PROGRESS_INTERVAL_S = 0.1
CANCEL_ANSWER_S = 0.7
"""A cancelled job that is deep in one long step is answered for after this long; its work ends a little later."""
END_GRACE_S = 3.0
"""How long a job may take to end by itself once nobody listens any more."""

JOBS = ("hello", "load", "generate", "transcribe", "unload")
METHODS = (*JOBS, "cancel", "ping", "shutdown")
LARGEST_ID = 10**15 - 1


@dataclass
class Job:
    """One request for the main thread."""

    id: int
    method: str
    params: dict[str, Any]
    cancelled: threading.Event = field(default_factory=threading.Event)
    answered: bool = False


class Worker:
    """Reads requests from a channel until it closes; `run` returns then."""

    def __init__(self, channel: Channel, pipeline: Pipeline | None = None) -> None:
        self._channel = channel
        self._pipeline = pipeline or Pipeline()
        self._jobs: queue.Queue[Job | None] = queue.Queue()
        self._lock = threading.Lock()  # guards the two below and every job's `answered`
        self._running: Job | None = None
        self._waiting: list[Job] = []
        self._ended = threading.Event()

    def run(self) -> None:
        """Serve until stdin closes or `shutdown`. Call from the main thread."""
        threading.Thread(target=self._listen, name="s2c-requests", daemon=True).start()
        while (job := self._jobs.get()) is not None:
            with self._lock:
                self._waiting.remove(job)
                self._running = job
            try:
                self._work(job)
            except ClientGone:
                break
            finally:
                with self._lock:
                    self._running = None
        self._ended.set()

    # The listening thread.

    def _listen(self) -> None:
        try:
            for line in self._channel.lines():
                self._receive(line)
        except ClientGone:
            print("worker: nobody reads the replies any more", file=sys.stderr)
        self._end()

    def _end(self) -> None:
        """Stop the running job, then the main loop; leave by force where a long step does not let go."""
        with self._lock:
            for job in (*self._waiting, *([self._running] if self._running else [])):
                job.cancelled.set()
        self._jobs.put(None)
        if not self._ended.wait(END_GRACE_S):
            os._exit(1)

    def _receive(self, line: bytes | None) -> None:
        if line is None:
            self._refuse(None, UserError("bad_request", f"A request is longer than {MAX_LINE_BYTES} bytes."))
            return
        try:
            message = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            self._refuse(None, UserError("bad_json", "A request is not a line of JSON.", repr(error)))
            return
        request_id = message.get("id") if isinstance(message, dict) else None
        if type(request_id) is not int or abs(request_id) > LARGEST_ID:
            self._refuse(
                None,
                UserError(
                    "bad_request",
                    'A request must be an object with a whole number of at most 15 digits as "id".',
                ),
            )
            return
        method, params = message.get("method"), message.get("params", {})
        if method not in METHODS:
            known = ", ".join(METHODS)
            sentence = f'The worker knows no method {shown(method)}; "method" must be one of {known}.'
            self._refuse(request_id, UserError("unknown_method", sentence))
        elif params is not None and not isinstance(params, dict):
            self._refuse(request_id, UserError("bad_params", 'The field "params" must be an object.'))
        elif method == "cancel":
            self._cancel(request_id, params or {})
        elif method == "ping":  # answered by the thread that listens: whoever waits knows that we live
            self._channel.send(request_id, "result", result={})
        elif method == "shutdown":
            self._channel.send(request_id, "result", result={})
            self._end()
        else:
            self._accept(Job(request_id, method, params or {}))

    def _accept(self, job: Job) -> None:
        with self._lock:
            # Jobs whose caller has or will soon have an answer are ending: what comes next waits that little while.
            open_jobs = [other for other in (*self._waiting, self._running) if other and not other.answered]
            taken = any(other.id == job.id for other in open_jobs)
            working = [
                other for other in open_jobs if other.method != "hello" and not other.cancelled.is_set()
            ]
            busy = bool(working) and job.method != "hello"
            if not taken and not busy:
                self._waiting.append(job)
        if taken:
            self._refuse(
                job.id, UserError("bad_request", f'Another request with "id" {job.id} is not done yet.')
            )
        elif busy:
            self._refuse(
                job.id, UserError("busy", "The worker is busy with another job; wait for it or cancel it.")
            )
        else:
            self._jobs.put(job)

    def _cancel(self, request_id: int, params: dict[str, Any]) -> None:
        target = params.get("target")
        if isinstance(target, bool) or not isinstance(target, int):
            sentence = f'The setting "target" is {shown(target)}, but it must be the id of a request.'
            self._refuse(request_id, UserError("bad_params", sentence))
            return
        with self._lock:
            jobs = [
                job
                for job in (*self._waiting, self._running)
                if job and job.id == target and not job.answered
            ]
            for job in jobs:
                job.cancelled.set()
        self._channel.send(request_id, "result", result={"cancelled": bool(jobs)})
        for job in jobs:
            timer = threading.Timer(CANCEL_ANSWER_S, self._answer_for, [job])
            timer.daemon = True
            timer.start()

    def _answer_for(self, job: Job) -> None:
        """Say that a job is cancelled while its last step is still running."""
        try:
            self._fail(job, _cancelled())
        except ClientGone:
            return

    # Replies.

    def _refuse(self, request_id: int | None, error: UserError) -> None:
        self._channel.send(request_id, "error", code=error.code, message=error.message, detail=error.detail)

    def _answer(self, job: Job, event: str, **body: Any) -> None:
        """The one final reply of a job; a second one is dropped."""
        with self._lock:
            if job.answered:
                return
            job.answered = True
        self._channel.send(job.id, event, **body)

    def _fail(self, job: Job, error: UserError) -> None:
        self._answer(job, "error", code=error.code, message=error.message, detail=error.detail)

    # The main thread.

    def _work(self, job: Job) -> None:
        try:
            if job.cancelled.is_set():
                raise Cancelled
            result = self._handlers()[job.method](job)
        except Cancelled:
            self._fail(job, _cancelled())
        except ClientGone:
            raise
        except Exception as error:  # the worker outlives every job; the caller gets the traceback
            explained = error_for_user(error)
            if not isinstance(error, UserError):
                print(explained.detail, file=sys.stderr)
            if explained.code == "out_of_memory":
                self._pipeline.unload()
            self._fail(job, explained)
        else:
            self._answer(job, "result", result=result)

    def _handlers(self) -> dict[str, Callable[[Job], dict[str, Any]]]:
        return {
            "hello": lambda _job: hello_facts(),
            "load": self._load,
            "generate": self._generate,
            "transcribe": self._transcribe,
            "unload": self._unload,
        }

    def _clock(self, job: Job) -> StageClock:
        """Progress of a job: looks for a cancel at every call, speaks about ten times a second."""
        last_sent = 0.0
        last_stage = ""

        def listen(stage: str, step: int, of: int, seconds_left: float | None) -> None:
            nonlocal last_sent, last_stage
            if job.cancelled.is_set():
                raise Cancelled
            now = time.monotonic()
            if stage == last_stage and now - last_sent < PROGRESS_INTERVAL_S:
                return
            last_sent, last_stage = now, stage
            left = None if seconds_left is None else round(seconds_left, 1)
            self._channel.send(job.id, "progress", stage=stage, step=step, of=of, seconds_left=left)

        return StageClock(listen)

    def _load(self, job: Job) -> dict[str, Any]:
        request = from_params(LoadRequest, job.params)
        clock = self._clock(job)
        clock("load", 0, 1)
        model = self._pipeline.load(request)
        clock("load", 1, 1)
        return {
            "preset": model.preset,
            "engine": model.engine.name,
            "device": model.engine.device,
            "seconds": clock.finish(),
        }

    def _generate(self, job: Job) -> dict[str, Any]:
        request = from_params(GenerateRequest, job.params)
        return self._pipeline.generate(request, self._clock(job)).facts

    def _transcribe(self, job: Job) -> dict[str, Any]:
        request = from_params(TranscribeRequest, job.params)
        return self._pipeline.transcribe(request, self._clock(job))

    def _unload(self, job: Job) -> dict[str, Any]:
        if job.params:
            raise UserError("bad_params", 'The method "unload" takes no settings.')
        self._pipeline.unload()
        return {}


def _cancelled() -> UserError:
    return UserError("cancelled", "Cancelled.")
