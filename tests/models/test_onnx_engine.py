# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine without torch: the same take as torch's, the same bits for any threads, and only from its own files."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from tiny_model import TINY, save_tiny_model, tiny_model

from models.app import cli, export
from models.body.notes import Notes
from models.config import EncoderConfig
from models.errors import UserError
from models.generation import model as model_module
from models.generation import onnx_files
from models.generation.generator import GenerateSettings, generate
from models.generation.model import choose_engine, load_model, wrap
from models.generation.onnx_engine import OnnxEngine
from models.model_folder import CONFIG_FILE, WEIGHTS_FILE, config_of, weights_hash
from models.music.midi import write_midi
from models.networks.export import export_model

ROOT = Path(__file__).parents[2]
CONFIGS = {
    "shared hands": TINY,
    "a set of weights for each hand": dataclasses.replace(TINY, shared_hands=False),
    "no finger plan": dataclasses.replace(TINY, encoder=dataclasses.replace(TINY.encoder, finger_plan=False)),
    "nothing told of the player": dataclasses.replace(TINY, style_dim=0),
    "no known frames": dataclasses.replace(TINY, known_frames=False),
    "motion lifted, no centred rolls": dataclasses.replace(
        TINY,
        encoder=dataclasses.replace(TINY.encoder, centred_bins=0),
        unet=dataclasses.replace(TINY.unet, noise_embedding=12, noise_gain=True),
    ),
}


def song(seconds):
    onset = np.arange(0.3, seconds - 0.5, 0.23)
    table = np.stack([onset, onset + 0.3, 48 + np.arange(len(onset)) * 7 % 36, np.full(len(onset), 80)], 1)
    return Notes.from_arrays(table.astype(np.float32), hand=(table[:, 2] > 62).astype(np.int8))


def onnx_of(model, folder, threads=1):
    """The same model, run without torch."""
    facts = {"made": "here"}
    files = export_model(model.config, model.engine.networks, facts)
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.onnx").write_bytes(content)
    return wrap(model.config, engine_from(model.config, folder, facts, threads), "tiny")


def engine_from(config, folder, facts, threads=1):
    files = {name: folder / f"{name}.onnx" for name in onnx_files.names_of(config)}
    return OnnxEngine(config, files, facts, threads)


def take(model, seconds=5.0, **more):
    settings = GenerateSettings(seed=4, contact=0.0, style={"curl": 0.5} if model.config.style_dim else {})
    return generate(model, song(seconds), duration_s=seconds, settings=settings, **more)


