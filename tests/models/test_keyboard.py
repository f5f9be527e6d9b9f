# SPDX-License-Identifier: GPL-3.0-or-later
"""Key geometry and the definition of a pressed key (docs/definitions.md)."""

import numpy as np

from models.body import keyboard


def test_white_keys_are_evenly_spaced_about_the_origin() -> None:
    white = keyboard.KEY_X[~keyboard.KEY_IS_BLACK]
    assert len(white) == 52
    np.testing.assert_allclose(np.diff(white), 0.0235)
    assert abs(white.sum()) < 1e-12
    np.testing.assert_allclose(
        keyboard.key_x(64) + keyboard.key_x(65), 0, atol=1e-15
    )  # E4 and F4 flank the origin


def test_black_keys_stand_off_the_boundaries() -> None:
    for pitch, offset in ((61, -0.0023), (63, 0.0023), (66, -0.0034), (68, 0.0), (70, 0.0034)):
        boundary = (keyboard.key_x(pitch - 1) + keyboard.key_x(pitch + 1)) / 2
        np.testing.assert_allclose(keyboard.key_x(pitch), boundary + offset)


def test_keyboard_is_its_own_mirror_image_about_d() -> None:
    pitches = np.arange(21, 104)
    mirrored = keyboard.MIRROR_PITCH_SUM - pitches
    np.testing.assert_allclose(
        keyboard.key_x(mirrored), 2 * keyboard.key_x(62) - keyboard.key_x(pitches), atol=1e-12
    )
    assert (keyboard.is_black(mirrored) == keyboard.is_black(pitches)).all()


def test_a_point_over_a_black_key_belongs_to_it_and_beside_it_to_the_white_key() -> None:
    x = float(keyboard.key_x(61))
    points = np.array([[x, 0.08, 0.01], [x + 0.0054, 0.08, 0.01], [x + 0.0057, 0.08, 0.01], [x, 0.03, 0.01]])
    under = keyboard.key_under(points) + keyboard.LOWEST_PITCH
    assert under[0] == under[1] == 61
    assert under[2] == 62
    assert under[3] in (60, 62)
    assert keyboard.key_under(np.array([0.0, -0.01, 0.0])) == -1
    assert keyboard.key_under(np.array([0.7, 0.05, 0.0])) == -1


def test_pressed_from_three_millimetres_below_the_rest_surface() -> None:
    white, black = float(keyboard.key_x(60)), float(keyboard.key_x(61))
    tips = np.array(
        [
            [[white, 0.03, -0.0029], [black, 0.07, 0.0096]],
            [[white, 0.03, -0.0031], [black, 0.07, 0.0094]],
        ]
    )
    roll = keyboard.pressed_keys(tips)
    assert not roll[0].any()
    assert set(np.flatnonzero(roll[1]) + keyboard.LOWEST_PITCH) == {60, 61}


def test_playable_range_lies_on_the_key() -> None:
    for pitch in range(21, 109):
        for inside in (False, True):
            left, right = keyboard.playable_x(pitch, inside)
            near, far = keyboard.playable_y(pitch)
            assert left <= right and near < far
            for x in (left, right):
                for y in (max(near, keyboard.BLACK_FRONT), far) if inside else (near,):
                    assert keyboard.key_under(np.array([x, y, 0.0])) + 21 == pitch
