# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenes that hands are judged by: their notes, what is looked at, and the curves."""

from pathlib import Path

import numpy as np
import pytest

from demo.looks import moments, scenes
from models.body.kinematics import forward_kinematics
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from models.body.take import Take
from models.music.midi import read_midi, write_midi


@pytest.mark.parametrize("scene", scenes.SCENES, ids=lambda scene: scene.name)
def test_a_scene_survives_its_midi_file_and_is_looked_at_while_it_plays(
    scene: scenes.Scene, tmp_path: Path
) -> None:
    notes = scene.notes
    write_midi(tmp_path / "scene.mid", notes)
    back = read_midi(tmp_path / "scene.mid").notes
    assert sorted(zip(back.hand, back.pitch, strict=True)) == sorted(
        zip(notes.hand, notes.pitch, strict=True)
    )
    assert notes.onset_s[0] == scenes.LEAD_S and (np.diff(notes.onset_s) >= 0).all()
    frames = scene.frames(30.0, 8)
    assert len(frames) == 8 and frames == sorted(frames)
    assert notes.onset_s[0] * 30 < frames[0] and frames[-1] < notes.offset_s.max() * 30


def test_scenes_differ_in_what_they_are_named_for() -> None:
    pp, ff, legato, staccato, leap, breath = (
        scenes.scene_named(name).notes
        for name in ("melody_pp", "melody_ff", "legato", "staccato", "leap", "breath")
    )
    assert (
        (pp.pitch == ff.pitch).all()
        and (pp.onset_s == ff.onset_s).all()
        and (pp.velocity < ff.velocity).all()
    )
    right = legato.hand == RIGHT
    assert (legato.offset_s[right][:-1] > legato.onset_s[right][1:]).all()
    assert (staccato.offset_s[right][:-1] < staccato.onset_s[right][1:] - 0.2).all()
    assert np.abs(np.diff(leap.pitch[leap.hand == RIGHT])).min() == 24
    ends = np.maximum.accumulate(breath.offset_s)
    assert (breath.onset_s[1:] - ends[:-1]).max() == pytest.approx(1.0, abs=0.05)
    shown = [name for names in scenes.SHEETS.values() for name in names]
    assert shown == [scene.name for scene in scenes.SCENES]


def test_a_scene_that_cannot_be_seen_is_refused() -> None:
    tone = scenes.line((60,), 1.0, 60.0)
    with pytest.raises(ValueError, match="no notes"):
        scenes.Scene("x", "x", [], [], (0.0, 1.0))
    with pytest.raises(ValueError, match="nothing to see"):
        scenes.Scene("x", "x", [], tone, (1.0, 1.0))


def test_pictures_of_a_strip_say_what_sounds() -> None:
    notes = Notes.from_arrays([[1.0, 2.0, 60, 70], [1.5, 2.0, 64, 70]])
    strip = moments.strip(notes, 30.0, [15, 40, 50])
    assert [moment.caption(30.0) for moment in strip] == ["0.50 s  rest", "1.33 s  C4", "1.67 s  C4 E4"]


def test_curves_are_of_the_finger_that_plays_and_of_its_wrist() -> None:
    pytest.importorskip("matplotlib")
    from demo.looks.curves import playing_heights

    euler, wrist = np.zeros((60, 2, 16, 3), np.float32), np.zeros((60, 2, 3), np.float32)
    wrist[:, RIGHT, 2] = np.linspace(0.04, 0.08, 60)
    euler[:, RIGHT, 1, 0] = 0.5  # the index finger is bent down
    notes = Notes.from_arrays([[0.5, 1.0, 60, 70], [1.5, 2.0, 62, 70]], np.array([[RIGHT, 1], [RIGHT, 2]]))
    tip, height = playing_heights(Take(Motion(euler, wrist, 30.0), notes))
    np.testing.assert_allclose(height, wrist[:, RIGHT, 2])
    tips = forward_kinematics(euler, wrist).tips[:, RIGHT, :, 2]
    np.testing.assert_allclose(tip[:29], tips[:29, 1])
    np.testing.assert_allclose(tip[32:], tips[32:, 2])
    assert np.isnan(tip[29:32]).sum() == 1  # another finger's turn begins
    with pytest.raises(ValueError, match="plays nothing"):
        playing_heights(Take(Motion(euler, wrist, 30.0), notes), LEFT)
