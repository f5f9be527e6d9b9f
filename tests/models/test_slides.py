# SPDX-License-Identifier: GPL-3.0-or-later
"""Key contact of glissandi: one finger slides over the keys, and no key of them is missed between two frames."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy.interpolate import interp1d
from test_contact_separation import colliding, hands_at

from models.body.keyboard import (
    BLACK_DIP,
    BLACK_FRONT,
    BLACK_HEIGHT,
    PRESS_DEPTH,
    STRUCK_SHARE,
    is_black,
    key_under,
    key_x,
    struck_keys,
)
from models.body.kinematics import outside_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.contact import apply_contact, schedule
from models.contact.key_curves import key_curves
from models.contact.note_dropping import Tangle, drop_notes
from models.contact.schedule import Presses, contact_points, plan_presses
from models.contact.slides import touching
from models.contact.strokes import Strokes, StrokeSampler
from models.evaluation.biomechanics import fingertips
from models.evaluation.fine_motion import fine_motion
from models.evaluation.scores import Score, onset_score
from models.planning.fingering import finger_notes

FPS = 30.0
MOMENTS = 8
"""Between two frames at which the way from one to the other is looked at."""
WHITE = [pitch for pitch in range(48, 90) if pitch % 12 in (0, 2, 4, 5, 7, 9, 11)]
BLACK = [pitch for pitch in range(48, 90) if pitch % 12 in (1, 3, 6, 8, 10)]


def row(keys: list[int], rate: float, hand: int = RIGHT) -> Notes:
    """A glissando from half a second on, and the fingers that play it."""
    table = [[0.5 + i / rate, 0.5 + (i + 0.9) / rate, pitch, 80] for i, pitch in enumerate(keys)]
    return finger_notes(Notes.from_arrays(table).with_hands(hand))


def sampled(notes: Notes, fps: float = FPS) -> tuple[Presses, Strokes]:
    presses = plan_presses(notes, fps)
    frames = round((notes.onset_s[-1] + 0.5) * fps)
    tips = np.full((frames, 2, 5, 3), 0.05)
    return presses, StrokeSampler(presses, frames, fps)(*contact_points(presses, tips, tips, fps))


def struck(strokes: Strokes, fps: float, notes: Notes) -> Score:
    """What fingers strike that keep to their strokes and go straight from frame to frame.

    Those that play nothing are kept out of the way.
    """
    points = strokes.points.copy()
    points[2, strokes.pitch == 0] = 0.05
    frames, fine = np.arange(points.shape[-1]), np.arange(points.shape[-1] * MOMENTS) / MOMENTS
    between = interp1d(frames, points)(np.minimum(fine, frames[-1]))
    return onset_score(struck_keys(between.transpose(3, 1, 2, 0)), fps * MOMENTS, notes).score


@pytest.mark.parametrize("keys", [WHITE, WHITE[::-1], BLACK, BLACK[::-1]])
@pytest.mark.parametrize("hand", [LEFT, RIGHT])
@pytest.mark.parametrize(("rate", "fps"), [(24, 30), (40, 30), (40, 60), (40, 24), (55, 30)])
def test_every_key_is_struck_in_time_and_no_other(
    keys: list[int], hand: int, rate: float, fps: float
) -> None:
    notes = row(keys, rate, hand)
    assert struck(sampled(notes, fps)[1], fps, notes) == Score(len(keys), 0, 0)


def test_the_finger_stays_down_and_goes_evenly() -> None:
    notes = row(WHITE, 40)
    presses, strokes = sampled(notes)
    lead = int(notes.finger[0])
    first, last = (int(np.ceil(time * FPS)) for time in notes.onset_s[[0, -1]])
    points = strokes.points[:, RIGHT, lead, first + 1 : last].T
    assert (points[:, 2] < -0.007).all() and np.ptp(points[:, 1]) < 1e-6
    assert (points[:, 1] < BLACK_FRONT - 0.005).all(), "before the black keys"
    way = np.diff(points[:, 0])
    assert way.min() > 0.6 * way.mean() and way.max() < 1.4 * way.mean()
    mine = presses.slot == RIGHT * 5 + lead
    assert touching(presses.down_s[mine], presses.up_s[mine])[1:].all()


def test_on_black_keys_it_stays_above_the_white_ones() -> None:
    notes = row(BLACK, 25)
    _, strokes = sampled(notes)
    lead = int(notes.finger[0])
    points, playing = strokes.points[:, RIGHT, lead].T, strokes.pitch[RIGHT, lead] > 0
    assert points[playing, 2].min() > BLACK_HEIGHT - BLACK_DIP > -PRESS_DEPTH
    assert (is_black(key_under(points[playing]) + 21)).mean() > 0.5


@pytest.mark.parametrize("keys", [WHITE, BLACK])
@pytest.mark.parametrize(("rate", "fps"), [(24, 30), (40, 30), (40, 60), (55, 30)])
def test_the_piano_shows_every_key_down_in_a_frame(keys: list[int], rate: float, fps: float) -> None:
    notes = row(keys, rate)
    curves = key_curves(notes, 120, fps)
    down = curves[curves[:, 2] > STRUCK_SHARE]
    for onset, pitch in zip(notes.onset_s, notes.pitch, strict=True):
        shown = down[down[:, 0] == pitch, 1]
        assert len(shown) and np.abs(shown - onset).min() < 1 / fps + 0.02, pitch


def test_a_glissando_turns_and_goes_back() -> None:
    up = WHITE[:12]
    notes = row(up + up[-2::-1], 28)
    assert struck(sampled(notes)[1], FPS, notes) == Score(23, 0, 0)


def test_fingers_that_lift_do_not_slide() -> None:
    table = [[0.5, 0.7, 60, 80], [0.75, 0.9, 62, 80], [0.82, 1.2, 61, 80], [0.88, 1.2, 72, 80]]
    notes = Notes.from_arrays(table, np.array([[1, 1]] * 4))
    presses = plan_presses(replace(notes, release_s=notes.offset_s), FPS)
    assert not touching(presses.down_s, presses.up_s).any()


def test_a_slide_of_which_a_key_is_left_out_goes_on() -> None:
    notes = row(WHITE[:12], 24)
    presses = plan_presses(notes, FPS)
    frame = round(presses.down_s[5] * FPS)
    tangle = Tangle(np.array([frame]), np.array([[int(presses.slot[5]), -1]]), np.array([0.001]))
    fewer = drop_notes(presses, tangle, FPS, np.zeros((90, 2), bool))
    assert len(fewer.note) == 11
    tips = np.full((60, 2, 5, 3), 0.05)
    strokes = StrokeSampler(fewer, 60, FPS)(*contact_points(fewer, tips, tips, FPS))
    score = struck(strokes, FPS, notes)
    assert score.hits >= 10 and score.false == 0


@functools.cache
def played(slides: bool, black: bool = False) -> tuple[Motion, Notes]:
    """Both hands on their way over the keys, one of them gliding, with key contact."""
    notes = row(BLACK if black else WHITE, 36)
    frames = round((notes.onset_s[-1] + 1.0) * FPS)
    way = np.interp(np.arange(frames) / FPS, notes.onset_s, key_x(notes.pitch))
    motion = hands_at(np.stack([np.full(frames, -0.45), way], 1))
    with pytest.MonkeyPatch.context() as patch:
        if not slides:
            patch.setattr(schedule, "slid_into", lambda down, slot, pitch: np.zeros(len(down), bool))
        return apply_contact(motion, notes).motion, notes


def strikes(motion: Motion, notes: Notes) -> Score:
    """What is struck, looked at between the frames, too."""
    fine = fine_motion(motion)
    return onset_score(struck_keys(fine.tips), fine.rate, notes).score


def along(motion: Motion, notes: Notes) -> float:
    """Metres from the front to the back that the gliding finger is at while it glides."""
    first, last = (int(np.ceil(time * FPS)) for time in notes.onset_s[[0, -1]])
    return float(np.ptp(fingertips(motion)[first + 1 : last, RIGHT, int(notes.finger[0]), 1]))


def fastest(motion: Motion) -> float:
    """Largest change of a joint angle, radians a second."""
    return float(np.abs(np.diff(motion.euler[:, :, 1:], axis=0)).max() * motion.fps)


def test_a_hand_glides_over_the_keys_and_plays_them_all() -> None:
    motion, notes = played(True)
    score = strikes(motion, notes)
    assert score == Score(len(notes), 0, 0)
    assert not colliding(motion).any() and not outside_limits(motion.euler).any()
    speed = np.abs(np.diff(motion.wrist[:, RIGHT, 0])).max() * FPS
    assert speed < 1.6 * 36 * 0.0235
    jammed, _ = played(False)
    assert along(motion, notes) < 0.001 < 0.002 < along(jammed, notes), "straight over the keys"
    assert fastest(motion) < 17


def test_a_hand_glides_over_the_black_keys_too() -> None:
    motion, notes = played(True, black=True)
    assert strikes(motion, notes) == Score(len(notes), 0, 0)
    assert not colliding(motion).any() and not outside_limits(motion.euler).any()
