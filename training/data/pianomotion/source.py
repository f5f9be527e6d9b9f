# SPDX-License-Identifier: GPL-3.0-or-later
"""Random windows of PianoMotion10M, read from disk as they are needed.

Every clip is equally likely, then every start in it. What is chosen depends on the given generator alone: a damaged
clip is replaced by the next one of the list, wherever and whenever it is met.

Two ways to cut (`legacy`):

- ours: the clip is brought to the model's frame rate first (`resample_rows`), starts lie on its frames, the sound
  starts at the same instant.
- as released: begin = uniform in 0 .. min(frames, whole seconds of sound x fps) - window, in the clip's own frames;
  sound from ceil(samples x begin / frames) on; all columns stretched linearly to the window. (S2C's test takes the
  first 8 s of each clip: `window(index, 0.0)`.)
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from models.body.mano import MEAN_POSE, euler_from_mano, piano_from_camera
from models.body.notes import Notes
from models.body.rotations import unwrap
from models.checks import check_choice, check_range
from models.config import REPRESENTATIONS, ModelConfig
from models.errors import UserError, quoted
from models.music.notes import note_rolls
from training.data.pianomotion.camera import fit_view, view_of
from training.data.pianomotion.clip import (
    AUDIO_RATE,
    POSE,
    POSITION,
    VALID,
    BadClip,
    read_clip,
    read_notes,
    read_sound,
)
from training.data.pianomotion.features import FeatureCache
from training.data.pianomotion.layout import ClipFiles, clip_seconds, clips, is_pianomotion
from training.data.pianomotion.rates import interpolate_columns, resample_rows
from training.data.shards import EVERY, Batch

_REPORT_CLIPS = 100
_log = logging.getLogger(__name__)


class Decoded(NamedTuple):
    """A clip in memory."""

    rows: NDArray[np.float32]
    """(F, 2, 62) at the model's rate (`legacy`: at its own)."""
    fps: float
    euler: NDArray[np.float32]
    """(F, 2, 48) in the representation."""
    wrist: NDArray[np.float32]
    """(F, 2, 3)"""
    audio: NDArray[np.float32]
    notes: Notes
    features: NDArray[np.float16] | None
    """(2, F, C)"""

    @property
    def bytes(self) -> int:
        """Memory that the arrays take."""
        arrays = (self.rows, self.euler, self.wrist, self.audio, self.notes.table, self.features)
        return sum(array.nbytes for array in arrays if array is not None)


