# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine that comes with the extension: found where Blender unpacked it, and said when something is amiss."""

import sys
from pathlib import Path

import pytest
from worker_helpers import answer_to_hello

from s2c_blender.core import built_in
from s2c_blender.core.check_report import describe_check
from s2c_blender.core.jobs import Job
from s2c_blender.core.runtime import PythonChoice, first_usable
from s2c_blender.core.worker_client import isolated_worker

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def extension(tmp_path):
    """An extension's folder of wheels, and the folder where Blender unpacked them."""
    wheels, site = tmp_path / "wheels", tmp_path / "site-packages"
    wheels.mkdir()
    site.mkdir()
    for name in ("Quick_Maths-1.2-cp311-abi3-manylinux_2_28_x86_64.whl", "tones-3.0-py3-none-any.whl"):
        (wheels / name).touch()
    unpack(site, "quick-maths", "1.2")
    unpack(site, "tones", "3.0")
    return wheels, site


def unpack(site, name, version):
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_it_is_found_where_blender_unpacked_it(extension, tmp_path):
    wheels, site = extension
    other = tmp_path / "other"
    other.mkdir()
    choice = built_in.choose(wheels, sys.executable, [str(other), str(site)])
    assert (choice.path, choice.problem, choice.remarks) == (sys.executable, "", ())
    assert choice.folders == (str(site),)


def test_our_version_goes_before_the_one_of_blenders_python(extension, tmp_path):
    wheels, site = extension
    blenders = tmp_path / "blenders"
    blenders.mkdir()
    unpack(blenders, "tones", "2.0")
    unpack(blenders, "quick-maths", "1.2")  # the same, but beside another version of the other
    choice = built_in.choose(wheels, sys.executable, [str(blenders), str(site)])
    assert choice.folders == (str(site),) and choice.remarks == ()


def test_what_another_extension_brought_is_said(extension):
    wheels, site = extension
    (site / "tones-3.0.dist-info").rename(site / "away")
    unpack(site, "tones", "4.1")
    choice = built_in.choose(wheels, sys.executable, [str(site)])
    assert choice.path and len(choice.remarks) == 1
    assert "tones 4.1 in the place of 3.0" in choice.remarks[0]
    job = Job("check", [])
    job.hello = {"python": "3.13.1", "packages": {"onnxruntime": "1.32.0", "torch": None}}
    lines = describe_check(job, choice)
    assert lines[0].startswith("The built-in engine") and choice.remarks[0] in lines
    assert "Python 3.13.1, ONNX Runtime 1.32.0" in lines


def test_packages_that_are_not_there_are_a_sentence_until_they_come(extension):
    wheels, site = extension
    (site / "quick_maths-1.2.dist-info").rename(site / "away")
    choice = built_in.choose(wheels, sys.executable, [str(site)])
    assert not choice.path and "quick-maths" in choice.problem and "off and on again" in choice.problem
    (site / "away").rename(site / "quick_maths-1.2.dist-info")
    assert built_in.choose(wheels, sys.executable, [str(site)]).path


def test_a_copy_without_wheels_says_so(tmp_path):
    assert built_in.choose(tmp_path, sys.executable, []).problem == built_in.NO_WHEELS
    assert built_in.choose(tmp_path / "none", sys.executable, []).problem == built_in.NO_WHEELS


def test_on_windows_the_cpp_library_of_blenders_program_is_found(extension, tmp_path):
    wheels, site = extension
    python = tmp_path / "Blender" / "5.2" / "python" / "bin" / "python.exe"
    library = tmp_path / "Blender" / "blender.crt"
    for path in (python, library / "msvcp140.dll"):
        path.parent.mkdir(parents=True)
        path.touch()
    assert built_in.choose(wheels, str(python), [str(site)]).libraries == str(library)


def test_what_the_user_named_goes_first_and_is_not_replaced():
    ready = PythonChoice("python", "", "built-in")
    missing, named = PythonChoice("", "not installed", "installed"), PythonChoice("", "gone", "preferences")
    assert first_usable([missing, ready]) is ready
    assert first_usable([named, missing, ready]) is named
    assert first_usable([PythonChoice("torch", "", "installed"), ready]).path == "torch"
    assert first_usable([missing, PythonChoice("", "no engine", "built-in")]) is missing


def test_the_worker_takes_packages_from_the_folders_first_and_python_from_itself(tmp_path):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    unpack(folder, "scipy", "99.9")
    (folder / "queue.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    choice = PythonChoice(sys.executable, "", "built-in", folders=(str(folder),))
    command = isolated_worker(choice, ROOT, tmp_path / "cache")
    assert command[1:3] == ("-I", "-s")
    reply = answer_to_hello(command, tmp_path)
    assert reply.result()["packages"]["scipy"] == "99.9"
    assert not (tmp_path / "ran").exists()
