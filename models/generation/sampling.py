# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling a whole song: predicted positions, then windows of motion in rounds, with known frames.

Axes: B windows, H = 2 hands, T frames of the model's rate, C motion channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.body.edit_mask import EditMask
from models.body.kinematics import clamp_to_limits
from models.body.mano import piano_from_camera
from models.body.motion import Motion
from models.body.resampling import resample_motion
from models.body.smoothing import smooth, smooth_wrists, smoothing_reach
from models.conditioning.representation import from_piano, keyboard_shift, to_piano
from models.conditioning.windows import (
    ModelInput,
    fade_weights,
    overlap_of,
    sampling_rounds,
    window_starts,
)
from models.diffusion.parameterization import v_from_x0
from models.diffusion.samplers import SAMPLERS, draw_noise
from models.diffusion.schedule import build_schedule
from models.errors import Progress, UserError, quoted
from models.generation.engine import Floats
from models.generation.model import Model
from models.generation.noise import liveliness, noise_source, spread_noise
from models.generation.steps import counted_steps
from models.music.passages import Span, rest, silences
from models.thread_pool import ThreadPool

BLOCK_FRAMES = 2048
"""Frames that leave normalised space together, so that memory does not grow with the song."""
WILDEST = 1e5
"""Spreads from the mean; numbers around zero that go further, or are none, come from weights that are not a model's."""
SEAM_FRAMES = 5
SEAM_SPREAD = 2.0
"""Frames to either side of a seam that are smoothed, and the spread of the Gaussian."""


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How to sample."""

    seed: int
    sampler: str
    steps: int
    player_vector: NDArray[np.float32]
    """(2, `player_dim`) what the networks are told of each hand (`Player.vector`)."""
    liveliness: NDArray[np.float64]
    """(2,) how lively each hand is (`Player.liveliness`)."""


def sample_song(
    model: Model,
    music: ModelInput,
    frames: int,
    settings: SamplingSettings,
    kept: Motion | None,
    edits: EditMask,
    progress: Progress,
    shift: float = 0.0,
    spans: Sequence[Span] | None = None,
) -> Motion:
    """Motion of all `frames` frames at the model's rate, inside the joint limits; kept frames only roughly.

    kept, edits: motion of which only what `edits`, at the model's rate, has free is made anew; None for all.
    shift: see `song_shift`.
    spans: the frames that are sampled, each span by itself; None for all. Between them hands rest.
    """
    config = model.config
    parts = [(0, frames)] if spans is None else list(spans)
    out_euler, out_wrist = np.zeros((frames, 2, 16, 3), np.float32), np.zeros((frames, 2, 3), np.float32)
    if kept is not None:
        context = config.window_frames // 4
        begin, end = edits.span
        parts = [
            (max(begin - context, start), min(end + context, stop))
            for start, stop in parts
            if begin < stop and end > start
        ]
        given = resample_motion(kept, config.fps, frames)
        out_euler[:], out_wrist[:] = given.euler, given.wrist
    plans = [
        [model.engine.pieces(starts) for starts in sampling_rounds(first, stop, config)]
        for first, stop in parts
    ]
    total = max(sum(len(pieces) for rounds in plans for pieces in rounds) * settings.steps, 1)
    with (
        model.engine.pool() as pool,
        counted_steps(progress, total) as step_done,
    ):  # in this order: the pool waits for its threads
        for (first, stop), rounds in zip(parts, plans, strict=True):
            values, positions = _sample_span(
                model, music, first, rounds, settings, kept, edits, pool, step_done, shift
            )
            for start in range(first, stop, BLOCK_FRAMES):
                block = slice(start, min(start + BLOCK_FRAMES, stop))
                out_euler[block], out_wrist[block] = _smoothed(
                    model, values, positions, block, first, stop, shift
                )
    motion = Motion(out_euler, out_wrist, config.fps)
    return motion if spans is None or kept is not None else rest(motion, silences(spans, 0, frames))


def _sample_span(
    model: Model,
    music: ModelInput,
    first: int,
    rounds: list[list[list[int]]],
    settings: SamplingSettings,
    kept: Motion | None,
    edits: EditMask,
    pool: ThreadPool,
    step_done: Callable[[], None],
    shift: float,
) -> tuple[Floats, Floats]:
    """Values [2, T, C] and predicted positions [2, T, 3] from frame `first` on.

    rounds: for each round the windows' first frames, in the pieces that go through the networks together.
    """
    config = model.config
    style = settings.player_vector[None]
    end = max(max(starts) for pieces in rounds for starts in pieces) + config.window_frames
    positions = _positions(model, music, first, end, style, pool)  # [2, end - first, 3]
    values = np.zeros((2, end - first, config.channels), np.float32)
    known = np.zeros((2, end - first, 1), bool)
    if kept is not None:
        values, known = _given(model, kept, edits.part(first, end), first, positions, shift)

    def spans(starts: list[int]) -> list[slice]:
        return [slice(start - first, start - first + config.window_frames) for start in starts]

    def sampled(starts: list[int]) -> Floats:
        where = spans(starts)
        place, given, mask = (
            np.stack([song[:, span] for span in where]) for song in (positions, values, known)
        )
        return _windows(model, music, starts, place, given, mask, style, settings, step_done)

    for pieces in rounds:
        new = [starts for starts in pieces if not all(known[:, span].all() for span in spans(starts))]
        for _ in range((len(pieces) - len(new)) * settings.steps):
            step_done()
        # Windows of one round do not touch each other, so that none waits for another's result.
        for starts, x0 in zip(new, pool.each(sampled, new), strict=True):
            for window, span in zip(x0, spans(starts), strict=True):
                values[:, span], known[:, span] = window, True
    gaps = [start - first for starts in rounds[1] for start in starts] if len(rounds) > 1 else []
    soften_seams(values, gaps, config.window_frames)
    return values, positions


def soften_seams(values: Floats, gaps: list[int], window: int) -> None:
    """Smooth values [2, T, C], in place, for a sixth of a second around both edges of what was sampled in each gap.

    gaps: the frames where the windows between two others begin; their first and last `overlap_of` frames were given.
    """
    context = overlap_of(window)
    steps = np.arange(-2 * SEAM_FRAMES, 2 * SEAM_FRAMES + 1)
    kernel = np.exp(-0.5 * (steps / SEAM_SPREAD) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    fade = np.hanning(2 * SEAM_FRAMES + 2)[1:-1, None].astype(np.float32)
    for seam in (edge for gap in gaps for edge in (gap + context, gap + window - context)):
        inside = np.arange(seam - SEAM_FRAMES, seam + SEAM_FRAMES)
        if inside[0] < 0 or inside[-1] >= values.shape[1]:
            continue
        around = np.clip(inside[:, None] + steps, 0, values.shape[1] - 1)  # [2 SEAM_FRAMES, kernel]
        smoothed = (values[:, around] * kernel[:, None]).sum(2)
        values[:, inside] += fade * (smoothed - values[:, inside])


def _smoothed(
    model: Model, values: Floats, positions: Floats, block: slice, first: int, stop: int, shift: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Euler (F, 2, 16, 3) and wrist (F, 2, 3) of a block of frames, smoothed with the frames around it.

    values [2, T, C] and positions [2, T, 3] begin at frame `first`; those up to `stop` count.
    """
    spread, still = model.config.smoothing_frames, model.config.still_smoothing_frames
    margin = smoothing_reach(spread, still)
    begin, end = max(block.start - margin, first), min(block.stop + margin, stop)
    part = slice(begin - first, end - first)
    pose, place = model.normalizer.unmotion(values[None, :, part], positions[None, :, part])
    euler, wrist = to_piano(model.config, pose[0].swapaxes(0, 1), place[0].swapaxes(0, 1), shift)
    inside = slice(block.start - begin, block.stop - begin)
    wrists = smooth_wrists(wrist, spread, still, model.config.fps)
    return smooth(clamp_to_limits(euler), spread)[inside], wrists[inside]


