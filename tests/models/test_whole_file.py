# SPDX-License-Identifier: GPL-3.0-or-later
"""Results appear whole or not at all, destroy no input, and touch nothing but their own name."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from real_limits import no_file_larger_than, protected_folder
from safetensors.torch import save_file

from models.app.error_messages import error_for_user
from models.errors import UserError
from models.whole_file import append_line, check_output, whole_file, whole_folder, write_text_whole


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
    with pytest.raises(RuntimeError), whole_file(path) as part:  # noqa: PT012  half of it, then an error
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


def test_a_protected_file_stays(tmp_path: Path) -> None:
    with protected_folder() as folder:
        with pytest.raises(OSError) as caught, whole_file(folder / "take.npz"):
            pass
        assert error_for_user(caught.value).code == "not_writable"
        assert (
            f'"{folder.name}"' in error_for_user(caught.value).message
        )  # the folder, and not a name that nobody chose
        with pytest.raises(OSError):
            check_output(folder / "take.npz")
    path = tmp_path / "take.npz"
    path.write_text("mine")
    path.chmod(0o444)
    if os.geteuid():  # nothing is protected from root
        with pytest.raises(UserError, match="protected"):
            check_output(path)


def _torch(path: Path) -> None:
    torch.save({"weights": torch.zeros(100_000)}, path)


def _safetensors(path: Path) -> None:
    save_file({"weights": torch.zeros(100_000)}, path)


def _plain(path: Path) -> None:
    path.write_bytes(bytes(100_000))


@pytest.mark.parametrize("write", [_torch, _safetensors, _plain])
def test_a_full_disk_is_one_sentence_whatever_writes(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "model.bin"
    path.write_text("old")
    with no_file_larger_than(4096), pytest.raises(Exception) as caught, whole_file(path) as part:  # noqa: PT011  each library has its own
        write(part)
    explained = error_for_user(caught.value)
    assert explained.code == "disk_full" and "free some space" in explained.message
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_take_on_a_full_disk_complains_once(tmp_path: Path) -> None:
    """An archive that is broken off must not complain a second time when it is forgotten."""
    code = (
        "import sys, gc, pathlib, numpy as np\n"
        "from models.body.motion import Motion; from models.body.notes import Notes\n"
        "from models.body.take import Take\n"
        "from real_limits import no_file_larger_than\n"
        "motion = Motion(np.random.rand(900, 2, 16, 3).astype('f4'), np.zeros((900, 2, 3), 'f4'), 30.0)\n"
        "take = Take(motion, Notes.none())\n"
        "with no_file_larger_than(4096):\n"
        "    try: take.save(pathlib.Path(sys.argv[1]))\n"
        "    except OSError as error: print(error.errno, error.filename == sys.argv[1])\n"
        "gc.collect()\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "take.npz")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'tests'}"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.strip(), done.stderr) == (f"{errno.EFBIG} True", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name", ["b" * 248 + ".npz", "caf\udce9.npz", "ev\nil\x1b[31m.npz", "ÄÖ日本" * 17 + ".npz"]
)
def test_any_name_that_the_disk_takes_can_be_written(tmp_path: Path, name: str) -> None:
    with whole_file(tmp_path / name) as part:
        part.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught:
        check_output(tmp_path / ("a" * 300 + ".npz"))
    message = error_for_user(caught.value).message
    assert "is too long; choose a shorter one." in message and len(message) < 200


def test_text_and_lines(tmp_path: Path) -> None:
    write_text_whole(tmp_path / "config.json", "ä\n")
    assert (tmp_path / "config.json").read_bytes() == "ä\n".encode()
    for line in ("one", "two"):
        append_line(tmp_path / "log.jsonl", line)
    assert (tmp_path / "log.jsonl").read_text() == "one\ntwo\n"
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "config.json")
    with pytest.raises(UserError, match="no plain file"):
        append_line(tmp_path / "link.jsonl", "three")
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_appears_whole_and_its_files_are_for_whom_the_umask_lets(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        with whole_folder(tmp_path / "model") as part:
            save_file({"weights": torch.zeros(3)}, part / "model.safetensors")
            assert not (tmp_path / "model").exists()
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "model").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "model" / "model.safetensors").stat().st_mode) == 0o644
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "other") as part:  # noqa: PT012  half of it, then an error
        (part / "half").write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_takes_the_place_of_its_older_self_only(tmp_path: Path) -> None:
    model = tmp_path / "model"
    for text in ("old", "new"):
        with whole_folder(model, replace=True) as part:
            (part / "config.json").write_text(text)
    assert (model / "config.json").read_text() == "new"
    (model / "thesis.txt").write_text("years of work")
    with (
        pytest.raises(UserError, match="which the new one has not"),
        whole_folder(model, replace=True) as part,
    ):
        (part / "config.json").write_text("newer")
    with pytest.raises(UserError, match="exists"), whole_folder(model):
        pass
    (tmp_path / "link").symlink_to(model)
    with pytest.raises(UserError, match="no plain folder"), whole_folder(tmp_path / "link", replace=True):
        pass
    assert {path.name for path in model.iterdir()} == {"config.json", "thesis.txt"}
    assert (model / "config.json").read_text() == "new"
    assert {path.name for path in tmp_path.iterdir()} == {"model", "link"}
