# SPDX-License-Identifier: GPL-3.0-or-later
"""Two processes that share each batch train as one does."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from test_training import TINY

from training.stages.distributed import Share
from training.stages.loop import read_checkpoint

ROOT = Path(__file__).resolve().parents[2]
STEPS = 4


def train(shards: Path, out: Path, stage: int, processes: int, steps: int = STEPS) -> None:
    """The command as a user gives it, in processes of its own."""
    config = out.parent / "tiny.json"
    config.write_text(TINY.to_json())
    launch = [sys.executable, "-m"]
    if processes > 1:
        launch += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    command = [*launch, "training", "train", "--stage", str(stage), "--data", str(shards), "--out", str(out)]
    command += [
        "--config",
        str(config),
        "--steps",
        str(steps),
        "--batch",
        "4",
        "--device",
        "cpu",
        "--threads",
        "1",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-2000:]


def apart(one: Path, other: Path, stage: int) -> float:
    """Largest difference of two runs' weights."""
    first, second = (read_checkpoint(out / f"stage{stage}")["network"] for out in (one, other))
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@pytest.mark.slow
def test_two_processes_equal_one_and_take_over_its_run(shards, tmp_path) -> None:
    """Equal but for the order in which floats are summed; AdamW's first steps blow that up to about 1e-5."""
    for processes in (1, 2):
        train(shards, tmp_path / f"by {processes}", 1, processes)
    assert apart(tmp_path / "by 1", tmp_path / "by 2", 1) < 1e-4
    train(shards, tmp_path / "by 1", 1, 2, steps=STEPS + 2)  # the run of one process goes on in two
    train(shards, tmp_path / "by 2", 1, 2, steps=STEPS + 2)
    assert read_checkpoint(tmp_path / "by 1" / "stage1")["step"] == STEPS + 2
    assert apart(tmp_path / "by 1", tmp_path / "by 2", 1) < 1e-3


def test_shares_cover_a_batch_once() -> None:
    rows = [list(range(12))[Share(index, 3, 3).rows(12)] for index in range(3)]
    assert [row for part in rows for row in part] == list(range(12))
    assert list(range(5))[Share().rows(5)] == list(range(5))


def test_a_mean_leaves_out_what_does_not_count() -> None:
    total, count = torch.tensor(6.0), torch.tensor(0.0)
    assert Share().mean(total, count, 1.0) == 6.0
    assert Share().mean(total, torch.tensor(3.0)) == 2.0
