# SPDX-License-Identifier: GPL-3.0-or-later
"""From notes to a take: fingering, positions, diffusion in windows, frame rate, key contact.

    model = load_model("default", "auto")
    take = generate(model, notes, hands, duration_s=12.5, settings=GenerateSettings(seed=3))

Redoing a hand or some seconds of a take is the same sampling with known frames: what is kept is given to the
network as it is.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models import __version__
from models.body.kinematics import clamp_to_limits
from models.body.motion import Motion
from models.body.player import STYLE_LIMIT, STYLES, player_of_seed, player_of_take, player_vector, style_range
from models.body.resampling import frame_count, resample_motion, splice
from models.body.skeleton import HANDS
from models.body.take import Take
from models.conditioning.audio_features import SoundFeatures
from models.conditioning.windows import ModelInput
from models.config import SAMPLER_NAMES, ModelConfig
from models.contact import apply_contact
from models.contact.separation import separate_hands
from models.diffusion.samplers import SAMPLERS
from models.errors import Progress, UserError, no_progress
from models.generation.model import Model
from models.generation.sampling import Redo, SamplingSettings, sample_song, song_shift
from models.music.audio import Audio
from models.music.passages import REACHES_S, Span, frame_spans, passages, rest, silences
from models.music.transcription.thread_pool import ThreadPool
from models.planning.fingering import Assignment
from models.planning.plan import plan_fingering

HAND_SIZE_STEP = 0.1


@dataclass(frozen=True, kw_only=True)
class GenerateSettings:
    """How to make a take."""

    seed: int = 0
    sampler: str | None = None
    """None: the model's own."""
    steps: int | None = None
    """Network evaluations a window; None: the model's own."""
    contact: float = 1.0
    """Strength of key contact, 0 to 1."""
    fps: float = 30.0
    style: Mapping[str, float] = field(default_factory=dict)
    """Any of `models.body.player.STYLES`, 0 average, ±1 the usual extremes."""
    device: str = "auto"
    """As asked for; the model already lies on the device that this meant."""

    def __post_init__(self) -> None:
        if self.sampler is not None and self.sampler not in SAMPLERS:
            raise UserError(
                "unknown_sampler",
                f"There is no sampler called {self.sampler!r}; choose one of: {', '.join(SAMPLER_NAMES)}.",
            )
        if not 0 <= self.contact <= 1:
            raise ValueError(f"contact is {self.contact}; it must be between 0 and 1")
        if not 1 <= self.fps <= 960:
            raise ValueError(f"fps is {self.fps}; it must be between 1 and 960")
        unknown = sorted(set(self.style) - set(STYLES))
        if unknown:
            raise ValueError(f"style has {unknown[0]!r}; it knows {', '.join(STYLES)}")
        for name, value in self.style.items():
            low, high = style_range(name)
            if not low <= value <= high:
                raise ValueError(f"style {name} is {value}; it must be between {low:g} and {high:g}")

    @property
    def hand_size(self) -> float:
        """Factor on the lengths of the hand."""
        return 1 + HAND_SIZE_STEP * float(self.style.get("hand_size", 0.0))


def generate(
    model: Model,
    notes: NDArray[np.floating],
    hands: NDArray[np.integer],
    *,
    duration_s: float,
    settings: GenerateSettings,
    keep: Take | None = None,
    keep_hand: str | None = None,
    redo_range: tuple[float, float] | None = None,
    sound: Audio | None = None,
    progress: Progress = no_progress,
) -> Take:
    """Make a take, or make part of `keep` anew.

    Args:
        notes: (n, 4) onset s, offset s, pitch, velocity, sorted by onset.
        hands: (n,) 0 left, 1 right, -1 unknown.
        duration_s: length of the take.
        settings: how to make it.
        keep: a take that stays except for `keep_hand` and/or `redo_range`; without either everything is new.
        keep_hand: "left" or "right", the hand to redo.
        redo_range: seconds to redo.
        sound: the recording, for models that listen to it.
        progress: called at every sampling step; raises `models.errors.Cancelled`.

    Raises:
        UserError: for settings that this model cannot serve.
    """
    config = model.config
    features = _features(model, sound)
    if keep_hand is None and redo_range is None:
        keep = None  # everything is made anew
    elif keep is None:
        raise ValueError("keep_hand and redo_range need keep, the take whose other part stays")
    steps = settings.steps or config.sampling_steps
    if not 1 <= steps <= config.schedule.steps:
        raise UserError(
            "too_many_steps",
            f"The model {model.preset!r} takes 1 to {config.schedule.steps} steps; {steps} were asked for.",
        )
    settings = dataclasses.replace(settings, sampler=settings.sampler or config.sampler, steps=steps)
    notes = np.asarray(notes, np.float32)
    frames = frame_count(duration_s, settings.fps)
    kept = resample_motion(keep.motion, settings.fps, frames) if keep is not None else None
    redo = _redo(keep_hand, redo_range, settings.fps, frames)
    assignment = plan_fingering(
        notes,
        np.asarray(hands),
        seed=settings.seed,
        keep=keep,
        redo_hands=redo.hands,
        redo_s=(redo.start / settings.fps, redo.stop / settings.fps),
    )

    habits = _habits(settings.seed, keep, redo.hands if redo_range is None else ())
    sampling = SamplingSettings(
        seed=settings.seed,
        sampler=settings.sampler or config.sampler,
        steps=steps,
        style=_told(settings, habits, config),
    )
    length = frame_count(duration_s, config.fps)
    given = _redo(keep_hand, redo_range, config.fps, length)
    music = ModelInput(notes, assignment.fingering, config.fps, features)
    parts = passages(notes, duration_s)
    heard, spans = frame_spans(parts, config.fps, length), frame_spans(parts, settings.fps, frames)
    shift = song_shift(model, music, length, sampling.style, heard)
    sampled = sample_song(model, music, length, sampling, kept, given, progress, shift, heard)
    motion = resample_motion(sampled, settings.fps, frames)
    if kept is not None:
        motion = _inside_limits(splice(kept, motion, redo.hands, redo.start, redo.stop), redo)
    motion = _contact(motion, notes, assignment, settings, redo, progress, spans)
    motion = _rested(motion, spans, settings, redo)
    meta = _meta(model, settings, keep, keep_hand, redo_range)
    if config.habit_dim:
        meta["habits"] = habits.tolist()
    return Take(motion, notes, assignment.fingering, meta)


