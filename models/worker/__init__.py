# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker process: JSON lines in, JSON lines out, results as files (`python -m models.worker`).

    request   {"id": 1, "method": "generate", "params": {...}}
    reply     {"id": 1, "event": "progress", "stage": "sample", "step": 3, "of": 10, "seconds_left": 4.2}
              {"id": 1, "event": "log", "text": "..."}
              {"id": 1, "event": "result", "result": {...}}
              {"id": 1, "event": "error", "code": "silent_sound", "message": "one sentence", "detail": "traceback"}

Every request gets exactly one result or error. Methods: hello, load, generate, transcribe, cancel, unload, shutdown;
`server.Worker` describes them. The worker ends when its stdin closes.
"""

PROTOCOL = 1
