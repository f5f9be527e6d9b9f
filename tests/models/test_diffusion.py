# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules, v-prediction and samplers against what is known in closed form."""

import math

import numpy as np
import pytest

from models.config import ScheduleConfig
from models.diffusion.parameterization import add_noise, epsilon_from_v, v_from_x0, v_target, x0_from_v
from models.diffusion.samplers import (
    SAMPLERS,
    draw_noise,
    sample_ancestral,
    sample_ddim,
    sample_dpm_solver_pp_2m,
    timesteps,
)
from models.diffusion.schedule import build_schedule

MEAN, SPREAD = 0.7, 0.3


def generators(batch, seed=0):
    return [[np.random.default_rng(1000 * seed + 2 * i + j) for j in (0, 1)] for i in range(batch)]


def gaussian_denoise(schedule, mean=MEAN, spread=SPREAD):
    """The exact v for data N(mean, spread^2): E[x0 | x_t] is linear in x_t."""

    def denoise(x, t):
        bar = float(schedule.alpha_bar[t])
        gain = math.sqrt(bar) * spread**2 / (bar * spread**2 + 1 - bar)
        x0 = mean + gain * (x - math.sqrt(bar) * mean)
        return (math.sqrt(bar) * x - x0) / math.sqrt(1 - bar)

    return denoise


def test_linear_schedule_is_the_papers():
    schedule = build_schedule(ScheduleConfig(kind="linear", steps=1000))
    assert schedule.steps == 1000
    assert float(schedule.beta[1]) == pytest.approx(1e-4) and float(schedule.beta[1000]) == pytest.approx(
        0.02
    )
    assert float(schedule.beta[501] - schedule.beta[500]) == pytest.approx((0.02 - 1e-4) / 999)
    assert float(schedule.alpha_bar[2]) == pytest.approx((1 - schedule.beta[1]) * (1 - schedule.beta[2]))


def test_cosine_schedule_falls_from_one_to_nearly_nothing():
    schedule = build_schedule(ScheduleConfig(kind="cosine", steps=1000))
    assert float(schedule.alpha_bar[0]) == 1
    assert (np.diff(schedule.alpha_bar) < 0).all()
    assert float(schedule.alpha_bar[500]) == pytest.approx(
        (math.cos(0.508 / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2, rel=1e-6
    )
    assert float(schedule.alpha_bar[1000]) < 1e-6
    assert float(schedule.beta.max()) <= 0.999


def test_v_x0_and_epsilon_lead_back_to_each_other():
    schedule = build_schedule(ScheduleConfig())
    rng = np.random.default_rng(0)
    x0, epsilon = rng.standard_normal((2, 2, 5, 7), np.float32)
    t = np.array([10, 800])
    signal, noise = schedule.signal(t)[:, None, None], schedule.noise(t)[:, None, None]
    x, v = add_noise(x0, epsilon, signal, noise), v_target(x0, epsilon, signal, noise)
    np.testing.assert_allclose(x0_from_v(x, v, signal, noise), x0, atol=1e-5, rtol=1e-4)
    np.testing.assert_allclose(epsilon_from_v(x, v, signal, noise), epsilon, atol=1e-5, rtol=1e-4)
    np.testing.assert_allclose(v_from_x0(x, x0, signal, noise), v, atol=1e-3, rtol=1e-3)


def test_timesteps_go_from_the_noisiest_to_clean():
    schedule = build_schedule(ScheduleConfig(steps=1000))
    assert timesteps(schedule, 4) == [1000, 750, 500, 250, 0]
    assert timesteps(schedule, 1000) == list(range(1000, -1, -1))
    with pytest.raises(ValueError, match="steps"):
        timesteps(schedule, 1001)


def test_one_step_of_algorithm_1_has_the_papers_mean_and_variance():
    schedule = build_schedule(ScheduleConfig(kind="linear", steps=5, beta_start=0.1, beta_end=0.5))
    x = np.full((1, 2, 200_000), 1.5, np.float32)
    constant = 0.4
    seen = []

    def denoise(state, t):
        seen.append((t, state))
        return np.full_like(state, constant)

    sample_ancestral(denoise, x, schedule, steps=5, generators=generators(1))
    t = 5
    bar, before, beta, alpha = (
        float(v)
        for v in (schedule.alpha_bar[t], schedule.alpha_bar[t - 1], schedule.beta[t], 1 - schedule.beta[t])
    )
    x0 = math.sqrt(bar) * 1.5 - math.sqrt(1 - bar) * constant
    mean = beta * math.sqrt(before) / (1 - bar) * x0 + (1 - before) * math.sqrt(alpha) / (1 - bar) * 1.5
    variance = (1 - before) * beta / (1 - bar)
    assert [step for step, _ in seen] == [5, 4, 3, 2, 1]
    assert float(seen[1][1].mean()) == pytest.approx(mean, abs=0.01)
    assert float(seen[1][1].var()) == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize(("name", "steps"), [("ancestral", 200), ("ddim", 100), ("dpm++2m", 60)])
@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_samplers_reproduce_a_gaussian(name, steps, kind):
    schedule = build_schedule(ScheduleConfig(kind=kind, steps=1000))
    x = draw_noise((2, 2, 20_000), generators(2))
    out = SAMPLERS[name](
        gaussian_denoise(schedule), x, schedule, steps=steps, generators=generators(2, seed=1)
    )
    assert float(out.mean()) == pytest.approx(MEAN, abs=0.02)
    assert float(out.std()) == pytest.approx(SPREAD, rel=0.06)


def test_few_steps_of_dpm_solver_come_nearer_to_the_limit_than_ddim():
    schedule = build_schedule(ScheduleConfig(kind="cosine", steps=1000))
    x = draw_noise((1, 2, 1000), generators(1))
    limit = sample_ddim(
        gaussian_denoise(schedule, spread=1.0), x, schedule, steps=1000, generators=generators(1)
    )
    errors = {}
    for steps in (10, 20, 40):
        for sampler in (sample_ddim, sample_dpm_solver_pp_2m):
            out = sampler(
                gaussian_denoise(schedule, spread=1.0), x, schedule, steps=steps, generators=generators(1)
            )
            errors[sampler.__name__, steps] = float(np.abs(out - limit).max())
    for steps in (10, 20, 40):
        assert errors["sample_dpm_solver_pp_2m", steps] < 0.6 * errors["sample_ddim", steps]
    assert errors["sample_dpm_solver_pp_2m", 40] < 0.4 * errors["sample_dpm_solver_pp_2m", 10]


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_clamp_bounds_the_result_and_every_step_is_announced(name):
    schedule = build_schedule(ScheduleConfig(steps=100))
    calls = []
    out = SAMPLERS[name](
        gaussian_denoise(schedule, mean=3.0),
        draw_noise((1, 2, 500), generators(1)),
        schedule,
        steps=7,
        generators=generators(1),
        clamp=1.0,
        callback=lambda step, of: calls.append((step, of)),
    )
    assert float(np.abs(out).max()) <= 1.0 + 1e-6
    assert calls == [(i, 7) for i in range(1, 8)]


def test_noise_of_a_window_does_not_depend_on_its_batch():
    both = draw_noise((2, 2, 3, 4), generators(2))
    alone = draw_noise((1, 2, 3, 4), [generators(2)[1]])
    np.testing.assert_array_equal(both[1], alone[0])
    assert not np.array_equal(both[0, 0], both[0, 1])
    with pytest.raises(ValueError, match="generators"):
        draw_noise((3, 2, 4), generators(2))
