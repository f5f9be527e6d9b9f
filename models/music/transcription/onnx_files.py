# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network's ONNX files: their names, and what their metadata must say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from models.errors import UserError, quoted
from models.thread_pool import ThreadPool

if TYPE_CHECKING:
    import onnxruntime

WEIGHTS_SHA256 = "50a80010effc2a59ffcd068a95cd2b29bd7f23a27a3515bc3ccd209c89a3d44c"
"""Of the published weights, `2.0.pt` of transkun 2.0.1."""
EXPORTER = "1"
"""Changes with what the graphs compute or how they are cut."""
FACTS = {"s2c_weights_sha256": WEIGHTS_SHA256, "s2c_exporter": EXPORTER}
LAYERS = 6


def stage_names(layers: int = LAYERS) -> list[str]:
    """The stages of the network, each a file of its name."""
    halves = [f"{half}{number}" for number in range(layers) for half in ("across", "along")]
    return ["spectrum", "embedding", "places", *halves, "sounding", "scores", "findings"]


def open_stages(folder: Path, threads: int) -> dict[str, onnxruntime.InferenceSession]:
    """A session of each stage. All but the convolutions are run by the thread that calls them.

    Raises:
        UserError: a file is missing or damaged, or was made of other weights or by another exporter.
    """

    def opened(name: str) -> onnxruntime.InferenceSession:
        return open_stage(folder / f"{name}.onnx", threads if name == "embedding" else 1)

    with ThreadPool(threads) as pool:
        return dict(zip(stage_names(), pool.each(opened, stage_names()), strict=True))


def open_stage(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session of one file; raises as `open_stages` does."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # other programs need the cores, too
    options.enable_cpu_mem_arena = False  # it keeps what the largest segment took
    options.log_severity_level = 4  # what goes wrong is raised
    again = "install the extension again, or delete that file's folder where it lies in a cache"
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the library has a class of its own for each reason
        sentence = f"The piano transcriber's file {quoted(path)} cannot be used; {again}."
        raise UserError("transcriber_damaged", sentence, repr(error)[:2000]) from error
    said = session.get_modelmeta().custom_metadata_map
    if any(said.get(name) != value for name, value in FACTS.items()):
        sentence = f"The piano transcriber's file {quoted(path)} was made of other weights; {again}."
        raise UserError("transcriber_damaged", sentence, f"{said} instead of {FACTS}")
    return session
