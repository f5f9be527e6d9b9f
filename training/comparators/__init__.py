# SPDX-License-Identifier: GPL-3.0-or-later
"""The systems that the paper's table 1 compares with, under the same trainer and sampler as ours.

All see the same music, positions and frames; they differ in the network, and direct regression in its loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from models.config import ModelConfig
from models.networks.dual_stream import DualStream
from training.comparators.mlp import MLPDiffusion
from training.comparators.regression import DirectRegression, regression_loss
from training.comparators.single_stream import SingleStream
from training.stages.stage2 import StageLoss, motion_loss


@dataclass(frozen=True, kw_only=True)
class System:
    """A network and how it learns and samples."""

    build: Callable[[ModelConfig], nn.Module]
    loss: StageLoss = motion_loss
    evaluations: int | None = None
    """Evaluations of the network when it samples; None leaves the caller's choice."""


SYSTEMS = {
    "dual_stream": System(build=DualStream),
    "single_stream": System(build=SingleStream),
    "mlp": System(build=MLPDiffusion),
    "regression": System(build=DirectRegression, loss=regression_loss, evaluations=1),
}
