# SPDX-License-Identifier: GPL-3.0-or-later
"""The developer's script: environments made once, failures that reach the exit code, a missing Python said loudly."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import dev

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout with lock files of its own."""
    for name in ("locks/env.txt", "models/locks/torch.txt", "models/locks/torch-cpu.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one==1.0\n", "utf-8")
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    monkeypatch.setenv(dev.UV, "no")
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have run; `venv` leaves a Python behind."""
    seen: list[list[str]] = []

    def call(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        seen.append(list(command))
        if "venv" in command:
            python = Path(command[-1]) / ("Scripts/python.exe" if dev.WINDOWS else "bin/python")
            python.parent.mkdir(parents=True, exist_ok=True)
            python.touch()

    monkeypatch.setattr(dev, "call", call)
    return seen


def test_an_environment_is_made_once_and_completed_when_a_pin_changes(
    checkout: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "probe", lambda command: HERE)
    environment = dev.Environment("env", HERE, "env.txt")
    assert dev.ensure(environment)
    assert [command[1:4] for command in calls] == [["-I", "-m", "venv"], ["-I", "-m", "pip"]]
    assert calls[1][-2:] == ["-r", str(checkout / "locks" / "env.txt")]
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(calls[1])
    del calls[:]
    assert dev.ensure(environment) and calls == []
    (checkout / "locks" / "env.txt").write_bytes(b"one==1.0\r\n")  # a checkout on Windows
    assert dev.ensure(environment) and calls == []
    (checkout / "locks" / "env.txt").write_text("one==1.1\n", "utf-8")
    assert dev.ensure(environment)
    assert [command[2:4] for command in calls] == [["-m", "pip"]]  # and no new environment


@pytest.mark.parametrize(
    ("index", "found", "installed"),
    [
        ("", True, ["torch-cpu.txt", "env.txt"]),
        ("", False, ["torch-cpu.txt", "torch.txt", "env.txt"]),
        ("https://cpu.example", True, ["torch-cpu.txt", "env.txt"]),
    ],
)
def test_torch_for_the_cpu_is_taken_where_pip_finds_it(
    index: str,
    found: bool,
    installed: list[str],
    checkout: Path,
    calls: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Done:
        returncode = 0 if found else 1

    def run(command: Sequence[str], **how: object) -> Done:
        if "pip" in command:
            calls.append(list(command))
        return Done()

    monkeypatch.setattr(dev, "probe", lambda command: HERE)
    monkeypatch.setattr(dev.subprocess, "run", run)
    monkeypatch.setenv(dev.TORCH_INDEX, index)
    assert dev.ensure(dev.Environment("env", HERE, "env.txt", torch=True))
    commands = [command for command in calls if "pip" in command]
    assert [Path(command[-1]).name for command in commands] == installed
    asked = [part for command in commands for part in command if "index" in part]
    assert asked == ([f"--index-url={index}"] if index else [])


@pytest.fixture
def uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A uv that is on the path and never run."""
    program = tmp_path / "tools" / ("uv.exe" if dev.WINDOWS else "uv")
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return program


@pytest.mark.parametrize(("asked", "used"), [("", True), ("no", False), ("NO", False), ("no-such-uv", False)])
def test_uv_installs_where_it_is_and_may(
    asked: str,
    used: bool,
    checkout: Path,
    uv: Path,
    calls: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dev, "probe", lambda command: HERE)
    monkeypatch.setattr(dev, "pip_settings", lambda environment: {})
    monkeypatch.setenv(dev.UV, asked)
    environment = dev.Environment("env", HERE, "env.txt")
    assert dev.ensure(environment)
    assert calls[0][1:4] == ["-I", "-m", "venv"]  # with pip in it, for the day without uv
    (installed,) = calls[1:]
    assert installed[-1] == str(checkout / "locks" / "env.txt") and "--require-hashes" in installed
    assert (installed[:3] == [str(uv), "pip", "sync"]) == used
    assert (str(environment.python) in installed) and ("-m" in installed) != used


@pytest.mark.parametrize(
    ("index", "found", "installed"),
    [
        ("", True, [["env.txt", "torch-cpu.txt"]]),
        ("", False, [["env.txt", "torch-cpu.txt"], ["torch.txt", "env.txt"]]),
        ("https://cpu.example", True, [["env.txt", "torch-cpu.txt"]]),
    ],
)
def test_uv_takes_torch_for_the_cpu_where_it_finds_it(
    index: str,
    found: bool,
    installed: list[list[str]],
    checkout: Path,
    uv: Path,
    calls: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Done:
        returncode = 0 if found else 1

    def run(command: Sequence[str], **how: object) -> Done:
        if "sync" in command:
            calls.append(list(command))
        return Done()

    monkeypatch.setattr(dev, "probe", lambda command: HERE)
    monkeypatch.setattr(dev, "pip_settings", lambda environment: {})
    monkeypatch.setattr(dev.subprocess, "run", run)
    monkeypatch.setenv(dev.UV, str(uv))
    monkeypatch.setenv(dev.TORCH_INDEX, index)
    assert dev.ensure(dev.Environment("env", HERE, "env.txt", torch=True))
    commands = [command for command in calls if "sync" in command]
    assert [[Path(part).name for part in c if part.endswith(".txt")] for c in commands] == installed
    assert [f"--index={index}" in command for command in commands] == [bool(index)] * len(commands)


def test_uv_looks_where_pip_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "one two")
    monkeypatch.setenv("PIP_NO_COLOR", "1")

    class Here(dev.Environment):
        python = Path(sys.executable)

    found = dev.pip_settings(Here("env", HERE, "env.txt"))
    assert found == {"UV_DEFAULT_INDEX": "https://mirror.example/simple", "UV_FIND_LINKS": "one,two"}


