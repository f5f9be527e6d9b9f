# SPDX-License-Identifier: GPL-3.0-or-later
"""What all kinds of inputs have in common: a folder, a program to try, and a look at what is left behind."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fuzz.verdict import MOST_SECONDS, Outcome, judge
from tests.fuzz.watch import START_SECONDS, Died, Hung, Watched

PATIENCE_SECONDS = 2 * MOST_SECONDS
"""After this long a case counts as hung, and its program is killed."""


class Kind(ABC):
    """One kind of input. `run` tries one case; the same number and seed give the same case."""

    name = ""

    def __init__(self, folder: Path, tiny_model: Path) -> None:
        self.folder = folder
        self.case = folder / "case"
        self.tiny_model = tiny_model
        self.program = Watched(self.command(), folder)
        self.case.mkdir()
        self.prepare()

    def prepare(self) -> None:  # noqa: B027  most kinds need nothing
        """Make what all cases start from."""

    @abstractmethod
    def command(self) -> tuple[str, ...]:
        """The program that is tried."""

    @abstractmethod
    def started(self) -> None:
        """Wait until a program that was just started is ready."""

    @abstractmethod
    def run(self, number: int, rng: random.Random) -> Outcome:
        """Try one case."""

    def close(self) -> None:
        """End the program."""
        self.program.close()

    # -- for subclasses -----------------------------------------------------------------------------

    def begin(self) -> None:
        """An empty folder for the case and a program that listens."""
        shutil.rmtree(self.case)
        self.case.mkdir()
        if self.program.ensure():
            self.started()
        self.program.forget_peak()

    def files(self) -> dict[str, str]:
        """Every file under the folder and what it holds, as a hash."""
        return {
            str(path.relative_to(self.folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in self.folder.rglob("*")
            if path.is_file() and not path.is_symlink()
        }

    def finish(self, outcome: Outcome, before: Mapping[str, str], wanted: tuple[str, ...] = ()) -> Outcome:
        """Look for files left or lost; `wanted` may be there when the case was accepted."""
        after = self.files()
        allowed = wanted if outcome.accepted else ()
        for name in sorted(set(after) - set(before)):
            if name not in allowed:
                outcome.problems.append(f"file left: {name}")
                (self.folder / name).unlink()
        for name in sorted(before):
            if after.get(name) != before[name] and name not in allowed:
                outcome.problems.append(f"file {'changed' if name in after else 'lost'}: {name}")
        return judge(outcome)


class WorkerKind(Kind):
    """A kind that goes to the real worker as a request."""

    def command(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "models.worker")

    def started(self) -> None:
        torch_too = {
            "preset": str(self.tiny_model),
            "device": "cpu",
        }  # its import is not the first case's time
        for first in (self.ask("hello", {}, START_SECONDS), self.ask("load", torch_too, START_SECONDS)):
            if first.problems or not first.accepted:
                raise RuntimeError(f"the worker does not start: {first}")

    def ask(self, method: str, params: Any, patience: float = PATIENCE_SECONDS) -> Outcome:
        """Send one request and wait for its end."""
        line = json.dumps({"id": 1, "method": method, "params": params}).encode() + b"\n"
        return self.say(line, patience)

    def say(self, line: bytes, patience: float = PATIENCE_SECONDS) -> Outcome:
        """Send bytes and wait for the reply that ends them."""
        outcome, begun = Outcome(), time.monotonic()
        try:
            self.program.write(line)
            while (reply := self.program.read(begun + patience))["event"] not in ("result", "error"):
                continue
            outcome.accepted = reply["event"] == "result"
            outcome.code, outcome.message = reply.get("code", ""), reply.get("message", "")
        except Died as error:
            outcome.problems.append(f"died: {error}")
            outcome.accepted = True  # there is no sentence to judge
        except Hung as error:
            outcome.problems.append(f"slow: {error}")
            outcome.accepted = True
        outcome.seconds, outcome.peak_mb = time.monotonic() - begun, self.program.peak_mb()
        if any(problem.startswith("slow") for problem in outcome.problems):
            self.program.kill()
        return outcome


class BlenderKind(Kind):
    """A kind that goes to the extension inside Blender."""

    def command(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "tests.fuzz.blender_side", f"{self.folder}-blender")

    def started(self) -> None:
        self.program.read(time.monotonic() + START_SECONDS)

    def ask(self, what: str, **body: Any) -> tuple[Outcome, dict[str, Any]]:
        """Send one case. Returns how it ended and the whole answer."""
        outcome, begun, answer = Outcome(), time.monotonic(), {}
        try:
            self.program.write(json.dumps({"what": what, **body}).encode() + b"\n")
            answer = self.program.read(begun + PATIENCE_SECONDS)
            outcome.accepted = answer["accepted"]
            outcome.code, outcome.message = answer.get("code", ""), answer.get("message", "")
            outcome.problems += answer.get("problems", [])
        except (Died, Hung) as error:
            outcome.problems.append(f"{'died' if isinstance(error, Died) else 'slow'}: {error}")
            outcome.accepted = True
        outcome.seconds, outcome.peak_mb = time.monotonic() - begun, self.program.peak_mb()
        if outcome.problems:
            self.program.kill()
        return outcome, answer
