# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks of a zip: exported as ONNX, the default model's without the numbers that its weights file holds anyway.

    python -m extension.networks -o FOLDER

Needs torch and onnx. `models/generation/shared_weights.py` puts the numbers back when a graph is loaded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper
from safetensors.numpy import load_file

from locks.make import ROOT
from models.generation.shared_weights import MAP_FILE

DEFAULT = ROOT / "models" / "presets" / "default" / "model.safetensors"
LEAST_BYTES = 1024
"""Smaller numbers stay in the graph."""


def export(folder: Path) -> None:
    """Write the networks of the built-in engine into a folder. CalledProcessError when that fails."""
    command = [sys.executable, "-m", "models", "export", "--what", "all", "-o", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    share(folder / "default", DEFAULT)


def share(folder: Path, weights: Path) -> None:
    """Take out of the graphs in a folder what `weights` holds, and write beside them which tensor goes where."""
    known: dict[tuple[tuple[int, ...], bytes], tuple[str, bool]] = {}
    for name, tensor in load_file(weights).items():
        known.setdefault(_key(tensor.astype(np.float32)), (name, False))
        known.setdefault(_key(tensor.astype(np.float32).T), (name, True))
    places = {}
    for path in sorted(folder.glob("*.onnx")):
        model = onnx.load(str(path))
        places[path.stem] = _take_out(model, known)
        path.write_bytes(model.SerializeToString(deterministic=True))
    (folder / MAP_FILE).write_text(json.dumps(places, indent=0, sort_keys=True), "utf-8")


def _take_out(
    model: onnx.ModelProto, known: dict[tuple[tuple[int, ...], bytes], tuple[str, bool]]
) -> dict[str, tuple[str, bool]]:
    """Empty the initializers of a graph that are known; which tensor each of them is, and whether transposed."""
    found = {}
    for initializer in model.graph.initializer:
        values = numpy_helper.to_array(initializer)
        if values.dtype != np.float32 or values.nbytes < LEAST_BYTES or _key(values) not in known:
            continue
        found[initializer.name] = known[_key(values)]
        initializer.ClearField("raw_data")
        initializer.ClearField("float_data")
        initializer.data_location = onnx.TensorProto.EXTERNAL
        place = initializer.external_data.add()
        place.key, place.value = "location", MAP_FILE  # never opened: the loader hands the numbers over
    return found


def _key(values: NDArray[np.float32]) -> tuple[tuple[int, ...], bytes]:
    return values.shape, np.ascontiguousarray(values).tobytes()


def main() -> int:
    """Export into the folder of the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    export(parser.parse_args().output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
