# SPDX-License-Identifier: GPL-3.0-or-later
"""From notes to a take: positions, diffusion in windows, frame rate, key contact.

    model = load_model("default", "auto")
    take = generate(model, notes, hands, duration_s=12.5, settings=GenerateSettings(seed=3))

Redoing a hand or some seconds of a take is the same sampling with known frames: what is kept is given to the
network as it is. Axes: B windows, H = 2 hands, T frames of the model's rate, C motion channels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models import __version__
from models.canonical import centred_rolls, note_features, seen_from_other
from models.config import SAMPLER_NAMES
from models.diffusion.parameterization import v_from_x0
from models.diffusion.samplers import SAMPLERS, draw_noise
from models.diffusion.schedule import build_schedule
from models.errors import Progress, UserError, no_progress
from models.kinematics import clamp_to_limits
from models.model import Model
from models.request import STYLES
from models.resampling import frame_count, resample_motion, smooth, splice
from models.rotations import unwrap
from models.skeleton import HANDS
from models.take import Motion, Take
from models.windows import FADE_FRAMES, Music, fade_weights, sampling_rounds, window_starts

BATCH_WINDOWS = 4
"""Windows that go through the networks together on a CPU; more would take memory and no less time."""
BATCH_WINDOWS_GPU = 32
STYLE_LIMIT = 1.5
"""Training saw styles up to 1.3; beyond this the network is asked for what it cannot know."""
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
    """Any of `models.request.STYLES`, 0 average, ±1 the usual extremes."""
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

    @property
    def hand_size(self) -> float:
        """Factor on the lengths of the hand."""
        return 1 + HAND_SIZE_STEP * float(self.style.get("hand_size", 0.0))


@dataclass(frozen=True)
class _Redo:
    """What is to be made anew, in frames of some rate; the rest is given."""

    hands: tuple[int, ...]
    start: int
    stop: int


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
        progress: called at every sampling step; raises `models.errors.Cancelled`.

    Raises:
        UserError: for settings that this model cannot serve.
    """
    config = model.config
    if config.encoder.kind != "notes":
        raise UserError(
            "needs_audio_features",
            f"The model {model.preset!r} listens to the sound with an encoder that is not "
            "part of this version; choose the model default.",
        )
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
    players: NDArray[np.int8] = np.asarray(hands).astype(np.int8)
    frames = frame_count(duration_s, settings.fps)
    kept = resample_motion(keep.motion, settings.fps, frames) if keep is not None else None
    if keep is not None and np.array_equal(keep.notes, notes):
        players = keep.fingering[:, 0]  # the kept hand goes on playing the notes that it plays
    redo = _redo(keep_hand, redo_range, settings.fps, frames)

    sampled = _sample(
        model,
        Music(notes, players, config.fps),
        frame_count(duration_s, config.fps),
        settings,
        kept,
        _redo(keep_hand, redo_range, config.fps, frame_count(duration_s, config.fps)),
        progress,
    )
    motion = resample_motion(sampled, settings.fps, frames)
    if kept is not None:
        motion = _inside_limits(splice(kept, motion, redo.hands, redo.start, redo.stop), redo)
    motion, fingering = _contact(motion, notes, players, settings, keep, redo, progress)
    return Take(motion, notes, fingering, _meta(model, settings, keep, keep_hand, redo_range))


def _redo(keep_hand: str | None, redo_range: tuple[float, float] | None, fps: float, frames: int) -> _Redo:
    hands = (0, 1) if keep_hand is None else (HANDS.index(keep_hand),)
    if redo_range is None:
        return _Redo(hands, 0, frames)
    start, stop = (min(max(math.ceil(second * fps - 1e-6), 0), frames) for second in redo_range)
    if start >= stop:
        raise UserError(
            "empty_range",
            "The stretch to redo has no frames inside the take; choose a longer one.",
            f"{redo_range} s at {fps} fps, {frames} frames",
        )
    return _Redo(hands, start, stop)


