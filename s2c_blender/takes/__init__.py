# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take is inside a .blend: the layers that play it, what Blender makes of them, its clock, its notes."""
