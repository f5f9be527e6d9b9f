# SPDX-License-Identifier: GPL-3.0-or-later
"""Chord by chord, which hand takes which keys: a search over what the hands hold, where they are and how far they go.

Every note has a cost for either hand (`hand_odds`, and what the file says as advice). To that come what a hand cannot
or does not like to do: wide chords, more than five keys, leaving keys that have to be held, ways for which there is
no time, crossing the other hand. A beam keeps the few cheapest ways to play everything so far, so work grows with
the notes alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from models.checks import check_ranges
from models.planning.chords import HELD_S, MAX_SPAN
from models.planning.playing_hands import OUR_HANDS, PlayingHands

_EASY_SPAN, _WIDEST_SPAN = 0.165, 0.215  # metres between outer keys
_SPEED = 1.2  # metres a second
_FASTEST, _STRIKES_S = 1.8, 0.03  # no hand is faster, nor away from a key that it strikes sooner
_SETTLES_S = 0.06  # between two strokes a hand cannot travel for this long
_LONGEST_S = 2.0  # of a key that is let go, at most so many lost seconds count
_NEAR_S = 0.6  # a hand that has not played for so long is wherever it has to be
_CLEARS_S = 0.3  # after a stroke a hand is out of the other one's way
_HAND_M = 0.25  # so far beyond each other, hands have crossed and do not touch
_FEW = 3  # of so many keys at once every share is tried
_BEAM = 8
_DEARER = 30.0  # a share of a chord that costs so much more than the cheapest is not tried


@dataclass(frozen=True, kw_only=True)
class HandCosts:
    """Weights of the search, in natural logarithms of odds."""

    generated: float = 8.0
    """Each metre that one hand's generated wrist is nearer to a note than the other's."""
    advice: float = 5.0
    """Another hand than the one that the file names."""
    wide: float = 15.0
    """Each metre beyond a comfortable span, keys still held included."""
    filled: float = 1.0
    """Share of `wide` that it is more for each key between the outer two."""
    impossible: float = 60.0
    """Each metre beyond the widest span."""
    left_out: float = 8.0
    """Each key more than fingers, and a chord that is too wide: a note that nobody plays."""
    lets_go: float = 6.0
    """Each second that a key is left too early."""
    moves: float = 4.0
    """Each metre that a hand goes."""
    hurries: float = 40.0
    """Each metre more than there is time for."""
    cannot: float = 400.0
    """Each metre for which no hand is fast enough: after a few centimetres of that nobody plays the note."""
    crosses: float = 0.5
    """A hand that plays beyond the other one."""
    far: float = 10.0
    """Each metre that it is beyond it."""

    meets: float = 9.0
    """A hand strikes where the other one has just struck; less, the longer ago, and the farther it is beyond it."""
    tangles: float = 6.0
    """Keys of both hands that are down among each other, where fingers meet."""
    knots: float = 40.0
    """Each metre over which they are."""

    def __post_init__(self) -> None:
        check_ranges(self, **dict.fromkeys(self.__dataclass_fields__, (0, 1e6)))


class Key(NamedTuple):
    """A key that is struck."""

    x: float
    """Metres."""
    ends: float
    """Until when it is to be held, seconds."""
    needed: float
    """Until when a finger has to hold it."""


class HandState(NamedTuple):
    """What a hand does after a chord."""

    held: tuple[Key, ...]
    low: float
    """Metres: the keys that it struck last, and those that it holds."""
    high: float
    time: float
    """Of its last stroke, seconds."""
    from_x: float
    to_x: float
    """Metres between which the lower end of what it can reach without going anywhere may lie."""


_IDLE = HandState((), 0.0, 0.0, -1e9, 0.0, 0.0)


class _Way(NamedTuple):
    """One way to have played everything so far."""

    cost: float
    hands: tuple[HandState, HandState]
    share: tuple[int, ...]
    """The hands of the last chord's keys."""
    before: _Way | None


def search_hands(
    chords: Sequence[tuple[float, Sequence[Key]]],
    prices: Sequence[Sequence[tuple[float, float]]],
    costs: HandCosts,
    playing: PlayingHands = OUR_HANDS,
) -> list[int]:
    """The hand (0 or 1) of every key, in the order of the chords.

    Args:
        chords: time in seconds, and keys by X. prices: of each key, the cost of the left and of the right hand.
        playing: the hands that play.
    """
    ways = [_Way(0.0, (_IDLE, _IDLE), (), None)]
    for (time, keys), price in zip(chords, prices, strict=True):
        ways = _played(ways, time, keys, price, costs, playing)
    found: list[tuple[int, ...]] = []
    way: _Way | None = min(ways, key=lambda way: way.cost)
    while way is not None:
        found.append(way.share)
        way = way.before
    return [hand for share in reversed(found) for hand in share]


def _played(
    ways: list[_Way],
    time: float,
    keys: Sequence[Key],
    price: Sequence[tuple[float, float]],
    costs: HandCosts,
    playing: PlayingHands,
) -> list[_Way]:
    """The cheapest ways with one chord more."""
    shares = _shares(price)
    able = list(zip(playing.fingers, playing.reach, strict=True))
    parts: dict[tuple[HandState, tuple[int, ...], int], tuple[HandState, float]] = {}
    best: dict[tuple[HandState, HandState], _Way] = {}
    for way in ways:
        for share, unary in shares:
            total = way.cost + unary
            after: list[HandState] = []
            for hand, state in enumerate(way.hands):
                part = (state, share, hand)
                if part not in parts:
                    struck = [key for key, of in zip(keys, share, strict=True) if of == hand]
                    parts[part] = _strike(state, time, struck, costs, *able[hand]) if struck else (state, 0.0)
                state, cost = parts[part]
                after.append(state)
                total += cost
            left, right = after
            beyond = left.high - right.low
            if beyond >= 0 and time - min(left.time, right.time) < _NEAR_S:
                total += costs.crosses * (beyond > 0) + costs.far * beyond + _tangle(left, right, time, costs)
                total += costs.meets * _meeting(beyond, abs(left.time - right.time))
            known = best.get((left, right))
            if known is None or total < known.cost:
                best[left, right] = _Way(total, (left, right), share, way)
    return sorted(best.values(), key=lambda way: way.cost)[:_BEAM]


