# SPDX-License-Identifier: GPL-3.0-or-later
"""Wrong settings are refused with the field's name, before anything heavy is loaded."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from models.app.request import GenerateRequest, LoadRequest, TranscribeRequest, from_params
from models.body.player import HAND_SIZE_RANGE, STYLE_RANGE, STYLES, size_factor
from models.errors import UserError
from models.generation.generator import GenerateSettings
from s2c_blender.core import player as blender

GOOD = {"midi": "a.mid", "output": "a.npz"}


def test_defaults_and_null() -> None:
    request = from_params(
        GenerateRequest, {**GOOD, "seed": None, "steps": None, "style": None, "range": None}
    )
    assert (request.seed, request.steps, request.contact, request.fps, request.style) == (
        0,
        None,
        1.0,
        30.0,
        {},
    )
    assert request.output == Path("a.npz")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", -1),
        ("seed", 1.5),
        ("seed", True),
        ("steps", 0),
        ("steps", "ten"),
        ("contact", 1.01),
        ("contact", float("nan")),
        ("fps", 0),
        ("fps", float("inf")),
        ("output", 7),
        ("midi", ["a.mid"]),
        ("device", "gpu"),
        ("engine", "steam"),
        ("style", {"size": 1}),
        ("style", {"curl": "much"}),
        ("style", [1]),
        ("style", {"curl": 2}),
        ("style", {"looseness": -2}),
        ("style", {"energy": 1.51}),
        ("style", {"hand_size": 4.1}),
        ("style", {"hand_size": -3.1}),
        ("hand", "LEFT"),
        ("preset", ""),
        ("sound_start_s", -1),
        ("sound_end_s", 0),
        ("colour", "blue"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: Any) -> None:
    with pytest.raises(UserError) as caught:
        from_params(GenerateRequest, {**GOOD, name: value})
    assert caught.value.code == "bad_params"
    assert name in caught.value.message


@pytest.mark.parametrize("value", [-2, -1.5, 1.5, 2])
@pytest.mark.parametrize("name", STYLES)
def test_whoever_checks_a_style_says_the_same(name: str, value: float) -> None:
    """The request and the generator; at 2 the one took what the other silently cut."""
    fits = name == "hand_size" or abs(value) <= STYLE_RANGE[1]
    for check in (
        lambda: from_params(GenerateRequest, {**GOOD, "style": {name: value}}).style,
        lambda: GenerateSettings(style={name: value}).style,
    ):
        if fits:
            assert check() == {name: value}
        else:
            with pytest.raises((UserError, ValueError), match=f"{name}.*1.5"):
                check()


def test_blender_sends_the_hand_sizes_that_the_generator_takes() -> None:
    smallest, largest = blender.HAND_SIZE_RANGE
    assert (smallest, largest) == (0.7, 1.4)
    assert (size_factor(HAND_SIZE_RANGE[0]), size_factor(HAND_SIZE_RANGE[1])) == (smallest, largest)
    for factor in (smallest, 0.83, 1.0, 1.05, largest):
        assert size_factor(blender.style_of_hand_size(factor)) == pytest.approx(factor, abs=1e-12)
    assert (blender.style_of_hand_size(0.01), blender.style_of_hand_size(9.0)) == HAND_SIZE_RANGE


PIECE = {"path": "a.wav", "start_s": 1, "end_s": 2.5, "at_s": 0}


def test_pieces_of_sound() -> None:
    pieces = [PIECE, {**PIECE, "at_s": 4, "gain": 0}, {**PIECE, "gain": None}]
    request = from_params(GenerateRequest, {"output": "a.npz", "sounds": pieces})
    assert request.sounds is not None and request.source == Path("a.wav")
    assert [(piece.at_s, piece.until_s, piece.gain) for piece in request.sounds] == [
        (0.0, 1.5, 1.0),
        (4.0, 5.5, 0.0),
        (0.0, 1.5, 1.0),
    ]
    again = from_params(GenerateRequest, {"output": "a.npz", "sounds": list(request.sounds)})
    assert again.sounds == request.sounds
    assert (
        len(from_params(GenerateRequest, {"output": "a.npz", "sounds": [PIECE] * 1000}).sounds or ()) == 1000
    )


@pytest.mark.parametrize(
    ("sounds", "named"),
    [
        ([], '"sounds"'),
        ([PIECE] * 1001, "\"sounds\" is 'a list of 1001'"),
        (PIECE, '"sounds"'),
        ("a.wav", '"sounds"'),
        (["a.wav"], r'"sounds\[0\]"'),
        ([PIECE, {**PIECE, "path": ""}], r'"sounds\[1\].path"'),
        ([{**PIECE, "start_s": -1}], "start_s"),
        ([{**PIECE, "end_s": float("nan")}], "end_s"),
        ([{**PIECE, "end_s": 1}], "end_s.* later than its start_s"),
        ([{**PIECE, "at_s": -0.1}], "at_s"),
        ([{**PIECE, "at_s": True}], "at_s"),
        ([{**PIECE, "gain": 16.1}], "gain.* from 0 to 16"),
        ([{**PIECE, "gain": "loud"}], "gain"),
        ([{**PIECE, "volume": 1}], "volume.* is not known"),
        ([{name: PIECE[name] for name in ("path", "start_s", "end_s")}], "at_s.* is missing"),
    ],
)
def test_a_wrong_piece_of_sound_is_named(sounds: Any, named: str) -> None:
    with pytest.raises(UserError, match=named) as caught:
        from_params(GenerateRequest, {"output": "a.npz", "sounds": sounds})
    assert caught.value.code == "bad_params" and caught.value.message.endswith(".")


@pytest.mark.parametrize("more", [{"sound": "b.wav"}, {"sound_start_s": 1}, {"sound_end_s": 3}])
def test_pieces_of_sound_exclude_the_one_sound(more: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f'"{next(iter(more))}"') as caught:
        from_params(GenerateRequest, {"output": "a.npz", "sounds": [PIECE], **more})
    assert caught.value.code == "bad_params"


@pytest.mark.parametrize("value", [[1], [2, 1], [1, 1], ["a", 2], 3, [-1, 2]])
def test_a_range_has_a_start_and_a_later_end(value: Any) -> None:
    with pytest.raises(UserError, match='"range"'):
        from_params(GenerateRequest, {**GOOD, "keep": "k.npz", "range": value})


@pytest.mark.parametrize("params", [{"hand": "left"}, {"range": [1, 2]}])
def test_a_part_to_redo_needs_the_take_that_stays(params: dict[str, Any]) -> None:
    with pytest.raises(UserError, match='"keep"'):
        from_params(GenerateRequest, {**GOOD, **params})
    assert from_params(GenerateRequest, {**GOOD, **params, "keep": "k.npz"}).keep == Path("k.npz")


def test_a_part_is_a_number_or_a_name_and_needs_the_midi_file() -> None:
    assert from_params(GenerateRequest, {**GOOD, "part": 2}).part == "2"
    assert from_params(GenerateRequest, {**GOOD, "part": "Secondo"}).part == "Secondo"
    for part in (0, -1, True, 1.5):
        with pytest.raises(UserError, match='"part"'):
            from_params(GenerateRequest, {**GOOD, "part": part})
    with pytest.raises(UserError, match='"part" needs "midi"'):
        from_params(GenerateRequest, {"sound": "a.wav", "output": "a.npz", "part": "2"})


def test_missing_settings() -> None:
    with pytest.raises(UserError, match='"output" is missing'):
        from_params(GenerateRequest, {"midi": "a.mid"})
    with pytest.raises(UserError, match="nothing to play"):
        from_params(GenerateRequest, {"output": "a.npz"})
    with pytest.raises(UserError, match='"sound" is missing'):
        from_params(TranscribeRequest, {"output": "a.mid"})
    assert from_params(LoadRequest, {}).preset == "default"


def test_requests_need_no_torch() -> None:
    code = "import sys, models.app.request, models.worker.server, models.app.cli; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


DEEP: Any = []
for _ in range(900):
    DEEP = [DEEP]
ODD_VALUES = {
    "deep": DEEP,
    "400 digits": 10**400,
    "a long text": "a" * 100_000,
    "half a letter": "\ud800",
    "NUL": "a\0b",
    "nothing": "",
    "a large object": {str(i): i for i in range(100_000)},
    "a large list": [0.5] * 100_000,
    "no number": float("nan"),
    "endless": float("-inf"),
    "lists of texts": ["\x1b[2J" * 1000] * 3,
}
GENERATE_NAMES = [
    "output", "sound", "sounds", "decoded", "midi", "seed", "preset", "sampler", "steps", "contact", "fps", "style",
    "keep", "hand", "range", "keyboard", "device", "engine", "sound_start_s", "sound_end_s", "allow_download", "align",
    "part", "midi_pieces", "hand_geometry",
]  # fmt: skip


@pytest.mark.parametrize("kind", ODD_VALUES)
@pytest.mark.parametrize("name", GENERATE_NAMES)
def test_whatever_stands_in_a_request_is_one_short_sentence(name: str, kind: str) -> None:
    with pytest.raises(UserError) as caught:
        from_params(GenerateRequest, {**GOOD, name: ODD_VALUES[kind]})
    message = caught.value.message
    assert caught.value.code == "bad_params" and f'"{name}' in message
    assert message.isprintable() and len(message) < 300


def test_what_blender_decoded_is_of_one_file() -> None:
    asked = {"output": "a.npz", "decoded": "b.wav"}
    pieces = [PIECE, {**PIECE, "at_s": 20}]
    for sound in ({"sound": "a.mp3"}, {"sounds": pieces}):
        assert from_params(GenerateRequest, {**asked, **sound}).decoded == Path("b.wav")
    for sound in ({"midi": "a.mid"}, {"sounds": [*pieces, {**PIECE, "path": "other.wav"}]}):
        with pytest.raises(UserError, match='"decoded" belongs to one sound file'):
            from_params(GenerateRequest, {**asked, **sound})


def test_every_parameter_of_a_request_is_tried() -> None:
    assert set(GENERATE_NAMES) == {item.name for item in dataclasses.fields(GenerateRequest)}


def test_odd_names_of_settings_are_cut() -> None:
    for name in ("a" * 100_000, "\ud800", "\x1b[2J", ""):
        with pytest.raises(UserError) as caught:
            from_params(GenerateRequest, {**GOOD, name: 1})
        assert caught.value.message.isprintable() and len(caught.value.message) < 400
