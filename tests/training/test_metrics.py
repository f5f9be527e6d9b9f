# SPDX-License-Identifier: GPL-3.0-or-later
"""The field's figures: agreement with the released evaluation and with formulas worked out in loops; invariants."""

import numpy as np
import pytest
import torch
from scipy import optimize

from training.metrics import Clip, compare, cut, fixed, legacy
from training.metrics.clips import both_hands, filled
from training.metrics.embedding import EmbeddingConfig, EmbeddingNet


def walk(rng, frames, channels, step):
    return (step * np.cumsum(rng.standard_normal((frames, channels)), 0)).astype(np.float32)


def clip(seed, frames=120, step=0.02, valid=None):
    rng = np.random.default_rng(seed)
    pose = walk(rng, frames, 96, step).reshape(frames, 2, 48)
    position = walk(rng, frames, 6, 0.002).reshape(frames, 2, 3)
    return Clip(pose, position, 30.0, *([] if valid is None else [valid]), name=str(seed))


@pytest.fixture(scope="module")
def pairs():
    return [(clip(i), clip(i + 100, step=0.03)) for i in range(2)]


# --- the released functions, run outside the project on the same random numbers


def test_legacy_equals_the_released_functions():
    # models/evaluate.py of PianoMotion10M at 86539e5, torch 2.13, scikit-learn 1.9.1, POT 0.9.7.post1.
    rng = np.random.default_rng(20250328)
    real, fake = walk(rng, 240, 48, 0.02), walk(rng, 240, 48, 0.03)
    real_place, fake_place = walk(rng, 240, 3, 0.001), walk(rng, 240, 3, 0.002)
    assert legacy.fgd(real, fake) == pytest.approx(6.918515205383301, rel=1e-5)
    assert legacy.wgd(real, fake) == pytest.approx(0.2704664013844517, rel=1e-6)
    assert legacy.pd(real_place, fake_place) == pytest.approx(0.03370666, rel=1e-5)
    assert legacy.smooth(real, fake) == pytest.approx(0.7775619, rel=1e-5)


def test_both_versions_of_legacy_smooth_equal_the_released_ones():
    # The same, and the function as it was at 0cd4088, before 2025-03-28.
    rng = np.random.default_rng(20250328)
    real, fake = walk(rng, 240, 48, 0.02), walk(rng, 240, 48, 0.02)
    assert legacy.smooth(real, fake) == pytest.approx(0.13664424, rel=1e-5)
    assert legacy.smooth_first(real, fake) == pytest.approx(0.14719822, rel=1e-5)


def test_legacy_fid_equals_the_released_function():
    rng = np.random.default_rng(4)
    real, fake = rng.standard_normal((40, 8)), rng.standard_normal((40, 8)) * 1.3 + 0.2
    assert legacy.fid(real, fake) == pytest.approx(1.9931783177792184, rel=1e-6)
    assert legacy.feature_distance(real, fake) == pytest.approx(10.827623163138929, rel=1e-9)


def test_embedding_net_equals_the_released_network():
    # Every floating tensor of the state filled in the order of its names with generator 1, as in the run of theirs.
    network, rng = EmbeddingNet().eval(), np.random.default_rng(1)
    state = network.state_dict()
    assert len(state) == 70 and sum(p.numel() for p in network.parameters()) == 2_426_368
    with torch.no_grad():
        for name, value in state.items():
            if value.dtype.is_floating_point:
                drawn = torch.from_numpy(rng.standard_normal(tuple(value.shape)).astype(np.float32))
                value.copy_(drawn.abs() * 0.5 + 0.5 if "running_var" in name else drawn * 0.05)
        poses = torch.from_numpy(np.random.default_rng(2).standard_normal((12, 240, 96)).astype(np.float32))
        latent, rebuilt = network(poses)
    theirs = [0.061269938945770264, 0.04429703578352928, -0.07118318974971771, -0.09313808381557465]
    assert latent[0, :4].tolist() == pytest.approx(theirs, abs=2e-6)
    assert float(rebuilt.sum()) == pytest.approx(-497.6260986328125, rel=1e-5)
    assert rebuilt[0, 0, :3].tolist() == pytest.approx([-0.04666669, -0.01370669, 0.08262975], abs=2e-6)


# --- the formulas, in loops


