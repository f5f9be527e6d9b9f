# SPDX-License-Identifier: GPL-3.0-or-later
"""What is heard of a recording: its notes, and what the animator should know of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.body.notes import Notes
from models.errors import Progress, Remark
from models.music.audio import Audio
from models.music.transcription import transcribe as by_ear
from models.music.transcription.note_network import NoteNetwork
from models.music.transcription.velocities import on_the_midi_scale
from models.music.tuning import in_tune, tuning_of

IN_TUNE_CENTS = 15.0
"""A piano this far off is listened to as it is: the network hears all of its notes."""

DOUBTFUL_SHARE = 0.12
"""With more doubtful notes than this the sound is hardly a solo piano. Of 14 recordings and renderings of solo pianos
the worst had 0.05; a guitar has 0.15 to 0.19, a piano quartet 0.64, an orchestra 0.92, speech all. A harpsichord, a
vibraphone and a guitar with steel strings are not told from a piano."""
SURE_OF = 3
"""So many doubtful notes it takes at least, or all that there are."""


@dataclass(frozen=True)
class Heard:
    """Notes of a recording."""

    notes: Notes
    """Nobody's; an offset is the finger's, not the pedal's; velocities are on the scale of MIDI files."""
    remarks: tuple[Remark, ...] = ()


def listen(audio: Audio, network: NoteNetwork, progress: Progress | None = None) -> Heard:
    """The notes of a piano recording, whatever the piano is tuned to; raises as `by_ear.transcribe`."""
    tuning = tuning_of(audio)
    off = tuning.is_clear and abs(tuning.cents) > IN_TUNE_CENTS
    tuned, stretch = in_tune(audio, tuning.cents) if off else (audio, 1.0)
    found = by_ear.transcribe(tuned, network, progress)
    notes, doubts = on_the_midi_scale(tuned, found.notes, progress), _doubts(found, audio.duration_s)
    if not off:
        return Heard(notes, doubts)
    return Heard(_slower(notes, stretch, audio.duration_s), (_out_of_tune(tuning.cents), *doubts))


def _slower(notes: Notes, stretch: float, duration_s: float) -> Notes:
    """Notes in the time of the recording, of which one second was `stretch` seconds."""
    onset_s, offset_s = (
        np.minimum(time.astype(np.float64) * stretch, duration_s).astype(np.float32)
        for time in (notes.onset_s, notes.offset_s)
    )
    return replace(notes, onset_s=onset_s, offset_s=offset_s)


def _doubts(found: by_ear.Transcription, duration_s: float) -> tuple[Remark, ...]:
    """What is said where the notes are hardly a piano's."""
    count = len(found.notes)
    few = min(SURE_OF, count) - 1
    if found.doubtful <= max(DOUBTFUL_SHARE * count, few):
        return ()
    heard = f"{count} notes in {duration_s:.0f} s, {found.doubtful} of them doubtful"
    sentence = f"This sounds little like a solo piano: {heard}."
    return (Remark("not_a_piano", sentence),)


def _out_of_tune(cents: float) -> Remark:
    where = "sharp" if cents > 0 else "flat"
    sentence = (
        f"The piano is tuned {abs(cents):.0f} cents {where}; its notes were heard as the nearest semitones."
    )
    return Remark("out_of_tune", sentence)
