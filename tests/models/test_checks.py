# SPDX-License-Identifier: GPL-3.0-or-later
"""One test of a number for people and for code, and what each of them reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from models.checks import (
    BadValue,
    check_choices,
    check_range,
    check_ranges,
    checked_choice,
    checked_number,
    checked_whole,
)
from models.errors import UserError
from training.stages.settings import TrainSettings

NO_NUMBERS_FROM_1_TO_8 = [0.999, 8.001, math.nan, math.inf, -math.inf, 10**400, True, "3", None, [3], 3j]


@pytest.mark.parametrize("value", NO_NUMBERS_FROM_1_TO_8, ids=lambda value: str(value)[:9])
def test_what_is_out_of_range_is_refused_for_people_and_for_code(value: Any) -> None:
    with pytest.raises(BadValue, match=r"^unet\.patch is .{1,80}; it must be between 1 and 8$"):
        check_range("unet.patch", value, 1, 8)
    for check, wanted in ((checked_number, "a number"), (checked_whole, "a whole number")):
        with pytest.raises(UserError) as caught:
            check("steps", value, 1, 8)
        assert str(caught.value).startswith('The setting "steps" is ')
        assert str(caught.value).endswith(f", but it must be {wanted} from 1 to 8.")


@pytest.mark.parametrize("value", [1, 8, 2.5, np.float32(2.5), np.int64(3)])
def test_numbers_of_any_kind_fit(value: Any) -> None:
    check_range("unet.patch", value, 1, 8)
    assert checked_number("steps", value, 1, 8) == value


def test_no_upper_end() -> None:
    check_range("repeats", 10**400, 1)
    with pytest.raises(BadValue, match=r"^repeats is 0; it must be at least 1$"):
        check_range("repeats", 0, 1)


@dataclass
class Sizes:
    width: int = 4
    kind: str = "round"


def test_many_fields_at_once_are_named_as_the_file_names_them() -> None:
    check_ranges(Sizes(), "box.", width=(1, 4))
    check_choices(Sizes(), "box.", kind=("round", "square"))
    with pytest.raises(BadValue, match=r"^box\.width is 5; it must be between 1 and 4$"):
        check_ranges(Sizes(5), "box.", width=(1, 4))
    with pytest.raises(BadValue, match=r"^box\.kind is 'odd'; it must be one of round, square$"):
        check_choices(Sizes(kind="odd"), "box.", kind=("round", "square"))
    with pytest.raises(UserError, match="but it must be one of round, square"):
        checked_choice("kind", "odd", ("round", "square"))


@pytest.mark.parametrize(
    "change", [{"clip_norm": math.nan}, {"batch_size": "16"}, {"beta2": 0.4}, {"optimizer": "sgd"}]
)
def test_settings_of_a_training_use_them(change: dict[str, Any]) -> None:
    with pytest.raises(BadValue, match=f"^{next(iter(change))} is .*; it must be "):
        TrainSettings(steps=1, **change)
