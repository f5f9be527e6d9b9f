# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the reference that test_transcription.py compares with: what transkun's own model class hears.

    python tests/models/library_transcription.py SOUND.wav REFERENCE.mid [--seconds S]

The library's class imports packages that only its training and evaluation use; they are stood in for here, so
that nothing has to be installed. The mel filter bank comes from the checkpoint. The sound has to be at 44.1
kHz.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from importlib import resources
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import soundfile
import torch

from models.body.notes import Notes
from models.music.midi import write_midi

UNUSED = ("pretty_midi", "mir_eval", "ncls", "torchaudio")


def library_model() -> Any:
    """`transkun`'s model with its published weights."""
    for name in UNUSED:
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = MagicMock()
    sys.modules["torchaudio"].functional.melscale_fbanks = lambda n_freqs, n_mels, **_: torch.zeros(
        n_freqs, n_mels
    )  # type: ignore[attr-defined]
    library = importlib.import_module("transkun.ModelTransformer")
    folder = resources.files("transkun") / "pretrained"
    config = library.Config()
    config.__dict__.update(json.loads((folder / "2.0.conf").read_text())["Model"]["config"])
    model = library.TransKun(config)
    model.load_state_dict(torch.load(str(folder / "2.0.pt"), weights_only=True)["state_dict"])
    return model.eval()


def main() -> None:
    """Transcribe and print how long it took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sound", type=Path)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--seconds", type=float, default=None, help="only the beginning")
    arguments = parser.parse_args()
    samples, rate = soundfile.read(arguments.sound, dtype="float32", always_2d=True)
    if arguments.seconds is not None:
        samples = samples[: round(arguments.seconds * rate)]
    model = library_model()
    began, cpu = time.perf_counter(), time.process_time()
    with torch.no_grad():
        events = model.transcribe(torch.from_numpy(samples))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    notes = np.array(
        [(event.start, event.end, event.pitch, event.velocity) for event in events if event.pitch > 0]
    )
    write_midi(arguments.reference, Notes.from_arrays(notes))
    length = len(samples) / rate
    print(f"{len(notes)} notes, {length:.1f} s of sound: {seconds:.1f} s, {cpu:.1f} s of processor time")


if __name__ == "__main__":
    main()
