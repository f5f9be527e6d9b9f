# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken model folders, to be loaded."""

from __future__ import annotations

import json
import random
import struct
from typing import Any

from tests.fuzz.kinds.base import WorkerKind
from tests.fuzz.mutate import as_json, mutate_bytes, mutate_value, odd_value
from tests.fuzz.verdict import Outcome

BIG = (0, -1, 3, 513, 8192, 10**6, 10**9, 2**31, 2**63, 1.5)


class Models(WorkerKind):
    """`load` of a folder with a mutated configuration or mutated weights."""

    name = "model folder"

    def prepare(self) -> None:
        self.config = json.loads((self.tiny_model / "config.json").read_text())
        self.weights = (self.tiny_model / "model.safetensors").read_bytes()

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        config, weights = json.dumps(self.config).encode(), self.weights
        choice = rng.random() if number % 20 else 1.0
        if choice < 0.25:
            config = as_json(mutate_value(self.config, rng), rng)
        elif choice < 0.5:
            config = as_json(_resized(self.config, rng), rng)
        elif choice < 0.6:
            config = mutate_bytes(config, rng)
        elif choice < 0.95:
            weights = _broken_weights(weights, rng)
        folder = self.case / "model"
        folder.mkdir()
        (folder / "config.json").write_bytes(config)
        (folder / "model.safetensors").write_bytes(weights)
        before = self.files()
        self.ask("unload", {})  # what is loaded is not read again
        return self.finish(self.ask("load", {"preset": str(folder), "device": "cpu"}), before)


def _resized(config: Any, rng: random.Random) -> Any:
    """The configuration with some of its whole numbers made large, small or odd."""
    config = json.loads(json.dumps(config))
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)):
            if isinstance(value[key], (dict, list)):
                collect(value[key])
            elif isinstance(value[key], int) and not isinstance(value[key], bool):
                places.append((value, key))

    collect(config)
    for _ in range(rng.choice((1, 1, 2, 3))):
        holder, key = rng.choice(places)
        holder[key] = rng.choice(BIG)
    return config


def _broken_weights(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.4:
        return mutate_bytes(data, rng)
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), bytearray(data[8 + size :])
    if rng.random() < 0.3:  # numbers that are none
        at = rng.randrange(len(body) // 4) * 4
        body[at : at + 4] = struct.pack("<f", rng.choice((float("nan"), float("inf"), 1e38)))
    else:
        name = rng.choice([key for key in header if key != "__metadata__"])
        entry = header[name]
        field = rng.choice(("dtype", "shape", "data_offsets", "name", "all"))
        if field == "name":
            header[rng.choice(("x", "streams.\n", name + "." + name))] = header.pop(name)
        elif field == "all":
            header = mutate_value(header, rng)
        elif field == "dtype":
            entry["dtype"] = rng.choice(("F64", "F16", "BF16", "I64", "BOOL", "U8", "F8_E4M3", "X"))
        else:
            entry[field] = rng.choice(([], [2**40], [0, 2**62], [0, 0], odd_value(rng)))
    text = json.dumps(header).encode()
    claimed = len(text) if rng.random() < 0.9 else rng.choice((0, 2**40, 100 << 20, 2**63))
    return struct.pack("<Q", claimed) + text + bytes(body)
