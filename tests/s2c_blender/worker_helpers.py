# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker answers to its first question."""

from __future__ import annotations

import time
from pathlib import Path

from s2c_blender.core.protocol import Reply
from s2c_blender.core.worker_client import WorkerClient, WorkerConfig

LONGEST_S = 120.0


def answer_to_hello(command: tuple[str, ...], folder: Path) -> Reply:
    """The result of `hello` from a worker that is started with this command in a folder, and ended again."""
    client = WorkerClient(WorkerConfig(command=command, root=folder))
    client.send("hello", {})
    end, replies = time.monotonic() + LONGEST_S, []
    while not replies and not client.gone() and time.monotonic() < end:
        replies += client.poll()
        time.sleep(0.01)
    client.process.end(5.0)
    assert [reply.event for reply in replies] == ["result"], client.diagnosis()
    return replies[0]
