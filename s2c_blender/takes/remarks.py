# SPDX-License-Identifier: GPL-3.0-or-later
"""What the generator remarks about the music of a take: mended, left out, doubtful; how MIDI and sound fit; its parts.

A worker's answer may be odd, and what stands in a scene is saved with the .blend: only plain sentences are kept.
"""

from __future__ import annotations

import logging
import re
from typing import Any

import bpy

from ..plain_text import sentence, shown

LOG = logging.getLogger("s2c_blender")
MOST = 50
"""As many remarks are kept."""
MOST_PARTS = 256
MOST_NUMBER = 1_000_000
LONGEST_NAME = 60
LABEL = re.compile(r"(\d{1,7})(?:: .*)? \(\d+ notes?\)")
"""What parts are chosen by: "2: Piano (16 notes)"."""


def remarks_of(result: dict[str, Any]) -> list[str]:
    """The sentences of a worker's answer: first how MIDI and sound fit, then the remarks, each once."""
    fit, listed = result.get("fit"), result.get("remarks")
    said = [fit, *(listed if isinstance(listed, list) else [])]
    texts = [item.get("sentence") for item in said if isinstance(item, dict)]
    found = [sentence(text) for text in texts if isinstance(text, str)]
    return [text for text in dict.fromkeys(found) if text][:MOST]


def parts_of(result: dict[str, Any]) -> list[tuple[int, str, bool]]:
    """The parts that a MIDI file has by a worker's answer: number, a name to choose by, whether it is played."""
    listed = result.get("parts")
    parts = []
    for part in listed[:MOST_PARTS] if isinstance(listed, list) else ():
        number = part.get("number") if isinstance(part, dict) else None
        if type(number) is not int or not 1 <= number <= MOST_NUMBER:
            continue
        name, notes = part.get("name"), part.get("notes")
        if type(notes) is not int or not 0 <= notes <= MOST_NUMBER:
            continue
        label = f"{number}: {shown(name, LONGEST_NAME)}" if isinstance(name, str) and name else f"{number}"
        label += f" ({notes} note{'s' if notes != 1 else ''})"
        parts.append((number, label, part.get("chosen") is True))
    return parts


def part_asked(text: str) -> str:
    """A part as the worker takes it, a number or a name, from what was chosen or typed in the panel."""
    label = LABEL.fullmatch(text)
    return label[1] if label is not None else text


def remember(settings: bpy.types.PropertyGroup, take: str, result: dict[str, Any]) -> None:
    """Keep what was remarked of a take for the panel, and log it. take: its name."""
    settings.remarks.clear()
    for text in remarks_of(result):
        settings.remarks.add().sentence = text
        LOG.warning("Take %s: %s", take, text)
    parts = parts_of(result)
    if not parts:
        return
    settings.parts.clear()
    settings.parts_of = settings.midi_path
    for number, label, chosen in parts:
        item = settings.parts.add()
        item.name, item.number, item.chosen = label, number, chosen
