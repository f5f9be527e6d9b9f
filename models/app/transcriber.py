# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens: the transcription network as ONNX graphs, or in torch where there is a GPU.

The ONNX files lie in the extension. A checkout makes them when they are first needed and keeps them in the user's
cache.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from models.errors import UserError
from models.generation.devices import has_accelerator
from models.generation.onnx_files import SHIPPED_FOLDER, cache_folder
from models.music.transcription.note_network import NoteNetwork
from models.music.transcription.onnx_files import FACTS, stage_names
from models.whole_file import whole_folder, write_bytes_whole, write_text_whole

LICENCE = "LICENSE.txt"
"""Of the published weights; lies beside what is made of them."""


@functools.lru_cache(maxsize=1)
def load_transcriber(device: str) -> NoteNetwork:
    """The network that listens on a device: `auto`, `cpu`, `cuda` or `mps`; kept until `forget_transcriber`.

    Raises:
        UserError: `transcriber_missing` where its files are not there and cannot be made, `transcriber_damaged`
            where they are not what they should be; what `choose_device` raises.
    """
    if device != "cpu" and (device != "auto" or has_accelerator()):
        from models.networks.device import choose_device
        from models.networks.transcription.network import load_network

        chosen = choose_device(device)
        if chosen.type != "cpu":
            return load_network(chosen)
    from models.music.transcription.onnx_network import OnnxNoteNetwork

    return OnnxNoteNetwork(transcriber_files())


def forget_transcriber() -> None:
    """Give the network's memory back."""
    load_transcriber.cache_clear()


def transcriber_files() -> Path:
    """The folder of the network's files, made where there is none yet; raises as `load_transcriber`."""
    shipped = SHIPPED_FOLDER / "transcriber"
    if shipped.is_dir():
        return shipped
    made = cache_folder() / "-".join(["transcriber", *(fact[:16] for fact in FACTS.values())])
    if not made.is_dir():
        if any(importlib.util.find_spec(name) is None for name in ("torch", "onnx", "transkun")):
            sentence = "The piano transcriber is missing; install the extension again."
            raise UserError("transcriber_missing", sentence, f"no {shipped}, no {made}")
        made.parent.mkdir(parents=True, exist_ok=True)
        write_transcriber(made)
    return made


def write_transcriber(folder: Path) -> list[Path]:
    """Make the network's files in a new folder, whole or not at all; those of an older folder are replaced."""
    from models.networks.transcription.export import export_transcriber
    from models.networks.transcription.network import published_licence

    files = export_transcriber()
    with whole_folder(folder, replace=True) as part:
        for name in stage_names():
            write_bytes_whole(part / f"{name}.onnx", files[name])
        write_text_whole(part / LICENCE, published_licence())
    return sorted(folder.iterdir())
