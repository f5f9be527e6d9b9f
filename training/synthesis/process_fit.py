# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the habits of the hand's process to real pianists: `python -m training fit-hands --real FINGERTIPS.npz`.

The process is given the notes and the fingering of real excerpts and must come out with the moments that their
fingertips have. Habits begin as those moments themselves and are corrected, round by round, by what the drawn hands
have too much or too little of (moment matching): the mean by the difference, the covariance by the linear map that
would turn the drawn one into the real one (optimal transport between normal distributions). Both hands count alike.

With scores, further rounds correct the mean by what inverse kinematics and key contact make of it (`contact_fit.py`);
matching the covariance there, too, costs notes (docs/calibration.md).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.realism import distance_to_real, motion_features
from models.skeleton import LEFT, RIGHT
from training.synthesis.contact_fit import SCORE_FPS, played_scores
from training.synthesis.hand_notes import notes_of_hand
from training.synthesis.hand_process import FITTED_PATH, HandHabits, HandPath, draw_hand
from training.synthesis.real_notes import REAL_FPS, RealExcerpt, real_excerpts
from training.synthesis.style import Style

_SIDE = {LEFT: np.array([-1.0, 1.0]), RIGHT: np.array([1.0, 1.0])}
_STEP = 0.7
ABOUT = (
    "Offsets of fingertips from the wrist: mean (metres) and covariances between players and while one plays, fitted "
    "on the PianoMime data set (Qian et al., CoRL 2024, MIT) by training/synthesis/process_fit.py."
)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `fit-hands`."""
    parser = commands.add_parser("fit-hands", help="fit how hands lie over the keys to real fingertip paths")
    parser.add_argument("--real", type=Path, required=True, help="fingertips.npz of the PianoMime data set")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument(
        "--scores", type=Path, help="then go on with hands that play these, after key contact"
    )
    parser.add_argument("--contact-rounds", type=int, default=3, help="so many rounds of those")
    parser.add_argument("--pieces", type=int, default=80, help="of so many scores each")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--every", type=int, default=5, help="take every so-manieth excerpt")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="replace the file that the synthesiser reads")
    parser.set_defaults(main=fit_main)


def fit_main(arguments: argparse.Namespace) -> int:
    """Fit, print what each round reaches, and write the file if asked to."""
    try:
        excerpts = real_excerpts(arguments.real)[:: max(arguments.every, 1)]
    except (OSError, KeyError, ValueError) as error:
        print(f"fit-hands: {error}", file=sys.stderr)
        return 2
    if not excerpts:
        print(f"fit-hands: {arguments.real} holds no excerpt that is long enough", file=sys.stderr)
        return 2
    habits = first_habits(excerpts)
    for turn in range(arguments.rounds + 1):
        drawn = [draw_excerpt(one, habits, [arguments.seed, k]) for k, one in enumerate(excerpts)]
        distance = distance_to_real(np.concatenate([features(one) for one in drawn]))
        print(f"round {turn}: real-motion distance on the real notes {distance:.2f}", flush=True)
        if turn < arguments.rounds:
            habits = matched(habits, excerpts, drawn)
    for turn in range(arguments.contact_rounds + 1 if arguments.scores else 0):
        drawn = played_scores(
            arguments.scores, arguments.pieces, habits, arguments.seed + turn, arguments.processes
        )
        distance = distance_to_real(np.concatenate([features(one, SCORE_FPS) for one in drawn]))
        print(f"after contact, round {turn}: real-motion distance on scores {distance:.2f}", flush=True)
        if turn < arguments.contact_rounds:
            habits = replace(habits, mean=matched(habits, excerpts, drawn).mean)
    if arguments.write:
        write_habits(habits, FITTED_PATH)
        print(f"wrote {FITTED_PATH}")
    return 0


def offsets(wrist: NDArray[np.floating], tips: NDArray[np.floating], hand: int) -> NDArray[np.float64]:
    """(F, 10) fingertips from the wrist in right-hand terms, of wrists (F, 2, 2) and tips (F, 2, 5, 2)."""
    return ((tips[:, hand] - wrist[:, hand, None]) * _SIDE[hand]).reshape(len(wrist), 10)


def first_habits(excerpts: list[RealExcerpt]) -> HandHabits:
    """Moments of the real offsets: of both hands alike, between excerpts and within them."""
    found = [[offsets(one.wrist, one.tips, hand) for one in excerpts] for hand in (LEFT, RIGHT)]
    means = [np.array([part.mean(0) for part in hand]) for hand in found]
    sizes = np.array([len(one.wrist) for one in excerpts], float)
    within = [
        sum(np.cov(part, rowvar=False) * size for part, size in zip(hand, sizes, strict=True)) / sizes.sum()
        for hand in found
    ]
    between = [np.cov(part, rowvar=False) if len(part) > 1 else np.zeros((10, 10)) for part in means]
    return HandHabits(
        np.mean([part.mean(0) for part in means], axis=0),
        np.mean(between, axis=0),
        np.mean(within, axis=0),
    )


def draw_excerpt(excerpt: RealExcerpt, habits: HandHabits, seed: list[int]) -> tuple[HandPath, HandPath]:
    """Both hands of an average player on a real excerpt's notes, right-hand terms, at ``REAL_FPS``."""
    rng, style = np.random.default_rng(seed), Style()
    hands, fingers = excerpt.fingering.T
    left, right = (
        draw_hand(
            notes_of_hand(excerpt.notes, hands, fingers, hand),
            style,
            len(excerpt.wrist),
            REAL_FPS,
            rng,
            habits,
        )
        for hand in (LEFT, RIGHT)
    )
    return left, right


