# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad take files: one sentence each, on both sides of the process boundary, and never all of the memory."""

import io
import re
import tracemalloc
import zipfile

import numpy as np
import pytest
from bad_take_files import BAD
from session_helpers import write_take
from take_files import read, rewrite

from s2c_blender.errors import UserError as BlenderUserError

try:
    from models.body.take import Take
    from models.errors import UserError
except ImportError:  # the Python of Blender 5.2 has not what the generator needs
    Take = None

NO_DATA = "as many as are allowed, and the data of none"


@pytest.mark.parametrize("name", BAD)
def test_a_bad_take_is_one_sentence(name, tmp_path):
    spoil, words = BAD[name]
    path = tmp_path / "song, seed 1.npz"
    write_take(path)
    spoil(path)
    tracemalloc.start()
    with pytest.raises(BlenderUserError, match=words) as caught:
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    fault = caught.value
    assert fault.code in ("take_unreadable", "take_version", "take_missing")
    assert path.name in fault.message and fault.message.endswith(".") and "\n" not in fault.message
    assert "generate it again" in fault.message
    if name != NO_DATA:
        assert peak < 50 << 20, "memory for data that is not there"


@pytest.mark.skipif(Take is None, reason="the generator's packages are not installed")
@pytest.mark.parametrize("name", BAD)
def test_the_generator_says_the_same_of_it(name, tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    BAD[name][0](path)
    with pytest.raises(BlenderUserError) as ours:
        read(path)
    tracemalloc.start()
    with pytest.raises(UserError) as theirs:
        Take.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 << 20 or name == NO_DATA, "memory for data that is not there"
    assert theirs.value.code == {"take_unreadable": "take_corrupt"}.get(ours.value.code, ours.value.code)
    assert reason(theirs.value.message) == reason(ours.value.message)
    assert theirs.value.message.endswith("generate it again.")


def reason(message):
    """What follows "because", or whatever it is besides the file's name."""
    return re.sub(r'; generate.*$|.*"take\.npz"', "", message.partition("because")[2] or message)


def test_a_small_file_takes_no_memory_for_frames_that_pack_well(tmp_path):
    """Three gigabytes of zeros in three megabytes are refused by the header; what is allowed stays below 300 MB."""
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, euler=np.zeros((0, 2, 16, 3), np.float32))
    frames = 8_000_000
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (frames, 2, 16, 3)}
    )
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("more.npy", "w") as file:
        file.write(b"\0" * (1 << 20))  # an array that nobody asked for
    with zipfile.ZipFile(path) as archive:
        members = {item: archive.read(item) for item in archive.namelist() if item != "euler.npy"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for item, content in members.items():
            archive.writestr(item, content)
        with archive.open("euler.npy", "w", force_zip64=True) as file:
            file.write(header.getvalue())
            for _ in range(32):
                file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(BlenderUserError, match="too many"):
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20