def _meeting(beyond: float, between_s: float) -> float:
    """How much, 0 to 1, two hands are in each other's way that struck one after the other.

    Args:
        beyond: metres that the left hand is beyond the right one's lowest key. between_s: between their strokes.
    """
    return max(1 - beyond / _HAND_M, 0.0) * max(1 - between_s / _CLEARS_S, 0.0)


def _tangle(left: HandState, right: HandState, time: float, costs: HandCosts) -> float:
    """Cost of keys of one hand that are down between keys of the other."""
    low, high = (
        [key.x for key in left.held if key.ends > time],
        [key.x for key in right.held if key.ends > time],
    )
    if not low or not high:
        return 0.0
    shared = min(max(low), max(high)) - max(min(low), min(high))
    return costs.tangles + costs.knots * shared if shared >= 0 else 0.0


def _shares(price: Sequence[tuple[float, float]]) -> list[tuple[tuple[int, ...], float]]:
    """Ways to share a chord's keys, by X, with their prices, but for those far dearer than the cheapest.

    Few keys are shared in every way; many with one hand beside the other, or each key to the cheaper one.
    """
    count = len(price)
    if count <= _FEW:
        every = [tuple(mask >> i & 1 for i in range(count)) for mask in range(1 << count)]
        found = {share: sum(p[hand] for p, hand in zip(price, share, strict=True)) for share in every}
    else:
        # Left keys up to k and right ones from there on, and the other way round, from running sums.
        left, right = ([0.0, *accumulate(p[hand] for p in price)] for hand in (0, 1))
        splits = [(left[k] + right[-1] - right[k], k, 0) for k in range(count + 1)]
        splits += [(right[k] + left[-1] - left[k], k, 1) for k in range(1, count)]
        liked = sum(min(p) for p in price)
        found = {tuple(int(p[1] < p[0]) for p in price): liked}
        for cost, k, first in splits:
            if cost < liked + _DEARER:
                found[(first,) * k + (1 - first,) * (count - k)] = cost
    most = min(found.values()) + _DEARER
    return sorted((share, cost) for share, cost in found.items() if cost < most)


def _strike(
    state: HandState, time: float, struck: list[Key], costs: HandCosts, fingers: int, reach: float
) -> tuple[HandState, float]:
    """A hand of so many fingers and such a reach after it has struck keys, and what that costs."""
    low, high, count = struck[0].x, struck[-1].x, len(struck)
    easy, most = _EASY_SPAN * reach, MAX_SPAN * reach
    cost = _span_cost(high - low, count, costs, reach)
    cost += costs.left_out * (max(count - fingers, 0) + (high - low > most))
    from_x, to_x = (high - easy, low) if high - easy <= low else (low, high - easy)
    if time - state.time < 4 * _NEAR_S:
        goes = _SPEED * max(time - state.time - _SETTLES_S, 0.0)
        # Where it cannot have been so shortly before, it still is not.
        first, last = state.from_x - goes, state.to_x + goes
        if from_x > last or to_x < first:
            shift = from_x - state.to_x if from_x > last else state.from_x - to_x
            cost += costs.moves * shift + costs.hurries * (shift - goes)
            cost += costs.cannot * max(shift - _FASTEST * max(time - state.time - _STRIKES_S, 0.0), 0.0)
            from_x = to_x = from_x if from_x > last else to_x
        else:
            if from_x > state.to_x or to_x < state.from_x:
                cost += costs.moves * (from_x - state.to_x if from_x > state.to_x else state.from_x - to_x)
            from_x = first if first > from_x else from_x
            to_x = last if last < to_x else to_x
    held: list[Key] = []
    for key in sorted(state.held, key=lambda key: -key.needed):
        if key.ends <= time + HELD_S:
            continue
        wide = max(high, key.x) - min(low, key.x)
        if count < fingers and wide <= (most if key.needed > time else easy):
            cost += _span_cost(wide, count + 1, costs, reach) - _span_cost(high - low, count, costs, reach)
            low, high, count = min(low, key.x), max(high, key.x), count + 1
            held.append(key)
        else:
            cost += costs.lets_go * min(max(key.needed - time, 0.0), _LONGEST_S)
    if held:  # and it stays where it holds on
        first, last = (high - easy, low) if high - easy <= low else (low, high - easy)
        from_x, to_x = min(max(from_x, first), last), min(max(to_x, first), last)
    return HandState((*held, *struck[:fingers]), low, high, time, from_x, to_x), cost


def _span_cost(span: float, count: int, costs: HandCosts, reach: float) -> float:
    easy, widest = _EASY_SPAN * reach, _WIDEST_SPAN * reach
    if span <= easy:
        return 0.0
    cost = costs.wide * (span - easy)
    if count > 2:
        cost *= 1 + costs.filled * (count - 2)
    return cost + costs.impossible * (span - widest) if span > widest else cost
