# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's armatures as hands: which bone is which joint, and how angles get onto it. No bpy.

`rest_bones` is an armature at rest, `mapping` says which bone is which joint, `finder` makes a mapping by names or
by shape, `hands` turns both into hand geometry for the generator and into rotations for bones (docs/characters.md).
"""
