# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing ONNX graphs node by node: what the transcription network's stages are exported with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 9
MICROSOFT = "com.microsoft"
"""Operators that only ONNX Runtime has: attention and the activation, done in one go."""
LARGEST_WEIGHT = 63
"""Of a quantised weight. With 7 bits the sum of two products never leaves the 16 bits that processors without VNNI
add them in, so every processor gets the same numbers."""
CLIPS = np.linspace(0.7, 1.0, 13)
"""Shares of the largest weight that are tried as the largest quantised one."""


class Graph:
    """A graph in the making. Methods that add a node return the name of what it makes."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: NDArray[Any] | np.generic) -> str:
        """A constant; floats are stored with 32 bits."""
        value = np.asarray(value)
        if value.dtype == np.float64:
            value = value.astype(np.float32)
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def many(self, kind: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any) -> list[str]:
        """A node with several outputs."""
        names = [f"n{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, domain=domain, **attributes))
        return names

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output."""
        return self.many(kind, *inputs, outputs=1, domain=domain, **attributes)[0]

    def floats(self, name: str) -> str:
        """Numbers as 32-bit floats."""
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def shaped(self, name: str, *shape: int) -> str:
        """Another shape; 0 keeps a length, -1 is what is left."""
        return self.add("Reshape", name, self.constant(np.array(shape)))

    def product(self, name: str, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> str:
        """Rows (..., in) times weights (in, out), plus a bias, in floats."""
        made = self.add("MatMul", name, self.constant(weight))
        return made if bias is None else self.add("Add", made, self.constant(bias))

    def quantised_product(self, name: str, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> str:
        """The same with weights of 7 bits, each column with a scale of its own, and rows of 8 bits of one scale."""
        whole, scale = quantised(weight)
        rows, row_scale, zero = self.many("DynamicQuantizeLinear", name, outputs=3)
        made = self.floats(self.add("MatMulInteger", rows, self.constant(whole), zero, self.constant(np.int8(0))))
        made = self.add("Mul", made, self.add("Mul", row_scale, self.constant(scale)))
        return made if bias is None else self.add("Add", made, self.constant(bias))

    def normed(self, name: str, width: int, epsilon: float) -> str:
        """Tokens (..., width) divided by their root mean square."""
        return self.normed_by(name, width, epsilon)[0]

    def normed_by(self, name: str, width: int, epsilon: float) -> list[str]:
        """The same, and by what they were multiplied (..., 1)."""
        ones = self.constant(np.ones(width, np.float32))
        return self.many(
            "SimplifiedLayerNormalization", name, ones, outputs=2, axis=-1, epsilon=epsilon
        )

    def gelu(self, name: str) -> str:
        """The activation of all of the network."""
        return self.add("Gelu", name, domain=MICROSOFT)

    def file(
        self, inputs: Mapping[str, Sequence[int | str]], outputs: Sequence[str], facts: Mapping[str, str]
    ) -> bytes:
        """The graph as a file's content; `inputs` are floats of these shapes, `facts` its metadata."""
        given = [
            helper.make_tensor_value_info(
                name, TensorProto.INT64 if name.endswith("_index") else TensorProto.FLOAT, list(shape)
            )
            for name, shape in inputs.items()
        ]
        made = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(self._nodes, "stage", given, made, self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="s2c")
        model.ir_version = IR_VERSION
        helper.set_model_props(model, dict(facts))
        return model.SerializeToString(deterministic=True)


def quantised(weight: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Whole weights (in, out) and each column's scale (out,): of several scales the one that changes least."""
    weight = weight.astype(np.float64)
    largest = np.maximum(np.abs(weight).max(0), 1e-12) / LARGEST_WEIGHT
    tried = largest * CLIPS[:, None]
    whole = np.clip(np.rint(weight / tried[:, None]), -LARGEST_WEIGHT, LARGEST_WEIGHT)
    error = np.square(whole * tried[:, None] - weight).sum(1)
    best = error.argmin(0), np.arange(weight.shape[1])
    return whole[best[0], :, best[1]].T.astype(np.int8), tried[best].astype(np.float32)
