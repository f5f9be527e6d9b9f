# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of take files: readable, allowed everywhere, never given twice, and let go of when no take came."""

import json
import os
import platform
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import pytest

from s2c_blender.errors import UserError
from s2c_blender.takes import take_paths
from s2c_blender.takes.take_paths import (
    TITLE_BYTES,
    clean_title,
    is_reserved,
    recording_title,
    release,
    remove_forsaken,
    reserve,
    take_path,
    title_of_take,
)

ROOT = Path(__file__).resolve().parents[2]


def test_a_name_says_what_the_take_is():
    folder = Path("takes")
    assert take_path(folder, "my song", 3).name == "my song, seed 3.npz"
    assert take_path(folder, "my song", 3, "left").name == "my song, seed 3, left hand.npz"
    both = take_path(folder, "my song", 3, "", (10, 40)).name
    assert both == "my song, seed 3, frames 10 to 40.npz"
    assert (
        take_path(folder, "my song", 3, "right", (10, 40)).name
        == "my song, seed 3, right hand, frames 10 to 40.npz"
    )


@pytest.mark.parametrize("name", ["my song, seed 3", "my song, seed 3, left hand", "my song, seed 0 (12)"])
def test_the_title_is_found_again_in_a_name(name):
    assert title_of_take(f"C:\\takes\\{name}.npz") == title_of_take(f"/takes/{name}.npz") == "my song"


def test_other_names_have_no_title():
    assert title_of_take("20260101-120000-seed3.npz") == "" and title_of_take("") == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a/b\\c:d*e?f"g<h>i|j', "a_b_c_d_e_f_g_h_i_j"),
        ("  two   spaces\t", "two spaces"),
        ("line\nbreak\x00\x7f", "line break__"),
        ("..hidden..", "hidden"),
        ("ends with dot. ", "ends with dot"),
        ("", "take"),
        (" . ", "take"),
        ("CON", "_CON"),
        ("nul.wav", "_nul.wav"),
        ("Lpt1 .x", "_Lpt1 .x"),
        ("COM²", "_COM²"),
        ("CONcerto", "CONcerto"),
        ("Com10", "Com10"),
        ("bad \udcff byte", "bad _ byte"),
        ("gnos\u202e ym", "gnos ym"),
        ("e\u0301tude", "étude"),
        ("Op. 28 No. 4", "Op. 28 No. 4"),
    ],
)
def test_what_a_file_system_refuses_is_replaced(text, expected):
    assert clean_title(text) == expected


@pytest.mark.parametrize("letter", ["x", "é", "鋼", "𝄞"])
def test_a_long_title_is_cut_between_letters(letter, tmp_path):
    title = clean_title(letter * 500)
    assert len(title.encode()) <= TITLE_BYTES and set(title) == {letter}
    longest = take_path(tmp_path, letter * 500, 2**31 - 1, "right", (100000, 200000))
    reserved = reserve(longest)
    assert is_reserved(reserved) and len(f".{reserved.name}.abcdefgh.part".encode()) <= 255


@pytest.mark.parametrize(
    ("candidates", "title"),
    [
        (("//sounds\\my song.WAV", "strip"), "my song"),
        (("/a/b/Op. 28 No. 4.flac",), "Op. 28 No. 4"),
        (("song.mp3.001",), "song"),
        (("", "strip 1"), "strip 1"),
        ((None, ""), "take"),
        (("Live 2.0",), "Live 2.0"),
    ],
)
def test_the_title_of_a_recording(candidates, title):
    assert recording_title(*candidates) == title


def test_a_name_that_exists_is_numbered(tmp_path):
    first = take_path(tmp_path, "my song", 3)
    assert reserve(first) == first and is_reserved(first)
    assert take_path(tmp_path, "my song", 3).name == "my song, seed 3 (2).npz"
    assert reserve(first).name == "my song, seed 3 (2).npz"
    assert reserve(first).name == "my song, seed 3 (3).npz"


def test_no_link_is_followed(tmp_path):
    path, elsewhere = tmp_path / "song, seed 1.npz", tmp_path / "elsewhere"
    path.symlink_to(elsewhere)
    assert reserve(path).name == "song, seed 1 (2).npz" and not elsewhere.exists()
    elsewhere.write_bytes(b"")
    release(path)
    assert elsewhere.exists() and path.is_symlink()


def test_processes_at_the_same_moment_get_a_name_each(tmp_path):
    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); from pathlib import Path\n"
        "import importlib.util as u, types\n"
        "package = types.ModuleType('s2c_blender'); package.__path__ = [sys.argv[1] + '/s2c_blender']\n"
        "sys.modules['s2c_blender'] = package\n"
        "from s2c_blender.takes.take_paths import reserve, take_path\n"
        "time.sleep(max(0, float(sys.argv[3]) - time.time()))\n"
        "for _ in range(20): print(reserve(take_path(Path(sys.argv[2]), 'song', 1)).name)\n"
    )
    start = str(time.time() + 1.0)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(ROOT), str(tmp_path), start], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    names = [name for process in processes for name in process.communicate()[0].decode().splitlines()]
    assert len(names) == 80 and len(set(names)) == 80


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written") as caught:
        reserve(tmp_path / "file" / "song.npz")
    assert caught.value.code == "data_folder"


def test_too_many_takes_of_one_name_are_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(take_paths, "MOST_OF_ONE_NAME", 3)
    for _ in range(2):
        reserve(tmp_path / "song.npz")
    with pytest.raises(UserError, match="too many takes"):
        reserve(take_path(tmp_path, "song", 1).with_name("song.npz"))


def test_release_removes_what_came_to_nothing(tmp_path):
    path = reserve(tmp_path / "song.npz")
    (tmp_path / "song.npz.abcdefgh.part").write_bytes(b"half")
    (tmp_path / "song.npz.part").write_bytes(b"of the user")
    release(path)
    assert [item.name for item in tmp_path.iterdir()] == ["song.npz.part"]
    (tmp_path / "song.npz.part").unlink()
    release(path)
    path.write_bytes(b"a take")
    release(path)
    assert path.exists()
    release(path, written=True)
    assert not path.exists()


def test_names_of_blenders_that_died_are_free_again(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    notes = {
        "dead.npz": {"pid": process.pid, "host": platform.node()},
        "elsewhere.npz": {"pid": process.pid, "host": "another computer"},
        "long ago.npz": {"pid": process.pid, "host": "another computer"},
        "strange.npz": {"pid": process.pid, "host": platform.node(), "more": 1},
    }
    for name, note in notes.items():
        (tmp_path / name).write_text(json.dumps(note))
    mine = reserve(tmp_path / "mine.npz")
    for name in ("empty.npz", "new.npz", "other.txt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "whole.npz").write_bytes(b"a take")
    (tmp_path / "link.npz").symlink_to(tmp_path / "other.txt")
    past = time.time() - 2 * take_paths.FORSAKEN_SECONDS
    for name in ("long ago.npz", "empty.npz", "whole.npz", "other.txt", "strange.npz"):
        os.utime(tmp_path / name, (past, past))
    deque(remove_forsaken(tmp_path), maxlen=0)
    left = {path.name for path in tmp_path.iterdir()}
    assert not left & {"dead.npz", "long ago.npz", "empty.npz"}
    assert left == {
        "elsewhere.npz",
        "strange.npz",
        mine.name,
        "new.npz",
        "other.txt",
        "whole.npz",
        "link.npz",
    }
    deque(remove_forsaken(tmp_path / "none"), maxlen=0)
