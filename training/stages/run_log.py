# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says: `log.jsonl`, lines or a progress bar, TensorBoard curves. Only the first process says anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from models.whole_file import append_line

LOG_FILE = "log.jsonl"
TENSORBOARD_FOLDER = "tensorboard"


class MissingTensorBoardError(RuntimeError):
    """TensorBoard is asked for and not installed."""


def _writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingTensorBoardError(
            "TensorBoard is not installed; `pip install -e .[train]`, or train without --tensorboard"
        ) from error
    return SummaryWriter(str(folder / TENSORBOARD_FOLDER))


class RunLog:
    """Writes for one run; a context manager."""

    def __init__(
        self, folder: Path, report: Callable[[str], None], *, first: bool, tensorboard: bool, total: int
    ) -> None:
        """first: whether this is the process that writes. total: steps of the run, 0 where minutes decide."""
        self.folder, self.first = folder, first
        self._report = report
        self._curves = _writer(folder) if tensorboard and first else None
        self._bar: Any = None
        if first and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total or None, unit="step", dynamic_ncols=True, smoothing=0.02)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        if self._curves is not None:
            self._curves.close()

    def say(self, line: str) -> None:
        """A line for whoever watches."""
        if not self.first:
            return
        if self._bar is None:
            self._report(line)
        else:
            with self._bar.external_write_mode():
                self._report(line)

    def at(self, step: int) -> None:
        """Move the progress bar."""
        if self._bar is not None:
            self._bar.n = step
            self._bar.update(0)

    def write(self, step: int, seconds: float, figures: dict[str, float], group: str = "train") -> None:
        """Figures of a step to the log and to TensorBoard; those of `validation` stand under that name in the log."""
        if not self.first:
            return
        entry: dict[str, Any] = {"step": step, "seconds": round(seconds, 1)}
        entry.update(figures if group == "train" else {group: figures})
        append_line(self.folder / LOG_FILE, json.dumps(entry))
        if self._curves is not None:
            for name, value in figures.items():
                self._curves.add_scalar(f"{group}/{name}", value, step)
            self._curves.flush()
