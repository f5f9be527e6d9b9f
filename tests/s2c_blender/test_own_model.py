# SPDX-License-Identifier: GPL-3.0-or-later
"""A model folder of the user's own: what the worker is asked, and nothing is fetched without consent."""

import types

import bpy
import pytest
from session_helpers import requests

from s2c_blender.core import consent
from s2c_blender.ui import preferences


@pytest.fixture
def settings(scene):
    return scene.s2c_settings


def asked(tmp_path, method):
    return [request["params"] for request in requests(tmp_path) if request["method"] == method]


def test_the_built_in_model_is_the_default_and_downloads_nothing(settings, tmp_path) -> None:
    bpy.ops.s2c.generate()
    assert asked(tmp_path, "load")[-1]["preset"] == asked(tmp_path, "generate")[-1]["preset"] == "default"
    assert asked(tmp_path, "load")[-1]["allow_download"] is False
    assert asked(tmp_path, "generate")[-1]["allow_download"] is False


def test_a_folder_is_loaded_and_hears_the_recording_again_when_a_hand_is_redone(settings, tmp_path) -> None:
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    settings.model_folder = str(folder)
    bpy.ops.s2c.generate()
    assert asked(tmp_path, "load")[-1]["preset"] == str(folder)
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    redo = asked(tmp_path, "generate")[-1]
    assert redo["hand"] == "left" and redo["keep"] and redo["sound"].endswith("song.wav")
    settings.model_folder = ""
    bpy.ops.s2c.regenerate_hand(hand="LEFT")
    assert asked(tmp_path, "generate")[-1]["sound"] is None  # notes suffice


def test_a_folder_without_a_model_is_told_before_anything_starts(settings, tmp_path) -> None:
    settings.model_folder = str(tmp_path)
    with pytest.raises(RuntimeError, match="holds no model"):
        bpy.ops.s2c.generate()
    assert not bpy.data.actions


@pytest.mark.parametrize(("agreed", "online"), [(False, True), (True, False), (True, True)])
def test_downloads_need_both_consents(monkeypatch, agreed: bool, online: bool) -> None:
    monkeypatch.setattr(preferences, "get", lambda context: types.SimpleNamespace(allow_downloads=agreed))
    app = types.SimpleNamespace(app=types.SimpleNamespace(online_access=online))
    monkeypatch.setattr(preferences, "bpy", app)
    assert preferences.downloads_allowed(None) is (agreed and online)


def test_a_model_that_only_the_file_asks_for_is_not_loaded(settings, tmp_path) -> None:
    folder = tmp_path / "stranger"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    settings.model_folder = str(folder)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    consent.forget()  # another day
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    settings = bpy.context.scene.s2c_settings
    with pytest.raises(RuntimeError, match="choose that folder again"):
        bpy.ops.s2c.generate()
    assert not asked(tmp_path, "load")
    settings.model_folder = str(folder)
    bpy.ops.s2c.generate()
    assert asked(tmp_path, "load")[-1]["preset"] == str(folder)


@pytest.mark.parametrize("preset", ["/somewhere/model", "../model", "//model", "a b"])
def test_a_preset_is_a_name_and_never_a_path(settings, tmp_path, preset) -> None:
    settings.preset = preset
    with pytest.raises(RuntimeError, match="not built in"):
        bpy.ops.s2c.generate()
    assert not requests(tmp_path)
