# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures over held-out scores: of the model, of another seed, of a redone hand, of the synthesiser itself."""
