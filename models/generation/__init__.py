# SPDX-License-Identifier: GPL-3.0-or-later
"""From notes to motion: the model, windows, sampling, and the generator around them."""
