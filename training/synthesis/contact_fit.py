# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingertips as the whole synthesiser leaves them: hands that play scores, after inverse kinematics and key contact.

Both move fingers: a thumb that is not to be hooked, fingers that must not cross, a wrist drawn to the fingers that
press. `process_fit` makes up for it, so that the hands that the model learns from, and not those before contact, have
the moments of real ones.
"""

from __future__ import annotations

import multiprocessing
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import torch

from models.body.player import Player, draw_player_scores
from models.body.skeleton import LEFT, RIGHT
from models.evaluation.biomechanics import fingertips
from training.synthesis.dataset import excerpt, move_hands
from training.synthesis.hand_process import HandHabits, HandPath
from training.synthesis.performance import perform
from training.synthesis.scores import Piece, index_pieces, load_score

SCORE_FPS = 30.0
_SECONDS = 20.0


def played_scores(
    scores: Path, count: int, habits: HandHabits, seed: int, processes: int
) -> list[tuple[HandPath, HandPath]]:
    """Both hands (right-hand terms) of average players on excerpts of ``count`` training pieces.

    Raises:
        FileNotFoundError: when there is no score.
    """
    pieces = [piece for piece in index_pieces(scores) if piece.split == "train"]
    order = np.random.default_rng(seed).permutation(len(pieces))
    task = partial(_played, habits=habits, seed=seed)
    found: list[tuple[HandPath, HandPath]] = []
    with multiprocessing.get_context("spawn").Pool(processes, torch.set_num_threads, (1,)) as pool:
        for both in pool.imap(task, (pieces[k] for k in order)):
            found += [both] if both is not None else []
            if len(found) == count:
                break
    return found


def _played(piece: Piece, habits: HandHabits, seed: int) -> tuple[HandPath, HandPath] | None:
    score = load_score(piece.path)
    if score is None:
        return None
    rng = np.random.default_rng([seed, zlib.crc32(piece.name.encode())])
    played = perform(excerpt(score, rng, _SECONDS, _SECONDS), rng, tempo_known=piece.tempo_known)
    notes = played.notes.copy()
    notes[:, :2] += 0.5
    duration_s = float(notes[:, 1].max()) + 0.5
    sample = move_hands(
        notes, played.hands, Player(scores=draw_player_scores(rng)), duration_s, rng, SCORE_FPS, habits
    )
    tips = fingertips(sample.motion, 1.0)[..., :2].astype(np.float64)
    wrist = sample.motion.wrist[..., :2].astype(np.float64)
    left, right = (
        HandPath(wrist[:, hand] * side, tips[:, hand] * side)
        for hand, side in ((LEFT, np.array([-1.0, 1.0])), (RIGHT, np.ones(2)))
    )
    return left, right
