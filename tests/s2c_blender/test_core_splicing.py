# SPDX-License-Identifier: GPL-3.0-or-later
"""A redone range among keys of different kinds: each side is judged by the segment that led over the edge."""

import numpy as np

from s2c_blender.core.splicing import LINEAR, Stretch, splice

CURVED = 2


def keys(frames: list[float], values: list[float], kinds: list[int]) -> dict[str, np.ndarray]:
    return {
        "co": np.stack([frames, values], 1).astype(np.float32),
        "interpolation": np.array(kinds, np.int32),
    }


def frames_after(given: dict[str, np.ndarray]) -> list[float]:
    stretch = Stretch(8, np.array([1, 2], np.float32), 1, 20)
    found: list[float] = splice(given, stretch, lambda frame: 0.5)["co"][:, 0].tolist()
    return found


def test_the_segment_that_the_range_cuts_says_whether_one_key_is_enough() -> None:
    flat_at_last = keys([1, 3, 13], [0.0, 0.5, 0.5], [LINEAR] * 3)
    assert frames_after(flat_at_last) == [1, 3, 7, 8, 9, 10, 13]
    flat_at_first = keys([1, 3, 13], [0.5, 0.5, 0.9], [LINEAR] * 3)
    assert frames_after(flat_at_first) == [1, *range(3, 14)]
    level_but_curved = keys([1, 3, 13], [0.5, 0.5, 0.5], [LINEAR, CURVED, LINEAR])
    assert frames_after(level_but_curved) == [1, *range(3, 14)]


def test_segments_wholly_outside_the_range_get_no_keys() -> None:
    given = keys([1, 5, 7, 10, 15], [0.1, 0.2, 0.3, 0.4, 0.5], [CURVED] * 5)
    assert frames_after(given) == [1, 5, 7, 8, 9, 10, 15]
