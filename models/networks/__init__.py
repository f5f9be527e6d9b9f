# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks, one in a file.

Axes: B batch, H hands (0 left, 1 right), T frames, C channels, L frames at the bottleneck.
"""
