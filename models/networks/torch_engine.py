# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that runs a model's torch networks, on any device (`models.generation.engine.Engine`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.conditioning.conditioning import EncodedInput, build_condition, encode_input, predict_positions
from models.conditioning.hand_space import Normalizer
from models.conditioning.windows import Heard
from models.config import ModelConfig
from models.music.audio import Audio
from models.networks.audio_features import SoundFeatures
from models.networks.hubert import HubertPair
from models.networks.one_core import OneCorePool
from models.networks.stages import Networks, parameter_count

BATCH_WINDOWS = 4
"""Windows that go through the networks together on a CPU; more would take memory and no less time."""
BATCH_WINDOWS_GPU = 32
PAIR = 2
"""A full batch is done on a CPU as pairs of windows, each by one core. The cut follows from the song alone, never from
the number of threads: a batch of another size may round otherwise."""
ONE_CORE_NUMBERS = 30_000_000
"""A model with up to so many weights has each of its windows done by one core. A window of a larger one needs all cores
at once, and how many they are decides the last digits."""


class TorchEngine:
    """Networks in evaluation mode on one device."""

    name = "torch"

    def __init__(
        self, config: ModelConfig, networks: Networks, device: torch.device, encoder: HubertPair | None = None
    ) -> None:
        self._config, self._device = config, device
        self.networks = networks.to(device).eval().requires_grad_(False)
        self.encoder = encoder.to(device) if encoder is not None else None
        self._normalizer = Normalizer(config, torch.empty(0, device=device))

    @property
    def device(self) -> str:
        """The device's name."""
        return str(self._device)

    @property
    def one_core(self) -> bool:
        """Whether a piece of work is one core's from beginning to end."""
        if self._device.type != "cpu" or self._config.encoder.kind != "notes":
            return False
        return parameter_count(self.networks) <= ONE_CORE_NUMBERS

    def pieces(self, starts: list[int]) -> list[list[int]]:
        """See `Engine`."""
        size = BATCH_WINDOWS if self._device.type == "cpu" else BATCH_WINDOWS_GPU
        batches = [starts[i : i + size] for i in range(0, len(starts), size)]
        if not self.one_core:
            return batches
        cuts = ((batch, PAIR if len(batch) == size else size) for batch in batches)
        return [batch[i : i + width] for batch, width in cuts for i in range(0, len(batch), width)]

    def pool(self) -> OneCorePool:
        """See `Engine`."""
        return OneCorePool(self._device, wanted=self.one_core)

    def listener(self, sound: Audio) -> SoundFeatures | None:
        """See `Engine`."""
        if self.encoder is None:
            return None
        return SoundFeatures(sound, self.encoder, self._config.fps, self._device)

    @torch.inference_mode()
    def positions(self, heard: Heard, style: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine`."""
        predicted = predict_positions(self.networks.predictors, self._encoded(heard), self._tensor(style))
        return predicted.cpu().numpy()

    @torch.inference_mode()
    def condition(self, heard: Heard, positions: NDArray[np.float32]) -> Tensor:
        """See `Engine`; [B, 2, T, condition_dim] on the device."""
        encoded, place = self._encoded(heard), self._tensor(positions)
        return build_condition(self.networks.streams, encoded, place, self._normalizer)

    @torch.inference_mode()
    def velocity(
        self,
        x: NDArray[np.float32],
        t: NDArray[np.int64],
        condition: Tensor,
        known: NDArray[np.bool_],
        values: NDArray[np.float32],
        style: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """See `Engine`."""
        moving, times, there, given, look = (self._tensor(part) for part in (x, t, known, values, style))
        return self.networks.streams(moving, times, condition, there, given, look).float().cpu().numpy()

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _encoded(self, heard: Heard) -> EncodedInput:
        if heard.recording is not None:
            return EncodedInput(heard.recording, None, None)
        if heard.sounds is None:
            raise ValueError("there is neither a recording nor notes")
        plan = self._tensor(heard.plan) if heard.plan is not None else None
        return encode_input(self._tensor(heard.sounds), plan, self._normalizer)
