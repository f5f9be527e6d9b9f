# SPDX-License-Identifier: GPL-3.0-or-later
"""Which step, buttons and sentences the panels show, state by state, and that they fit a narrow sidebar."""

import json
from pathlib import Path

import bpy
import pytest
from session_helpers import pump_until, use_worker, write_sound, write_take
from ui_helpers import Region, draw

from s2c_blender.core.jobs import State, Status
from s2c_blender.core.player import STYLES
from s2c_blender.rig.armature import create_armature
from s2c_blender.session import SessionConfig, session
from s2c_blender.ui import drawing, panels, preferences_page, properties
from s2c_blender.ui.next_step import next_step
from s2c_blender.ui.operators.jobs import order_new_take
from s2c_blender.ui.preferences import PANEL_HINT, S2C_Preferences

HANDS = Path(__file__).resolve().parents[2] / "models" / "hands.json"
STYLES_OF_THE_GENERATOR = json.loads(HANDS.read_text(encoding="utf-8"))["player"]["styles"]
"""Read from the file: Blender's Python has not what `models` imports."""
BOTH = pytest.mark.parametrize("panel", [panels.S2C_PT_sequencer, panels.S2C_PT_view3d])
TAKE_BUTTONS = {"s2c.resample", "s2c.regenerate_hand", "s2c.regenerate_range"}


@pytest.fixture
def scene(registered, tmp_path, monkeypatch):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    write_take(tmp_path / "made.npz")
    use_worker(monkeypatch, tmp_path, "good", tmp_path / "made.npz")
    session.look_at_runtime(bpy.context)
    yield bpy.context.scene
    session.cancel()
    session.machine.shutdown(0.2)
    session.config, session.check_text, session.runtime_problem = SessionConfig(), [], ""
    session.machine.status, session.installer.status, session.note = Status(), Status(), ""


def add_strip(scene, tmp_path, name="Piano"):
    scene.sequence_editor_create()
    scene.sequence_editor.strips.new_sound(name, str(write_sound(tmp_path / f"{name}.wav")), 1, 1)


def furnish(scene, tmp_path):
    add_strip(scene, tmp_path)
    create_armature(bpy.context, 1.0, scene.collection)


# -- the next step --------------------------------------------------------------------------------------


@BOTH
def test_the_first_look_is_one_step_and_folded_headers(scene, panel):
    drawn = draw(panel, folded=True)
    assert drawn.names() == ["s2c.new_scene", "s2c.open_guide"] and not drawn.properties
    assert drawn.panels == dict.fromkeys(
        ["s2c_choices", "s2c_piano", "s2c_style", "s2c_files", "s2c_generator"], True
    )


def test_the_steps_come_in_the_order_of_the_work(scene, tmp_path):
    assert next_step(bpy.context).operator == "s2c.new_scene"
    bpy.ops.s2c.new_scene()
    step = next_step(bpy.context)
    assert (step.operator, step.reason) == ("s2c.add_recording", "")
    add_strip(scene, tmp_path)
    step = next_step(bpy.context)
    assert (step.operator, step.reason) == ("s2c.generate", "")
    bpy.ops.s2c.generate()
    assert next_step(bpy.context) is None


def test_a_scene_of_the_users_is_not_made_anew(scene, tmp_path):
    bpy.ops.mesh.primitive_monkey_add()
    assert next_step(bpy.context).operator == "s2c.add_recording"
    add_strip(scene, tmp_path)
    assert next_step(bpy.context).operator == "s2c.add_hands"
    bpy.ops.s2c.add_hands()
    assert next_step(bpy.context).operator == "s2c.generate"


def test_the_factory_scene_counts_as_empty_until_something_is_made_of_it(scene):
    bpy.ops.wm.read_factory_settings()
    assert next_step(bpy.context).operator == "s2c.new_scene"
    bpy.data.objects["Cube"].modifiers.new("Bevel", "BEVEL")
    assert next_step(bpy.context).operator == "s2c.add_recording"


