# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit Piano and Use Keys: the user's own keyboard, and keys of it that go down with the takes."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, FloatProperty, FloatVectorProperty, StringProperty
from bpy_extras import view3d_utils
from mathutils import Vector

from ...core import keyboard
from ...core.key_names import key_in, key_of
from ...errors import UserError
from ...piano.animation import connect
from ...piano.fit_piano import bring_hands, described, ends_of, fit_piano, hands_for
from ...piano.frame import key_range, own_dip, own_piano
from ...piano.measure import OwnKey, keys_of_bones, keys_of_objects
from ...piano.own_keys import let_up, use_keys
from ...rig.armature import JOINT_PROPERTY, units_in_a_metre
from .scene import AddOperator

KEYBOARDS = (
    ("88", "88 Keys", "A0 to C8, a piano"),
    ("76", "76 Keys", "E1 to G7"),
    ("73", "73 Keys", "E1 to E7"),
    ("61", "61 Keys", "C2 to C7"),
    ("49", "49 Keys", "C2 to C6"),
    ("37", "37 Keys", "C3 to C6"),
    ("32", "32 Keys", "F3 to C6"),
    ("25", "25 Keys", "C3 to C5"),
    ("OTHER", "Other", "The lowest and the highest key are named below"),
)
SHAPED = ("MESH", "CURVE", "SURFACE", "META", "FONT", "EMPTY")
WIDEST = 1 / 6.5
"""A key is no wider than this part of the way from the lowest to the highest: seven white ones lie there at least."""
ONCE = {"SKIP_SAVE"}
"""What is said of one keyboard is not remembered for the next."""
FIRST = "Click the front edge of the lowest key"
SECOND = "Now click the front edge of the highest key"
HELP = "C: take the 3D cursor.  Esc: cancel"


def tell(operator: AddOperator, context: bpy.types.Context, done: str, said: list[str]) -> None:
    """Report what was done, and keep it in the panel."""
    context.scene.s2c_settings.piano_said = "\n".join([done, *said])
    operator.say(" ".join([done, *said]), "WARNING" if said else "INFO")


