# SPDX-License-Identifier: GPL-3.0-or-later
"""What the edit plays, and films decoded that each Blender plays at a time of its own."""
