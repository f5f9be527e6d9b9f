# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared by the tests of `models`: a model folder of the real classes, tiny and with random weights."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that loads and samples in milliseconds; its motion is noise."""
    from tiny_model import save_tiny_model  # torch

    return save_tiny_model(tmp_path_factory.mktemp("presets") / "tiny")
