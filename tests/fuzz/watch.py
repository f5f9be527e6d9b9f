# SPDX-License-Identifier: GPL-3.0-or-later
"""A child process that speaks JSON lines, watched for time, memory and death."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0


class Died(Exception):
    """The child ended in the midst of a case."""


class Hung(Exception):
    """The child gave no answer in time."""


class Watched:
    """A child whose stdin takes lines and whose stdout gives them. It is started afresh when it died."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = tuple(command)
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir(parents=True, exist_ok=True)
        self.starts = 0
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "TMPDIR": str(self.temporary),
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as this

    def ensure(self) -> bool:
        """Start the child when none runs. Returns whether it was started now."""
        if self._process is not None and self._process.poll() is None:
            return False
        self.close()
        self.starts += 1
        self._lines = queue.Queue()
        self._errors.seek(0)
        self._errors.truncate()
        self._process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
        )
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()
        return True

    @staticmethod
    def _read(process: subprocess.Popen[bytes], lines: queue.Queue[bytes | None]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    def write(self, data: bytes) -> None:
        """Send bytes. Raises Died."""
        assert self._process is not None and self._process.stdin is not None
        view = memoryview(data)
        try:
            while view:
                view = view[self._process.stdin.write(view) or 0 :]
        except OSError as error:
            raise Died(self.last_words()) from error

    def read(self, until: float) -> Any:
        """The next message. Raises Died, or Hung at the monotonic time `until`."""
        try:
            line = self._lines.get(timeout=max(0.001, until - time.monotonic()))
        except queue.Empty:
            raise Hung(f"no answer; {self.last_words()}") from None
        if line is None:
            code = self._process.wait() if self._process is not None else None
            raise Died(f"exit code {code}; {self.last_words()}")
        return json.loads(line)

    def last_words(self) -> str:
        """The end of what the child wrote to stderr."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 1500))
        return self._errors.read().decode("utf-8", "replace").strip()[-600:]

    def forget_peak(self) -> None:
        """Let `peak_mb` count from here on (Linux only)."""
        if self._process is not None and (path := Path(f"/proc/{self._process.pid}/clear_refs")).exists():
            path.write_text("5")

    def peak_mb(self) -> float | None:
        """Largest resident memory since `forget_peak`; None where the system does not tell."""
        if self._process is None:
            return None
        try:
            text = Path(f"/proc/{self._process.pid}/status").read_text()
        except OSError:
            return None
        found = [line for line in text.splitlines() if line.startswith("VmHWM")]
        return int(found[0].split()[1]) / 1024 if found else None

    def kill(self) -> None:
        """End the child at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End the child and free what it held."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
