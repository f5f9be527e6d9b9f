# SPDX-License-Identifier: GPL-3.0-or-later
"""What Install Generator offers on this computer, how much it downloads, and where it cannot work. No bpy."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import PurePath

SIZES = {"linux": "3 GB", "win32": "0.3 GB", "darwin": "0.3 GB"}
"""What the lock files name, summed up for each system; on Linux torch brings NVIDIA's libraries."""
PURPOSES = {
    "linux": "An NVIDIA GPU, or a model that listens to the sound itself, needs torch.",
    "win32": "A model that listens to the sound itself needs torch. For an NVIDIA GPU, name a Python of your own with "
    "torch for CUDA instead.",
    "darwin": "Apple's GPU, or a model that listens to the sound itself, needs torch.",
}
STORE = (
    "The Blender of the Microsoft Store keeps what add-ons download where it cannot be run: for torch use Blender's "
    "own installer, or name a Python of your own in the preferences."
)
NO_NETWORK = (
    "This Flatpak of Blender has no network: allow it with `flatpak override --user --share=network "
    "org.blender.Blender`, or name a Python of your own in the preferences."
)
FLATPAK_INFO = "/.flatpak-info"
SNAP_REVISION = re.compile(r"^(/snap/[^/]+)/[^/]+/")


def size(platform: str = sys.platform) -> str:
    """How much is downloaded."""
    return SIZES.get(platform, SIZES["linux"])


def purpose(platform: str = sys.platform) -> str:
    """What torch is good for there, where the built-in engine is at work already."""
    return PURPOSES.get(platform, PURPOSES["linux"])


def why_not(environment: Mapping[str, str], python: str, flatpak_info: str = "") -> str:
    """Why nothing can be installed with this packaging of Blender, one sentence; empty where it can.

    flatpak_info: what a Flatpak says of itself in `FLATPAK_INFO`; empty outside of one.
    """
    if "windowsapps" in (part.lower() for part in PurePath(python.replace("\\", "/")).parts):
        return STORE
    in_flatpak = bool(environment.get("FLATPAK_ID") or flatpak_info)
    shared = re.search(r"^shared=(.*)$", flatpak_info, re.MULTILINE)
    if in_flatpak and flatpak_info and "network" not in (shared[1].split(";") if shared else []):
        return NO_NETWORK
    return ""


def lasting(python: str) -> str:
    """The path of a Python that is still there after an update: a Snap's folder of a revision goes with it."""
    return SNAP_REVISION.sub(r"\1/current/", python)
