# SPDX-License-Identifier: GPL-3.0-or-later
"""One finger from key to key past a black one: it gets over its edge, and strikes it neither on a frame nor between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from test_contact_separation import hands_at

from models.body.keyboard import key_x, struck_keys
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.contact import apply_contact, costs
from models.contact.schedule import over_edge, plan_presses
from models.evaluation.fine_motion import fine_motion
from models.evaluation.scores import Score, onset_score

FPS = 30.0
D4 = 62
"""Keys lie mirrored about it."""


def test_which_ways_lead_into_the_side_of_a_black_key() -> None:
    for one, other, runs in [
        (60, 61, True),
        (61, 60, True),
        (60, 62, True),
        (64, 65, False),
        (64, 67, True),
        (60, 60, False),
        (49, 51, False),
        (49, 54, False),
        (49, 52, True),
        (107, 108, False),
        (21, 24, True),
    ]:
        assert over_edge(np.array([one]), np.array([other])) == runs, (one, other)
        assert over_edge(np.array([2 * D4 - one]), np.array([2 * D4 - other])) == runs, "in the mirror"


def from_key_to_key(keys: list[int], period: float, velocity: float, finger: int, hand: int) -> Notes:
    """Bound tones of one finger that leaves each key when its note ends."""
    table = [[0.7 + i * period, 0.7 + (i + 1) * period, key, velocity] for i, key in enumerate(keys)]
    notes = Notes.from_arrays(table, hand=np.full(len(keys), hand))
    return replace(notes, finger=np.full(len(keys), finger), release_s=notes.offset_s.astype(np.float64))


def played(keys: list[int], period: float, velocity: float, finger: int, hand: int = RIGHT) -> Score:
    """What is struck, between the frames, too, by a hand that was generated in the middle of the keys."""
    notes = from_key_to_key(keys, period, velocity, finger, hand)
    frames = round((notes.offset_s[-1] + 0.6) * FPS)
    where: NDArray[np.float64] = np.interp(np.arange(frames) / FPS, notes.onset_s, key_x(np.array(keys)))
    own, other = (-1, 1) if hand == LEFT else (1, -1)
    x = np.empty((frames, 2))
    x[:, hand] = where + own * (0.02 - 0.02 * finger)
    x[:, 1 - hand] = other * 0.45
    motion = hands_at(x)
    motion.wrist[..., 1] = -0.06
    fine = fine_motion(apply_contact(motion, notes).motion)
    return onset_score(struck_keys(fine.tips), fine.rate, notes).score


SCENES = {
    "index, black to white past another black": ([66, 69, 66, 69, 66, 69], 0.5, 66.0, 1),
    "little finger, the same, soft": ([66, 69, 66, 69, 66, 69], 0.5, 37.0, 4),
    "index, black to white, soft": ([66, 65, 66, 65, 66], 0.6, 37.0, 1),
    "index, white to white past a black one, soft": ([60, 62, 60, 62, 60, 62], 0.35, 37.0, 1),
    "little finger, the same": ([60, 62, 60, 62, 60, 62], 0.5, 37.0, 4),
    "index, white to black past another black": ([65, 70, 65, 70, 65, 70], 0.25, 37.0, 1),
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("hand", [LEFT, RIGHT])
def test_a_finger_strikes_no_key_on_its_way(scene: str, hand: int) -> None:
    keys, period, velocity, finger = SCENES[scene]
    keys = [key if hand == RIGHT else 2 * D4 - key for key in keys]
    assert played(keys, period, velocity, finger, hand) == Score(len(keys), 0, 0)


def test_a_finger_that_comes_down_before_it_is_past_an_edge_strikes_what_is_in_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(costs, "_HARDLY_M", -1.0)
    assert sum(played(*scene).false for scene in SCENES.values()) > 6


def test_a_finger_lets_go_sooner_where_it_has_to_get_over_an_edge() -> None:
    def up(keys: list[int]) -> float:
        presses = plan_presses(from_key_to_key(keys, 0.5, 60.0, 1, RIGHT), FPS)
        return FPS * float(presses.down_s[1] - presses.up_s[0])

    assert up([64, 65]) < 3.5
    assert up([65, 67]) == up([65, 66]) == up([66, 69]) == pytest.approx(4.1)
