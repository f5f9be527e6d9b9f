# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network's stages as ONNX graphs, for `models.music.transcription.onnx_network`.

Weights are stored with 16 bits, and everything is computed with 32. Products in 8 bits were tried: they lose one note
in a hundred, and the ways to lose fewer cost as much as they save on a processor without instructions for them.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.music.transcription.onnx_files import FACTS, stage_names
from models.networks.transcription.backbone import EPSILON, HalfLayer
from models.networks.transcription.graph import MICROSOFT, Graph
from models.networks.transcription.network import TorchNoteNetwork, load_network
from models.networks.transcription.spectrum import LOG_FLOOR

SOUNDING_KEYS = Path(__file__).with_name("sounding_keys.json")
"""The plane that parts tokens of sounding keys from others before the last layer; `benchmarks/sounding_keys.py`."""
FRAMES = 691
"""Of a segment of 16 s."""


@torch.inference_mode()
def export_transcriber() -> dict[str, bytes]:
    """Each stage's file by its name.

    Raises:
        UserError: `transcriber_missing` where `transkun` is not installed.
    """
    network = load_network(torch.device("cpu"))
    layers = network.backbone.layers
    files = {
        "spectrum": _spectrum(network),
        "embedding": _embedding(network),
        "places": _places(network),
        "sounding": _sounding(),
        "scores": _scores(network),
        "findings": _findings(network),
    }
    for number, (across, along) in enumerate(layers):
        files[f"across{number}"], files[f"along{number}"] = _half(across), _half(along)
    if sorted(files) != sorted(stage_names(len(layers))):
        raise RuntimeError("the stages are not those that are looked for")
    return files


def _half(half: HalfLayer) -> bytes:
    """Rows (rows, n, width) after half a layer, in which they have looked at memory (rows, m, width)."""
    graph, width = Graph(), half.query.shape[0]
    query = graph.product(graph.normed("rows", width, EPSILON), half.query.numpy())
    key, value = graph.many("Split", graph.product("memory", half.key_value.numpy()), outputs=2, axis=-1)
    seen = graph.add(
        "MultiHeadAttention", query, key, value, domain=MICROSOFT, num_heads=half.heads, scale=1.0
    )
    tokens = graph.add("Add", "rows", graph.product(seen, half.out.numpy(), half.out_bias.numpy()))
    hidden = graph.product(graph.normed(tokens, width, EPSILON), half.up.numpy(), half.up_bias.numpy())
    change = graph.product(graph.gelu(hidden), half.down.numpy(), half.down_bias.numpy())
    shapes = {"rows": ["rows", "n", width], "memory": ["rows", "m", width]}
    return graph.file(shapes, [graph.add("Add", tokens, change)], FACTS)


def _spectrum(network: TorchNoteNetwork) -> bytes:
    """The windows (windows, samples), and the first and last heard frequency and one more; of nothing."""
    graph, spectrum = Graph(), network.spectrum
    heard = np.array([spectrum.heard.start, spectrum.heard.stop, network.rate, network.hop])
    made = [graph.add("Identity", graph.constant(value)) for value in (spectrum.windows.numpy(), heard)]
    return graph.file({}, made, FACTS)


def _embedding(network: TorchNoteNetwork) -> bytes:
    """Power (frames, windows, frequencies) to what is heard at each time and frequency (steps, places, width)."""
    graph, published = Graph(), network.backbone.published
    filters = network.spectrum.filters.numpy()
    floor = math.log(LOG_FLOOR)
    mel = graph.add(
        "Log", graph.add("Add", graph.product("power", filters), graph.constant(np.float32(LOG_FLOOR)))
    )
    mel = graph.add(
        "Mul",
        graph.add("Sub", mel, graph.constant(np.float32(floor))),
        graph.constant(np.float32(-1 / floor)),
    )
    image = graph.add("Unsqueeze", graph.add("Transpose", mel, perm=[1, 0, 2]), graph.constant(np.array([0])))
    image = _convolved(graph, image, published.inputConv, [1, 1, 1, 1])
    at = torch.arange(filters.shape[1]).float()
    image = graph.add("Add", image, graph.constant(published.posEmbedBuilder(at).T[:, None].numpy()))
    pads = [0, 0, 0, 0]
    for part in published.downConv:
        if isinstance(part, torch.nn.ConstantPad2d):
            left, right, top, bottom = part.padding
            pads = [top, left, bottom, right]
        elif isinstance(part, torch.nn.Conv2d):
            image = _convolved(graph, image, part, [pad + 1 for pad in pads])
            pads = [0, 0, 0, 0]
        elif isinstance(part, torch.nn.GroupNorm):
            image = _group_normed(graph, image, part)
        elif isinstance(part, torch.nn.GELU):
            image = graph.gelu(image)
    found = graph.add("Transpose", graph.add("Squeeze", image, graph.constant(np.array([0]))), perm=[1, 2, 0])
    windows, frequencies = network.spectrum.windows.shape[0], filters.shape[0]
    return graph.file({"power": [FRAMES, windows, frequencies]}, [found], FACTS)


