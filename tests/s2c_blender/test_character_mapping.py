# SPDX-License-Identifier: GPL-3.0-or-later
"""The mapping in a .blend or a file, which anybody may have written: all is checked before it is used."""

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest

from s2c_blender.core.character.mapping import CharacterMapping, HandMapping, read_mapping
from s2c_blender.errors import UserError

LEFT = HandMapping(
    {"wrist": "Hand 左", "index1": "a", "index2": "b", "forearm": "c"},
    (None, ("b", (0.0, 0.25, -1.5)), None, None, None),
    "rigify_ik",
    (None, (0.4, 0.3, 0.2, 0.1), None, None, None),
)
PIANO = ((1.0, 0.0, 0.0, 2.5), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0))
MAPPING = CharacterMapping("somebody's", LEFT, HandMapping({"wrist": "Hand 右"}), PIANO)


def test_a_mapping_survives_being_written_and_read() -> None:
    assert read_mapping(MAPPING.to_json()) == MAPPING
    bare = replace(MAPPING, piano=None, left=HandMapping())
    assert read_mapping(bare.to_json()) == bare
    assert "piano" not in json.loads(bare.to_json())


def test_only_what_must_be_there_must_be_there() -> None:
    text = '{"format": 1, "family": "x", "left": {"bones": {}}, "right": {"bones": {"wrist": "w"}}}'
    assert read_mapping(text) == CharacterMapping("x", HandMapping(), HandMapping({"wrist": "w"}))


WRONG = {
    "no JSON": "{",
    "another format": lambda d: d.update(format=2),
    "lists no bones of the right": lambda d: d.pop("right"),
    "no name of 1 to 255 characters for the family": lambda d: d.update(family=7),
    "no name of 1 to 255 characters for the left hand's wrist": lambda d: d["left"]["bones"].update(
        wrist="w" * 256
    ),
    'names a part "tail"': lambda d: d["left"]["bones"].update(tail="t"),
    "must list five fingertips": lambda d: d["left"].update(tips=[None]),
    "is not a bone with a point": lambda d: d["left"]["tips"].__setitem__(1, ["b"]),
    "must give 3 numbers": lambda d: d["left"]["tips"].__setitem__(1, ["b", [1, 2]]),
    "something else than numbers": lambda d: d["left"]["tips"].__setitem__(1, ["b", [1, 2, True]]),
    "numbers up to a million for a fingertip": lambda d: d["left"]["tips"].__setitem__(
        1, ["b", [1, 2, 10**400]]
    ),
    "numbers up to a million for a thickness": lambda d: d["left"]["radii"].__setitem__(
        1, [1, 1, 1, float("nan")]
    ),
    "without thickness": lambda d: d["left"]["radii"].__setitem__(1, [1, 1, 1, 0]),
    "4 rows of 4 numbers": lambda d: d.update(piano=[]),
    "numbers up to a million for the place of the piano": lambda d: d["piano"][0].__setitem__(
        0, float("inf")
    ),
    "left arm": lambda d: d["left"].update(arm=""),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_strangers_mapping_is_refused_in_one_sentence_with_the_way_out(words: str) -> None:
    change = WRONG[words]
    if isinstance(change, str):
        text = change
    else:
        data = json.loads(MAPPING.to_json())
        change(data)
        text = json.dumps(data)
    with pytest.raises(UserError) as error:
        read_mapping(text)
    assert words in error.value.message
    assert error.value.message.endswith("save a mapping anew with Use Character.")


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, "x" * 300_000, "[]", "null", '"a"'])
def test_odd_texts_are_refused(text: str) -> None:
    with pytest.raises(UserError, match="The mapping of the character"):
        read_mapping(text)


def test_a_mapping_with_any_bytes_changed_is_a_mapping_or_a_sentence() -> None:
    random, text = np.random.default_rng(3), MAPPING.to_json()
    letters, read = '{}[]:,"0123456789.-e ntrfalsu\\左', 0
    for _ in range(2000):
        broken = list(text)
        for place in random.integers(len(broken), size=random.integers(1, 4)):
            broken[place] = letters[random.integers(len(letters))]
        with contextlib.suppress(UserError):
            read += isinstance(read_mapping("".join(broken)), CharacterMapping)
    assert read > 100
