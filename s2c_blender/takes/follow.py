# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the hands and the recording still agree in time, and how to bring them together again.

The hands' own clock says where the take's second 0 is now and how fast it runs; the strip says where the recording's
is. Both may have been moved since the take was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import compat
from ..errors import UserError
from ..rig.choice import find_armature
from ..rig.hands import hands_of
from ..strip_audio import StripSound, find_strip, strip_sound
from . import clock, layers, read_back

APART_FRAMES = 1.0
"""Hands and recording agree as long as neither end of the take is farther off."""
SAME_LENGTH_S = 0.5
"""A take without a note of its sound belongs to a recording of this length, more or less."""


@dataclass(frozen=True)
class Pace:
    """Where a take lies: scene frame of its second 0, frames a second, and its last second."""

    zero: float
    rate: float
    last_s: float

    def frame(self, second: float) -> float:
        """Scene frame of a second of the take."""
        return self.zero + self.rate * second


def pace_of_hands(armature: bpy.types.Object, layer: layers.Layer | None = None) -> Pace | None:
    """How the take on an armature runs now; None when it plays none. layer: the one to be put on it next."""
    layer = layer or layers.take_layer(armature)
    marks = read_back.read_marks(layer.action) if layer is not None else None
    if layer is None or marks is None:
        return None
    channels = [clock.clock_channel(wrist) for wrist in hands_of(armature).wrists]
    for curve in layer.curves:
        if (curve.data_path, curve.array_index) in channels and len(curve.keyframe_points) > 1:
            first, last = curve.keyframe_points[0].co, curve.keyframe_points[-1].co
            low, high = layer.to_scene(first.x), layer.to_scene(last.x)
            begin_s, end_s = first.y * clock.SECONDS_PER_UNIT, last.y * clock.SECONDS_PER_UNIT
            if high > low and end_s > begin_s:
                rate = (high - low) / (end_s - begin_s)
                return Pace(low - rate * begin_s, rate, end_s)
    span = layers.seen_span(armature, (0, 1))
    if span is None or marks.frames < 2:
        return None
    last_s = (marks.frames - 1) / marks.fps
    return Pace(span[0], (span[1] - span[0]) / last_s, last_s)


def pace_of_strip(
    context: bpy.types.Context,
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    hands: Pace,
    layer: layers.Layer | None = None,
) -> Pace | None:
    """How the take should run by the strip as it lies now; None when the strip is not its recording.

    layer: as in `pace_of_hands`. Raises UserError when there is no strip to follow.
    """
    edit, strip = find_strip(context, scene.s2c_settings.strip_name)
    sound = strip_sound(edit, strip, scene, None, Path())
    layer = layer or layers.take_layer(armature)
    marks = read_back.read_marks(layer.action) if layer is not None else None
    begin_s = _begin_s(marks.sound if marks is not None else {}, sound, hands)
    if begin_s is None:
        return None
    rate = scene.render.fps / scene.render.fps_base
    heard = sound.heard
    return Pace(heard.start_frame + (begin_s - heard.sound_start_s) * rate, rate, hands.last_s)


def _begin_s(made_from: dict[str, Any], sound: StripSound, hands: Pace) -> float | None:
    """Second of the file that was the take's second 0; None when the take was made from another recording."""
    pieces = made_from.get("sounds") or made_from.get("midi_pieces")
    first = pieces[0] if isinstance(pieces, list) and pieces else {}
    name = first.get("path") or made_from.get("sound") or made_from.get("midi")
    begin = first.get("start_s", made_from.get("sound_start_s"))
    if isinstance(name, str) and isinstance(begin, (int, float)) and Path(name).stem != "decoded":
        packed = "packed" in (Path(name).stem, sound.path.stem)
        return float(begin) if packed or Path(name).name == sound.path.name else None
    heard = sound.heard
    alike = abs((heard.sound_end_s - heard.sound_start_s) - hands.last_s) < SAME_LENGTH_S
    return heard.sound_start_s if alike else None


