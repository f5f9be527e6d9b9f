# SPDX-License-Identifier: GPL-3.0-or-later
"""What the networks are told about the fingers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.body.keyboard import MIRROR_PITCH_SUM, is_black, key_x
from models.body.notes import Notes
from models.conditioning.conditioning import encode_input
from models.conditioning.finger_features import (
    BLACK_NEXT,
    BLACK_NOW,
    FAR_S,
    LOUD_NEXT,
    SINCE_OFFSET,
    SINCE_ONSET,
    UNTIL_NEXT,
    X_NEXT,
    X_NOW,
    anchor_x,
    finger_plan,
    plan_features,
)
from models.conditioning.hand_space import REFLECTION_X, Normalizer, plan_in_hand_space
from models.config import EncoderConfig, ModelConfig

FPS = 30.0


def some_notes(count: int = 60, seed: int = 0):
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.uniform(0, 8, count))
    notes = np.stack(
        [
            onset,
            onset + rng.uniform(0.1, 0.8, count),
            rng.integers(30, 95, count),
            rng.integers(20, 120, count),
        ],
        1,
    )
    fingering = np.stack([rng.integers(0, 2, count), rng.integers(0, 5, count)], 1)
    fingering[::17] = -1
    return Notes.from_arrays(notes.astype(np.float32), fingering)


def test_plan_says_what_each_finger_plays_now_and_next():
    notes = some_notes()
    plan = finger_plan(notes, FPS, 0, 300)
    for frame in range(0, 300, 7):
        time = frame / FPS
        for hand in (0, 1):
            for finger in range(5):
                mine = notes.select((notes.fingering == (hand, finger)).all(1)).table.astype(np.float64)
                before, after = mine[mine[:, 0] <= time], mine[mine[:, 0] > time]
                got = plan[frame, hand, finger]
                if len(before):
                    onset, offset, pitch, _ = before[-1]
                    expected = [key_x(int(pitch)), float(is_black(int(pitch))), time - onset, time - offset]
                else:
                    expected = [0, 0, FAR_S, FAR_S]
                assert got[[X_NOW, BLACK_NOW, SINCE_ONSET, SINCE_OFFSET]] == pytest.approx(expected, abs=1e-5)
                if len(after):
                    onset, _, pitch, velocity = after[0]
                    expected = [key_x(int(pitch)), float(is_black(int(pitch))), onset - time, velocity / 127]
                else:
                    expected = [0, 0, FAR_S, 0]
                assert got[[X_NEXT, BLACK_NEXT, UNTIL_NEXT, LOUD_NEXT]] == pytest.approx(expected, abs=1e-5)


def test_plan_does_not_depend_on_where_the_window_begins():
    notes = some_notes()
    whole = finger_plan(notes, FPS, -20, 320)
    assert np.array_equal(finger_plan(notes, FPS, 100, 90), whole[120:210])


def test_mirrored_music_gives_the_other_hand_the_same_view():
    notes = some_notes()
    mirrored = replace(
        notes, pitch=MIRROR_PITCH_SUM - notes.pitch, hand=np.where(notes.hand >= 0, 1 - notes.hand, -1)
    )
    normalizer = Normalizer(ModelConfig(), torch.empty(0))
    sounds = torch.zeros(1, 3, 300, 88, 2)

    def view(notes):
        plan = torch.from_numpy(finger_plan(notes, FPS, 0, 300)).transpose(0, 1)[None]
        return encode_input(sounds, plan, normalizer)

    one, other = view(notes), view(mirrored)
    assert torch.allclose(one.features.flip(1), other.features, atol=1e-5)
    assert torch.allclose(one.anchor.flip(1), other.anchor, atol=1e-5)


def test_canonical_plan_is_its_own_inverse_and_reflects_the_left_hand_only():
    notes = some_notes()
    plan = torch.from_numpy(finger_plan(notes, FPS, 0, 100)).transpose(0, 1)[None]
    there = plan_in_hand_space(plan, shared_hands=True)
    assert torch.allclose(plan_in_hand_space(there, shared_hands=True), plan)
    assert torch.equal(there[:, 1], plan[:, 1])
    assert torch.allclose(there[:, 0, ..., X_NEXT], 2 * REFLECTION_X - plan[:, 0, ..., X_NEXT])
    assert torch.equal(plan_in_hand_space(plan, shared_hands=False), plan)


def test_anchor_is_the_place_from_which_a_held_key_is_in_reach():
    reach = torch.tensor([-0.06, -0.02, 0.01, 0.04, 0.07])
    notes = Notes.from_arrays([[1.0, 3.0, 72, 80]], np.array([[1, 2]]))
    plan = torch.from_numpy(finger_plan(notes, FPS, 0, 120)).transpose(0, 1)[None]
    place = anchor_x(plan, reach, rest_x=0.2)
    assert place[0, 1, 45] == pytest.approx(float(key_x(72)) - 0.01, abs=1e-3)
    assert place[0, 0] == pytest.approx(torch.full((120,), 0.2).numpy())  # the left hand has nothing to do


def test_features_tell_places_from_the_hand():
    notes = some_notes()
    plan = torch.from_numpy(finger_plan(notes, FPS, 0, 200)).transpose(0, 1)[None]
    centre = torch.full((1, 2, 200), 0.1)
    features = plan_features(plan, centre)
    moved = plan.clone()
    moved[..., [X_NOW, X_NEXT]] += 0.3
    assert torch.allclose(plan_features(moved, centre + 0.3), features, atol=1e-4)
    assert features.abs().max() <= 4.0
    assert features.std() > 0.1


def test_models_without_notes_read_no_plan():
    with pytest.raises(ValueError, match="finger_plan"):
        EncoderConfig(kind="features", feature_dim=32, centred_bins=0)
    config = ModelConfig(encoder=EncoderConfig(finger_plan=False))
    heard = encode_input(torch.zeros(1, 3, 16, 88, 2), None, Normalizer(config, torch.empty(0)))
    assert heard.plan is None and heard.anchor is None
    assert heard.features.shape[-1] == config.encoder.feature_width == config.encoder.feature_dim
    with pytest.raises(ValueError, match="finger plan"):
        encode_input(torch.zeros(1, 3, 16, 88, 2), None, Normalizer(ModelConfig(), torch.empty(0)))
