# SPDX-License-Identifier: GPL-3.0-or-later
"""From a score to a performance: tempo, rubato, dynamics, voicing, asynchrony and articulation, all from one seed.

Ranges follow the performance literature: melody lead of 10 to 30 ms and chord spread of a few ms (Goebl 2001), phrase
arcs of tempo and loudness (Todd 1992), legato overlap of tens of ms, staccato at a third to two thirds of the note
value (Repp 1997).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.body.keyboard import key_x
from models.body.notes import Notes
from models.body.skeleton import LEFT, RIGHT
from training.synthesis.scores import REACH_M, Score, groups_of, release_unreachable, span
from training.synthesis.smooth import noise_path

MIN_TEMPO_FACTOR, MAX_TEMPO_FACTOR = 0.65, 1.45
"""Bounds of the local tempo relative to the piece's."""
FASTEST_CHORDS_PER_S = 11.0
"""A hand's passages are not played faster than this (90th percentile of its rate)."""
REPEAT_S = 0.11
"""A key is not struck again sooner."""
LEAP_SPEED = 1.2
"""Metres a second that a leaping hand covers on average; a leap takes time where the tempo has none to spare."""


def perform(score: Score, rng: np.random.Generator, *, tempo_known: bool = True) -> Notes:
    """One performance of a score, sorted by onset, in single precision; the first onset is near 0 s.

    Args:
        score: a playable score with at least one note.
        rng: the only source of chance.
        tempo_known: draw the tempo from the density of the notes when the score gives none.
    """
    notes = score.notes.astype(np.float64)
    notes = notes.shifted(-notes.onset_s[0])
    speed = _speed(notes, rng, tempo_known)
    notes = replace(notes, onset_s=notes.onset_s / speed, offset_s=notes.offset_s / speed)
    phrases = _phrases(notes, rng)
    notes = _retime(notes, phrases, rng)
    notes = replace(notes, velocity=_velocities(notes, phrases, rng))
    notes = replace(notes, offset_s=_articulate(notes, rng))
    notes = _clean(_spread_chords(notes, rng))
    return notes.shifted(-notes.onset_s[0]).astype(np.float32)


def _rate(notes: Notes) -> float:
    """90th percentile of chords a second of the busier hand."""
    rates = [1.0]
    for hand in (LEFT, RIGHT):
        onsets = notes.onset_s[notes.hand == hand]
        gaps = np.diff(onsets[np.concatenate([[True], np.diff(onsets) > 0.03])]) if len(onsets) else onsets
        if len(gaps) > 4:
            rates.append(float(np.percentile(1 / gaps, 90)))
    return max(rates)


def _speed(notes: Notes, rng: np.random.Generator, tempo_known: bool) -> float:
    """Factor on the encoded tempo."""
    rate = _rate(notes)
    spread, wanted = rng.normal(0, 0.08), 6.0 * np.exp(rng.normal(0, 0.35))
    speed = np.exp(spread) if tempo_known else np.clip(wanted / rate, 0.5, 1.8)
    return float(min(speed, FASTEST_CHORDS_PER_S / rate))


def _phrases(notes: Notes, rng: np.random.Generator) -> NDArray[np.float64]:
    """Borders of phrases of 4 to 12 s, at the longest gap between right-hand onsets near each drawn border."""
    onsets = np.unique(notes.onset_s[notes.hand == RIGHT])
    if len(onsets) < 2:
        onsets = np.unique(notes.onset_s)
    end = notes.offset_s.max()
    borders = [0.0]
    while borders[-1] + 4 < end:
        drawn = borders[-1] + rng.uniform(4, 12)
        near = np.flatnonzero((onsets[1:] > drawn - 2) & (onsets[1:] < drawn + 2))
        best = onsets[1:][near[np.diff(onsets)[near].argmax()]] if len(near) else drawn
        borders.append(float(max(best, borders[-1] + 2)))
    return np.array([*borders, max(end, borders[-1]) + 1.0])


def _phrase_place(times: NDArray[Any], phrases: NDArray[Any]) -> NDArray[np.float64]:
    """Place of each time in its phrase, 0 to 1."""
    index = np.clip(np.searchsorted(phrases, times, side="right") - 1, 0, len(phrases) - 2)
    return np.clip((times - phrases[index]) / (phrases[index + 1] - phrases[index]), 0, 1)


