# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's networks as ONNX graphs, for the engine that needs no torch.

Each graph is what that engine asks for at once, with the conditioning that belongs to it, traced from the same code
that training runs. A graph takes one window (B = 1), those of one hand any number of hands: what they make of a hand
does not depend on which others share its batch.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.onnx import symbolic_helper
from torch.onnx.utils import register_custom_op_symbolic, unregister_custom_op_symbolic

from models.body.keyboard import KEYS
from models.conditioning.conditioning import build_condition, encode_input, predict_positions
from models.conditioning.finger_features import PLAN_CHANNELS
from models.conditioning.hand_space import Normalizer
from models.config import FINGERS_A_HAND, ModelConfig
from models.networks.dual_stream import DualStream, Stream
from models.networks.one_hand import Down, Modulation, Projection, Up
from models.networks.position_predictor import PositionPredictors
from models.networks.stages import Networks

OPSET = 20
LARGEST_DIFFERENCE = 1e-3
"""Between torch and the exported graph on noise, relative to the largest number; usually it is below 1e-5."""


class Positions(nn.Module):
    """sounds [1, 3, T, 88, 2], style [1, 2, S] and, where it is read, plan [1, 2, T, 5, 8] to P [1, 2, T, 3]."""

    def __init__(self, predictors: PositionPredictors, normalizer: Normalizer) -> None:
        super().__init__()
        self.predictors, self.normalizer = predictors, normalizer

    def forward(self, sounds: Tensor, style: Tensor, plan: Tensor | None = None) -> Tensor:
        """See the class."""
        return predict_positions(self.predictors, encode_input(sounds, plan, self.normalizer), style)


class Condition(nn.Module):
    """sounds, positions [1, 2, T, 3] and plan to each hand's `Projection`, [2, W, 1, T / patch]."""

    def __init__(self, streams: DualStream, normalizer: Normalizer) -> None:
        super().__init__()
        self.streams, self.normalizer = streams, normalizer
        width = normalizer.config.condition_dim
        self.projections = nn.ModuleList(Projection(stream, width) for stream in streams.streams)  # type: ignore[arg-type]

    def forward(self, sounds: Tensor, positions: Tensor, plan: Tensor | None = None) -> Tensor:
        """See the class."""
        heard = encode_input(sounds, plan, self.normalizer)
        condition = build_condition(self.streams, heard, positions, self.normalizer)[0]
        hands = [self.projections[hand % len(self.projections)](condition[hand, None]) for hand in (0, 1)]
        return torch.cat(hands)


@dataclass(frozen=True)
class Graph:
    """What is exported under one name."""

    name: str
    module: nn.Module
    inputs: Mapping[str, Tensor]
    """An example of each, in the order that `module` takes them."""
    outputs: tuple[str, ...]
    many: bool = False
    """Whether the first axis of all inputs and outputs may have any length, instead of that of the example."""


def graphs(config: ModelConfig, networks: Networks) -> Iterator[Graph]:
    """All graphs of a model; those of one hand once for each set of weights, its number at the end of the name."""
    noise = torch.Generator().manual_seed(0)

    def example(*shape: int) -> Tensor:
        return torch.randn(shape, generator=noise)

    frames, streams = config.window_frames, networks.streams
    normalizer = Normalizer(config, torch.empty(0))
    sounds = (example(1, 3, frames, KEYS, 2) > 1).float()
    plan = (
        {"plan": example(1, 2, frames, FINGERS_A_HAND, PLAN_CHANNELS)} if config.encoder.finger_plan else {}
    )
    style, place = example(1, 2, config.player_dim), example(1, 2, frames, 3)
    told = {"sounds": sounds, "style": style, **plan}
    yield Graph("positions", Positions(networks.predictors, normalizer), told, ("positions",))
    condition, condition_inputs = (
        Condition(streams, normalizer),
        {"sounds": sounds, "positions": place, **plan},
    )
    yield Graph("condition", condition, condition_inputs, ("projected",))
    projected = condition(*condition_inputs.values())[:1]
    x, known = example(1, frames, config.channels), example(1, frames, 1) > 0
    for number, stream in enumerate(streams.streams):
        assert isinstance(stream, Stream)
        modulation = Modulation(stream)
        when = {"t": torch.tensor([500]), "style": style[:, 0]}
        yield Graph(f"modulation{number}", modulation, when, ("modulation",))
        modulated = modulation(*when.values())
        down = Down(stream, config.condition_dim)
        seen = {"x": x, "known": known, "projected": projected, "modulation": modulated}
        features, *skips = down(*seen.values())
        names = [f"skip{i}" for i in range(len(skips))]
        yield Graph(f"down{number}", down, seen, ("features", *names), many=True)
        met = {"own": features, "other": features.flip(1), "x": x, "modulation": modulated}
        yield Graph(f"up{number}", Up(stream), {**met, **dict(zip(names, skips))}, ("v",), many=True)


