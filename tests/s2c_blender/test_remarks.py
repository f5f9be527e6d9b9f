# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generator remarks about the music: in the panel, a few of them, each fit to be shown; and the parts."""

import json

import bpy
import pytest
from midi_helpers import write_midi
from session_helpers import pump_until, requests, use_worker, write_take
from ui_helpers import Region, draw

import s2c_blender
from s2c_blender.core.jobs import Status
from s2c_blender.session import SessionConfig, session
from s2c_blender.takes.remarks import MOST, parts_of, remarks_of
from s2c_blender.ui import panels

BAND = [
    {"number": 1, "name": "Strings", "program": 48, "notes": 40, "chosen": False},
    {"number": 2, "name": "Piano", "program": 0, "notes": 16, "chosen": True},
    {"number": 3, "name": "", "program": 0, "notes": 1, "chosen": False},
]


@pytest.fixture
def scene(tmp_path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s2c_blender.register()
    bpy.context.scene.render.fps = 30
    write_take(tmp_path / "take.npz")
    bpy.ops.s2c.add_hands()
    bpy.ops.s2c.add_recording(filepath=str(write_midi(tmp_path / "piece.mid")))
    yield bpy.context.scene
    session.cancel()
    session.machine.shutdown(0.2)
    session.config, session.machine.status, session.note = SessionConfig(), Status(), ""
    s2c_blender.unregister()


def remark(text):
    return {"code": "remark", "sentence": text}


def generate(monkeypatch, tmp_path, **facts):
    """A take whose answer holds these facts."""
    monkeypatch.setenv("FAKE_FACTS", json.dumps(facts))
    session.machine.shutdown(0.2)  # the next worker reads them
    use_worker(monkeypatch, tmp_path, take=tmp_path / "take.npz")
    assert bpy.ops.s2c.generate() == {"FINISHED"}
    return requests(tmp_path)[-1]["params"]


def test_remarks_stand_under_the_result(scene, monkeypatch, tmp_path, caplog):
    fit = {"median_ms": 8.0, "matched": 48, "notes": 50, "offset_s": 0.4, "sentence": "They fit within 8 ms."}
    said = [remark(f"Remark number {number}") for number in range(7)]
    generate(monkeypatch, tmp_path, remarks=[*said, said[0]], fit=fit)
    texts = draw(panels.S2C_PT_view3d).texts
    first = texts.index("They fit within 8 ms.")
    assert texts[first + 1 : first + 5] == [f"Remark number {number}." for number in range(4)]
    assert "Remark number 4." not in texts and "… and 3 more in the system console." in texts
    assert "Remark number 6." in caplog.text
    generate(monkeypatch, tmp_path)
    assert not scene.s2c_settings.remarks, "the next take has its own"


@pytest.mark.parametrize(
    "facts",
    [
        {"remarks": None, "fit": 3, "parts": {}},
        {
            "remarks": [None, {}, {"sentence": 4}, {"sentence": ""}],
            "fit": [],
            "parts": [None, {"number": "1"}],
        },
        {
            "remarks": "text",
            "parts": [{"number": 0}, {"number": 1e9}, {"number": True}, {"number": 1, "notes": -1}],
        },
    ],
)
def test_odd_answers_say_nothing(scene, monkeypatch, tmp_path, facts):
    generate(monkeypatch, tmp_path, **facts)
    assert not scene.s2c_settings.remarks and not scene.s2c_settings.parts


def test_what_is_said_is_fit_to_be_shown():
    (text,) = remarks_of({"remarks": [remark("one\nline\x00 \u202eonly" + "x" * 9000)]})
    assert text.startswith("one line only") and len(text) <= 600
    assert len(remarks_of({"remarks": [remark(str(n)) for n in range(999)]})) == MOST
    ((_, label, _),) = parts_of({"parts": [{"number": 1, "name": "a\nb" + "c" * 999, "notes": 3}]})
    assert label.startswith("1: a b") and len(label) <= 80


def test_the_part_is_chosen_among_those_of_the_file(scene, monkeypatch, tmp_path):
    settings = scene.s2c_settings
    assert "part" in draw(panels.S2C_PT_view3d).properties
    params = generate(monkeypatch, tmp_path, parts=BAND)
    assert "part" not in params
    names = ["1: Strings (40 notes)", "2: Piano (16 notes)", "3 (1 note)"]
    assert [item.name for item in settings.parts] == names
    assert [item.chosen for item in settings.parts] == [False, True, False]
    settings.part = "1: Strings (40 notes)"
    assert generate(monkeypatch, tmp_path)["part"] == "1"
    settings.parts.clear()
    assert generate(monkeypatch, tmp_path)["part"] == "1", "whatever file the last take was of"
    settings.part = "Secondo"
    assert generate(monkeypatch, tmp_path)["part"] == "Secondo"
    settings.midi_path = str(write_midi(tmp_path / "other.mid"))
    assert "part" not in generate(monkeypatch, tmp_path), "another file has other parts"


def test_a_file_of_one_part_leaves_nothing_to_choose(scene, monkeypatch, tmp_path):
    generate(monkeypatch, tmp_path, parts=BAND[:1])
    assert "part" not in draw(panels.S2C_PT_view3d).properties
    scene.s2c_settings.part = "2"
    assert "part" in draw(panels.S2C_PT_view3d).properties, "what is set can be taken back"
    scene.s2c_settings.part = ""
    scene.s2c_settings.midi_path = str(write_midi(tmp_path / "other.mid"))
    assert "part" in draw(panels.S2C_PT_view3d).properties, "another file may have others"


@pytest.mark.parametrize("width", [200, 400])
def test_the_name_of_the_midi_file_is_seen(scene, tmp_path, width):
    name = "piece.mid"
    assert name in draw(panels.S2C_PT_view3d, context=Region(width)).texts, (
        "of a path only the beginning fits"
    )
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    scene.sequence_editor.strips[0].sound["s2c_midi"] = f"//{name}"
    assert scene.s2c_settings.midi_path == f"//{name}"
    assert name not in draw(panels.S2C_PT_view3d, context=Region(width)).texts, "it fits into the field"


def test_paths_beside_the_blend_file_are_no_fault(scene):
    for name in ("midi_path", "model_folder"):
        prop = scene.s2c_settings.bl_rna.properties[name]
        assert prop.is_path_supports_blend_relative, "else Blender draws what begins with // in red"


def test_no_part_without_midi(scene):
    bpy.context.scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    drawn = draw(panels.S2C_PT_view3d).properties
    assert "midi_path" in drawn and "part" not in drawn


def test_a_job_in_a_window_asks_for_the_midi_file(scene, monkeypatch, tmp_path):
    params = generate(monkeypatch, tmp_path)
    assert params["midi"] == str(tmp_path / "piece.mid") and params["sound"] is None
    assert "piece, seed" in params["output"] and params["sound_end_s"] is None
    pump_until(lambda: not session.active)
