# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit the fingering's cost tables to known fingers: a conditional random field over the search's own lattice.

In print most notes carry no digit; of pianists all fingers are known. The likelihood of the digits is the sum over all
fingerings that agree with them against the sum over all fingerings; the tables move along its gradient, drawn back
(L2) to the ergonomic costs that they are added to. Only the neighbourhood of digits is looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.planning.fingering_costs import (
    BLACK_ROW,
    FINGERS,
    FITTED_SHAPES,
    ROWS,
    FingeringCosts,
    Tables,
    ergonomic_tables,
)
from models.planning.fingering_lattice import (
    STATE_COUNT,
    STATE_FINGERS,
    STATES,
    Lattice,
    Pairs,
    build_lattice,
    columns,
)
from training.fingering.fingered import FingeredScore

log = logging.getLogger(__name__)

BEFORE, AFTER = 6, 4
"""Chords taken along before and after a digit."""
LONGEST = 48
"""Chords of a window; longer stretches are cut."""
_MOST = (
    12.0  # a single cost beyond this counts as this: products of exponentials stay within single precision
)


@dataclass(frozen=True, kw_only=True)
class FitOptions:
    """How the tables are fitted."""

    rounds: int = 8
    """Passes over the windows."""
    rate: float = 0.06
    """Step size of Adam at the start; it falls to a tenth."""
    pull: float = 0.001
    """L2 on every fitted cost, per window."""
    black_pull: float = 4.0
    """How much stronger the pull is on costs that hold for all distances."""
    batch: int = 192
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.rounds, self.batch) < 1 or min(self.rate, self.pull, self.black_pull) <= 0:
            raise ValueError(f"fit options must be above 0: {self}")


@dataclass(frozen=True)
class Window:
    """Some chords of one hand around digits; costs as rows and columns of the tables."""

    size: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    """(chords, 10) states that agree with the digits."""
    finger: tuple[NDArray[np.int64], NDArray[np.int64]]
    """Place in (chords, 10) and in the table, flat."""
    chord: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
    step: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
    skip: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


def windows_of(score: FingeredScore, costs: FingeringCosts) -> list[Window]:
    """The windows of both hands."""
    found: list[Window] = []
    for hand in (0, 1):
        index = np.flatnonzero(score.notes.hand == hand)
        if (score.digits[index] < 0).all():
            continue
        lattice = build_lattice(score.notes.select(index), hand, costs)
        known = score.digits[index]
        member = np.where(lattice.member >= 0, lattice.member, 0)
        digit = np.where((lattice.member >= 0) & lattice.struck, known[member], -1)
        found += [_window(lattice, digit, a, b) for a, b in _stretches((digit >= 0).any(1))]
    return found


