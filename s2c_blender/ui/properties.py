# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scene remembers: the recording, the hands, the range, the seed, the style, the last result.

The state of a running job is not here: it belongs to the session and must not be saved with a file.
"""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..core import consent
from ..core.player import SLIDER_RANGE, STYLES
from ..takes.remarks import part_asked
from . import notes_from

SEED_MAX = 2**31 - 1


def _is_armature(_settings: S2C_Settings, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


def _choose_model(settings: S2C_Settings, _context: bpy.types.Context) -> None:
    """Blender calls this when the folder is set, and not when a file that names one is opened."""
    consent.choose_model(settings.model_folder)


def _midi_path(settings: S2C_Settings) -> str:
    return notes_from.midi_path(settings.id_data, settings.strip_name)


def _choose_midi(settings: S2C_Settings, path: str) -> None:
    notes_from.choose_midi(settings.id_data, settings.strip_name, path)


def _choose_part(settings: S2C_Settings, _context: bpy.types.Context) -> None:
    """Remember for which file a part was chosen; another file has other parts."""
    settings.part_of = settings.midi_path


def _style(name: str, description: str) -> object:
    return FloatProperty(
        name=name,
        description=description,
        default=0.0,
        min=SLIDER_RANGE[0],
        max=SLIDER_RANGE[1],
        precision=2,
        subtype="FACTOR",
    )


class S2C_LeftOutNote(bpy.types.PropertyGroup):
    """A note of the recording that the hands could not play."""

    frame: IntProperty(name="Frame", description="Frame of the scene where the note is heard")
    pitch: StringProperty(name="Note", description="Name of the note; C4 is the middle C")
    where: StringProperty(name="Where", description="Its time from the start of the take")


class S2C_Remark(bpy.types.PropertyGroup):
    """What the generator remarked about the music of the last take."""

    sentence: StringProperty(name="Remark")


class S2C_Part(bpy.types.PropertyGroup):
    """A part of a MIDI file: of one instrument or player. Its name is what it is chosen by."""

    number: IntProperty(name="Number", description="The part's number, from 1")
    chosen: BoolProperty(name="Played", description="Whether the last take plays it")


class S2C_Settings(bpy.types.PropertyGroup):
    """Settings of the scene that is animated (`scene.s2c_settings`)."""

    strip_name: StringProperty(
        name="Recording",
        description="Sound or MIDI strip that the hands play; empty takes the active one, or the only one",
    )
    midi_path: StringProperty(
        name="Notes From",
        description="MIDI file whose notes the hands play, without listening; empty finds the notes by ear. "
        "It lies on the timeline as a strip of silence. Beside a recording, the recording says when",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        get=_midi_path,
        set=_choose_midi,
    )
    part: StringProperty(
        name="Part",
        description="Which part of a MIDI file for several instruments or four hands is played: its number or name. "
        "Empty finds the piano part",
        update=_choose_part,
    )
    part_of: StringProperty(name="Part Of", description="The MIDI file for which the part was chosen")
    parts: CollectionProperty(type=S2C_Part, description="The parts of the MIDI file of the last take")
    parts_of: StringProperty(name="Parts Of", description="The MIDI file that has these parts")
    armature: PointerProperty(
        type=bpy.types.Object,
        name="Hands",
        description="Hands that play; empty takes the selected ones, or the only ones of the scene",
        poll=_is_armature,
    )
    lean: BoolProperty(
        name="Lean",
        description="Let a character's trunk lean after keys that its arms do not reach. The lean is a constraint "
        "on its spine, which can be muted",
        default=True,
    )
    range_mode: EnumProperty(
        name="Range",
        description="Which part of the recording the next take plays",
        items=(
            ("STRIP", "All", "All of the recording that is heard"),
            ("SCENE", "Scene", "What is heard within the scene's frame range"),
            ("CUSTOM", "Frames", "What is heard within the frames below"),
        ),
    )
    frame_start: IntProperty(name="Start", description="First frame that the next take plays", default=1)
    frame_end: IntProperty(name="End", description="Last frame that the next take plays", default=250)
    seed: IntProperty(
        name="Seed",
        description="Number of the take: the same seed gives the same take again, another one another take. "
        "A GPU or another kind of processor rounds differently and may bend a finger a little otherwise",
        default=1,
        min=0,
    )
    seed_random: BoolProperty(
        name="Random Seed", description="Draw a new seed each time Generate is pressed", default=False
    )
    contact: FloatProperty(
        name="Key Contact",
        description="How firmly fingertips are put on the keys: 1 plays them; 0 leaves the motion as the model made it",
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
    preset: StringProperty(
        name="Preset", description="Built-in model that makes the motion, by its name", default="default"
    )
    model_folder: StringProperty(
        name="Model",
        description="Folder of a model of your own, trained or converted; empty uses the one of this extension. "
        "For your safety, a folder that an opened file asks for has to be chosen again",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        update=_choose_model,
    )
    result: StringProperty(name="Result", description="How the last take was made", default="")
    left_out: CollectionProperty(type=S2C_LeftOutNote)
    left_out_shown: IntProperty(
        name="Left-out Note", description="The note that is chosen in the list of those that were left out"
    )
    left_out_total: IntProperty(
        name="Left Out", description="How many notes the hands could not play; the list may hold fewer"
    )
    remarks: CollectionProperty(type=S2C_Remark, description="What was remarked about the last take's music")
    piano_said: StringProperty(name="Piano", description="What is known of your own piano", default="")
    take_path: StringProperty(
        name="Take", description="File of the last take", default="", subtype="FILE_PATH"
    )

    def chosen_part(self) -> str:
        """The part of the MIDI file that is to be played, a number or a name; empty lets the worker find it."""
        if self.part_of and self.part_of != self.midi_path:
            return ""  # it was chosen for another file
        return part_asked(self.part)

    def style(self) -> dict[str, float]:
        """The style values by their names in the worker's protocol."""
        return {name: float(getattr(self, name)) for name in STYLES}


CLASSES = (S2C_LeftOutNote, S2C_Remark, S2C_Part, S2C_Settings)


def register() -> None:
    """Register the settings and hang them on every scene, as `scene.s2c_settings`."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.s2c_settings = PointerProperty(type=S2C_Settings)


def unregister() -> None:
    """Undo `register`, in reverse."""
    del bpy.types.Scene.s2c_settings
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