def tempo_curve(
    duration_s: float, phrases: NDArray[Any], rng: np.random.Generator, step_s: float = 0.1
) -> NDArray[np.float64]:
    """Local tempo factor on a grid of ``step_s``: arcs over phrases, slow drift, a slowing at the end."""
    times = np.arange(0, duration_s + 2 * step_s, step_s)
    place = _phrase_place(times, phrases)
    depth = rng.uniform(0.02, 0.14)
    arc = depth * (1 - (2 * place - 0.9) ** 2) - depth * 1.3 * np.clip((place - 0.85) / 0.15, 0, 1) ** 2
    drift = rng.uniform(0.015, 0.06) * noise_path(len(times), 1, 2.0 / step_s, rng)[:, 0]
    ending = -rng.uniform(0.05, 0.35) * np.clip((times - (duration_s - 3)) / 3, 0, 1) ** 2
    return np.clip(np.exp(arc + drift + ending), MIN_TEMPO_FACTOR, MAX_TEMPO_FACTOR)


def _retime(notes: Notes, phrases: NDArray[Any], rng: np.random.Generator) -> Notes:
    """Performed onsets and offsets: the rubato of the score's clock, then time for each hand's leaps."""
    step = 0.1
    curve = tempo_curve(float(notes.offset_s.max()), phrases, rng, step)
    grid = np.arange(len(curve)) * step
    clock = np.concatenate([[0.0], np.cumsum(step / curve)])[: len(grid)]
    warped = np.interp(notes.onset_s, grid, clock)
    groups = groups_of(notes.onset_s)
    x = key_x(notes.pitch.astype(int))
    score_time = np.array([notes.onset_s[g[0]] for g in groups])
    steady = np.array([warped[g[0]] for g in groups])
    played = steady.copy()
    last: dict[int, tuple[float, float, float]] = {}
    for k, group in enumerate(groups):
        if k:
            played[k] = played[k - 1] + steady[k] - steady[k - 1]
        for hand in (LEFT, RIGHT):
            own = x[group[notes.hand[group] == hand]]
            if not len(own):
                continue
            if hand in last:
                when, low, high = last[hand]
                played[k] = max(played[k], when + _leap_time(low, high, own.min(), own.max()))
            last[hand] = (played[k], own.min(), own.max())
    tail = 1000.0
    offset = np.interp(notes.offset_s, [*score_time, score_time[-1] + tail], [*played, played[-1] + tail])
    inside = np.concatenate([np.full(len(g), k) for k, g in enumerate(groups)])
    return replace(notes, onset_s=played[inside], offset_s=np.maximum(offset, played[inside] + 0.05))


def _leap_time(low: float, high: float, new_low: float, new_high: float) -> float:
    """Seconds that a hand needs from one chord to the next, by how far it must travel beyond its own spread."""
    travel = _travel(low, high, new_low, new_high)
    return 0.05 if travel == 0 else 0.09 + travel / LEAP_SPEED


def _travel(low: float, high: float, new_low: float, new_high: float) -> float:
    """Metres that the hand itself has to move between two chords, given their outer keys."""
    return max(0.0, abs(0.5 * (new_low + new_high - low - high)) - 0.07)


def _leave_in_time(notes: Notes) -> None:
    """Let go, in place, of what a hand holds early enough to reach a distant chord; the pedal would hold it."""
    x = key_x(notes.pitch.astype(int))
    for hand in (LEFT, RIGHT):
        own = np.flatnonzero(notes.hand == hand)
        groups = [own[g] for g in groups_of(notes.onset_s[own])]
        held = np.empty(0, int)
        for before, group in zip(groups, groups[1:], strict=False):
            onset = notes.onset_s[group[0]]
            held = np.concatenate([held[notes.offset_s[held] > notes.onset_s[before[0]]], before])
            travel = _travel(x[before].min(), x[before].max(), x[group].min(), x[group].max())
            if travel > 0:
                gap = onset - notes.onset_s[before[0]]
                leave = onset - min(0.65 * gap, 0.05 + travel / LEAP_SPEED)
                notes.offset_s[held] = np.minimum(
                    notes.offset_s[held], np.maximum(leave, notes.onset_s[held] + 0.06)
                )


