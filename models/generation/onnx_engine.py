# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that needs no torch: the networks as ONNX graphs, run by ONNX Runtime (`models.generation.engine.Engine`).

Every graph is run by one thread, and what it makes of a hand in a window does not depend on which others share its
batch. So a result is the same, bit for bit, for any number of threads. Each thread does windows of its own; one that
finds none left takes the other hand of a thread's windows, and the two meet at the bottleneck.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from models.thread_pool import Cores, ThreadPool, slices

if TYPE_CHECKING:
    from models.music.audio import Audio

WINDOWS_TOGETHER = 2
"""Windows that go through the networks at once: their weights are read from memory once. More would gain little, and
keep other cores waiting."""
MOST_MODULATIONS = 512
"""Kept; one a timestep, hand and player."""

Place = tuple[int, int]
"""A window of a batch, and a hand."""
Made = tuple[list[Floats], int]
"""The outputs of a graph, and the row in them that is a place's own."""


@dataclass(frozen=True)
class WindowCondition:
    """What the steps of one window share."""

    projected: Floats
    """[2, W, 1, T / patch], each hand's share of the first convolution."""
    given: dict[int, Made] = field(default_factory=dict)
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
        return [starts[piece] for piece in slices(len(starts), WINDOWS_TOGETHER)]

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
        whole = (t == 0) & known.all((2, 3))
        places = [(window, hand) for window in range(len(x)) for hand in (0, 1)]
        modulated = {place: self._modulation(place[1], int(t[place]), style[place]) for place in places}
        downs = {
            place: condition[place[0]].given[place[1]]
            for place in places
            if place[1] in condition[place[0]].given
        }

        def down(some: list[Place]) -> list[Floats]:
            return self._run(
                self._of("down", some[0][1]),
                x=np.stack([x[place] for place in some]),
                known=np.stack([known[place] for place in some]),
                projected=np.stack([condition[window].projected[hand] for window, hand in some]),
                modulation=np.concatenate([modulated[place] for place in some]),
            )

        downs |= self._by_hands(down, [place for place in places if place not in downs])
        for window, hand in (place for place in places if whole[place]):
            condition[window].given[hand] = downs[window, hand]

        def up(some: list[Place]) -> list[Floats]:
            seen = [downs[place] for place in some]
            own, *skips = (_rows(seen, i) for i in range(len(seen[0][0])))
            return self._run(
                self._of("up", some[0][1]),
                own=own,
                other=_rows([downs[window, 1 - hand] for window, hand in some], 0),
                x=np.stack([x[place] for place in some]),
                modulation=np.concatenate([modulated[place] for place in some]),
                **{f"skip{i}": skip for i, skip in enumerate(skips)},
            )

        v = np.zeros_like(x)
        ups = self._by_hands(up, [place for place in places if not whole[place]])
        for place, (made, row) in ups.items():
            v[place] = made[0][row]
        return v

    def _by_hands(
        self, work: Callable[[list[Place]], list[Floats]], places: list[Place]
    ) -> dict[Place, Made]:
        """What `work` makes of each place.

        Each hand's places are a core's own if one has nothing to do, or if the hands have weights of their own.
        Otherwise all are done at once, which reads the weights from memory once.
        """
        hands = [[place for place in places if place[1] == hand] for hand in (0, 1)]

        def done(some: list[Place]) -> tuple[list[Place], list[Floats]]:
            return some, work(some)

        if all(hands):
            together = (lambda: [done(places)]) if self._config.shared_hands else None
            parts = self._cores.halves(lambda hand: done(hands[hand]), together)
        else:
            parts = [done(some) for some in hands if some]
        return {place: (made, row) for some, made in parts for row, place in enumerate(some)}

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


def _rows(made: Sequence[Made], output: int) -> Floats:
    """One output's rows of some places; what was made together is not copied."""
    arrays = [outputs[output] for outputs, _ in made]
    rows = [row for _, row in made]
    if rows == list(range(len(arrays[0]))) and all(array is arrays[0] for array in arrays):
        return arrays[0]
    return np.stack([array[row] for array, row in zip(arrays, rows, strict=True)])


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
