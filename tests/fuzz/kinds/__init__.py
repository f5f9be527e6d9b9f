# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of inputs, by name."""

from tests.fuzz.kinds.base import Kind
from tests.fuzz.kinds.hands import Hands
from tests.fuzz.kinds.midi import Midi
from tests.fuzz.kinds.models import Models
from tests.fuzz.kinds.protocol import Lines, Marks, Replies, Requests
from tests.fuzz.kinds.sounds import Sounds
from tests.fuzz.kinds.takes import Takes

KINDS: dict[str, type[Kind]] = {
    kind.name: kind for kind in (Sounds, Midi, Hands, Takes, Models, Marks, Requests, Lines, Replies)
}

__all__ = ["KINDS", "Kind"]
