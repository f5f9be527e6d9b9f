# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside Blender but needs no Blender: worker client, job machine, runtime, time, skeleton.

No module here imports bpy or mathutils, so all of it is tested in any Python. Nothing here waits: every
`pump` or `poll` looks at what has arrived and returns.
"""
