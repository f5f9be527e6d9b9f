# SPDX-License-Identifier: GPL-3.0-or-later
"""Base motion of both hands from notes, fingering and a player's style; key contact then puts the fingers on the keys.

The wrist is a smooth carrier: it is where the coming fingers need it before they strike, stays while they hold, leaves
when they are done, and keeps still where the fingers reach by themselves. Black keys pull the hand in. Fingertips
move about a relaxed arch, spread early to the keys they are about to play, lift before they strike, and drag their
neighbours a little. The numbers below were read off fingertip paths of real pianists (PianoMime data set, X and Y
only): medians of tip minus wrist while a finger presses a white key, and of tip Y on white and black keys.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.contact.ik import solve_fingers
from models.keyboard import BLACK_FRONT, BLACK_HEIGHT, is_black, key_dip, key_surface, key_x
from models.skeleton import FINGER_JOINTS, HAND_LIMITS, LEFT, RIGHT
from models.take import Motion
from training.synthesis.smooth import limited_path, noise_path, smooth_path
from training.synthesis.style import Style

TIP_X = np.array([-0.068, -0.019, 0.013, 0.041, 0.076])  # from the wrist, right hand, metres
TIP_Y = np.array([0.112, 0.152, 0.160, 0.149, 0.116])
WHITE_Y = np.array([0.018, 0.044, 0.048, 0.043, 0.022])  # where on the key each finger lands
BLACK_Y = np.array([0.068, 0.080, 0.084, 0.082, 0.070])
REACH_X = np.array([[-0.100, -0.020], [-0.062, 0.020], [-0.042, 0.056], [-0.008, 0.085], [0.024, 0.106]])
REACH_Y = np.array([[0.070, 0.145], [0.110, 0.180], [0.115, 0.188], [0.110, 0.178], [0.080, 0.148]])
WRIST_Z = 0.056
MAX_SPEED, MAX_ACCELERATION = 2.2, 40.0  # of the wrist, m/s and m/s²
HAND_GAP = 0.13
"""Wrists nearer than this in X get out of each other's way."""
# Relaxed angles of the three bones of each finger (X), and abduction of the first (Z), right hand.
ARCH = np.array(
    [[0.1, 0.25, 0.25], [0.35, 0.75, 0.45], [0.38, 0.80, 0.48], [0.36, 0.78, 0.46], [0.30, 0.62, 0.36]]
)


@dataclass(frozen=True)
class _Hand:
    """Notes of one hand in right-hand terms: X is mirrored for the left hand."""

    onset: NDArray[np.float64]
    offset: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    surface: NDArray[np.float64]
    dip: NDArray[np.float64]
    loud: NDArray[np.float64]  # 0 to 1
    finger: NDArray[np.int64]


def base_motion(
    notes: NDArray[np.floating],
    hands: NDArray[np.integer],
    fingers: NDArray[np.integer],
    style: Style,
    duration_s: float,
    rng: np.random.Generator,
    fps: float = 30.0,
) -> Motion:
    """Motion of both hands before key contact.

    Args:
        notes: (n, 4) onset s, offset s, pitch, velocity. hands: (n,) 0 left, 1 right.
        fingers: (n,) 0 thumb to 4 little finger, -1 for notes that nobody plays.
    """
    frames = int(np.ceil(duration_s * fps))
    played = [_hand(notes, hands, fingers, hand) for hand in (LEFT, RIGHT)]
    wrists = [_wrist_plan(one, style, frames, fps) for one in played]
    _make_room(wrists)
    wrist, euler, tips = np.zeros((frames, 2, 3)), np.zeros((frames, 2, 16, 3)), np.zeros((frames, 2, 5, 3))
    for hand, (one, plan) in enumerate(zip(played, wrists, strict=True)):
        side = np.array([1.0 if hand == RIGHT else -1.0, 1.0, 1.0])
        wrist_path = _wrist_path(one, plan, style, fps, rng)
        tip_path = _tip_paths(one, wrist_path, style, fps, rng)
        euler[:, hand] = _arch(style, wrist_path, tip_path, hand, rng, fps)
        wrist[:, hand], tips[:, hand] = wrist_path * side, tip_path * side
    solved = solve_fingers(
        torch.from_numpy(euler), torch.from_numpy(wrist), torch.from_numpy(tips), style.size_factor
    ).numpy()
    return Motion(solved.astype(np.float32), wrist.astype(np.float32), fps)


