# SPDX-License-Identifier: GPL-3.0-or-later
"""Take files: read at once, and rewritten with other arrays."""

import numpy as np

from s2c_blender.takes.take_file import load_take

KNOTS = np.array([[60, 0.05, 0], [60, 0.1, 1], [60, 0.5, 0], [64, 0.9, 0], [64, 1, 0.9]], np.float32)


def read(path):
    """The take of a file, all steps at once, and how many there were."""
    steps = list(load_take(path))
    return steps[-1], len(steps)


def rewrite(path, **changes):
    """The good take at `path` with other arrays; None leaves one out."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {**dict(data), **changes}
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})


def with_arms(path, **changes):
    """The good take at `path` as one of format 2."""
    with np.load(path, allow_pickle=False) as data:
        wrist = data["wrist"]
    arms = {
        "elbow": wrist + np.float32([0, -0.25, 0]),
        "shoulder": wrist + np.float32([0, -0.35, 0.25]),
        "keys": KNOTS,
        "meta": np.array('{"format": 2, "seed": 1}'),
    }
    rewrite(path, **{**arms, **changes})
