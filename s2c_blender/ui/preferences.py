# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences of the extension: what computes the motion, and in the full edition where torch lies."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..core.edition import FULL

_OURS = (__package__ or "").rpartition(".")[0]
ADDON_ID = _OURS.rpartition(".")[0] or _OURS
"""The extension's own package, of which `s2c_blender` is a part; outside an extension it is `s2c_blender` itself."""
ROOT = Path(__file__).resolve().parents[2]
"""Folder that holds `models/` next to `s2c_blender/`."""
WHEELS = ROOT / "wheels"
"""What came with the extension for the built-in engine."""


PANEL_HINT = "The panel: press N in the 3D View or the Video Sequencer and choose the S2C tab of the sidebar."


class S2C_Preferences(bpy.types.AddonPreferences):
    """Preferences > Add-ons > S2C Piano Hands."""

    bl_idname = ADDON_ID

    if FULL:  # the other has one engine, which computes on the processor
        device: EnumProperty(
            name="Device",
            description="What computes the motion; change it when the automatic choice is slow or fails",
            items=(
                ("auto", "Automatic", "The fastest there is"),
                ("cpu", "CPU", "Always works"),
                ("cuda", "GPU (CUDA or ROCm)", "NVIDIA or AMD"),
                ("mps", "GPU (Apple)", "Apple silicon"),
            ),
        )
        python_path: StringProperty(
            name="Python",
            description="A Python of your own that has torch and the generator's packages; empty uses what Install "
            "Generator downloaded, or the built-in engine",
            subtype="FILE_PATH",
        )
        runtime_folder: StringProperty(
            name="Generator Folder",
            description="Where Install Generator puts it; empty is your user data folder",
            subtype="DIR_PATH",
        )
        cpu_index: StringProperty(
            name="CPU Package Index",
            description="Linux without an NVIDIA GPU: the address of PyTorch's package index for CPU builds, which its "
            "install page names, saves most of the download. Nothing else than the builds known here is taken from it",
        )
        allow_downloads: BoolProperty(
            name="Allow Model Downloads",
            description="Let a model of your own fetch the speech network that it listens with (HuBERT, about 1 GB), "
            "once, from the Hugging Face hub; needs Blender's own Allow Online Access too. The built-in model needs "
            "none",
            default=False,
        )
        show_advanced: BoolProperty(
            name="Advanced",
            description="Show what hardly anybody has to change",
            default=False,
            options={"SKIP_SAVE"},
        )

    def draw(self, context: bpy.types.Context) -> None:
        from . import preferences_page  # it draws with the panels, which need this module

        preferences_page.draw(self.layout, context, self)


def get(context: bpy.types.Context) -> S2C_Preferences | None:
    """The preferences, or None where the package was registered without being an add-on (tests, scripts)."""
    addon = context.preferences.addons.get(ADDON_ID)
    return addon.preferences if addon is not None else None


def downloads_allowed(context: bpy.types.Context) -> bool:
    """Whether the user agreed to model downloads, here and in Blender's own preferences."""
    preferences = get(context) if FULL else None
    return bool(preferences is not None and preferences.allow_downloads and bpy.app.online_access)


CLASSES = (S2C_Preferences,)


def register() -> None:
    """Register the add-on's preferences."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`, in reverse."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
