# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the scene and the panel say to an order for the session: which hands, which sound, which frames."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from .core import consent
from .core.player import style_of_hand_size
from .core.skeleton import HANDS
from .errors import UserError
from .piano.frame import keyboard_param
from .piano.pairing import piano_of
from .rig.armature import HAND_SIZE_PROPERTY
from .rig.choice import find_armature
from .rig.hand_geometry import other_geometry, write_geometry
from .rig.hands import hands_of, piano_frame
from .session import preferred_device, session
from .strip_audio import StripSound, find_strip, strip_sound
from .takes import layers, read_back
from .takes.take_order import TakeOrder
from .takes.take_paths import recording_title, take_path, title_of_take
from .ui import preferences

PRESET_NAME = re.compile("[a-z][a-z0-9_-]{0,39}")
"""Names of built-in models; never a path."""
MODEL_FILE = "config.json"
"""What every model folder holds."""


def frame_window(scene: bpy.types.Scene) -> tuple[int, int] | None:
    """First and last frame to play by the panel's range; None for all of the strip. Raises UserError."""
    settings = scene.s2c_settings
    if settings.range_mode == "STRIP":
        return None
    if settings.range_mode == "SCENE":
        return scene.frame_start, scene.frame_end
    if settings.frame_end <= settings.frame_start:
        raise UserError("range_empty", "The last frame of the range must lie after the first.")
    return settings.frame_start, settings.frame_end


def common_params(
    context: bpy.types.Context, armature: bpy.types.Object, output: Path, seed: int, folder: Path
) -> dict[str, Any]:
    """The parameters of `generate` that every order has. folder: of the job's temporary files."""
    settings, render = context.scene.s2c_settings, context.scene.render
    other = other_geometry(armature)
    own = {"hand_geometry": str(write_geometry(other, folder))} if other is not None else {}
    keyboard = keyboard_param(piano_of(context.scene, armature))
    return {
        **own,
        "sound": None,
        "midi": None,
        "output": str(output),
        "seed": seed,
        "preset": chosen_model(settings),
        "sampler": None,
        "steps": None,
        "contact": settings.contact,
        "fps": render.fps / render.fps_base,
        "style": {**settings.style(), "hand_size": hand_size_style(armature)},
        **({"keyboard": keyboard} if keyboard is not None else {}),
        "keep": None,
        "hand": None,
        "range": None,
        "device": preferred_device(context),
        "allow_download": preferences.downloads_allowed(context),
    }


def chosen_model(settings: bpy.types.PropertyGroup) -> str:
    """The model's folder, or the name of a built-in one. Raises UserError for a folder that holds none."""
    if not settings.model_folder:
        preset = settings.preset or "default"
        if not PRESET_NAME.fullmatch(preset):
            raise UserError(
                "preset_unknown", "This file asks for a model that is not built in: set Preset to default."
            )
        return preset
    if not consent.is_chosen_model(settings.model_folder):
        raise UserError(
            "model_not_chosen",
            f'This file asks for the model "{settings.model_folder}": choose that folder again under Style > Model if '
            "you trust it, or empty the field.",
        )
    folder = Path(bpy.path.abspath(settings.model_folder))
    if not (folder / MODEL_FILE).is_file():
        raise UserError(
            "model_missing",
            f'The folder "{folder}" holds no model (no {MODEL_FILE} in it): choose another under Model, or empty it.',
        )
    return str(folder)


def hand_size_style(armature: bpy.types.Object) -> float:
    """The style value of the armature's hand size, measured where it names none."""
    size = armature[HAND_SIZE_PROPERTY] if HAND_SIZE_PROPERTY in armature else piano_frame(armature).hand_size
    return style_of_hand_size(float(size))


