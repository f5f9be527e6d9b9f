# SPDX-License-Identifier: GPL-3.0-or-later
"""Data, motion synthesis, training and its metrics; not needed to generate."""

import models  # noqa: F401 - before anything loads torch: it says how idle threads wait