def features(drawn: tuple[HandPath, HandPath], fps: float = REAL_FPS) -> NDArray[np.float64]:
    """(F, 25) features of the real-motion distance of paths at ``fps``."""
    wrist = np.stack([path.wrist * _SIDE[hand] for hand, path in enumerate(drawn)], 1)
    tips = np.stack([path.tips * _SIDE[hand] for hand, path in enumerate(drawn)], 1)
    return motion_features(wrist, tips, fps)


def matched(
    habits: HandHabits, excerpts: list[RealExcerpt], drawn: list[tuple[HandPath, HandPath]]
) -> HandHabits:
    """Habits corrected by what drawn hands have too much or too little of."""
    real = np.concatenate([offsets(one.wrist, one.tips, hand) for one in excerpts for hand in (LEFT, RIGHT)])
    mine = np.concatenate(
        [(path.tips - path.wrist[:, None]).reshape(-1, 10) for both in drawn for path in both]
    )
    change = np.eye(10) + _STEP * (
        transport(np.cov(mine, rowvar=False), np.cov(real, rowvar=False)) - np.eye(10)
    )
    mean = habits.mean + _STEP * (real.mean(0) - mine.mean(0))
    return HandHabits(mean, habits.between, change @ habits.within @ change.T)


def transport(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric matrix that turns a normal variable of covariance ``one`` into one of covariance ``other``."""
    root = _root(one)
    inverse = np.linalg.inv(root)
    return inverse @ _root(root @ other @ root) @ inverse


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 1e-16, None))) @ vectors.T


def write_habits(habits: HandHabits, path: Path) -> None:
    """Write the file that `fitted_habits` reads."""

    def numbers(values: NDArray[np.float64]) -> list:
        return json.loads(json.dumps(values.tolist()), parse_float=lambda text: float(f"{float(text):.6g}"))

    data = {
        "about": ABOUT,
        "mean": numbers(habits.mean),
        "between": numbers(habits.between),
        "within": numbers(habits.within),
    }
    path.write_text(json.dumps(data).replace("], [", "],\n  [").replace(', "', ',\n "') + "\n", "utf-8")
