# SPDX-License-Identifier: GPL-3.0-or-later
"""What a preset costs: parameters, multiply-adds, seconds and memory for one window of 8 s.

Multiply-adds are those of matrix products and convolutions (torch.utils.flop_counter, on the meta device: nothing is
computed); norms, activations and additions are left out. Times are of networks with random weights, which take as
long as trained ones. A network is built on the meta device and filled where it stays, so that a large preset never
lies in memory twice.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.app.benchmark import peak_memory_mb
from models.checks import check_choice, check_range
from models.config import ModelConfig
from models.diffusion.samplers import SAMPLERS, draw_noise
from models.diffusion.schedule import build_schedule
from models.model_folder import CONFIG_FILE, preset_folder
from models.networks.hubert import SAMPLE_RATE, HubertEncoder, HubertPair, build_hubert
from models.networks.stages import Networks, parameter_count

WEIGHT_SPREAD = 0.02
HUBERT_SIZES: dict[int, dict[str, Any]] = {
    768: {},
    1024: {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "feat_extract_norm": "layer",
        "do_stable_layer_norm": True,
        "conv_bias": True,
    },
}
"""Settings of HuBERT base and large by their width; what is not named is transformers' default, which is base."""


@dataclass(frozen=True, kw_only=True)
class CostOptions:
    """What to measure and how."""

    device: str = "cpu"
    threads: tuple[int, ...] = (1, 2)
    repeats: int = 3
    direct_seconds: float = 120.0
    """A sampler that will take longer than this is not run: its time is steps x one evaluation, and marked so."""
    timing: bool = True

    def __post_init__(self) -> None:
        if not self.threads or min(self.threads) < 1:
            raise ValueError(f"threads is {self.threads}; it must name at least one number above 0")
        check_range("repeats", self.repeats, 1)
        check_choice("device", self.device, ("cpu", "cuda", "mps"))


@dataclass(frozen=True)
class Timing:
    """Medians over the repeats with one number of threads, seconds for one window of both hands."""

    threads: int
    sound_encoder: float
    predictors: float
    refiners: float
    evaluation: float
    """One evaluation of both U-Nets and the interaction."""
    window: float
    """Everything, with the preset's own sampler and steps."""
    measured: bool
    """`window` was measured as a whole; else it is the sum of the parts, the evaluation times the steps."""


@dataclass(frozen=True)
class Cost:
    """One preset."""

    preset: str
    sampler: str
    steps: int
    parameters: dict[str, int]
    """Of each part, both hands."""
    multiply_adds: dict[str, float]
    """Of each part once, both hands; `window` with the sampler's steps."""
    timings: list[Timing] = field(default_factory=list)
    peak_memory_mb: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def sound_encoders(width: int, count: int) -> HubertPair:
    """HuBERT of that width with random weights, one for both hands or one each."""
    if width not in HUBERT_SIZES:
        raise ValueError(f"HuBERT has {' or '.join(map(str, HUBERT_SIZES))} features, not {width}")
    return HubertPair([HubertEncoder(build_hubert(dict(HUBERT_SIZES[width]))) for _ in range(count)])


@dataclass(frozen=True)
class Parts:
    """A preset's networks on one device."""

    config: ModelConfig
    networks: Networks
    sound_encoder: HubertPair | None
    """None for models that read notes."""
    device: torch.device

    def zeros(self, *shape: int) -> Tensor:
        """A tensor on the device."""
        return torch.zeros(*shape, device=self.device)

    def hear(self) -> None:
        """The sound encoder, for both hands."""
        if self.sound_encoder is not None:
            seconds = self.config.window_frames / self.config.fps
            self.sound_encoder(self.zeros(1, round(seconds * SAMPLE_RATE)), self.config.window_frames)

    def predict(self) -> Tensor:
        """Stage 1: positions [1, 2, T, 3]."""
        config = self.config
        features = self.zeros(1, 2, config.window_frames, config.encoder.feature_width)
        return self.networks.predictors(features, self.zeros(1, 2, config.player_dim))

    def refine(self) -> Tensor:
        """The condition [1, 2, T, D]."""
        config, frames = self.config, self.config.window_frames
        place = self.zeros(1, 2, frames, 3)
        centred = self.zeros(1, 2, frames, config.encoder.centred_dim) if config.encoder.centred_dim else None
        features = self.zeros(1, 2, frames, config.encoder.feature_width)
        return self.networks.streams.condition(features, place, place, centred)

    def evaluate(self, x: Tensor, t: int, condition: Tensor) -> Tensor:
        """v [1, 2, T, C] at timestep t."""
        known = torch.zeros(*x.shape[:3], 1, dtype=torch.bool, device=self.device)
        time_of_each = torch.full((1, 2), t, device=self.device)
        style = self.zeros(1, 2, self.config.player_dim)
        return self.networks.streams(x, time_of_each, condition, known, torch.zeros_like(x), style)


