# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that needs no torch: the networks as ONNX graphs, run by ONNX Runtime (`models.generation.engine.Engine`).

Every graph is run by one thread and takes one window of one hand or of both, so a result is the same, bit for bit, for
any number of threads. Each thread does a window of its own; one that finds none left takes a hand of another window,
and the two meet at the bottleneck.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.conditioning.windows import Heard
from models.config import ModelConfig
from models.errors import UserError, quoted
from models.generation.engine import Floats
from models.machine import allowed_threads
from models.thread_pool import Cores, ThreadPool

if TYPE_CHECKING:
    from models.music.audio import Audio

MOST_MODULATIONS = 512
"""Kept; one a timestep, hand and player."""


@dataclass(frozen=True)
class WindowCondition:
    """What the steps of one window share."""

    projected: Floats
    """[2, W, 1, T / patch], each hand's share of the first convolution."""
    given: dict[int, list[Floats]] = field(default_factory=dict)
    """What `down` makes of a hand that is given whole: the same in every step."""


class OnnxEngine:
    """Sessions of a model's graphs.

    Raises:
        UserError: a file is missing, damaged, or was made of other weights.
    """

    name = "onnx"
    device = "cpu"

    def __init__(
        self,
        config: ModelConfig,
        files: Mapping[str, Path],
        facts: Mapping[str, str],
        threads: int | None = None,
        numbers: Mapping[str, Mapping[str, Floats]] | None = None,
    ) -> None:
        """See `models.generation.onnx_files` for `files`, `facts` and `numbers`."""
        self._config = config
        told = numbers or {}

        def opened(name: str) -> onnxruntime.InferenceSession:
            return open_session(files[name], facts, told.get(name, {}))

        with ThreadPool(
            len(files)
        ) as pool:  # most of the time that opening takes is the library's, outside Python
            self._sessions = dict(zip(files, pool.each(opened, files), strict=True))
        self._inputs = {
            name: [item.name for item in session.get_inputs()] for name, session in self._sessions.items()
        }
        self._cores = Cores(allowed_threads() if threads is None else threads)
        self._modulations: dict[tuple[int, int, bytes], Floats] = {}

    def pieces(self, starts: list[int]) -> list[list[int]]:
        """See `Engine`."""
        return [[start] for start in starts]

    def pool(self) -> ThreadPool:
        """See `Engine`."""
        return self._cores.pool()

    def listener(self, sound: Audio) -> None:
        """See `Engine`; this one hears nothing."""

    def positions(self, heard: Heard, style: Floats) -> Floats:
        """See `Engine`."""
        windows = [self._run("positions", **told, style=style[i, None])[0] for i, told in self._told(heard)]
        return np.concatenate(windows)

    def condition(self, heard: Heard, positions: Floats) -> list[WindowCondition]:
        """See `Engine`; one a window."""
        return [
            WindowCondition(self._run("condition", **told, positions=positions[i, None])[0])
            for i, told in self._told(heard)
        ]

    def velocity(
        self,
        x: Floats,
        t: NDArray[np.int64],
        condition: list[WindowCondition],
        known: NDArray[np.bool_],
        values: Floats,
        style: Floats,
    ) -> Floats:
        """See `Engine`."""
        if self._config.known_frames:
            x = np.where(known, values, x)
        return np.stack([self._window(*window) for window in zip(x, t, condition, known, style, strict=True)])

    def _window(
        self,
        x: Floats,
        t: NDArray[np.int64],
        condition: WindowCondition,
        known: NDArray[np.bool_],
        style: Floats,
    ) -> Floats:
        """v [2, T, C] of one window."""
        modulated = [self._modulation(hand, int(t[hand]), style[hand]) for hand in (0, 1)]
        whole = [t[hand] == 0 and bool(known[hand].all()) for hand in (0, 1)]

        def down(hand: int) -> list[Floats]:
            if hand in condition.given:
                return condition.given[hand]
            part = slice(hand, hand + 1)
            given = {"x": x[part], "known": known[part], "projected": condition.projected[part]}
            made = self._run(self._of("down", hand), **given, modulation=modulated[hand])
            if whole[hand]:
                condition.given[hand] = made
            return made

        downs = self._cores.halves(down)

        def up(hand: int) -> Floats:
            if whole[hand]:
                return np.zeros_like(x[hand])
            (own, *skips), other = downs[hand], downs[1 - hand][0]
            named = {f"skip{i}": skip for i, skip in enumerate(skips)}
            seen = {"own": own, "other": other, "x": x[hand, None], "modulation": modulated[hand]}
            return self._run(self._of("up", hand), **seen, **named)[0][0]

        return np.stack(self._cores.halves(up))

    def _modulation(self, hand: int, t: int, style: Floats) -> Floats:
        key = (0 if self._config.shared_hands else hand, t, style.tobytes())
        if key not in self._modulations:
            if len(self._modulations) >= MOST_MODULATIONS:
                self._modulations.clear()
            when = {"t": np.array([t]), "style": style[None]}
            self._modulations[key] = self._run(self._of("modulation", hand), **when)[0]
        return self._modulations[key]

    def _of(self, part: str, hand: int) -> str:
        return f"{part}{0 if self._config.shared_hands else hand}"

    def _told(self, heard: Heard) -> list[tuple[int, dict[str, Floats]]]:
        """What is told of each window, as a batch of one."""
        if heard.sounds is None:
            raise ValueError("this engine reads notes")
        plans = [None] * len(heard.sounds) if heard.plan is None else list(heard.plan)
        return [
            (i, {"sounds": sounds[None], **({} if plan is None else {"plan": plan[None]})})
            for i, (sounds, plan) in enumerate(zip(heard.sounds, plans, strict=True))
        ]

    def _run(self, name: str, **inputs: NDArray[Any]) -> list[Floats]:
        """The outputs of a graph; what the model does not read is no input of it."""
        given = {key: inputs[key] for key in self._inputs[name]}
        return self._sessions[name].run(None, given)


def open_session(
    path: Path, facts: Mapping[str, str], numbers: Mapping[str, Floats]
) -> onnxruntime.InferenceSession:
    """A session of a file whose metadata says `facts`, run by the thread that calls it.

    numbers: of the initializers whose numbers are not in the file.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it grows with every thread and gives nothing back
    options.log_severity_level = 4  # what goes wrong is raised
    if numbers:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(every) for every in numbers.values()]
        options.add_external_initializers(list(numbers), values)
    again = "install the extension again, or delete that file's folder where it lies in a cache"
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library has a class of its own for each reason
        raise UserError(
            "onnx_damaged", f"{quoted(path)} cannot be used; {again}.", repr(error)[:2000]
        ) from error
    said = session.get_modelmeta().custom_metadata_map
    if any(said.get(name) != value for name, value in facts.items()):
        sentence = f"{quoted(path)} belongs to other weights; {again}."
        raise UserError("onnx_mismatch", sentence, f"{said} instead of {dict(facts)}")
    return session