def order_new_take(context: bpy.types.Context, seed: int) -> TakeOrder:
    """The order for both hands, from the strip. Raises UserError for anything that is missing."""
    scene = context.scene
    edit, strip = find_strip(context, scene.s2c_settings.strip_name)
    window = frame_window(scene)
    armature = find_armature(context)
    hands_of(armature)
    layers.check_writable(armature)
    folder = session.temporary_folder()
    sound: StripSound = strip_sound(edit, strip, scene, window, folder)
    own = getattr(strip, "sound", None)  # a scene strip plays the sounds of another edit
    named = own.filepath if own is not None and not sound.silent else str(sound.path)
    title = recording_title(named, strip.name)
    output = take_path(session.takes_folder(), title, seed)
    params = common_params(context, armature, output, seed, folder)
    params.update(sound.params())
    if sound.midi is not None and scene.s2c_settings.chosen_part():
        params["part"] = scene.s2c_settings.chosen_part()
    return TakeOrder(
        armature_uid=armature.session_uid,
        armature_name=armature.name,
        scene_uid=scene.session_uid,
        start_frame=sound.heard.start_frame,
        output=output,
        params=params,
        sound=sound,
    )


def order_part(
    context: bpy.types.Context, seed: int, hand: str = "", window: tuple[int, int] | None = None
) -> TakeOrder:
    """The order for part of the take on the armature anew; the rest is read from there. Raises UserError.

    hand: `left`, `right`, or empty for both; window: first and last scene frame, None for all of them.
    """
    scene = context.scene
    armature = find_armature(context)
    hands_of(armature)
    kept = tuple(index for index, name in enumerate(HANDS) if name != hand) if hand else (0, 1)
    keep = read_back.plan_keep(scene, armature, session.temporary_folder(), kept)
    keep = replace(keep, sound=_sound_of(context, keep))
    frames = take_frames(keep, window) if window is not None else None
    title = title_of_take(keep.marks.take) or recording_title(
        keep.marks.sound.get("sound"), keep.marks.sound.get("midi"), armature.name
    )
    scene_frames = (keep.start_frame + frames[0], keep.start_frame + frames[1] - 1) if frames else None
    output = take_path(session.takes_folder(), title, seed, hand, scene_frames)
    params = common_params(context, armature, output, seed, keep.path.parent)
    params.update(keep=str(keep.path), hand=hand or None)
    listens = scene.s2c_settings.model_folder and keep.sound is not None and not keep.sound.silent
    if listens and keep.sound is not None:  # a model of the user's own; the notes are those of the take
        params.update(keep.sound.params(), midi=None)
    if frames is not None:
        params["range"] = [frame / keep.fps for frame in frames]
    order = TakeOrder(
        armature_uid=armature.session_uid,
        armature_name=armature.name,
        scene_uid=scene.session_uid,
        start_frame=keep.start_frame,
        output=output,
        params=params,
        hand=hand,
        frames=frames,
        sound=keep.sound if listens else None,
        keep=keep,
    )
    if frames is not None:
        read_back.check_spliceable(armature, order.hands)
    return order


def _sound_of(context: bpy.types.Context, keep: read_back.Keep) -> StripSound | None:
    """What the strip plays over the kept frames; None where there is no strip, or it does not play all of them."""
    scene = context.scene
    window = (keep.start_frame, keep.start_frame + keep.frames - 1)
    try:
        edit, strip = find_strip(context, scene.s2c_settings.strip_name)
        sound = strip_sound(edit, strip, scene, window, keep.path.parent)
    except UserError:
        return None
    return sound if sound.heard.start_frame == keep.start_frame else None


def take_frames(keep: read_back.Keep, window: tuple[int, int]) -> tuple[int, int]:
    """Frames of a kept take, the first and one past the last, that lie in scene frames `window`. Raises UserError."""
    last = keep.start_frame + keep.frames - 1
    first, stop = max(window[0], keep.start_frame), min(window[1], last) + 1
    if first >= stop:
        raise UserError(
            "range_empty",
            f"Frames {window[0]} to {window[1]} hold nothing of the take, which plays from {keep.start_frame} "
            f"to {last}: choose others.",
        )
    return first - keep.start_frame, stop - keep.start_frame


def redo_window(scene: bpy.types.Scene) -> tuple[int, int]:
    """First and last frame to make anew: the preview range where it is on, else those of the panel."""
    if scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    settings = scene.s2c_settings
    return settings.redo_start, settings.redo_end