def build(config: ModelConfig, device: torch.device) -> Parts:
    """Networks of a preset with random weights; on the meta device without any."""
    with torch.device("meta"):
        networks, encoder = Networks(config), None
        if config.encoder.kind != "notes":
            encoder = sound_encoders(config.encoder.feature_dim, 2 if config.encoder.per_hand else 1)
    for module in (networks, encoder):
        if module is not None:
            module.eval().requires_grad_(False)
            if device.type != "meta":
                module.to_empty(device=device)
                _fill(module)
    return Parts(config, networks, encoder, device)


@torch.no_grad()
def _fill(module: nn.Module) -> None:
    """Normal numbers: denormal ones and what lies in fresh memory would spoil the timing."""
    generator = torch.Generator(next(module.parameters()).device).manual_seed(0)
    for value in (*module.parameters(), *module.buffers()):
        if value.is_floating_point():
            value.normal_(std=WEIGHT_SPREAD, generator=generator)
        else:
            value.zero_()


def count_parameters(parts: Parts) -> dict[str, int]:
    """Of each part, all its sets of weights."""
    streams = parts.networks.streams
    interaction = sum(parameter_count(stream.interaction) for stream in streams.streams)  # type: ignore[arg-type, misc]
    return {
        "sound_encoder": parameter_count(parts.sound_encoder) if parts.sound_encoder else 0,
        "predictors": parameter_count(parts.networks.predictors),
        "refiners": parameter_count(streams.refiners),
        "unets": parameter_count(streams.streams) - interaction,
        "interaction": interaction,
    }


def count_multiply_adds(parts: Parts) -> dict[str, float]:
    """Of each part for one window of both hands, and of the whole window; `parts` on the meta device."""
    config = parts.config
    x = parts.zeros(1, 2, config.window_frames, config.channels)
    condition = parts.zeros(1, 2, config.window_frames, config.condition_dim)

    def counted(work: Callable[[], object]) -> float:
        # The plain attention is made of matrix products, which the counter knows on every device.
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
            work()
        return counter.get_total_flops() / 2

    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        found = {
            "sound_encoder": counted(parts.hear),
            "predictors": counted(parts.predict),
            "refiners": counted(parts.refine),
            "evaluation": counted(lambda: parts.evaluate(x, 1, condition)),
        }
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    once = found["sound_encoder"] + found["predictors"] + found["refiners"]
    return found | {"window": once + config.sampling_steps * found["evaluation"]}


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize()
        elif device.type == "mps":
            torch.mps.synchronize()

    wait()
    begin = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - begin


@torch.inference_mode()
def measure(parts: Parts, threads: int, options: CostOptions) -> Timing:
    """Time every part, and the window as a whole where that does not take too long; one run of each is warm-up."""
    config = parts.config
    torch.set_num_threads(threads)
    generators = [[np.random.default_rng(hand) for hand in (0, 1)]]
    noise = draw_noise((1, 2, config.window_frames, config.channels), generators)
    x = torch.from_numpy(noise).to(parts.device)
    condition = parts.refine()

    def median(work: Callable[[], object]) -> float:
        work()
        return statistics.median(_seconds(work, parts.device) for _ in range(options.repeats))

    def window() -> None:
        parts.hear()
        parts.predict()
        heard = parts.refine()
        SAMPLERS[config.sampler](
            lambda noisy, t: parts.evaluate(noisy, t, heard),
            x,
            build_schedule(config.schedule),
            steps=config.sampling_steps,
            generators=generators,
            clamp=config.clamp,
        )

    once = (median(parts.hear) if parts.sound_encoder else 0.0, median(parts.predict), median(parts.refine))
    evaluation = median(lambda: parts.evaluate(x, config.schedule.steps, condition))
    expected = sum(once) + config.sampling_steps * evaluation
    measured = expected < options.direct_seconds
    if measured:
        repeats = options.repeats if expected < options.direct_seconds / 10 else 1
        expected = statistics.median(_seconds(window, parts.device) for _ in range(repeats))
    return Timing(threads, *once, evaluation, expected, measured)


def preset_cost(preset: str, options: CostOptions) -> Cost:
    """Everything about one preset or model folder; memory is this process's, so give each preset a fresh one."""
    config = ModelConfig.load(preset_folder(preset) / CONFIG_FILE)
    meta = build(config, torch.device("meta"))
    parameters, multiply_adds = count_parameters(meta), count_multiply_adds(meta)
    timings: list[Timing] = []
    memory = None
    if options.timing:
        device = torch.device(options.device)
        parts = build(config, device)
        threads = options.threads if device.type == "cpu" else options.threads[-1:]
        timings = [measure(parts, count, options) for count in threads]
        memory = torch.cuda.max_memory_allocated() / 1e6 if device.type == "cuda" else peak_memory_mb()
    return Cost(preset, config.sampler, config.sampling_steps, parameters, multiply_adds, timings, memory)