def apart(one, other):
    """Largest differences, radians and metres."""
    return (
        np.abs(one.motion.euler - other.motion.euler).max(),
        np.abs(one.motion.wrist - other.motion.wrist).max(),
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The tiny model, run by torch, and a folder of its graphs."""
    model, folder = tiny_model(), tmp_path_factory.mktemp("tiny") / "onnx"
    onnx_of(model, folder)
    return model, folder


def run_by(folder, threads=1):
    """The tiny model, run without torch."""
    return wrap(TINY, engine_from(TINY, folder, {"made": "here"}, threads), "tiny")


@pytest.mark.parametrize("name", CONFIGS)
def test_both_engines_give_the_same_take_of_a_seed(name, tmp_path):
    torch_model = tiny_model(CONFIGS[name])
    onnx_model = onnx_of(torch_model, tmp_path / "onnx")
    one, other = take(torch_model), take(onnx_model)
    assert (one.meta["engine"], other.meta["engine"]) == ("torch", "onnx")
    radians, metres = apart(one, other)
    assert radians < 1e-4 and metres < 1e-5
    assert np.abs(one.motion.euler).max() > 0.1


@pytest.mark.parametrize("part", [{"keep_hand": "left"}, {"redo_range": (1.0, 2.5)}])
def test_both_engines_redo_the_same_part_in_the_same_way(part, tiny):
    torch_model, onnx_model = tiny[0], run_by(tiny[1], threads=2)
    first = take(torch_model)
    other_seed = GenerateSettings(seed=9, contact=0.0)
    redone = [
        generate(model, song(5.0), duration_s=5.0, settings=other_seed, keep=first, **part)
        for model in (torch_model, onnx_model)
    ]
    radians, metres = apart(*redone)
    assert radians < 1e-4 and metres < 1e-5
    assert apart(redone[1], first)[0] > 1e-2


def test_a_take_is_the_same_bit_for_bit_with_any_number_of_threads(tiny):
    alone = take(run_by(tiny[1]), 9.0)
    for threads in (2, 3, 5):
        assert apart(alone, take(run_by(tiny[1], threads), 9.0)) == (0, 0)


def test_a_hand_that_is_given_whole_is_computed_once_a_window(tiny):
    model = run_by(tiny[1])
    first, asked = take(model), []
    run = model.engine._run

    def counting(name, **inputs):
        asked.extend([name] * len(next(iter(inputs.values()))))
        return run(name, **inputs)

    model.engine._run = counting
    take(model, keep=first, keep_hand="left")
    ups, downs, windows = (asked.count(name) for name in ("up0", "down0", "condition"))
    assert windows and ups == windows * TINY.sampling_steps and downs == ups + windows


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A cache that holds the graphs of `save_tiny_model`'s folder."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_files, "cache_folder", lambda: folder / "cache")
        model = load_model(save_tiny_model(folder / "tiny"), "cpu")
    assert model.engine.name == "onnx"
    return folder / "cache"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty cache; nothing is shipped."""
    monkeypatch.setattr(onnx_files, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(onnx_files, "SHIPPED_FOLDER", tmp_path / "shipped")
    return tmp_path


@pytest.fixture
def filled(home, made):
    """A cache that holds the graphs of `save_tiny_model`'s folder."""
    shutil.copytree(made, home / "cache")
    return home


def test_a_model_folder_is_exported_when_it_is_first_needed(filled, monkeypatch):
    folder = save_tiny_model(filled / "tiny")
    monkeypatch.setattr(onnx_files, "write_files", None)  # the second time nothing is made
    again = load_model(folder, "cpu", "onnx")
    assert again.engine.name == "onnx" and again.weights_hash == weights_hash(folder / WEIGHTS_FILE)[:16]


def test_another_configuration_of_the_same_weights_is_exported_anew(filled):
    folder = save_tiny_model(filled / "tiny")
    config = dataclasses.replace(config_of(folder), pose_noise=1.1)
    (folder / CONFIG_FILE).write_text(config.to_json())
    load_model(folder, "cpu")
    assert len(list((filled / "cache").iterdir())) == 2


@pytest.mark.parametrize("what", ["other weights", "damaged", "missing"])
def test_files_that_do_not_belong_to_the_weights_are_refused(filled, what):
    folder = save_tiny_model(filled / "tiny")
    (made,) = (filled / "cache").iterdir()
    file = made / "up0.onnx"
    if what == "other weights":
        graph = onnx.load(file)
        onnx.helper.set_model_props(graph, onnx_files.facts_of(config_of(folder), "0" * 64))
        file.write_bytes(graph.SerializeToString())
    elif what == "damaged":
        file.write_bytes(file.read_bytes()[:100])
    else:
        file.unlink()
    with pytest.raises(UserError, match="delete") as error:
        load_model(folder, "cpu")
    assert error.value.code == ("onnx_mismatch" if what == "other weights" else "onnx_damaged")


def test_shipped_files_are_for_the_preset_that_they_belong_to(home, made, monkeypatch):
    presets = home / "presets"
    folder = save_tiny_model(presets / "tiny")
    monkeypatch.setattr(onnx_files, "PRESETS_FOLDER", presets)
    (graphs,) = made.iterdir()
    shutil.copytree(graphs, home / "shipped" / "tiny")
    monkeypatch.setattr(onnx_files, "can_export", lambda: False)
    assert load_model(folder, "cpu").engine.name == "onnx"
    stranger = save_tiny_model(home / "tiny")  # the same name somewhere else
    monkeypatch.setattr(model_module, "torch_installed", lambda: False)
    with pytest.raises(UserError, match="PyTorch") as error:
        load_model(stranger, "cpu")
    assert error.value.code == "onnx_missing"


def test_without_files_auto_falls_back_on_torch_and_onnx_says_so(home, monkeypatch):
    folder = save_tiny_model(home / "tiny")
    monkeypatch.setattr(onnx_files, "can_export", lambda: False)
    assert load_model(folder, "cpu").engine.name == "torch"
    with pytest.raises(UserError) as error:
        load_model(folder, "cpu", "onnx")
    assert error.value.code == "onnx_missing"


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch):
    for gpu, wanted in ((True, "torch"), (False, "onnx")):
        monkeypatch.setattr(model_module, "has_accelerator", lambda gpu=gpu: gpu)
        assert choose_engine(TINY, Path("tiny"), "auto", "auto") == wanted
        assert choose_engine(TINY, Path("tiny"), "cpu", "auto") == "onnx"
        assert choose_engine(TINY, Path("tiny"), "cuda", "auto") == "torch"
        assert choose_engine(TINY, Path("tiny"), "auto", "onnx") == "onnx"
        assert choose_engine(TINY, Path("tiny"), "cpu", "torch") == "torch"
    listens = dataclasses.replace(
        TINY,
        encoder=EncoderConfig(
            kind="hubert", feature_dim=16, centred_bins=0, finger_plan=False, source="somebody/encoder"
        ),
    )
    assert choose_engine(listens, Path("tiny"), "cpu", "auto") == "torch"
    for config, device in ((listens, "cpu"), (TINY, "cuda")):
        with pytest.raises(UserError) as error:
            choose_engine(config, Path("tiny"), device, "onnx")
        assert error.value.code == "engine_cannot"
    with pytest.raises(UserError, match="onnx, torch"):
        choose_engine(TINY, Path("tiny"), "cpu", "steam")


def test_the_command_exports_what_an_extension_ships(tmp_path, monkeypatch, capsys):
    folder = save_tiny_model(tmp_path / "tiny")
    exporting = {"model": lambda where: export.export_model(where, str(folder))}
    monkeypatch.setattr(export, "EXPORTS", exporting)
    assert cli.main(["export", "-o", str(tmp_path / "out"), "--json"]) == 0
    files = [Path(file) for file in json.loads(capsys.readouterr().out)["files"]]
    config = config_of(folder)
    assert [file.stem for file in files] == onnx_files.names_of(config)
    facts = onnx_files.facts_of(config, weights_hash(folder / WEIGHTS_FILE))
    engine_from(config, tmp_path / "out" / "tiny", facts)  # or its UserError
    with pytest.raises(SystemExit):
        cli.main(["export", "--what", "nothing", "-o", str(tmp_path)])


BLOCKED = """
import importlib.util
import sys
from importlib.abc import MetaPathFinder

AWAY = ("torch", "transformers", "huggingface_hub", "transkun", "onnx")
find_spec = importlib.util.find_spec

class Blocker(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in AWAY:
            raise ModuleNotFoundError(f"{name} is not there", name=name)

importlib.util.find_spec = lambda name, package=None: None if name in AWAY else find_spec(name, package)
sys.meta_path.insert(0, Blocker())
from models.generation import onnx_files
from pathlib import Path
onnx_files.cache_folder = lambda: Path(sys.argv[1])
from models.app.cli import main
sys.exit(main(sys.argv[2:]))
"""


def test_a_take_is_made_of_midi_where_torch_cannot_be_imported(filled):
    home, folder = filled, save_tiny_model(filled / "tiny")
    write_midi(home / "song.mid", song(3.0))
    arguments = ["generate", home / "song.mid", "-o", home / "take.npz", "--preset", folder, "--json"]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *map(str, [home / "cache", *arguments])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert '"engine": "onnx"' in done.stdout and (home / "take.npz").is_file()
