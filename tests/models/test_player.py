# SPDX-License-Identifier: GPL-3.0-or-later
"""The player: shapes, ranges from the shared file, what the networks are told, what a redo keeps."""

import dataclasses
import json
from dataclasses import fields

import numpy as np
import pytest

from models.body.player import HAND_SIZE_RANGE, STYLE_RANGE, STYLES, Player, Style, size_factor, style_range
from models.body.skeleton import REST_DATA_PATH
from models.generation.generator import GenerateSettings

AVERAGE = [0.0, 0.0, 0.0]


def test_names_and_ranges_are_those_of_the_shared_file():
    data = json.loads(REST_DATA_PATH.read_text(encoding="utf-8"))["player"]
    assert [field.name for field in fields(Style)] == list(STYLES) == data["styles"]
    assert style_range("hand_size") == HAND_SIZE_RANGE == tuple(data["hand_size_range"])
    assert all(style_range(name) == STYLE_RANGE == tuple(data["style_range"]) for name in STYLES[1:])
    assert size_factor(1.0) == 1 + data["hand_size_step"]


@pytest.mark.parametrize("name", STYLES)
def test_a_style_is_taken_up_to_its_range_and_refused_beyond(name):
    for value in style_range(name):
        assert getattr(Style.of({name: value}), name) == value
        with pytest.raises(ValueError, match=f"{name} is"):
            Style.of({name: value * 1.01})
    with pytest.raises(ValueError, match=name):
        Style.of({name: float("nan")})


def test_an_unknown_style_is_refused_by_name():
    with pytest.raises(ValueError, match="'charm'"):
        Style.of({"curl": 0.5, "charm": 1.0})


def test_hand_size_is_a_factor_on_lengths():
    assert Player().hand_size == 1.0
    assert [Player(style=Style(hand_size=size)).hand_size for size in HAND_SIZE_RANGE] == [0.7, 1.4]
    assert GenerateSettings(style={"hand_size": 2.0}).hands.size == Style(hand_size=2.0).size_factor == 1.2


def test_the_networks_are_told_the_style_as_far_as_they_know_it_then_side_scores_and_whose_motion_to_make():
    scores = np.array([[0.1, 0.2, 0.3], [-1.0, 0.0, 1.0]])
    player = Player(style=Style(hand_size=4.0, looseness=-0.5), scores=scores)
    told = player.vector()
    assert told.shape == (2, 10) and told.dtype == np.float32
    np.testing.assert_array_equal(told[:, :5], np.float32([[1.5, 0, 0, 0, -0.5]] * 2))
    assert told[:, 5].tolist() == [-1.0, 1.0]
    np.testing.assert_array_equal(told[:, 6:9], scores.astype(np.float32))
    assert told[:, 9].tolist() == [1.0, 1.0]
    assert player.vector(tracked=-1.0)[:, 9].tolist() == [-1.0, -1.0]
    louder = player.vector(gain=2.0)
    np.testing.assert_array_equal(louder[:, :6], told[:, :6])
    np.testing.assert_array_equal(louder[:, 6:9], 2 * told[:, 6:9])
    assert louder[:, 9].tolist() == [1.0, 1.0]
    np.testing.assert_array_equal(player.vector(habit_dim=4), told[:, :9])
    assert player.vector(style_dim=3, habit_dim=0).tolist() == [[1.5, 0, 0]] * 2
    assert player.vector(style_dim=6, habit_dim=0).tolist() == [[1.5, 0, 0, 0, -0.5, 0]] * 2
    assert player.vector(style_dim=0, habit_dim=0).shape == (2, 0)


def test_a_hand_that_is_kept_keeps_its_scores():
    drawn, meta = Player.of_seed(3, Style(curl=1.0)), {"habits": [[1, 1, 1], [2, 2, 2]]}
    part = drawn.keeping(meta, {1})
    assert part.scores[0].tolist() == drawn.scores[0].tolist() and part.scores[1].tolist() == [2, 2, 2]
    assert part.style == drawn.style
    assert drawn.keeping(meta, ()).scores.tolist() == drawn.scores.tolist()
    assert drawn.keeping(meta, (0, 1)).scores.tolist() == meta["habits"]
    assert drawn.keeping({}, {0}).scores[0].tolist() == AVERAGE


def test_a_hand_that_is_kept_stays_as_lively_as_it_was():
    drawn, other = Player.of_seed(3), Player.of_seed(4)
    part = drawn.keeping({"habits": other.scores.tolist()}, {1})
    assert part.liveliness.tolist() == [drawn.liveliness[0], other.liveliness[1]]
    assert len({*drawn.liveliness, *other.liveliness}) == 4
    stored = dataclasses.replace(other, scores=other.scores + 1e-12)
    assert stored.liveliness.tolist() == other.liveliness.tolist(), "not a matter of the last bits"
    assert Player().liveliness.tolist() == [0, 0]


def test_scores_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        Player(scores=np.zeros((3, 2)))
