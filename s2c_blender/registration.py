# SPDX-License-Identifier: GPL-3.0-or-later
"""What is registered, in order: settings, preferences, operators, panels, menus, then the timer and handlers."""

from __future__ import annotations

import importlib
from types import ModuleType

import bpy

from . import handlers
from .core import edition
from .takes import sampling
from .ui import manual, menus, panels, preferences, properties
from .ui.operators import (
    character,
    export,
    follow,
    jobs,
    mapping,
    new_scene,
    notes,
    piano,
    recording,
    runtime,
    scene,
    take,
)

OPERATORS: tuple[ModuleType, ...] = (
    scene,
    piano,
    new_scene,
    recording,
    jobs,
    take,
    follow,
    character,
    mapping,
    export,
    runtime,
    notes,
)
"""Modules with a tuple `CLASSES`."""


_registered = False


def install() -> ModuleType | None:
    """What only the full edition has."""
    return importlib.import_module(f"{__package__}.install.operators") if edition.FULL else None


def register() -> None:
    """Register everything, once: a second call begins afresh."""
    global _registered
    unregister()
    _registered = True
    properties.register()
    preferences.register()
    for module in (*OPERATORS, panels):
        for cls in module.CLASSES:
            bpy.utils.register_class(cls)
    full = install()
    if full is not None:
        full.register()
    menus.register()
    manual.register()
    sampling.register()
    handlers.register()


def unregister() -> None:
    """Undo `register`; nothing where there is nothing to undo."""
    global _registered
    if not _registered:
        return
    _registered = False
    handlers.unregister()
    sampling.unregister()
    manual.unregister()
    menus.unregister()
    full = install()
    if full is not None:
        full.unregister()
    for module in reversed((*OPERATORS, panels)):
        for cls in reversed(module.CLASSES):
            bpy.utils.unregister_class(cls)
    preferences.unregister()
    properties.unregister()
