# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks bytes and JSON at random, always the same way for the same `random.Random`."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

MOST_BYTES = 4 << 20
"""No mutated file grows beyond this: large inputs are tried on purpose, not by chance."""

ODD_NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 0.5, -0.0, 1e-300, 1e308, -1e308, 2**31, 2**63, 2**64, 10**400, -(10**30),
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
ODD_TEXTS: tuple[str, ...] = (
    "", "x", " ", "\0", "../../../etc/passwd", "/dev/zero", "/dev/stdin", "//elsewhere", "C:\\con", "NaN", "-1",
    "\x1b[31mred\x1b[0m", "two\nlines", "\u202e reversed", "\ud800", "é" * 300, "9" * 400, "a" * 100_000, "%s%n{0}",
)  # fmt: skip
ODD_THINGS: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": None}, [1, "2", None], {"a": {"b": [1]}})


def odd_value(rng: random.Random) -> Any:
    """A value that some program somewhere did not think of."""
    kind = rng.randrange(4)
    if kind == 0:
        return rng.choice(ODD_NUMBERS)
    if kind == 1:
        return rng.choice(ODD_TEXTS)
    if kind == 2:
        return copy.deepcopy(rng.choice(ODD_THINGS))
    deep: Any = rng.choice(ODD_NUMBERS)
    for _ in range(rng.choice((3, 40, 400))):
        deep = [deep] if rng.random() < 0.5 else {"a": deep}
    return deep


def mutate_value(value: Any, rng: random.Random, times: int | None = None) -> Any:
    """A copy of a JSON value with some of its places changed, removed, doubled or added."""
    value = copy.deepcopy(value)
    for _ in range(times if times is not None else rng.choice((1, 1, 1, 2, 3, 6))):
        value = _one_change(value, rng)
    return value


def _one_change(value: Any, rng: random.Random) -> Any:
    holders: list[Any] = []
    _collect(value, holders)
    if not holders:
        return odd_value(rng)
    holder = rng.choice(holders)
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    action = rng.randrange(8)
    if not keys or action == 0:
        if isinstance(holder, dict):
            holder[rng.choice((*ODD_TEXTS[:6], "zzz", "output", "__class__"))] = odd_value(rng)
        else:
            holder.insert(rng.randrange(len(holder) + 1), odd_value(rng))
        return value
    key = rng.choice(keys)
    if action == 1:
        del holder[key]
    elif action == 2:
        holder[key] = copy.deepcopy(holder[rng.choice(keys)])
    elif action == 3 and isinstance(holder[key], (int, float)) and not isinstance(holder[key], bool):
        holder[key] = holder[key] * rng.choice((-1, 0, 10, 1000, 10**9)) + rng.choice((0, 1, -1))
    else:
        holder[key] = odd_value(rng)
    return value


def _collect(value: Any, holders: list[Any], depth: int = 0) -> None:
    if depth > 60:
        return
    if isinstance(value, (dict, list)):
        holders.append(value)
        for item in value.values() if isinstance(value, dict) else value:
            _collect(item, holders, depth + 1)


def as_json(value: Any, rng: random.Random) -> bytes:
    """JSON of a value, Python's NaN and Infinity included; now and then broken as text too."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.8)
    data = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.1:
        data = mutate_bytes(data, rng)
    if rng.random() < 0.03:
        data = b"[" * 100_000 + data
    return data


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """Bytes with a few places changed, cut, doubled, moved or filled with extremes."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 8, 30))):
        _BYTE_CHANGES[rng.randrange(len(_BYTE_CHANGES))](changed, rng)
    return bytes(changed[:MOST_BYTES])


def _place(data: bytearray, rng: random.Random) -> int:
    """A place, the beginning (where headers are) four times as often."""
    if not data:
        return 0
    return rng.randrange(min(len(data), 128)) if rng.random() < 0.6 else rng.randrange(len(data))


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _set_byte(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))


def _set_number(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((2, 4, 8))
    number = rng.choice((0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, rng.randrange(2**32)))
    at = _place(data, rng)
    written = (number % 256**size).to_bytes(size, rng.choice(("little", "big")))
    data[at : at + size] = written


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 2, 4, 64, 4096))]


def _double(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    part = bytes(data[at : at + rng.choice((1, 4, 16, 1024))])
    data[at:at] = part * rng.choice((1, 2, 100))


def _insert(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16, 300)))


def _fill(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    size = min(rng.choice((4, 32, 1000)), len(data) - at)
    data[at : at + size] = bytes((rng.choice((0, 0xFF, 0x7F)),)) * size


def _move(data: bytearray, rng: random.Random) -> None:
    at, to, size = _place(data, rng), _place(data, rng), rng.choice((1, 8, 64))
    part = bytes(data[at : at + size])
    data[to : to + len(part)] = part


_BYTE_CHANGES = (
    _flip,
    _set_byte,
    _set_byte,
    _set_number,
    _set_number,
    _cut,
    _remove,
    _double,
    _insert,
    _fill,
    _move,
)
