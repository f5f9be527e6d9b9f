# SPDX-License-Identifier: GPL-3.0-or-later
"""Single events in the bytes of a MIDI file: how long they are, and where they make sense again after a fault.

Real files have lengths that are wrong, messages that were never closed and bytes that were lost. What follows an event
tells whether its length is right: a place is *sound* where whole events stand one after the other.
"""

from __future__ import annotations

import re

DATA_BYTES = (2, 2, 2, 2, 1, 1, 2)
"""Of channel messages, by their status: `DATA_BYTES[(status >> 4) - 8]`."""
META, SYSEX, ESCAPE = 0xFF, 0xF0, 0xF7
END_OF_TRACK = 0x2F
NO_META = -1
_SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes of system messages that are no business of files; the others have none."""
_META_LENGTHS = {0x20: 1, 0x21: 1, END_OF_TRACK: 0, 0x51: 3, 0x54: 5, 0x58: 4, 0x59: 2}
_META_KINDS = frozenset((*range(0x10), *_META_LENGTHS, 0x7F))
_LONGEST_NUMBER = 4
"""Bytes of a variable-length number."""
_CHAIN = 3
"""So many events one after the other are no accident."""
_MOST_ODD = 8
"""So many unusual events between others are passed over."""
_LONGEST_LOST = 1 << 16
"""Bytes in which the end of a message is looked for whose length is impossible."""
_EVENT = re.compile(
    rb"[\x80-\xff]{0,3}[\x00-\x7f]"
    rb"(?:[\x80-\xbf\xe0-\xef][\x00-\x7f]{2}|[\xc0-\xdf][\x00-\x7f]|\xff[\x00-\x7f]|[\xf0\xf7])"
)
"""How an event begins that has a status of its own."""


class Broken(ValueError):
    """The bytes are no event."""


def number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length number and where it ends.

    Raises:
        Broken: it is too long.
        IndexError: the bytes end within it.
    """
    value = 0
    for i in range(at, at + _LONGEST_NUMBER):
        value = value << 7 | data[i] & 0x7F
        if data[i] < 0x80:
            return value, i + 1
    raise Broken


def system_event(data: bytes, at: int, status: int) -> tuple[int, int, int]:
    """A system message or meta event whose status stands at `at`.

    Args:
        status: of the channel message before; what follows may go on with it. 0: there was none.

    Returns:
        The kind of a meta event, else `NO_META`; where its body begins; where it ends.

    Raises:
        Broken: it cannot be one.
        IndexError: the bytes end within it.
    """
    byte = data[at]
    if byte == META:
        kind = data[at + 1]
        if kind > 0x7F:
            raise Broken
        length, body = number(data, at + 2)
        return kind, body, _meta_end(data, kind, body, body + length, status)
    if byte in (SYSEX, ESCAPE):
        length, body = number(data, at + 1)
        return NO_META, body, _sysex_end(data, at + 1, body, body + length, status)
    return NO_META, at + 1, at + 1 + _SYSTEM_BYTES.get(byte, 0)


def next_sound(data: bytes, at: int, limit: int) -> int:
    """The first place from `at` on, before `limit`, from which on there are whole events; `limit` if there is none."""
    while found := _EVENT.search(data, at):
        if found.start() >= limit:
            break
        if is_sound(data, found.start(), 0, _CHAIN):
            return found.start()
        at = found.start() + 1
    return limit


def is_sound(data: bytes, at: int, status: int, events: int = 1) -> bool:
    """Whether whole events stand one after the other: so many, or up to the end of the track or of the bytes.

    Meta events of unknown kinds or of unusual lengths prove nothing: what follows them has to.
    """
    try:
        for _ in range(events + _MOST_ODD):
            if at == len(data):
                return True
            at, status, proves, last = _strict(data, at, status)
            events -= proves
            if last or not events:
                return at <= len(data)
    except (Broken, IndexError):
        return False
    return False


def _strict(data: bytes, at: int, status: int) -> tuple[int, int, bool, bool]:
    """End of the event at `at`, the status after it, whether it is surely one, and whether it ends the track."""
    at = number(data, at)[1]
    byte = data[at]
    if byte >= SYSEX:
        end, usual = _strict_system_end(data, at)
        return end, status, usual, usual and byte == META and data[at + 1] == END_OF_TRACK
    if byte > 0x7F:
        status, at = byte, at + 1
    elif not status:
        raise Broken
    end = at + DATA_BYTES[(status >> 4) - 8]
    if max(data[at], data[end - 1]) > 0x7F:
        raise Broken
    return end, status, True, False


def _strict_system_end(data: bytes, at: int) -> tuple[int, bool]:
    """Where the system event at `at` ends, and whether it is as such events usually are."""
    byte, kind, usual = data[at], data[at + 1], True
    if byte == META:
        length, body = number(data, at + 2)
        if kind > 0x7F:
            raise Broken
        usual = kind in _META_KINDS and _META_LENGTHS.get(kind, length) == length
    elif byte in (SYSEX, ESCAPE):
        length, body = number(data, at + 1)
        close = data.find(ESCAPE, body, body + length) + 1
        if byte == SYSEX and close not in (0, body + length):
            raise Broken
    else:
        raise Broken
    if body + length > len(data):
        raise Broken
    return body + length, usual


def _meta_end(data: bytes, kind: int, body: int, end: int, status: int) -> int:
    """Where a meta event ends that says it ends at `end`."""
    usual = body + _META_LENGTHS.get(kind, end - body)
    if kind in _META_LENGTHS and end == usual and _begins_with_status(data, end):
        return end
    if is_sound(data, end, status, 1 if end == usual else _CHAIN):
        return end
    if usual != end and is_sound(data, usual, status, _CHAIN):
        return usual
    within = min(end, len(data))
    if (sound := next_sound(data, body, within)) < within:
        return sound
    if end > len(data):
        raise Broken
    return end


def _begins_with_status(data: bytes, at: int) -> bool:
    """Whether the bytes end here, or a time follows and a status byte."""
    try:
        return at == len(data) or data[number(data, at)[1]] > 0x7F
    except (Broken, IndexError):
        return False


def _sysex_end(data: bytes, at: int, body: int, end: int, status: int) -> int:
    """Where a system message ends that says it ends at `end`; its length begins at `at`, if it was not forgotten."""
    whole = end <= len(data)
    if whole and end > body and data[end - 1] == ESCAPE:
        return end
    close = data.find(ESCAPE, at, end if whole else at + _LONGEST_LOST) + 1
    if close and is_sound(data, close, status):
        return close
    if not whole:
        raise Broken
    if is_sound(data, end, status):
        return end  # its other part comes in a packet of its own
    close = data.find(ESCAPE, end, end + _LONGEST_LOST) + 1
    return close if close and is_sound(data, close, status) else end
