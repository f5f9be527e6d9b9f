# SPDX-License-Identifier: GPL-3.0-or-later
"""Temporary folders of Blenders that died go, and nothing else does."""

import json
import os
import platform
import subprocess
import sys

import pytest

from s2c_blender.core import temporary
from s2c_blender.errors import UserError


def removed(roots):
    return [path for path in temporary.remove_stale(roots) if path is not None]


@pytest.fixture(scope="module")
def dead():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def folder_of(root, pid, name="s2c-old", **changes):
    folder = root / name
    folder.mkdir(parents=True)
    owner = {"pid": pid, "host": platform.node(), **changes}
    (folder / temporary.MARKER).write_text(json.dumps(owner))
    (folder / "keep.npz").write_bytes(b"data")
    return folder


def test_a_folder_of_this_process_stays(tmp_path):
    folder = temporary.make(tmp_path)
    assert removed([tmp_path]) == [] and folder.is_dir()
    assert temporary.remove_if_unused(folder) and not folder.exists()


def test_a_folder_with_something_in_it_is_used(tmp_path):
    folder = temporary.make(tmp_path)
    (folder / "packed.wav").write_bytes(b"x")
    assert not temporary.remove_if_unused(folder)
    temporary.remove(folder)
    assert not folder.exists()


def test_a_folder_of_a_dead_process_goes_wherever_blender_put_it(tmp_path, dead):
    direct = folder_of(tmp_path, dead)
    inner = folder_of(tmp_path / "blender_aBc123", dead)
    assert set(removed([tmp_path, tmp_path])) == {direct, inner}
    assert not direct.exists() and not inner.exists() and inner.parent.is_dir()


def test_what_is_not_ours_stays(tmp_path, dead):
    others = [
        folder_of(tmp_path, os.getpid(), "s2c-living"),
        folder_of(tmp_path, dead, "s2c-elsewhere", host="another computer"),
        folder_of(tmp_path, dead, "someone's"),
        folder_of(tmp_path / "someone", dead),
        folder_of(tmp_path, True, "s2c-true"),
        folder_of(tmp_path, -1, "s2c-negative"),
        folder_of(tmp_path, "1; rm", "s2c-text"),
        folder_of(tmp_path, 1, "s2c-init"),
    ]
    bare = tmp_path / "s2c-bare"
    bare.mkdir()
    broken = tmp_path / "s2c-broken"
    broken.mkdir()
    (broken / temporary.MARKER).write_bytes(b"\xff[")
    assert removed([tmp_path, tmp_path / "none"]) == []
    assert all(folder.is_dir() for folder in (*others, bare, broken))


def test_no_link_is_followed(tmp_path, dead):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    real = folder_of(elsewhere, dead)
    (root / "s2c-link").symlink_to(real)
    (root / "blender_link").symlink_to(elsewhere)
    marker_only = root / "s2c-marker"
    marker_only.mkdir()
    (marker_only / temporary.MARKER).symlink_to(real / temporary.MARKER)
    stale = folder_of(root, dead)
    (stale / "link").symlink_to(elsewhere)
    assert removed([root]) == [stale]
    assert (real / "keep.npz").exists() and marker_only.is_dir() and (root / "s2c-link").is_symlink()


def test_a_root_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="folder for temporary files"):
        temporary.make(tmp_path / "file")
