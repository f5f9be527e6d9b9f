# SPDX-License-Identifier: GPL-3.0-or-later
"""Model folders: what is saved is what is loaded, and what does not fit is refused in one sentence."""

import pytest
import torch
from tiny_model import TINY, tiny_model

from models.errors import UserError
from models.model import CONFIG_FILE, WEIGHTS_FILE, load_model, save_model


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "tiny", TINY, tiny_model().networks, "# card\n")
    return tmp_path / "tiny"


def test_a_saved_model_comes_back_bit_for_bit(folder):
    model, original = load_model(folder, "cpu"), tiny_model()
    assert model.config == TINY and model.preset == "tiny"
    for name, value in original.networks.state_dict().items():
        assert torch.equal(model.networks.state_dict()[name], value)
    assert (folder / "README.md").read_text() == "# card\n"


def test_who_may_read_the_card_may_read_the_weights(folder):
    assert (folder / WEIGHTS_FILE).stat().st_mode == (folder / "README.md").stat().st_mode


def test_half_precision_is_smaller_and_close(tmp_path):
    save_model(tmp_path / "full", TINY, tiny_model().networks, "")
    save_model(tmp_path / "half", TINY, tiny_model().networks, "", half=True)
    assert (tmp_path / "half" / WEIGHTS_FILE).stat().st_size < 0.6 * (
        tmp_path / "full" / WEIGHTS_FILE
    ).stat().st_size
    half = load_model(tmp_path / "half", "cpu").networks.state_dict()
    for name, value in tiny_model().networks.state_dict().items():
        torch.testing.assert_close(half[name], value, atol=1e-4, rtol=1e-3)


def test_the_hash_follows_the_weights(tmp_path):
    hashes = {save_model(tmp_path / str(seed), TINY, tiny_model(seed=seed).networks, "") for seed in (0, 1)}
    assert len(hashes) == 2
    assert load_model(tmp_path / "0", "cpu").weights_hash in hashes


def test_missing_models_and_weights_are_named(tmp_path, folder):
    with pytest.raises(UserError) as error:
        load_model(tmp_path / "nothing", "cpu")
    assert error.value.code == "model_missing"
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(UserError) as error:
        load_model(folder, "cpu")
    assert error.value.code == "weights_missing"


def test_weights_of_another_shape_or_damaged_weights_are_refused(folder):
    (folder / CONFIG_FILE).write_text(
        (folder / CONFIG_FILE).read_text().replace('"time_width": 16', '"time_width": 24')
    )
    with pytest.raises(UserError) as error:
        load_model(folder, "cpu")
    assert error.value.code == "model_weights"
    (folder / WEIGHTS_FILE).write_bytes(b"nonsense")
    with pytest.raises(UserError) as error:
        load_model(folder, "cpu")
    assert error.value.code == "model_weights"


def test_a_wrong_configuration_is_refused(folder):
    (folder / CONFIG_FILE).write_text('{"surprise": 1}')
    with pytest.raises(UserError) as error:
        load_model(folder, "cpu")
    assert error.value.code == "model_config" and "surprise" in error.value.detail


def test_devices_are_checked(folder):
    with pytest.raises(UserError) as error:
        load_model(folder, "abacus")
    assert error.value.code == "unknown_device"
