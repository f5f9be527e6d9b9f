# SPDX-License-Identifier: GPL-3.0-or-later
"""The transcription network as ONNX graphs: the notes of the network in torch, for any number of threads."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.app import transcriber as transcriber_module
from models.app.transcriber import transcriber_files
from models.errors import UserError
from models.music.audio import load_audio
from models.music.sample_rate import resampled
from models.music.transcription.note_network import SegmentNotes, mean_of_logit
from models.music.transcription.onnx_files import open_stage
from models.music.transcription.onnx_network import OnnxNoteNetwork
from models.music.transcription.spectrum import power_spectra
from models.thread_pool import ThreadPool

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "demo" / "recording.flac"
RATE, HOP, HOPS = 44_100, 1024, 690
WITHOUT_TRANSKUN = pytest.mark.skipif(
    importlib.util.find_spec("transkun") is None, reason="transkun is not installed"
)


@pytest.fixture(scope="module")
def files() -> Path:
    """The network's files."""
    return transcriber_files()


def segment(start_s: float = 0.0) -> NDArray[np.float32]:
    return resampled(load_audio(DEMO), RATE, round(start_s * RATE), HOPS * HOP)


def heard(network: Any, sound: NDArray[np.float32]) -> list[SegmentNotes]:
    ticks: list[None] = []
    notes = network.hear(sound, np.zeros(88, np.int64), lambda: ticks.append(None))
    assert len(ticks) == network.ticks
    return notes


@WITHOUT_TRANSKUN
def test_notes_are_those_of_the_network_in_torch(files: Path) -> None:
    import torch

    from models.networks.transcription.network import load_network

    mine = heard(OnnxNoteNetwork(files), segment())
    theirs = heard(load_network(torch.device("cpu")), segment())
    assert sum(len(key.begin) for key in theirs) > 60
    for key, right in zip(mine, theirs, strict=True):
        assert key.pitch == right.pitch
        np.testing.assert_array_equal(key.first, right.first)
        np.testing.assert_allclose(key.last, right.last, atol=1)  # a frame, where two are as good
        np.testing.assert_allclose(key.begin, right.begin, atol=0.1)
        np.testing.assert_allclose(key.velocity, right.velocity, atol=3)
        np.testing.assert_array_equal(key.begins, right.begins)


@WITHOUT_TRANSKUN
def test_numbers_are_the_same_for_any_number_of_threads(files: Path) -> None:
    sound = segment(2.0)
    one, three = (heard(OnnxNoteNetwork(files, threads), sound) for threads in (1, 3))
    assert sum(len(key.begin) for key in one) > 40
    for alone, together in zip(one, three, strict=True):
        for name in ("begin", "end", "velocity", "score"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(together, name))


@WITHOUT_TRANSKUN
def test_power_is_that_of_the_network_in_torch() -> None:
    import torch

    from models.networks.one_core import OneCorePool
    from models.networks.transcription.spectrum import LOG_FLOOR, Spectrum

    generator = np.random.default_rng(2)
    sound = (generator.normal(size=(2, 5000)) * 0.1 + 0.02).astype(np.float32)
    windows = generator.normal(size=(3, 256)).astype(np.float32)
    filters = np.zeros((129, 7), np.float32)
    filters[3:90] = generator.random((87, 7))
    with ThreadPool(2) as pool:
        power = power_spectra(sound, windows, 64, slice(3, 90), pool)
    mine = np.log(power @ filters[3:90] + LOG_FLOOR) / -np.log(LOG_FLOOR) + 1
    with OneCorePool(torch.device("cpu")) as torch_pool:
        theirs = Spectrum(torch.from_numpy(windows), torch.from_numpy(filters), 64)(
            torch.from_numpy(sound), torch_pool
        )
    np.testing.assert_allclose(mine.swapaxes(1, 2), theirs[0].numpy(), atol=1e-4)


def test_the_mean_of_a_logit_is_the_distributions() -> None:
    """By sums over the density: proportional to exp(logit x) between 0 and 1."""
    x = (np.arange(20_000) + 0.5) / 20_000
    logits = np.array([-30.0, -2.0, -0.049, 0.0, 0.01, 0.051, 5.0], np.float32)
    density = np.exp(logits[:, None] * x - np.maximum(logits, 0)[:, None])
    np.testing.assert_allclose(mean_of_logit(logits), (density * x).sum(1) / density.sum(1), atol=1e-5)


@WITHOUT_TRANSKUN
@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="other C libraries give memory back by themselves"
)
def test_what_listening_took_is_given_back(files: Path) -> None:
    code = f"""if True:
        import numpy as np
        from pathlib import Path
        from models.music.transcription.onnx_network import OnnxNoteNetwork

        def resident():
            with open("/proc/self/status") as file:
                return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))

        network = OnnxNoteNetwork(Path({str(files)!r}), 2)
        loaded = resident()
        sound = np.random.default_rng(0).normal(size=(1, {HOPS * HOP})).astype(np.float32)
        network.hear(sound * np.float32(0.1), np.zeros(88, np.int64), lambda: None)
        print(resident() - loaded)
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 100, "MB; it was 200"


@WITHOUT_TRANSKUN
def test_silence_is_no_notes(files: Path) -> None:
    """No key sounds, so nothing goes through the last layer."""
    network = OnnxNoteNetwork(files)
    noise = np.random.default_rng(0).normal(size=(1, HOPS * HOP)).astype(np.float32)
    assert sum(len(key.begin) for key in heard(network, noise * 0.01)) == 0


@WITHOUT_TRANSKUN
def test_files_of_other_weights_are_refused(files: Path, tmp_path: Path) -> None:
    data = (files / "sounding.onnx").read_bytes()
    told = b"s2c_weights_sha256"
    at = data.index(told) + len(told) + 4
    other = tmp_path / "other.onnx"
    other.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(UserError, match="other weights") as caught:
        open_stage(other)
    assert caught.value.code == "transcriber_damaged"
    other.write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match="cannot be used"):
        open_stage(other)


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcriber_module, "SHIPPED_FOLDER", tmp_path / "none")
    monkeypatch.setattr(transcriber_module, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        transcriber_files()
    assert caught.value.code == "transcriber_missing"
    shipped = tmp_path / "none" / "transcriber"
    shipped.mkdir(parents=True)
    assert transcriber_files() == shipped


WITHOUT_TORCH = """
import sys


class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transkun", "onnx"):
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Missing())
from pathlib import Path
from models.music.audio import load_audio
from models.music.transcription.listen import listen
from models.music.transcription.onnx_network import OnnxNoteNetwork
print(len(listen(load_audio(sys.argv[1], end_s=6.0), OnnxNoteNetwork(Path(sys.argv[2]))).notes))
"""


@WITHOUT_TRANSKUN
def test_listening_needs_no_torch(files: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    shutil.copytree(files, folder)
    command = [sys.executable, "-c", WITHOUT_TORCH, str(DEMO), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15
