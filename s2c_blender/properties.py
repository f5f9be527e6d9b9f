# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scene remembers: the strip, the armature, the range, the seed, the style, the last result.

The state of a running job is not here: it belongs to the session and must not be saved with a file.
"""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

SEED_MAX = 2**31 - 1
STYLES = ("curl", "wrist_height", "energy", "looseness")
"""Names of the style sliders, as the worker knows them. The size of the hands belongs to the armature."""


def _is_armature(_settings: S2C_Settings, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


def _style(name: str, description: str) -> object:
    return FloatProperty(
        name=name,
        description=description,
        default=0.0,
        min=-1.0,
        max=1.0,
        precision=2,
        subtype="FACTOR",
    )


class S2C_Settings(bpy.types.PropertyGroup):
    """Settings of the scene that is animated (`scene.s2c_settings`)."""

    strip_name: StringProperty(
        name="Sound Strip",
        description="Piano recording to play; empty takes the active or the only sound strip",
    )
    armature: PointerProperty(
        type=bpy.types.Object, name="Hands", description="Armature that gets the keyframes", poll=_is_armature
    )
    range_mode: EnumProperty(
        name="Range",
        description="Which part of the strip is played",
        items=(
            ("STRIP", "Strip", "All of the strip that is heard"),
            ("SCENE", "Scene", "The scene's frame range"),
            ("CUSTOM", "Custom", "The frames below"),
        ),
    )
    frame_start: IntProperty(name="Start", description="First frame", default=1)
    frame_end: IntProperty(name="End", description="Last frame", default=250)
    seed: IntProperty(
        name="Seed",
        description="The same seed gives the same take again; another one another take",
        default=1,
        min=0,
    )
    seed_random: BoolProperty(
        name="Random Seed", description="Take a new seed each time Generate is pressed", default=False
    )
    contact: FloatProperty(
        name="Key Contact",
        description="How firmly fingertips are put on the keys: 0 leaves the motion as the model made it",
        default=1.0,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    curl: _style(
        "Finger Curl",
        "-1: flat, stretched fingers. 1: round fingers that strike with their very tips. 0: average",
    )
    wrist_height: _style(
        "Wrist Height", "-1: wrists that hang low, near the keys' edge. 1: wrists held high. 0: average"
    )
    energy: _style(
        "Energy",
        "-1: quiet hands, fingers close to the keys. 1: fingers lifted high, big movements. 0: average",
    )
    looseness: _style(
        "Looseness",
        "-1: strict hands that move only to play. 1: supple wrists that float and roll along. 0: average",
    )
    redo_start: IntProperty(name="Start", description="First frame that Redo Range makes anew", default=1)
    redo_end: IntProperty(name="End", description="Last frame that Redo Range makes anew", default=60)
    preset: StringProperty(name="Preset", description="Name of a built-in model", default="default")
    model_folder: StringProperty(
        name="Model",
        description="Folder of a model that you trained or converted; empty uses the one of this extension",
        subtype="DIR_PATH",
    )
    result: StringProperty(name="Result", description="How the last take was made", default="")
    take_path: StringProperty(
        name="Take", description="File of the last take", default="", subtype="FILE_PATH"
    )

    def style(self) -> dict[str, float]:
        """The style values by their names in the worker's protocol."""
        return {name: float(getattr(self, name)) for name in STYLES}


CLASSES = (S2C_Settings,)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.s2c_settings = PointerProperty(type=S2C_Settings)


def unregister() -> None:
    del bpy.types.Scene.s2c_settings
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
