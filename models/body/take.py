# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion and take files (docs/formats.md): plain ``.npz`` arrays, never pickle."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.arms import Arms, natural_arms_of, resample_arms, sway_of_style
from models.body.hand_file import BadHand, hands_of
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import STANDARD_HANDS, HandGeometry
from models.body.take_arrays import DAMAGED, FORMATS, OtherFormat, Spoiled, read_arrays
from models.errors import UserError, quoted
from models.whole_file import write_bytes_whole

FORMAT_VERSION = FORMATS[-1]


@dataclass(frozen=True)
class Take:
    """One generated performance."""

    motion: Motion
    notes: Notes
    """What it plays and with which fingers, sorted by onset."""
    meta: dict[str, Any] = field(default_factory=dict)
    """Format version, seed, preset, hashes, sampler, steps, style, software version; hands that are not the standard
    ones (`models.body.hand_file`)."""
    pedal: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    """(m, 2) second from which on the sustain pedal is so far down, 0 to 1; sorted by time."""
    keys: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 3), np.float32))
    """(k, 3) knots of each piano key's depth curve: pitch, second, depth 0 (up) to 1 (all the way down); sorted by
    pitch, then second; straight between knots. Without any, the keys go by the notes."""
    given_arms: Arms | None = None
    """None for natural arms."""

    @cached_property
    def geometry(self) -> HandGeometry:
        """The hands that it was made for, at `hand_size` 1: those that `meta` describes, else the standard ones."""
        described = self.meta.get("hand_geometry")
        return STANDARD_HANDS if described is None else hands_of(described)

    @cached_property
    def arms(self) -> Arms:
        """The given arms, else natural ones of the hand size and the style in `meta`."""
        size = self.meta.get("hand_size")
        return self.arms_on(
            self.motion, 1.0 if size is None else float(size), sway_of_style(self.meta.get("style"))
        )

    def arms_on(self, motion: Motion, hand_size: float, sway: float) -> Arms:
        """The given arms at the rate and length of `motion`, which is this take's brought there; else natural ones."""
        if self.given_arms is None:
            return natural_arms_of(motion, hand_size, sway)
        return resample_arms(self.given_arms, self.motion.fps, motion, hand_size)

    def save(self, path: str | Path) -> None:
        """Write the take; the file appears whole or not at all."""
        meta = {**self.meta, "format": FORMAT_VERSION}
        archive = (
            io.BytesIO()
        )  # an archive that is broken off on a full disk complains a second time when it goes
        np.savez_compressed(
            archive,
            fps=np.float64(self.motion.fps),
            euler=self.motion.euler.astype(np.float32),
            wrist=self.motion.wrist.astype(np.float32),
            notes=self.notes.table.astype(np.float32),
            fingering=self.notes.fingering,
            release=self.notes.leaves_s.astype(np.float32),
            pedal=self.pedal.astype(np.float32),
            keys=self.keys.astype(np.float32),
            elbow=self.arms.elbow.astype(np.float32),
            shoulder=self.arms.shoulder.astype(np.float32),
            meta=np.array(json.dumps(meta)),
        )
        write_bytes_whole(Path(path), archive.getbuffer())

    @classmethod
    def load(cls, path: str | Path) -> Take:
        """Read a take.

        Raises:
            UserError: when the file is missing, is not a take or its arrays do not fit each other.
        """
        path = Path(path)
        try:
            *_, found = read_arrays(path)
        except FileNotFoundError as error:
            sentence = f"The take file {quoted(path)} does not exist any more; generate it again."
            raise UserError("take_missing", sentence, str(path)) from error
        except OtherFormat as error:
            sentence = f"The take {quoted(path)} was written by another version of S2C Piano Hands; generate it again."
            raise UserError("take_version", sentence, str(error)) from error
        except DAMAGED as error:
            why = str(error) if isinstance(error, Spoiled) else "it is damaged or no take at all"
            sentence = f"The file {quoted(path)} is not a readable take, because {why}; generate it again."
            raise UserError("take_corrupt", sentence, repr(error)) from error
        assert found is not None  # the last step
        notes = Notes.from_arrays(found.notes, found.fingering)
        notes = replace(notes, release_s=found.release.astype(np.float64))
        arms = None
        if found.elbow is not None and found.shoulder is not None:
            arms = Arms(found.elbow, found.shoulder)
        motion = Motion(found.euler, found.wrist, found.fps)
        take = cls(motion, notes, found.meta, found.pedal, found.keys, arms)
        take._check_hands(path)
        return take

    def _check_hands(self, path: Path) -> None:
        try:
            _ = self.geometry
        except BadHand as error:
            sentence = (
                f"The take {quoted(path)} describes hands that cannot be, because {error}; generate it again."
            )
            raise UserError("take_corrupt", sentence, repr(error)) from error
