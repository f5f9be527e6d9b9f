# SPDX-License-Identifier: GPL-3.0-or-later
"""A message stays in the panel only as long as its cause does, or until it is put away."""

import bpy
import pytest
from session_helpers import use_worker, write_sound, write_take
from ui_helpers import draw

from s2c_blender import handlers
from s2c_blender.core.jobs import State, Status
from s2c_blender.session import SessionConfig, session
from s2c_blender.ui import panels, refusals


@pytest.fixture
def scene(registered, tmp_path, monkeypatch):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    scene.sequence_editor_create()
    scene.sequence_editor.strips.new_sound("Piano", str(write_sound(tmp_path / "song.wav")), 1, 1)
    bpy.ops.s2c.add_hands()
    yield scene
    session.cancel()
    session.machine.shutdown(0.2)
    session.config = SessionConfig()
    session.machine.status, session.installer.status, session.note = Status(), Status(), ""


def shown():
    return draw(panels.S2C_PT_view3d).text()


def refuse(match):
    with pytest.raises(RuntimeError, match=match):
        bpy.ops.s2c.generate()


def test_a_missing_file_is_said_until_it_is_there(scene, tmp_path):
    (tmp_path / "song.wav").rename(tmp_path / "away.wav")
    refuse("is missing")
    assert "is missing" in shown()
    handlers.tick()
    assert "is missing" in shown()
    (tmp_path / "away.wav").rename(tmp_path / "song.wav")
    handlers.tick()
    assert "is missing" not in shown()


def test_a_setting_that_was_wrong_is_said_until_it_is_right(scene):
    settings = scene.s2c_settings
    settings.range_mode, settings.frame_start, settings.frame_end = "CUSTOM", 50, 50
    refuse("must lie after the first")
    handlers.tick()
    assert "must lie after the first" in shown()
    settings.frame_end = 60
    handlers.tick()
    assert "must lie after the first" not in shown()


def test_looking_again_starts_nothing_and_leaves_no_folder(scene, tmp_path):
    session.config = SessionConfig(
        worker_command=session.config.worker_command,
        data_folder=session.config.data_folder,
        temporary_root=tmp_path / "temporary",
    )
    (tmp_path / "temporary").mkdir()
    (tmp_path / "song.wav").rename(tmp_path / "away.wav")
    refuse("is missing")
    handlers.tick()
    (tmp_path / "away.wav").rename(tmp_path / "song.wav")
    handlers.tick()
    assert not session.active and not session.machine.worker_running and not bpy.data.actions
    assert not list((tmp_path / "temporary").iterdir())


def test_another_cause_is_not_said_before_somebody_tries_again(scene, tmp_path):
    settings = scene.s2c_settings
    settings.range_mode, settings.frame_start, settings.frame_end = "CUSTOM", 50, 50
    refuse("must lie after the first")
    settings.frame_end = 60
    (tmp_path / "song.wav").unlink()
    handlers.tick()
    assert "must lie after the first" not in shown() and "is missing" not in shown()


def test_a_folder_that_cannot_be_written_is_said_as_long_as_that_is_so(scene, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    refuse("cannot be written")
    handlers.tick()
    assert "cannot be written" in shown()
    (tmp_path / "data").unlink()
    handlers.tick()
    assert "cannot be written" not in shown()


def test_a_refusal_belongs_to_its_scene(scene):
    settings = scene.s2c_settings
    settings.range_mode, settings.frame_start, settings.frame_end = "CUSTOM", 50, 50
    refuse("must lie after the first")
    bpy.context.window.scene = bpy.data.scenes.new("Another")
    handlers.tick()
    assert "must lie after the first" not in shown()
    bpy.context.window.scene = scene
    assert "must lie after the first" in shown()


def failed_job(monkeypatch, tmp_path):
    use_worker(monkeypatch, tmp_path, "error")
    refuse("silent")
    handlers.tick()
    assert "The recording is silent." in shown()


def test_the_error_of_a_finished_job_stays_until_it_is_put_away(scene, tmp_path, monkeypatch):
    failed_job(monkeypatch, tmp_path)
    assert "s2c.dismiss_message" in draw(panels.S2C_PT_view3d).names()
    bpy.ops.s2c.dismiss_message()
    drawn = draw(panels.S2C_PT_view3d)
    assert "silent" not in drawn.text() and "s2c.dismiss_message" not in drawn.names()


def test_the_next_action_puts_an_error_away_and_reading_on_does_not(scene, tmp_path, monkeypatch):
    failed_job(monkeypatch, tmp_path)
    bpy.ops.s2c.jump_to_note(frame=5)
    assert "silent" in shown()
    bpy.ops.s2c.add_piano()
    assert "silent" not in shown()


def test_a_failed_installation_can_be_put_away_too(scene):
    session.installer.status = Status(State.FAILED, "The disk is full.", "install")
    assert "The disk is full." in shown()
    bpy.ops.s2c.dismiss_message()
    assert "The disk is full." not in shown()


def test_another_file_begins_without_the_last_ones_errors(scene, tmp_path, monkeypatch):
    failed_job(monkeypatch, tmp_path)
    bpy.ops.wm.read_homefile(use_empty=True)
    assert "silent" not in shown() and refusals.current() is None
