# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes are read by the names of their columns: what the names hold, and that no source counts columns instead."""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.body import take_arrays
from models.body.notes import Notes
from models.planning.fingering import finger_notes

ROOT = Path(__file__).parents[2]
ROOMS = ("models", "training", "s2c_blender", "demo", "benchmarks")
TABLE = np.array([[0.1, 0.5, 60, 80], [0.2, 0.3, 64, 70], [0.9, 1.5, 21, 1]], np.float32)
FINGERING = np.array([[1, 0], [0, 4], [-1, -1]], np.int8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_are_the_tables_in_their_own_numbers(dtype: type) -> None:
    notes = Notes.from_arrays(TABLE.astype(dtype), FINGERING)
    assert notes.table.dtype == dtype and notes.fingering.dtype == np.int8 and len(notes) == 3
    np.testing.assert_array_equal(notes.table, TABLE)
    np.testing.assert_array_equal(notes.fingering, FINGERING)
    assert notes.offset_s.tolist() == TABLE.astype(dtype)[:, take_arrays.OFFSET].tolist()
    assert notes.pitch.tolist() == [60, 64, 21] and notes.velocity.tolist() == [80, 70, 1]
    assert notes.hand.tolist() == [1, 0, -1] and notes.finger.tolist() == [0, 4, -1]
    assert notes.played.tolist() == [True, True, False] and notes.slot[:2].tolist() == [5, 4]


def test_columns_are_no_views_of_the_table() -> None:
    table = TABLE.copy()
    notes = Notes.from_arrays(table, hand=0)
    table[:] = 0
    assert notes.same_strokes(Notes.from_arrays(TABLE))
    assert (notes.hand == 0).all() and (notes.finger == -1).all()


def test_parts_keep_every_column() -> None:
    notes = finger_notes(Notes.from_arrays(TABLE, hand=1))
    assert notes.release_s is not None
    part = notes.select(np.array([2, 0]))
    np.testing.assert_array_equal(part.table, TABLE[[2, 0]])
    np.testing.assert_array_equal(part.fingering, notes.fingering[[2, 0]])
    np.testing.assert_array_equal(part.release_s, notes.release_s[[2, 0]])
    later = part.shifted(2.0)
    assert later.onset_s.dtype == np.float32 and later.onset_s.tolist() == pytest.approx([2.9, 2.1])
    assert later.release_s is not None and later.release_s.tolist() == pytest.approx([3.5, 2.5])
    assert later.pitch.tolist() == [21, 60] and not later.same_strokes(part)
    assert part.with_hands(0).release_s is None and part.with_hands(0).same_strokes(part)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n, 4\)"):
        Notes.from_arrays(TABLE.T)
    with pytest.raises(ValueError, match="does not fit 3 notes"):
        Notes.from_arrays(TABLE, FINGERING[:2])
    with pytest.raises(ValueError, match="which hands play"):
        Notes.from_arrays(TABLE, FINGERING, hand=1)
    notes = Notes.from_arrays(TABLE)
    with pytest.raises(ValueError, match=r"velocity \(2,\) does not fit 3 notes"):
        Notes(notes.onset_s, notes.offset_s, notes.pitch, notes.velocity[:2], notes.hand, notes.finger)


def counted_columns(source: str) -> Iterator[int]:
    """Lines where a column of notes or of a fingering is indexed by its number."""
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple)):
            continue
        name = getattr(node.value, "id", None) or getattr(node.value, "attr", "")
        is_table = isinstance(node.value, ast.Attribute) and name == "table"
        column = node.slice.elts[-1]
        parts = (column.lower, column.upper) if isinstance(column, ast.Slice) else (column,)
        if (is_table or "note" in name or "fingering" in name) and any(
            isinstance(part, ast.Constant) and isinstance(part.value, int) for part in parts
        ):
            yield node.lineno


@pytest.mark.parametrize(
    "line",
    [
        "notes[:, 0]",
        "take.notes[played, 1]",
        "found.fingering[:, 1] >= 0",
        "notes[:, :2] += 1",
        "x.table[0, 2]",
    ],
)
def test_a_column_by_its_number_is_found(line: str) -> None:
    assert list(counted_columns(line)) == [1]


def test_no_source_counts_the_columns_of_notes() -> None:
    """Files, shards and Blender hold tables; they are read by the names in `take_arrays`, or turned into `Notes`."""
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    assert len(paths) > 250
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in paths
        for line in counted_columns(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"{found}: name the column, by `Notes` or the names in `take_arrays`"
