# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: round trips, one line of JSON, exit codes, one sentence for what goes wrong."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from midi_bytes import name as named
from midi_bytes import notes, program, smf

from models.app import cli
from models.body.notes import Notes
from models.body.take import Take
from models.music.midi import write_midi

NOTES = Notes.from_arrays([[0.2, 0.6, 60, 80], [0.7, 1.0, 64, 80], [1.1, 1.6, 48, 70]])


@pytest.fixture
def midi(tmp_path: Path) -> Path:
    path = tmp_path / "notes.mid"
    write_midi(path, NOTES)
    return path


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Facts of a command that succeeds with --json; stdout must be that line alone."""
    assert cli.main([*arguments, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    facts: dict[str, Any] = json.loads(out)
    return facts


def generate(tiny_preset: Path, midi: Path, output: Path, *more: str) -> list[str]:
    return ["generate", str(midi), "-o", str(output), "--preset", str(tiny_preset), "--steps", "2", *more]


def test_generate_then_evaluate(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    output = tmp_path / "take.npz"
    facts = run_json(
        capsys, *generate(tiny_preset, midi, output, "--seed", "5", "--fps", "25", "--style", "hand_size=1")
    )
    take = Take.load(output)
    assert facts["take"] == str(output) and facts["frames"] == take.motion.frames and facts["seed"] == 5
    assert facts["fps"] == take.motion.fps == 25
    assert {"load", "sample", "contact", "total"} <= set(facts["seconds"])
    assert len(facts["midi_sha256"]) == 64 and facts["weights_sha256"] and facts["device"]
    figures = run_json(capsys, "evaluate", str(output), "--midi", str(midi))
    assert figures["onset_f1"] == pytest.approx(facts["onset_f1"], abs=1e-4)
    assert figures["notes"] == 3 and figures["hand_size"] == pytest.approx(1.1)
    assert cli.main(["evaluate", str(output)]) == 0
    assert "onset f1" in capsys.readouterr().out


def test_a_part_of_a_wrapped_band_file_and_what_is_said_of_it(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, tmp_path: Path
) -> None:
    song = smf(named("Voice") + program(53) + notes((64, 65, 67)), named("Piano") + notes((60, 62), 1))
    path = tmp_path / "song.rmi"
    path.write_bytes(b"RIFF\xff\0\0\0RMIDdata" + len(song).to_bytes(4, "little") + song)
    output = tmp_path / "take.npz"
    assert cli.main(generate(tiny_preset, path, output)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("1 Voice (3 notes, left out); 2 Piano (2 notes)" in line for line in lines)
    assert any(line.startswith('Of the MIDI file\'s parts "Piano" (part 2) is played') for line in lines)
    assert Take.load(output).notes.pitch.tolist() == [60, 62]
    facts = run_json(capsys, *generate(tiny_preset, path, output, "--part", "voice"))
    assert [part["chosen"] for part in facts["parts"]] == [True, False]
    assert facts["remarks"][0]["code"] == "other_parts"
    take = Take.load(output)
    assert take.notes.pitch.tolist() == [64, 65, 67] and take.meta["midi_part"] == "voice"
    assert cli.main(generate(tiny_preset, path, output, "--part", "Harp")) == 1
    assert 'has no part "Harp"; its parts are "Voice" (part 1)' in capsys.readouterr().err


def test_a_midi_file_without_a_piano_says_why_there_is_nothing(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, tmp_path: Path
) -> None:
    path = tmp_path / "drums.mid"
    path.write_bytes(smf(notes((36, 38), 9)))
    assert cli.main(generate(tiny_preset, path, tmp_path / "take.npz")) == 1
    assert "The MIDI file has only drums" in capsys.readouterr().err


def test_same_seed_same_take_other_seed_another(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    takes = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        run_json(
            capsys, *generate(tiny_preset, midi, tmp_path / f"{name}.npz", "--seed", seed, "--contact", "0")
        )
        takes.append(Take.load(tmp_path / f"{name}.npz").motion)
    assert np.array_equal(takes[0].euler, takes[1].euler) and np.array_equal(takes[0].wrist, takes[1].wrist)
    assert not np.allclose(takes[0].euler, takes[2].euler)


def test_redo_one_hand_keeps_the_other(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    first, again = tmp_path / "first.npz", tmp_path / "again.npz"
    run_json(capsys, *generate(tiny_preset, midi, first, "--seed", "1"))
    more = ["--keep", str(first), "--hand", "left", "--seed", "2"]
    run_json(capsys, "generate", "-o", str(again), "--preset", str(tiny_preset), "--steps", "2", *more)
    before, after = Take.load(first), Take.load(again)
    assert np.array_equal(before.motion.euler[:, 1], after.motion.euler[:, 1])
    assert np.array_equal(before.motion.wrist[:, 1], after.motion.wrist[:, 1])
    assert not np.array_equal(before.motion.euler[:, 0], after.motion.euler[:, 0])
    assert before.notes.same_strokes(after.notes)
    assert after.meta["midi_sha256"] == before.meta["midi_sha256"]


def test_a_part_of_the_midi(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    output = tmp_path / "take.npz"
    run_json(capsys, *generate(tiny_preset, midi, output, "--sound-start", "0.5", "--sound-end", "1.05"))
    take = Take.load(output)
    assert take.notes.pitch.tolist() == [60, 64]
    assert np.allclose(take.notes.onset_s, [0, 0.2], atol=2e-3)
    assert np.allclose(take.notes.offset_s, [0.1, 0.5], atol=2e-3)
    assert take.motion.frames / take.motion.fps == pytest.approx(0.55, abs=0.04)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generate", "gone.wav", "-o", "take.npz"], '"gone.wav"'),
        (["generate", "{midi}", "-o", "no/such/folder/take.npz"], "folder"),
        (["generate", "{midi}", "-o", "{tmp}/take.npz", "--contact", "2"], '"contact"'),
        (["generate", "{midi}", "-o", "{tmp}/take.npz", "--hand", "left"], '"keep"'),
        (["generate", "{midi}", "-o", "{tmp}/take.npz", "--preset", "nobody"], "nobody"),
        (["generate", "-o", "{tmp}/take.npz"], "nothing to play"),
        (["evaluate", "{tmp}/gone.npz"], "gone.npz"),
        (["evaluate", "{midi}"], "notes.mid"),
    ],
)
def test_failures_are_one_sentence(
    capsys: pytest.CaptureFixture[str], midi: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    filled = [argument.format(midi=midi, tmp=tmp_path) for argument in arguments]
    assert cli.main(filled) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and words in err and err.count("\n") == 1 and "Traceback" not in err
    assert cli.main([*filled, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_silence_has_no_notes(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    assert cli.main(generate(tiny_preset, midi, tmp_path / "take.npz", "--sound-start", "50")) == 1
    assert "No piano notes" in capsys.readouterr().err
    assert not (tmp_path / "take.npz").exists()


@pytest.mark.parametrize(
    "arguments", [[], ["generate", "a.wav"], ["generate", "a", "-o", "b", "--style", "size=1"]]
)
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2


def test_interrupted_is_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, midi: Path, tmp_path: Path
) -> None:
    from models.app.pipeline import Pipeline

    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Pipeline, "generate", interrupt)
    assert cli.main(["generate", str(midi), "-o", str(tmp_path / "take.npz")]) == 130
    assert "Interrupted" in capsys.readouterr().err


def test_benchmark_measures_stages_and_memory(capsys: pytest.CaptureFixture[str], tiny_preset: Path) -> None:
    facts = run_json(capsys, "benchmark", "--preset", str(tiny_preset), "--device", "cpu", "--short")
    for engine in ("onnx", "torch"):
        window = facts[engine]["window_8_s"]
        assert window["together_s"] == pytest.approx(window["networks_s"] + window["contact_s"], abs=2e-3)
        assert window["real_time_factor"] == pytest.approx(window["together_s"] / 8, abs=1e-3)
        assert facts[engine]["load_s"] > 0 and "song_5_min" not in facts[engine]
    assert facts["versions"]["onnxruntime"] and facts["threads"] >= 1


def test_module_runs_as_a_program() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "models", "--version"], capture_output=True, cwd=root, check=True
    )
    assert done.stdout.strip().decode() == __import__("models").__version__


@pytest.mark.parametrize("command", ["generate", "transcribe"])
def test_a_result_never_takes_the_place_of_its_input(
    tiny_preset: Path, midi: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    before = midi.read_bytes()
    more = ["--preset", str(tiny_preset)] if command == "generate" else []
    assert cli.main([command, str(midi), "-o", str(midi), *more]) != 0
    assert "take the place of" in capsys.readouterr().err
    assert midi.read_bytes() == before


@pytest.mark.parametrize("count", ["0", "-3", "257", "9" * 40])
def test_a_number_of_threads_that_no_computer_has(
    capsys: pytest.CaptureFixture[str], midi: Path, tmp_path: Path, count: str
) -> None:
    assert cli.main(["generate", str(midi), "-o", str(tmp_path / "t.npz"), "--threads", count]) == 1
    message = capsys.readouterr().err
    assert "must be a whole number from 1 to 256" in message and len(message) < 120


def test_an_end_far_behind_the_music_is_cut_and_told(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, midi: Path, tmp_path: Path
) -> None:
    output = tmp_path / "take.npz"
    facts = run_json(capsys, *generate(tiny_preset, midi, output, "--sound-end", "20000"))
    assert facts["cut_to_s"] == pytest.approx(31.6, abs=0.01) and facts["frames"] == 948
    assert "cut_to_s" not in Take.load(output).meta
    facts = run_json(capsys, *generate(tiny_preset, midi, output, "--sound-end", "10"))
    assert "cut_to_s" not in facts and facts["frames"] == 300