def _inside_limits(motion: Motion, redo: _Redo) -> Motion:
    """The redone part inside the joint limits: bending it to meet the kept part may have led out of them."""
    euler = motion.euler.copy()
    limited = clamp_to_limits(torch.from_numpy(euler[redo.start : redo.stop])).numpy()
    for hand in redo.hands:
        euler[redo.start : redo.stop, hand] = limited[:, hand]
    return Motion(euler, motion.wrist, motion.fps)


def _contact(
    motion: Motion,
    notes: NDArray[np.float32],
    hands: NDArray[np.int8],
    settings: GenerateSettings,
    keep: Take | None,
    redo: _Redo,
    progress: Progress,
) -> tuple[Motion, NDArray[np.int8]]:
    """Key contact for what was made anew, and the fingering of all notes."""
    from models.contact import apply_contact

    whole = redo.start == 0 and redo.stop == motion.frames
    result = apply_contact(
        motion,
        notes,
        hands,
        strength=settings.contact,
        hand_size=settings.hand_size,
        only_hand=redo.hands[0] if len(redo.hands) == 1 else None,
        frames=None if whole else (redo.start, redo.stop),
        progress=progress,
    )
    fingering = result.fingering
    if keep is not None and np.array_equal(keep.notes, notes):
        frame = notes[:, 0] * motion.fps
        untouched = ~np.isin(keep.fingering[:, 0], redo.hands) | (frame < redo.start) | (frame >= redo.stop)
        fingering = np.where(untouched[:, None], keep.fingering, fingering).astype(np.int8)
    return result.motion, fingering


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


@torch.inference_mode()
def _sample(
    model: Model,
    music: Music,
    frames: int,
    settings: GenerateSettings,
    kept: Motion | None,
    redo: _Redo,
    progress: Progress,
) -> Motion:
    """Motion of all `frames` frames at the model's rate, inside the joint limits; kept frames only roughly."""
    config, context = model.config, model.config.window_frames // 4
    first, stop = (
        (0, frames) if kept is None else (max(redo.start - context, 0), min(redo.stop + context, frames))
    )
    style = _style(settings, config.style_dim).to(model.device)
    rounds = sampling_rounds(first, stop, config)
    size = BATCH_WINDOWS if model.device.type == "cpu" else BATCH_WINDOWS_GPU
    batches = [part[i : i + size] for part in rounds for i in range(0, len(part), size)]
    total = len(batches) * (settings.steps or 0)
    progress("sample", 0, total)
    end = max(max(starts) for starts in batches) + config.window_frames
    positions = _positions(model, music, first, end, style, size)  # [2, end - first, 3]
    values = torch.zeros(2, end - first, config.channels, device=model.device)
    known = torch.zeros(2, end - first, 1, dtype=torch.bool, device=model.device)
    if kept is not None:
        values, known = _given(model, kept, redo, first, end, positions)
    for i, starts in enumerate(batches):
        spans = [slice(start - first, start - first + config.window_frames) for start in starts]

        def cut(song: Tensor, spans: Sequence[slice] = spans) -> Tensor:
            return torch.stack([song[:, span] for span in spans])

        if not cut(known).all():
            x0 = _windows(
                model,
                music,
                starts,
                cut(positions),
                cut(values),
                cut(known),
                style,
                settings,
                lambda step, of, done=i: progress("sample", done * of + step, total),
            )
            for window, span in zip(x0, spans):
                values[:, span], known[:, span] = window, True
    euler, wrist = model.normalizer.unmotion(values[None], positions[None])
    angles = clamp_to_limits(unwrap(euler[0].transpose(0, 1).unflatten(-1, (16, 3)), 0)).cpu().numpy()
    wrists = wrist[0].transpose(0, 1).cpu().numpy()
    angles, wrists = (smooth(part[: stop - first], config.smoothing_frames) for part in (angles, wrists))
    out_euler, out_wrist = np.zeros((frames, 2, 16, 3), np.float32), np.zeros((frames, 2, 3), np.float32)
    if kept is not None:
        given = resample_motion(kept, config.fps, frames)
        out_euler[:], out_wrist[:] = given.euler, given.wrist
    out_euler[first:stop], out_wrist[first:stop] = angles, wrists
    return Motion(out_euler, out_wrist, config.fps)


