# SPDX-License-Identifier: GPL-3.0-or-later
"""Heights over time of two takes of the same notes: the fingertip that plays, and the wrist of its hand."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window here
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from models.body.kinematics import forward_kinematics
from models.body.skeleton import RIGHT
from models.body.take import Take
from models.evaluation.scores import hand_size_of
from models.whole_file import whole_file

_COLOURS = ("tab:blue", "tab:red")
_NEAR_S = 0.02


def playing_heights(take: Take, hand: int = RIGHT) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fingertip and wrist (frames,) above the white keys, metres, of one hand.

    The fingertip is that of the note that is nearest, the highest of a chord; nan where another one's turn begins.
    """
    motion, notes = take.motion, take.notes
    tips = forward_kinematics(motion.euler, motion.wrist, hand_size_of(take)).tips[:, hand, :, 2]
    mine = np.flatnonzero((notes.hand == hand) & (notes.finger >= 0))
    if not len(mine):
        raise ValueError("the hand plays nothing")
    chord = np.split(mine, np.flatnonzero(np.diff(notes.onset_s[mine]) > _NEAR_S) + 1)
    top = np.array([group[np.argmax(notes.pitch[group])] for group in chord])
    onset = notes.onset_s[top]
    turns = (onset[1:] + onset[:-1]) / 2
    frame = np.arange(motion.frames)
    turn = np.searchsorted(turns, frame / motion.fps)
    tip = tips[frame, notes.finger[top][turn]].astype(float)
    tip[np.diff(turn, prepend=0) > 0] = np.nan
    return tip, motion.wrist[:, hand, 2].astype(float)


def draw(pairs: dict[str, list[Path]], path: Path) -> None:
    """Write a picture with a row for each pair of takes: fingertip left, wrist right."""
    figure, axes = plt.subplots(len(pairs), 2, figsize=(11, 2.9 * len(pairs)), sharex="row", squeeze=False)
    for (name, takes), (tip, wrist) in zip(pairs.items(), axes, strict=True):
        for each, colour in zip(takes, _COLOURS, strict=True):
            _draw_take(Take.load(each), each.stem, colour, tip, wrist)
        tip.set(title=f"{name}: tip of the playing finger", ylabel="above the white keys, mm")
        wrist.set(title=f"{name}: wrist")
        tip.axhline(0, color="0.6", linewidth=0.8)
        for axis in (tip, wrist):
            axis.grid(alpha=0.3)
            axis.set_xlabel("s")
        tip.legend(loc="upper right")
    figure.tight_layout()
    with whole_file(path) as part:
        figure.savefig(part, dpi=80, format="png")
    plt.close(figure)


def _draw_take(take: Take, label: str, colour: str, tip: Axes, wrist: Axes) -> None:
    seconds = np.arange(take.motion.frames) / take.motion.fps
    for axis, height in zip((tip, wrist), playing_heights(take), strict=True):
        axis.plot(seconds, 1000 * height, color=colour, label=label, linewidth=1.2)