def _convolved(graph: Graph, image: str, layer: torch.nn.Conv2d, pads: list[int]) -> str:
    assert layer.bias is not None and layer.padding == (1, 1) and layer.kernel_size == (3, 3)
    weight, bias = graph.weights(layer.weight.numpy()), graph.constant(layer.bias.numpy())
    return graph.add("Conv", image, weight, bias, pads=pads, strides=list(layer.stride))


def _group_normed(graph: Graph, image: str, layer: torch.nn.GroupNorm) -> str:
    groups = layer.num_groups
    ones, zeros = graph.constant(np.ones(groups, np.float32)), graph.constant(np.zeros(groups, np.float32))
    flat = graph.add(
        "InstanceNormalization", graph.shaped(image, 1, groups, -1), ones, zeros, epsilon=layer.eps
    )
    normed = graph.add("Reshape", flat, graph.add("Shape", image))
    scaled = graph.add("Mul", normed, graph.constant(layer.weight.numpy()[:, None, None]))
    return graph.add("Add", scaled, graph.constant(layer.bias.numpy()[:, None, None]))


def _places(network: TorchNoteNetwork) -> bytes:
    """Where each token is (steps, tracks, width), of a segment: what stands in it before any sound."""
    graph, backbone = Graph(), network.backbone
    image = torch.zeros(1, network.config.base_size, FRAMES, network.config.n_mels)
    steps, frequencies = backbone.published.downConv(image).shape[2:]
    places = torch.cat(backbone.positions(steps + 1, frequencies + 1), 1)
    return graph.file({}, [graph.add("Identity", graph.weights(places.numpy()))], FACTS)


def _sounding() -> bytes:
    """Tokens of keys (steps, keys, width) to how surely each key sounds at any step (keys,)."""
    graph, plane = Graph(), json.loads(SOUNDING_KEYS.read_text("utf-8"))
    weight = np.array(plane["weight"], np.float32)
    logit = graph.product("tokens", weight[:, None], np.array([plane["bias"]], np.float32))
    most = graph.add("ReduceMax", logit, axes=[0, 2], keepdims=0)
    return graph.file({"tokens": ["steps", "keys", len(weight)]}, [most], FACTS)


def _scores(network: TorchNoteNetwork) -> bytes:
    """Tokens of keys (keys, steps, width) to where intervals score above 0, how much, and scores of single frames.

    The three are (3, n) of key, begin and end, the products (n,) before they are multiplied with the length, and
    (keys, frames).
    """
    graph, scorer = Graph(), network.scorer
    width = scorer.width
    ends, begins, single = (
        graph.shaped(graph.product("tokens", weight.numpy(), bias.numpy()), 0, -1, out)
        for (weight, bias), out in zip(scorer.maps, (width, width, 1), strict=True)
    )
    ends, begins, single = (
        graph.add("Slice", part, *(graph.constant(np.array([at])) for at in (0, FRAMES, 1)))
        for part in (ends, begins, single)
    )
    score = graph.add("MatMul", begins, graph.add("Transpose", ends, perm=[0, 2, 1]))
    later = graph.constant(np.triu(np.ones((FRAMES, FRAMES), bool), 1))
    positive = graph.add("And", graph.add("Greater", score, graph.constant(np.float32(0))), later)
    where = graph.add("NonZero", positive)
    value = graph.add("GatherND", score, graph.add("Transpose", where, perm=[1, 0]))
    single = graph.add("Squeeze", single, graph.constant(np.array([2])))
    return graph.file({"tokens": ["keys", "steps", width]}, [where, value, single], FACTS)


def _findings(network: TorchNoteNetwork) -> bytes:
    """Tokens (n, width), and which frames of them (n, 1), of begins and ends to what is found of each interval."""
    graph, scorer = Graph(), network.scorer
    width, frames = scorer.width, scorer.frames_per_token

    def features(of: str) -> str:
        weight = scorer.up.permute(1, 0, 2).flatten(1).numpy()
        every = graph.shaped(graph.product(f"{of}_token", weight), -1, frames, width)
        chosen = graph.add("GatherND", every, f"{of}_phase_index", batch_dims=1)
        return graph.add("Add", chosen, graph.constant(scorer.up_bias.numpy()))

    begin, end = features("begin"), features("end")
    both = graph.add("Concat", begin, end, graph.add("Mul", begin, end), axis=-1)

    def head(layers: Any) -> str:
        up, down = layers[0], layers[-1]
        hidden = graph.gelu(graph.product(both, up.weight.T.numpy(), up.bias.numpy()))
        return graph.product(hidden, down.weight.T.numpy(), down.bias.numpy())

    velocity = graph.add("ArgMax", head(network.velocity), axis=-1, keepdims=0)
    shift, presence = graph.many("Split", head(network.ends), outputs=2, axis=-1)
    shapes: dict[str, list[int | str]] = {
        "begin_token": ["n", width],
        "begin_phase_index": ["n", 1],
        "end_token": ["n", width],
        "end_phase_index": ["n", 1],
    }
    return graph.file(shapes, [velocity, shift, presence], FACTS)