def _features(model: Model, sound: Audio | None) -> SoundFeatures | None:
    """What a model that listens to sound hears; None for one that reads notes."""
    if model.config.encoder.kind == "notes":
        return None
    if model.encoder is None:
        raise UserError(
            "encoder_missing",
            f"The model {model.preset!r} has no sound encoder; install the model again, or choose default.",
        )
    if sound is None:
        raise UserError(
            "needs_sound",
            f"The model {model.preset!r} listens to a recording; give it one, or choose the model default.",
        )
    return SoundFeatures(sound, model.encoder, model.config.fps, model.device)


def _redo(keep_hand: str | None, redo_range: tuple[float, float] | None, fps: float, frames: int) -> Redo:
    hands = (0, 1) if keep_hand is None else (HANDS.index(keep_hand),)
    if redo_range is None:
        return Redo(hands, 0, frames)
    start, stop = (min(max(math.ceil(second * fps - 1e-6), 0), frames) for second in redo_range)
    if start >= stop:
        raise UserError(
            "empty_range",
            "The stretch to redo has no frames inside the take; choose a longer one.",
            f"{redo_range} s at {fps} fps, {frames} frames",
        )
    return Redo(hands, start, stop)


def _inside_limits(motion: Motion, redo: Redo) -> Motion:
    """The redone part inside the joint limits: bending it to meet the kept part may have led out of them."""
    euler = motion.euler.copy()
    limited = clamp_to_limits(torch.from_numpy(euler[redo.start : redo.stop])).numpy()
    for hand in redo.hands:
        euler[redo.start : redo.stop, hand] = limited[:, hand]
    return Motion(euler, motion.wrist, motion.fps)


def _contact(
    motion: Motion,
    notes: NDArray[np.float32],
    assignment: Assignment,
    settings: GenerateSettings,
    redo: Redo,
    progress: Progress,
    spans: list[Span],
) -> Motion:
    """Key contact for what was made anew."""
    whole = redo.start == 0 and redo.stop == motion.frames
    # Operations that are split between cores round otherwise, and contact makes hundredths of a radian of that.
    with ThreadPool(torch.device("cpu")):
        return apply_contact(
            motion,
            notes,
            assignment.fingering[:, 0],
            strength=settings.contact,
            hand_size=settings.hand_size,
            only_hand=redo.hands[0] if len(redo.hands) == 1 else None,
            frames=None if whole else (redo.start, redo.stop),
            assignment=assignment,
            progress=progress,
            spans=spans,
        ).motion


def _rested(motion: Motion, spans: list[Span], settings: GenerateSettings, redo: Redo) -> Motion:
    """What was made anew with hands at rest in long silences, and apart on their way out of them."""
    gaps = silences(spans, redo.start, redo.stop)
    motion = rest(motion, gaps, redo.hands)
    if settings.contact == 0:
        return motion
    for low, high in gaps:
        part = slice(max(high - round(2 * REACHES_S * motion.fps), low), high)
        way = Motion(motion.euler[part], motion.wrist[part], motion.fps)
        movable = np.zeros((way.frames, 2), bool)
        movable[:, list(redo.hands)] = True
        motion.wrist[part] = separate_hands(way, movable, settings.hand_size)
    return motion


def _meta(
    model: Model,
    settings: GenerateSettings,
    keep: Take | None,
    keep_hand: str | None,
    redo_range: tuple[float, float] | None,
) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "seed": settings.seed,
        "preset": model.preset,
        "weights_sha256": model.weights_hash,
        "sampler": settings.sampler,
        "steps": settings.steps,
        "style": {name: float(value) for name, value in settings.style.items()},
        "hand_size": settings.hand_size,
        "contact": settings.contact,
        "version": __version__,
    }
    if keep is not None:
        meta["redone"] = {
            "hand": keep_hand,
            "range": list(redo_range) if redo_range else None,
            "kept_seed": keep.meta.get("seed"),
        }
    return meta


def _habits(seed: int, keep: Take | None, new_hands: tuple[int, ...]) -> NDArray[np.float64]:
    """(2, 3) how the hands of a take lie over the keys: the seed's own player for hands that are new throughout."""
    drawn = player_of_seed(seed)
    if keep is None:
        return drawn
    kept = player_of_take(keep.meta)
    known = np.zeros_like(drawn) if kept is None else kept
    return np.where(np.isin((0, 1), new_hands)[:, None], drawn, known)


def _told(
    settings: GenerateSettings, habits: NDArray[np.float64], config: ModelConfig
) -> NDArray[np.float32]:
    """(2, `player_dim`) what the networks are told of each hand's player, within what they know."""
    values = [min(max(float(settings.style.get(name, 0.0)), -STYLE_LIMIT), STYLE_LIMIT) for name in STYLES]
    style = np.tile(np.array((values + [0.0] * config.style_dim)[: config.style_dim], np.float32), (2, 1))
    return np.concatenate([style, player_vector(habits)], 1) if config.habit_dim else style
