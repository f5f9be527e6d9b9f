# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting a song into windows that a model can take, and what it hears in them.

Frames are those of the model's rate. A song of any length is sampled in windows that overlap by
`CONTEXT_FRAMES`: every other window first, then the gaps, whose both ends are given by then. Nothing waits
for a chain of windows, so they go in batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import KEYS
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.conditioning.finger_features import notes_by_finger, window_plan
from models.config import ModelConfig
from models.music.notes import note_rolls

CONTEXT_FRAMES = 30
"""Frames of a neighbouring window that are given to a gap, one second. Two windows' predicted positions are faded into
each other in the same frames."""
KEPT_WINDOWS = 16
"""Windows of one song whose notes are kept from their positions to their motion; more would take memory."""


class Listener(Protocol):
    """What hears a recording for a model that listens (`models.networks.audio_features`)."""

    def windows(self, starts: list[int], frames: int) -> Any:
        """f_a [B, 2, frames, C] of the windows that begin at these frames, as the engine keeps it."""


@dataclass(frozen=True)
class Heard:
    """What a model is told of some windows; notes and plan, or a recording."""

    sounds: NDArray[np.float32] | None = None
    """[B, 3, T, 88, 2] rolls (`ModelInput.sounds`)."""
    plan: NDArray[np.float32] | None = None
    """[B, 2, T, 5, PLAN_CHANNELS]; None where the model reads none."""
    recording: Any = None
    """What a `Listener` heard."""


@dataclass(frozen=True)
class ModelInput:
    """Notes for the model."""

    notes: Notes
    """Sorted by onset, with their fingers."""
    fps: float
    listener: Listener | None = None
    """The recording's, for models that listen to sound."""

    def sounds(self, starts: list[int], frames: int) -> NDArray[np.float32]:
        """Rolls [B, 3, frames, 88, 2] of all, of the left, of the right hand's notes from each start frame on."""
        out = np.zeros((len(starts), 3, frames, KEYS, 2), np.float32)
        for i, start in enumerate(starts):
            begin, end = (start - 2) / self.fps, (start + frames + 2) / self.fps
            notes = self.notes.select((self.notes.onset_s < end) & (self.notes.offset_s > begin))
            hands = (notes.select(notes.hand == hand) for hand in (LEFT, RIGHT))
            for j, group in enumerate((notes, *hands)):
                out[i, j] = note_rolls(group, self.fps, start, frames)
        return out

    @cached_property
    def _by_finger(self) -> list[Notes]:
        return notes_by_finger(self.notes)

    def plans(self, starts: list[int], frames: int) -> NDArray[np.float32]:
        """Finger plans [B, 2, frames, 5, PLAN_CHANNELS] from each start frame on."""
        parts = [window_plan(self._by_finger, self.fps, start, frames) for start in starts]
        return np.stack(parts).swapaxes(1, 2)

    @cached_property
    def _kept(self) -> dict[tuple[int, int, bool], Heard]:
        return {}

    def heard(self, starts: list[int], config: ModelConfig) -> Heard:
        """All that a model of this configuration is told of the windows that start at these frames.

        What is worked out for a window is kept until it is asked for the second time.
        """
        frames = config.window_frames
        if self.listener is not None:
            return Heard(recording=self.listener.windows(starts, frames))
        windows = [self._window(start, frames, config.encoder.finger_plan) for start in starts]
        sounds, plans = [heard.sounds for heard in windows], [heard.plan for heard in windows]
        return Heard(_joined(sounds), _joined(plans))

    def _window(self, start: int, frames: int, finger_plan: bool) -> Heard:
        key = (start, frames, finger_plan)
        kept = self._kept.pop(key, None)
        if kept is not None:
            return kept
        made = Heard(self.sounds([start], frames), self.plans([start], frames) if finger_plan else None)
        if len(self._kept) < KEPT_WINDOWS:
            self._kept[key] = made
        return made


def _joined(windows: list[NDArray[np.float32] | None]) -> NDArray[np.float32] | None:
    """Windows [1, ...] as one array [B, ...]; None where there are none."""
    there = [window for window in windows if window is not None]
    return np.concatenate(there) if len(there) > 1 else there[0] if there else None


def overlap_of(frames: int) -> int:
    """Frames that windows of so many share with the next one."""
    return min(CONTEXT_FRAMES, frames // 4)


def window_starts(first: int, stop: int, frames: int, overlap: int) -> list[int]:
    """Starts of windows of `frames` frames that cover first <= frame < stop; the last may reach beyond it."""
    if not 0 <= overlap < frames:
        raise ValueError(
            f"overlap is {overlap}; it must be at least 0 and below the window's {frames} frames"
        )
    hop = frames - overlap
    count = 1 + max(0, -(-(stop - first - frames) // hop))
    return [first + hop * i for i in range(count)]


def sampling_rounds(first: int, stop: int, config: ModelConfig) -> list[list[int]]:
    """Window starts in the order of sampling: those that need nobody, then the gaps between them."""
    starts = window_starts(first, stop, config.window_frames, overlap_of(config.window_frames))
    return [part for part in (starts[0::2], starts[1::2]) if part]


def fade_weights(frames: int, overlap: int) -> NDArray[np.float32]:
    """Weights [frames] of a window among its neighbours: ramps of `overlap` frames at both ends that add up to 1."""
    ramp = (np.arange(frames, dtype=np.float32) + np.float32(0.5)) / np.float32(max(overlap, 1))
    return np.minimum(np.minimum(ramp, ramp[::-1]), np.float32(1))
