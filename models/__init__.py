# SPDX-License-Identifier: GPL-3.0-or-later
"""The generator: networks, samplers, kinematics, key contact, worker and command line. No bpy."""

import os

__version__ = "0.2.0"

# Threads that wait for each other sleep instead of spinning. On a computer that does other work too (Blender plays the
# scene) spinning made a window of 8 s take 23 s on two threads, sleeping 1.2 s. OpenMP reads this when torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
