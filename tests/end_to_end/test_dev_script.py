# SPDX-License-Identifier: GPL-3.0-or-later
"""The developer's script: environments made once, failures that reach the exit code, a missing Python said loudly."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import dev

PYPROJECT = """
[project.optional-dependencies]
test = ["one==1.0"]
blender = ["bpy==5.2.3"]
[tool.s2c]
no-deps = ["alone==2.0"]
"""
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout with its own pyproject.toml."""
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    monkeypatch.setattr(dev, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have run; `venv` leaves a Python behind."""
    seen: list[list[str]] = []

    def call(command: Sequence[str]) -> None:
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
    environment = dev.Environment("env", HERE, ("test",), no_deps=True)
    assert dev.ensure(environment)
    assert [command[1:3] for command in calls] == [["-m", "venv"], ["-m", "pip"], ["-m", "pip"]]
    assert calls[1][-1] == "one==1.0" and "--no-deps" not in calls[1]
    assert calls[2][-2:] == ["--no-deps", "alone==2.0"]
    del calls[:]
    assert dev.ensure(environment) and calls == []
    (checkout / "pyproject.toml").write_text(PYPROJECT.replace("1.0", "1.1"), "utf-8")
    assert dev.ensure(environment)
    assert [command[-1] for command in calls] == ["one==1.1", "alone==2.0"]  # and no new environment


def test_an_installation_that_fails_is_not_taken_for_complete(
    checkout: Path, calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = dev.Environment("env", HERE, ("test",))
    working = dev.call

    def breaks(command: Sequence[str]) -> None:
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
    environment = dev.Environment("env", "3.13", ("test",))
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
    monkeypatch.setattr(dev, "step", lambda label, command: dev.Outcome(label, 0, 1.0, "1 passed"))
    assert dev.test() == verdict
    assert "NOT TESTED: Blender 5.2" in capsys.readouterr().out
