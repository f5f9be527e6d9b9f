# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of a MIDI file, placed in time, as a strip that was cut and moved plays them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from models.body.notes import Notes
from models.checks import bad_value, checked_number, setting_name
from models.errors import UserError
from models.music.notes import note_order, trim_notes
from models.music.pedal import Pedal
from models.music.sound_piece import MOST_S

NAMES = ("start_s", "end_s", "at_s")


@dataclass(frozen=True, kw_only=True)
class MidiPiece:
    """Some seconds of a MIDI file, played at a second of the take."""

    start_s: float
    end_s: float | None
    """None for the end of the file."""
    at_s: float
    """Where in the take the part begins."""

    @classmethod
    def of(cls, name: str, value: Any) -> MidiPiece:
        """From a loose object; raises `UserError` that names the field that does not fit, `midi_pieces[2].at_s`."""
        if isinstance(value, MidiPiece):
            value = {key: getattr(value, key) for key in NAMES}
        if not isinstance(value, Mapping):
            raise bad_value(name, value, f"an object with {', '.join(NAMES)}")
        for key in value:
            if key not in NAMES:
                raise UserError(
                    "bad_params",
                    f"The setting {setting_name(name, key)} is not known; known are {', '.join(NAMES)}.",
                )
        start_s, at_s = (
            checked_number(f"{name}.{key}", value.get(key), 0, MOST_S, " seconds")
            for key in ("start_s", "at_s")
        )
        end_s = value.get("end_s")
        if end_s is not None:
            end_s = checked_number(f"{name}.end_s", end_s, 0, MOST_S, " seconds")
            if end_s <= start_s:
                raise bad_value(f"{name}.end_s", end_s, f"later than its start_s, {start_s:g}")
        return cls(start_s=start_s, end_s=end_s, at_s=at_s)

    @property
    def until_s(self) -> float:
        """Where in the take the part ends; infinite where it goes on to the end of the file."""
        return math.inf if self.end_s is None else self.at_s + (self.end_s - self.start_s)


def in_pieces(notes: Notes, pedal: Pedal, pieces: Sequence[MidiPiece]) -> tuple[Notes, Pedal]:
    """The notes and the pedal of a file in the time of its pieces; notes are cut where a piece begins or ends."""
    tables, hands = [], []
    times, depths = [], []
    for piece in sorted(pieces, key=lambda piece: piece.at_s):
        end_s = math.inf if piece.end_s is None else piece.end_s
        part = trim_notes(notes, piece.start_s, end_s)
        part = replace(part, onset_s=part.onset_s + piece.at_s, offset_s=part.offset_s + piece.at_s)
        tables.append(part.table)
        hands.append(part.hand)
        foot = pedal.part(piece.start_s, end_s)
        times += [foot.time_s + piece.at_s]
        depths += [foot.depth]
        if math.isfinite(piece.until_s):  # the next piece begins with its own foot
            times.append(np.array([piece.until_s]))
            depths.append(np.zeros(1, np.float32))
    found = Notes.from_arrays(np.concatenate(tables), hand=np.concatenate(hands)).astype(np.float32)
    time_s = np.concatenate(times)
    order = np.argsort(time_s, kind="stable")
    return found.select(note_order(found)), Pedal(time_s[order], np.concatenate(depths)[order])
