# SPDX-License-Identifier: GPL-3.0-or-later
"""The fuzzer finds what it looks for, and finds nothing in the programs as they are (short form)."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.kinds import base
from tests.fuzz.kinds.base import WorkerKind
from tests.fuzz.mutate import mutate_bytes, mutate_value
from tests.fuzz.verdict import Outcome

COUNT = 10
SEED = 20

BAD_WORKER = """
import json, os, sys, time
for line in sys.stdin:
    request = json.loads(line)
    fault, reply = sys.argv[1], {"id": request["id"], "event": "error", "code": "bad", "message": "This is no take."}
    if request["method"] in ("hello", "load"):
        reply["event"] = "result"
    elif fault == "dies":
        sys.exit("Segmentation fault")
    elif fault == "hangs":
        time.sleep(60)
    elif fault == "takes memory":
        taken = bytes(os.urandom(1) * (1200 << 20))
    elif fault == "leaves a file":
        open("case/take.npz.part", "w").write("half")
    elif fault == "loses a file":
        os.unlink("case/input")
    elif fault == "changes a file":
        open("case/input", "a").write("more")
    elif fault == "did not foresee":
        reply["code"] = "unexpected"
    elif fault == "prints a traceback":
        reply["message"] = "Traceback (most recent call last): x."
    elif fault == "shows escapes":
        reply["message"] = "No file \\x1b[31mred."
    elif fault == "shows numbers":
        reply["message"] = f"The number {10**50} is too large."
    print(json.dumps(reply), flush=True)
"""


class BadWorker(WorkerKind):
    """A kind whose program has one fault."""

    name = "bad"
    fault = ""

    def command(self) -> tuple[str, ...]:
        return (sys.executable, "-c", BAD_WORKER, self.fault)

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        (self.case / "input").write_text("mine")
        before = self.files()
        return self.finish(self.ask("generate", {}), before, ("case/take.npz",))


@pytest.mark.parametrize(
    "fault, finding",
    [
        ("none", ""),
        ("dies", "died"),
        ("hangs", "slow"),
        ("takes memory", "memory"),
        ("leaves a file", "file left"),
        ("loses a file", "file lost"),
        ("changes a file", "file changed"),
        ("did not foresee", "unforeseen"),
        ("prints a traceback", "traceback"),
        ("shows escapes", "sentence"),
        ("shows numbers", "sentence"),
    ],
)
def test_each_fault_is_found(
    fault: str, finding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault == "takes memory" and not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not tell how much memory a process had")
    if fault == "hangs":
        monkeypatch.setattr(base.WorkerKind.ask, "__defaults__", (1.0,))
    monkeypatch.setattr(BadWorker, "fault", fault)
    (tmp_path / "bad").mkdir()
    kind = BadWorker(tmp_path / "bad", tmp_path)
    try:
        outcome = kind.run(0, random.Random(1))
        again = kind.run(1, random.Random(1))  # a program that died is started afresh
    finally:
        kind.close()
    for found in (outcome, again):
        assert (
            any(problem.startswith(finding) for problem in found.problems) if finding else not found.problems
        )


def test_the_same_seed_gives_the_same_inputs() -> None:
    value = {"a": [1, 2, {"b": "text"}], "c": 0.5}
    data = bytes(range(256)) * 4
    seen = {
        repr((mutate_value(value, random.Random(s)), mutate_bytes(data, random.Random(s)))) for s in (1, 1, 1)
    }
    assert len(seen) == 1
    others = {mutate_bytes(data, random.Random(s)) for s in range(50)}
    assert len(others) > 45
    assert value == {"a": [1, 2, {"b": "text"}], "c": 0.5}, "the source is not changed"


@pytest.mark.timeout(600)
def test_nothing_is_found_in_a_few_inputs_of_every_kind(project_root: Path) -> None:
    """The long form is `python -m tests.fuzz`; another seed than last week's belongs there, not here."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--count", str(COUNT), "--seed", str(SEED)],
        cwd=project_root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert done.stdout.count(f" {COUNT} ") >= 8, done.stdout