class S2C_OT_fit_piano(AddOperator, bpy.types.Operator):
    """Play on your own keyboard: choose its lowest key and then its highest, or click the two in the 3D view"""

    bl_idname = "s2c.fit_piano"
    bl_label = "Fit Piano"
    bl_options = {"REGISTER", "UNDO"}

    keys: EnumProperty(
        name="Keys", description="How many keys the keyboard has", items=KEYBOARDS, options=ONCE
    )
    low_key: StringProperty(
        name="Lowest Key",
        description="Note name or MIDI number of the lowest key",
        default="A0",
        maxlen=20,
        options=ONCE,
    )
    high_key: StringProperty(
        name="Highest Key",
        description="Note name or MIDI number of the highest key",
        default="C8",
        maxlen=20,
        options=ONCE,
    )
    lowest: StringProperty(
        name="Lowest", description="The object that is the lowest key", maxlen=300, options=ONCE
    )
    highest: StringProperty(
        name="Highest", description="The object that is the highest key", maxlen=300, options=ONCE
    )
    low_point: FloatVectorProperty(
        name="Lowest",
        description="The middle of the lowest key's front edge",
        size=3,
        subtype="XYZ",
        options=ONCE,
    )
    high_point: FloatVectorProperty(
        name="Highest",
        description="The middle of the highest key's front edge",
        size=3,
        subtype="XYZ",
        options=ONCE,
    )
    swap: BoolProperty(
        name="Other Side",
        description="The player sits on the other side: the two keys change places",
        default=False,
        options=ONCE,
    )
    lift: FloatProperty(
        name="Higher",
        description="How much higher the keys' tops are",
        default=0.0,
        subtype="DISTANCE",
        options=ONCE,
    )
    dip: FloatProperty(
        name="Dip",
        description="How far the front of a white key goes down; black keys go nine tenths as far. "
        "0: 10 mm on keys of the usual width, less on narrow ones",
        default=0.0,
        min=0.0,
        soft_max=0.013,
        step=0.05,
        precision=4,
        subtype="DISTANCE",
        options=ONCE,
    )
    lean: FloatProperty(
        name="Lean",
        description="By how much the far ends of the keys rise",
        default=0.0,
        subtype="ANGLE",
        options=ONCE,
    )
    hands: BoolProperty(name="Bring Hands", description="Move the hands to this keyboard", default=True)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.lowest = self.highest = ""
        chosen = two_chosen(context)
        if chosen is not None:
            self.lowest, self.highest = (item.name for item in chosen)
            return self.execute(context)
        if context.area is None or context.area.type != "VIEW_3D" or context.region is None:
            return self.execute(context)
        self._clicks: list[tuple[Vector, str]] = []
        context.area.header_text_set(f"{FIRST}.  {HELP}")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.value != "PRESS" or event.type not in {"LEFTMOUSE", "RIGHTMOUSE", "ESC", "C"}:
            return {"PASS_THROUGH"}
        if event.type in {"RIGHTMOUSE", "ESC"}:
            context.area.header_text_set(None)
            return {"CANCELLED"}
        if event.type == "C":
            self._clicks.append((context.scene.cursor.location.copy(), ""))
        else:
            hit = hit_under(context, event.mouse_x, event.mouse_y)
            if hit is None:
                self.say("There is nothing under the mouse: click a key.", "WARNING")
                return {"RUNNING_MODAL"}
            self._clicks.append(hit)
        if len(self._clicks) < 2:
            context.area.header_text_set(f"{SECOND}.  {HELP}")
            return {"RUNNING_MODAL"}
        context.area.header_text_set(None)
        (self.low_point, low), (self.high_point, high) = self._clicks
        if are_keys(context.scene, low, high):  # their edges are found better than they are clicked
            self.lowest, self.highest = low, high
        return self.execute(context)

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "keys")
        if self.keys == "OTHER":
            layout.prop(self, "low_key")
            layout.prop(self, "high_key")
        for name in ("swap", "lift", "dip", "lean", "hands"):
            layout.prop(self, name)

    def run(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        objects, points = self._objects(context), None
        self._guess(scene, [key_in(item.name) for item in objects or ()])
        ends = ends_of(self.keys, self.low_key, self.high_key)
        if objects is None and (any(self.low_point[:]) or any(self.high_point[:])):
            points = (self.low_point[:], self.high_point[:])
        order = slice(None, None, -1 if self.swap else 1)
        fitted = fit_piano(
            scene,
            ends,
            objects=objects[order] if objects is not None else None,
            points=points[order] if points is not None else None,
            lean=self.lean,
            lift=self.lift,
            dip=self.dip,
        )
        said = fitted.said
        hands = hands_for(scene, scene.s2c_settings.armature) if self.hands else None
        if hands is not None:
            said = said + bring_hands(fitted.piano, hands)
        tell(self, context, described(fitted.piano, key_range(fitted.piano), units_in_a_metre(scene)), said)
        return {"FINISHED"}

    def _guess(self, scene: bpy.types.Scene, named: list[int | None]) -> None:
        """Which keys these are and how deep they go, where nobody says it: as their names have it, or the last time."""
        known = self.properties.is_property_set
        earlier = own_piano(scene)
        dip = own_dip(earlier)
        if earlier is not None and dip is not None and not known("dip"):
            self.dip = dip * earlier.matrix_world.to_scale().x
        if known("keys"):
            return
        if known("low_key") or known("high_key"):
            self.keys = "OTHER"
        elif named and None not in named:
            self.keys, self.low_key, self.high_key = "OTHER", *map(str, named)
        elif earlier is not None:
            keys = key_range(earlier)
            self.keys, self.low_key, self.high_key = "OTHER", *map(keyboard.key_name, (keys[0], keys[-1]))

    def _objects(self, context: bpy.types.Context) -> tuple[bpy.types.Object, bpy.types.Object] | None:
        """The two keys that are named, or else selected where there are no points either. Raises UserError."""
        if not self.lowest and not self.highest:
            points = any(self.low_point[:]) or any(self.high_point[:])
            return None if points else two_chosen(context)
        found = [context.scene.objects.get(name) for name in (self.lowest, self.highest)]
        if found[0] is None or found[1] is None:
            raise UserError(
                "key_missing",
                "One of the two keys is not in this scene any more: choose the lowest and the highest again.",
            )
        return found[0], found[1]


def two_chosen(context: bpy.types.Context) -> tuple[bpy.types.Object, bpy.types.Object] | None:
    """The two objects that are selected: the lowest key, then the highest, by their names or else the active one."""
    chosen = [item for item in context.selected_objects if item.type in SHAPED]
    active = context.view_layer.objects.active
    if len(chosen) != 2 or active not in chosen:
        return None
    named = [key_in(item.name) for item in chosen]
    if named[0] is not None and named[1] is not None:
        chosen.sort(key=lambda item: key_in(item.name) or 0)
    elif active == chosen[0]:
        chosen.reverse()
    return chosen[0], chosen[1]


def hit_under(context: bpy.types.Context, x: int, y: int) -> tuple[Vector, str] | None:
    """What a pixel of the window shows in this 3D view: its place in the world and the object's name."""
    window = next((region for region in context.area.regions if region.type == "WINDOW"), None)
    if window is None:
        return None
    view = window, context.area.spaces.active.region_3d, (x - window.x, y - window.y)
    origin = view3d_utils.region_2d_to_origin_3d(*view)
    direction = view3d_utils.region_2d_to_vector_3d(*view)
    hit, place, _, _, item, _ = context.scene.ray_cast(context.evaluated_depsgraph_get(), origin, direction)
    return (place, item.name) if hit else None


def are_keys(scene: bpy.types.Scene, low: str, high: str) -> bool:
    """Whether two clicked objects are a key each, and not parts of the piano that hold many keys."""
    items = [scene.objects.get(name) for name in (low, high)]
    if low == high or items[0] is None or items[1] is None:
        return False
    keys = keys_of_objects([items[0], items[1]])
    if len(keys) < 2 or not all(len(key.points) for key in keys):
        return False
    line = keys[1].points.mean(0) - keys[0].points.mean(0)
    apart = float((line**2).sum() ** 0.5)
    widths = [float(np.ptp(key.points @ (line / max(apart, 1e-9)))) for key in keys]
    return all(width < WIDEST * apart for width in widths)


class S2C_OT_use_keys(AddOperator, bpy.types.Operator):
    """Let your own piano keys play: choose them all, as objects, or an armature whose bones they are"""

    bl_idname = "s2c.use_keys"
    bl_label = "Use Keys"
    bl_options = {"REGISTER", "UNDO"}

    armature: StringProperty(
        name="Armature",
        description="The armature whose bones are the keys; empty takes what is selected",
        maxlen=300,
        options=ONCE,
    )
    lowest_key: StringProperty(
        name="Lowest Key",
        description="Note name or MIDI number of the lowest of these keys; empty finds it out",
        maxlen=20,
        options=ONCE,
    )
    pedal: StringProperty(
        name="Sustain Pedal",
        description="Object or bone that is the sustain pedal; empty looks for a name with pedal in it",
        maxlen=300,
        options=ONCE,
    )
    hinge: EnumProperty(
        name="Hinge",
        description="Where the keys turn",
        items=(
            (
                "FINGERS",
                "With Fingers",
                "Behind the fallboard, where a piano's keys turn: fingers lie on the keys",
            ),
            ("END", "Far End", "At the end of each key that is farthest from the player"),
        ),
    )
    take_over: BoolProperty(
        name="Take Over",
        description="Mute the keyframes that move the keys now; they stay in the file",
        default=False,
        options=ONCE,
    )

    def run(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        lowest = key_of(self.lowest_key) if self.lowest_key else None
        if self.lowest_key and lowest is None:
            raise UserError(
                "no_such_key",
                f'No piano has a key "{self.lowest_key}": name the lowest key by its note, from A0 to C8, '
                "or leave it empty.",
            )
        earlier = own_piano(scene)
        followed = let_up(earlier)
        try:
            chosen = self._chosen(context)
            used = use_keys(
                scene,
                chosen,
                hands=hands_for(scene, scene.s2c_settings.armature) or followed,
                pedal=self._pedal(context, chosen),
                lowest=lowest,
                at_their_end=self.hinge == "END",
                take_over=self.take_over,
            )
        except UserError:
            if earlier is not None and followed is not None:
                connect(earlier, followed)
            raise
        said = used.said
        hands = hands_for(scene, scene.s2c_settings.armature)
        if used.fitted and hands is not None:
            said = said + bring_hands(used.piano, hands)
        done = described(used.piano, key_range(used.piano), units_in_a_metre(scene))
        moving = f"{len(used.pitches)} of them{' and the pedal' if used.pedal else ''} move with the takes."
        tell(self, context, f"{done} {moving}", said)
        return {"FINISHED"}

    def _chosen(self, context: bpy.types.Context) -> list[OwnKey]:
        """What is to be the keys. Raises UserError where nothing is."""
        rig = self._rig(context)
        if rig is not None:
            picked = context.selected_pose_bones if context.mode == "POSE" and not self.armature else None
            names = [bone.name for bone in picked or rig.pose.bones]
            return keys_of_bones(rig, names)
        items = [item for item in context.selected_objects if item.type in SHAPED]
        if not items:
            raise UserError(
                "keys_not_chosen",
                "Choose the keys of your piano first: their objects, or the armature that has them.",
            )
        return keys_of_objects(items)

    def _rig(self, context: bpy.types.Context) -> bpy.types.Object | None:
        """The armature whose bones are the keys, where there is one. Raises UserError for one that is no piano."""
        rig = context.scene.objects.get(self.armature) if self.armature else context.view_layer.objects.active
        if self.armature and (rig is None or rig.type != "ARMATURE"):
            raise UserError(
                "armature_missing", f'There is no armature "{self.armature}" in this scene: choose another.'
            )
        if rig is None or rig.type != "ARMATURE" or not (self.armature or rig in context.selected_objects):
            return None
        if any(JOINT_PROPERTY in bone for bone in rig.data.bones):
            raise UserError(
                "keys_are_hands",
                f'"{rig.name}" is a pair of hands: choose the piano\'s keys, not what plays them.',
            )
        return rig

    def _pedal(self, context: bpy.types.Context, chosen: list[OwnKey]) -> OwnKey | None:
        """The pedal that is named. Raises UserError where there is none of that name."""
        if not self.pedal:
            return None
        named = next((key for key in chosen if key.name == self.pedal), None)
        item = context.scene.objects.get(self.pedal)
        if named is None and item is not None:
            (named,) = keys_of_objects([item])
        if named is None or not len(named.points):
            raise UserError("pedal_missing", f'There is no pedal "{self.pedal}" with a shape in this scene.')
        return named


CLASSES = (S2C_OT_fit_piano, S2C_OT_use_keys)
