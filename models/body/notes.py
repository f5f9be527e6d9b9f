# SPDX-License-Identifier: GPL-3.0-or-later
"""The notes of a piece by the names of their columns; only files and shards hold them as tables."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

UNKNOWN = -1
"""Hand or finger."""


@dataclass(frozen=True, eq=False)
class Notes:
    """n notes, usually sorted by onset; the columns (n,) are as long as each other."""

    onset_s: NDArray[np.floating[Any]]
    """When the key goes down, seconds."""
    offset_s: NDArray[np.floating[Any]]
    """When the key comes up, seconds."""
    pitch: NDArray[np.floating[Any]]
    """MIDI number, a whole one."""
    velocity: NDArray[np.floating[Any]]
    """0 to 127."""
    hand: NDArray[np.int8]
    """0 left, 1 right, -1 unknown."""
    finger: NDArray[np.int8]
    """0 thumb to 4 little finger, -1 unknown or played by nobody."""
    release_s: NDArray[np.float64] | None = None
    """When the finger has to leave the key, seconds: the offset, or earlier where the hand is needed elsewhere. None
    before it is planned."""

    needed_s: NDArray[np.float64] | None = None
    """Until when a finger has to hold the key, seconds: the offset, or earlier where the sustain pedal holds the note
    from then on. None where there is no pedal."""

    def __post_init__(self) -> None:
        count = len(self.onset_s)
        for name, column in self._columns().items():
            if column.shape != (count,):
                raise ValueError(f"{name} {column.shape} does not fit {count} notes")

    @classmethod
    def from_arrays(
        cls,
        table: ArrayLike,
        fingering: NDArray[np.integer[Any]] | None = None,
        *,
        hand: NDArray[np.integer[Any]] | int | None = None,
    ) -> Notes:
        """Notes from what files, shards and networks hold.

        Args:
            table: (n, 4) onset s, offset s, MIDI pitch, velocity; the columns keep its type of floating-point number.
            fingering: (n, 2) hand and finger; None: unknown.
            hand: (n,) or one for all, in the place of ``fingering`` where fingers are not known.

        Raises:
            ValueError: shapes that do not fit each other.
        """
        table = np.asarray(table)
        if table.dtype.kind != "f":
            table = table.astype(np.float64)
        if table.ndim != 2 or table.shape[1] != 4:
            raise ValueError(f"notes {table.shape} are not (n, 4)")
        if fingering is not None and hand is not None:
            raise ValueError("fingering says which hands play; hand is for notes without it")
        count = len(table)
        if fingering is None:
            hands = np.broadcast_to(np.int8(UNKNOWN) if hand is None else hand, (count,))
            fingering = np.stack([hands, np.full(count, UNKNOWN)], 1)
        if fingering.shape != (count, 2):
            raise ValueError(f"fingering {fingering.shape} does not fit {count} notes")
        onset_s, offset_s, pitch, velocity = (np.ascontiguousarray(column) for column in table.T)
        hands, fingers = (np.ascontiguousarray(column, np.int8) for column in fingering.T)
        return cls(onset_s, offset_s, pitch, velocity, hands, fingers)

    @classmethod
    def none(cls) -> Notes:
        """No notes, in single precision."""
        return cls.from_arrays(np.zeros((0, 4), np.float32))

    def __len__(self) -> int:
        return len(self.onset_s)

    @property
    def table(self) -> NDArray[np.floating[Any]]:
        """(n, 4) onset s, offset s, MIDI pitch, velocity, for files and networks."""
        return np.stack([self.onset_s, self.offset_s, self.pitch, self.velocity], 1)

    @property
    def fingering(self) -> NDArray[np.int8]:
        """(n, 2) hand and finger, for files."""
        return np.stack([self.hand, self.finger], 1)

    @property
    def slot(self) -> NDArray[np.int64]:
        """(n,) hand * 5 + finger; of use where both are known."""
        return self.hand.astype(np.int64) * 5 + self.finger

    @property
    def leaves_s(self) -> NDArray[np.floating[Any]]:
        """(n,) second at which a finger leaves the key: as planned, or else the offset."""
        return self.offset_s if self.release_s is None else self.release_s

    @property
    def played(self) -> NDArray[np.bool_]:
        """(n,) whether a finger plays the note."""
        return self.finger >= 0

    def select(self, index: NDArray[Any] | slice) -> Notes:
        """The notes at indices, in their order, or where a mask is true."""
        return replace(self, **{name: column[index] for name, column in self._columns().items()})

    def astype(self, dtype: DTypeLike) -> Notes:
        """The same notes with times, pitch and velocity as numbers of another type."""
        return replace(
            self,
            onset_s=self.onset_s.astype(dtype),
            offset_s=self.offset_s.astype(dtype),
            pitch=self.pitch.astype(dtype),
            velocity=self.velocity.astype(dtype),
        )

    def shifted(self, seconds: float | np.floating[Any]) -> Notes:
        """The same notes, all times so much later, in the numbers' own type."""
        times = {
            name: (column + seconds).astype(column.dtype)
            for name, column in self._columns().items()
            if name.endswith("_s")
        }
        return replace(self, **times)

    def with_hands(self, hand: NDArray[np.integer[Any]] | int) -> Notes:
        """The same notes in these hands (n,), fingers unknown."""
        hands = np.array(np.broadcast_to(hand, (len(self),)), np.int8)
        return replace(self, hand=hands, finger=np.full(len(self), UNKNOWN, np.int8), release_s=None)

    def same_strokes(self, other: Notes) -> bool:
        """Whether both are the same keys at the same times, whoever plays them."""
        return np.array_equal(self.table, other.table)

    def _columns(self) -> dict[str, NDArray[Any]]:
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: column for name, column in columns.items() if column is not None}
