# SPDX-License-Identifier: GPL-3.0-or-later
"""Small parts of key contact, each by its own rule."""

import numpy as np
import pytest
import torch

from models.body.pose import Pose, RestTensors, rest_tensors
from models.contact.apply import _fade_edges, _write
from models.contact.finger_crossing import GAP, keep_fingers_from_crossing
from models.contact.posture import tangles
from models.contact.segment import _ease


def rest_of(values: torch.Tensor) -> RestTensors:
    return rest_tensors(values.dtype, values.device)


def gaps(abduction: torch.Tensor, reach: torch.Tensor) -> torch.Tensor:
    """Metres between the lines of neighbouring long fingers (2, 3), where the shorter one ends."""
    rest = rest_of(abduction)
    side = torch.tensor([-1.0, 1.0], dtype=abduction.dtype)
    across, forward = side[:, None] * rest.finger_bases[..., 0], rest.finger_bases[..., 1]
    end = forward + reach * abduction.cos()
    found = []
    for one, other in ((1, 2), (2, 3), (3, 4)):
        level = torch.minimum(end[:, one], end[:, other])
        ends = [
            across[:, finger] + side * abduction[:, finger].tan() * (level - forward[:, finger])
            for finger in (one, other)
        ]
        found.append(ends[1] - ends[0])
    return torch.stack(found, -1)


@pytest.mark.parametrize("crossed", [(1, 2), (2, 3), (3, 4)])
@pytest.mark.parametrize("yielding", [(1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.25, 0.0)])
def test_two_fingers_that_cross_come_apart_as_far_as_they_must(
    crossed: tuple[int, int], yielding: tuple[float, float]
) -> None:
    side = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    abduction = torch.zeros(2, 5, dtype=torch.float64)
    one, other = crossed
    abduction[:, one], abduction[:, other] = 0.15 * side, -0.15 * side  # toward each other
    reach = torch.full((2, 5), 0.08, dtype=torch.float64)
    free = torch.zeros(2, 5, dtype=torch.float64)
    free[:, one], free[:, other] = yielding
    pair = one - 1
    assert (gaps(abduction, reach)[:, pair] < GAP - 0.002).all()
    kept = keep_fingers_from_crossing(abduction, reach, free, rest_of(abduction))
    turned = side[:, None] * (kept - abduction)
    assert (gaps(kept, reach)[:, pair] - GAP).abs().max() < 6e-4  # enough, and no more
    torch.testing.assert_close(turned[0], turned[1])  # the hands are mirror images
    if yielding[0] == yielding[1]:
        torch.testing.assert_close(-turned[:, one], turned[:, other], rtol=0.2, atol=0)
    moved = turned.abs() > 1e-9
    assert moved[:, one].all() == (yielding[0] > 0) and moved[:, other].all() == (yielding[1] > 0)


def test_fingers_in_order_stay() -> None:
    abduction, reach = torch.zeros(2, 5, dtype=torch.float64), torch.full((2, 5), 0.08, dtype=torch.float64)
    torch.testing.assert_close(
        keep_fingers_from_crossing(abduction, reach, torch.ones_like(reach), rest_of(abduction)), abduction
    )


def test_a_stretch_fades_in_without_a_corner() -> None:
    out, values = np.zeros((40, 2, 3), np.float32), np.ones((40, 2, 3), np.float32)
    _write(out, values, 15)
    share = np.concatenate([[0.0], out[:16, 0, 0]])
    steps = np.diff(share)
    assert (steps >= 0).all() and (out[15:] == 1).all()
    np.testing.assert_allclose(share + share[::-1], 1.0, atol=1e-6)  # the one comes as the other goes
    assert steps[0] < 0.25 * steps.max() and steps[-1] < 0.25 * steps.max()
    unfaded = np.zeros((5, 2, 3), np.float32)
    _write(unfaded, values[:5], 0)
    assert (unfaded == 1).all()


def test_comfort_moves_no_frame_that_is_given() -> None:
    errors = np.zeros((120, 5, 3))
    errors[..., 2] = 0.02
    share = np.ones((120, 5))
    fixed = np.zeros(120, bool)
    fixed[:60] = True
    free = _ease(errors, share, np.zeros(120, bool), 30.0)
    np.testing.assert_allclose(free[30:90, 2], 0.02, atol=2e-3)
    assert not free[:, [0, 1, 3, 4, 5]].any()
    held = _ease(errors, share, fixed, 30.0)
    assert np.abs(held[:60]).max() < 2e-4
    assert held[110, 2] == pytest.approx(0.02, abs=3e-3)


@pytest.mark.parametrize("stop", [25, 100])
def test_both_edges_of_a_range_meet_what_is_given_and_its_middle_is_free(stop: int) -> None:
    """The frames beside the range are given as 0 and solved as 1: what is inside is bent to meet them."""
    start = 20
    given, solved = np.zeros((120, 2, 3), np.float32), np.ones((120, 2, 3), np.float32)
    inside = np.ones((stop - start, 2, 3), np.float32)
    _fade_edges(inside, given, solved, start, stop, 0, 30.0)
    values = inside[:, 0, 0]
    if stop == 100:
        assert values[0] < 0.1 and values[-1] < 0.1 and (values[8:-8] == 1).all()
        assert (np.diff(values[:6]) > 0).all() and (np.diff(values[-6:]) < 0).all()
    np.testing.assert_allclose(values, values[::-1], atol=1e-6)


def test_what_is_wrong_between_hands_that_are_kept_is_nobodys_to_mend() -> None:
    euler, wrist = torch.zeros(4, 2, 16, 3), torch.zeros(4, 2, 3)
    wrist[..., 0] = torch.tensor([-0.3, 0.3])
    wrist[2, 0] = wrist[2, 1]  # one inside the other, in one frame
    posture = Pose.of_euler(euler, wrist)
    assert set(tangles(posture).frame.tolist()) == {2}
    for kept, found in (((True, True), set()), ((True, False), {2}), ((False, True), {2})):
        fixed = np.tile(np.array(kept), (4, 1))
        assert set(tangles(posture, fixed=fixed).frame.tolist()) == found
