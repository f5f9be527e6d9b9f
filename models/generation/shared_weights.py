# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that a graph of an extension's zip takes from the model's weights file, so that the zip holds them once.

Beside such graphs lies `MAP_FILE`: for each of them, which initializer is which tensor of the file, and whether
transposed. The file's sixteen-bit numbers become single precision, as everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAP_FILE = "weights.json"


def read_map(folder: Path) -> dict[str, dict[str, tuple[str, bool]]]:
    """What `MAP_FILE` in a folder of graphs says; empty where there is none, and all numbers are in the graphs."""
    path = folder / MAP_FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def initializers(
    tensors: Mapping[str, NDArray[Any]], places: Mapping[str, tuple[str, bool]]
) -> dict[str, NDArray[np.float32]]:
    """The numbers of each initializer of a graph that are not in it."""
    found = {}
    for name, (tensor, transposed) in places.items():
        values = tensors[tensor].astype(np.float32)
        found[name] = np.ascontiguousarray(values.T if transposed else values)
    return found
