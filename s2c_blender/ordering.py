# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the scene and the panel say to an order for the session: which hands, which sound, which frames."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy

from . import keeping, preferences
from .faults import Fault
from .fcurves import joint_bones
from .orders import TakeOrder
from .rig.armature import HAND_SIZE_PROPERTY
from .session import preferred_device, session
from .strip_audio import StripSound, find_strip, strip_sound

MODEL_FILE = "config.json"
"""What every model folder holds."""
STYLE_EXTREME = 3.0
"""Largest style value that the generator takes."""


def find_armature(context: bpy.types.Context) -> bpy.types.Object:
    """The armature of the panel, else the active one, else the only one of the scene. Raises Fault."""
    scene = context.scene
    chosen = scene.s2c_settings.armature
    if chosen is not None:
        if chosen.name not in scene.objects:
            raise Fault(
                "rig_elsewhere", f'The armature "{chosen.name}" is not in this scene; choose another one.'
            )
        return chosen
    active = context.active_object
    if active is not None and active.type == "ARMATURE":
        return active
    armatures = [item for item in scene.objects if item.type == "ARMATURE"]
    if not armatures:
        raise Fault(
            "no_rig",
            "There are no hands to animate: press Add Hands, or choose an armature in the S2C panel.",
        )
    if len(armatures) > 1:
        raise Fault("which_rig", "There are several armatures: choose one in the S2C panel.")
    return armatures[0]


def frame_window(scene: bpy.types.Scene) -> tuple[int, int] | None:
    """First and last frame to play by the panel's range; None for all of the strip. Raises Fault."""
    settings = scene.s2c_settings
    if settings.range_mode == "STRIP":
        return None
    if settings.range_mode == "SCENE":
        return scene.frame_start, scene.frame_end
    if settings.frame_end <= settings.frame_start:
        raise Fault("range_empty", "The last frame of the range must lie after the first.")
    return settings.frame_start, settings.frame_end


def take_path(folder: Path, seed: int, hand: str) -> Path:
    """A new file name for a take, sortable by the time it was made."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    stem = f"{stamp}-seed{seed}" + (f"-{hand}" if hand else "")
    path, number = folder / f"{stem}.npz", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.npz"
    return path


def common_params(
    context: bpy.types.Context, armature: bpy.types.Object, output: Path, seed: int
) -> dict[str, Any]:
    """The parameters of `generate` that every order has."""
    settings, render = context.scene.s2c_settings, context.scene.render
    return {
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
        "keep": None,
        "hand": None,
        "range": None,
        "device": preferred_device(context),
        "allow_download": preferences.downloads_allowed(context),
    }


def chosen_model(settings: bpy.types.PropertyGroup) -> str:
    """The model's folder, or the name of a built-in one. Raises Fault for a folder that holds none."""
    if not settings.model_folder:
        return settings.preset or "default"
    folder = Path(bpy.path.abspath(settings.model_folder))
    if not (folder / MODEL_FILE).is_file():
        raise Fault(
            "model_missing",
            f'The folder "{folder}" holds no model (no {MODEL_FILE} in it): choose another under Model, or empty it.',
        )
    return str(folder)


def hand_size_style(armature: bpy.types.Object) -> float:
    """The style value of the armature's hand size: the model's factor is 1 + 0.1 style."""
    size = armature.get(HAND_SIZE_PROPERTY, 1.0)
    return min(STYLE_EXTREME, max(-STYLE_EXTREME, (float(size) - 1.0) * 10.0))


def order_new_take(context: bpy.types.Context, seed: int) -> TakeOrder:
    """The order for both hands, from the strip. Raises Fault for anything that is missing."""
    scene = context.scene
    edit, strip = find_strip(context, scene.s2c_settings.strip_name)
    window = frame_window(scene)
    armature = find_armature(context)
    joint_bones(armature)
    sound: StripSound = strip_sound(edit, strip, scene, window, session.temporary_folder())
    output = take_path(session.data_folder() / "takes", seed, "")
    params = common_params(context, armature, output, seed)
    params.update(sound.params())
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
    """The order for part of the take on the armature anew; the rest is read from there. Raises Fault.

    hand: `left`, `right`, or empty for both; window: first and last scene frame, None for all of them.
    """
    scene = context.scene
    armature = find_armature(context)
    joint_bones(armature)
    keep = keeping.plan_keep(scene, armature, session.temporary_folder())
    frames = take_frames(keep.marks, window) if window is not None else None
    output = take_path(session.data_folder() / "takes", seed, hand + ("-range" if frames else ""))
    params = common_params(context, armature, output, seed)
    params.update(keep=str(keep.path), hand=hand or None)
    if scene.s2c_settings.model_folder and Path(keep.marks.sound.get("sound") or "").is_file():
        params.update(keep.marks.sound)  # a model of the user's own may listen to the recording
    if frames is not None:
        params["range"] = [frame / keep.marks.fps for frame in frames]
    order = TakeOrder(
        armature_uid=armature.session_uid,
        armature_name=armature.name,
        scene_uid=scene.session_uid,
        start_frame=keep.start_frame,
        output=output,
        params=params,
        hand=hand,
        frames=frames,
        keep=keep,
    )
    if frames is not None:
        keeping.check_spliceable(armature, order.hands)
    return order


def take_frames(marks: keeping.Marks, window: tuple[int, int]) -> tuple[int, int]:
    """Frames of a take, the first and one past the last, that lie in scene frames `window`. Raises Fault."""
    last = marks.start_frame + marks.frames - 1
    first, stop = max(window[0], marks.start_frame), min(window[1], last) + 1
    if first >= stop:
        raise Fault(
            "range_empty",
            f"Frames {window[0]} to {window[1]} hold nothing of the take, which plays from {marks.start_frame} "
            f"to {last}: choose others.",
        )
    return first - marks.start_frame, stop - marks.start_frame


def redo_window(scene: bpy.types.Scene) -> tuple[int, int]:
    """First and last frame to make anew: the preview range where it is on, else those of the panel."""
    if scene.use_preview_range:
        return scene.frame_preview_start, scene.frame_preview_end
    settings = scene.s2c_settings
    return settings.redo_start, settings.redo_end
