# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of one job at a time: start a worker, load a model, send requests, end in one sentence.

No bpy. `JobMachine.pump(now)` is called often with a monotonic clock and never waits; tests call it with a
clock of their own. A worker survives its jobs, so the second take needs no second start, and is replaced
whenever it died, hung, ignored a cancel or was started by another configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..plain_text import sentence, shown
from .protocol import PROTOCOL, Reply
from .time_left import TimeLeft
from .worker_client import WorkerClient, WorkerConfig

LONGEST_PASS_S = 1.0
"""Between two pumps no more than this counts: the computer slept, or Blender was busy, and nobody listened."""
SET_UP_HINT = "Press Check Generator in the S2C panel"


class State(Enum):
    """What the panel shows. IDLE is also where a cancelled job ends."""

    IDLE = "idle"
    STARTING = "starting"
    LOADING = "loading"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"


ACTIVE = (State.STARTING, State.LOADING, State.RUNNING, State.CANCELLING)

WRITING = "write"
"""The stage in which a result appears on disk. A worker that is cancelled in it may still finish the file."""

STAGES = {
    "prepare": "Reading what was asked",
    "load": "Loading the model",
    "transcribe": "Listening to the recording",
    "sample": "Moving the hands",
    "contact": "Putting fingers on keys",
    WRITING: "Writing the take file",
}
"""What the worker's stages are called in the panel; `tests/s2c_blender/test_time_left.py` looks for others."""


@dataclass(frozen=True)
class Request:
    """One call of a worker method."""

    method: str
    params: dict[str, Any]


@dataclass
class Job:
    """What is to be done: load `preset` on `device` if that is not loaded, then `requests` in order."""

    kind: str
    requests: list[Request]
    preset: str = ""
    """Model to load first; empty loads none."""
    device: str = "auto"
    allow_download: bool = False
    """Whether the model may fetch its sound encoder."""
    results: list[dict[str, Any]] = field(default_factory=list)
    """One result per answered request."""
    hello: dict[str, Any] = field(default_factory=dict)
    """What the worker said about itself."""
    seconds: float = 0.0
    """From `start` to the end of the job."""


@dataclass
class Status:
    """Everything that a panel may show, ready to draw."""

    state: State = State.IDLE
    message: str = ""
    """One sentence about how the last job ended; empty while one runs."""
    code: str = ""
    """Machine-readable name of the error, empty when there was none."""
    detail: str = ""
    """For a developer: traceback, stderr, exit code."""
    stage: str = ""
    step: int = 0
    of: int = 0
    log: str = ""
    """Last log text of the worker."""

    @property
    def factor(self) -> float:
        """Progress within the stage, 0 to 1."""
        return min(1.0, max(0.0, self.step / self.of)) if self.of > 0 else 0.0


