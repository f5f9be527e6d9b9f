# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender's side writes: whole, beside its target, and logs for the user's eyes alone."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from s2c_blender.core import logs
from s2c_blender.core.logs import Log, discreet
from s2c_blender.core.process import ChildProcess
from s2c_blender.core.whole_file import NotAFileError, whole_file, why_not
from s2c_blender.errors import UserError

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="permissions and links of POSIX")


@POSIX
def test_a_file_appears_whole_with_the_older_ones_permissions(tmp_path: Path) -> None:
    path = tmp_path / "hands.fbx"
    path.write_text("old")
    path.chmod(0o640)
    with whole_file(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == 0o640
    with pytest.raises(RuntimeError), whole_file(path) as part:  # noqa: PT012  half of it, then an error
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


@POSIX
@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "device"])
def test_what_is_no_plain_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "hands.fbx"
    if kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path = Path("/dev/null")
    with pytest.raises(NotAFileError) as caught, whole_file(path):
        pass
    assert "choose another file name" in why_not(caught.value, path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space"), "is full"),
        (RuntimeError("Error: Python: Traceback ... OSError: [Errno 28] No space left on device"), "is full"),
        (OSError(errno.EROFS, "Read-only"), "protected"),
        (OSError(errno.ENAMETOOLONG, "long"), "too long"),
        (OSError(errno.EIO, "odd"), "cannot be written"),
    ],
)
def test_one_sentence_says_why_not(error: Exception, words: str) -> None:
    said = why_not(error, Path("folder") / "hands.fbx")
    assert words in said and "Errno" not in said and said.endswith(".")


@POSIX
def test_a_log_is_for_its_user_alone_and_is_not_cut_off_by_another_blender(tmp_path: Path) -> None:
    path = logs.log_path(tmp_path)
    assert path == logs.log_path(tmp_path) and str(os.getpid()) in path.name
    for words in ("first", "second"):
        log = Log(path)
        log.write(words)
        log.close()
    assert path.read_text() == "first\nsecond\n" and stat.S_IMODE(path.stat().st_mode) == 0o600
    code = "import sys, pathlib; from s2c_blender.core import logs; print(logs.log_path(pathlib.Path(sys.argv[1])))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() != str(path)


@POSIX
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_log_follows_no_link_and_waits_for_no_pipe(tmp_path: Path, kind: str) -> None:
    path, precious = tmp_path / "worker-1.log", tmp_path / "thesis.txt"
    precious.write_text("years of work")
    if kind == "link":
        path.symlink_to(precious)
    else:
        os.mkfifo(path)
    log = Log(path)
    log.write("words")
    log.close()
    assert precious.read_text() == "years of work"


def test_a_log_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_BYTES", 1000)
    for _ in range(3):  # a worker that dies again and again
        log = Log(tmp_path / "worker.log")
        for _ in range(100):
            log.write("the same line again")
        log.close()
    assert (tmp_path / "worker.log").stat().st_size <= 1000


def test_old_logs_go_and_those_of_today_stay(tmp_path: Path) -> None:
    week = time.time() - 7 * 24 * 3600
    for number in range(20):
        path = tmp_path / f"worker-{number:02d}.log"
        path.write_text("x")
        if number < 15:
            os.utime(path, (week + number, week + number))
    (tmp_path / "notes.txt").write_text("mine")
    os.utime(tmp_path / "notes.txt", (week, week))
    logs.sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"notes.txt", *(f"worker-{number:02d}.log" for number in range(12, 20))}
    for number in range(20, 40):  # other Blenders of today
        (tmp_path / f"worker-{number}.log").write_text("x")
    logs.sweep(tmp_path)
    assert {f"worker-{number}.log" for number in range(15, 40)} < {path.name for path in tmp_path.iterdir()}
    logs.sweep(tmp_path / "gone")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("FileNotFoundError: [Errno 2] No such file: '/films/secret client/take 3.wav'", "'…/take 3.wav'"),
        (
            '  File "/home/anna/ext/models/worker/server.py", line 12, in run',
            '"…/models/worker/server.py", line 12',
        ),
        ("C:\\Users\\Anna\\song.wav is gone", "…/song.wav is gone"),
        ("/opt/anna/site-packages/torch/nn/a.py:12: UserWarning: x", "…/torch/nn/a.py:12: UserWarning"),
        ("3 of 4 steps, 1/2 done, 5 m/s, and/or", "3 of 4 steps, 1/2 done, 5 m/s, and/or"),
        ("see https://example.org/a/b/c", "see https://example.org/a/b/c"),
    ],
)
def test_a_log_says_which_file_and_not_where_it_lies(line: str, shown: str) -> None:
    assert shown in discreet(line)
    assert not re.search("secret|anna|Anna", discreet(line))


def test_the_home_folder_is_not_told_even_with_a_space_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/Anna Doe")
    monkeypatch.setenv("USERPROFILE", "/home/Anna Doe")
    assert "Doe" not in discreet("read /home/Anna Doe/song.wav twice")


@POSIX
def test_what_a_child_says_goes_to_the_log_without_its_paths(tmp_path: Path) -> None:
    log = tmp_path / "worker-1.log"
    code = "import sys; print('opened \"/films/secret/song.wav\"', file=sys.stderr)"
    child = ChildProcess((sys.executable, "-c", code), log_file=log)
    deadline = time.monotonic() + 30
    while (not log.exists() or not log.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.end(5)
    assert log.read_text() == 'opened "…/song.wav"\n' and stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "/films/secret/song.wav" in child.stderr_tail()  # the details that the user asks for in the panel


def test_a_fault_can_be_shown_whatever_it_quotes() -> None:
    said = UserError("x", f'The file "ev\nil\x1b[31m\udcff\u202e" of {"9" * 300} notes is odd.').message
    assert said == 'The file "ev il [31m " of 999999… notes is odd.'
    said.encode("utf-8")
    assert len(UserError("x", "a" * 10_000).message) <= 600
    assert UserError("x", "Größe 日本 … “ok”").message == "Größe 日本 … “ok”"
