# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs the networks of a model. Everything around them is the same NumPy code, so engines give the same take.

`onnx` (`models.generation.onnx_engine`) needs no torch; `torch` (`models.networks.torch_engine`) is for GPUs and for
models that listen to sound or have the released layout.

Axes: B windows, H = 2 hands, T frames of a window, C motion channels, S numbers that tell a hand's player. Arrays are
NumPy's float32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.conditioning.windows import Heard, Listener
from models.thread_pool import ThreadPool

if TYPE_CHECKING:
    from models.music.audio import Audio

Floats = NDArray[np.float32]


class Engine(Protocol):
    """The networks of one model, ready to be asked. Its methods may be called by several threads at once."""

    @property
    def name(self) -> str:
        """`onnx` or `torch`."""

    @property
    def device(self) -> str:
        """What it computes on: `cpu`, `cuda`, `mps`."""

    def pieces(self, starts: list[int]) -> list[list[int]]:
        """Windows as they go through the networks together; follows from the windows alone, not from threads."""

    def pool(self) -> AbstractContextManager[ThreadPool]:
        """The threads that pieces are done by."""

    def listener(self, sound: Audio) -> Listener | None:
        """What hears a recording; None where the model has no sound encoder."""

    def positions(self, heard: Heard, style: Floats) -> Floats:
        """Stage 1: normalised positions [B, 2, T, 3], for style [B, 2, S]."""

    def condition(self, heard: Heard, positions: Floats) -> Any:
        """What `velocity` is told of the music, the same in all steps of a window, as the engine keeps it."""

    def velocity(
        self,
        x: Floats,
        t: NDArray[np.int64],
        condition: Any,
        known: NDArray[np.bool_],
        values: Floats,
        style: Floats,
    ) -> Floats:
        """Stage 2: v [B, 2, T, C] (eq. 4) for noisy x [B, 2, T, C] at timesteps [B, 2].

        known [B, 2, T, 1]: where values [B, 2, T, C] are given; there v means nothing. A hand that is given whole has
        timestep 0.
        """