def _stretches(marked: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Ranges around the marked chords."""
    start, stop = -1, -1
    for at in np.flatnonzero(marked).tolist():
        low, high = max(at - BEFORE, 0), min(at + AFTER + 1, len(marked))
        if start >= 0 and low <= stop and high - start <= LONGEST:
            stop = high
        else:
            if start >= 0:
                yield start, stop
            start, stop = low, high
    if start >= 0:
        yield start, stop


def _window(lattice: Lattice, digit: NDArray[np.int8], start: int, stop: int) -> Window:
    size = lattice.size[start:stop]
    allowed = np.zeros((stop - start, STATES), bool)
    place, column = [], []
    for at in range(start, stop):
        n = int(lattice.size[at])
        states = STATE_FINGERS[n]
        want = digit[at, :n]
        agrees = ((want < 0) | (states == want)).all(1)
        allowed[at - start, : len(states)] = agrees if agrees.any() else True
        for i in np.flatnonzero(lattice.struck[at, :n]):
            place.append((at - start) * STATES + np.arange(len(states)))
            column.append(lattice.black[at, i] * FINGERS + states[:, i])
    return Window(
        size,
        allowed,
        (np.concatenate(place), np.concatenate(column)),
        _entries(lattice, lattice.within, 0, start, stop),
        _entries(lattice, lattice.step, 1, start, stop),
        _entries(lattice, lattice.skip, 2, start, stop),
    )


def _entries(
    lattice: Lattice, pairs: Pairs, back: int, start: int, stop: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Flat places in (chords, 10[, 10]), flat places in the table and weights of the pairs in a range."""
    use = (pairs.chord >= start + back) & (pairs.chord < stop)
    part = Pairs(pairs.chord[use], pairs.first[use], pairs.second[use], pairs.row[use], pairs.weight[use])
    a, b = STATE_COUNT[lattice.size[part.chord - back]], STATE_COUNT[lattice.size[part.chord]]
    column = columns(lattice.size[part.chord - back], lattice.size[part.chord], part, joint=back == 0)
    states = np.arange(STATES)
    if back == 0:
        real = states[None, :] < b[:, None]
        where = (part.chord - start)[:, None] * STATES + states
        row, weights = part.row[:, None], part.weight[:, None]
    else:
        real = (states[None, :, None] < a[:, None, None]) & (states[None, None, :] < b[:, None, None])
        where = ((part.chord - start)[:, None, None] * STATES + states[:, None]) * STATES + states
        row, weights = part.row[:, None, None], part.weight[:, None, None]
    table = row * FINGERS**2 + column
    weight = np.broadcast_to(weights, column.shape)
    return where[real], table[real], weight[real]


class _Batch:
    """Windows side by side, padded at their ends to one length."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self.length = max(len(window.size) for window in windows)
        self.count = len(windows)
        exists = np.zeros((self.count, self.length, STATES), bool)
        allowed = np.zeros_like(exists)
        for k, window in enumerate(windows):
            shift = self.length - len(window.size)  # padding comes first and has one state
            exists[k, :shift, 0] = allowed[k, :shift, 0] = True
            exists[k, shift:] = np.arange(STATES) < STATE_COUNT[window.size][:, None]
            allowed[k, shift:] = window.allowed
        self.exists = torch.from_numpy(exists)
        self.allowed = torch.from_numpy(allowed)
        self.finger = self._joined([(*w.finger, None) for w in windows], windows, STATES)
        self.chord = self._joined([w.chord for w in windows], windows, STATES)
        self.step = self._joined([w.step for w in windows], windows, STATES**2)
        self.skip = self._joined([w.skip for w in windows], windows, STATES**2)

    def _joined(
        self, parts: list[tuple[Any, ...]], windows: Sequence[Window], stride: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        place = np.concatenate(
            [
                part[0] + (k * self.length + self.length - len(window.size)) * stride
                for k, (part, window) in enumerate(zip(parts, windows, strict=True))
            ]
        )
        column = np.concatenate([part[1] for part in parts])
        weight = (
            None if parts[0][2] is None else torch.from_numpy(np.concatenate([part[2] for part in parts]))
        )
        return torch.from_numpy(place), torch.from_numpy(column), weight

    def _potential(
        self,
        entries: tuple[torch.Tensor, torch.Tensor, torch.Tensor | None],
        table: torch.Tensor,
        *shape: int,
    ) -> torch.Tensor:
        place, column, weight = entries
        values = table.reshape(-1)[column]
        if weight is not None:
            values = values * weight
        size = int(np.prod(shape))
        flat = torch.zeros(self.count * self.length * size).index_add(0, place, values)
        return flat.reshape(self.count, self.length, *shape)

    def loss(self, tables: dict[str, torch.Tensor]) -> torch.Tensor:
        """Negative log likelihood of the digits, summed over the windows."""
        own = self._potential(self.finger, tables["finger"], STATES)
        own = own + self._potential(self.chord, tables["chord"], STATES)
        step = self._potential(self.step, tables["step"], STATES, STATES)
        skip = self._potential(self.skip, tables["skip"], STATES, STATES)
        reached = torch.exp(-torch.cat([own, own]).clamp(-_MOST, _MOST))
        reached = reached * torch.cat([self.exists, self.allowed])
        step, skip = (torch.exp(-torch.cat([cost, cost]).clamp(-_MOST, _MOST)) for cost in (step, skip))
        score = reached[:, 0, :, None] * reached[:, 1, None, :] * step[:, 1]
        total = torch.zeros(len(score))
        for at in range(2, self.length):
            score = torch.bmm(score.transpose(1, 2), skip[:, at]) * step[:, at] * reached[:, at, None, :]
            largest = score.detach().amax((1, 2))
            largest = torch.where(largest > 0, largest, 1.0)
            score = score / largest[:, None, None]
            total = total + torch.log(largest)
        rest = score.sum((1, 2))
        possible = (rest > 0).reshape(2, -1).all(0)  # else the digits contradict what a hand can hold
        total = total + torch.log(torch.where(rest > 0, rest, 1.0))
        return ((total[: self.count] - total[self.count :]) * possible).sum()


def _tables(base: Tables, fitted: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`fingering_costs.add_fitted` in torch."""
    tables = {"finger": torch.from_numpy(base.finger) + fitted["finger"]}
    for name in ("chord", "step", "skip"):
        more = fitted[name].repeat_interleave(4, 0) + fitted[name + "_black"][torch.from_numpy(BLACK_ROW)]
        more = torch.cat([more, torch.zeros(1, FINGERS**2)])
        assert len(more) == ROWS + 1
        tables[name] = torch.from_numpy(getattr(base, name)) + more
    return tables


def fit(
    scores: Sequence[FingeredScore], costs: FingeringCosts, options: FitOptions
) -> dict[str, NDArray[np.float32]]:
    """Arrays (FITTED_SHAPES) to add to the ergonomic tables.

    Raises:
        ValueError: no score has a digit with another chord beside it.
    """
    windows = sorted((w for score in scores for w in windows_of(score, costs)), key=lambda w: len(w.size))
    windows = [window for window in windows if len(window.size) > 1]
    if not windows:
        raise ValueError("there is no fingering to fit the costs to")
    batches = [_Batch(windows[i : i + options.batch]) for i in range(0, len(windows), options.batch)]
    log.info("%d windows, %d chords", len(windows), sum(len(w.size) for w in windows))
    base = ergonomic_tables(costs)
    fitted = {name: torch.zeros(shape, requires_grad=True) for name, shape in FITTED_SHAPES.items()}
    steps = options.rounds * len(batches)
    adam = torch.optim.Adam(fitted.values(), lr=options.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps, options.rate / 10)
    rng = np.random.default_rng(options.seed)
    for turn in range(options.rounds):
        total = 0.0
        for k in rng.permutation(len(batches)):
            adam.zero_grad()
            likelihood = batches[k].loss(_tables(base, fitted))
            pull = sum(
                (options.black_pull if name.endswith("_black") else 1.0) * (value**2).sum()
                for name, value in fitted.items()
            )
            loss = likelihood / batches[k].count + options.pull * pull
            loss.backward()
            adam.step()
            schedule.step()
            total += float(likelihood.detach())
        log.info("round %d: %.4f a window", turn + 1, total / len(windows))
    return {name: value.detach().numpy() for name, value in fitted.items()}
