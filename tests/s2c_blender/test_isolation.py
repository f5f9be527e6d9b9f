# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody's files or variables run in the children: what lies in the folder that Blender was started in stays there."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from worker_helpers import answer_to_hello

from s2c_blender.core.jobs import State
from s2c_blender.core.process import ChildProcess, child_environment
from s2c_blender.core.runtime import PythonChoice
from s2c_blender.core.worker_client import isolated_worker
from s2c_blender.install.environment import PYTHON_VARIABLE, Runtime
from s2c_blender.install.installer import InstallConfig, Installer

ROOT = Path(__file__).resolve().parents[2]
PLANTED = (
    "sitecustomize usercustomize venv ctypes ensurepip shutil pip runpy json wave pathlib numpy torch safetensors "
    "transkun scipy soundfile models bpy aud"
).split()


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A folder full of modules that tell on themselves, as current folder and in each of Python's variables.

    Returns a function that lists what has run.
    """
    folder, told = tmp_path / "downloads", tmp_path / "ran"
    folder.mkdir()
    for name in PLANTED:
        (folder / f"{name}.py").write_text(f"open({str(told)!r}, 'a').write({name!r} + ' ')\n")
    (folder / "start.py").write_text(f"open({str(told)!r}, 'a').write('startup ')\n")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PYTHONSTARTUP", str(folder / "start.py"))
    monkeypatch.setenv("PYTHONUSERBASE", str(folder))
    monkeypatch.setenv("PYTHONWARNINGS", "default::torch.Planted")
    monkeypatch.setenv("PYTHONINSPECT", "1")
    monkeypatch.delenv(PYTHON_VARIABLE, raising=False)
    return lambda: told.read_text().split() if told.exists() else []


def finish(installer):
    end = time.monotonic() + 240
    while installer.active and time.monotonic() < end:
        installer.pump(time.monotonic())
        time.sleep(0.005)
    return installer.status


def test_what_is_planted_would_run(planted):
    subprocess.run([sys.executable, "-c", "import wave"], check=True, timeout=60, stdin=subprocess.DEVNULL)
    assert "wave" in planted()


def test_the_installer(planted, tmp_path):
    runtime, locks = Runtime(tmp_path / "runtime"), tmp_path / "locks"
    locks.mkdir()
    for name in ("packages.txt", "torch.txt"):
        (locks / name).write_text("# nothing\n")
    config = InstallConfig(
        runtime=runtime,
        requirements=locks,
        check="import shutil, json, wave",
        base_pythons=(sys.executable,),
        venv_options=("--clear", "--without-pip", "--system-site-packages"),
    )
    installer = Installer()
    installer.install(config, time.monotonic(), online=True)
    assert finish(installer).state is State.DONE, list(installer.lines)
    installer.delete(config, time.monotonic())
    assert finish(installer).state is State.DONE
    assert planted() == []


def test_the_worker(planted, tmp_path):
    python = os.environ.get("S2C_TEST_WORKER_PYTHON", sys.executable)
    command = isolated_worker(PythonChoice(python), ROOT, tmp_path / "cache")
    answer_to_hello(command, ROOT)
    assert planted() == []
    assert list((tmp_path / "cache").rglob("*.pyc"))  # and not beside the extension's own files


def test_the_second_blender(planted, tmp_path):
    pytest.importorskip("bpy")
    from s2c_blender.sounds import decoding

    work = decoding.Decoding(tmp_path / "no such sound", tmp_path / "out.wav", 1.0)
    child = ChildProcess(decoding.command(work, ""), cwd=tmp_path, environment=child_environment())
    end = time.monotonic() + 120
    while not child.drained() and time.monotonic() < end:
        child.read()
        time.sleep(0.01)
    child.kill()
    assert "aud" in child.stderr_tail()  # it came as far as the sound
    assert planted() == []


def test_none_of_pythons_variables_reach_a_child(planted):
    reached = {name for name in child_environment() if name.startswith("PYTHON")}
    assert reached == {"PYTHONUTF8", "PYTHONUNBUFFERED", "PYTHONNOUSERSITE"}
    code = "import json, sys; print(json.dumps([sys.flags.no_user_site, sys.path[0]]))"
    answer = subprocess.check_output([sys.executable, "-I", "-c", code], env=child_environment(), text=True)
    assert json.loads(answer)[0] == 1 and Path(json.loads(answer)[1]) != Path.cwd()
