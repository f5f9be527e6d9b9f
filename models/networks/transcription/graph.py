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

    def weights(self, value: NDArray[Any]) -> str:
        """Weights, stored with 16 bits; the sums are made with 32."""
        if np.abs(value).max() > np.finfo(np.float16).max:
            raise ValueError("weights too large for 16 bits")
        return self.add("Cast", self.constant(value.astype(np.float16)), to=TensorProto.FLOAT)

    def shaped(self, name: str, *shape: int) -> str:
        """Another shape; 0 keeps a length, -1 is what is left."""
        return self.add("Reshape", name, self.constant(np.array(shape)))

    def product(self, name: str, weight: NDArray[Any], bias: NDArray[Any] | None = None) -> str:
        """Rows (..., in) times weights (in, out), plus a bias, in floats."""
        made = self.add("MatMul", name, self.weights(weight))
        return made if bias is None else self.add("Add", made, self.constant(bias))

    def normed(self, name: str, width: int, epsilon: float) -> str:
        """Tokens (..., width) divided by their root mean square."""
        ones = self.constant(np.ones(width, np.float32))
        return self.add("SimplifiedLayerNormalization", name, ones, axis=-1, epsilon=epsilon)

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
