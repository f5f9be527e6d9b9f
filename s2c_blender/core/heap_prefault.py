# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory that the allocator already has when one long copy needs it. No bpy.

Blender copies all keys of a new action twice at a stroke, for evaluation and for undo. Most of that time is the
operating system handing out fresh pages, a fault for every 4 kB. `warm` asks for as much memory a little at a time,
touches it and lets go, so that the copy finds it in the allocator. Where an allocator gives memory back at once
nothing is gained and nothing lost.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

PAGE_BYTES = 4096
BLOCK_BYTES = 96 * 1024
"""Below the 128 kB from which the C library maps blocks one by one and gives them back when they are freed."""
STEP_BYTES = 4 << 20
THRESHOLD_BYTES = 24 << 20
"""A block of this size, freed, teaches glibc to keep blocks that are smaller (its limit is 32 MB)."""
LEAST_BYTES = 4 << 20
"""Below this a cold copy is short enough."""


class WarmMemory:
    """Memory held for a later copy."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.uint8]] = []

    def warm(self, size: int) -> Iterator[None]:
        """Hold `size` bytes more, a few megabytes a step; nothing for a small size."""
        if size < LEAST_BYTES:
            return
        np.empty(THRESHOLD_BYTES, np.uint8)  # freed at once
        for start in range(0, size + BLOCK_BYTES, STEP_BYTES):
            for _ in range(start, min(start + STEP_BYTES, size + BLOCK_BYTES), BLOCK_BYTES):
                self._blocks.append(_touched(BLOCK_BYTES))
            yield
        self._blocks.sort(key=lambda block: block.ctypes.data, reverse=True)

    def release(self, size: int | None = None) -> None:
        """Let go of `size` bytes, of all when None, for the copy that comes now.

        The block at the highest address stays: a heap whose end is free would be made shorter.
        """
        count = len(self._blocks) - 1 if size is None else min(-(-size // BLOCK_BYTES), len(self._blocks) - 1)
        if count > 0:
            del self._blocks[-count:]

    def close(self) -> None:
        """Let go of the rest, after the copies."""
        self._blocks.clear()


def _touched(size: int) -> NDArray[np.uint8]:
    block = np.empty(size, np.uint8)
    block[::PAGE_BYTES] = 1
    return block