def disagreement(
    context: bpy.types.Context,
    scene: bpy.types.Scene,
    armature: bpy.types.Object,
    layer: layers.Layer | None = None,
) -> str:
    """One sentence when hands and recording no longer agree in time; nothing when they do or cannot be compared.

    layer: as in `pace_of_hands`.
    """
    hands = pace_of_hands(armature, layer)
    try:
        strip = pace_of_strip(context, scene, armature, hands, layer) if hands is not None else None
    except UserError:
        return ""
    if hands is None or strip is None:
        return ""
    early = (strip.zero - hands.zero) / strip.rate
    end = (strip.frame(hands.last_s) - hands.frame(hands.last_s)) / strip.rate
    if max(abs(early), abs(end)) * strip.rate <= APART_FRAMES:
        return ""
    if abs(early) * strip.rate > APART_FRAMES:
        when = "earlier" if early > 0 else "later"
        return f"The hands begin {abs(early):.1f} s {when} than the recording: Follow Strip brings them together."
    when = "earlier" if end > 0 else "later"
    return f"The hands end {abs(end):.1f} s {when} than the recording: Follow Strip brings them together."


def follow_strip(context: bpy.types.Context, scene: bpy.types.Scene, armature: bpy.types.Object) -> str:
    """Move or stretch the take, hands and piano keys, to the strip as it lies now; says what was done.

    Raises UserError when there is no take, no strip, or the strip is another recording.
    """
    layers.check_writable(armature)
    layer, hands = layers.take_layer(armature), pace_of_hands(armature)
    if layer is None or hands is None:
        raise UserError("no_take", f'The armature "{armature.name}" plays no take yet: press Generate first.')
    strip = pace_of_strip(context, scene, armature, hands)
    if strip is None:
        raise UserError(
            "other_recording",
            "This take was made from another recording than the strip's: choose its strip in the S2C panel.",
        )
    if layer.action.library is not None:
        raise UserError(
            "take_linked", f'The take "{layer.action.name}" is linked from another file: make it local first.'
        )
    stretch = strip.rate / hands.rate
    if layer.strip is not None:
        moved = layer.strip
        begin = strip.zero + (moved.frame_start - hands.zero) * stretch
        moved.scale *= stretch
        moved.frame_start_ui = begin
    else:
        for curve in layer.curves:
            _move_keys(curve, strip.zero - hands.zero * stretch, stretch)
    marks = read_back.read_marks(layer.action)
    if marks is not None:
        begin_frame = round(strip.zero)
        read_back.write_marks(
            layer.action,
            read_back.Marks(**{**vars(marks), "start_frame": begin_frame, "fps": strip.rate}),
        )
    layer.action.update_tag()
    scene.frame_set(
        scene.frame_current, subframe=scene.frame_subframe
    )  # the view shows the moved keys at once
    by = f"stretched to {stretch:.3g} times its length and moved" if abs(stretch - 1) > 1e-4 else "moved"
    return f"The take was {by} to begin at frame {strip.zero:.6g}, with its recording."


def _move_keys(curve: bpy.types.FCurve, shift: float, stretch: float) -> None:
    """Every key and handle of a curve at `stretch` times its frame plus `shift`."""
    points = curve.keyframe_points
    for name in ("co", "handle_left", "handle_right"):
        values = np.empty(2 * len(points), np.float32)
        points.foreach_get(name, values)
        values[0::2] = np.round(values[0::2] * stretch + shift, 4)
        points.foreach_set(name, values)
    curve.update()


class Watch:
    """Sees, while Blender idles, that hands and recording were moved apart, so that the panel can say so."""

    def __init__(self) -> None:
        self.text = ""
        """One sentence, or nothing."""
        self._seen: tuple[object, ...] = ()

    def look(self) -> bool:
        """Look again where something was moved since. Returns True when panels should be drawn again."""
        windows = bpy.context.window_manager.windows if bpy.context.window_manager is not None else ()
        if not windows:
            return False
        with bpy.context.temp_override(window=windows[0]):
            return self.look_in(bpy.context)

    def look_in(self, context: bpy.types.Context) -> bool:
        """The same for the scene of a context."""
        scene = context.scene
        try:
            armature = find_armature(context)
            hands = pace_of_hands(armature)
            edit, strip = find_strip(context, scene.s2c_settings.strip_name)
        except UserError:
            return self._say("", ())
        strips = tuple(
            (item.name, *vars(compat.strip_timing(item)).values(), item.mute)
            for item in edit.sequence_editor.strips_all
            if item.type in ("SOUND", "SCENE")
        )
        render = scene.render
        seen = (
            scene.session_uid,
            armature.session_uid,
            strip.name,
            hands,
            strips,
            render.fps,
            render.fps_base,
        )
        if seen == self._seen:
            return False
        return self._say(disagreement(context, scene, armature), seen)

    def _say(self, text: str, seen: tuple[object, ...]) -> bool:
        changed, self.text, self._seen = text != self.text, text, seen
        return changed


watch = Watch()
