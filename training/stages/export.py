# SPDX-License-Identifier: GPL-3.0-or-later
"""From a training folder to a model folder: `config.json`, `model.safetensors`, model card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from models.config import ModelConfig
from models.networks.stages import Networks, parameter_count, write_model_files
from models.whole_file import whole_folder
from training.stages.audio_encoder import export_encoder, split_state
from training.stages.loop import LOG_FILE, read_checkpoint
from training.stages.stage1 import FOLDER as STAGE1_FOLDER
from training.stages.stage2 import FOLDER as STAGE2_FOLDER

_CARD = """---
license: gpl-3.0
---
# S2C Piano Hands, model `{name}`

Motion of two hands at the piano from notes, by the dual-stream diffusion model of *Separate to Collaborate*
(position predictors, refiners, two U-Nets that meet in hand-coordinated asymmetric attention).

{origin}

- Parameters: {parameters:,} ({predictors:,} in the position predictors).
- Input: {input}
- Output: {output} for each hand and frame, windows of {frames} frames.
- Schedule: {schedule}, T = {steps}; both hands share their weights: {shared}.
{training}
Weights are data, GPL-3.0-or-later like the rest of the project. Not meant for: medical or ergonomic advice, or
judging how a person should play.
"""

_SYNTHESISED = """**Learned from motion that this project made**: scores, an optimal fingering, expressive timing
and a model of movement gave notes and motion (`python -m training synthesise`), some of whose numbers were fitted
to tracked fingertips of real pianists. Where the notes below name recorded performances, their paths over the
keys, seen from above, are those of real hands, and all else is made (`python -m training recorded`). It plays like
no particular pianist."""
_CLIPS = """**Learned from the data set that it was given** (`python -m training train --data`); what that may be used
for, its owner says."""
_INPUT = {
    "notes": "notes (onset, offset, pitch, velocity) at {fps:g} frames a second, optionally the hand of each note,\n"
    "  style numbers{player}.",
    "hubert": "sound at 16 kHz, through HuBERT, at {fps:g} frames a second.",
    "features": "features of the sound at {fps:g} frames a second.",
}
_OUTPUT = {
    "euler": "wrist position and 16 x 3 Euler angles",
    "mano": "a camera's position and MANO's 16 x 3 axis-angle numbers",
}


def export_model(out: Path, folder: Path, name: str, *, half: bool, notes: str = "") -> str:
    """Write the averaged weights of both stages in `out` as a model folder; returns the hash of the weights.

    notes: Markdown that ends the model card: data, figures, limits.
    """
    config = dataclasses.replace(ModelConfig.load(out / "config.json"), name=name)
    networks = Networks(config)
    predictors, encoder = split_state(read_checkpoint(out / STAGE1_FOLDER)["averaged"])
    networks.predictors.load_state_dict(predictors)
    networks.streams.load_state_dict(read_checkpoint(out / STAGE2_FOLDER)["averaged"])
    card = _CARD.format(
        name=name,
        parameters=parameter_count(networks),
        predictors=parameter_count(networks.predictors),
        origin=_SYNTHESISED if config.encoder.kind == "notes" else _CLIPS,
        input=_INPUT[config.encoder.kind].format(
            fps=config.fps, player=", each hand's side and player" if config.habit_dim else ""
        ),
        output=_OUTPUT[config.representation],
        frames=config.window_frames,
        schedule=config.schedule.kind,
        steps=config.schedule.steps,
        shared="yes" if config.shared_hands else "no",
        training="".join(_training_line(stage, out / stage) for stage in (STAGE1_FOLDER, STAGE2_FOLDER)),
    )
    card += f"\n{notes}" if notes else ""
    with whole_folder(folder, replace=True) as part:
        if encoder:
            export_encoder(out, part, encoder)
        return write_model_files(part, config, networks, card, half=half)


def _training_line(stage: str, folder: Path) -> str:
    """One line for the card: steps, windows, minutes and the loss on held-out composers."""
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    entries = [json.loads(line) for line in (folder / LOG_FILE).read_text(encoding="utf-8").splitlines()]
    # A run that is still going on has validated nothing yet, and may have said nothing of its steps.
    last = next((entry for entry in reversed(entries) if "validation" in entry), (entries or [{}])[-1])
    figures = ", ".join(f"{key} {value:.4f}" for key, value in last.get("validation", {}).items())
    return (
        f"- {stage}: {last.get('step', 0)} steps of {settings['batch_size']} windows in "
        f"{last.get('seconds', 0) / 60:.0f} minutes; "
        f"held-out composers: {figures or 'not measured'}.\n"
    )