def test_legacy_fgd_equals_its_formula():
    rng = np.random.default_rng(7)
    real, fake = (rng.standard_normal((90, 6)) @ rng.standard_normal((6, 6)) for _ in range(2))
    means = [[sum(row[j] for row in x) / len(x) for j in range(6)] for x in (real, fake)]
    covariances = [
        [
            [sum((row[i] - m[i]) * (row[j] - m[j]) for row in x) / (len(x) - 1) for j in range(6)]
            for i in range(6)
        ]
        for x, m in zip((real, fake), means)
    ]
    roots = np.sqrt(np.linalg.eigvals(np.array(covariances[0]) @ np.array(covariances[1])).astype(complex))
    wanted = sum((a - b) ** 2 for a, b in zip(*means)) + sum(
        covariances[k][i][i] for k in (0, 1) for i in range(6)
    )
    assert legacy.fgd(real, fake) == pytest.approx(wanted - 2 * roots.real.sum(), rel=1e-3)


def test_legacy_smooth_equals_its_formula():
    rng = np.random.default_rng(8)
    real, fake = walk(rng, 20, 48, 0.1), walk(rng, 20, 48, 0.1)

    def script(x):
        v = [np.sqrt(sum((x[t][c] - x[-1][c]) ** 2 for c in range(48))) for t in range(19)]
        return [v[t] - v[18] for t in range(18)]

    one, other = script(real), script(fake)
    assert legacy.smooth(real, fake) == pytest.approx(abs(np.mean(one) - np.mean(other)), rel=1e-5)
    wanted = np.mean([abs(a - b) for a, b in zip(one, other)])
    assert legacy.smooth_first(real, fake) == pytest.approx(wanted, rel=1e-5)


def test_fixed_smooth_equals_its_formula(pairs):
    sums = []
    for real, generated in pairs:
        for t in range(real.frames - 2):
            bend = [c.pose[t + 2, 1] - 2 * c.pose[t + 1, 1] + c.pose[t, 1] for c in (real, generated)]
            sums.append(abs(np.linalg.norm(bend[1]) - np.linalg.norm(bend[0])))
    assert fixed.smooth(pairs, 1)[0] == pytest.approx(np.mean(sums), rel=1e-4)


def test_fixed_transport_equals_a_linear_programme(pairs):
    """The mixture's transport against scipy's solver, with Wasserstein costs by their definition."""
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    real, generated = (np.concatenate([pair[i].pose[:, 0] for pair in pairs]).astype(float) for i in (0, 1))
    axes = PCA(n_components=10, svd_solver="full").fit(real)
    one, other = (
        GaussianMixture(13, random_state=0, max_iter=200).fit(axes.transform(x)) for x in (real, generated)
    )
    cost = np.zeros((13, 13))
    for i, (m1, c1) in enumerate(zip(one.means_, one.covariances_)):
        for j, (m2, c2) in enumerate(zip(other.means_, other.covariances_)):
            roots = np.sqrt(np.linalg.eigvals(c1 @ c2).astype(complex)).real.sum()
            cost[i, j] = ((m1 - m2) ** 2).sum() + np.trace(c1) + np.trace(c2) - 2 * roots
    rows = np.kron(np.eye(13), np.ones(13))
    columns = np.kron(np.ones(13), np.eye(13))
    solved = optimize.linprog(
        cost.ravel(), A_eq=np.vstack([rows, columns]), b_eq=np.concatenate([one.weights_, other.weights_])
    )
    assert fixed.wgd(pairs, 0) == pytest.approx(np.sqrt(solved.fun), rel=1e-4)


# --- invariants


@pytest.mark.parametrize("form", ["legacy", "fixed"])
def test_equal_sets_are_at_no_distance(form):
    same = [clip(i) for i in range(3)]
    network = EmbeddingNet(EmbeddingConfig(frames=120, latent=2)).eval()
    figures = compare(same, same, form=form, autoencoder=network)
    assert figures.pop("acceleration_ratio_left", 1.0) == pytest.approx(1.0)
    assert figures.pop("acceleration_ratio_right", 1.0) == pytest.approx(1.0)
    for name, value in figures.items():
        assert abs(value) < 2e-3, name
    assert {"fgd_left", "fgd_right", "wgd_left", "pd_right", "smooth_left", "fid"} <= set(figures)


def test_rotating_the_pose_space_changes_nothing(pairs):
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((48, 48)))[0]

    def turned(one):
        return Clip((one.pose @ turn), one.position, one.fps)

    both = [(turned(a), turned(b)) for a, b in pairs]
    for figure in (fixed.fgd, fixed.fgd_pooled, lambda p, h: fixed.smooth(p, h)[0]):
        assert figure(both, 1) == pytest.approx(figure(pairs, 1), rel=1e-5)
    real, generated = pairs[0]
    for figure in (legacy.fgd, legacy.smooth, legacy.smooth_first):
        there = figure(both[0][0].pose[:, 1], both[0][1].pose[:, 1])
        assert there == pytest.approx(figure(real.pose[:, 1], generated.pose[:, 1]), rel=2e-3)


