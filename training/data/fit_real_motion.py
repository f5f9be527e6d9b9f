# SPDX-License-Identifier: GPL-3.0-or-later
"""Write `models/evaluation/real_motion.json`: statistics of real pianists' motion that takes are compared with.

    python -m training.data.fit_real_motion path/to/pianomime/fingertips.npz

The data set holds `points` (F, 2, 6, 3), wrist and fingertips in the piano frame, `episode_ends` and `fps`. Frames in
the rest pose (Z above 0.1 m at the start of an excerpt) are left out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.real_motion_distance import REFERENCE_FPS, STATISTICS_PATH, motion_features, statistics
from models.whole_file import write_text_whole
from training.data.baselines import baselines

REST_HEIGHT_M = 0.1
ABOUT = (
    "Mean and covariance of 25 motion features of real pianists (models/evaluation/real_motion_distance.py gives "
    "their order; metres and metres a second), derived from the PianoMime data set (Qian et al., CoRL 2024, MIT) by "
    "training/data/fit_real_motion.py."
)


def excerpt_features(path: Path) -> list[NDArray[Any]]:
    """Features (F, 25) of every excerpt of the data set."""
    with np.load(path, allow_pickle=False) as data:
        points, ends, fps = data["points"], data["episode_ends"], float(data["fps"])
    if fps != REFERENCE_FPS:
        raise ValueError(
            f"the data set has {fps} frames a second, the features are defined at {REFERENCE_FPS}"
        )
    features = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        excerpt = points[start:end]
        playing = (excerpt[:, :, 1:, 2] < REST_HEIGHT_M).all((1, 2))
        found = motion_features(excerpt[:, :, 0], excerpt[:, :, 1:], fps)
        features.append(found[playing[1:] & playing[:-1]])
    return features


def main() -> None:
    """Read the data set, write the statistics, print what distances mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "fingertips", type=Path, help="fingertips.npz of the PianoMime data in the piano frame"
    )
    arguments = parser.parse_args()
    excerpts = excerpt_features(arguments.fingertips)
    real = statistics(np.concatenate(excerpts))
    text = json.dumps(
        {
            "about": ABOUT,
            "fps": REFERENCE_FPS,
            "frames": sum(map(len, excerpts)),
            "mean": [float(f"{value:.6g}") for value in real.mean],
            "covariance": [[float(f"{value:.6g}") for value in row] for row in real.covariance],
        }
    )
    write_text_whole(STATISTICS_PATH, text.replace("], [", "],\n  [").replace(', "', ',\n "') + "\n")
    print(f"wrote {STATISTICS_PATH}: {sum(map(len, excerpts))} frames of {len(excerpts)} excerpts")
    print("\n".join(baselines(excerpts).lines()))


if __name__ == "__main__":
    main()
