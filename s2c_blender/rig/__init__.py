# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in hands: armature, skinned mesh, materials."""
