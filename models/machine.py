# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about this computer and this Python, and how much of it the worker takes."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import signal
import sys

PACKAGES = ("onnxruntime", "torch", "numpy", "scipy", "safetensors", "transkun", "av", "soundfile")


NICENESS = 5


MOST_THREADS = 16
"""More do not help networks of this size."""


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_threads() -> int:
    """Threads for the networks: one core is left to Blender where there are more than two."""
    available = cores()
    return min(available - 1 if available > 2 else available, MOST_THREADS)


def allowed_threads() -> int:
    """Threads that the networks may have: what `OMP_NUM_THREADS` says, by which users and systems limit programs."""
    try:
        asked = int(os.environ.get("OMP_NUM_THREADS", ""))
    except ValueError:
        asked = 0
    return min(asked, MOST_THREADS) if asked > 0 else worker_threads()


def prepare_process() -> None:
    """Below Blender in priority, a core left to it, and deaf to the terminal's Ctrl-C, which is meant for Blender."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(worker_threads()))
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    if sys.platform == "win32":
        below_normal = 0x4000
        ctypes.windll.kernel32.SetPriorityClass(ctypes.windll.kernel32.GetCurrentProcess(), below_normal)
    else:
        os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def give_memory_back() -> None:
    """Give the system what this process has freed, where the C library keeps it for itself (Linux)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:  # other C libraries than GNU's have none
        trim(0)


def memory_gb() -> float | None:
    """This computer's memory in GB; None where it cannot be asked."""
    if sys.platform == "win32":

        class Status(ctypes.Structure):
            _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
                (name, ctypes.c_ulonglong) for name in ("total", "free", "c", "d", "e", "f", "g")
            ]

        status = Status(length=ctypes.sizeof(Status))
        found = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return round(status.total / 1e9, 1) if found else None
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (ValueError, OSError):
        return None


def engines() -> list[str]:
    """Engines whose packages are installed; says so without importing them."""
    packages = {"onnx": "onnxruntime", "torch": "torch"}
    return [name for name, package in packages.items() if importlib.util.find_spec(package) is not None]


def package_versions() -> dict[str, str | None]:
    """Version of each package that the generator uses; None where it is not installed."""
    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions
