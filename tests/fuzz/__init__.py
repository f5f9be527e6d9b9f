# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs broken at random, given to the real programs: `python -m tests.fuzz`."""