@BOTH
def test_several_recordings_or_hands_are_a_choice(scene, tmp_path, panel):
    add_strip(scene, tmp_path, "One")
    add_strip(scene, tmp_path, "Two")
    scene.sequence_editor.active_strip = None
    bpy.ops.s2c.add_hands()
    drawn = draw(panel, folded=True)
    assert next_step(bpy.context).choice == "strip_name" and "strip_name" in drawn.properties
    assert "s2c.generate" not in drawn.names()
    scene.s2c_settings.strip_name = "Two"
    bpy.ops.s2c.add_hands()
    scene.s2c_settings.armature = bpy.context.view_layer.objects.active = None
    drawn = draw(panel, folded=True)
    assert next_step(bpy.context).choice == "armature" and "armature" in drawn.properties
    scene.s2c_settings.armature = bpy.data.objects["S2C Hands"]
    assert next_step(bpy.context).operator == "s2c.generate"


def no_generator(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("S2C_WORKER_PYTHON", raising=False)
    session.config = SessionConfig(data_folder=tmp_path)
    session.look_at_runtime(bpy.context)


@BOTH
def test_without_a_generator_the_first_step_leads_to_it(scene, panel, tmp_path, monkeypatch):
    no_generator(monkeypatch, tmp_path)
    drawn = draw(panel, folded=True)
    if bpy.app.online_access:
        assert drawn.names() == ["s2c.install_runtime", "s2c.open_guide"]
    else:
        assert drawn.names() == ["screen.userpref_show", "s2c.open_guide"]
        assert drawn.operators[0][1].section == "SYSTEM" and "Allow Online Access" in drawn.text()
    monkeypatch.setenv("S2C_WORKER_PYTHON", str(tmp_path / "gone"))
    session.look_at_runtime(bpy.context)
    drawn = draw(panel, folded=True)
    assert drawn.names() == ["preferences.addon_show", "s2c.open_guide"] and "does not exist" in drawn.text()


@BOTH
def test_nothing_is_said_or_offered_twice(scene, tmp_path, monkeypatch, panel):
    def check():
        drawn = draw(panel)
        sentences = [text for text in drawn.texts if text.endswith(".")]
        assert len(set(sentences)) == len(sentences), sentences
        once = set(drawn.names()) - {"s2c.regenerate_hand", "s2c.regenerate_range", "s2c.add_recording"}
        for name in once - {"s2c.add_hands"}:  # the step, and the field's own button under its header
            assert drawn.names().count(name) == 1, name

    check()
    furnish(scene, tmp_path)
    check()
    bpy.ops.s2c.generate()
    check()
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    check()
    no_generator(monkeypatch, tmp_path)
    check()


@BOTH
def test_a_grey_buttons_reason_stands_under_it(scene, tmp_path, panel):
    furnish(scene, tmp_path)
    bpy.ops.s2c.generate()
    scene.sequence_editor.strips.remove(scene.sequence_editor.strips[0])
    assert draw(panel, folded=True).text().count("There is no sound strip") == 1


# -- with a take ----------------------------------------------------------------------------------------


@BOTH
def test_a_take_offers_what_can_be_done_with_it(scene, tmp_path, panel):
    furnish(scene, tmp_path)
    assert not TAKE_BUTTONS & set(draw(panel).names())
    bpy.ops.s2c.generate()
    drawn = draw(panel)
    assert {*TAKE_BUTTONS, "s2c.generate", "s2c.export_fbx", "s2c.apply_take"} <= set(drawn.names())
    for name, hands in (("hand", ["LEFT", "RIGHT"]), ("range", ["BOTH", "LEFT", "RIGHT"])):
        assert [button.hand for idname, button in drawn.operators if idname.endswith(f"_{name}")] == hands
    assert {"redo_start", "redo_end"} <= set(drawn.properties)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 7, 21
    preview = draw(panel)
    assert "Frames 7 to 21" in preview.text() and "redo_start" not in preview.properties


@BOTH
def test_every_setting_is_under_a_header(scene, tmp_path, panel):
    furnish(scene, tmp_path)
    drawn = draw(panel)
    wanted = {
        "strip_name",
        "armature",
        "range_mode",
        "seed",
        "seed_random",
        "contact",
        "model_folder",
        *STYLES,
    }
    assert wanted <= set(drawn.properties) and "frame_start" not in drawn.properties
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
    assert drawn.enabled == [False] * 4  # no setting can be changed under the job's feet
    session.cancel()
    assert draw(panel).progress[0][1] == "Cancelling"
    pump_until(lambda: not session.active)
    drawn = draw(panel)
    assert "Cancelled." in drawn.texts and "s2c.generate" in drawn.names()


@BOTH
def test_the_result_line_and_a_muted_strip(scene, tmp_path, monkeypatch, panel):
    furnish(scene, tmp_path)
    scene.sequence_editor.strips[0].mute = True
    monkeypatch.setattr(panels.strip_audio, "heard_note", lambda _context, _name: "It is muted.")
    assert draw(panel).texts.count("It is muted.") == 1  # worth knowing before Generate
    bpy.ops.s2c.generate()
    text = draw(panel).text()
    assert "seed 1" in text and "F1" not in text
    use_worker(monkeypatch, tmp_path, "slow")
    session.order_take(bpy.context, order_new_take(bpy.context, 2))
    assert "seed1" not in draw(panel).text()
    session.cancel()


@BOTH
def test_the_style_shows_the_size_of_the_hands(scene, tmp_path, panel):
    furnish(scene, tmp_path)
    bpy.context.object["s2c_hand_size"] = 0.95
    assert "Hand Size -0.50" in draw(panel).text()
    scene.s2c_settings.looseness = 3.0
    assert scene.s2c_settings.looseness == 1.0


def test_the_generator_knows_every_style(registered):
    assert ["hand_size", *STYLES] == STYLES_OF_THE_GENERATOR
    sliders = bpy.context.scene.s2c_settings
    assert list(sliders.style()) == STYLES_OF_THE_GENERATOR[1:]
    for name in STYLES:
        limits = sliders.bl_rna.properties[name]
        assert (limits.hard_min, limits.hard_max) == (-1.0, 1.0)


# -- the generator --------------------------------------------------------------------------------------


@BOTH
def test_an_installation_shows_how_far_it_is(scene, panel, tmp_path, monkeypatch):
    no_generator(monkeypatch, tmp_path)
    session.installer.status = Status(
        State.RUNNING, stage="Downloading packages", step=1, of=4, log="Collecting torch"
    )
    drawn = draw(panel)
    assert drawn.progress == [(0.25, "Downloading packages (2 of 4)")] and "Collecting torch" in drawn.text()
    assert "s2c.cancel" in drawn.names() and "s2c.install_runtime" not in drawn.names()
    session.installer.status = Status(State.FAILED, "The disk is full.", "install")
    assert "The disk is full." in draw(panel, folded=True).text()


@BOTH
def test_a_check_shows_versions_devices_and_a_timed_test(scene, panel):
    bpy.ops.s2c.check_runtime()
    text = draw(panel).text()
    assert "torch 2.13.0" in text and "cpu, 23.0 GB" in text and "Test: 2 s of music in 0.1 s on cpu" in text


class Page:
    """Preferences as the page reads them."""

    show_advanced = False

    def __init__(self):
        self.bl_rna = S2C_Preferences.bl_rna  # only complete once it is registered


def draw_page(page):
    class Drawer:
        def draw(self, context):
            preferences_page.draw(self.layout, context, page)

    return draw(Drawer)


def test_the_preferences_say_where_the_panel_is_and_fold_the_rest(scene, tmp_path, monkeypatch):
    page = Page()
    drawn = draw_page(page)
    assert drawn.texts[0] == PANEL_HINT and "S2C tab" in PANEL_HINT
    assert drawn.properties == ["show_advanced"] and "The generator is ready." in drawn.texts
    assert "s2c.show_panel" in drawn.names() and "s2c.delete_runtime" not in drawn.names()
    no_generator(monkeypatch, tmp_path)
    step = "s2c.install_runtime" if bpy.app.online_access else "screen.userpref_show"
    assert step in draw_page(page).names()
    page.show_advanced = True
    drawn = draw_page(page)
    assert {"device", "python_path", "runtime_folder"} <= set(drawn.properties)
    assert "s2c.delete_runtime" in drawn.names()


# -- what is drawn, and where ---------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "scale"), [(200, 1.0), (292, 1.0), (584, 2.0), (400, 2.0)])
def test_sentences_and_buttons_fit_the_sidebar(scene, tmp_path, width, scale):
    furnish(scene, tmp_path)
    bpy.ops.s2c.generate()
    context, room = Region(width, scale), width / scale - drawing.MARGIN
    drawn = draw(panels.S2C_PT_view3d, context=context)
    wide = {text: drawing.text_width(context, text) for text in (*drawn.texts, *drawn.labels)}
    assert len(wide) > 20
    assert not {text: w for text, w in wide.items() if w > room}
    assert max(drawing.text_width(context, title) for title in drawn.titles) <= room - drawing.ICON
    session.machine.status = Status(State.FAILED, "A very long sentence about what went wrong. " * 4, "x")
    assert (
        max(drawing.text_width(context, text) for text in draw(panels.S2C_PT_view3d, context=context).texts)
        <= room
    )


def test_a_narrow_sidebar_has_one_button_a_row(scene):
    class Layout:
        def row(self, **_options):
            return "row"

        def column(self, **_options):
            return "column"

    assert [
        drawing.buttons(Layout(), Region(width, scale)) for width, scale in ((200, 1), (300, 1), (400, 2))
    ] == [
        "column",
        "row",
        "column",
    ]


def test_a_word_wider_than_the_sidebar_is_cut_in_pieces(scene):
    context = Region(200)
    lines = drawing.wrap(context, "The file " + "w" * 90 + ".flac is missing.", 120.0)
    assert "".join(lines).replace(" ", "") == "Thefile" + "w" * 90 + ".flacismissing."
    assert max(drawing.text_width(context, line) for line in lines) <= 120


def test_progress_that_does_not_fit_its_bar_stands_above_it(scene, tmp_path, monkeypatch):
    furnish(scene, tmp_path)
    use_worker(monkeypatch, tmp_path, "slow")
    session.order_take(bpy.context, order_new_take(bpy.context, 1))
    pump_until(lambda: session.machine.status.step == 1)
    drawn = draw(panels.S2C_PT_view3d, context=Region(200))
    assert drawn.progress[0][1] == "33%" and "Moving the hands" in drawn.text()
    session.cancel()


def test_drawing_looks_at_no_file(scene, tmp_path, monkeypatch):
    furnish(scene, tmp_path)

    def no_files(*_arguments, **_options):
        raise AssertionError("draw() must not look at files")

    for made in (False, True):
        if made:
            bpy.ops.s2c.generate()
        with monkeypatch.context() as patch:
            for name in ("builtins.open", "io.open", "os.stat", "os.listdir", "os.scandir"):
                patch.setattr(name, no_files)
            drawn = draw(panels.S2C_PT_view3d)
        assert "s2c.generate" in drawn.names()


def test_every_operator_and_property_has_a_tooltip(scene):
    kinds = [properties.S2C_Settings, properties.S2C_LeftOutNote, S2C_Preferences]
    for name in dir(bpy.ops.s2c):
        kind = getattr(bpy.ops.s2c, name).get_rna_type()
        assert len(kind.description) > 15, name
        kinds.append(kind)
    silent = {"rna_type", "bl_idname", "name", "filepath", "filter_glob", "left_out"}
    for kind in kinds:
        rna = getattr(kind, "bl_rna", kind)
        for item in rna.properties:
            hidden = item.identifier in silent or item.is_hidden
            assert hidden or item.description, (rna.identifier, item.identifier)


def test_a_grey_button_says_why(scene):
    from s2c_blender.install import operators
    from s2c_blender.ui.operators import jobs

    assert "no sound strip" in jobs.S2C_OT_generate.disabled_reason(bpy.context)
    assert "no hands" in jobs.S2C_OT_regenerate_hand.disabled_reason(bpy.context)
    assert "Nothing is running" in jobs.S2C_OT_cancel.disabled_reason(bpy.context)
    if not bpy.app.online_access:
        assert "online" in operators.S2C_OT_install_runtime.disabled_reason(bpy.context)
    with pytest.raises(RuntimeError, match="Nothing is running"):
        bpy.ops.s2c.cancel()