def _given(
    model: Model, kept: Motion, edits: EditMask, first: int, positions: Floats, shift: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Values [2, T, C] and mask [2, T, 1] of what the kept motion gives for the T frames of `edits` from `first` on."""
    motion = resample_motion(kept, model.config.fps, first + edits.frames)
    pose, place = from_piano(model.config, motion.euler[first:], motion.wrist[first:], shift)
    values = model.normalizer.motion(pose.swapaxes(0, 1)[None], place.swapaxes(0, 1)[None], positions[None])[
        0
    ]
    return values.astype(np.float32), edits.fixed.T[..., None].copy()


def song_shift(
    model: Model,
    music: ModelInput,
    frames: int,
    style: NDArray[np.float32],
    spans: Sequence[Span] | None = None,
) -> float:
    """Metres in X that bring a camera's positions over the keys of the song; 0 where positions are the piano's.

    From the predicted positions of the whole song: the same for every take of it, and for what is redone in one.
    """
    if model.config.representation == "euler":
        return 0.0
    wrist = np.zeros((frames, 2, 3), np.float32)
    with model.engine.pool() as pool:
        for start, stop in spans or [(0, frames)]:  # every note begins in a span
            positions = _positions(model, music, start, stop, style[None], pool)
            wrist[start:stop] = piano_from_camera(model.normalizer.metres(positions).swapaxes(0, 1))
    return keyboard_shift(wrist, music.notes, music.fps)


def _positions(
    model: Model, music: ModelInput, first: int, end: int, style: Floats, pool: ThreadPool
) -> Floats:
    """Normalised predicted positions [2, end - first, 3], windows faded into each other."""
    width = model.config.window_frames
    overlap = overlap_of(width)
    starts = window_starts(first, end, width, overlap)
    weight = fade_weights(width, overlap)[:, None]
    length = starts[-1] - first + width
    total, weights = np.zeros((2, length, 3), np.float32), np.zeros((length, 1), np.float32)

    def predicted(part: list[int]) -> Floats:
        return model.engine.positions(music.heard(part, model.config), style.repeat(len(part), 0))

    parts = model.engine.pieces(starts)
    for part, windows in zip(parts, pool.each(predicted, parts), strict=True):
        for start, window in zip(part, windows, strict=True):
            span = slice(start - first, start - first + width)
            total[:, span] += weight * window
            weights[span] += weight
    return _sensible(model, total / weights)[:, : end - first]


def _sensible(model: Model, numbers: Floats) -> Floats:
    """What networks say, unless it is nothing that a hand could do; with other weights they may say anything."""
    if not (np.abs(numbers) <= WILDEST).all():
        raise UserError(
            "model_output",
            f"The model {quoted(model.preset)} gives no sensible motion; install it again or choose another model.",
        )
    return numbers


def _windows(
    model: Model,
    music: ModelInput,
    starts: list[int],
    positions: Floats,
    values: Floats,
    known: NDArray[np.bool_],
    style: Floats,
    settings: SamplingSettings,
    step_done: Callable[[], None],
) -> Floats:
    """Sample windows: positions [B, 2, T, 3], given values [B, 2, T, C] and mask [B, 2, T, 1] to x0 [B, 2, T, C]."""
    config, engine = model.config, model.engine
    schedule = build_schedule(config.schedule)
    condition = engine.condition(music.heard(starts, config), positions)
    given_whole = known.all((2, 3))  # [B, 2]
    style = style.repeat(len(starts), 0)

    def denoise(x: Floats, t: int) -> Floats:
        # Without a channel for known frames a given hand is seen as noisy as the other: the v below keeps it on the
        # way to what is given.
        time = np.where(given_whole & config.known_frames, 0, t)
        v = engine.velocity(x, time, condition, known, values, style)
        step = np.array(t)
        return np.where(known, v_from_x0(x, values, schedule.signal(step), schedule.noise(step)), v)

    generators = [
        [noise_source(settings.seed, hand if config.decoupled_noise else 0, start) for hand in (0, 1)]
        for start in starts
    ]
    x = draw_noise(values.shape, generators)
    if config.shared_start:
        x[:, 1] = x[:, 0]
    x = spread_noise(x, config) * liveliness(config, settings.seed, starts, settings.liveliness)
    x0 = SAMPLERS[settings.sampler](
        denoise,
        x,
        schedule,
        steps=settings.steps,
        generators=generators,
        clamp=config.clamp,
        callback=lambda _step, _of: step_done(),
    )
    return np.where(known, values, _sensible(model, x0))