@dataclass
class PianoMotionSource:
    """`WindowSource` over clips."""

    clips: Sequence[ClipFiles]
    frames: int
    """Frames of a window."""
    fps: float = 30.0
    representation: str = "mano"
    adjust: bool = True
    """Add each video's `adjust` to its positions."""
    legacy: bool = False
    """Cut and interpolate as the released code does."""
    notes: bool = False
    """Read the notes, too: `sounds` of the batches, all of unknown hand. Euler windows read them for the camera."""
    audio: bool = True
    style_dim: int = 0
    mean_pose: tuple[float, ...] = MEAN_POSE
    features: FeatureCache | None = None
    cache_bytes: int = 512 << 20
    """Decoded clips kept in memory; one is kept at least."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Clips that could not be used, and why; each is named in the log once."""
    _cache: OrderedDict[int, Decoded] = field(default_factory=OrderedDict, repr=False)

    def __post_init__(self) -> None:
        check_choice("representation", self.representation, REPRESENTATIONS)
        if self.legacy and self.features is not None:
            raise ValueError("cached features have the model's frame rate; the released cut has not")
        if not self.clips:
            raise UserError("no_clips", "The data set has no clip of this split and these uploaders.")

    @property
    def hours(self) -> float:
        """Hours of the listed clips, by the heads of their files."""
        return sum(clip_seconds(files) for files in self.clips) / 3600

    def batch(self, rng: np.random.Generator, size: int, rows: slice = EVERY) -> Batch:
        """`size` random windows, of which `rows` are read."""
        picks = rng.integers(len(self.clips), size=size)
        places = rng.random(size)
        chosen = list(zip(picks.tolist(), places.tolist()))[rows]
        return stack_windows([self.window(pick, place) for pick, place in chosen])

    def window(self, index: int, place: float) -> Batch:
        """One window (a batch of one) of clip `index`; place 0 .. 1 says where: 0 is the clip's first frames."""
        check_range("place", place, 0, 1)
        for offset in range(len(self.clips)):
            at = (index + offset) % len(self.clips)
            name = str(self.clips[at])
            if name in self.skipped:
                continue
            try:
                clip = self._decoded(at)
                return self._cut_as_released(clip, place) if self.legacy else self._cut(clip, place)
            except BadClip as error:
                self.skipped[name] = str(error)
                _log.warning("%s is left out: %s", name, error)
        raise UserError(
            "no_usable_clips", "None of the data set's clips can be used; run check-dataset on it."
        )

    def fill_features(self, cache: FeatureCache, report: Callable[[str], None]) -> None:
        """Let `cache` hear every usable clip once; from then on windows bring its features instead of sound."""
        self.features = cache
        for index, files in enumerate(self.clips):
            if str(files) not in self.skipped:
                try:
                    self._read(files)
                except BadClip as error:
                    self.skipped[str(files)] = str(error)
                    _log.warning("%s is left out: %s", files, error)
            if (index + 1) % _REPORT_CLIPS == 0 or index + 1 == len(self.clips):
                report(f"features of {index + 1} of {len(self.clips)} clips")
        self.use_features(cache)

    def use_features(self, cache: FeatureCache) -> None:
        """Windows bring the features that a full cache holds instead of sound."""
        self.features, self.audio = cache.reader(), False
        self._cache.clear()

    def _decoded(self, index: int) -> Decoded:
        if index in self._cache:
            self._cache.move_to_end(index)
            return self._cache[index]
        clip = self._read(self.clips[index])
        self._cache[index] = clip
        held = sum(other.bytes for other in self._cache.values())
        while held > self.cache_bytes and len(self._cache) > 1:
            held -= self._cache.popitem(last=False)[1].bytes
        return clip

    def _read(self, files: ClipFiles) -> Decoded:
        clip = read_clip(files)
        if self.adjust:
            clip = clip.adjusted()
        audio, digest = np.zeros(0, np.float32), ""
        if self.audio or self.features is not None:
            audio, digest = read_sound(files, clip.seconds)
        notes = Notes.none()
        view = view_of(clip.extra)
        if self.notes or (self.representation == "euler" and view is None and files.midi.is_file()):
            notes = read_notes(files, clip.start_frame / clip.fps, clip.seconds)
        pose, wrist = clip.pose, clip.position
        rows, fps = clip.rows, clip.fps
        if not self.legacy:
            rows, fps = resample_rows(rows, fps, self.fps), self.fps
        pose, wrist = rows[..., POSE], rows[..., POSITION]
        if self.representation == "euler":
            if view is None:
                view = fit_view(wrist, rows[..., VALID] == 1, notes, fps)
            elif self.adjust:
                _refuse_adjust(clip.extra)
            euler = unwrap(euler_from_mano(torch.from_numpy(pose.astype(np.float64)), self.mean_pose), 0)
            pose = euler.flatten(-2).numpy().astype(np.float32)
            wrist = piano_from_camera(wrist.astype(np.float64), view).astype(np.float32)
        features = None
        if self.features is not None:
            try:
                features = self.features.get(audio, digest, len(rows))
            except LookupError as error:
                raise UserError(
                    "features_missing", "The cache of sound features is not complete; fill it.", str(error)
                ) from error
        return Decoded(rows, fps, pose, wrist, audio, notes, features)

    def _cut(self, clip: Decoded, place: float) -> Batch:
        room = len(clip.rows) - self.frames
        if room < 0:
            raise BadClip(f"it has {len(clip.rows)} frames; a window has {self.frames}")
        begin = min(int(place * (room + 1)), room)
        span = slice(begin, begin + self.frames)
        parts = (clip.rows[span, :, VALID] == 1, clip.euler[span], clip.wrist[span])
        first = round(begin / self.fps * AUDIO_RATE)
        features = None if clip.features is None else clip.features[:, span]
        return self._batch(*parts, clip, begin / self.fps, first, features)

    def _cut_as_released(self, clip: Decoded, place: float) -> Batch:
        own = round(self.frames / self.fps * clip.fps)
        sound_s = len(clip.audio) / AUDIO_RATE if self.audio else len(clip.rows) / clip.fps
        room = min(len(clip.rows), math.floor(sound_s * clip.fps)) - own
        if room < 0:
            raise BadClip(f"it has {len(clip.rows)} frames; a window has {own}")
        begin = min(int(place * (room + 1)), room)
        columns = np.concatenate([clip.rows[..., :1], clip.wrist, clip.euler], -1)[begin : begin + own]
        columns = interpolate_columns(columns, self.frames)
        first = math.ceil(len(clip.audio) * begin / len(clip.rows))
        parts = (columns[..., VALID] == 1, columns[..., POSE], columns[..., POSITION])
        return self._batch(*parts, clip, begin / clip.fps, first, None)

    def _batch(
        self,
        valid: NDArray[np.bool_],
        euler: NDArray[np.float32],
        wrist: NDArray[np.float32],
        clip: Decoded,
        start_s: float,
        first: int,
        features: NDArray[np.float16] | None,
    ) -> Batch:
        """One window from arrays (T, 2, ...); `first` is its first sample."""

        def tensor(array: NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(array))[None]

        samples = round(self.frames / self.fps * AUDIO_RATE)
        sounds = None
        if self.notes:
            roll = note_rolls(clip.notes.shifted(-np.float32(start_s)), self.fps, 0, self.frames)
            sounds = tensor(np.stack([roll, np.zeros_like(roll), np.zeros_like(roll)]))
        audio = None
        if self.audio:
            piece = clip.audio[first : first + samples]
            audio = tensor(np.pad(piece, (0, samples - len(piece))))
        return Batch(
            euler=tensor(euler.swapaxes(0, 1).astype(np.float32)),
            wrist=tensor(wrist.swapaxes(0, 1).astype(np.float32)),
            valid=tensor(valid.T),
            style=torch.zeros(1, 2, self.style_dim),
            sounds=sounds,
            audio=audio,
            features=None if features is None else tensor(features.astype(np.float32)),
        )


