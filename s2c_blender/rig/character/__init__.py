# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's own armature as the hands that play (docs/characters.md).

`stored` is what an armature remembers of it, `rest` its bones at rest, `carrying` how the body carries the arms,
`checks` what would keep a take from being seen. What needs no Blender lies in `core/character`.
"""
