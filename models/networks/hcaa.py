# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand-Coordinated Asymmetric Attention (paper section 3.4, eq. 6 to 8).

Axes: B batch, L frames at the bottleneck, C channels. With own features x1 and the other hand's x2:

    Attn = softmax(Q1 K1^T / sqrt(d)) V1 - lambda softmax(Q2 K2^T / sqrt(d)) V2          (6)
    lambda = lambda1 - lambda2 + lambda_init                                             (7)
    lambda_i = exp(sum_j lq_ij lk_ij)                                                    (8)

Q1, K1, V1 come from x1; Q2, K2, V2 from x2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.config import InteractionConfig


class HandCoordinatedAsymmetricAttention(nn.Module):
    """forward(own [B, L, C], other [B, L, C]) -> [B, L, C]."""

    def __init__(self, width: int, config: InteractionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.causal = config.causal
        self.residual = config.residual
        self.lambda_init = config.lambda_init
        self.own = nn.Linear(width, 3 * width, bias=False)
        self.other = nn.Linear(width, 3 * width, bias=False)
        head_width = width // config.heads
        self.lambda_q1, self.lambda_k1, self.lambda_q2, self.lambda_k2 = (
            nn.Parameter(0.1 * torch.randn(head_width)) for _ in range(4)
        )
        self.norm = nn.LayerNorm(width) if config.layer_norm else nn.Identity()
        self.out = nn.Linear(width, width, bias=config.out_bias)
        self.mlp = (
            nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
            if config.mlp
            else nn.Identity()
        )

    def coefficient(self) -> Tensor:
        """lambda of eq. 7 and 8, a scalar shared by all heads."""
        lambda_1 = torch.exp(torch.sum(self.lambda_q1 * self.lambda_k1))
        lambda_2 = torch.exp(torch.sum(self.lambda_q2 * self.lambda_k2))
        return lambda_1 - lambda_2 + self.lambda_init

    def difference(self, own: Tensor, other: Tensor) -> Tensor:
        """Eq. 6, heads side by side: [B, L, C]."""
        return self._attend(self.own(own)) - self.coefficient() * self._attend(self.other(other))

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """Both hands' features [B, L, C] to the own hand's new ones [B, L, C]."""
        result = self.mlp(self.out(self.norm(self.difference(own, other))))
        return own + result if self.residual else result

    def _attend(self, qkv: Tensor) -> Tensor:
        """softmax(Q K^T / sqrt(d)) V of [B, L, 3C]."""
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in qkv.chunk(3, -1))
        return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2).flatten(2)
