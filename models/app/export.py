# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m models export`: writes the ONNX files that the engine without torch runs, as a built extension has them.

A checkout needs no such files: it makes them when they are first needed and keeps them in the user's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def export_transcriber(folder: Path) -> list[Path]:
    """Write the files of the network that listens into a folder of its name."""
    from models.app.transcriber import write_transcriber

    return write_transcriber(folder / "transcriber")


def export_model(folder: Path, preset: str = "default") -> list[Path]:
    """Write the files of a model into a folder of the preset's name."""
    from models.generation.onnx_files import write_files
    from models.model_folder import config_of, preset_folder, weights_of

    source = preset_folder(preset)
    return write_files(config_of(source), weights_of(source), folder / source.name)


EXPORTS: dict[str, Callable[[Path], list[Path]]] = {"model": export_model, "transcriber": export_transcriber}
"""What can be exported, and what writes it into a folder and says which files it wrote."""


def run(what: str, folder: Path) -> dict[str, Any]:
    """Export `what`, one of `EXPORTS` or `all`; facts as plain JSON values."""
    files = [file for name, write in EXPORTS.items() if what in (name, "all") for file in write(folder)]
    return {"files": [str(file) for file in files], "bytes": sum(file.stat().st_size for file in files)}
