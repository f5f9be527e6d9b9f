# SPDX-License-Identifier: GPL-3.0-or-later
"""The default model's graphs in a zip: without the numbers of its weights file they compute the same, bit for bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from extension.networks import DEFAULT, share
from models.app.export import export_model
from models.errors import UserError
from models.generation.onnx_engine import open_session
from models.generation.onnx_files import facts_of, names_of, numbers_for
from models.model_folder import config_of, weights_hash

MOST_BYTES = 4_000_000
CONFIG = config_of(DEFAULT.parent)
FACTS = facts_of(CONFIG, weights_hash(DEFAULT))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The graphs with all their numbers, and without those of the weights file."""
    whole = tmp_path_factory.mktemp("whole")
    export_model(whole, "default")
    shared = tmp_path_factory.mktemp("shared") / "default"
    shutil.copytree(whole / "default", shared)
    share(shared, DEFAULT)
    return whole / "default", shared


def noise_for(session: onnxruntime.InferenceSession, hands: int) -> dict[str, np.ndarray]:
    """Noise for each input of a graph; of as many hands where their number is open."""
    noise = np.random.default_rng(0)
    given = {}
    for item in session.get_inputs():
        values = noise.standard_normal([size if isinstance(size, int) else hands for size in item.shape])
        kinds = {"tensor(bool)": values > 0, "tensor(int64)": np.full(values.shape, 500)}
        given[item.name] = kinds.get(item.type, values.astype(np.float32))
    return given


def outputs(session: onnxruntime.InferenceSession) -> list[np.ndarray]:
    """What a graph makes of noise."""
    return list(session.run(None, noise_for(session, 1)))


def test_they_compute_the_same_and_are_small(folders: tuple[Path, Path]) -> None:
    whole, shared = folders
    files = {name: shared / f"{name}.onnx" for name in names_of(CONFIG)}
    numbers = numbers_for(files, DEFAULT)
    assert all(numbers.values())
    for name, path in files.items():
        right = outputs(open_session(whole / path.name, FACTS, {}))
        mine = outputs(open_session(path, FACTS, numbers[name]))
        assert len(right) == len(mine)
        assert all(np.array_equal(a, b) for a, b in zip(right, mine, strict=True)), name
    assert sum(path.stat().st_size for path in shared.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", ["down0", "up0"])
def test_a_hand_does_not_depend_on_what_shares_its_batch(folders: tuple[Path, Path], name: str) -> None:
    session = open_session(folders[0] / f"{name}.onnx", FACTS, {})
    given = noise_for(session, 5)
    together = session.run(None, given)
    for rows in (slice(1, 2), slice(2, 4), slice(0, 4)):
        alone = session.run(None, {key: values[rows] for key, values in given.items()})
        assert all(np.array_equal(a, b[rows]) for a, b in zip(alone, together, strict=True))


def test_without_the_numbers_they_are_refused(folders: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        open_session(folders[1] / "up0.onnx", FACTS, {})


def test_graphs_that_are_whole_take_nothing(folders: tuple[Path, Path]) -> None:
    files = {name: folders[0] / f"{name}.onnx" for name in names_of(CONFIG)}
    assert not any(numbers_for(files, DEFAULT).values())
