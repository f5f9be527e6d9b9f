# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker protocol: one JSON object a line, requests with an id, replies with the same id and an event.

No bpy. A line that is not such an object (a library that prints, half a line from a dying process) is
`None` here and is counted by the caller, never an exception.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeGuard

PROTOCOL = 1
EVENTS = ("progress", "log", "result", "error")
MAX_LINE_BYTES = 1 << 20
LARGEST = 1e9
"""No count and no time in a reply is larger; what is, is no number."""
CODE = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What the name of an error looks like."""


@dataclass(frozen=True)
class Reply:
    """One reply of the worker: `event` is one of `EVENTS`, `body` the rest of the object."""

    id: int
    event: str
    body: dict[str, Any] = field(default_factory=dict)

    def text(self, key: str, default: str = "") -> str:
        """The string at `key`; `default` where there is none or something else."""
        value = self.body.get(key)
        return value if isinstance(value, str) else default

    def number(self, key: str) -> float | None:
        """A number of at most `LARGEST`, or None: JSON as Python reads it knows infinity, too."""
        value = self.body.get(key)
        return float(value) if is_number(value) else None

    def code(self, default: str) -> str:
        """The machine-readable name of an error."""
        value = self.body.get("code")
        return value if isinstance(value, str) and CODE.fullmatch(value) else default

    def result(self) -> dict[str, Any]:
        """What the finished request gave; empty where the reply carries none."""
        value = self.body.get("result")
        return value if isinstance(value, dict) else {}


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of a reply is a number that can be counted with."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return (
        not math.isnan(value) and abs(value) <= LARGEST if isinstance(value, float) else abs(value) <= LARGEST
    )


def encode(request_id: int, method: str, params: dict[str, Any]) -> bytes:
    """One request as a line. ASCII escapes keep it independent of any console encoding."""
    return (json.dumps({"id": request_id, "method": method, "params": params}) + "\n").encode("ascii")


def decode(line: bytes) -> Reply | None:
    """The reply in a line, or None for anything else."""
    try:
        message = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict):
        return None
    request_id, event = message.pop("id", None), message.pop("event", None)
    if not isinstance(request_id, int) or isinstance(request_id, bool) or event not in EVENTS:
        return None
    return Reply(request_id, event, message)


class LineSplitter:
    """Cuts a byte stream into lines; a line longer than `MAX_LINE_BYTES` is given up, not collected."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their line ends; empty ones are left out."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        if self._skipping and lines:
            lines, self._skipping = lines[1:], False
        if len(rest) > MAX_LINE_BYTES:
            rest, self._skipping = b"", True
        self._rest = b"" if self._skipping else rest
        return [line for line in (line.strip() for line in lines) if line]