class JobMachine:
    """One worker, one job at a time."""

    def __init__(self) -> None:
        self.status = Status()
        self.job: Job | None = None
        self.hello: dict[str, Any] = {}
        self.stale_replies = 0
        self._client: WorkerClient | None = None
        self._loaded: tuple[str, str] | None = None
        self._wanted_id: int | None = None
        self._index = 0
        self._started = 0.0
        self._heard = 0.0
        self._cancelled_at = 0.0
        self._cancel_message = ""
        self._left = TimeLeft()
        self._dying: list[WorkerClient] = []
        self._ping_id: int | None = None
        """The ping that has no answer yet."""
        self._asked_at = 0.0
        self._unanswered = 0.0
        """Seconds of pumping since that ping; a Blender that slept or rendered could not hear an answer."""
        self._stopped = 0.0
        """Seconds of pumping for which the system has called the worker stopped."""
        self._pumped = 0.0

    @property
    def active(self) -> bool:
        """True while a job is under way."""
        return self.status.state in ACTIVE

    @property
    def worker_running(self) -> bool:
        """True while the worker's process lives, with or without a job."""
        return self._client is not None and self._client.process.returncode() is None

    @property
    def ending(self) -> bool:
        """True while a worker that was killed may still be there."""
        self._reap()
        return bool(self._dying)

    def seconds_left(self, now: float) -> float | None:
        """The worker's own estimate, counted down and without jumps; None when there is none."""
        return self._left.shown(now) if self.active else None

    def start(self, job: Job, config: WorkerConfig, now: float) -> None:
        """Begin a job. Failing to start a worker is a state, not an exception; RuntimeError when one runs."""
        if self.active:
            raise RuntimeError("a job is already running")
        self.job, self._index, self._started, self._heard = job, 0, now, now
        self._left.reset()
        self._pumped, self._stopped, self._unanswered, self._ping_id = now, 0.0, 0.0, None
        self.status = Status(State.STARTING, stage="start")
        if self._client is not None and (self._client.config != config or not self.worker_running):
            self._drop_worker()
        if self._client is None:
            try:
                self._client = WorkerClient(config)
            except OSError as error:
                self._fail(
                    "worker_start",
                    f"The generator could not be started because its Python cannot be run. {SET_UP_HINT}.",
                    f"{config.command}: {error}",
                    now,
                )
                return
            self._loaded, self.hello = None, {}
        if self.hello:
            job.hello = self.hello
            self._advance(now)
        else:
            self._send("hello", {}, now)

    def cancel(self, now: float, message: str = "Cancelled.") -> None:
        """Ask the job to end. Ends at the latest `cancel_grace_seconds` later, in a later `pump`."""
        if not self.active or self.status.state is State.CANCELLING:
            return
        self._cancel_message = message
        if (
            self.status.state is State.STARTING
            or self.status.stage == WRITING
            or self._client is None
            or self._client.send("cancel", {"target": self._wanted_id}) is None
        ):
            self._drop_worker()
            self._end(State.IDLE, message, now)
            return
        self.status.state, self._cancelled_at = State.CANCELLING, now

    def pump(self, now: float) -> bool:
        """Take what the worker said. Returns True when the panel has something new to draw."""
        self._reap()
        client = self._client
        if client is None:
            return False
        self._left.advance(now)
        passed, self._pumped = min(max(0.0, now - self._pumped), LONGEST_PASS_S), now
        changed = False
        client.process.flush()
        for reply in client.poll():
            changed = self._handle(reply, now) or changed
            if client is not self._client:
                return True
        if not self.active:
            if client.gone():
                self._drop_worker()
            return changed
        return self._watch(client, now) or self._look_whether_it_lives(client, passed, now) or changed

    def unload(self) -> None:
        """End the worker when no job runs, which frees its memory and the GPU's."""
        if not self.active:
            self._drop_worker()

    def shutdown(self, grace_seconds: float = 0.5) -> None:
        """End everything, waiting at most about twice `grace_seconds`. For quitting and unregistering."""
        client, self._client = self._client, None
        if client is not None:
            client.process.end(grace_seconds)
        for dying in self._dying:
            dying.process.end(grace_seconds)
        self._dying = []
        self._loaded, self.hello, self.job = None, {}, None
        if self.active:
            self.status = Status(State.IDLE, "Cancelled.")

    # -- inside -------------------------------------------------------------------------------------

    def _handle(self, reply: Reply, now: float) -> bool:
        self._ping_id, self._asked_at = None, now  # whatever it says, it lives
        if not self.active or reply.id != self._wanted_id:
            self.stale_replies += 1
            return False
        self._heard = now
        status = self.status
        if reply.event == "log":
            status.log = shown(reply.text("text"))
            return False
        if reply.event == "progress":
            status.stage = shown(reply.text("stage", status.stage), 40)
            status.step, status.of = int(reply.number("step") or 0), int(reply.number("of") or 0)
            left = reply.number("seconds_left")
            if left is not None:
                self._left.hear(left, now)
            if status.state is State.CANCELLING and status.stage == WRITING:
                self._drop_worker()
                self._end(State.IDLE, self._cancel_message, now)
            return True
        if status.state is State.CANCELLING:
            self._end(State.IDLE, self._cancel_message, now)
        elif reply.event == "error":
            code = reply.code("worker_error")
            if code == "cancelled":
                self._end(State.IDLE, "Cancelled.", now)
            else:
                message = sentence(reply.text("message")) or "The generator failed without saying why."
                self._fail(code, message, reply.text("detail"), now, keep_worker=True)
        else:
            self._accept(reply.result(), now)
        return True

    def _accept(self, result: dict[str, Any], now: float) -> None:
        assert self.job is not None
        if self.status.state is State.STARTING:
            if result.get("protocol") != PROTOCOL:
                self._fail(
                    "worker_protocol",
                    "The generator belongs to another version of this extension; install the generator again.",
                    f"wanted protocol {PROTOCOL}, got {shown(str(result.get('protocol')), 60)}",
                    now,
                )
                return
            self.hello = self.job.hello = result
        elif self.status.state is State.LOADING:
            self._loaded = (self.job.preset, self.job.device)
        else:
            self.job.results.append(result)
            self._index += 1
        self._advance(now)

    def _advance(self, now: float) -> None:
        assert self.job is not None
        job = self.job
        if job.preset and self._loaded != (job.preset, job.device):
            self._loaded = None
            self.status.state, self.status.stage = State.LOADING, "load"
            params = {"preset": job.preset, "device": job.device, "allow_download": job.allow_download}
            self._send("load", params, now)
        elif self._index < len(job.requests):
            request = job.requests[self._index]
            self.status.state, self.status.stage, self.status.step = State.RUNNING, "", 0
            self._send(request.method, request.params, now)
        else:
            self._end(State.DONE, "", now)

    def _send(self, method: str, params: dict[str, Any], now: float) -> None:
        assert self._client is not None
        self._heard = self._asked_at = now
        # A request that cannot be written means a dying worker; `_watch` finds that with its last words.
        self._wanted_id = self._client.send(method, params)

    def _watch(self, client: WorkerClient, now: float) -> bool:
        state, config = self.status.state, client.config
        if client.gone():
            if state is State.CANCELLING:
                self._drop_worker()
                self._end(State.IDLE, self._cancel_message, now)
            elif state is State.STARTING:
                self._fail(
                    "worker_start",
                    f"The generator ended while it was starting. {SET_UP_HINT}.",
                    client.diagnosis(),
                    now,
                )
            else:
                self._fail(
                    "worker_died",
                    "The generator stopped in the middle of the job; press Generate to start it afresh.",
                    client.diagnosis(),
                    now,
                )
            return True
        if state is State.CANCELLING:
            if now - self._cancelled_at <= config.cancel_grace_seconds:
                return False
            self._drop_worker()
            self._end(State.IDLE, self._cancel_message, now)
            return True
        silence = {State.STARTING: config.start_seconds, State.LOADING: config.loading_seconds}.get(
            state, config.silence_seconds
        )
        if now - self._heard <= silence:
            return False
        if client.garbage_lines:
            self._fail(
                "worker_garbage",
                f"The generator answered with something that is not understood. {SET_UP_HINT}.",
                client.diagnosis(),
                now,
            )
        else:
            self._fail(
                "worker_silent",
                f"The generator has not answered for {silence:.0f} seconds and was ended; press Generate to try again.",
                client.diagnosis(),
                now,
            )
        return True

    def _look_whether_it_lives(self, client: WorkerClient, passed: float, now: float) -> bool:
        """Ask a silent worker whether it is there: its listening thread answers while it computes or downloads.

        While it starts or loads it may be too busy to answer, when the system reads a gigabyte of libraries for it:
        there it is given more time, unless the system itself says that it was stopped.
        """
        state, config = self.status.state, client.config
        if not self.active or state is State.CANCELLING:
            return False
        self._stopped = self._stopped + passed if client.process.stopped() else 0.0
        if self._ping_id is None:
            self._unanswered = 0.0
            if state is not State.STARTING and now - self._asked_at >= config.ping_seconds:
                self._ping_id, self._asked_at = client.send("ping", {}), now
        else:
            self._unanswered += passed
        most = config.stopped_seconds if state is State.RUNNING else config.silence_seconds
        deaf = state is not State.STARTING and self._unanswered > most
        if not deaf and self._stopped <= config.stopped_seconds:
            return False
        self._fail(
            "worker_stopped",
            "The generator has stopped answering and was ended; press Generate to start it afresh.",
            client.diagnosis(),
            now,
        )
        return True

    def _fail(self, code: str, message: str, detail: str, now: float, keep_worker: bool = False) -> None:
        if not keep_worker:
            self._drop_worker()
        self._end(State.FAILED, message, now)
        self.status.code, self.status.detail = code, detail

    def _end(self, state: State, message: str, now: float) -> None:
        if self.job is not None:
            self.job.seconds = now - self._started
        self._wanted_id = None
        self._left.reset()
        self.status = Status(state, message)

    def _reap(self) -> None:
        self._dying = [client for client in self._dying if client.process.returncode() is None]

    def _drop_worker(self) -> None:
        """Kill the worker without waiting; it is reaped in later pumps."""
        client, self._client = self._client, None
        self._loaded, self.hello = None, {}
        if client is not None:
            client.process.kill()
            self._dying.append(client)
