# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of key contact: fingering, inverse kinematics, press schedule, wrist correction."""

import numpy as np
import pytest
import torch

from models.body import skeleton
from models.body.kinematics import forward_kinematics, outside_limits
from models.body.notes import Notes
from models.contact.paths import PathSampler
from models.contact.schedule import PressTiming, plan_presses
from models.contact.single_frame_ik import solve_fingers
from models.contact.wrist_smoothing import REST, rigid_step, smooth_correction
from models.planning.fingering import FingeringCosts, finger_notes


def line(pitches: list[int], step_s: float = 0.2) -> Notes:
    return Notes.from_arrays([[i * step_s, (i + 1) * step_s, pitch, 80.0] for i, pitch in enumerate(pitches)])


def chord(pitches: list[int], start: float = 0.0) -> Notes:
    return Notes.from_arrays([[start, start + 1, pitch, 80.0] for pitch in pitches])


def fingers(notes: Notes, hand: int) -> list[int]:
    return finger_notes(notes.with_hands(hand)).finger.tolist()


def test_five_finger_position_and_its_mirror_image() -> None:
    up = [60, 62, 64, 65, 67]
    assert fingers(line(up), skeleton.RIGHT) == [0, 1, 2, 3, 4]
    assert fingers(line(up), skeleton.LEFT) == [4, 3, 2, 1, 0]


def test_left_hand_fingering_is_the_mirrored_right_hand() -> None:
    pitches = np.random.default_rng(0).integers(50, 75, 60).tolist()
    mirrored = [124 - pitch for pitch in pitches]
    assert fingers(line(pitches), skeleton.RIGHT) == fingers(line(mirrored), skeleton.LEFT)


def test_scale_crosses_the_thumb_and_keeps_it_off_black_keys() -> None:
    notes = line([62, 64, 66, 67, 69, 71, 73, 74])  # D major
    used = fingers(notes, skeleton.RIGHT)
    assert used.count(0) >= 2
    assert all(finger != 0 for finger, pitch in zip(used, notes.pitch, strict=True) if pitch in (66, 73))


def test_chords_use_different_fingers_in_order() -> None:
    for pitches in ([60, 64, 67], [60, 64, 67, 72], [60, 63, 66, 69, 72]):
        right = fingers(chord(pitches), skeleton.RIGHT)
        assert right == sorted(set(right)) and -1 not in right
    assert fingers(chord([60, 72]), skeleton.RIGHT) == [0, 4]


def test_held_note_keeps_its_finger_busy() -> None:
    notes = Notes.from_arrays(
        [[0.0, 2.0, 60, 80], [0.5, 0.9, 64, 80], [1.0, 1.4, 65, 80], [1.5, 1.9, 67, 80]]
    )
    used = fingers(notes, skeleton.RIGHT)
    assert used[0] not in used[1:]


def test_what_no_hand_can_play_is_left_out_and_far_held_notes_are_released() -> None:
    too_wide = chord([40, 60, 64, 80])
    used = fingers(too_wide, skeleton.RIGHT)
    assert -1 in used and any(finger >= 0 for finger in used)
    assert fingers(chord([60, 62, 64, 65, 67, 69]), skeleton.RIGHT).count(-1) == 1
    notes = Notes.from_arrays([[0.0, 4.0, 36, 80], [1.0, 1.5, 60, 80]], hand=skeleton.LEFT)
    fingered = finger_notes(notes)
    assert fingered.played.all()
    assert fingered.release_s is not None and fingered.release_s[0] <= 1.0


def test_generated_motion_draws_the_fingering() -> None:
    notes = line([64]).with_hands(skeleton.RIGHT)
    tips = np.zeros((1, 2, 5))
    for finger in range(5):
        tips[0, 1] = 0.3
        tips[0, 1, finger] = -0.01
        assert finger_notes(notes, tips).finger[0] == finger


def test_costs_are_checked() -> None:
    with pytest.raises(ValueError, match="negative"):
        FingeringCosts(crossing=-1)


