# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's environment: built by real child processes, complete only at the very end, deleted cleanly."""

import hashlib
import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from s2c_blender.core.jobs import State
from s2c_blender.core.runtime import first_usable, user_data_folder
from s2c_blender.install.environment import PYTHON_VARIABLE, Runtime, choices
from s2c_blender.install.installer import (
    LOCKED,
    InstallConfig,
    Installer,
    base_pythons,
    error_line,
    install_steps,
)
from s2c_blender.install.offer import NO_NETWORK, STORE, lasting, why_not


@pytest.fixture
def requirements(tmp_path):
    folder = tmp_path / "locks"
    folder.mkdir()
    for name in ("packages.txt", "torch.txt", "torch-cpu.txt"):
        (folder / name).write_text("# nothing\n")
    return folder


@pytest.fixture
def runtime(tmp_path):
    return Runtime(tmp_path / "runtime")


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)


QUICK = ("--clear", "--without-pip", "--system-site-packages")
"""An environment that borrows the base Python's pip: seconds quicker, for tests that install nothing."""


def plan(runtime, requirements, **values):
    return InstallConfig(
        **{
            "runtime": runtime,
            "requirements": requirements,
            "check": "print('fine')",
            "base_pythons": (sys.executable,),
            "venv_options": QUICK,
            **values,
        }
    )


def chosen(preferred, runtime, requirements):
    return first_usable(choices(preferred, runtime, requirements))


def finish(installer):
    end = time.monotonic() + 240
    while installer.active and time.monotonic() < end:
        installer.pump(time.monotonic())
        time.sleep(0.005)
    return installer.status


def test_install_marks_last_and_delete_leaves_other_files(runtime, requirements):
    installer = Installer()
    installer.install(plan(runtime, requirements), time.monotonic(), online=True)
    assert not runtime.complete(requirements)
    assert finish(installer).state is State.DONE, list(installer.lines)
    assert runtime.complete(requirements)
    choice = chosen("", runtime, requirements)
    assert (choice.path, choice.source) == (str(runtime.python), "installed")
    (runtime.folder / "mine.txt").write_text("keep")
    installer.delete(plan(runtime, requirements), time.monotonic())
    assert finish(installer).state is State.DONE
    assert not runtime.begun() and (runtime.folder / "mine.txt").exists()
    assert "not installed" in chosen("", runtime, requirements).problem


def test_a_failed_check_leaves_an_unfinished_runtime_and_a_retry_repairs_it(runtime, requirements):
    installer = Installer()
    check = "raise SystemExit('torch is broken')"
    installer.install(plan(runtime, requirements, check=check), time.monotonic(), online=True)
    status = finish(installer)
    assert status.state is State.FAILED and "do not work together" in status.message
    assert "torch is broken" in status.detail
    assert "not completely installed" in chosen("", runtime, requirements).problem
    installer.install(plan(runtime, requirements), time.monotonic(), online=True)
    assert finish(installer).state is State.DONE and runtime.complete(requirements)


def test_other_requirements_make_it_incomplete(runtime, requirements):
    runtime.python.parent.mkdir(parents=True)
    runtime.python.write_text("")
    runtime.write_marker(requirements)
    assert runtime.complete(requirements)
    (requirements / "torch.txt").write_bytes(b"# nothing\r\n")  # a checkout on Windows
    assert runtime.complete(requirements)
    (requirements / "torch.txt").write_text("torch==9\n")
    assert not runtime.complete(requirements)


def test_without_lock_files_nothing_is_complete(runtime, tmp_path):
    runtime.python.parent.mkdir(parents=True)
    runtime.python.write_text("")
    runtime.write_marker(tmp_path / "missing")
    assert not runtime.complete(tmp_path / "missing")


def test_offline_is_a_sentence_and_touches_nothing(runtime, requirements):
    installer = Installer()
    installer.install(plan(runtime, requirements), time.monotonic(), online=False)
    assert installer.status.state is State.FAILED and "Allow Online Access".lower() in (
        installer.status.message.lower().replace("allow it", "allow online access")
    )
    assert not runtime.folder.exists()


