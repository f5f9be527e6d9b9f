# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frozen audio encoder makes of each clip, kept on disk.

One `.safetensors` file a clip, named by the hashes of sound and encoder: `features` (1 or 2 hands, F, C) float16.
An encoder hears the whole clip here, 30 s, where the released code encodes the 8 s of a window: near a window's rim the
features know a little more of the music.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import nn

from models.whole_file import whole_file


def encoder_hash(encoder: nn.Module) -> str:
    """Hash of an encoder's weights and their names."""
    digest = hashlib.sha256()
    for name, value in sorted(encoder.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class FeatureCache:
    """Features of whole clips. Without an encoder only what is on disk can be had."""

    def __init__(self, folder: Path, encoder: nn.Module | None, digest: str = "") -> None:
        """encoder: (audio [B, S], frames) -> [B, 2, F, C]. digest: its `encoder_hash`, where it is known already."""
        if encoder is None and not digest:
            raise ValueError("a cache without an encoder needs the encoder's hash")
        self.folder = folder
        self.encoder = encoder
        self.digest = digest or encoder_hash(encoder)  # type: ignore[arg-type]

    def reader(self) -> FeatureCache:
        """The same cache without the encoder: small enough for another process."""
        return FeatureCache(self.folder, None, self.digest)

    def path(self, sound_hash: str, frames: int) -> Path:
        """The file of a clip."""
        key = hashlib.sha256(f"{sound_hash} {self.digest} {frames}".encode()).hexdigest()
        return self.folder / key[:2] / f"{key}.safetensors"

    def get(self, audio: NDArray[np.float32], sound_hash: str, frames: int) -> NDArray[np.float16]:
        """Features (2, F, C) of a clip's sound at 16 kHz; computed and kept where they are not on disk.

        Raises:
            LookupError: they are not on disk and there is no encoder.
        """
        path = self.path(sound_hash, frames)
        stored = self._read(path)
        if stored is None:
            if self.encoder is None:
                raise LookupError(f"{path.name} is not in the feature cache {self.folder}; fill it first")
            stored = self._compute(self.encoder, audio, frames)
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as part:
                save_file({"features": stored}, part)
        return np.broadcast_to(stored, (2, *stored.shape[1:]))

    @staticmethod
    def _read(path: Path) -> NDArray[np.float16] | None:
        if not path.is_file():
            return None
        try:
            return load_file(path)["features"]
        except (SafetensorError, KeyError, OSError):
            return None  # damaged: computed again

    @staticmethod
    @torch.no_grad()
    def _compute(encoder: nn.Module, audio: NDArray[np.float32], frames: int) -> NDArray[np.float16]:
        device = next((p.device for p in encoder.parameters()), torch.device("cpu"))
        heard = encoder(torch.from_numpy(audio)[None].to(device), frames)[0].cpu().numpy().astype(np.float16)
        return heard[:1].copy() if np.array_equal(heard[0], heard[1]) else heard
