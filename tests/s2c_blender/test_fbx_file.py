# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an FBX is written: nothing of the user's is lost, and what cannot be written is one sentence."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
from real_limits import no_file_larger_than, protected_folder

from s2c_blender import compat, fcurves
from s2c_blender.errors import UserError
from s2c_blender.export.fbx import export_fbx
from s2c_blender.rig.armature import create_armature
from s2c_blender.rig.bones import joint_bones

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, devices and permissions of POSIX")


@pytest.fixture
def armature() -> bpy.types.Object:
    """Hands with two keys."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = create_armature(bpy.context, 1.0, bpy.context.scene.collection)
    action = bpy.data.actions.new("Hands take")
    slot = action.slots.new(id_type="OBJECT", name=armature.name)
    bag = compat.channelbag(action, slot, create=True)
    bone = joint_bones(armature)[0][1]
    for channel in fcurves.channels(bone):
        fcurves.write_channel(bag, bone, channel, 1, np.linspace(0, 0.2, 5, dtype=np.float32))
    compat.bind_action(armature, action, slot)
    return armature


def test_the_users_own_files_beside_it_stay(armature: bpy.types.Object, tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work")
    (tmp_path / "a.part.fbx").write_text("my own part")
    (tmp_path / "b.part.fbx").symlink_to(precious)
    (tmp_path / "a.fbx").write_text("old")
    (tmp_path / "a.fbx").chmod(0o640)
    for name in "ab":
        export_fbx(bpy.context, armature, tmp_path / f"{name}.fbx", "UNITY")
        assert (tmp_path / f"{name}.fbx").read_bytes().startswith(b"Kaydara FBX Binary")
    assert (tmp_path / "a.part.fbx").read_text() == "my own part"
    assert (tmp_path / "b.part.fbx").is_symlink() and precious.read_text() == "years of work"
    assert stat.S_IMODE((tmp_path / "a.fbx").stat().st_mode) == 0o640
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_only_a_plain_file_is_replaced(armature: bpy.types.Object, tmp_path: Path, kind: str) -> None:
    path, precious = tmp_path / "a.fbx", tmp_path / "thesis.txt"
    precious.write_text("years of work")
    if kind == "link":
        path.symlink_to(precious)
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises(UserError, match="choose another file name"):
        export_fbx(bpy.context, armature, path, "UNITY")
    assert precious.read_text() == "years of work" and len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_is_one_sentence_and_leaves_the_older_file(
    armature: bpy.types.Object, tmp_path: Path
) -> None:
    path = tmp_path / "a.fbx"
    path.write_text("old")
    names = {item.name for item in bpy.data.objects}
    with no_file_larger_than(4096), pytest.raises(UserError, match="is full; free some space") as caught:
        export_fbx(bpy.context, armature, path, "UNITY")
    assert "Traceback" not in caught.value.message and "\n" not in caught.value.message
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    assert {item.name for item in bpy.data.objects} == names


def test_a_protected_folder_is_one_sentence(armature: bpy.types.Object) -> None:
    with protected_folder() as folder, pytest.raises(UserError, match="is protected; choose another folder"):
        export_fbx(bpy.context, armature, folder / "a.fbx", "UNITY")


@pytest.mark.parametrize(
    ("name", "words"), [("a" * 300, "too long"), ("a" * 246, ""), ("ev\nil\x1b[31m", ""), ("caf\udce9", "")]
)
def test_odd_names(armature: bpy.types.Object, tmp_path: Path, name: str, words: str) -> None:
    path = tmp_path / f"{name}.fbx"
    if words:
        with pytest.raises(UserError, match=words) as caught:
            export_fbx(bpy.context, armature, path, "UNITY")
        caught.value.message.encode("utf-8")
        assert not list(tmp_path.iterdir())
    else:
        export_fbx(bpy.context, armature, path, "UNITY")
        assert list(tmp_path.iterdir()) == [path]
