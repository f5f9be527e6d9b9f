# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators: thin steps from a button to the work, one file for each group."""
