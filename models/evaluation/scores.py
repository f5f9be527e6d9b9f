# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of one take against the notes it should play (docs/definitions.md).

A key is struck when a contact point passes three quarters of its dip, and is down until the point passes half of it
(`models.body.keyboard`). Onset F1 looks at the moments when keys are struck, frame F1 at every moment at which a finger
has to hold a key. Takes are looked at between their frames, too (`fine_motion`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS, LOWEST_PITCH, KeyState, pressed_keys, struck_keys
from models.body.keyboard_size import keyboard_of
from models.body.notes import Notes
from models.body.take import Take
from models.evaluation.biomechanics import biomechanics, fingertips
from models.evaluation.dynamics import dynamics
from models.evaluation.fine_motion import FineMotion, fine_blocks, fine_motion, moments
from models.evaluation.key_touch import key_touch
from models.evaluation.posture_metrics import posture_metrics
from models.evaluation.real_motion_distance import real_motion_distance
from models.music.holding import needed_until
from models.music.notes import held_frames, match_onsets
from models.music.pedal import Pedal

ONSET_TOLERANCE_S = 0.05
"""A true note is hit when its key is struck within this of its onset."""
DEEP_SHARE = 0.90
"""Of the dip: onset F1 is also printed for keys that are struck only here, as FürElise and MUSIC have it."""
SAME_PRESS_S = 0.01
"""Notes of one key that start within this of each other are one press: a unison of two hands or voices."""


@dataclass(frozen=True)
class Score:
    """Hits, and what F1 makes of them."""

    hits: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of what was played that is right; 1 where nothing was played."""
        played = self.hits + self.false
        return self.hits / played if played else 1.0

    @property
    def recall(self) -> float:
        """Share of what should be played that was; 1 where nothing should be."""
        wanted = self.hits + self.missed
        return self.hits / wanted if wanted else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both: 2 hits / (2 hits + false + missed); 1 where nothing was to do and nothing was done."""
        everything = 2 * self.hits + self.false + self.missed
        return 2 * self.hits / everything if everything else 1.0


def hand_size_of(take: Take) -> float:
    """The hand-size factor that the take was made with; 1 where its meta does not say."""
    value = take.meta.get("hand_size")
    return float(value) if isinstance(value, (int, float)) and value > 0 else 1.0


def becoming_pressed(pressed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Frames (F, 88) in which a key is pressed and was not in the frame before (or there is none before).

    A note repeated on a held key is struck again only by a visible lift: one frame not pressed, at least.
    """
    before = np.zeros_like(pressed)
    before[1:] = pressed[:-1]
    return pressed & ~before


@dataclass(frozen=True)
class Onsets:
    """What was played against what should be. Notes of one key within `SAME_PRESS_S` are one press."""

    score: Score
    late_s: NDArray[np.float64]
    """How late each hit is, seconds."""
    left_out: NDArray[np.float64]
    """(missed, 2) onset s and MIDI pitch of every press that nobody played, in order of time."""


def onset_score(
    pressed: NDArray[np.bool_],
    fps: float,
    notes: Notes,
    tolerance_s: float = ONSET_TOLERANCE_S,
) -> Onsets:
    """Onsets of a roll (F, 88) of keys that are down against true notes."""
    starts = becoming_pressed(pressed)
    return _onset_score(notes, [np.flatnonzero(starts[:, key]) / fps for key in range(KEYS)], tolerance_s)


def note_score(found: Notes, notes: Notes, tolerance_s: float = ONSET_TOLERANCE_S) -> Score:
    """Onset hits of transcribed notes against true notes, by the rules of `onset_score`."""
    return _onset_score(notes, [_onsets_of(found, key) for key in range(KEYS)], tolerance_s).score


def _onsets_of(notes: Notes, key: int) -> NDArray[np.float64]:
    """Ascending onsets of one key, notes of one press taken together."""
    onsets = np.sort(notes.onset_s[notes.pitch.astype(int) == key + LOWEST_PITCH].astype(np.float64))
    return onsets[np.diff(onsets, prepend=-np.inf) > SAME_PRESS_S]


def _onset_score(notes: Notes, played: list[NDArray[np.float64]], tolerance_s: float) -> Onsets:
    hits = false = 0
    late: list[float] = []
    left_out: list[tuple[float, float]] = []
    for key, played_s in enumerate(played):
        true_s = _onsets_of(notes, key)
        pairs = match_onsets(true_s, played_s, tolerance_s)
        hits += len(pairs)
        false += len(played_s) - len(pairs)
        late.extend(played_s[j] - true_s[i] for i, j in pairs)
        hit = {i for i, _ in pairs}
        left_out.extend(
            (true, float(key + LOWEST_PITCH)) for i, true in enumerate(true_s.tolist()) if i not in hit
        )
    score = Score(hits, false, len(left_out))
    return Onsets(score, np.array(late), np.array(sorted(left_out), np.float64).reshape(-1, 2))


def sounding_roll(notes: Notes, frames: int, fps: float) -> NDArray[np.bool_]:
    """Bool (frames, 88): which keys are held at the instant of each frame, onset <= i / fps < offset."""
    notes = playable(notes.astype(np.float64))
    key = notes.pitch.astype(int) - LOWEST_PITCH
    first, end = (
        np.clip(np.ceil(time * fps - 1e-4), 0, frames).astype(int) for time in (notes.onset_s, notes.offset_s)
    )
    return held_frames(first, end, key, frames, KEYS)


def frame_score(pressed: NDArray[np.bool_], fps: float, notes: Notes, pedal: Pedal | None = None) -> Score:
    """Frames and keys of a roll (F, 88) of keys that are down against the notes that a finger has to hold.

    While the pedal holds a note for the rest of its time, a finger may stay on its key or leave it: such frames do not
    count.
    """
    sounding = sounding_roll(notes, len(pressed), fps)
    needed = sounding
    if pedal is not None and pedal.ever_holds:
        held = replace(notes.astype(np.float64), offset_s=needed_until(notes, pedal))
        needed = sounding_roll(held, len(pressed), fps) & sounding
    hits = int((pressed & needed).sum())
    return Score(hits, int((pressed & ~sounding).sum()), int(needed.sum()) - hits)


def playable(notes: Notes) -> Notes:
    """The notes that one of the 88 keys can play."""
    return notes.select((notes.pitch >= LOWEST_PITCH) & (notes.pitch < LOWEST_PITCH + KEYS))


def take_onsets(take: Take, tick: Callable[[], None] = lambda: None) -> Onsets:
    """What a take plays of its own notes; those that no key of 88 can play are not among them.

    Memory does not grow with the take but for its strikes; ``tick`` is called once a block of `fine_blocks`.
    """
    state = KeyState(dip_factor=keyboard_of(take.meta).dip_factor)
    before = np.zeros((1, KEYS), bool)
    strikes: list[NDArray[np.int64]] = []
    begin = 0
    for block in fine_blocks(take.motion, hand_size_of(take), geometry=take.geometry):
        down = state.next(block.tips)
        strikes.append(np.argwhere(down & ~np.concatenate([before, down[:-1]])) + (begin, 0))
        before, begin = down[-1:], begin + len(down)
        tick()
    moment, key = np.concatenate(strikes or [np.zeros((0, 2), int)]).T
    rate, _ = moments(take.motion)
    played = [moment[key == one] / rate for one in range(KEYS)]
    return _onset_score(playable(take.notes), played, ONSET_TOLERANCE_S)


def shown(take: Take) -> FineMotion:
    """The take as Blender shows it, between its frames too."""
    return fine_motion(take.motion, hand_size_of(take), take.arms, take.geometry)


def evaluate_take(
    take: Take,
    notes: Notes,
    tolerance_s: float = ONSET_TOLERANCE_S,
    pedal: Pedal | None = None,
    fine: FineMotion | None = None,
) -> dict[str, Any]:
    """All figures of docs/definitions.md for one take against true notes; plain numbers under stable names.

    What the sustain pedal holds is taken from ``pedal``, or else from the take. ``fine`` is what `shown` returns, where
    it is at hand. Notes that no key of 88 can play are left out.
    """
    hand_size = hand_size_of(take)
    tips = fingertips(take.motion, hand_size, take.geometry)
    fine = shown(take) if fine is None else fine
    dip_factor = keyboard_of(take.meta).dip_factor
    down = struck_keys(fine.tips, dip_factor=dip_factor)
    notes = playable(notes)
    onsets = onset_score(down, fine.rate, notes, tolerance_s)
    onset, late_s = onsets.score, onsets.late_s
    frame = frame_score(down, fine.rate, notes, Pedal.of_table(take.pedal) if pedal is None else pedal)
    shallow = onset_score(pressed_keys(tips), take.motion.fps, notes, tolerance_s).score
    deep = onset_score(
        struck_keys(fine.tips, DEEP_SHARE, dip_factor=dip_factor), fine.rate, notes, tolerance_s
    ).score
    return {
        "frames": take.motion.frames,
        "fps": take.motion.fps,
        "hand_size": hand_size,
        "notes": len(notes),
        "tolerance_ms": tolerance_s * 1000,
        "onset_f1": onset.f1,
        "onset_precision": onset.precision,
        "onset_recall": onset.recall,
        "onset_hits": onset.hits,
        "onset_false": onset.false,
        "onset_missed": onset.missed,
        "onset_late_ms_mean": float(late_s.mean() * 1000) if len(late_s) else 0.0,
        "onset_f1_3mm": shallow.f1,
        "onset_f1_90": deep.f1,
        "frame_f1": frame.f1,
        "frame_precision": frame.precision,
        "frame_recall": frame.recall,
        **asdict(key_touch(take, fine)),
        **asdict(biomechanics(take.motion, tips, hand_size, take.geometry)),
        "real_motion_distance": real_motion_distance(take.motion, tips)
        if take.geometry.present.all()
        else None,
        **asdict(posture_metrics(take)),
        "dynamics": dynamics(take, fine, notes),
    }
