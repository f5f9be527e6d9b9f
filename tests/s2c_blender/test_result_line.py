# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said about a take: notes played, notes left out and where, and a scene that lasts as long as the take."""

from pathlib import Path

import bpy
import pytest
from session_helpers import use_worker, write_sound, write_take
from ui_helpers import draw

from s2c_blender.core.jobs import Status
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes.result_line import (
    MOST,
    clock,
    describe,
    extend_scene_end,
    pitch_name,
    remember_left_out,
)
from s2c_blender.takes.take_order import TakeOrder
from s2c_blender.ui import panels

pytestmark = pytest.mark.usefixtures("registered")


@pytest.fixture
def scene():
    bpy.ops.wm.read_factory_settings(use_empty=True)
    yield bpy.context.scene
    session.cancel()
    session.machine.shutdown(0.2)
    session.config, session.machine.status, session.note = SessionConfig(), Status(), ""


def order(stem="waltz", start=11, **more):
    params = {"seed": 4, "style": {"curl": 0.0, "wrist_height": -0.5}}
    return TakeOrder(
        armature_uid=1,
        armature_name="Hands",
        scene_uid=1,
        start_frame=start,
        output=Path(f"{stem}.npz"),
        params=params,
        **more,
    )


def test_the_line_counts_notes_in_plain_words():
    line = describe(order(), {"notes": 91, "notes_played": 90, "onset_f1": 0.98}, 12.34)
    assert line == "Take waltz: 90 of 91 notes played, seed 4, wrist height -0.5, made in 12.3 s"


@pytest.mark.parametrize(
    "result", [{}, {"notes": 91}, {"notes_played": 3}, {"notes": None, "notes_played": "x"}]
)
def test_a_generator_that_counts_nothing_is_no_fault(result):
    assert describe(order(), result, 2.0) == "Take waltz: seed 4, wrist height -0.5, made in 2.0 s"


def test_a_part_says_which_and_a_file_that_it_is_one():
    part = order(hand="left", frames=(10, 20))
    assert describe(part, {"notes": 1, "notes_played": 1}, 1.0).startswith(
        "Take waltz: 1 of 1 note played, left hand, frames 21 to 30, "
    )
    assert describe(order(), {}, 0.0) == "Take waltz, from its file"


@pytest.mark.parametrize(
    ("stem", "said"), [("a-seed4", False), ("a seed 4", False), ("a-seed41", True), ("a", True)]
)
def test_a_seed_that_is_in_the_name_is_not_said_again(stem, said):
    assert (", seed 4" in describe(order(stem), {"notes": 1, "notes_played": 1}, 1.0)) is said


def test_names_and_times():
    assert [pitch_name(pitch) for pitch in (21, 60, 61, 108)] == ["A0", "C4", "C♯4", "C8"]
    assert [clock(seconds) for seconds in (0, 12.44, 59.97, 754.2)] == [
        "0:00.0",
        "0:12.4",
        "1:00.0",
        "12:34.2",
    ]


def test_left_out_notes_are_kept_with_their_frames(scene):
    settings = scene.s2c_settings
    found = [{"time_s": 12.4, "pitch": 61}, {"time_s": 20.0, "pitch": 40}]
    remember_left_out(settings, order(start=11), 24.0, {"left_out": found, "left_out_total": 3})
    assert [(n.frame, n.pitch, n.where) for n in settings.left_out] == [
        (11 + 298, "C♯4", "0:12.4"),
        (11 + 480, "E2", "0:20.0"),
    ]
    assert settings.left_out_total == 3
    remember_left_out(settings, order(), 24.0, {})
    assert not settings.left_out and settings.left_out_total == 0


def test_a_very_long_list_is_cut(scene):
    many = [{"time_s": float(number), "pitch": 60} for number in range(MOST + 50)]
    remember_left_out(scene.s2c_settings, order(), 30.0, {"left_out": many})
    assert len(scene.s2c_settings.left_out) == MOST and scene.s2c_settings.left_out_total == MOST + 50


def test_the_scene_lasts_as_long_as_the_take_and_is_never_cut(scene):
    scene.frame_end = 100
    assert extend_scene_end(scene, 460) == "scene end moved to 460" and scene.frame_end == 460
    assert extend_scene_end(scene, 460) == extend_scene_end(scene, 20) == "" and scene.frame_end == 460
    scene.use_preview_range = True
    assert extend_scene_end(scene, 900) == "" and scene.frame_end == 460


@pytest.mark.parametrize("panel", [panels.S2C_PT_sequencer, panels.S2C_PT_view3d])
def test_the_panel_lists_what_was_left_out_and_jumps_there(scene, tmp_path, monkeypatch, panel):
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    scene.render.fps, scene.frame_end = 30, 20
    scene.sequence_editor_create()
    scene.sequence_editor.strips.new_sound("Piano", str(write_sound(tmp_path / "song.wav")), 1, 11)
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.generate()
    drawn = draw(panel)
    assert "1 of 2 notes played" in drawn.text() and "scene end moved to 70" in drawn.text()
    assert "1 note was left out" in drawn.texts and "0:01.0  E4" in drawn.texts
    (button,) = (button for name, button in drawn.operators if name == "s2c.jump_to_note")
    bpy.ops.s2c.jump_to_note(frame=button.frame)
    assert scene.frame_current == 41
    bpy.context.object.animation_data.action = None  # no take: nothing to say about it
    assert "notes played" not in draw(panel).text()
