# SPDX-License-Identifier: GPL-3.0-or-later
"""Which buttons and sentences the panels show, state by state."""

import ast
from pathlib import Path

import bpy
import pytest
from session_helpers import pump_until, use_worker, write_sound, write_take
from ui_helpers import draw

import s2c_blender
from s2c_blender import panels
from s2c_blender.core.jobs import State, Status
from s2c_blender.operators.jobs import order_new_take
from s2c_blender.properties import STYLES
from s2c_blender.rig.armature import create_armature
from s2c_blender.session import SessionConfig, session

REQUEST = Path(__file__).resolve().parents[2] / "models" / "request.py"
STYLES_OF_THE_GENERATOR = ast.literal_eval(
    REQUEST.read_text(encoding="utf-8").split("\nSTYLES = ")[1].splitlines()[0]
)
"""Read as text: Blender's Python has not what `models` imports."""
BOTH = pytest.mark.parametrize("panel", [panels.S2C_PT_sequencer, panels.S2C_PT_view3d])


@pytest.fixture(scope="module", autouse=True)
def registered():
    s2c_blender.register()
    yield
    s2c_blender.unregister()


@pytest.fixture
def scene(tmp_path, monkeypatch):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    session.look_at_runtime(bpy.context)
    yield bpy.context.scene
    session.cancel()
    session.machine.shutdown(0.2)
    session.config, session.check_text, session.runtime_problem = SessionConfig(), [], ""
    session.machine.status, session.installer.status, session.note = Status(), Status(), ""


def furnish(scene, tmp_path):
    scene.sequence_editor_create()
    scene.sequence_editor.strips.new_sound("Piano", str(write_sound(tmp_path / "song.wav")), 1, 1)
    create_armature(bpy.context, 1.0, scene.collection)


@BOTH
def test_an_empty_scene_says_what_to_do_first(scene, panel):
    scene.sequence_editor_clear()
    drawn = draw(panel)
    assert "There is no sound strip" in drawn.text().replace("  ", " ")
    assert {"s2c.generate", "s2c.add_hands", "s2c.add_piano", "s2c.export_fbx"} <= set(drawn.names())
    assert "strip_name" not in drawn.properties and "armature" in drawn.properties


@BOTH
def test_a_furnished_scene_has_every_button_and_setting(scene, tmp_path, panel):
    furnish(scene, tmp_path)
    drawn = draw(panel)
    wanted = [
        "strip_name",
        "armature",
        "range_mode",
        "seed",
        "seed_random",
        "contact",
        "curl",
        "wrist_height",
        "energy",
        "looseness",
        "redo_start",
        "redo_end",
    ]
    assert set(wanted) <= set(drawn.properties) and "frame_start" not in drawn.properties
    assert {"s2c.generate", "s2c.resample", "s2c.check_runtime", "s2c.install_runtime"} <= set(drawn.names())
    assert [button.hand for name, button in drawn.operators if name == "s2c.regenerate_hand"] == [
        "LEFT",
        "RIGHT",
    ]
    assert [button.hand for name, button in drawn.operators if name == "s2c.regenerate_range"] == [
        "BOTH",
        "LEFT",
        "RIGHT",
    ]
    assert "s2c.cancel" not in drawn.names() and not drawn.progress
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 7, 21
    preview = draw(panel)
    assert "Frames 7 to 21" in preview.text() and "redo_start" not in preview.properties
    scene.s2c_settings.range_mode = "CUSTOM"
    assert {"frame_start", "frame_end"} <= set(draw(panel).properties)


@BOTH
def test_a_running_job_shows_progress_time_and_cancel_only(scene, tmp_path, monkeypatch, panel):
    furnish(scene, tmp_path)
    use_worker(monkeypatch, tmp_path, "slow")
    session.order_take(bpy.context, order_new_take(bpy.context, 1))
    assert "s2c.cancel" in draw(panel).names()
    pump_until(lambda: session.machine.status.step == 1)
    drawn = draw(panel)
    ((factor, text),) = drawn.progress
    assert factor == pytest.approx(1 / 3) and text.startswith("Moving the hands, ") and text.endswith(" left")
    assert "s2c.cancel" in drawn.names() and "s2c.generate" not in drawn.names()
    session.cancel()
    assert draw(panel).progress[0][1] == "Cancelling"
    pump_until(lambda: not session.active)
    drawn = draw(panel)
    assert "Cancelled." in drawn.texts and "s2c.generate" in drawn.names()