def _hand(notes: NDArray, hands: NDArray, fingers: NDArray, hand: int) -> _Hand:
    own = (hands == hand) & (fingers >= 0)
    played, finger = notes[own].astype(np.float64), fingers[own].astype(np.int64)
    pitch = played[:, 2].astype(int)
    black = is_black(pitch)
    return _Hand(
        played[:, 0],
        np.maximum(played[:, 1], played[:, 0] + 0.05),
        key_x(pitch) * (1 if hand == RIGHT else -1),
        np.where(black, BLACK_Y[finger], WHITE_Y[finger]),
        key_surface(pitch),
        key_dip(pitch),
        np.clip(played[:, 3] / 110, 0, 1),
        finger,
    )


def _rest_tips(style: Style) -> NDArray[np.float64]:
    """(5, 2) tip minus wrist in playing position, right hand; curled players have their tips nearer."""
    size = style.size_factor
    forward = TIP_Y * size - style.curl * np.array([0.002, 0.009, 0.010, 0.009, 0.006])
    return np.stack([TIP_X * size, forward], 1)


def _wishes(
    hand: _Hand, wished: NDArray, frames: int, fps: float, *, before_s: float, after_s: float
) -> tuple[NDArray, NDArray]:
    """Weighted wishes of all notes in every frame: targets (F, C) and weights (F,).

    A note weighs 1 from a little before its onset until it is surely down, half while it is held, and less the farther
    away it is: hands go on to the next notes as soon as they are free, and wait there.
    """
    total, weights = np.zeros((frames, wished.shape[1])), np.zeros(frames)
    for k in range(len(hand.onset)):
        on, off = hand.onset[k] * fps, hand.offset[k] * fps
        first, last = max(int(on - before_s * fps), 0), min(int(off + after_s * fps) + 1, frames - 1)
        t = np.arange(first, last + 1)
        ahead, over = np.maximum(on - t, 0) / fps, np.maximum(t - off, 0) / fps
        weight = np.where(t < on + 4, 1.0, 0.5)
        weight = np.where(ahead > 0.09, 0.05 * np.exp(-(ahead - 0.09) / (0.4 * before_s)), weight)
        weight = np.where(over > 0, 0.04 * np.exp(-over / (0.35 * after_s)), weight)
        total[first : last + 1] += weight[:, None] * wished[k]
        weights[first : last + 1] += weight
    return total / np.maximum(weights, 1e-9)[:, None], weights


def _wrist_plan(hand: _Hand, style: Style, frames: int, fps: float) -> NDArray[np.float64]:
    """Wrist X and Y (F, 2), right-hand terms."""
    home = np.array([0.20, -0.10])
    if not len(hand.onset):
        return np.repeat(home[None], frames, 0)
    rest = _rest_tips(style)
    wished = np.stack([hand.x, hand.y], 1) - rest[hand.finger]
    targets, weights = _wishes(hand, wished, frames, fps, before_s=0.6, after_s=0.4)
    first = targets[int(np.clip(hand.onset[0] * fps, 0, frames - 1))]
    idle = weights < 1e-6
    targets[idle] = first
    weights = np.minimum(weights, 2.0) + 1e-5
    calm = smooth_path(targets, weights, 300.0)
    slack = np.array([0.010, 0.012]) * (1 - 0.25 * style.energy)
    nearer = targets + np.clip(
        calm - targets, -slack, slack
    )  # fingers reach the last centimetre by themselves
    return limited_path(nearer, weights, 25.0, fps, MAX_SPEED, MAX_ACCELERATION)


def _make_room(wrists: list[NDArray[np.float64]]) -> None:
    """Move wrists apart, in place, where the hands meet: sideways by half, and the left hand further in."""
    left, right = wrists
    gap = right[:, 0] + left[:, 0]  # right X minus left X: the left hand's plan is mirrored
    closeness = np.clip(HAND_GAP - gap, 0, 0.06)
    wished = np.stack([closeness, closeness], 1)
    push = smooth_path(wished, np.ones(len(wished)), 50.0) if len(wished) >= 4 else wished
    for plan, inward in ((left, 0.5), (right, -0.1)):
        plan[:, 0] += 0.35 * push[:, 0]
        plan[:, 1] += inward * push[:, 1]


