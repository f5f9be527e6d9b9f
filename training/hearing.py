# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks hear of a batch: notes, features that the source brings, or sound through HuBERT."""

from __future__ import annotations

from models.canonical import Normalizer
from models.condition import Heard, hear
from training.data import Batch


def heard_in(batch: Batch, normalizer: Normalizer) -> Heard:
    """Features of a batch as the model's configuration wants them; `ValueError` where the source lacks them."""
    kind = normalizer.config.encoder.kind
    if kind == "notes":
        if batch.sounds is None:
            raise ValueError("this model listens to notes; the training data has none")
        return hear(batch.sounds, batch.plan, normalizer)
    if batch.features is None:
        raise ValueError("this model listens to features of the sound; the training data has none")
    return Heard(batch.features, None, None)
