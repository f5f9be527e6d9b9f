# SPDX-License-Identifier: GPL-3.0-or-later
"""What many tests of the extension begin with. Blender is imported where a test asks for it: the core needs none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import bpy


@pytest.fixture(scope="module")
def registered() -> Iterator[None]:
    """The extension is switched on for a whole file of tests."""
    import s2c_blender

    s2c_blender.register()
    yield
    s2c_blender.unregister()


@pytest.fixture
def empty_scene() -> bpy.types.Scene:
    """The scene of an empty file, at 30 frames a second."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 30, 1.0
    return scene


@pytest.fixture
def session_ends() -> Iterator[None]:
    """After the test the session has neither job nor worker, says nothing, and has its own settings again."""
    from s2c_blender.session import SessionConfig, session

    yield
    session.cancel()
    session.machine.shutdown(0.2)
    session.config = SessionConfig()
    session.machine.status.message, session.note, session.runtime_problem = "", "", ""


@pytest.fixture
def scene(
    registered: None,
    empty_scene: bpy.types.Scene,
    session_ends: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> bpy.types.Scene:
    """Hands beside a recording from frame 11 on; the worker answers with made.npz of the test's folder."""
    import bpy
    from session_helpers import START, use_worker, write_sound, write_take

    empty_scene.sequence_editor_create()
    song = write_sound(tmp_path / "song.wav")
    empty_scene.sequence_editor.strips.new_sound("Piano", str(song), 1, START)
    bpy.ops.s2c.add_hands()
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    return empty_scene


@pytest.fixture
def take(scene: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hands play a take; what the worker is given to keep of it is left in sent.npz of the test's folder."""
    import bpy
    from take_helpers import keep_sent_takes

    keep_sent_takes(monkeypatch, tmp_path)
    assert bpy.ops.s2c.generate() == {"FINISHED"}
