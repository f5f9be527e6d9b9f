# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's pip: a mirror, a proxy and certificates count, everything else that it is told does not."""

import hashlib
import os
import sys
import time
import zipfile
from pathlib import Path

import pytest

from s2c_blender.core.jobs import State
from s2c_blender.install.environment import Runtime
from s2c_blender.install.installer import InstallConfig, Installer
from s2c_blender.install.pip_settings import environment, kept

MIRROR = "https://user:secret@mirror.example/simple"


def test_a_mirror_replaces_and_nothing_adds():
    lines = [
        "global.index-url='https://other.example'",
        "global.cert='/etc/company.pem'\r",
        f"install.index-url='{MIRROR}'",
        "global.extra-index-url='https://stranger.example'",
        "global.find-links='/tmp/wheels'",
        "install.no-deps='true'",
        ":env:.proxy='http://proxy.example:3128'",
        "download.index-url='https://not-for-us.example'",
        "WARNING: global.proxy=not a string",
        "global.trusted-host=__import__('os')",
    ]
    assert kept(lines) == {
        "index-url": MIRROR,
        "cert": "/etc/company.pem",
        "proxy": "http://proxy.example:3128",
    }


def test_pips_own_variables_and_files_are_left_behind():
    plain = {"PIP_EXTRA_INDEX_URL": "x", "pip_target": "x", "PIP_CONFIG_FILE": "x", "HTTPS_PROXY": "p"}
    assert environment(plain, ["global.index-url='https://m.example'"]) == {
        "HTTPS_PROXY": "p",
        "PIP_INDEX_URL": "https://m.example",
        "PIP_CONFIG_FILE": os.devnull,
    }


def wheel(folder: Path, code: str = "") -> str:
    """A wheel of a module named `planted`, and its SHA-256."""
    info = "planted-1.0.dist-info"
    files = {
        "planted.py": code,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    path = folder / "planted" / "planted-1.0-py3-none-any.whl"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    (path.parent / "index.html").write_text(
        f'<!DOCTYPE html><html><body><a href="{path.name}">{path.name}</a>'
    )
    return hashlib.sha256(path.read_bytes()).hexdigest()


def install(folder: Path, sha256: str) -> Installer:
    locks = folder / "locks"
    locks.mkdir()
    (locks / "torch.txt").write_text("# nothing\n")
    (locks / "packages.txt").write_text(f"planted==1.0 \\\n    --hash=sha256:{sha256}\n")
    config = InstallConfig(
        runtime=Runtime(folder / "runtime"),
        requirements=locks,
        check="import planted",
        base_pythons=(sys.executable,),
        venv_options=("--clear", "--without-pip", "--system-site-packages"),
    )
    installer = Installer()
    installer.install(config, time.monotonic(), online=True)
    end = time.monotonic() + 240
    while installer.active and time.monotonic() < end:
        installer.pump(time.monotonic())
        time.sleep(0.005)
    return installer


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """The user's pip knows a mirror in a folder, and a stranger's index besides."""
    for name in [name for name in os.environ if name.upper().startswith("PIP_")]:
        monkeypatch.delenv(name)
    settings = tmp_path / "pip.conf"
    settings.write_text(
        f"[global]\nindex-url = {(tmp_path / 'mirror').as_uri()}\n"
        f"extra-index-url = {(tmp_path / 'stranger').as_uri()}\nno-index = false\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    return tmp_path / "mirror"


def test_a_locked_file_comes_from_the_users_mirror(mirror, tmp_path):
    installer = install(tmp_path, wheel(mirror))
    assert installer.status.state is State.DONE, list(installer.lines)
    said = "\n".join(installer.lines)
    assert mirror.as_uri() in said and "stranger" not in said


def test_another_file_of_that_name_is_refused(mirror, tmp_path):
    wheel(mirror, "raise SystemExit('planted code runs')")
    installer = install(tmp_path, hashlib.sha256(b"the file that was locked").hexdigest())
    assert installer.status.state is State.FAILED
    assert "do not match the hashes" in installer.status.detail.lower().replace("\n", " ")
    assert "planted code runs" not in installer.status.detail
    assert not list((tmp_path / "runtime").rglob("planted*"))


def test_an_index_besides_is_not_asked(mirror, tmp_path):
    mirror.mkdir()
    installer = install(tmp_path, wheel(tmp_path / "stranger"))
    assert installer.status.state is State.FAILED
    assert not list((tmp_path / "runtime").rglob("planted*"))
