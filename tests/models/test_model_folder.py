# SPDX-License-Identifier: GPL-3.0-or-later
"""Model folders: what is saved is what is loaded, and what does not fit is refused in one sentence."""

import json
import math

import numpy as np
import pytest
import torch
from tiny_model import TINY, tiny_model

from models.body.notes import Notes
from models.config import ModelConfig
from models.errors import UserError
from models.generation.generator import GenerateSettings, generate
from models.generation.model import load_model
from models.model_folder import CONFIG_FILE, PRESETS_FOLDER, WEIGHTS_FILE
from models.networks import weights_file
from models.networks.stages import Networks, save_model


@pytest.fixture
def folder(tmp_path):
    save_model(tmp_path / "tiny", TINY, tiny_model().engine.networks, "# card\n")
    return tmp_path / "tiny"


def test_a_saved_model_comes_back_bit_for_bit(folder):
    model, original = load_model(folder, "cpu", "torch"), tiny_model()
    assert model.config == TINY and model.preset == "tiny"
    for name, value in original.engine.networks.state_dict().items():
        assert torch.equal(model.engine.networks.state_dict()[name], value)
    assert (folder / "README.md").read_text() == "# card\n"


def test_who_may_read_the_card_may_read_the_weights(folder):
    assert (folder / WEIGHTS_FILE).stat().st_mode == (folder / "README.md").stat().st_mode


def test_half_precision_is_smaller_and_close(tmp_path):
    save_model(tmp_path / "full", TINY, tiny_model().engine.networks, "")
    save_model(tmp_path / "half", TINY, tiny_model().engine.networks, "", half=True)
    assert (tmp_path / "half" / WEIGHTS_FILE).stat().st_size < 0.6 * (
        tmp_path / "full" / WEIGHTS_FILE
    ).stat().st_size
    half = load_model(tmp_path / "half", "cpu", "torch").engine.networks.state_dict()
    for name, value in tiny_model().engine.networks.state_dict().items():
        torch.testing.assert_close(half[name], value, atol=1e-4, rtol=1e-3)


def test_the_hash_follows_the_weights(tmp_path):
    hashes = {
        save_model(tmp_path / str(seed), TINY, tiny_model(seed=seed).engine.networks, "") for seed in (0, 1)
    }
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


def stored(folder):
    """The list and the data of a weights file."""
    content = (folder / WEIGHTS_FILE).read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])


def store(folder, entries, data):
    text = json.dumps(entries).encode()
    (folder / WEIGHTS_FILE).write_bytes(len(text).to_bytes(8, "little") + text + data)


def some(entries):
    """A name of a tensor of several numbers."""
    return next(
        name for name, entry in entries.items() if name != "__metadata__" and len(entry["shape"]) == 2
    )


def changed(**changes):
    def spoil(folder):
        entries, data = stored(folder)
        entries[some(entries)].update(changes)
        store(folder, entries, data)

    return spoil


def without(folder):
    entries, data = stored(folder)
    del entries[some(entries)]
    store(folder, entries, data)


def with_more(folder):
    entries, data = stored(folder)
    store(folder, {**entries, "surprise": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}, data)


def not_finite(folder):
    entries, data = stored(folder)
    start = entries[some(entries)]["data_offsets"][0]
    data[start : start + 4] = np.float32(np.nan).tobytes()
    store(folder, entries, data)


def content(data):
    return lambda folder: (folder / WEIGHTS_FILE).write_bytes(data)


