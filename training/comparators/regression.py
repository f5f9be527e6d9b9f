# SPDX-License-Identifier: GPL-3.0-or-later
"""EmoTalk's way (Peng et al. 2023): a transformer goes from the sound to the motion directly, without noise.

What it answers is the v that leads from any x_t to its one motion, so that samplers take it unchanged: one evaluation
is enough, and the seed changes nothing.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.conditioning.conditioning import build_condition
from models.conditioning.hand_space import Normalizer
from models.config import ModelConfig
from models.diffusion.parameterization import v_from_x0
from models.diffusion.schedule import build_schedule
from models.networks.transformer import FrameTransformer
from training.comparators.joint import JointNetwork, apart
from training.data.shards import Batch
from training.stages.loop import Randomness
from training.stages.stage2 import Stage2, inputs_and_positions


class DirectRegression(JointNetwork):
    """Refiner, a second transformer over the whole condition, a linear layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.transformer = FrameTransformer(config.refiner, self.condition_dim)
        self.output = nn.Linear(config.refiner.width, self.channels)
        self.schedule = build_schedule(config.schedule)

    def motion(self, condition: Tensor) -> Tensor:
        """x0 [B, 2, T, C]."""
        return apart(self.output(self.transformer(condition[:, 0])))

    def forward(
        self, x: Tensor, t: Tensor, condition: Tensor, known: Tensor, known_values: Tensor, style: Tensor
    ) -> Tensor:
        """The v of x0 at x, t >= 1."""
        signal, noise = (values(t)[..., None, None] for values in (self.schedule.signal, self.schedule.noise))
        return v_from_x0(x, self.motion(condition), signal, noise)


def regression_loss(network: nn.Module, batch: Batch, draw: Randomness, stage: Stage2) -> dict[str, Tensor]:
    """Mean squared error of x0 over the seen frames."""
    assert isinstance(network, DirectRegression)
    normalizer: Normalizer = stage.normalizer
    heard, positions = inputs_and_positions(stage.predictors, batch, normalizer)
    truth = normalizer.motion(batch.euler, batch.wrist, positions)
    condition = build_condition(network, heard, positions, normalizer)
    wrong = (network.motion(condition).float() - truth).square().mean(-1)
    seen = batch.valid.to(wrong.dtype)
    loss = draw.share.mean((wrong * seen).sum(), seen.sum(), 1.0)
    return {"loss": loss, "x0": loss}
