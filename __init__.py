# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry of the Blender extension."""

from .s2c_blender import register, unregister

__all__ = ["register", "unregister"]
