# SPDX-License-Identifier: GPL-3.0-or-later
"""The road from sound to take, with the transcription replaced by notes that we know."""

import importlib.util
import json
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import models.app.pipeline
import models.music.transcription.onnx_network
import models.music.transcription.transcribe
from models.app.pipeline import Pipeline
from models.app.progress import StageClock
from models.app.request import GenerateRequest, LoadRequest, TranscribeRequest
from models.app.time_estimates import Expectations, Work
from models.app.transcriber import forget_transcriber, load_transcriber
from models.body.notes import Notes
from models.body.take import Take
from models.errors import Cancelled, UserError
from models.evaluation.scores import evaluate_take, note_score
from models.music.midi import read_midi, write_midi
from models.music.transcription.transcribe import Transcription

WITHOUT_TRANSKUN = pytest.mark.skipif(
    importlib.util.find_spec("transkun") is None, reason="transkun is not installed"
)
NOTES = Notes.from_arrays(np.array([[0.2, 0.6, 60, 80], [0.7, 1.0, 64, 80]], np.float32))
RATE = 8000


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.wav"
    time = np.arange(3 * RATE) / RATE
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 262 * time), RATE)
    return path


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of every sound that was transcribed."""
    lengths: list[float] = []

    def transcribe(audio: Any, network: Any, progress: Any) -> Transcription:
        lengths.append(audio.duration_s)
        for step in range(4):
            progress("transcribe", step, 3)
        return Transcription(NOTES)

    monkeypatch.setattr(models.music.transcription.transcribe, "transcribe", transcribe)
    monkeypatch.setattr(models.app.pipeline, "load_transcriber", lambda device: None)
    return lengths


def as_heard(notes: Notes) -> bool:
    """Whether they are `NOTES`; how loud a note is says the sound, too (test_velocities.py)."""
    return np.allclose(notes.table[:, :3], NOTES.table[:, :3], atol=2e-3)


def request(tiny_preset: Path, output: Path, **more: Any) -> GenerateRequest:
    return GenerateRequest(output=output, preset=str(tiny_preset), steps=1, device="cpu", **more)


def test_another_take_of_a_sound_is_not_transcribed_again(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path
) -> None:
    pipeline = Pipeline()
    first = pipeline.generate(request(tiny_preset, tmp_path / "a.npz", sound=sound, seed=1))
    assert heard == [3.0]
    assert first.take.motion.frames == 90 and as_heard(first.take.notes)
    assert "transcribe" in first.facts["seconds"] and len(first.facts["sound_sha256"]) == 64
    pipeline.generate(request(tiny_preset, tmp_path / "b.npz", sound=sound, seed=2))
    assert heard == [3.0]
    pipeline.generate(
        request(tiny_preset, tmp_path / "c.npz", sound=sound, sound_start_s=1.0, sound_end_s=2.5)
    )
    assert heard == [3.0, 1.5]
    # Another process knows the notes from the take that it keeps.
    more = {"keep": tmp_path / "a.npz", "hand": "right"}
    again = Pipeline().generate(request(tiny_preset, tmp_path / "d.npz", sound=sound, **more))
    assert heard == [3.0, 1.5]
    assert again.take.meta["sound_sha256"] == first.take.meta["sound_sha256"]
    assert np.array_equal(again.take.motion.euler[:, 0], first.take.motion.euler[:, 0])


def test_a_take_of_another_sound_does_not_lend_its_notes(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path
) -> None:
    pipeline = Pipeline()
    pipeline.generate(request(tiny_preset, tmp_path / "a.npz", sound=sound))
    other = tmp_path / "other.wav"
    soundfile.write(other, 0.1 * np.random.default_rng(0).normal(size=2 * RATE), RATE)
    pipeline.generate(
        request(tiny_preset, tmp_path / "b.npz", sound=other, keep=tmp_path / "a.npz", range=(0.5, 1))
    )
    assert heard == [3.0, 2.0]


def test_the_same_pieces_are_not_heard_again_and_others_are(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path
) -> None:
    pipeline = Pipeline()
    whole = [{"path": sound, "start_s": 0.0, "end_s": 3.0, "at_s": 0.5}]
    cut = [
        {"path": sound, "start_s": 1.0, "end_s": 3.0, "at_s": 1.5},
        {"path": sound, "start_s": 0.0, "end_s": 1.0, "at_s": 0.5},
    ]
    first = pipeline.generate(request(tiny_preset, tmp_path / "a.npz", sounds=whole))
    assert heard == [3.5] and first.take.motion.frames == 105 and as_heard(first.take.notes)
    second = pipeline.generate(request(tiny_preset, tmp_path / "b.npz", sounds=cut, seed=2))
    assert heard == [3.5]  # cut in two, the same is heard
    assert second.facts["sound_sha256"] == first.facts["sound_sha256"] == first.take.meta["sound_sha256"]
    moved = [cut[0], {**cut[1], "at_s": 0.0}]
    third = pipeline.generate(request(tiny_preset, tmp_path / "c.npz", sounds=moved))
    softer = [cut[0], {**cut[1], "gain": 0.25}]
    pipeline.generate(request(tiny_preset, tmp_path / "d.npz", sounds=softer))
    assert heard == [3.5] * 3 and third.facts["sound_sha256"] != first.facts["sound_sha256"]
    # Another process knows the notes from the take that it keeps.
    more = {"keep": tmp_path / "a.npz", "hand": "right"}
    Pipeline().generate(request(tiny_preset, tmp_path / "e.npz", sounds=cut, **more))
    assert heard == [3.5] * 3


def test_the_take_of_pieces_ends_with_the_last_of_them_to_the_frame(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path
) -> None:
    for frames in (25, 26, 27, 43):
        pieces = [
            {"path": sound, "start_s": 0.0, "end_s": 0.5, "at_s": (frames - 12) / 24},
            {"path": sound, "start_s": 0.2, "end_s": 0.4, "at_s": 0.0},
        ]
        made = Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", sounds=pieces, fps=24))
        assert made.take.motion.frames == frames


def test_silent_pieces_are_said_by_name(tiny_preset: Path, sound: Path, tmp_path: Path) -> None:
    pieces = [{"path": sound, "start_s": 0.0, "end_s": 3.0, "at_s": 0.0, "gain": 0.0}]
    with pytest.raises(UserError, match=r'"sound\.wav" is silent'):
        Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", sounds=pieces))
    assert not (tmp_path / "a.npz").exists()


def test_midi_in_the_time_of_pieces_gives_the_notes_and_the_pieces_the_length(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path
) -> None:
    midi = tmp_path / "notes.mid"
    write_midi(midi, NOTES.with_hands(np.array([0, 1])))
    pieces = [{"path": sound, "start_s": 0.0, "end_s": 1.0, "at_s": 3.0}]
    made = Pipeline().generate(
        request(tiny_preset, tmp_path / "a.npz", sounds=pieces, midi=midi, align=False)
    )
    assert heard == [] and made.take.motion.frames == 120 and len(made.take.notes) == 2


@WITHOUT_TRANSKUN
def test_a_recording_cut_in_two_is_heard_as_the_whole_and_moved_apart_later(
    tiny_preset: Path, tmp_path: Path
) -> None:
    pipeline, demo = Pipeline(), Path(__file__).parents[2] / "demo" / "recording.flac"
    cut_s, end_s, gap_s = 2.9, 6.0, 1.5

    def notes(at_s: float) -> Notes:
        pieces = [
            {"path": demo, "start_s": 0.0, "end_s": cut_s, "at_s": 0.0},
            {"path": demo, "start_s": cut_s, "end_s": end_s, "at_s": at_s},
        ]
        return pipeline.generate(request(tiny_preset, tmp_path / "a.npz", sounds=pieces)).take.notes

    whole = pipeline.generate(
        request(tiny_preset, tmp_path / "a.npz", sound=demo, sound_end_s=end_s)
    ).take.notes
    assert notes(cut_s).same_strokes(whole)
    apart = notes(cut_s + gap_s)
    later = np.where(whole.onset_s > cut_s, np.float32(gap_s), 0)
    moved = replace(whole, onset_s=whole.onset_s + later, offset_s=whole.offset_s + later)
    assert (moved.onset_s > cut_s + gap_s).any() and (moved.onset_s < cut_s).any()
    assert note_score(apart, moved).f1 > 0.9 > 0.8 > note_score(apart, whole).f1


def test_midi_in_the_time_of_a_sound_gives_the_notes_and_the_sound_the_length(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path
) -> None:
    midi = tmp_path / "notes.mid"
    write_midi(midi, NOTES.with_hands(np.array([0, 1])))
    made = Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", sound=sound, midi=midi, align=False))
    assert heard == [] and made.take.motion.frames == 90
    assert {"sound_sha256", "midi_sha256"} <= set(made.take.meta)
    assert made.take.notes.hand.tolist() == [0, 1]


@WITHOUT_TRANSKUN
def test_a_score_beside_its_recording_is_laid_over_it(tiny_preset: Path, tmp_path: Path) -> None:
    demo = Path(__file__).parents[2] / "demo"
    asked = {"sound": demo / "recording.flac", "midi": demo / "score.mid", "contact": 0.0}
    made = Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", **asked))
    true, found = read_midi(demo / "recording.mid").notes, made.take.notes
    assert len(found) == len(true)
    off = [
        np.abs(true.onset_s[true.pitch == p] - t).min()
        for t, p in zip(found.onset_s, found.pitch, strict=True)
    ]
    assert np.median(off) < 0.02 and np.percentile(off, 95) < 0.05
    assert made.facts["fit"]["matched"] == made.facts["fit"]["notes"] == len(true)
    assert "90 of 90 notes" in made.facts["fit"]["sentence"]
    # The score's hands go with its notes, and the recording gives the length.
    assert set(found.hand.tolist()) == {0, 1}
    assert {"sound_sha256", "midi_sha256"} <= set(made.take.meta)

    # One hand made anew: the kept take has the notes in the recording's time, so nothing is laid over anything again.
    redo = request(tiny_preset, tmp_path / "b.npz", **asked, keep=tmp_path / "a.npz", hand="left", seed=5)
    again = Pipeline().generate(redo)
    assert again.take.notes.same_strokes(found)
    assert np.array_equal(again.take.motion.euler[:, 1], made.take.motion.euler[:, 1])


@pytest.mark.parametrize("stage", ["prepare", "transcribe", "load", "sample", "contact", "write"])
def test_cancelled_in_any_stage_nothing_is_written(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path, stage: str
) -> None:
    def listen(now: str, step: int, of: int, seconds_left: float | None) -> None:
        if now == stage and step == 0:
            raise Cancelled

    before = set(tmp_path.iterdir())
    with pytest.raises(Cancelled):
        Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", sound=sound), StageClock(listen))
    assert set(tmp_path.iterdir()) == before


def test_time_left_is_known_as_soon_as_the_sound_is_read(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path
) -> None:
    said: dict[str, list[float | None]] = {}

    def listen(stage: str, step: int, of: int, seconds_left: float | None) -> None:
        said.setdefault(stage, []).append(seconds_left)

    pipeline = Pipeline()
    pipeline.generate(request(tiny_preset, tmp_path / "a.npz", sound=sound), StageClock(listen))
    assert list(said) == ["prepare", "load", "transcribe", "sample", "contact", "write"]
    assert None not in [left for stage, lefts in said.items() if stage != "prepare" for left in lefts]
    # Two models to load, at first; what is loaded is not expected again, nor what was heard.
    first, loaded = said["load"][0], said["load"][-1]
    assert first is not None and loaded is not None and first > loaded + 1.5 > 1.5
    said.clear()
    pipeline.generate(request(tiny_preset, tmp_path / "b.npz", sound=sound), StageClock(listen))
    again = said["load"][0]
    assert (
        list(said) == ["prepare", "load", "sample", "contact", "write"]
        and again is not None
        and again < first
    )


def test_a_pipeline_learns_from_its_jobs(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[tuple[Work, dict[str, float]]] = []
    monkeypatch.setattr(Expectations, "learn", lambda self, work, seconds: taught.append((work, seconds)))
    pipeline = Pipeline()
    made = pipeline.generate(request(tiny_preset, tmp_path / "a.npz", sound=sound))
    (work, seconds) = taught.pop()
    assert seconds == made.facts["seconds"] and (work.duration_s, work.listens, work.steps) == (3.0, True, 1)
    more = {"keep": tmp_path / "a.npz", "range": (1.0, 2.0), "sound": sound}
    pipeline.generate(request(tiny_preset, tmp_path / "b.npz", **more))
    work, _ = taught.pop()
    assert (work.listens, work.range_s, work.loads) == (False, (1.0, 2.0), ())
    pipeline.transcribe(
        TranscribeRequest(sound=sound, output=tmp_path / "n.mid", device="cpu", sound_end_s=2)
    )
    work, seconds = taught.pop()
    assert work.listens and work.model is None and "transcribe" in seconds


@WITHOUT_TRANSKUN
def test_unload_forgets_the_transcriber_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    network_class = models.music.transcription.onnx_network.OnnxNoteNetwork
    monkeypatch.setattr(
        models.music.transcription.onnx_network,
        "OnnxNoteNetwork",
        lambda folder: loaded.append("cpu") or network_class(folder),
    )
    forget_transcriber()
    demo = Path(__file__).parents[2] / "demo" / "recording.flac"

    def transcribe(end_s: float) -> weakref.ref[Any]:
        order = TranscribeRequest(sound=demo, output=tmp_path / "n.mid", device="cpu", sound_end_s=end_s)
        pipeline.transcribe(order)
        return weakref.ref(load_transcriber("cpu"))

    pipeline = Pipeline()
    network = transcribe(1.0)
    transcribe(1.5)
    assert loaded == ["cpu"] and network() is not None
    pipeline.unload()
    assert network() is None  # its memory is given back
    transcribe(2.0)
    assert loaded == ["cpu", "cpu"]


def test_transcribe_writes_notes(sound: Path, heard: list[float], tmp_path: Path) -> None:
    output = tmp_path / "notes.mid"
    facts = Pipeline().transcribe(TranscribeRequest(sound=sound, output=output, device="cpu"))
    assert facts["notes"] == 2 and facts["duration_s"] == 3.0
    assert as_heard(read_midi(output).notes)
    assert {path.name for path in tmp_path.iterdir()} == {"sound.wav", "notes.mid"}


def test_models_are_loaded_once_and_forgotten_on_unload(tiny_preset: Path) -> None:
    pipeline = Pipeline()
    wanted = LoadRequest(preset=str(tiny_preset), device="cpu")
    first = pipeline.load(wanted)
    assert pipeline.load(wanted) is first
    pipeline.unload()
    assert pipeline.load(wanted) is not first


def test_a_protected_folder_is_said_before_the_work(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import whole_file as module
    from models.app.error_messages import error_for_user

    def protected(*arguments: Any, **more: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "a.npz"))

    monkeypatch.setattr(module.tempfile, "NamedTemporaryFile", protected)
    with pytest.raises((OSError, UserError)) as caught:
        Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", sound=sound))
    assert error_for_user(caught.value).code == "not_writable" and heard == []


def test_the_take_says_where_it_comes_from(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path
) -> None:
    Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", sound=sound, seed=7, style={"curl": 0.5}))
    meta = Take.load(tmp_path / "a.npz").meta
    assert meta["seed"] == 7 and meta["preset"] == "tiny" and meta["style"] == {"curl": 0.5}
    assert meta["steps"] == 1 and meta["sampler"] and meta["weights_sha256"] and meta["version"]
    assert meta["sound_sha256"] and meta["sound_start_s"] == 0.0


CHORD = Notes.from_arrays([[0.5, 1.5, pitch, 80] for pitch in (30, 33, 60, 62, 64, 95, 98)])
"""Keys at once in more places than there are hands."""


def chord_out_of_reach(path: Path) -> Path:
    write_midi(path, CHORD)
    return path


def adds_up(facts: dict[str, Any]) -> bool:
    return bool(facts["notes"] == facts["notes_played"] + facts["left_out_total"])


def test_what_hands_cannot_play_is_named_with_time_and_pitch(tiny_preset: Path, tmp_path: Path) -> None:
    midi = chord_out_of_reach(tmp_path / "chord.mid")
    facts = Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", midi=midi)).facts
    assert facts["notes"] == 7 and 1 <= facts["notes_played"] <= 5 and adds_up(facts)
    assert facts["left_out_total"] == len(facts["left_out"])
    pitches = [note["pitch"] for note in facts["left_out"]]
    assert pitches == sorted(pitches) and set(pitches) < set(CHORD.pitch.astype(int).tolist())
    assert all(note["time_s"] == pytest.approx(0.5, abs=2e-3) for note in facts["left_out"])
    assert json.loads(json.dumps(facts)) == facts


def test_the_facts_agree_with_the_evaluation_of_the_same_take(tiny_preset: Path, tmp_path: Path) -> None:
    midi = chord_out_of_reach(tmp_path / "chord.mid")
    for contact in (0.0, 1.0):
        made = Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", midi=midi, contact=contact))
        figures = evaluate_take(made.take, made.take.notes)
        names = {
            "notes_played": "onset_hits",
            "false_strikes": "onset_false",
            "left_out_total": "onset_missed",
        }
        assert all(made.facts[ours] == figures[theirs] for ours, theirs in names.items())
        assert made.facts["onset_f1"] == pytest.approx(figures["onset_f1"], abs=1e-4)


def test_without_contact_the_list_is_in_order_of_time_and_short(
    tiny_preset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models.app.pipeline, "MOST_LEFT_OUT", 3)
    late = replace(NOTES, pitch=np.float32([64, 60])).table  # the lower pitch comes later
    unison = np.concatenate([late, late[1:], [[1.2, 1.4, 62, 80], [1.6, 1.8, 61, 80]]])
    midi = tmp_path / "notes.mid"
    write_midi(midi, Notes.from_arrays(unison, hand=np.array([0, 0, 1, 0, 1])))
    facts = Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", midi=midi, contact=0.0)).facts
    # Random weights hold the hands where they press nothing in time; the unison of both hands is one press.
    assert (facts["notes"], facts["notes_played"], facts["left_out_total"]) == (4, 0, 4)
    assert [note["pitch"] for note in facts["left_out"]] == [64, 60, 62]


def test_more_notes_than_a_take_can_have_are_refused_in_a_sentence(
    tiny_preset: Path, sound: Path, heard: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.app.pipeline.MAX_NOTES", 1)
    with pytest.raises(UserError, match="2 notes in this; choose a part of at most 1"):
        Pipeline().generate(request(tiny_preset, tmp_path / "a.npz", sound=sound))


def test_the_time_left_goes_by_the_music_and_not_by_its_silences(tiny_preset: Path, tmp_path: Path) -> None:
    write_midi(tmp_path / "a.mid", Notes.from_arrays([[0.5, 1, 60, 80], [1000, 1001, 62, 80]]))
    pipeline, planned = Pipeline(), []
    plan = pipeline._expectations.plan
    pipeline._expectations.plan = lambda work: planned.append(work) or plan(work)  # type: ignore[method-assign, func-returns-value]
    pipeline.generate(request(tiny_preset, tmp_path / "a.npz", midi=tmp_path / "a.mid"))
    assert planned and all(work.duration_s == pytest.approx(19, abs=0.1) for work in planned)
