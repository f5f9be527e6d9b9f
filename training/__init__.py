# SPDX-License-Identifier: GPL-3.0-or-later
"""Data, motion synthesis, training and its metrics; not needed to generate."""