def _given(
    model: Model, kept: Motion, redo: _Redo, first: int, end: int, positions: Tensor
) -> tuple[Tensor, Tensor]:
    """Values [2, T, C] and mask [2, T, 1] of what the kept motion gives for the frames first <= i < end."""
    motion = resample_motion(kept, model.config.fps, end)
    euler = torch.from_numpy(motion.euler[first:]).flatten(-2).transpose(0, 1).to(model.device)
    wrist = torch.from_numpy(motion.wrist[first:]).transpose(0, 1).to(model.device)
    values = model.normalizer.motion(euler[None], wrist[None], positions[None])[0]
    known = torch.ones(2, end - first, 1, dtype=torch.bool, device=model.device)
    for hand in redo.hands:
        known[hand, redo.start - first : redo.stop - first] = False
    return values, known


def _style(settings: GenerateSettings, width: int) -> Tensor:
    """The style vector [1, S] that the networks see."""
    values = [
        min(max(float(settings.style.get(name, 0.0)), -STYLE_LIMIT), STYLE_LIMIT) for name in STYLES[:width]
    ]
    return torch.tensor([values + [0.0] * (width - len(values))], dtype=torch.float32)


def _positions(model: Model, music: Music, first: int, end: int, style: Tensor, size: int) -> Tensor:
    """Normalised predicted positions [2, end - first, 3], windows faded into each other."""
    width = model.config.window_frames
    overlap = min(FADE_FRAMES, width // 4)
    starts = window_starts(first, end, width, overlap)
    weight = fade_weights(width, overlap).to(model.device)[:, None]
    length = starts[-1] - first + width
    total = torch.zeros(2, length, 3, device=model.device)
    weights = torch.zeros(length, 1, device=model.device)
    for i in range(0, len(starts), size):
        part = starts[i : i + size]
        features = note_features(
            music.sounds(part, width).to(model.device), shared_hands=model.config.shared_hands
        )
        predicted = model.networks.predictors(features, style.expand(len(part), -1))
        for start, window in zip(part, predicted):
            span = slice(start - first, start - first + width)
            total[:, span] += weight * window
            weights[span] += weight
    return (total / weights)[:, : end - first]


def _windows(
    model: Model,
    music: Music,
    starts: list[int],
    positions: Tensor,
    values: Tensor,
    known: Tensor,
    style: Tensor,
    settings: GenerateSettings,
    callback: Any,
) -> Tensor:
    """Sample windows: positions [B, 2, T, 3], given values [B, 2, T, C] and mask [B, 2, T, 1] to x0 [B, 2, T, C]."""
    config, networks = model.config, model.networks
    schedule = build_schedule(config.schedule)
    shared = config.shared_hands
    features = note_features(music.sounds(starts, config.window_frames).to(model.device), shared_hands=shared)
    metres = model.normalizer.metres(positions)
    other = model.normalizer.positions(seen_from_other(metres, shared_hands=shared))
    condition = networks.streams.condition(
        features, positions, other, centred_rolls(features, metres[..., 0], config)
    )
    given_whole = known.flatten(2).all(2)  # [B, 2]
    style = style.expand(len(starts), -1)

    def denoise(x: Tensor, t: int) -> Tensor:
        time = torch.where(given_whole, 0, t)
        v = networks.streams(x, time, condition, known, values, style)
        step = torch.tensor(t, device=x.device)
        return torch.where(known, v_from_x0(x, values, schedule.signal(step), schedule.noise(step)), v)

    generators = [
        [_generator(settings.seed, hand if config.decoupled_noise else 0, start) for hand in (0, 1)]
        for start in starts
    ]
    x = draw_noise(values.shape, generators, model.device)
    x0 = SAMPLERS[settings.sampler or config.sampler](
        denoise,
        x,
        schedule,
        steps=settings.steps or config.sampling_steps,
        generators=generators,
        clamp=config.clamp,
        callback=callback,
    )
    return torch.where(known, values, x0)


def _generator(seed: int, hand: int, start: int) -> torch.Generator:
    """Noise of one hand in the window that starts at a frame; windows do not depend on what shares their batch."""
    state = np.random.SeedSequence((seed, hand, start)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)