def _velocities(notes: Notes, phrases: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float64]:
    """Phrase arcs, slow drift, melody and bass voicing, small noise; 15 to 120."""
    count = len(notes)
    times = np.arange(0, notes.onset_s.max() + 1, 0.25)
    level = rng.uniform(48, 78) + rng.uniform(3, 12) * noise_path(len(times), 1, 16, rng)[:, 0]
    phrase_levels = np.cumsum(rng.normal(0, 5, len(phrases))) * 0.6
    place = _phrase_place(notes.onset_s, phrases)
    phrase = np.clip(np.searchsorted(phrases, notes.onset_s, side="right") - 1, 0, len(phrases) - 1)
    velocity = np.interp(notes.onset_s, times, level) + np.clip(phrase_levels[phrase], -15, 15)
    velocity += rng.uniform(4, 14) * (1 - (2 * place - 1.1) ** 2)
    voicing, bass, inner = rng.uniform(5, 14), rng.uniform(0, 5), rng.uniform(3, 10)
    for group in groups_of(notes.onset_s):
        velocity[group] -= inner
        right, left = group[notes.hand[group] == RIGHT], group[notes.hand[group] == LEFT]
        if len(right):
            velocity[right[-1]] += inner + voicing
        if len(left):
            velocity[left[0]] += inner + bass
    return np.clip(velocity + rng.normal(0, 3, count), 15, 120)


def _articulate(notes: Notes, rng: np.random.Generator) -> NDArray[np.float64]:
    """Offsets (n,): legato overlap, detached or staccato by stretches of a hand; longer notes are held as written."""
    offsets = notes.offset_s.copy()
    for hand in (LEFT, RIGHT):
        own = np.flatnonzero(notes.hand == hand)
        groups = [own[g] for g in groups_of(notes.onset_s[own])]
        mode, left_in_mode = 0, 0
        for k, group in enumerate(groups):
            if left_in_mode == 0:
                mode, left_in_mode = int(rng.choice(3, p=(0.7, 0.2, 0.1))), int(rng.integers(4, 40))
            left_in_mode -= 1
            overlap, detached, staccato = (
                rng.uniform(-0.025, 0.06),
                rng.uniform(0.6, 0.85),
                rng.uniform(0.3, 0.6),
            )
            if k + 1 == len(groups):
                continue
            onset, following = notes.onset_s[group[0]], notes.onset_s[groups[k + 1][0]]
            gap = following - onset
            through = np.abs(notes.offset_s[group] - following) < 0.15 * gap + 0.02
            short = notes.offset_s[group] - onset < 1.5 * gap
            if mode == 0:
                offsets[group[through]] = following + min(overlap, 0.3 * gap)
            elif mode == 1:
                offsets[group[through]] = onset + detached * gap
            elif gap < 0.8:
                offsets[group[short]] = onset + staccato * np.minimum(
                    notes.offset_s[group[short]] - onset, gap
                )
    return np.maximum(offsets, notes.onset_s + 0.06)


def _spread_chords(notes: Notes, rng: np.random.Generator) -> Notes:
    """Chord asynchrony: melody lead, hand offset, jitter; chords wider than a hand are rolled upward."""
    lead, between = rng.uniform(0, 0.022), rng.normal(0, 0.006)
    jitter = np.clip(rng.normal(0, 0.005, len(notes)), -0.012, 0.012)
    shift = jitter + between * (notes.hand == LEFT)
    for group in groups_of(notes.onset_s):
        for hand in (LEFT, RIGHT):
            own = group[notes.hand[group] == hand]
            if not len(own):
                continue
            if span(notes.pitch[own]) > REACH_M:
                shift[own] += np.arange(len(own)) * rng.uniform(0.06, 0.09) - 0.03
            elif hand == RIGHT:
                shift[own[-1]] -= lead
    onset = notes.onset_s + shift
    return replace(notes, onset_s=onset, offset_s=np.maximum(notes.offset_s + 0.5 * shift, onset + 0.06))


def _clean(notes: Notes) -> Notes:
    """The notes that stay, by onset; a key is let up before it is struck again, hands hold what they reach."""
    order = np.lexsort((notes.pitch, notes.onset_s))
    onset, offset = notes.onset_s, notes.offset_s.copy()
    last: dict[int, int] = {}
    stay = []
    for i in order:
        pitch = int(notes.pitch[i])
        before = last.get(pitch)
        if before is not None:
            gap = onset[i] - onset[before]
            if gap < REPEAT_S:
                continue
            offset[before] = min(offset[before], onset[i] - min(0.1, 0.45 * gap))
        last[pitch] = i
        stay.append(i)
    kept = replace(notes, offset_s=offset).select(np.array(stay))
    release_unreachable(kept)
    _leave_in_time(kept)
    return kept