@BOTH
def test_the_result_line_and_a_muted_strip(scene, tmp_path, monkeypatch, panel):
    furnish(scene, tmp_path)
    scene.sequence_editor.strips[0].mute = True
    bpy.ops.s2c.generate()
    text = draw(panel).text()
    assert "seed 1" in text and "onset F1 0.97" in text and "is muted" in text
    use_worker(monkeypatch, tmp_path, "slow")
    session.order_take(bpy.context, order_new_take(bpy.context, 2))
    assert "onset F1" not in draw(panel).text()
    session.cancel()


@BOTH
def test_the_style_shows_the_size_of_the_hands(scene, tmp_path, panel):
    furnish(scene, tmp_path)
    bpy.context.object["s2c_hand_size"] = 0.95
    assert "Hand Size -0.50" in draw(panel).text()
    scene.s2c_settings.looseness = 3.0
    assert scene.s2c_settings.looseness == 1.0
    assert all(item.description for item in scene.s2c_settings.bl_rna.properties if item.identifier in STYLES)


def test_the_generator_knows_every_style():
    assert ("hand_size", *STYLES) == STYLES_OF_THE_GENERATOR


@BOTH
def test_a_failure_is_one_sentence_in_the_panel(scene, tmp_path, monkeypatch, panel):
    furnish(scene, tmp_path)
    use_worker(monkeypatch, tmp_path, "error")
    with pytest.raises(RuntimeError):
        bpy.ops.s2c.generate()
    assert "The recording is silent." in draw(panel).text()


@BOTH
def test_the_runtime_box(scene, panel, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("S2C_WORKER_PYTHON", raising=False)
    session.config = SessionConfig(data_folder=tmp_path)
    session.look_at_runtime(bpy.context)
    assert "not installed yet" in draw(panel).text()
    session.installer.status = Status(
        State.RUNNING, stage="Downloading packages", step=1, of=4, log="Collecting torch"
    )
    drawn = draw(panel)
    assert drawn.progress == [(0.25, "Downloading packages (2 of 4)")] and "Collecting torch" in drawn.text()
    assert "s2c.cancel" in drawn.names() and "s2c.install_runtime" not in drawn.names()
    session.installer.status = Status(State.FAILED, "The disk is full.", "install")
    assert "The disk is full." in draw(panel).text()


@BOTH
def test_a_check_shows_versions_devices_and_a_timed_test(scene, panel):
    bpy.ops.s2c.check_runtime()
    text = draw(panel).text()
    assert "torch 2.13.0" in text and "cpu, 23.0 GB" in text and "Test: 2 s of music in 0.1 s on cpu" in text


def test_drawing_looks_at_no_file(scene, tmp_path, monkeypatch):
    furnish(scene, tmp_path)

    def no_files(*_arguments, **_options):
        raise AssertionError("draw() must not look at files")

    panel = panels.S2C_PT_view3d
    with monkeypatch.context() as patch:
        for name in ("builtins.open", "os.stat", "os.listdir", "os.scandir"):
            patch.setattr(name, no_files)
        drawn = draw(panel)
    assert "s2c.generate" in drawn.names()


def test_a_grey_button_says_why(scene):
    from s2c_blender.operators import jobs, runtime

    assert "no sound strip" in jobs.S2C_OT_generate.disabled_reason(bpy.context)
    assert "no hands" in jobs.S2C_OT_regenerate_hand.disabled_reason(bpy.context)
    assert "Nothing is running" in jobs.S2C_OT_cancel.disabled_reason(bpy.context)
    if not bpy.app.online_access:
        assert "online" in runtime.S2C_OT_install_runtime.disabled_reason(bpy.context)
    with pytest.raises(RuntimeError, match="Nothing is running"):
        bpy.ops.s2c.cancel()
