# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever names and numbers come in, a command ends in one line that is safe on a terminal."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from models.app import cli
from models.errors import UserError, quoted
from models.plain_text import printable, sentence, shortened
from training.__main__ import main as training_main

ROOT = Path(__file__).parents[2]
ODD = "ev\nil\x1b[31m\udcff.npz"
"""A name with a line end, an escape sequence and a byte that is no UTF-8, as Python hands it over."""
MIDI = str(ROOT / "demo" / "score.mid")
NINES = "9" * 300


def end_of(capsys: pytest.CaptureFixture[str], main: Callable[..., int], *arguments: str) -> tuple[int, str]:
    """Exit code and all of stderr of a command; neither raw controls nor endless numbers are in what it says."""
    try:
        code = main(arguments)
    except SystemExit as ended:  # wrong usage
        code = int(ended.code or 0)
    out, said = capsys.readouterr()
    (out + said).encode("utf-8")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]|\d{60}|Traceback|did not foresee", out + said)
    return code, said


def test_what_cannot_be_shown_is_spelt_out() -> None:
    assert printable("ev\nil\x1b[31m\x9b\udcff\u202e.npz") == "ev\\x0ail\\x1b[31m\\x9b\\xff\\u202e.npz"
    assert printable("a\n\tb\r", keep="\n\t") == "a\n\tb\\x0d"
    assert printable("Größe 日本 👩‍🎹 … “ok”") == "Größe 日本 👩‍🎹 … “ok”"
    assert sentence(f"seed {NINES} and 1e300") == "seed 999999999999… (300 digits) and 1e300"
    assert len(sentence("a" * 100_000)) == 1200 and len(shortened("a" * 300)) == 120


def test_errors_and_quoted_names_are_one_line_by_themselves() -> None:
    assert UserError("x", f"{ODD} has {NINES} notes.").message == (
        "ev\\x0ail\\x1b[31m\\xff.npz has 999999999999… (300 digits) notes."
    )
    assert quoted("/films/secret/take 3.wav") == '"take 3.wav"'
    assert quoted("a" * 300).startswith('"aaa') and len(quoted("a" * 300)) == 122


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate", MIDI, "-o", "{tmp}/x.npz", f"--steps={NINES}"],
        ["generate", MIDI, "-o", "{tmp}/x.npz", f"--threads={NINES}"],
        ["generate", MIDI, "-o", "{tmp}/x.npz", "--device=\x1b[31mred\nline"],
        ["generate", MIDI, "-o", "{tmp}/" + "a" * 300 + ".npz"],
        ["generate", MIDI, "-o", "/dev/full"],
        ["generate", MIDI, "\x1b[31m", "-o", "{tmp}/x.npz"],
        ["generate", ODD, "-o", "{tmp}/x.npz"],
        ["transcribe", ODD, "-o", "{tmp}/x.mid"],
        ["evaluate", ODD],
    ],
)
def test_one_line_whatever_is_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str]
) -> None:
    code, said = end_of(capsys, cli.main, *(text.replace("{tmp}", str(tmp_path)) for text in arguments))
    assert code in (1, 2) and said.splitlines()[-1].count("error: ") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text, and /dev/full")
def test_a_take_of_any_name_is_made_and_named(
    capsys: pytest.CaptureFixture[str], tiny_preset: Path, tmp_path: Path
) -> None:
    output = f"{tmp_path}/{ODD}"
    more = ["--preset", str(tiny_preset), "--sound-end", "2", "--steps", "1", "--contact", "0"]
    for form in ([], ["--json"]):
        assert end_of(capsys, cli.main, "generate", MIDI, "-o", output, *more, *form) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == [ODD]
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "models", "evaluate", output]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, check=False)
    said = done.stderr.decode("utf-8")
    assert done.returncode == 1 and said.startswith("error: The disk is full") and said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "--out", ODD, "--folder", "{tmp}/model"],
        ["convert", "--stage2", ODD, ODD, "--out", "{tmp}/model"],
        ["synthesise", "--scores", ODD, "--out", "{tmp}/shards", "--hours", "1"],
        ["\x1b[31m"],
    ],
)
def test_trainings_commands_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str]
) -> None:
    filled = (text.replace("{tmp}", str(tmp_path)) for text in arguments)
    code, said = end_of(capsys, training_main, *filled)
    assert code in (1, 2) and said.splitlines()[-1].count("error: ") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_command_that_is_asked_to_end_leaves_nothing(tmp_path: Path) -> None:
    """SIGTERM, as a render farm sends it, while a file is in the making."""
    code = (
        "import sys, time, pathlib\n"
        "from models.app.command_line import end_cleanly_when_asked, run_command\n"
        "from models.whole_file import whole_file\n"
        "def command():\n"
        "    with whole_file(pathlib.Path(sys.argv[1])):\n"
        "        time.sleep(60)\n"
        "end_cleanly_when_asked()\n"
        "sys.exit(run_command(command, debug=False))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "x.npz")], cwd=ROOT, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGTERM)
    assert child.communicate(timeout=60)[1].decode() == "Interrupted; nothing was written.\n"
    assert child.returncode == 130 and not list(tmp_path.iterdir())
