# SPDX-License-Identifier: GPL-3.0-or-later
"""Warm memory: held in small steps, let go when it is wanted."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from s2c_blender.core.heap_prefault import BLOCK_BYTES, LEAST_BYTES, STEP_BYTES, WarmMemory

COPY = """
import resource, sys
import numpy as np
from s2c_blender.core.heap_prefault import WarmMemory
memory = WarmMemory()
for _ in memory.warm(int(sys.argv[1])):
    pass
memory.release()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
copy = [np.ones(32 << 10, np.uint8) for _ in range(20 << 5)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
"""Prints the page faults of a copy of 20 MB in pieces as Blender's undo makes them."""


def held(memory):
    return sum(block.nbytes for block in memory._blocks)


def test_a_small_copy_needs_none():
    memory = WarmMemory()
    assert list(memory.warm(LEAST_BYTES - 1)) == [] and held(memory) == 0
    memory.release()
    memory.close()


def test_what_is_wanted_is_held_a_little_at_a_time_and_let_go():
    size, memory, steps = 20 << 20, WarmMemory(), [0]
    steps.extend(held(memory) for _ in memory.warm(size))
    assert max(np.diff(steps)) <= STEP_BYTES + BLOCK_BYTES and size <= held(memory) <= size + STEP_BYTES
    memory.release(size // 2)
    assert held(memory) == pytest.approx(steps[-1] - size // 2, abs=2 * BLOCK_BYTES)
    memory.release()
    assert len(memory._blocks) == 1
    memory.close()
    assert held(memory) == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page faults are counted by Linux")
def test_a_copy_into_warm_memory_asks_the_system_for_next_to_nothing():
    command = [sys.executable, "-c", COPY]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    cold, warm = (
        int(subprocess.run([*command, size], check=True, capture_output=True, env=environment).stdout)
        for size in ("0", str(21 << 20))
    )
    assert cold > 4000 and warm < cold / 4
