# SPDX-License-Identifier: GPL-3.0-or-later
"""Results appear whole or not at all, destroy no input, and touch nothing but their own name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from models.errors import UserError
from models.whole_file import check_output, whole_file


def test_a_result_appears_whole_with_the_permissions_of_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "take.npz"
    path.write_text("old")
    path.chmod(0o640)
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_file_may_be_read_by_whom_the_user_lets_read(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        with whole_file(tmp_path / "take.npz") as part:
            part.write_text("new")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "take.npz").stat().st_mode) == 0o644


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "take.npz"
    path.write_text("old")
    with pytest.raises(RuntimeError), whole_file(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_part_of_the_users_own_is_neither_followed_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "take.npz.part").symlink_to(tmp_path / "thesis.txt")
    with whole_file(tmp_path / "take.npz") as part:
        part.write_text("new")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    assert (tmp_path / "take.npz.part").is_symlink() and (tmp_path / "take.npz").read_text() == "new"


@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "device"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "take.npz"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = Path("/dev/null")
    for attempt in (check_output, lambda target: whole_file(target).__enter__()):
        with pytest.raises(UserError, match="choose a file name"):
            attempt(path)


@pytest.mark.parametrize("as_link", [False, True])
def test_the_input_is_never_the_output(tmp_path: Path, as_link: bool) -> None:
    song = tmp_path / "song.mid"
    song.write_text("notes")
    given = song
    if as_link:
        given = tmp_path / "link.mid"
        given.symlink_to(song)
    with pytest.raises(UserError, match="take the place of"):
        check_output(song, None, given)
    check_output(tmp_path / "take.npz", given)
    assert song.read_text() == "notes"
