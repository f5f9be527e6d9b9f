# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator: networks, samplers, kinematics, key contact, worker and command line. No bpy."""

__version__ = "0.1.0"
