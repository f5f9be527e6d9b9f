# SPDX-License-Identifier: GPL-3.0-or-later
"""Gradient descent that takes tangled fingers and hands apart, its gradient worked out by hand.

Variables are corrections of the fingers' angles and of the wrists, smoothed in time and faded out around the episodes.
Coordinates come first and frames last in the tensors here, so that every operation runs over long rows.

Axes: n frames, 2 hands, 5 fingers, 4 angles (flexion, middle joint, last joint, abduction) or 4 points (heads of the
bones, contact point); K watched pairs of bones. Variables are (2, 26, n): 20 of the fingers, then the wrist's way in
X, Y, Z and its turn.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.body.bones import LEAST, PAIRS, Bones, closest_shares
from models.body.pose import Pose
from models.body.rotations import euler_to_matrix
from models.contact.key_heights import CLEARANCE, height_under
from models.contact.posture import MARGIN, Aims

_CLOSE = 0.010  # metres: bones within this of their least distance are watched
_LOOK_AGAIN = 10  # steps
_FINGER_S, _WRIST_S = 0.025, 0.09  # standard deviations of the smoothing
STEPS, _RATE, _FADES = 40, 0.6, (0.8, 0.98)
_IDLE_GRADIENT = 0.3  # variables that matter less than this hardly move
_FREE_STEP = 0.005  # of idle fingers, metres
_SLACK = (0.0003, 0.002, 0.0002)  # of fingers on keys: to the side, along the key, in height
# One unit of a variable moves a fingertip by about a millimetre.
_ANGLE, _PLACE, _TURN = 0.02, 0.001, 0.006
_APART, _OFF, _AWAY, _SUNK = 4e6, 2e6, 0.05e6, 4e6  # weights of squared metres
_BENT, _MOVED = 0.004, 0.02  # of squared variables
_FINGERS = 20


class Descent:
    """The corrections of some frames, and what they cost."""

    def __init__(self, pose: Pose, aims: Aims, fade: Tensor, fps: float, urgency: float) -> None:
        """Frames whose ``fade`` (n, 2) is 0 stay; ``urgency`` is a factor on the weight of tangles."""
        kind, rest = pose.wrist.dtype, pose.rest
        self._pose = pose
        self._angles = pose.fingers.permute(1, 2, 3, 0).contiguous()  # (2, 5, 4, n)
        self._turn, self._place = (
            part.permute(2, 1, 0).contiguous() for part in (pose.wrist_euler, pose.wrist)
        )
        self._aims = aims.points.to(kind).permute(3, 1, 2, 0).contiguous()  # (3, 2, 5, n)
        self._firm = torch.from_numpy(aims.firm).to(kind).permute(1, 2, 0).contiguous()
        self._busy = torch.from_numpy(aims.busy).permute(1, 2, 0)
        self._fade = fade.to(kind).T.contiguous()[:, None]  # (2, 1, n)
        self._size, self._urgency = pose.size, urgency
        self._kernels = [_kernel(spread * fps) for spread in (_FINGER_S, _WRIST_S)]
        limits = rest.finger_limits
        self._low, self._high = limits[..., 0, None], limits[..., 1, None]  # (2, 5, 4, 1)
        turns = rest.limits[:, 0].permute(1, 0, 2)  # (3, 2, 2)
        self._turn_low, self._turn_high = turns[..., 0, None], turns[..., 1, None]
        self._lengths = rest.lengths[..., None]  # (2, 5, 3, 1)
        self._frames = rest.finger_frames.permute(2, 3, 0, 1)[..., None, None]  # (3, 3, 2, 5, 1, 1)
        self._bases = rest.finger_bases.permute(2, 0, 1)[..., None, None]  # (3, 2, 5, 1, 1)
        self._wrist_frames = rest.wrist_frames
        self._slack = torch.tensor(_SLACK, dtype=kind)[:, None, None, None]

    def watch(self, variables: Tensor) -> None:
        """Find the bones to keep apart and the heights to stay above, where the variables have taken the hands."""
        pose = self.moved(variables)
        points = pose.points
        frame, pair = Bones.of_points(points, pose.wrist).near(_CLOSE)
        count, kind = len(points), points.dtype
        self._least = torch.from_numpy(LEAST[pair] + MARGIN[pair]).to(kind)
        bone = torch.from_numpy(PAIRS[pair])
        palm = bone % 4 == 0
        head = torch.where(palm, 40 + bone // 20, bone - 1)
        ends = torch.stack([head[:, 0], bone[:, 0], head[:, 1], bone[:, 1]])
        self._ends = ends * count + torch.from_numpy(frame)  # (4, K) into points and wrists (42 n)
        tips = points[..., 3, :].permute(1, 2, 0, 3)
        keys = torch.from_numpy(height_under(tips.numpy()) + CLEARANCE).to(kind)
        # A playing finger stays above its own path, so that it strikes in time.
        self._floor = torch.where(self._busy, self._aims[2] - _SLACK[2], keys)

    def moved(self, variables: Tensor, strength: float = 1.0) -> Pose:
        """The pose with that share of the corrections."""
        bend, move = self._corrections(variables)
        angles, turn, place = self._applied(strength * bend, strength * move)
        return replace(
            self._pose,
            fingers=angles.permute(3, 0, 1, 2).contiguous(),
            wrist_euler=turn.permute(2, 1, 0).contiguous(),
            wrist=place.permute(2, 1, 0).contiguous(),
        )

    def cost(self, variables: Tensor) -> tuple[Tensor, Tensor]:
        """What is to be made least, and its gradient (2, 26, n)."""
        bend, move = self._corrections(variables)
        angles, turn, place = self._applied(bend, move)
        flexion = angles[:, :, :3].cumsum(2)  # (2, 5, 3, n)
        arm, rise = self._lengths * flexion.cos(), self._lengths * flexion.sin()
        along, down = arm.cumsum(2), rise.cumsum(2)
        sine, cosine = angles[:, :, 3:].sin(), angles[:, :, 3:].cos()
        local = torch.stack([-sine * along, cosine * along, down])  # (3, 2, 5, 3, n)
        hand = torch.cat(
            [self._bases.expand(3, 2, 5, 1, local.shape[-1]), self._bases + _turned(self._frames, local)], 3
        )
        euler = euler_to_matrix(turn.permute(1, 2, 0))  # (2, n, 3, 3)
        rotation = self._wrist_frames[:, None] @ euler @ self._wrist_frames.mT[:, None]
        matrix = rotation.permute(2, 3, 0, 1).contiguous()[:, :, :, None, None]  # (3, 3, 2, 1, 1, n)
        arms = self._size * _turned(matrix, hand)  # (3, 2, 5, 4, n) from the wrist
        points = torch.cat([(arms + place[:, :, None, None]).reshape(3, -1), place.reshape(3, -1)], 1)
        total, slope = self._cost_of_points(points)
        count = len(self._fade[0, 0])
        on_points = slope[:, : 40 * count].view_as(arms)
        on_place = on_points.sum((2, 3)) + slope[:, 40 * count :].view_as(place)
        torque = _torque(arms, on_points)  # (3, 2, n)
        on_turn = self._on_turn(torque, euler, turn)
        on_hand = self._size * _turned(matrix.transpose(0, 1), on_points[:, :, :, 1:])
        x, y, z = _turned(self._frames.transpose(0, 1), on_hand)
        on_along, on_down = _from_here_on(cosine * y - sine * x), _from_here_on(z)
        on_flexion = _from_here_on(arm * on_down - rise * on_along)
        on_spread = -(along * (cosine * x + sine * y)).sum(2, keepdim=True)
        on_angles = torch.cat([on_flexion, on_spread], 2) * ((angles > self._low) & (angles < self._high))
        on_turn = on_turn * ((turn > self._turn_low) & (turn < self._turn_high))
        on_bend = _ANGLE * on_angles.flatten(1, 2) + 2 * _BENT * bend
        on_move = torch.cat([_PLACE * on_place, _TURN * on_turn]).transpose(0, 1) + 2 * _MOVED * move
        total = total + _BENT * bend.square().sum() + _MOVED * move.square().sum()
        # The smoothing kernels are symmetric and the fade is applied on both sides: they are their own transposes.
        return total, torch.cat([self._smoothed(on_bend, 0), self._smoothed(on_move, 1)], 1)

    def run(self) -> Tensor:
        """Variables after `STEPS` steps of Adam (Kingma and Ba, 2015) at a rate that falls as a cosine."""
        variables = self._fade.new_zeros(2, _FINGERS + 6, self._fade.shape[-1])
        mean, square = torch.zeros_like(variables), torch.zeros_like(variables)
        for step in range(STEPS):
            if step % _LOOK_AGAIN == 0:
                self.watch(variables)
            _, slope = self.cost(variables)
            mean.lerp_(slope, 1 - _FADES[0])
            square.mul_(_FADES[1]).addcmul_(slope, slope, value=1 - _FADES[1])
            own_mean, own_square = (1 - fade ** (step + 1) for fade in _FADES)
            rate = _RATE * (1 + math.cos(math.pi * step / STEPS)) / 2
            scale = (square.sqrt() / math.sqrt(own_square)).add_(_IDLE_GRADIENT)
            variables.addcdiv_(mean, scale, value=-rate / own_mean)
        return variables

    def _corrections(self, variables: Tensor) -> tuple[Tensor, Tensor]:
        """Smoothed and faded: of the fingers (2, 20, n) and of the wrists (2, 6, n)."""
        return self._smoothed(variables[:, :_FINGERS], 0), self._smoothed(variables[:, _FINGERS:], 1)

    def _smoothed(self, values: Tensor, which: int) -> Tensor:
        # Faded before smoothing too: episodes stand next to each other here, and must not leak into their neighbours.
        own = values * self._fade
        kernel = self._kernels[which]
        reach = len(kernel) // 2
        wide = torch.nn.functional.pad(own, (reach, reach))
        count = own.shape[-1]
        out = kernel[reach] * own
        for step in range(1, reach + 1):
            both = (
                wide[..., reach - step : reach - step + count]
                + wide[..., reach + step : reach + step + count]
            )
            out.add_(both, alpha=kernel[reach + step])
        return out.mul_(self._fade)

    def _applied(self, bend: Tensor, move: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Angles (2, 5, 4, n), turns and places (3, 2, n) inside the joint limits."""
        angles = self._angles + _ANGLE * bend.unflatten(1, (5, 4))
        angles = torch.minimum(torch.maximum(angles, self._low), self._high)
        moves = move.transpose(0, 1)  # (6, 2, n)
        turn = self._turn + _TURN * moves[3:]
        turn = torch.minimum(torch.maximum(turn, self._turn_low), self._turn_high)
        return angles, turn, self._place + _PLACE * moves[:3]

    def _cost_of_points(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Of heads of bones, contact points and wrists (3, 42 n); and the gradient."""
        slope = torch.zeros_like(points)
        p1, q1, p2, q2 = (points[:, ends].T for ends in self._ends)
        s, t = closest_shares(p1, q1, p2, q2)
        between = torch.lerp(p1, q1, s[:, None]) - torch.lerp(p2, q2, t[:, None])
        apart = between.norm(dim=-1)
        lack = (self._least - apart).clamp_min(0)
        weight = _APART * self._urgency
        total = weight * lack.square().sum()
        push = (-2 * weight * lack / apart.clamp_min(1e-9))[:, None] * between
        shares = torch.stack([1 - s, s, t - 1, -t])
        slope.index_add_(1, self._ends.flatten(), (shares[..., None] * push).flatten(0, 1).T)
        count = self._fade.shape[-1]
        shape = (3, 2, 5, 4, count)
        tips = points[:, : 40 * count].view(shape)[:, :, :, 3]
        on_tips = slope[:, : 40 * count].view(shape)[:, :, :, 3]
        miss = tips - self._aims
        off = miss - torch.minimum(torch.maximum(miss, -self._slack), self._slack)
        length = miss.square().sum(0).sqrt()
        away = (length - _FREE_STEP).clamp_min(0)
        sunk = (self._floor - tips[2]).clamp_min(0)
        idle = 1 - self._firm
        total = total + _OFF * (off.square().sum(0) * self._firm).sum()
        total = total + _AWAY * (away.square() * idle).sum() + _SUNK * sunk.square().sum()
        on_tips.addcmul_(off, self._firm, value=2 * _OFF)
        on_tips.addcmul_(miss, away * idle / length.clamp_min(1e-9), value=2 * _AWAY)
        on_tips[2].sub_(sunk, alpha=2 * _SUNK)
        return total, slope

    def _on_turn(self, torque: Tensor, euler: Tensor, turn: Tensor) -> Tensor:
        """Gradient (3, 2, n) of the wrists' Euler angles from the torques of the points about the wrist.

        The matrix is Rz Ry Rx: Z turns about the fixed axis, Y about what Z makes of its own, X about both's.
        """
        own = torch.einsum("hij,ihn->jhn", self._wrist_frames, torque)  # in the frame of the Euler angles
        about_x = (euler[..., 0].permute(2, 0, 1) * own).sum(0)
        about_y = turn[2].cos() * own[1] - turn[2].sin() * own[0]
        return torch.stack([about_x, about_y, own[2]])


def _turned(matrix: Tensor, vectors: Tensor) -> Tensor:
    """Matrices (3, 3, ...) times vectors (3, ...)."""
    out = matrix[:, 0] * vectors[0]
    return out.addcmul_(matrix[:, 1], vectors[1]).addcmul_(matrix[:, 2], vectors[2])


def _torque(arms: Tensor, forces: Tensor) -> Tensor:
    """Sums (3, 2, n) of the cross products of vectors (3, 2, 5, 4, n)."""
    (x, y, z), (fx, fy, fz) = arms, forces
    parts = (y * fz - z * fy, z * fx - x * fz, x * fy - y * fx)
    return torch.stack([part.sum((1, 2)) for part in parts])


def _from_here_on(values: Tensor) -> Tensor:
    """Sums (2, 5, 3, n) over each bone and those behind it."""
    first, second, third = values.unbind(2)
    second = second + third
    return torch.stack([first + second, second, third], 2)


def _kernel(deviation: float) -> list[float]:
    """Bell curve of odd length, its sum 1, standard deviation in frames."""
    reach = max(round(3 * deviation), 1)
    curve = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(deviation, 0.3)) ** 2)
    return [float(value) for value in curve / curve.sum()]
