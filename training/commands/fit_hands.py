# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the habits of the hand's process to real pianists: `python -m training fit-hands --real FINGERTIPS.npz`.

The process is given the notes and the fingering of real excerpts and must come out with the moments that their
fingertips have. Habits begin as those moments themselves and are corrected, round by round, by what the drawn hands
have too much or too little of (moment matching): the mean by the difference, the covariance by the linear map that
would turn the drawn one into the real one (optimal transport between normal distributions). Each hand is fitted by
itself; how players differ is taken from both.

With scores, further rounds correct them by what inverse kinematics and key contact make of them (`contact_fit.py`).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.app.command_line import complain
from models.body.player import Player, draw_player_scores
from models.body.skeleton import LEFT, RIGHT
from models.evaluation.real_motion_distance import distance_to_real, motion_features
from models.whole_file import write_text_whole
from training.synthesis.contact_fit import SCORE_FPS, played_scores
from training.synthesis.hand_notes import notes_of_hand
from training.synthesis.hand_process import FITTED_PATH, HandHabits, HandPath, draw_hand
from training.synthesis.real_notes import REAL_FPS, RealExcerpt, real_excerpts

_SIDE = {LEFT: np.array([-1.0, 1.0]), RIGHT: np.array([1.0, 1.0])}
_STEP, _SPREAD_STEP = 0.7, 0.35
"""Of what is wrong, so much is corrected in a round; of spreads less, for hands do not follow them freely."""
ABOUT = (
    "Offsets of fingertips from the wrist: mean (metres) and covariances between players and while one plays, fitted "
    "on the PianoMime data set (Qian et al., CoRL 2024, MIT) by training/commands/fit_hands.py."
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
        complain(error)
        return 2
    if not excerpts:
        complain(ValueError(f"{arguments.real} holds no excerpt that is long enough"))
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
            habits = matched(habits, excerpts, drawn)
    if arguments.write:
        write_habits(habits, FITTED_PATH)
        print(f"wrote {FITTED_PATH}")
    return 0


def offsets(
    wrist: NDArray[np.floating[Any]], tips: NDArray[np.floating[Any]], hand: int
) -> NDArray[np.float64]:
    """(F, 10) fingertips from the wrist in right-hand terms, of wrists (F, 2, 2) and tips (F, 2, 5, 2)."""
    return ((tips[:, hand] - wrist[:, hand, None]) * _SIDE[hand]).reshape(len(wrist), 10)


def first_habits(excerpts: list[RealExcerpt]) -> HandHabits:
    """Moments of the real offsets: between excerpts, of both hands alike, and within them, of each hand."""
    leans, middles, means, within, between = [], [], [], [], []
    for hand in (LEFT, RIGHT):
        x = [one.wrist[:, hand, 0] * _SIDE[hand][0] for one in excerpts]
        found = [offsets(one.wrist, one.tips, hand) for one in excerpts]
        lean, middle = leaning(np.concatenate(x), np.concatenate(found)), float(np.concatenate(x).mean())
        rest = [part - lean * (place - middle)[:, None] for part, place in zip(found, x, strict=True)]
        averages = np.array([part.mean(0) for part in rest])
        inner = np.concatenate([part - part.mean(0) for part in rest])
        leans.append(lean)
        middles.append(middle)
        means.append(averages.mean(0))
        within.append(np.cov(inner, rowvar=False))
        between.append(np.cov(averages, rowvar=False) if len(averages) > 1 else np.zeros((10, 10)))
    return HandHabits(
        np.array(means), np.mean(between, axis=0), np.array(within), np.array(leans), np.array(middles)
    )


def leaning(x: NDArray[np.float64], found: NDArray[np.float64]) -> NDArray[np.float64]:
    """(10,) slopes of offsets (F, 10) over the wrist's X (F,)."""
    apart = x - x.mean()
    return apart @ found / max(float(apart @ apart), 1e-9)


def draw_excerpt(excerpt: RealExcerpt, habits: HandHabits, seed: list[int]) -> tuple[HandPath, HandPath]:
    """Both hands of a player of average style on a real excerpt's notes, right-hand terms, at ``REAL_FPS``."""
    rng = np.random.default_rng(seed)
    player = Player(scores=draw_player_scores(rng))
    left, right = (
        draw_hand(
            notes_of_hand(excerpt.notes, hand),
            hand,
            player,
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
    means, withins, leans = [], [], []
    for hand in (LEFT, RIGHT):
        real = np.concatenate([offsets(one.wrist, one.tips, hand) for one in excerpts])
        real_x = np.concatenate([one.wrist[:, hand, 0] for one in excerpts]) * _SIDE[hand][0]
        mine = np.concatenate(
            [(both[hand].tips - both[hand].wrist[:, None]).reshape(-1, 10) for both in drawn]
        )
        mine_x = np.concatenate([both[hand].wrist[:, 0] for both in drawn])
        change = np.eye(10) + _SPREAD_STEP * (
            transport(np.cov(mine, rowvar=False), np.cov(real, rowvar=False)) - np.eye(10)
        )
        means.append(habits.mean[hand] + _STEP * (real.mean(0) - mine.mean(0)))
        withins.append(change @ habits.within[hand] @ change.T)
        leans.append(habits.lean[hand] + _STEP * (leaning(real_x, real) - leaning(mine_x, mine)))
    return HandHabits(np.array(means), habits.between, np.array(withins), np.array(leans), habits.middle)


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

    def numbers(values: NDArray[np.float64]) -> list[Any]:
        return json.loads(json.dumps(values.tolist()), parse_float=lambda text: float(f"{float(text):.6g}"))

    data = {
        "about": ABOUT,
        "mean": numbers(habits.mean),
        "between": numbers(habits.between),
        "within": numbers(habits.within),
        "lean": numbers(habits.lean),
        "middle": numbers(habits.middle),
    }
    write_text_whole(path, json.dumps(data).replace("], [", "],\n  [").replace(', "', ',\n "') + "\n")
