# SPDX-License-Identifier: GPL-3.0-or-later
"""The field's figures of hand motion: FGD, WGD, PD, Smooth, FID, as released (`legacy`) and mended (`fixed`)."""

from training.metrics.clips import Clip, cut
from training.metrics.compare import FID_NOTE, FORMS, compare

__all__ = ["FID_NOTE", "FORMS", "Clip", "compare", "cut"]