@torch.no_grad()
def export_model(config: ModelConfig, networks: Networks, facts: Mapping[str, str]) -> dict[str, bytes]:
    """ONNX files of a model by name; `facts` go into the metadata of each.

    Raises:
        RuntimeError: a file does not compute what torch does.
    """
    import onnx

    networks = networks.cpu().eval().requires_grad_(False)
    files = {}
    for graph in graphs(config, networks):
        model = onnx.load_model_from_string(_traced(graph))
        onnx.helper.set_model_props(model, dict(facts))
        files[graph.name] = model.SerializeToString(deterministic=True)
        _check(graph, files[graph.name])
    return files


@symbolic_helper.parse_args("v", "v", "i")
def _take_along(context: Any, values: Any, indices: Any, axis: int) -> Any:
    """`take_along_axis` of the array API, which the exporter does not know."""
    return context.op("GatherElements", values, indices, axis_i=axis)


@symbolic_helper.parse_args("v", "is", "v", "v", "f", "i")
def _layer_norm(
    context: Any, values: Any, shape: list[int], weight: Any, bias: Any, eps: float, _cudnn: int
) -> Any:
    """LayerNorm of the last axis as the instance norm of each frame: ONNX Runtime does that in a fifth of the time."""

    def constant(numbers: list[int] | list[float]) -> Any:
        return context.op("Constant", value_t=torch.tensor(numbers))

    frames = context.op("Reshape", values, constant([-1, 1, shape[0]]))
    normed = context.op("InstanceNormalization", frames, constant([1.0]), constant([0.0]), epsilon_f=eps)
    whole = context.op("Reshape", normed, context.op("Shape", values))
    return context.op("Add", context.op("Mul", whole, weight), bias)


@contextmanager
def _told_operators() -> Iterator[None]:
    """The exporter writes these operators as said above; other networks' exports in this process are left alone."""
    told: dict[str, Callable[..., Any]] = {
        "aten::take_along_dim": _take_along,
        "aten::layer_norm": _layer_norm,
    }
    for name, written in told.items():
        register_custom_op_symbolic(name, written, OPSET)
    try:
        yield
    finally:
        for name in told:
            unregister_custom_op_symbolic(name, OPSET)


def _traced(graph: Graph) -> bytes:
    names = (*graph.inputs, *graph.outputs) if graph.many else ()
    with _told_operators(), tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Sizes become constants, which is meant. The newer exporter makes the same graphs in ten times the time, and a
        # checkout's first take waits for it.
        warnings.simplefilter("ignore")
        written = Path(folder) / "graph.onnx"
        torch.onnx.export(
            graph.module.eval(),
            tuple(graph.inputs.values()),
            written,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: {0: "hands"} for name in names},
            opset_version=OPSET,
            dynamo=False,
        )
        return written.read_bytes()


def _check(graph: Graph, file: bytes) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    used = {item.name for item in session.get_inputs()}
    given = {name: value.numpy() for name, value in graph.inputs.items() if name in used}
    right = graph.module(*graph.inputs.values())
    for mine, theirs in zip(session.run(None, given), [right] if isinstance(right, Tensor) else right):
        wanted = theirs.numpy()
        # Weights that are no model's may say nothing finite; who samples with them is told so.
        room = LARGEST_DIFFERENCE * max(np.abs(wanted).max(), 1.0)
        if np.isfinite(wanted).all() and not np.abs(mine - wanted).max() <= room:
            raise RuntimeError(f"the exported graph {graph.name} does not compute what torch does")
