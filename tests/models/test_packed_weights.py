# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights of the transcriber's graphs: a quarter of the bytes, and what is computed of them stays close."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from models.networks.transcription.graph import GROUP, LARGEST_WHOLE, Graph, packed

WEIGHTS = np.random.default_rng(0).standard_normal((96, 64)) * np.geomspace(1e-2, 10, 64)


def test_weights_stay_close() -> None:
    whole, scale = packed(WEIGHTS)
    assert (whole.dtype, scale.dtype, whole.shape[1]) == (np.int8, np.float16, GROUP)
    rows = WEIGHTS.reshape(whole.shape)
    back = whole * scale.astype(np.float64)
    assert np.linalg.norm(back - rows) < 0.008 * np.linalg.norm(rows)
    assert (np.abs(whole).max(1) == LARGEST_WHOLE).all()  # every group uses all of its 8 bits


def test_a_graph_computes_with_them() -> None:
    graph = Graph()
    made = graph.product("x", WEIGHTS.astype(np.float32))
    file = graph.file({"x": [1, 96]}, [made], {})
    assert len(file) < WEIGHTS.size * 1.2 + 1000
    x = np.random.default_rng(1).standard_normal((1, 96)).astype(np.float32)
    (y,) = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    right = x @ WEIGHTS
    assert np.linalg.norm(y - right) < 0.01 * np.linalg.norm(right)


def test_odd_shapes_and_nothing() -> None:
    whole, scale = packed(np.zeros((3, 5)))
    assert whole.shape == (3, 5) and not whole.any() and np.isfinite(scale).all()
    with pytest.raises(ValueError, match="16 bits"):
        packed(np.full((1, GROUP), 1e9))
