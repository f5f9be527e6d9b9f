# SPDX-License-Identifier: GPL-3.0-or-later
"""The velocities that are heard, on the scale of MIDI files.

The network hears 16 s at a time, each brought to the same loudness. What it says of a note does therefore not depend
on the gain of the recording, but of two passages far apart it hardly knows which is the louder. And a piano that sounds
brighter than those that it learned from seems to it to be struck hard: what sampled pianos play at 37 to 80 it hears
at 66 to 95, and at 90 strokes are as fast as strokes can be. So how loud each note comes in is measured as well,
against the other notes of the recording, and the middle of what is heard is drawn toward the middle of the scale. What
that brings is in docs/figures.md, "From sound".

| symbol | code | meaning |
|---|---|---|
| v, l | `heard`, `loudness` | what the network says; how loud the note comes in, dB |
| V, L | `heard_about`, `loudness_about` | their medians over the notes within `ABOUT_S` |
| u | `stroke` | (v - V) + `NOTE_STEP` (l - L) + `ABOUT_SHARE` V + `ABOUT_STEP` L |
| | result | u - median(u) + `MIDDLES`(median(v)), between 1 and 127 |
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len, rfft

from models.body.notes import Notes
from models.errors import Progress, no_progress
from models.music.audio import Audio

ABOUT_S = 8.0
"""Notes this near are compared as the network hears them: it hears twice as long at a time."""
NOTE_STEP = 0.5
"""Velocity for a dB, among notes that are near each other; most of it the network has heard already."""
ABOUT_STEP, ABOUT_SHARE = 1.5, 0.5
"""Velocity for a dB between passages, and the share that counts of what the network hears of them by their timbre. Of
sampled pianos' passages it hears a tenth to a half, and a dB stands for about 4; on grands a dB stands for about 2
(docs/lab/velocity.md)."""
MIDDLES = ((1.0, 64.0, 80.0, 127.0), (1.0, 64.0, 72.0, 72.0))
"""Medians of what the network says, and what they are taken for: above the middle of the scale half of it is the
instrument's, above 80 all of it."""
PARTIALS = 8
WINDOW_S = 0.093
ASTRAY = 0.015
"""A partial is looked for within this share of its frequency, one bin at least: it may be sharp or out of tune."""
SOFTEST = 1e-4
"""Amplitude of the softest note that is measured, for 1 of the loudest."""
TELL_EVERY = 256
"""Notes between two calls of `progress`: a quarter of a second."""


def on_the_midi_scale(audio: Audio, notes: Notes, progress: Progress | None = None) -> Notes:
    """The notes that the network heard in a sound, with velocities between 1 and 127 on the scale of MIDI files.

    Args:
        audio: what it heard, at any gain.
        notes: (n,), sorted by onset, with the network's velocities.
        progress: told of stage "transcribe"; may raise `Cancelled`.
    """
    if not len(notes):
        return notes
    heard, loudness = notes.velocity.astype(np.float64), onset_loudness(audio, notes, progress)
    heard_about, loudness_about = (_medians_about(notes.onset_s, values) for values in (heard, loudness))
    stroke = heard - heard_about + NOTE_STEP * (loudness - loudness_about)
    stroke += ABOUT_SHARE * heard_about + ABOUT_STEP * loudness_about
    middle = float(np.interp(np.median(heard), *MIDDLES))
    velocity = np.clip(stroke - np.median(stroke) + middle, 1, 127)
    return replace(notes, velocity=velocity.astype(notes.velocity.dtype))


def onset_loudness(audio: Audio, notes: Notes, progress: Progress | None = None) -> NDArray[np.float64]:
    """How loud each note comes in, (n,) dB, n at least 1: the amplitudes of its partials after the onset, added up.

    What these keys sounded before is not taken off: that measured worse (docs/lab/velocity.md).
    """
    tell = progress or no_progress
    window = np.hanning(next_fast_len(round(WINDOW_S * audio.rate), real=True))
    bands = _bands(notes.pitch, len(window) / audio.rate, len(window) // 2 + 1)
    amplitude = np.zeros(len(notes))
    for i, onset_s in enumerate(notes.onset_s.tolist()):
        amplitude[i] = _amplitude(audio, round(onset_s * audio.rate), window, bands[i])
        if i % TELL_EVERY == 0:
            tell("transcribe", 1, 1)
    softest = SOFTEST * amplitude.max() or 1.0  # 1 where there is nothing but silence
    return np.asarray(20 * np.log10(np.maximum(amplitude, softest)))


def _bands(pitch: NDArray[np.floating[Any]], window_s: float, bins: int) -> NDArray[np.int64]:
    """(n, 2, `PARTIALS`) the first bin of each partial and the first after it; the same above the highest bin."""
    middle = (
        440 * 2 ** ((pitch.astype(np.float64)[:, None] - 69) / 12) * np.arange(1, PARTIALS + 1) * window_s
    )
    reach = np.maximum(ASTRAY * middle, 1.0)
    edges = np.rint(np.stack([middle - reach, middle + reach + 1], 1)).astype(np.int64)
    return np.clip(edges, 0, bins)


def _amplitude(audio: Audio, onset: int, window: NDArray[np.float64], band: NDArray[np.int64]) -> float:
    """The amplitudes of partials from a sample on, added up."""
    sound = np.zeros((len(window), audio.samples.shape[1]))
    there = audio.samples[onset : onset + len(window)]
    sound[: len(there)] = there
    spectrum = rfft(sound * window[:, None], axis=0)
    power = (spectrum.real**2 + spectrum.imag**2).mean(1)
    below = np.concatenate([[0.0], np.cumsum(power)])
    return float(np.sqrt(below[band[1]] - below[band[0]]).sum())


def _medians_about(onset_s: NDArray[np.floating[Any]], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median (n,) of the values of the notes within `ABOUT_S` of each."""
    first = np.searchsorted(onset_s, onset_s - ABOUT_S, "left")
    last = np.searchsorted(onset_s, onset_s + ABOUT_S, "right")
    return np.array([np.median(values[a:b]) for a, b in zip(first, last, strict=True)])
