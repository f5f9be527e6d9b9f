# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion that is on an armature now, read back into a take: what an animator edited by hand is kept.

Redoing one hand gives the worker this take: the other hand's motion as the condition, the notes to play. What Blender
evaluates is the truth, over the frames where the hands move now; the marks on an action only say where it came from.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from .. import compat, fcurves
from ..core.protocol import is_number
from ..errors import UserError
from ..piano.animation import is_pedal_curve, pedal_positions
from ..rig.hands import hands_of
from ..strip_audio import StripSound, write_packed
from . import clock, layers
from .hands_on import reader_of
from .layers import TAKE_PROPERTY as MARK
from .layers import current_action
from .lookup import by_uid
from .sampling import sample
from .take_arrays import OFFSET, ONSET
from .take_file import FPS_TOLERANCE, load_take

__all__ = ["MARK", "Keep", "Marks", "by_uid", "current_action", "has_take", "plan_keep", "read_marks"]


LAST_FRAME = 1_048_574
"""Blender's own last frame."""
MOST_FPS = 1e5
MOST_STORED = 4 << 20
"""Longest mark, in characters."""
MOST_PATH = 4096
MOST_PIECES = 10_000
MOST_HABITS = 64
PIECE_NUMBERS = ("start_s", "end_s", "at_s", "gain")


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What an action remembers of how its take was made."""

    take: str
    """Path of the take file."""
    start_frame: int
    frames: int
    fps: float
    sound: dict[str, Any]
    """The sound parameters of the worker, for when the notes are gone."""
    player: list[list[float]] | None = None
    """The player of each hand (`habits` of the take's meta), who goes on where a range is made anew."""


@dataclass(frozen=True, kw_only=True)
class Keep:
    """A take on an armature that is still to be read, in small steps."""

    armature_uid: int
    armature_name: str
    action_uid: int
    """The action that holds the notes."""
    marks: Marks
    path: Path
    """Where the take for the worker is written."""
    start_frame: int
    """Scene frame at which the kept motion begins now."""
    frames: int
    fps: float
    """Frames a second of the scene."""
    kept: tuple[int, ...]
    """The hands that tell where the music is now, the first that can."""
    sound: StripSound | None = None
    """What the strip plays over these frames, for when the notes are gone."""


def write_marks(action: bpy.types.Action, marks: Marks) -> None:
    """Remember on an action where it came from."""
    action[MARK] = json.dumps(vars(marks))


def read_marks(action: bpy.types.Action) -> Marks | None:
    """What `write_marks` wrote; None for an action that is not a take. A file may hold anything, so all is checked."""
    stored = action.get(MARK)
    if not isinstance(stored, str) or len(stored) > MOST_STORED:
        return None
    try:
        marks = Marks(**json.loads(stored))
    except (TypeError, ValueError, RecursionError):
        return None
    whole = type(marks.start_frame) is int and abs(marks.start_frame) <= LAST_FRAME
    long = type(marks.frames) is int and 0 < marks.frames <= layers.MOST_FRAMES
    rate = is_number(marks.fps) and 0 < marks.fps <= MOST_FPS
    if not (whole and long and rate and _is_path(marks.take) and isinstance(marks.sound, dict)):
        return None
    player = marks.player if _is_player(marks.player) else None
    return replace(marks, sound=_sound(marks.sound), player=player)


def _sound(stored: dict[str, Any]) -> dict[str, Any]:
    """Of stored sound parameters those that make sense."""
    sound: dict[str, Any] = {}
    for name in ("sound", "midi"):
        if _is_path(stored.get(name)):
            sound[name] = stored[name]
    for name in ("sound_start_s", "sound_end_s"):
        if is_number(stored.get(name)):
            sound[name] = float(stored[name])
    pieces = stored.get("sounds")
    if isinstance(pieces, list):
        known = [p for p in pieces[:MOST_PIECES] if isinstance(p, dict) and _is_path(p.get("path"))]
        if known and all(is_number(p.get("start_s")) for p in known):
            sound["sounds"] = [{"path": p["path"], **_numbers(p)} for p in known]
    pieces = stored.get("midi_pieces")
    if isinstance(pieces, list):
        known = [_numbers(p) for p in pieces[:MOST_PIECES] if isinstance(p, dict)]
        if known and all({"start_s", "at_s"} <= set(p) for p in known):
            sound["midi_pieces"] = known
    return sound


def _numbers(piece: dict[str, Any]) -> dict[str, float]:
    return {name: float(piece[name]) for name in PIECE_NUMBERS if is_number(piece.get(name))}


def _is_path(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MOST_PATH and "\0" not in value


def _is_player(value: object) -> bool:
    """Whether it is two short rows of numbers."""
    rows = value if isinstance(value, list) and len(value) == 2 else []
    return bool(rows) and all(
        isinstance(row, list) and len(row) <= MOST_HABITS and all(is_number(item) for item in row)
        for row in rows
    )


def has_take(armature: bpy.types.Object) -> bool:
    """True when the armature plays a take, so that one hand can be made anew."""
    return layers.take_layer(armature) is not None


def plan_keep(
    scene: bpy.types.Scene, armature: bpy.types.Object, folder: Path, kept: tuple[int, ...] = (0, 1)
) -> Keep:
    """What to read from an armature to keep it. Looks at keys and strips only.

    kept: the hands that stay. Raises UserError when it plays no take, or one of another rate.
    """
    layer = layers.take_layer(armature)
    marks = read_marks(layer.action) if layer is not None else None
    if layer is None or marks is None:
        raise UserError("no_take", f'The armature "{armature.name}" plays no take yet: press Generate first.')
    layers.check_writable(armature)
    span = layers.seen_span(armature, kept)
    if span is not None and span[1] - span[0] >= layers.MOST_FRAMES:
        count = span[1] - span[0] + 1
        raise UserError(
            "too_long",
            f'The keys of "{armature.name}" reach over {count} frames, too many for a take: delete those far out.',
        )
    if span is None:
        raise UserError(
            "no_motion",
            f'The hands of "{armature.name}" stand still, their keys are gone or muted: bring them back, or Generate.',
        )
    rate = scene.render.fps / scene.render.fps_base
    if abs(rate - marks.fps) > FPS_TOLERANCE and not _in_time(layer, armature, rate):
        raise UserError(
            "rate_changed",
            f"The take was made for {marks.fps:g} frames a second and the scene now has {rate:g}; "
            "press Follow Strip to fit it to the recording, or Generate.",
        )
    return Keep(
        armature_uid=armature.session_uid,
        armature_name=armature.name,
        action_uid=layer.action.session_uid,
        marks=marks,
        path=folder / "keep.npz",
        start_frame=span[0],
        frames=span[1] - span[0] + 1,
        fps=rate,
        kept=kept,
    )


def _in_time(layer: layers.Layer, armature: bpy.types.Object, rate: float) -> bool:
    """Whether the clock of a take runs as fast as the scene, whatever rate the take was made for."""
    for wrist in hands_of(armature).wrists:
        path, index = clock.clock_channel(wrist)
        curve = next((c for c in layer.curves if c.data_path == path and c.array_index == index), None)
        if curve is None or len(curve.keyframe_points) < 2:
            return False
        first, last = curve.keyframe_points[0].co, curve.keyframe_points[-1].co
        begin, end = layer.span(first.x, last.x)
        seconds = (last.y - first.y) * clock.SECONDS_PER_UNIT
        if abs(seconds * rate - (end - begin)) > 1.0:
            return False
    return True


def check_spliceable(armature: bpy.types.Object, hands: tuple[int, ...]) -> None:
    """Raise UserError when a curve of `hands` that is to be spliced is shaped by more than its keys."""
    if not layers.is_plain(armature):
        return  # the new motion becomes a layer of its own
    action = current_action(armature)
    bag = compat.channelbag(action, armature.animation_data.action_slot) if action is not None else None
    for hand in hands:
        for path, index in fcurves.hand_channels(armature, hand):
            curve = bag.fcurves.find(path, index=index) if bag is not None else None
            if curve is not None:
                fcurves.check_spliceable(curve)


def write_keep(keep: Keep, params: dict[str, Any]) -> Iterator[float]:
    """Read what is seen of the hands, some frames a step, and write it as a take. Yields progress from 0 to 1.

    Notes and fingering come from the action, else from the take's file. When both are gone, `params` (of the worker's
    `generate`) is given the sound, to be transcribed again. Raises UserError when the armature vanishes or nothing can
    be written.
    """
    armature = _find(keep)
    reader = reader_of(armature, keep.frames)
    if layers.is_direct(armature):
        for done, _ in enumerate(reader.read_curves(armature, keep.start_frame)):
            yield (done + 1) / 32
    else:
        frames = range(keep.start_frame, keep.start_frame + keep.frames)
        for done in sample(keep.armature_uid, keep.armature_name, frames, reader):
            yield done / keep.frames
    seconds = take_seconds(keep, reader.clock)
    notes, fingering, meta = yield from _notes(keep)
    if len(notes):
        notes, fingering = notes_as_heard(notes, fingering, seconds, keep.fps)
    if not len(notes):
        yield from _listen_again(keep, params, float(seconds[0]))
    try:
        np.savez(
            keep.path,
            fps=np.float64(keep.fps),
            euler=reader.euler,
            wrist=reader.wrist,
            notes=notes,
            fingering=fingering,
            pedal=_seen_pedal(keep),
            meta=np.array(json.dumps({**meta, **reader.meta, "format": 2 if reader.has_arms else 1})),
            **({"elbow": reader.elbow, "shoulder": reader.shoulder} if reader.has_arms else {}),
        )
    except OSError as error:
        raise UserError(
            "temporary_folder",
            f'The folder for temporary files "{keep.path.parent}" cannot be written; '
            "choose another under Preferences > File Paths > Temporary Files.",
            str(error),
        ) from error


def _find(keep: Keep) -> bpy.types.Object:
    armature = by_uid(bpy.data.objects, keep.armature_uid)
    if armature is None:
        raise UserError(
            "rig_deleted", f'The armature "{keep.armature_name}" or its take was deleted meanwhile.'
        )
    return armature


def _seen_pedal(keep: Keep) -> NDArray[np.float32]:
    """The pedal's positions (m, 2), second within the kept frames and depth, where its curve lies now."""
    layer = layers.take_layer(_find(keep))
    curve = next((c for c in layer.curves if is_pedal_curve(c)), None) if layer is not None else None
    if layer is None or curve is None:
        return np.zeros((0, 2), np.float32)
    found = pedal_positions(curve)
    seconds = (np.array([layer.to_scene(frame) for frame in found[:, 0]]) - keep.start_frame) / keep.fps
    order = np.argsort(seconds, kind="stable")
    seconds, depth = seconds[order], found[order, 1]
    begin = max(int(np.searchsorted(seconds, 0.0, "right")) - 1, 0)
    inside = np.flatnonzero(seconds[begin:] < keep.frames / keep.fps) + begin
    return np.stack([np.maximum(seconds[inside], 0.0), depth[inside]], 1).astype(np.float32)


def take_seconds(keep: Keep, clocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second within the take at every kept frame (frames,), by the clock of a kept hand, else by the frames.

    clocks: (frames, 2). Frames where the clock stands still, outside its keys, are counted on from where it runs.
    Raises UserError for a take of an earlier version, without a clock, whose keys were cut.
    """
    count = np.arange(keep.frames)
    for hand in (*keep.kept, *(1 - hand for hand in keep.kept)):
        runs = clock.running(clocks[:, hand])
        if runs.any():
            first, last = np.flatnonzero(runs)[[0, -1]]
            pace = (clocks[last, hand] - clocks[first, hand]) / max(last - first, 1)
            inside = np.interp(count, count[runs], clocks[runs, hand])
            before, behind = np.minimum(count - first, 0), np.maximum(count - last, 0)
            return inside + (before + behind) * pace
    if abs(keep.frames - keep.marks.frames) > 1:
        raise UserError(
            "take_of_earlier_version",
            "The keys of this take were cut or stretched, and it was made by an earlier version, which did not note "
            "which part of the music they play: press Generate.",
        )
    return count / keep.fps


def notes_as_heard(
    notes: NDArray[np.float32], fingering: NDArray[np.int8], seconds: NDArray[np.float64], fps: float
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """The notes at the times at which they are seen now; those outside the frames that are left go.

    notes (n, 4), fingering (n, 2): in seconds of the take; seconds: (frames,) of the take at every frame, rising.
    """
    at = np.arange(len(seconds)) / fps
    inside = (notes[:, ONSET] >= seconds[0] - 1e-4) & (notes[:, ONSET] < seconds[-1])
    kept = notes[inside].copy()
    offset = notes[inside, OFFSET]
    for column in (ONSET, OFFSET):
        kept[:, column] = np.interp(kept[:, column], seconds, at)
    pace = (at[-1] - at[0]) / max(seconds[-1] - seconds[0], 1e-9)
    late = offset > seconds[-1]  # held beyond the last frame
    kept[late, OFFSET] = at[-1] + (offset[late] - seconds[-1]) * pace
    return kept, fingering[inside]


def _listen_again(keep: Keep, params: dict[str, Any], first_second: float) -> Iterator[float]:
    """Give `params` the sound of the kept frames. Raises UserError when it is gone, too."""
    if keep.sound is not None:
        for _ in write_packed(keep.sound):
            yield 1.0
        params.update(keep.sound.params())
        return
    stored = keep.marks.sound
    path = stored.get("sound") or stored.get("midi")
    unmoved = abs(first_second) < 1e-3 and keep.frames == keep.marks.frames
    if isinstance(path, str) and unmoved and Path(path).is_file():
        names = ("sound", "midi", "sound_start_s", "sound_end_s", "midi_pieces")
        params.update({name: stored[name] for name in names if name in stored})
        return
    raise UserError(
        "take_missing",
        "The notes of this take and its recording are both gone; add the recording again, or press Generate.",
    )


def _notes(
    keep: Keep,
) -> Generator[float, None, tuple[NDArray[np.float32], NDArray[np.int8], dict[str, Any]]]:
    """Notes (n, 4), fingering (n, 2) and meta: the action's notes, else those of the take's file, else none."""
    action = by_uid(bpy.data.actions, keep.action_uid)
    stored = clock.read_notes(action) if action is not None else None
    notes, fingering = np.zeros((0, 4), np.float32), np.zeros((0, 2), np.int8)
    meta: dict[str, Any] = {}
    try:
        for take in load_take(Path(keep.marks.take)):
            if take is not None:
                notes, fingering, meta = take.notes, take.fingering, take.meta
            yield 1.0
    except UserError:
        meta = {}  # the file is gone or spoiled: without stored notes the recording is listened to again
    if stored is not None:
        notes, fingering = stored
    if keep.marks.player is not None:
        meta = {**meta, "habits": keep.marks.player}
    return notes, fingering, meta
