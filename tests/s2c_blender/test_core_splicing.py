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


def all_keys_alike(frames: list[float], values: list[float], kind: int = LINEAR) -> dict[str, np.ndarray]:
    """Keys of one kind, with the other things that a key has."""
    count = len(frames)
    return {
        "co": np.stack([frames, values], 1).astype(np.float32),
        "interpolation": np.full(count, kind, np.int32),
        "handle_left": np.zeros((count, 2), np.float32),
        "select_control_point": np.ones(count, np.bool_),
    }


def test_a_flat_segment_needs_one_key_beside_the_range() -> None:
    stretch = Stretch(5, np.array([1, 2], np.float32), 1, 20)
    spliced = splice(all_keys_alike([1, 20], [0.5, 0.5]), stretch, lambda frame: 0.5)
    assert spliced["co"].tolist() == [[1, 0.5], [4, 0.5], [5, 1], [6, 2], [7, 0.5], [20, 0.5]]
    assert spliced["interpolation"].tolist() == [LINEAR] * 6
    assert spliced["select_control_point"].tolist() == [True, False, False, False, False, True]


def test_a_shaped_segment_gets_a_key_a_frame_outside_the_range() -> None:
    stretch = Stretch(5, np.array([9, 9], np.float32), 1, 10)
    spliced = splice(all_keys_alike([2, 8.5], [0, 6.5], kind=2), stretch, lambda frame: frame - 2)
    assert spliced["co"][:, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 8.5]
    assert spliced["co"][:, 1].tolist() == [0, 1, 2, 9, 9, 5, 6, 6.5]
    assert spliced["interpolation"].tolist() == [2, LINEAR, LINEAR, LINEAR, LINEAR, LINEAR, LINEAR, 2]


def test_a_range_at_the_ends_of_the_take_adds_nothing_outside() -> None:
    stretch = Stretch(1, np.array([7, 8, 9], np.float32), 1, 3)
    spliced = splice(all_keys_alike([1, 3], [0, 0]), stretch, lambda frame: 0.0)
    assert spliced["co"][:, 0].tolist() == [1, 2, 3]
