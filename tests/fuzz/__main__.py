# SPDX-License-Identifier: GPL-3.0-or-later
"""Give inputs broken at random to the real programs: `python -m tests.fuzz --count 1000 --seed 1`.

Of every kind (sounds, MIDI, hands, takes, model folders, what lies in a .blend, requests, lines and replies of the
worker) so many inputs are made and tried. Each must be taken, or refused in one sentence, within 20 s and 1 GB; no file
may be left or lost, no program may die. A table is printed; what went wrong is kept with its seed, and the exit code
is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.kinds import KINDS, Kind
from tests.fuzz.verdict import Outcome
from tests.models.tiny_model import save_tiny_model

MOST_SHOWN = 20


@dataclass
class Row:
    """What came of one kind."""

    kind: str
    accepted: int = 0
    refused: int = 0
    slowest: float = 0.0
    peak_mb: float = 0.0
    seconds: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[int, str]] = field(default_factory=list)
    """Number of the case and what was wrong."""

    def add(self, number: int, outcome: Outcome) -> None:
        self.accepted += outcome.accepted
        self.refused += not outcome.accepted
        self.codes[outcome.code or "ok"] += 1
        self.slowest = max(self.slowest, outcome.seconds)
        self.peak_mb = max(self.peak_mb, outcome.peak_mb or 0.0)
        self.findings += [(number, problem) for problem in outcome.problems]


def fuzz(kind: Kind, seed: int, numbers: range, keep: Path | None) -> Row:
    """Try the cases of one kind."""
    row, begun = Row(kind.name), time.monotonic()
    for number in numbers:
        outcome = kind.run(number, random.Random(f"{seed} {kind.name} {number}"))
        row.add(number, outcome)
        if outcome.problems and keep is not None:
            target = keep / f"{kind.name.replace(' ', '-')}-{seed}-{number}"
            shutil.copytree(kind.case, target, symlinks=True, dirs_exist_ok=True)
        if sys.stderr.isatty():
            print(f"\r{kind.name}: {number + 1}, {len(row.findings)} findings ", end="", file=sys.stderr)
    row.seconds = time.monotonic() - begun
    return row


def print_table(rows: list[Row]) -> None:
    """One line for each kind, then the findings."""
    heads = (
        ("inputs", 7),
        ("taken", 6),
        ("refused", 8),
        ("findings", 9),
        ("slowest s", 10),
        ("peak MB", 8),
        ("s", 6),
    )
    print(f"{'kind':14} " + " ".join(f"{head:>{width}}" for head, width in heads))
    for row in rows:
        print(
            f"{row.kind:14} {row.accepted + row.refused:7d} {row.accepted:6d} {row.refused:8d} "
            f"{len(row.findings):9d} {row.slowest:10.1f} {row.peak_mb:8.0f} {row.seconds:6.0f}"
        )
    for row in rows:
        print(f"{row.kind}: " + ", ".join(f"{code} {count}" for code, count in row.codes.most_common(12)))
        for number, problem in row.findings[:MOST_SHOWN]:
            print(f"    case {number}: {problem}")
        if len(row.findings) > MOST_SHOWN:
            print(f"    and {len(row.findings) - MOST_SHOWN} more")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="inputs of each kind (1000)")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first case (0), to repeat a finding"
    )
    parser.add_argument("--seed", type=int, default=None, help="drawn and printed when not given")
    parser.add_argument(
        "--kind", action="append", choices=list(KINDS), help="only this kind; may be repeated"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the inputs that went wrong")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory(prefix="s2c-fuzz-") as scratch:
        tiny = save_tiny_model(Path(scratch) / "tiny")
        for name in arguments.kind or KINDS:
            folder = Path(scratch) / name.replace(" ", "-")
            folder.mkdir()
            with contextlib.closing(KINDS[name](folder, tiny)) as kind:
                rows.append(
                    fuzz(
                        kind, seed, range(arguments.first, arguments.first + arguments.count), arguments.keep
                    )
                )
            print(f"{name} done, {len(rows[-1].findings)} findings", file=sys.stderr, flush=True)
    print_table(rows)
    return 1 if any(row.findings for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
