# SPDX-License-Identifier: GPL-3.0-or-later
"""Sampling a whole song: predicted positions, then windows of motion in rounds, with known frames.

Axes: B windows, H = 2 hands, T frames of the model's rate, C motion channels.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.body.edit_mask import EditMask
from models.body.kinematics import clamp_to_limits
from models.body.mano import piano_from_camera
from models.body.motion import Motion
from models.body.resampling import resample_motion
from models.body.smoothing import smooth, smooth_wrists, smoothing_reach
from models.conditioning.conditioning import EncodedInput, build_condition, encode_input, predict_positions
from models.conditioning.representation import from_piano, keyboard_shift, to_piano
from models.conditioning.windows import (
    CONTEXT_FRAMES,
    FADE_FRAMES,
    ModelInput,
    fade_weights,
    sampling_rounds,
    window_starts,
)
from models.config import JOINT_CHANNELS
from models.diffusion.parameterization import v_from_x0
from models.diffusion.samplers import SAMPLERS, draw_noise
from models.diffusion.schedule import build_schedule
from models.errors import Cancelled, Progress, UserError, quoted
from models.generation.model import Model
from models.music.passages import Span, rest, silences
from models.networks.one_core import OneCorePool

BATCH_WINDOWS = 4
"""Windows that go through the networks together on a CPU; more would take memory and no less time."""
BATCH_WINDOWS_GPU = 32
PAIR = 2
"""A full batch is done on a CPU as pairs of windows, each by one core. The cut follows from the song alone, never from
the number of threads: a batch of another size may round otherwise."""
ONE_CORE_NUMBERS = 30_000_000
"""A model with up to so many weights has each of its windows done by one core. A window of a larger one needs all cores
at once, and how many they are decides the last digits."""
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


@torch.inference_mode()
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
        [_pieces(starts, model) for starts in sampling_rounds(first, stop, config)] for first, stop in parts
    ]
    total = max(sum(len(pieces) for rounds in plans for pieces in rounds) * settings.steps, 1)
    with (
        _thread_pool(model) as pool,
        _steps(progress, total) as step_done,
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
    pool: OneCorePool,
    step_done: Callable[[], None],
    shift: float,
) -> tuple[Tensor, Tensor]:
    """Values [2, T, C] and predicted positions [2, T, 3] from frame `first` on.

    rounds: for each round the windows' first frames, in the pieces that go through the networks together.
    """
    config = model.config
    style = torch.from_numpy(settings.player_vector).to(model.device)[None]
    end = max(max(starts) for pieces in rounds for starts in pieces) + config.window_frames
    positions = _positions(model, music, first, end, style, pool)  # [2, end - first, 3]
    values = torch.zeros(2, end - first, config.channels, device=model.device)
    known = torch.zeros(2, end - first, 1, dtype=torch.bool, device=model.device)
    if kept is not None:
        values, known = _given(model, kept, edits.part(first, end), first, positions, shift)

    def spans(starts: list[int]) -> list[slice]:
        return [slice(start - first, start - first + config.window_frames) for start in starts]

    def sampled(starts: list[int]) -> Tensor:
        where = spans(starts)
        place, given, mask = (
            torch.stack([song[:, span] for span in where]) for song in (positions, values, known)
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


def _batch_size(model: Model) -> int:
    return BATCH_WINDOWS if model.device.type == "cpu" else BATCH_WINDOWS_GPU


def _pieces(starts: list[int], model: Model) -> list[list[int]]:
    """The windows of a round as they go through the networks together."""
    size = _batch_size(model)
    batches = [starts[i : i + size] for i in range(0, len(starts), size)]
    if not _one_core(model):
        return batches
    cuts = ((batch, PAIR if len(batch) == size else size) for batch in batches)
    return [batch[i : i + width] for batch, width in cuts for i in range(0, len(batch), width)]


def _one_core(model: Model) -> bool:
    """Whether a piece of work is one core's from beginning to end."""
    if model.device.type != "cpu" or model.config.encoder.kind != "notes":
        return False
    return sum(weight.numel() for weight in model.networks.parameters()) <= ONE_CORE_NUMBERS


def _thread_pool(model: Model) -> OneCorePool:
    return OneCorePool(model.device, wanted=_one_core(model))


