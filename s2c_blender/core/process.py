# SPDX-License-Identifier: GPL-3.0-or-later
"""A child process whose output is read without ever waiting for it. No bpy.

Two threads per process move bytes and do nothing else: one from stdout into a bounded queue, one from
stderr into a ring buffer and a log file. The main thread takes what is there. The queue is bounded, so a
child that floods its output is slowed down by the pipe instead of filling Blender's memory.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from .logs import Log

CHUNK_BYTES = 16 * 1024
QUEUE_CHUNKS = 64
STDERR_LINES = 200


def child_environment() -> dict[str, str]:
    """This process's environment made fit for another Python: none of Python's own variables in it.

    They would break a foreign interpreter, or make it run a file that nobody here chose.
    """
    environment = {k: v for k, v in os.environ.items() if not k.upper().startswith("PYTHON")}
    environment.update(PYTHONUTF8="1", PYTHONUNBUFFERED="1", PYTHONNOUSERSITE="1")
    return environment


class ChildProcess:
    """A running child. Raises OSError from the constructor when it cannot be started."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        log_file: Path | None = None,
        stderr_to_stdout: bool = False,
    ) -> None:
        self._queue: queue.Queue[bytes] = queue.Queue(QUEUE_CHUNKS)
        self._errors: deque[str] = deque(maxlen=STDERR_LINES)
        self._closing = threading.Event()
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if stderr_to_stdout else subprocess.PIPE,
            cwd=cwd,
            env=dict(environment) if environment is not None else None,
            bufsize=0,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin: IO[bytes] = self._process.stdin
        self._unsent = b""
        if os.name == "posix":  # a child that does not read must not hold whoever writes to it
            os.set_blocking(self._stdin.fileno(), False)
        self._threads = [self._thread(self._read_stdout, self._process.stdout)]
        if self._process.stderr is not None:
            self._threads.append(self._thread(self._read_stderr, self._process.stderr, log_file))

    @property
    def pid(self) -> int:
        """The process's number in the operating system."""
        return self._process.pid

    def _thread(self, target: object, *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, name="s2c-pipe", daemon=True)  # type: ignore[arg-type]
        thread.start()
        return thread

    def _read_stdout(self, stream: IO[bytes]) -> None:
        with stream:
            while chunk := stream.read(CHUNK_BYTES):
                while not self._closing.is_set():
                    with contextlib.suppress(queue.Full):
                        self._queue.put(chunk, timeout=0.2)
                        break

    def _read_stderr(self, stream: IO[bytes], log_file: Path | None) -> None:
        log = Log(log_file) if log_file is not None else None
        with stream:
            for data in stream:
                line = data.decode("utf-8", "replace").rstrip()
                self._errors.append(line)
                if log is not None:
                    log.write(line)
        if log is not None:
            log.close()

    def write(self, data: bytes) -> bool:
        """Send bytes to the child, what its pipe does not take now with a later `flush`; False when it is gone."""
        self._unsent += data
        return self.flush()

    def flush(self) -> bool:
        """Send what could not be sent before; False when the child no longer listens."""
        try:
            while self._unsent:
                sent = self._stdin.write(self._unsent)
                if not sent:  # the pipe is full
                    break
                self._unsent = self._unsent[sent:]
        except (OSError, ValueError):
            return False
        return True

    def stopped(self) -> bool:
        """Whether the system says that the child was stopped by a signal; False where it does not tell (Linux does)."""
        try:
            stat = Path(f"/proc/{self._process.pid}/stat").read_text("ascii", "replace")
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[:1] == ["T"]

    def read(self) -> bytes | None:
        """The next chunk of stdout, or None when nothing is there now."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            return None

    def returncode(self) -> int | None:
        """The exit code, None while it runs."""
        return self._process.poll()

    def drained(self) -> bool:
        """True when the child has ended and everything it said has been read."""
        return self.returncode() is not None and not self._threads[0].is_alive() and self._queue.empty()

    def stderr_tail(self) -> str:
        """The last lines that the child wrote to stderr."""
        return "\n".join(tuple(self._errors))

    def close_stdin(self) -> None:
        """Tell the child that nothing more will come; a worker ends then."""
        with contextlib.suppress(OSError):
            self._stdin.close()

    def kill(self) -> None:
        """End the child now. Returns at once; `returncode` tells when it is gone."""
        self._closing.set()
        self.close_stdin()
        with contextlib.suppress(OSError):
            self._process.kill()

    def end(self, grace_seconds: float) -> None:
        """Close stdin, wait up to `grace_seconds`, then kill. For the moment Blender quits."""
        self._closing.set()
        self.close_stdin()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_seconds)