def reachable_pose(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    euler = torch.zeros(count, 2, 16, 3, dtype=torch.float64)
    flexion = torch.rand(count, 2, 5, generator=generator, dtype=torch.float64)
    joints = torch.as_tensor(skeleton.FINGER_JOINTS)
    euler[..., joints[:, 0], 0] = 0.1 + 0.4 * flexion
    euler[..., joints[:, 1], 0] = 0.2 + 0.6 * flexion
    euler[..., joints[:, 2], 0] = 0.1 + 0.4 * flexion
    euler[..., joints[:, 0], 2] = 0.6 * (
        torch.rand(count, 2, 5, generator=generator, dtype=torch.float64) - 0.5
    )
    euler[..., 0, :] = 0.4 * (torch.rand(count, 2, 3, generator=generator, dtype=torch.float64) - 0.5)
    return euler, torch.randn(count, 2, 3, generator=generator, dtype=torch.float64) * 0.1


def test_inverse_kinematics_of_the_present_tips_is_the_present_pose() -> None:
    euler, wrist = reachable_pose(100)
    solved = solve_fingers(euler, wrist, forward_kinematics(euler, wrist, 1.1).tips, 1.1)
    np.testing.assert_allclose(solved, euler, atol=1e-5)


def test_inverse_kinematics_reaches_what_can_be_reached_within_limits() -> None:
    euler, wrist = reachable_pose(200)
    targets = forward_kinematics(euler, wrist).tips
    other = euler.clone()
    other[..., 1:, 0] *= 0.7
    solved = solve_fingers(other, wrist, targets)
    assert not outside_limits(solved).any()
    miss = (forward_kinematics(solved, wrist).tips - targets).norm(dim=-1)
    assert miss.max() < 1e-6


def test_unreachable_targets_stay_inside_the_limits() -> None:
    euler, wrist = reachable_pose(50)
    solved = solve_fingers(euler, wrist, forward_kinematics(euler, wrist).tips + 0.5)
    assert torch.isfinite(solved).all() and not outside_limits(solved).any()


def test_smooth_correction_solves_the_normal_equations() -> None:
    rng = np.random.default_rng(0)
    frames, fps, smooth = 40, 30.0, 0.06
    weight, wanted = rng.random(frames), rng.normal(size=(frames, 3))
    difference = np.diff(np.eye(frames), 2, axis=0)
    matrix = np.diag(weight + REST) + (smooth * fps) ** 4 * difference.T @ difference
    expected = np.linalg.solve(matrix, weight[:, None] * wanted)
    np.testing.assert_allclose(smooth_correction(wanted, weight, fps, smooth), expected, atol=1e-9)
    assert not smooth_correction(wanted, np.zeros(frames), fps).any()


def test_rigid_step_recovers_a_shift_exactly_and_turns_the_right_way() -> None:
    arms = np.array(
        [
            [
                [-0.06, 0.11, -0.05],
                [-0.02, 0.15, -0.05],
                [0.01, 0.15, -0.05],
                [0.04, 0.14, -0.05],
                [0.07, 0.11, -0.05],
            ]
        ]
    )
    share = np.ones((1, 5))
    shift, turn = rigid_step(np.broadcast_to([0.01, -0.02, 0.005], arms.shape), arms, share)
    np.testing.assert_allclose(shift, [[0.01, -0.02, 0.005]], atol=1e-12)
    np.testing.assert_allclose(turn, 0, atol=1e-12)
    yaw = np.array([0.0, 0.0, 0.1])
    _, turn = rigid_step(np.cross(yaw, arms), arms, share)
    assert turn[0, 2] > 0.02 and abs(turn[0, 0]) < turn[0, 2]


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_repeated_notes_go_up_between_for_at_least_a_frame(fps: float) -> None:
    table = [[0.5 + 0.1 * i, 0.6 + 0.1 * i, 60, 80] for i in range(8)]
    notes = finger_notes(Notes.from_arrays(table, hand=skeleton.RIGHT))
    presses = plan_presses(notes, fps, PressTiming())
    order = np.argsort(presses.down_s)
    down, up = presses.down_s[order], presses.up_s[order]
    assert (up > down).all() and (up[:-1] < down[1:]).all()
    frames = int(2 * fps)
    x, y = np.zeros(8), np.full(8, 0.03)
    paths = PathSampler(presses, frames, fps, PressTiming())(x, y, np.zeros((frames, 2, 5, 3)))
    height = paths.points.reshape(frames, 10, 3)[..., 2]
    active = paths.pitch.reshape(frames, 10) == 60
    pressed = ((height < -0.003) & active).any(1)
    assert (np.diff(pressed.astype(int)) == 1).sum() == 8
