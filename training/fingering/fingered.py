# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes of which some or all have a finger, by print or as a pianist played them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.body.notes import Notes


@dataclass(frozen=True)
class FingeredScore:
    """A piece and the fingers that are known of it."""

    path: Path
    notes: Notes
    """By onset, then pitch; each in a hand. In print the left hand has the lower staff, the right hand the upper, and
    velocity is always 80."""
    digits: NDArray[np.int8]
    """(n,) 0 thumb to 4 little finger; -1 where nothing (or nothing certain) is known."""