def _wrist_path(
    hand: _Hand, plan: NDArray, style: Style, fps: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Wrist position (F, 3): the plan, height and idle sway."""
    frames = len(plan)
    height = np.full(frames, WRIST_Z + 0.008 * style.wrist_height)
    liveliness = 1 + 0.5 * style.energy
    t = np.arange(frames) / fps
    for onset, loud in zip(hand.onset, hand.loud, strict=True):
        a, b = np.searchsorted(t, [onset - 0.30, onset + 0.35])
        s = t[a:b] - onset
        # Weight goes into the key: up while the arm prepares, down with the stroke.
        shape = np.exp(-(((s + 0.13) / 0.07) ** 2)) - 0.8 * np.exp(-(((s - 0.05) / 0.08) ** 2))
        height[a:b] += 0.0022 * liveliness * loud**1.5 * shape
    speed = np.linalg.norm(np.gradient(plan, axis=0), axis=1) * fps if frames > 1 else np.zeros(frames)
    height += 0.016 * liveliness * np.clip(speed / 1.2, 0, 1)
    playing = np.zeros(frames)
    for onset, offset in zip(hand.onset, hand.offset, strict=True):
        a, b = np.searchsorted(t, [onset - 0.25, offset + 0.12])
        playing[a:b] = 1
    height += 0.007 * (1 - playing) + 0.10 * np.clip(plan[:, 1] + 0.10, 0, 0.05)
    height = smooth_path(height[:, None], np.ones(frames), 4.0)[:, 0]
    sway = noise_path(frames, 3, 0.7 * fps, rng) * np.array([0.0015, 0.002, 0.0012]) * liveliness
    path = np.concatenate([plan, height[:, None]], 1) + sway
    path[:, 2] = np.clip(path[:, 2], 0.042, 0.11)
    return path


def _tip_paths(
    hand: _Hand, wrist: NDArray, style: Style, fps: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Fingertips (F, 5, 3) in right-hand terms."""
    frames = len(wrist)
    rest, size = _rest_tips(style), style.size_factor
    reach_x, reach_y = REACH_X * size, REACH_Y * size
    offset = np.zeros((frames, 5, 2))
    busy = np.zeros((frames, 5))
    for finger in range(5):
        own = hand.finger == finger
        mine = _Hand(*(getattr(hand, name)[own] for name in hand.__dataclass_fields__))
        key = np.stack([mine.x, mine.y], 1)
        wished, weights = _wishes(mine, key, frames, fps, before_s=0.45, after_s=0.15)
        relative = wished - wrist[:, :2] - rest[finger]
        low = np.array([reach_x[finger, 0], reach_y[finger, 0]]) - rest[finger]
        high = np.array([reach_x[finger, 1], reach_y[finger, 1]]) - rest[finger]
        relative = np.clip(relative, low, high)
        weights = np.minimum(weights, 1.0)
        free = 0.02  # pull to the relaxed place
        mixed = relative * (weights / (weights + free))[:, None]
        offset[:, finger] = smooth_path(mixed, weights + free, 0.6)
        busy[:, finger] = np.clip(weights, 0, 1)
    offset = _couple(offset, busy)
    noise = noise_path(frames, 10, 0.4 * fps, rng).reshape(frames, 5, 2) * 0.0018
    place = wrist[:, None, :2] + rest + offset + noise * (1 - busy)[..., None]
    _keep_order(place, busy, size)
    return np.concatenate([place, _tip_heights(hand, place, busy, style, fps, rng)[..., None]], 2)


def _couple(offset: NDArray, busy: NDArray) -> NDArray[np.float64]:
    """Idle fingers follow their neighbours part of the way; the thumb is free (enslaving, Zatsiorsky et al. 2000)."""
    result = offset.copy()
    share = {1: ((2, 0.35),), 2: ((1, 0.25), (3, 0.35)), 3: ((2, 0.3), (4, 0.3)), 4: ((3, 0.45),)}
    for finger, neighbours in share.items():
        pull = sum(weight * (offset[:, other] - offset[:, finger]) for other, weight in neighbours)
        result[:, finger] += (1 - busy[:, finger])[:, None] * pull
    return result


def _keep_order(place: NDArray, busy: NDArray, size: float, gap: float = 0.015) -> None:
    """Keep idle long fingers, in place, at least a finger's width from their neighbours, index to little finger."""
    for _ in range(2):
        for low, high in ((1, 2), (2, 3), (3, 4)):
            lack = np.clip(gap * size - (place[:, high, 0] - place[:, low, 0]), 0, None)
            share = (1.02 - busy[:, low]) / (2.04 - busy[:, low] - busy[:, high])
            place[:, low, 0] -= lack * share
            place[:, high, 0] += lack * (1 - share)


def _tip_heights(
    hand: _Hand, place: NDArray, busy: NDArray, style: Style, fps: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Heights (F, 5): hovering above the keys, lifted before a stroke, down while a key is held."""
    frames = len(place)
    hover = 0.009 + 0.003 * style.energy
    over_black = 1 / (1 + np.exp(-np.clip((place[..., 1] - BLACK_FRONT + 0.006) / 0.002, -30, 30)))
    ground = hover + (BLACK_HEIGHT - 0.001) * over_black
    height = ground + noise_path(frames, 5, 0.35 * fps, rng) * 0.0015
    pressing = np.zeros((frames, 5))
    for k in range(len(hand.onset)):
        finger, on, off = hand.finger[k], hand.onset[k], hand.offset[k]
        lift = (0.006 + 0.008 * hand.loud[k]) * (1 + 0.4 * style.energy)
        down = hand.surface[k] - 0.9 * hand.dip[k]
        # The key passes the 3 mm of "pressed" at the onset, on the way down.
        knots = np.array([on - 0.16, on - 0.05, on, on + 0.03, off - 0.02, off, off + 0.09])
        above = hand.surface[k] + hover
        heights = np.array(
            [above, above + lift, hand.surface[k] - 0.003, down, down, hand.surface[k] - 0.002, above]
        )
        knots[4] = max(knots[4], knots[3] + 0.001)
        knots[5] = max(knots[5], knots[4] + 0.001)
        a, b = max(int(np.ceil(knots[0] * fps)), 0), min(int(knots[-1] * fps) + 1, frames)
        t = np.arange(a, b) / fps
        shape = np.interp(t, knots, heights)
        inside = np.interp(t, [knots[0], knots[1], off, knots[-1]], [0, 1, 1, 0])
        height[a:b, finger] += inside * (shape - height[a:b, finger])
        weighs = np.interp(t, [on, on + 0.03, off], [0, 1, 0.5]) * (t < off)
        pressing[a:b, finger] = np.maximum(pressing[a:b, finger], weighs)
    for finger, neighbours in ((1, (2,)), (2, (1, 3)), (3, (2, 4)), (4, (3,))):
        drag = np.maximum.reduce([pressing[:, other] for other in neighbours])
        height[:, finger] -= 0.0025 * drag * (1 - np.clip(busy[:, finger] * 3, 0, 1))
    return height


def _arch(
    style: Style, wrist: NDArray, tips: NDArray, hand: int, rng: np.random.Generator, fps: float
) -> NDArray[np.float64]:
    """Angles (F, 16, 3) before the fingers are solved: the wrist's turn and the relaxed curl."""
    frames = len(wrist)
    side = 1.0 if hand == RIGHT else -1.0
    euler = np.zeros((frames, 16, 3))
    noise = noise_path(frames, 3, 0.8 * fps, rng) * np.array([0.02, 0.02, 0.015])
    lean = tips - wrist[:, None]
    # The forearm points from the elbow; the hand follows it in part, and turns to where thumb and little finger must
    # be: they reach sideways by turning the hand more than by spreading.
    forearm = np.arctan2(wrist[:, 0] - 0.24, 0.42)
    size = style.size_factor
    outward = np.clip(lean[:, 4, 0] - 0.052 * size, 0, 0.05) - 0.6 * np.clip(
        -0.090 * size - lean[:, 0, 0], 0, 0.04
    )
    slant = lean[:, 0, 1] - lean[:, 4, 1] + 0.004
    calm = smooth_path(np.stack([forearm, outward, slant], 1), np.ones(frames), 60.0)
    euler[:, 0, 0] = -0.12 + 5.0 * (wrist[:, 2] - WRIST_Z) + 0.05 * style.curl + noise[:, 0]
    euler[:, 0, 1] = side * (-0.04 - 3.0 * calm[:, 1] + noise[:, 1])
    euler[:, 0, 2] = side * (0.05 + 0.25 * calm[:, 0] + 6.0 * calm[:, 1] + 1.5 * calm[:, 2] + noise[:, 2])
    limits = HAND_LIMITS[hand, 0]
    euler[:, 0] = np.clip(euler[:, 0], limits[:, 0] * 0.8, limits[:, 1] * 0.8)
    euler[:, FINGER_JOINTS, 0] = ARCH * (1 + 0.25 * style.curl)
    euler[:, 0] = smooth_path(euler[:, 0], np.ones(frames), 3.0)
    return euler
