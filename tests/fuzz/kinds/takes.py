# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken take files: both sides of the process boundary must say the same of them."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.fuzz.kinds.base import BlenderKind, WorkerKind
from tests.fuzz.kinds.midi import midi_file, scale
from tests.fuzz.mutate import ODD_NUMBERS, ODD_TEXTS, mutate_bytes, mutate_value, odd_value
from tests.fuzz.verdict import Outcome
from tests.fuzz.watch import START_SECONDS

DTYPES = ("f4", "f8", "f2", "i1", "i8", "u8", "c8", "U5", "S3", "?", "M8[s]", ">f4", "V4")


class BlenderReader(BlenderKind):
    """Blender's loader, for the take at `path`."""

    path: Path

    def run(self, number: int, rng: random.Random) -> Outcome:
        """What Blender's side says of the take."""
        self.begin()
        return self.ask("take", path=str(self.path))[0]


class Takes(WorkerKind):
    """Redo one hand of a mutated take; then the same file for Blender's loader."""

    name = "take"

    def prepare(self) -> None:
        (self.folder / "other").mkdir()
        self.blender = BlenderReader(self.folder / "other", self.tiny_model)
        score, take = self.folder / "score.mid", self.folder / "take.npz"
        score.write_bytes(midi_file([scale(4)]))
        self.program.ensure()
        self.started()
        params = {"midi": str(score), "output": str(take), "preset": str(self.tiny_model), "device": "cpu"}
        made = self.ask("generate", {**params, "sound_end_s": 2.0}, START_SECONDS)  # torch is loaded, too
        if made.problems or not made.accepted:
            raise RuntimeError(f"no take to begin with: {made}")
        self.take = take.read_bytes()
        with np.load(take) as arrays:
            self.arrays: dict[str, np.ndarray[Any, Any]] = {name: arrays[name] for name in arrays}
        self.arrays["keys"] = np.array([[60, 0.1, 0], [60, 0.2, 1], [64, 0.5, 0.3]], np.float32)

    def close(self) -> None:
        self.blender.close()
        super().close()

    def run(self, number: int, rng: random.Random) -> Outcome:
        self.begin()
        path = self.case / "kept.npz"
        path.write_bytes(self._broken(number, rng))
        before = self.files()
        self.blender.path = path
        other = self.blender.run(number, rng)
        params = {
            "keep": str(path),
            "hand": rng.choice(("left", "right")),
            "output": str(self.case / "take.npz"),
            "preset": str(self.tiny_model),
            "device": "cpu",
        }
        outcome = self.finish(self.ask("generate", params), before, ("case/take.npz",))
        outcome.problems += [f"Blender: {problem}" for problem in other.problems]
        readable = outcome.accepted or not outcome.code.startswith("take_")  # one without notes can be read
        if not outcome.problems and readable != other.accepted:
            outcome.problems.append(
                f"disagree: worker {outcome.message or 'accepts'!r}, Blender {other.message or 'accepts'!r}"
            )
        return outcome

    def _broken(self, number: int, rng: random.Random) -> bytes:
        if number % 20 == 0:
            return self.take
        choice = rng.random()
        if choice < 0.35:
            return mutate_bytes(self.take, rng)
        if choice < 0.9:
            return self._broken_arrays(rng)
        return _bomb(rng)

    def _broken_arrays(self, rng: random.Random) -> bytes:
        arrays: dict[str, Any] = dict(self.arrays)
        for _ in range(rng.choice((1, 1, 2, 4))):
            name = rng.choice(sorted(arrays))
            arrays[name] = _odd_array(arrays[name], rng) if name != "meta" else _odd_meta(arrays[name], rng)
            if rng.random() < 0.08:
                del arrays[name]
        if rng.random() < 0.1:
            arrays["extra"] = np.zeros(3)
        file = io.BytesIO()
        (np.savez_compressed if rng.random() < 0.3 else np.savez)(file, **arrays)
        return file.getvalue()


def _odd_array(array: Any, rng: random.Random) -> Any:
    kind = rng.randrange(6)
    array = np.array(array)
    if kind == 0 and array.size and array.dtype.kind in "fiu":
        number = float(np.float64(min(rng.choice(ODD_NUMBERS[:12]), 1e308)))
        flat = array.reshape(-1).astype(np.float64)
        flat[rng.randrange(flat.size)] = rng.choice((number, float("nan"), float("inf"), -1.0, 1e30, 99.0))
        with np.errstate(all="ignore"):
            return flat.reshape(array.shape).astype(array.dtype)
    if kind == 1:
        with np.errstate(all="ignore"):
            return np.zeros(array.shape, rng.choice(DTYPES))
    if kind == 2:
        return np.moveaxis(array, 0, -1) if array.ndim > 1 else array.reshape(-1, 1)
    if kind == 3 and array.ndim:
        return array[: rng.randrange(array.shape[0] + 1)]
    if kind == 4:
        return np.array(rng.choice(ODD_TEXTS[:8]))
    return np.asfortranarray(array) if rng.random() < 0.5 else np.zeros((0, *array.shape[1:]), array.dtype)


def _odd_meta(array: Any, rng: random.Random) -> Any:
    try:
        meta = json.loads(str(array))
    except ValueError:
        meta = {}
    if rng.random() < 0.2:
        return np.array(rng.choice(ODD_TEXTS[:12]))
    value = mutate_value(meta, rng) if rng.random() < 0.8 else odd_value(rng)
    return np.array(json.dumps(value))


def _bomb(rng: random.Random) -> bytes:
    """A small archive whose arrays are, or are said to be, gigantic."""
    frames = rng.choice((10**5, 10**7, 10**9, 2**40))
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({frames}, 2, 16, 3), }}"
    padded = head.ljust(118 - 1) + "\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded.encode()
    file = io.BytesIO()
    with zipfile.ZipFile(
        file, "w", rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
    ) as archive:
        archive.writestr("euler.npy", data + bytes(rng.choice((0, 1000, 30 << 20))))
        for name in ("fps", "wrist", "notes", "fingering", "meta"):
            part = io.BytesIO()
            np.save(part, np.array("{}" if name == "meta" else 30.0))
            archive.writestr(f"{name}.npy", part.getvalue())
    return file.getvalue()