def test_a_python_without_venv_is_passed_over(runtime, requirements, tmp_path):
    installer = Installer()
    pythons = (str(tmp_path / "missing"), sys.executable)
    installer.install(plan(runtime, requirements, base_pythons=pythons), time.monotonic(), online=True)
    assert finish(installer).state is State.DONE


def test_no_python_at_all_is_a_sentence(runtime, requirements, tmp_path):
    installer = Installer()
    pythons = (str(tmp_path / "missing"),)
    installer.install(plan(runtime, requirements, base_pythons=pythons), time.monotonic(), online=True)
    assert installer.status.code == "no_python"


def test_a_folder_that_cannot_be_made_is_a_sentence(requirements, tmp_path):
    (tmp_path / "file").write_text("")
    installer = Installer()
    installer.install(plan(Runtime(tmp_path / "file" / "x"), requirements), time.monotonic(), online=True)
    assert installer.status.code == "folder" and "choose another" in installer.status.message


def test_a_stalled_step_is_ended_and_cancel_stops(runtime, requirements):
    installer = Installer()
    slow = plan(runtime, requirements, check="import time; time.sleep(60)", silence_seconds=30.0)
    now = time.monotonic()
    installer.install(slow, now, online=True)
    while installer.active and installer.status.stage != "Checking":
        installer.pump(time.monotonic())
        time.sleep(0.005)
    installer.pump(time.monotonic() + 1000)
    assert installer.status.code == "stalled"
    installer.install(slow, time.monotonic(), online=True)
    installer.cancel()
    assert installer.status.state is State.IDLE and not installer.pump(time.monotonic())


def downloading(config):
    """The commands that download something, by the lock file that they read."""
    steps = install_steps(config, sys.executable)
    commands = [step.command for step in steps if "download" in step.command]
    return {Path(command[-1]).name: command for command in commands}


def test_only_locked_files_are_downloaded_from_one_index(runtime, requirements):
    found = downloading(InstallConfig(runtime=runtime, requirements=requirements))
    assert list(found) == ["torch.txt", "packages.txt"]
    for command in found.values():
        assert "".join(LOCKED) in "".join(command) and command[1] == "-I"
        assert not [part for part in command if "index" in part or "links" in part]


def test_only_what_was_downloaded_is_installed(runtime, requirements):
    steps = install_steps(InstallConfig(runtime=runtime, requirements=requirements), sys.executable)
    (command,) = [step.command for step in steps if step.label == "Installing"]
    assert "--no-index" in command and "".join(LOCKED) in "".join(command)
    assert f"--find-links={runtime.downloads}" in command
    assert [Path(part).name for part in command if part.endswith(".txt")] == ["torch.txt", "packages.txt"]


def test_torch_for_the_cpu_comes_from_its_index_and_nothing_else_does(runtime, requirements, monkeypatch):
    config = InstallConfig(runtime=runtime, requirements=requirements, cpu_index="https://cpu.example/whl")
    monkeypatch.setattr(sys, "platform", "linux")
    found = downloading(config)
    assert list(found) == ["torch-cpu.txt", "packages.txt"]
    assert "--index-url=https://cpu.example/whl" in found["torch-cpu.txt"]
    assert "example" not in "".join(found["packages.txt"]) and "extra" not in "".join(found["torch-cpu.txt"])
    monkeypatch.setattr(sys, "platform", "win32")  # the usual index has that one
    assert list(downloading(config)) == ["torch.txt", "packages.txt"]


