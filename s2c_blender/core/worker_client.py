# SPDX-License-Identifier: GPL-3.0-or-later
"""One worker process seen from Blender: send requests, take replies, know whether it lives. No bpy."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import protocol
from .process import ChildProcess, child_environment
from .runtime import PythonChoice


def isolated_worker(choice: PythonChoice, root: Path, pycache: Path) -> tuple[str, ...]:
    """The command of the worker in `root`, which takes packages from nowhere but there, its own Python and `choice`.

    `-I` makes Python deaf to its variables, so what they would say stands here. pycache: where it may keep compiled
    files, since `root` may be the extension's folder, which is not ours to write into.
    """
    options = ("-I", "-s", "-u", "-X", "utf8", "-X", f"pycache_prefix={pycache}")
    places = [f"--packages={folder}" for folder in choice.folders]
    places += [f"--libraries={choice.libraries}"] if choice.libraries else []
    return (choice.path, *options, str(root / "models" / "worker" / "__main__.py"), *places)


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """How to start a worker and how long to be patient with it."""

    command: tuple[str, ...]
    """Program and arguments, run without a shell."""
    root: Path | None = None
    """The worker's working folder."""
    log_file: Path | None = None
    """Where the worker's stderr goes; None keeps only its last lines in memory."""
    start_seconds: float = 180.0
    """Longest wait for the first answer. Importing torch from a cold disk takes a minute."""
    silence_seconds: float = 180.0
    """Longest time without news of a job that is being done before its worker is taken for hung."""
    loading_seconds: float = 3600.0
    """The same while a model is loaded and the worker says that it is there: the sound encoder may be downloaded."""
    ping_seconds: float = 3.0
    """A worker that has said nothing for so long is asked whether it is there."""
    stopped_seconds: float = 25.0
    """Longest wait for that answer, and how long the system may call a worker stopped."""
    cancel_grace_seconds: float = 5.0
    """How long a cancelled worker may take to answer before it is killed."""
    lines_per_pump: int = 50
    """Most lines looked at in one pump, so that a flood cannot hold the main thread."""
    chunks_per_pump: int = 8
    """Most chunks of `process.CHUNK_BYTES` looked at in one pump."""

    def __post_init__(self) -> None:
        if not self.command or not all(self.command):
            raise ValueError(f"command={self.command!r} must name a program")
        for name in (
            "start_seconds",
            "silence_seconds",
            "loading_seconds",
            "cancel_grace_seconds",
            "ping_seconds",
            "stopped_seconds",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)} must be positive")
        for name in ("lines_per_pump", "chunks_per_pump"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")


@dataclass
class WorkerClient:
    """A started worker. Raises OSError when the process cannot be started."""

    config: WorkerConfig
    garbage_lines: int = 0
    last_garbage: str = ""
    _next_id: int = 1
    _lines: deque[bytes] = field(default_factory=deque)
    _splitter: protocol.LineSplitter = field(default_factory=protocol.LineSplitter)
    _ended: bool = False

    def __post_init__(self) -> None:
        self.process = ChildProcess(
            self.config.command,
            cwd=self.config.root,
            environment=child_environment(),
            log_file=self.config.log_file,
        )

    def send(self, method: str, params: dict[str, Any]) -> int | None:
        """Send a request and return its id, or None when the worker no longer listens."""
        request_id = self._next_id
        self._next_id += 1
        return request_id if self.process.write(protocol.encode(request_id, method, params)) else None

    def poll(self) -> list[protocol.Reply]:
        """The replies that have arrived, a bounded number at a time. Never waits."""
        for _ in range(self.config.chunks_per_pump):
            if len(self._lines) >= self.config.lines_per_pump:
                break
            chunk = self.process.read()
            if chunk is None:
                break
            self._lines.extend(self._splitter.feed(chunk))
        replies = []
        for _ in range(min(self.config.lines_per_pump, len(self._lines))):
            line = self._lines.popleft()
            reply = protocol.decode(line)
            if reply is None:
                self.garbage_lines += 1
                self.last_garbage = line[:200].decode("utf-8", "replace")
            else:
                replies.append(reply)
        return replies

    def gone(self) -> bool:
        """True when the process has ended and its last words have been read."""
        return not self._lines and self.process.drained()

    def diagnosis(self) -> str:
        """What a developer wants to know about a worker that failed."""
        parts = [f"command: {' '.join(self.config.command)}", f"exit code: {self.process.returncode()}"]
        if self.garbage_lines:
            parts.append(f"{self.garbage_lines} lines outside the protocol, the last: {self.last_garbage}")
        return "\n".join([*parts, self.process.stderr_tail()])