def test_figures_repeat_and_hands_do_not_mix(pairs):
    sides = [list(side) for side in zip(*pairs)]
    first = compare(*sides, form="fixed")
    assert first == compare(*sides, form="fixed")
    swapped = [[Clip(c.pose[:, ::-1], c.position[:, ::-1], c.fps) for c in side] for side in sides]
    other = compare(*swapped, form="fixed")
    assert {name: other[name.replace("left", "right")] for name in first if "left" in name} == {
        name: value for name, value in first.items() if "left" in name
    }


def test_a_larger_disturbance_is_further_away():
    rng = np.random.default_rng(5)
    real = [clip(i) for i in range(2)]

    def disturbed(amount):
        return [
            (c, Clip(c.pose + amount * rng.standard_normal(c.pose.shape), c.position, c.fps)) for c in real
        ]

    near, far = disturbed(0.02), disturbed(0.2)
    assert fixed.fgd(far, 0) > 1.5 * fixed.fgd(near, 0)
    assert fixed.fgd_pooled(far, 0) > 1.5 * fixed.fgd_pooled(near, 0)
    assert fixed.wgd(far, 0) > 1.5 * fixed.wgd(near, 0)
    assert fixed.smooth(far, 0)[0] > 1.5 * fixed.smooth(near, 0)[0]
    assert fixed.smooth(far, 0)[1] > fixed.smooth(near, 0)[1] > 1


def test_unseen_frames_do_not_count():
    valid = np.ones((120, 2), bool)
    valid[40:50, 0] = False
    pairs, spoilt = [], []
    for i in range(2):
        real, one = clip(i, valid=valid), clip(i + 50)
        pose, position = one.pose.copy(), one.position.copy()
        pose[40:50, 0] += 3.0
        position[40:50, 0] += 1.0
        pairs.append((real, one))
        spoilt.append((real, Clip(pose, position, one.fps)))
    for figure in (fixed.fgd, fixed.fgd_pooled, fixed.wgd, fixed.pd, fixed.smooth):
        assert figure(spoilt, 0) == figure(pairs, 0)
    for (real, seen), (mended, other) in zip(fixed.for_latents(pairs), fixed.for_latents(spoilt)):
        assert np.array_equal(seen.pose, other.pose) and np.array_equal(real.pose, mended.pose)
    real, one = spoilt[0]
    there = legacy.pd(real.position[:, 0], one.position[:, 0])
    assert there > legacy.pd(real.position[:, 0], pairs[0][1].position[:, 0]) + 0.05


def test_clips_hardly_seen_give_no_figure():
    valid = np.zeros((120, 2), bool)
    valid[:20] = True
    hidden = [(clip(1, valid=valid), clip(2))]
    for figure in (fixed.fgd, fixed.fgd_pooled, fixed.wgd):
        with pytest.raises(ValueError, match="hand"):
            figure(hidden, 0)
    assert fixed.for_latents(hidden) == []


def test_z_has_a_figure_of_its_own():
    one = clip(1)
    moved = Clip(one.pose, one.position + np.array([0.03, 0.04, 0.5], np.float32), one.fps)
    assert fixed.pd([(one, moved)], 0) == pytest.approx((0.05, 0.5), rel=1e-4)
    assert legacy.pd(one.position[:, 0], moved.position[:, 0]) == pytest.approx(0.05, rel=1e-4)


# --- refusals and clips


def test_fixed_fid_refuses_too_few_clips():
    network = EmbeddingNet(EmbeddingConfig(frames=120, latent=8)).eval()
    clips = [clip(i) for i in range(4)]
    with pytest.raises(ValueError, match="at least 9 clips"):
        compare(clips, clips, autoencoder=network)


def test_clips_that_are_no_pairs_are_refused():
    with pytest.raises(ValueError, match="no pairs"):
        compare([clip(1)], [])
    with pytest.raises(ValueError, match="frames"):
        compare([clip(1)], [clip(2, frames=100)])
    with pytest.raises(ValueError, match="one of legacy, fixed"):
        compare([clip(1)], [clip(2)], form="best")


def test_windows_and_filling():
    whole = clip(1, frames=100)
    windows = cut(whole, seconds=1.0, hop_seconds=0.5)
    assert [w.name for w in windows] == ["1@0", "1@15", "1@30", "1@45", "1@60"]
    assert np.array_equal(windows[2].pose, whole.pose[30:60])
    valid = np.ones((100, 2), bool)
    valid[10, 1] = False
    mended = filled(whole, valid)
    assert mended.pose[10, 1] == pytest.approx((whole.pose[9, 1] + whole.pose[11, 1]) / 2, abs=1e-6)
    assert np.array_equal(mended.pose[:, 0], whole.pose[:, 0])
    assert np.array_equal(both_hands(whole)[:, :48], whole.pose[:, 1])  # the right hand comes first
