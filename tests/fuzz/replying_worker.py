# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that is sound until it is asked for a take: then it says what the file `path` holds. Standard library only.

In the file's lines `"id": 0` stands for the id of the request. An error follows them, so that every job can end.
"""

import json
import sys
from pathlib import Path

HELLO = {
    "protocol": 1,
    "version": "0.0.0",
    "python": "3.11.0",
    "packages": {},
    "presets": ["default"],
    "devices": [],
}


def say(data: bytes) -> None:
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.buffer.flush()


for line in sys.stdin:
    request = json.loads(line)
    number, method = request["id"], request["method"]
    if method == "generate":
        path = request["params"].get("path")
        if path:
            for reply in Path(path).read_bytes().splitlines():
                say(reply.replace(b'"id": 0', b'"id": %d' % number))
        end = {"id": number, "event": "error", "code": "end", "message": "This worker makes no takes."}
        say(json.dumps(end).encode())
    else:
        result = HELLO if method == "hello" else {}
        say(json.dumps({"id": number, "event": "result", "result": result}).encode())