def wheel(folder, name):
    """A package of one module, as pip takes it, and its line in a lock file."""
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inside, text in files.items():
            archive.writestr(inside, text)
    (folder / "index.html").write_text(f'<a href="{path.name}">{path.name}</a>\n')
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def test_a_download_that_broke_off_goes_on_where_it_stopped(runtime, requirements, tmp_path, monkeypatch):
    mirror = tmp_path / "mirror"
    for name in ("one", "two"):
        (mirror / name).mkdir(parents=True)
    (requirements / "torch.txt").write_text(wheel(mirror / "one", "one"))
    (requirements / "packages.txt").write_text(wheel(mirror / "two", "two"))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_INDEX_URL", mirror.as_uri())
    away = (mirror / "two").rename(tmp_path / "away")
    installer = Installer()
    config = plan(runtime, requirements, check="import one, two")
    installer.install(config, time.monotonic(), online=True)
    status = finish(installer)
    assert status.code == "install" and "goes on where it stopped" in status.message
    assert "two" in status.log and "error" in status.log.lower()  # pip's own line
    assert [path.name for path in runtime.downloads.iterdir()] == ["one-1.0-py3-none-any.whl"]
    away.rename(mirror / "two")
    next((mirror / "one").glob("*.whl")).unlink()  # so it cannot be downloaded again
    installer.install(config, time.monotonic(), online=True)
    assert finish(installer).state is State.DONE, list(installer.lines)
    assert runtime.complete(requirements) and not runtime.downloads.exists()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["$ pip install", "Collecting torch", "ERROR: no space left on device", "WARNING: a new pip"],
            "ERROR: no space left on device",
        ),
        (["ValueError: odd", "the end"], "ValueError: odd"),
        (["Killed"], "Killed"),
        (["$ pip install", ""], ""),
    ],
)
def test_the_line_that_says_why_it_failed(lines, said):
    assert error_line(lines) == said


def test_a_blender_that_cannot_install_says_why():
    inside = "[Application]\nname=org.blender.Blender\n\n[Context]\nshared={}\n"
    flatpak = {"FLATPAK_ID": "org.blender.Blender"}
    usual = "/opt/blender/5.2/python/bin/python3.13"
    assert why_not({}, usual) == "" and why_not({"SNAP": "/snap/blender/7"}, usual) == ""
    assert why_not(flatpak, usual, inside.format("network;ipc;")) == ""
    assert why_not(flatpak, usual, inside.format("ipc;")) == NO_NETWORK
    store = r"C:\Program Files\WindowsApps\BlenderFoundation.Blender_5.2\Blender\5.2\python\bin\python.exe"
    assert why_not({}, store) == STORE


def test_a_snaps_python_is_found_after_its_update():
    assert lasting("/snap/blender/6131/5.2/python/bin/python3.13") == (
        "/snap/blender/current/5.2/python/bin/python3.13"
    )
    assert lasting("/opt/snap/blender/1/python") == "/opt/snap/blender/1/python"


def test_a_python_of_the_current_folder_or_of_a_relative_path_is_not_tried(tmp_path, monkeypatch):
    for name in ("python3.11", "python3", "python", "python3.exe"):
        (tmp_path / name).write_text("#!/bin/sh\ntouch ran\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", "relative"]))
    assert base_pythons() == (sys.executable,)
    monkeypatch.setenv("PATH", str(tmp_path))
    if sys.platform != "win32":
        assert base_pythons()[1] == str(tmp_path / "python3.11")


def test_the_choice_of_python(runtime, requirements, monkeypatch, tmp_path):
    assert chosen(sys.executable, runtime, requirements).source == "preferences"
    assert "does not exist" in chosen(str(tmp_path / "x"), runtime, requirements).problem
    monkeypatch.chdir(Path(sys.executable).parent)
    assert "whole path" in chosen(Path(sys.executable).name, runtime, requirements).problem
    monkeypatch.setenv(PYTHON_VARIABLE, sys.executable)
    assert chosen("anything", runtime, requirements).source == "environment"


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {}, ".local/share/S2C Piano Hands"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/S2C Piano Hands"),
        ("darwin", {}, "Library/Application Support/S2C Piano Hands"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/S2C Piano Hands"),
    ],
)
def test_the_data_folder_follows_each_system(platform, environment, expected):
    assert user_data_folder(platform, environment, Path("/home/a")) == Path("/home/a") / expected
