# SPDX-License-Identifier: GPL-3.0-or-later
"""Every failure becomes one sentence, with the traceback beside it."""

import errno
import pickle

import numpy as np
import pytest
import torch

from models.app.error_messages import error_for_user
from models.errors import UserError


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory"),
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/take.npz"), "disk_full"),
        (OSError(errno.EROFS, "Read-only file system", "/tmp/take.npz"), "not_writable"),
        (PermissionError(errno.EACCES, "Permission denied", "/tmp/take.npz"), "not_writable"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/tmp/take.npz"), "file_missing"),
        (OSError(errno.EIO, "Input/output error"), "file_error"),
        (ModuleNotFoundError("No module named 'transkun'", name="transkun"), "package_missing"),
        (RuntimeError("shapes do not match"), "unexpected"),
        (UserError("silent_sound", "The sound is silent."), "silent_sound"),
    ],
)
def test_one_sentence_for_each_failure(error: Exception, code: str) -> None:
    try:
        raise error
    except Exception as raised:
        explained = error_for_user(raised)
    assert explained.code == code
    assert explained.message.endswith(".") and "\n" not in explained.message
    assert "Error" not in explained.message and "Errno" not in explained.message
    assert "Traceback" in explained.detail and "test_one_sentence" in explained.detail


def test_the_file_is_named() -> None:
    assert '"take.npz"' in error_for_user(OSError(errno.ENOSPC, "No space", "/tmp/take.npz")).message
    assert '"transkun"' in error_for_user(ModuleNotFoundError(name="transkun.model")).message


def test_a_real_allocation_failure_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert error_for_user(caught.value).code == "out_of_memory"
    with pytest.raises(MemoryError) as caught_array:
        np.empty(1 << 60, np.uint8)
    assert error_for_user(caught_array.value).code == "out_of_memory"


def test_codes_are_words_and_errors_cross_process_borders() -> None:
    with pytest.raises(ValueError, match="code="):
        UserError("Not a code", "x")
    copy = pickle.loads(pickle.dumps(UserError("a_code", "A sentence.", "detail")))
    assert (copy.code, copy.message, copy.detail) == ("a_code", "A sentence.", "detail")
