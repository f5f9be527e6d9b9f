# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments, excerpts, the sheet's layout and files; pictures themselves only where Blender can draw."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip(
    "torch"
)  # the environment of Blender 5.2 has none; the excerpts read the synthesiser's scores

from demo.looks import moments, pieces, sheet
from models.body.notes import Notes
from models.music.midi import write_midi

CHORDS = Notes.from_arrays(
    [
        [0.50, 1.0, 60, 70],
        [0.51, 1.0, 64, 70],
        [0.52, 1.0, 67, 70],
        [1.50, 2.0, 60, 70],
        [2.00, 2.2, 60, 70],
        [2.50, 3.5, 84, 70],
        [3.00, 3.5, 85, 70],
    ]
)


def test_strokes_are_notes_that_begin_together() -> None:
    assert [list(group) for group in moments.strokes(CHORDS.onset_s)] == [[0, 1, 2], [3], [4], [5], [6]]
    assert moments.strokes(np.zeros(0)) == []


def test_moments_show_the_chord_and_the_jump_and_what_lies_between() -> None:
    chosen = moments.choose(CHORDS, 30.0, 120, 2)
    assert [moment.onset for moment in chosen] == [True, False, True, False]
    assert chosen[0].sounding == (60, 64, 67) and chosen[0].frame == 17  # 20 ms after the chord's last note
    assert chosen[1].frame == 31 and chosen[1].sounding == ()  # halfway from 0.52 s to 1.5 s
    assert chosen[2].sounding == (84,)  # two octaves from the note before
    assert chosen[3].caption(30.0) == "2.77 s  between  C6"
    assert chosen[1].caption(30.0).endswith("between  rest")


def test_moments_stay_inside_the_take_and_appear_once() -> None:
    chosen = moments.choose(CHORDS, 30.0, 80, 5)
    frames = [moment.frame for moment in chosen]
    assert max(frames) == 79 and len(set(frames)) == len(frames)
    assert frames == sorted(frames)
    assert moments.choose(Notes.none(), 30.0, 80, 2) == []
    with pytest.raises(ValueError, match="pairs"):
        moments.choose(CHORDS, 30.0, 80, 0)


def test_scale_is_two_octaves_up_and_down_in_both_hands() -> None:
    score = pieces.scale()
    left, right = (score.notes.pitch[score.notes.hand == hand] for hand in (0, 1))
    assert right[0] == right[-1] == 60 and right.max() == 84 and len(right) == 29
    assert (left == right - 12).all()
    assert (np.diff(score.notes.onset_s) >= 0).all()


def test_an_excerpt_begins_at_nought_and_is_never_of_a_training_piece(tmp_path: Path) -> None:
    table = [[0.25 * k, 0.25 * k + 0.2, 60 + 12 * (k % 2) + k % 5, 70] for k in range(80)]
    notes = Notes.from_arrays(table, hand=np.arange(80) % 2)
    for composer in ("brahms_johannes", "abt_franz"):
        folder = tmp_path / "lieder" / composer
        folder.mkdir(parents=True)
        write_midi(folder / "tune.mid", notes)
    held_out = pieces.Excerpt("x", "x", "brahms_johannes~tune", 5.0, 4.0)
    score = pieces.load(held_out, tmp_path)
    assert score.notes.onset_s[0] == 0 and len(score.notes) == 16
    with pytest.raises(ValueError, match="trained on"):
        pieces.load(pieces.Excerpt("x", "x", "abt_franz~tune"), tmp_path)
    with pytest.raises(FileNotFoundError, match="holds 0 pieces"):
        pieces.load(pieces.Excerpt("x", "x", "nobody"), tmp_path)
    with pytest.raises(ValueError, match="no excerpt"):
        pieces.Excerpt("x", "x", "y", -1.0)


def cell(value: float, height: int = 20) -> sheet.Cell:
    return sheet.Cell(np.full((height, 60, 3), value, np.float32), "1.00 s  onset  C4")


def test_sheet_puts_every_picture_in_its_cell_and_leaves_short_rows_empty() -> None:
    pixels, words = sheet.compose([sheet.Row("one", [cell(0.2), cell(0.4)]), sheet.Row("two", [cell(0.6)])])
    row = sheet.HEAD + 20 + sheet.FOOT
    assert pixels.shape == (2 * row, 2 * (60 + sheet.GAP) + sheet.GAP, 3)
    first, second = sheet.GAP + 30, sheet.GAP + 60 + sheet.GAP + 30
    middle = sheet.HEAD + 10
    assert np.allclose(pixels[[middle, middle, row + middle], [first, second, first], 0], [0.2, 0.4, 0.6])
    assert np.allclose(pixels[row + middle, second], sheet.BACKGROUND)
    assert [text for *_, text in words].count("1.00 s  onset  C4") == 3
    with pytest.raises(ValueError, match="one size"):
        sheet.compose([sheet.Row("bad", [cell(0.1), cell(0.1, 30)])])


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_written_sheet_has_its_pictures_the_right_way_up_and_its_words(tmp_path: Path, suffix: str) -> None:
    dark_above = cell(0.3)
    dark_above.pixels[10:] = 0.8
    path = tmp_path / f"sheet.{suffix}"
    sheet.write_sheet([sheet.Row("a title", [dark_above])], path)
    back = sheet.read_pixels(path)
    assert abs(back[sheet.HEAD + 3, 30].mean() - 0.3) < 0.02
    assert abs(back[sheet.HEAD + 17, 30].mean() - 0.8) < 0.02
    assert back[: sheet.HEAD - 2].max() > 0.7  # light letters of the title on the dark ground
    assert back[sheet.HEAD + 22 :].max() > 0.7


def test_sheet_refuses_other_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a \.jpg or a \.png"):
        sheet.write_sheet([sheet.Row("a", [cell(0.1)])], tmp_path / "sheet.webp")
