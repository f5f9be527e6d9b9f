# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test session needs: the checkout's own packages, and an end that does not hang.

A Python that has loaded bpy 4.5 hangs at exit as long as an operator or panel class is registered (4.2
crashes there), so a session that has loaded Blender leaves hard, with pytest's own exit code, once pytest
has said everything. Imports nothing but pytest: the environment of Blender 5.2 has neither torch nor scipy.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

_sessions: list[pytest.Session] = []


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The folder of the checkout."""
    return ROOT


def pytest_sessionstart(session: pytest.Session) -> None:
    _sessions.append(session)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    if "bpy" not in sys.modules or not _sessions:
        return
    config.get_terminal_writer().flush()
    capture = config.pluginmanager.get_plugin("capturemanager")
    if capture is not None:
        capture.stop_global_capturing()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(_sessions[-1].exitstatus))
