# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene with a sound strip and hands, and a session whose worker is `fake_worker.py`."""

import dataclasses
import json
import sys
import time
import wave
from pathlib import Path

import bpy
import numpy as np

from s2c_blender import fcurves
from s2c_blender.core import skeleton
from s2c_blender.core.natural_arms import natural_arms
from s2c_blender.session import SessionConfig, session

FAKE = Path(__file__).with_name("fake_worker.py")
FRAMES = 60
START = 11
"""The frame at which the recording begins."""


def write_sound(path, seconds=2.0, rate=22050):
    """A quiet tone."""
    samples = (3000 * np.sin(np.arange(int(rate * seconds)) * 0.06)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return path


def write_take(path, frames=FRAMES, fps=30.0, seed=1, wave_size=0.2):
    """A take file (docs/formats.md) whose every channel moves in its own way; returns euler and wrist."""
    random = np.random.default_rng(seed)
    phase = random.uniform(0, 6, (1, 2, 16, 3))
    euler = (wave_size * np.sin(np.arange(frames)[:, None, None, None] * 0.2 + phase)).astype(np.float32)
    wrist = (random.uniform(-0.2, 0.2, (1, 2, 3)) + 0.01 * np.arange(frames)[:, None, None]).astype(
        np.float32
    )
    notes = np.array([[0.1, 0.5, 60, 80], [1.0, 1.4, 64, 80]], np.float32)
    fingering = np.array([[1, 0], [1, 2]], np.int8)
    meta = json.dumps({"format": 1, "seed": seed, "preset": "default"})
    np.savez(
        path,
        fps=np.float64(fps),
        euler=euler,
        wrist=wrist,
        notes=notes,
        fingering=fingering,
        meta=np.array(meta),
    )
    return euler, wrist


def write_arms_take(path, arrays=None, seed=1, size=1.0):
    """A take file of format 2 that a pianist could play; returns its arrays. arrays: write these instead."""
    if arrays is None:
        euler, _ = write_take(path, seed=seed, wave_size=0.15)
        with np.load(path, allow_pickle=False) as data:
            arrays = dict(data)
        random = np.random.default_rng(seed)
        time = np.arange(FRAMES)[:, None, None] / 30
        waves = np.array([0.12, 0.03, 0.02]) * np.sin(
            time * random.uniform(1, 4, (2, 3)) + random.uniform(0, 6)
        )
        wrist = (np.array([[-0.2, -0.1, 0.06], [0.2, -0.1, 0.06]]) + waves).astype(np.float32)
        shoulder, elbow = natural_arms(wrist, euler[:, :, 0], 30.0, size, skeleton.STANDARD_ARMS)
        meta = np.array(json.dumps({"format": 2, "seed": seed}))
        arrays.update(wrist=wrist, shoulder=shoulder, elbow=elbow, meta=meta)
    np.savez(path, **arrays)
    return arrays


def use_worker(monkeypatch, tmp_path, fault="good", take=None, **patience):
    """Let the session start the fake worker with `fault`; its requests are logged in tmp_path/requests."""
    if take is not None:
        monkeypatch.setenv("FAKE_TAKE", str(take))
    limits = {"start_seconds": 20.0, "silence_seconds": 20.0, "cancel_grace_seconds": 0.3, **patience}
    command = (sys.executable, str(FAKE), fault, str(tmp_path / "requests"))
    session.config = SessionConfig(worker_command=command, patience=limits, data_folder=tmp_path / "data")


def requests(tmp_path):
    """The requests that the fake worker got."""
    path = tmp_path / "requests"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def hands():
    """The armature of the scene."""
    return next(item for item in bpy.data.objects if item.type == "ARMATURE")


def write_slowly(monkeypatch):
    """One piece of work at a time: a fast machine writes such a short take in one go."""
    monkeypatch.setattr(session, "config", dataclasses.replace(session.config, step_seconds=0.0))


def pump_until(wanted, limit=30.0):
    """Pump as the timer does, until `wanted()`."""
    end = time.monotonic() + limit
    while not wanted() and time.monotonic() < end:
        session.pump(time.monotonic())
        time.sleep(0.002)
    assert wanted(), session.view(time.monotonic())


def state_of_scene():
    """What a failed job must not change: objects, actions, curves and bindings."""
    found = {}
    for action in bpy.data.actions:
        found[f"action {action.name}"] = tuple(sorted(action.keys()))
    for item in bpy.data.objects:
        data = item.animation_data
        found[f"object {item.name}"] = (
            data.action.name if data is not None and data.action is not None else ""
        )
    return found


HAND_CURVES = 2 * (19 * 3 + 3)
"""Curves of both hands: three angles of each joint and of each bone of the arm, and the shoulders' places."""


def read_bone(bag, bone, start_frame, frames):
    """The XYZ angles of a bone's curves at whole frames, (frames, 3)."""
    wanted = np.arange(start_frame, start_frame + frames, dtype=np.float32)
    found = [bag.fcurves.find(path, index=index) for path, index in fcurves.channels(bone)]
    return np.stack([fcurves.evaluate(curve, wanted) for curve in found], axis=1)
