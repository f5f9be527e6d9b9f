# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters that are library overrides: Blender saves no custom property that an override gained.

Their mappings are kept in the scene as well, and given back when the file is opened.
"""

from __future__ import annotations

import bpy

KEPT = "s2c_characters"
"""Custom property of a scene: for each override its object, its mapping and its piano."""
MOST = 100
"""As many characters of a scene are looked at."""


def keep(armature: bpy.types.Object, properties: tuple[str, ...]) -> None:
    """Keep these custom properties of an armature in its scenes, where the armature would lose them."""
    if armature.override_library is None:
        return
    entry = {name: armature[name] for name in properties if armature.get(name) is not None}
    for scene in armature.users_scene:
        if scene.library is None:
            kept = scene.get(KEPT)
            others = dict(kept.items()) if hasattr(kept, "items") else {}
            scene[KEPT] = {**others, armature.name: {**entry, "armature": armature}}


def give_back(properties: tuple[str, ...]) -> list[bpy.types.Object]:
    """Give all overrides what was kept for them; returns those that had lost it. A file may hold anything."""
    found = []
    for scene in bpy.data.scenes:
        kept = scene.get(KEPT)
        entries = list(kept.values())[:MOST] if hasattr(kept, "values") else []
        for entry in entries:
            armature = entry.get("armature") if hasattr(entry, "get") else None
            if not isinstance(armature, bpy.types.Object) or armature.type != "ARMATURE":
                continue
            lost = [name for name in properties if name in entry and name not in armature]
            if lost and armature.override_library is not None:
                for name in lost:
                    armature[name] = entry[name]
                found.append(armature)
    return found