@contextmanager
def _steps(progress: Progress, total: int) -> Iterator[Callable[[], None]]:
    """A function that several threads call after each of `total` steps; once the job has ended early it ends them."""
    lock, done, ended = threading.Lock(), 0, False
    progress("sample", 0, total)

    def step_done() -> None:
        nonlocal done, ended
        with lock:
            if ended:
                raise Cancelled
            done += 1
            try:
                progress("sample", done, total)
            except BaseException:
                ended = True
                raise

    try:
        yield step_done
    except BaseException:
        ended = True
        raise


def soften_seams(values: Tensor, gaps: list[int], window: int) -> None:
    """Smooth values [2, T, C], in place, for a sixth of a second around both edges of what was sampled in each gap.

    gaps: the frames where the windows between two others begin; their first and last `CONTEXT_FRAMES` were given.
    """
    context = min(CONTEXT_FRAMES, window // 4)
    steps = torch.arange(-2 * SEAM_FRAMES, 2 * SEAM_FRAMES + 1, device=values.device)
    kernel = torch.exp(-0.5 * (steps / SEAM_SPREAD) ** 2)
    kernel = kernel / kernel.sum()
    fade = torch.hann_window(2 * SEAM_FRAMES + 2, periodic=False, device=values.device)[1:-1, None]
    for seam in (edge for gap in gaps for edge in (gap + context, gap + window - context)):
        inside = torch.arange(seam - SEAM_FRAMES, seam + SEAM_FRAMES, device=values.device)
        if int(inside[0]) < 0 or int(inside[-1]) >= values.shape[1]:
            continue
        around = (inside[:, None] + steps).clamp(0, values.shape[1] - 1)  # [2 SEAM_FRAMES, kernel]
        smoothed = torch.einsum("hfkc,k->hfc", values[:, around], kernel)
        values[:, inside] = torch.lerp(values[:, inside], smoothed, fade)


def _smoothed(
    model: Model, values: Tensor, positions: Tensor, block: slice, first: int, stop: int, shift: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Euler (F, 2, 16, 3) and wrist (F, 2, 3) of a block of frames, smoothed with the frames around it.

    values [2, T, C] and positions [2, T, 3] begin at frame `first`; those up to `stop` count.
    """
    spread, still = model.config.smoothing_frames, model.config.still_smoothing_frames
    margin = smoothing_reach(spread, still)
    begin, end = max(block.start - margin, first), min(block.stop + margin, stop)
    part = slice(begin - first, end - first)
    pose, place = model.normalizer.unmotion(values[None, :, part], positions[None, :, part])
    euler, wrist = to_piano(model.config, pose[0].transpose(0, 1), place[0].transpose(0, 1), shift)
    angles, wrists = clamp_to_limits(euler).cpu().numpy(), wrist.cpu().numpy()
    inside = slice(block.start - begin, block.stop - begin)
    wrists = smooth_wrists(wrists, spread, still, model.config.fps)
    return smooth(angles, spread)[inside], wrists[inside]


def _given(
    model: Model, kept: Motion, edits: EditMask, first: int, positions: Tensor, shift: float
) -> tuple[Tensor, Tensor]:
    """Values [2, T, C] and mask [2, T, 1] of what the kept motion gives for the T frames of `edits` from `first` on."""
    motion = resample_motion(kept, model.config.fps, first + edits.frames)
    euler = torch.from_numpy(motion.euler[first:]).to(model.device)
    wrist = torch.from_numpy(motion.wrist[first:]).to(model.device)
    pose, place = from_piano(model.config, euler, wrist, shift)
    values = model.normalizer.motion(
        pose.transpose(0, 1)[None], place.transpose(0, 1)[None], positions[None]
    )[0]
    return values, torch.from_numpy(edits.fixed.T.copy())[..., None].to(model.device)


@torch.inference_mode()
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
    look = torch.from_numpy(style).to(model.device)[None]
    wrist = np.zeros((frames, 2, 3), np.float32)
    with _thread_pool(model) as pool:
        for start, stop in spans or [(0, frames)]:  # every note begins in a span
            positions = _positions(model, music, start, stop, look, pool)
            wrist[start:stop] = (
                piano_from_camera(model.normalizer.metres(positions).transpose(0, 1)).cpu().numpy()
            )
    return keyboard_shift(wrist, music.notes, music.fps)


def _positions(
    model: Model, music: ModelInput, first: int, end: int, style: Tensor, pool: OneCorePool
) -> Tensor:
    """Normalised predicted positions [2, end - first, 3], windows faded into each other."""
    width = model.config.window_frames
    overlap = min(FADE_FRAMES, width // 4)
    starts = window_starts(first, end, width, overlap)
    weight = fade_weights(width, overlap).to(model.device)[:, None]
    length = starts[-1] - first + width
    total = torch.zeros(2, length, 3, device=model.device)
    weights = torch.zeros(length, 1, device=model.device)

    def predicted(part: list[int]) -> Tensor:
        heard = _hear(model, music, part)
        return predict_positions(model.networks.predictors, heard, style.expand(len(part), -1, -1))

    size = _batch_size(model)
    parts = [starts[i : i + size] for i in range(0, len(starts), size)]
    for part, windows in zip(parts, pool.each(predicted, parts), strict=True):
        for start, window in zip(part, windows, strict=True):
            span = slice(start - first, start - first + width)
            total[:, span] += weight * window
            weights[span] += weight
    return _sensible(model, total / weights)[:, : end - first]


def _sensible(model: Model, numbers: Tensor) -> Tensor:
    """What networks say, unless it is nothing that a hand could do; with other weights they may say anything."""
    if not bool((numbers.abs() <= WILDEST).all()):
        raise UserError(
            "model_output",
            f"The model {quoted(model.preset)} gives no sensible motion; install it again or choose another model.",
        )
    return numbers


def _windows(
    model: Model,
    music: ModelInput,
    starts: list[int],
    positions: Tensor,
    values: Tensor,
    known: Tensor,
    style: Tensor,
    settings: SamplingSettings,
    step_done: Callable[[], None],
) -> Tensor:
    """Sample windows: positions [B, 2, T, 3], given values [B, 2, T, C] and mask [B, 2, T, 1] to x0 [B, 2, T, C]."""
    config, networks = model.config, model.networks
    schedule = build_schedule(config.schedule)
    condition = build_condition(networks.streams, _hear(model, music, starts), positions, model.normalizer)
    given_whole = known.flatten(2).all(2)  # [B, 2]
    style = style.expand(len(starts), -1, -1)

    def denoise(x: Tensor, t: int) -> Tensor:
        # Without a channel for known frames a given hand is seen as noisy as the other: the v below keeps it on the
        # way to what is given.
        time = (
            torch.where(given_whole, 0, t)
            if config.known_frames
            else torch.full_like(known[:, :, 0, 0], t, dtype=torch.long)
        )
        v = networks.streams(x, time, condition, known, values, style)
        step = torch.tensor(t, device=x.device)
        return torch.where(known, v_from_x0(x, values, schedule.signal(step), schedule.noise(step)), v)

    generators = [
        [_generator(settings.seed, hand if config.decoupled_noise else 0, start) for hand in (0, 1)]
        for start in starts
    ]
    x = draw_noise(values.shape, generators, model.device)
    if config.shared_start:
        x[:, 1] = x[:, 0]
    x[..., :JOINT_CHANNELS] *= config.pose_noise
    x[..., JOINT_CHANNELS:] *= config.wrist_noise
    x0 = SAMPLERS[settings.sampler](
        denoise,
        x,
        schedule,
        steps=settings.steps,
        generators=generators,
        clamp=config.clamp,
        callback=lambda _step, _of: step_done(),
    )
    return torch.where(known, values, _sensible(model, x0))


def _hear(model: Model, music: ModelInput, starts: list[int]) -> EncodedInput:
    """The windows that start at these frames, on the model's device."""
    frames = model.config.window_frames
    if music.features is not None:
        return EncodedInput(music.features.windows(starts, frames), None, None)
    plans = music.plans(starts, frames).to(model.device) if model.config.encoder.finger_plan else None
    return encode_input(music.sounds(starts, frames).to(model.device), plans, model.normalizer)


def _generator(seed: int, hand: int, start: int) -> torch.Generator:
    """Noise of one hand in the window that starts at a frame; windows do not depend on what shares their batch."""
    state = np.random.SeedSequence((seed, hand, start)).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) >> 1)