@pytest.mark.parametrize("code", [0, 1])
def test_uv_fetches_a_python_that_is_missing(
    code: int, checkout: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Done:
        returncode = code

    asked = []
    monkeypatch.setenv(dev.UV, str(uv))
    monkeypatch.setattr(dev.subprocess, "run", lambda command, **how: asked.append(command) or Done())
    monkeypatch.setattr(dev, "find_python", lambda version: ["python"] if asked else None)
    assert dev.fetch_python("3.13") == (["python"] if code == 0 else None)
    assert asked == [[str(uv), "python", "install", "3.13"]]
    monkeypatch.setenv(dev.UV, "no")
    assert dev.fetch_python("3.13") is None and len(asked) == 1


def test_no_variable_of_python_reaches_a_child_and_no_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "venv.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert dev.probe([sys.executable]) == HERE
    assert "PYTHONPATH" not in dev.variables() and not (tmp_path / "ran").exists()


def test_an_installation_that_fails_is_not_taken_for_complete(
    checkout: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = dev.Environment("env", HERE, "env.txt")
    working = dev.call

    def breaks(command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        if "pip" in command:
            raise dev.DevError("no network")
        working(command)

    monkeypatch.setattr(dev, "call", breaks)
    with pytest.raises(dev.DevError):
        dev.ensure(environment)
    assert not (environment.folder / dev.MARKER).exists()


def test_a_folder_with_another_python_is_left_alone(
    checkout: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = dev.Environment("env", "3.13", "env.txt")
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    monkeypatch.setattr(dev, "probe", lambda command: "3.12")
    with pytest.raises(dev.DevError, match=r"env holds Python 3\.12, but 3\.13 is needed"):
        dev.ensure(environment)
    assert calls == []


def test_pythons_are_tried_before_they_are_believed(tmp_path: Path) -> None:
    assert dev.probe([str(tmp_path / "no-such-python")]) == ""
    assert dev.probe([sys.executable, "-c", "raise SystemExit(3)"]) == ""
    assert dev.probe([sys.executable]) == HERE
    assert dev.find_python("2.0") is None


def test_pyenv_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "versions" / "3.13.4" / ("python.exe" if dev.WINDOWS else "bin/python3.13")
    python.parent.mkdir(parents=True)
    python.touch()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert [str(python)] in list(dev.python_candidates("3.13"))


def test_output_exit_code_and_last_line_of_a_step(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    outcome = dev.step(
        "words", [sys.executable, "-c", "print('first'); print('== 3 passed =='); raise SystemExit(5)"]
    )
    assert (outcome.code, outcome.closing) == (5, "3 passed")
    assert b"first" in capfdbinary.readouterr().out


def test_lanes_run_at_once_and_their_lines_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Either lane waits for the other one: one after the other, the first would never end."""
    program = (
        "import pathlib, sys, time\n"
        "mine, other = map(pathlib.Path, sys.argv[1:])\n"
        "mine.touch()\n"
        "end = time.monotonic() + 60\n"
        "while not other.exists() and time.monotonic() < end: time.sleep(0.01)\n"
        "print('met' if other.exists() else 'alone'); sys.exit(not other.exists())\n"
    )
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    lanes = [
        [("tests, first", [sys.executable, "-c", program, one, two])],
        [
            ("tests, second", [sys.executable, "-c", program, two, one]),
            ("tests, third", [sys.executable, "-c", "print('after')"]),
        ],
    ]
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    outcomes = dev.side_by_side(lanes)
    assert [(found.label, found.code, found.closing) for found in outcomes] == [
        ("tests, first", 0, "met"),
        ("tests, second", 0, "met"),
        ("tests, third", 0, "after"),
    ]
    said = capfdbinary.readouterr().out
    assert b"first | met" in said and b"second | met" in said and b"third | after" in said


@pytest.mark.parametrize(("codes", "verdict"), [((0, 0), 0), ((0, 5), 1), ((-11, 0), 1)])
def test_one_failure_fails_the_run(
    codes: tuple[int, int], verdict: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dev.report([dev.Outcome(f"step {code}", code, 1.0, "words") for code in codes]) == verdict
    assert capsys.readouterr().out.count("FAILED") == sum(1 for code in codes if code)


@pytest.mark.parametrize(("ci", "verdict"), [("true", 1), ("", 0)])
def test_a_missing_python_for_blender_52_is_loud_and_fails_ci(
    ci: str, verdict: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(dev, "ensure", lambda environment: environment is dev.MAIN)
    monkeypatch.setattr(dev, "lint_steps", list)
    monkeypatch.setattr(dev, "step", lambda label, *how: dev.Outcome(label, 0, 1.0, "1 passed"))
    assert dev.test() == verdict
    assert "NOT TESTED: Blender 5.2" in capsys.readouterr().out