BAD_WEIGHTS = {
    "another shape": (changed(shape=[4, 4], data_offsets=[0, 64]), "the configuration needs"),
    "a shape that is not its data's": (changed(shape=[1000, 1000]), "cut off"),
    "a shape beyond all memory": (changed(shape=[2**60, 2**60]), "no shape"),
    "data beyond the file": (changed(data_offsets=[0, 2**62]), "no shape"),
    "whole numbers": (changed(dtype="I64"), "another kind"),
    "a tensor too few": (without, "is missing"),
    "a tensor too many": (with_more, '"surprise" is not known'),
    "numbers that are none": (not_finite, "not finite"),
    "a list of 2^63 bytes": (content((2**63).to_bytes(8, "little") + b"{}"), "do not begin"),
    "a list of 100 MB": (content((100 << 20).to_bytes(8, "little") + b" " * (100 << 20)), "do not begin"),
    "a list nested without end": (content((100_000).to_bytes(8, "little") + b"[" * 100_000), "no JSON"),
    "a list that is a number": (content((2).to_bytes(8, "little") + b"12"), "is none"),
    "nothing": (content(b""), "empty"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTS)
def test_bad_weights_are_refused_by_name_before_they_are_read(name, folder, monkeypatch):
    spoil, words = BAD_WEIGHTS[name]
    spoil(folder)
    if name != "numbers that are none":
        monkeypatch.setattr(weights_file, "load_file", lambda path: pytest.fail("the weights were read"))
    with pytest.raises(UserError, match=words) as error:
        load_model(folder, "cpu")
    assert error.value.code.startswith("model_weights") and error.value.message.endswith(".")
    assert len(error.value.message) < 400


def with_config(**changes):
    """A configuration with other values, named by their place: `unet__patch`."""

    def spoil(text):
        config = json.loads(text)
        for place, value in changes.items():
            *path, last = place.split("__")
            inner = config
            for step in path:
                inner = inner[step]
            inner[last] = value
        return json.dumps(config)

    return spoil


WIDE = {"width": 8192, "heads": 4, "feedforward": 32768, "encoder_layers": 48, "decoder_layers": 48}
BAD_CONFIGS = {
    "a width of gigabytes": (with_config(predictor=WIDE, refiner=WIDE), "numbers, more than a model"),
    "a window of gigabytes": (with_config(window_frames=4096), "more than a computer can hold"),
    "a negative size": (with_config(unet__patch=-2), "patch is -2"),
    "a fraction": (with_config(window_frames=48.0), "window_frames is 48.0"),
    "a truth for a number": (with_config(window_frames=True), "window_frames is True"),
    "a text for a list": (with_config(unet__widths="wide"), "widths is 'wide'"),
    "null": (with_config(unet=None), "unet is None"),
    "no number": (with_config(fps=float("nan")), "fps is nan"),
    "a mean that is no number": (
        with_config(statistics__euler_mean=[float("nan")] * 48),
        "euler_mean is nan",
    ),
    "a spread beyond sense": (with_config(statistics__euler_std=[1e300] * 48), "euler_std is 1e[+]300"),
    "400 digits": (lambda text: text.replace('"fps": 30.0', '"fps": 1' + "0" * 400), "too many digits"),
    "5000 digits": (lambda text: text.replace('"fps": 30.0', '"fps": 1' + "0" * 5000), "no JSON"),
    "a name of 100,000 letters": (with_config(name="a" * 100_000), "name has 100000 letters"),
    "an unknown setting": (with_config(surprise=1), "'surprise' is not known"),
    "an unknown setting of many letters": (with_config(**{"a" * 10_000: 1}), "is not known"),
    "nested without end": (lambda text: "[" * 100_000, "no JSON"),
    "a list": (lambda text: "[]", "JSON object"),
    "nothing": (lambda text: "", "empty"),
    "50 MB": (lambda text: " " * 50_000_000 + text, "larger than 1 MB"),
}


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_a_bad_configuration_takes_no_memory_and_is_one_sentence(name, folder):
    change, words = BAD_CONFIGS[name]
    path = folder / CONFIG_FILE
    path.write_text(change(path.read_text()))
    before = resident()
    with pytest.raises(UserError, match=words) as error:
        load_model(folder, "cpu")
    assert resident() - before < 300 << 20
    assert error.value.code.startswith("model_") and error.value.message.endswith(".")
    assert len(error.value.message) < 500 and "\n" not in error.value.message


def resident():
    """Bytes that this process has had at most."""
    resource = pytest.importorskip("resource", reason="no such count on this system")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_an_outline_takes_no_memory_and_names_what_the_networks_have():
    networks = weights_file.outline(lambda: Networks(TINY))
    assert all(value.is_meta for value in networks.state_dict().values())
    assert weights_file.shapes_of(networks) == weights_file.shapes_of(tiny_model().engine.networks)


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_the_papers_networks_are_within_the_limits(preset):
    config = ModelConfig.load(PRESETS_FOLDER / preset / CONFIG_FILE)
    shapes = weights_file.shapes_of(weights_file.outline(lambda: Networks(config)))
    assert sum(map(math.prod, shapes.values())) < weights_file.MOST_NUMBERS


def test_weights_that_say_anything_end_in_a_sentence(folder):
    networks = tiny_model().engine.networks
    for value in networks.parameters():
        torch.nn.init.constant_(value, 1e30)
    save_model(folder, TINY, networks, "")
    notes = Notes.from_arrays([[0.1, 0.5, 60, 80]], hand=1)
    with pytest.raises(UserError) as error:
        generate(load_model(folder, "cpu"), notes, duration_s=1.0, settings=GenerateSettings())
    assert error.value.code == "model_output"
