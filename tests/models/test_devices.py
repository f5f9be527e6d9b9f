# SPDX-License-Identifier: GPL-3.0-or-later
"""What this computer can compute on: GPUs first where torch knows of one, the processor always."""

from types import SimpleNamespace

import pytest

from models.generation import devices as devices_module
from models.generation.devices import devices, has_accelerator
from models.machine import memory_gb

torch = pytest.importorskip("torch", reason="the engine torch is not installed here")


def test_a_gpu_comes_before_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    card = SimpleNamespace(total_memory=23_999_000_000, name="A card")
    monkeypatch.setattr(devices_module, "torch_may_have_accelerator", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    cuda, mps, cpu = devices()
    assert cuda == {"name": "cuda", "memory_gb": 24.0, "description": "A card"}
    assert (mps["name"], cpu["name"]) == ("mps", "cpu")
    assert mps["memory_gb"] == cpu["memory_gb"] == memory_gb()
    assert has_accelerator()


def test_a_torch_that_knows_the_processor_alone_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices_module, "torch_may_have_accelerator", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("torch was asked"))
    assert [device["name"] for device in devices()] == ["cpu"] and not has_accelerator()