def _refuse_adjust(extra: dict[str, Any]) -> None:
    """A camera written beside the motion is that of positions without `adjust`."""
    if any(extra.get("adjust", (0, 0, 0))):
        raise BadClip("it has both a camera and an adjust; read it without adjust")


def stack_windows(windows: Sequence[Batch]) -> Batch:
    """Batches of one, one after another."""
    parts: dict[str, Any] = {}
    for name in ("euler", "wrist", "valid", "style", "sounds", "plan", "audio", "features"):
        values = [getattr(window, name) for window in windows]
        parts[name] = None if values[0] is None else torch.cat(values)
    return Batch(**parts)


def open_source(
    folder: Path,
    split: str,
    config: ModelConfig,
    *,
    uploaders: Sequence[str] = (),
    legacy: bool = False,
    features: FeatureCache | None = None,
    cache_bytes: int = 512 << 20,
) -> PianoMotionSource:
    """The windows that a model of `config` learns from; split: train, valid (or validation) or test.

    Raises:
        UserError: the folder is no PianoMotion10M or has no clip of the split and the uploaders.
    """
    if not is_pianomotion(folder):
        sentence = f"{quoted(folder)} is no PianoMotion10M: it has no folders annotation and audio."
        raise UserError("not_pianomotion", sentence, str(folder))
    listed = clips(folder, "valid" if split == "validation" else split, uploaders)
    if config.encoder.finger_plan:
        sentence = "This model learns from fingering, which PianoMotion10M lacks; use a preset that listens to sound."
        raise UserError("no_fingering", sentence, f"encoder {config.encoder.kind}")
    return PianoMotionSource(
        clips=listed,
        frames=config.window_frames,
        fps=config.fps,
        representation=config.representation,
        legacy=legacy,
        notes=config.encoder.kind == "notes",
        audio=config.encoder.kind != "notes",
        style_dim=config.style_dim,
        features=features,
        cache_bytes=cache_bytes,
    )
