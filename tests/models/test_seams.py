# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows of a long song meet without a jump: the shipped model, no key contact that could hide one."""

import numpy as np
import pytest

from models.body.notes import Notes
from models.conditioning.windows import CONTEXT_FRAMES, sampling_rounds
from models.evaluation.biomechanics import fingertips
from models.generation.generator import GenerateSettings, generate
from models.generation.model import load_model

SECONDS = 50.0


@pytest.fixture(scope="module")
def take():
    """Fifty seconds of a broken-chord accompaniment under a slow tune."""
    rng = np.random.default_rng(1)
    low = np.stack([np.arange(0.5, SECONDS - 1, 0.25)] * 2, 1)
    low[:, 1] += 0.24
    roots = np.repeat(rng.integers(36, 48, len(low) // 4 + 1), 4)[: len(low)]
    pitch = roots + np.tile([0, 7, 12, 7], len(low) // 4 + 1)[: len(low)]
    high = np.stack([np.arange(0.5, SECONDS - 1, 0.75)] * 2, 1)
    high[:, 1] += 0.7
    tune = 72 + np.cumsum(rng.integers(-2, 3, len(high)))
    times = np.concatenate([low, high])
    table = np.concatenate(
        [times, np.concatenate([pitch, tune])[:, None], np.full((len(times), 1), 70.0)], 1
    ).astype(np.float32)
    notes = Notes.from_arrays(table, hand=np.repeat([0, 1], [len(low), len(high)]))
    notes = notes.select(np.argsort(notes.onset_s, kind="stable"))
    settings = GenerateSettings(seed=3, contact=0.0)
    return generate(load_model("default", "cpu"), notes, duration_s=SECONDS, settings=settings)


def seams(config) -> list[int]:
    """The first frame of every stretch that was sampled in another round than the frame before."""
    _, gaps = sampling_rounds(0, int(SECONDS * 30), config)
    found = []
    for start in gaps:
        found += [start + CONTEXT_FRAMES, start + config.window_frames - CONTEXT_FRAMES]
    return [frame for frame in found if frame < SECONDS * 30 - 2]


def test_velocity_does_not_jump_at_seams_more_than_elsewhere(take):
    places = seams(load_model("default", "cpu").config)
    assert len(places) >= 5
    motion = take.motion
    for points in (motion.wrist, fingertips(motion)):
        jump = np.linalg.norm(np.diff(points, n=2, axis=0), axis=-1)
        jump = jump.reshape(len(jump), -1).max(1)  # (F - 2,) metres a frame, the frame after each
        at = np.concatenate([jump[frame - 2 : frame + 1] for frame in places])
        elsewhere = np.delete(jump, np.unique(np.concatenate([np.arange(f - 2, f + 1) for f in places])))
        assert np.median(at) <= 1.3 * np.median(elsewhere)
        assert at.max() <= elsewhere.max()
