# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panel says about a take: how it was made, what of the recording it plays, and what was left out."""

from __future__ import annotations

import re
from typing import Any

import bpy

from ..core.protocol import is_number
from .take_order import TakeOrder

MOST = 200
"""As many left-out notes are listed."""
LATEST_S = 1e6
"""No note of a take lies later."""
NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


def pitch_name(pitch: int) -> str:
    """The name of a MIDI pitch; 60 is C4."""
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def clock(seconds: float) -> str:
    """A time as 0:12.4."""
    tenths = max(0, round(seconds * 10))
    return f"{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"


def checked(result: dict[str, Any]) -> dict[str, Any]:
    """What the panel uses of a worker's answer, as far as it makes sense; the rest is left out.

    What is said in words `takes.remarks` looks at.
    """
    found: dict[str, Any] = {
        name: result[name]
        for name in ("notes", "notes_played", "left_out_total")
        if isinstance(result.get(name), int) and is_number(result[name]) and result[name] >= 0
    }
    listed = result.get("left_out")
    notes = listed[:MOST] if isinstance(listed, list) else []
    left_out = [note for note in notes if isinstance(note, dict) and _is_note(note)]
    said: dict[str, Any] = {name: result[name] for name in ("remarks", "fit", "parts") if name in result}
    return {**found, **said, "left_out": left_out}


def _is_note(note: dict[str, Any]) -> bool:
    seconds, pitch = note.get("time_s"), note.get("pitch")
    timed = isinstance(seconds, (int, float)) and is_number(seconds) and 0 <= seconds <= LATEST_S
    return timed and isinstance(pitch, int) and not isinstance(pitch, bool) and 0 <= pitch <= 127


def notes_sentence(result: dict[str, Any]) -> str:
    """How many of the recording's notes are played; empty where the generator does not say."""
    total, played = result.get("notes"), result.get("notes_played")
    if not isinstance(total, int) or not isinstance(played, int):
        return ""
    return f"{played} of {total} note{'s' if total != 1 else ''} played"


def describe(order: TakeOrder, result: dict[str, Any], seconds: float) -> str:
    """The result line of the panel; without a job's seconds the take was applied from its file."""
    if not seconds:
        return f"Take {order.output.stem}, from its file"
    name, parts = order.output.stem, [notes_sentence(result)]
    if order.hand:
        parts.append(f"{order.hand} hand")
    if order.frames is not None:
        first, stop = order.frames
        parts.append(f"frames {order.start_frame + first} to {order.start_frame + stop - 1}")
    parts.append(f"seed {order.params['seed']}")
    # The name of most takes has some of this already.
    parts = [
        part for part in parts if not re.search(re.escape(part).replace(r"\ ", r"\W?") + r"(?!\d)", name)
    ]
    style = order.params.get("style") or {}
    parts += [f"{key.replace('_', ' ')} {value:+.2g}" for key, value in style.items() if abs(value) >= 0.005]
    parts.append(f"made in {seconds:.1f} s")
    return f"Take {name}: " + ", ".join(part for part in parts if part)


def remember_left_out(
    settings: bpy.types.PropertyGroup, order: TakeOrder, fps: float, result: dict[str, Any]
) -> None:
    """Keep the notes that the hands could not play, with the frames where they would have been."""
    settings.left_out.clear()
    listed = result.get("left_out") or []
    for note in listed[:MOST]:
        seconds = float(note["time_s"])
        item = settings.left_out.add()
        item.frame = order.start_frame + round(seconds * fps)
        item.pitch = pitch_name(int(note["pitch"]))
        item.where = clock(seconds)
    total = result.get("left_out_total")
    settings.left_out_total = max(len(listed), total if isinstance(total, int) else 0)


def extend_scene_end(scene: bpy.types.Scene, last_frame: int) -> str:
    """Let the scene last as long as the take. Returns what to add to the result line; never shortens the scene.

    With a preview range the animator has said what is to be seen, and the scene stays as it is.
    """
    if scene.use_preview_range or last_frame <= scene.frame_end:
        return ""
    scene.frame_end = last_frame
    return f"scene end moved to {last_frame}"
