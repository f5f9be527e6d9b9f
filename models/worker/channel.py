# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON lines over file descriptors that nothing else in the process can reach.

The original stdin and stdout move to descriptors of our own; descriptor 0 then reads nothing and descriptor 1
writes to stderr, so that a library's print, a progress bar or a child process cannot spoil the protocol.
"""

from __future__ import annotations

import json
import math
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

MAX_LINE_BYTES = 1 << 20
"""Longer requests are refused; longer replies have their texts cut."""
MAX_TEXT = 20_000
CHUNK_BYTES = 1 << 16


class ClientGone(Exception):
    """Nobody reads our replies any more."""


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for them; long texts keep their end, where an error is named."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return "... " + value[-MAX_TEXT:]
    if isinstance(value, dict):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


class Channel:
    """One line in, one line out. Sending is safe from any thread."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._lock = threading.Lock()

    def send(self, request_id: int | None, event: str, **body: Any) -> None:
        """Send one reply; raises `ClientGone` when nobody reads it."""
        line = json.dumps(_finite({"id": request_id, "event": event, **body}), allow_nan=False)
        data = memoryview((line + "\n").encode("ascii"))
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._write_fd, data) :]
            except OSError as error:
                raise ClientGone from error

    def lines(self) -> Iterator[bytes | None]:
        """Lines as they come, until stdin closes; None for one longer than `MAX_LINE_BYTES`.

        Reads the descriptor itself: a buffered reader's lock would block the interpreter from ending while a thread
        waits in it.
        """
        rest = b""
        too_long = False
        while True:
            try:
                chunk = os.read(self._read_fd, CHUNK_BYTES)
            except OSError:
                return
            if not chunk:
                if rest.strip() and not too_long:
                    yield rest
                return
            *complete, rest = (rest + chunk).split(b"\n")
            for line in complete:
                if too_long or len(line) > MAX_LINE_BYTES:
                    too_long = False
                    yield None
                elif line.strip():
                    yield line
            if len(rest) > MAX_LINE_BYTES:
                rest, too_long = b"", True


def claim_standard_streams() -> Channel:
    """Take stdin and stdout away from the rest of the process."""
    read_fd, write_fd = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (read_fd, write_fd):
            msvcrt.setmode(descriptor, os.O_BINARY)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return Channel(read_fd, write_fd)
