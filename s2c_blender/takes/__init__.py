# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes: their orders and files, how they are written, and what they are inside a .blend (layers, clock, notes)."""
