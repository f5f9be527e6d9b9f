# SPDX-License-Identifier: GPL-3.0-or-later
"""Install and delete the environment with torch, and let the session know of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import bpy

from ..core.installation import NoInstallation
from ..core.runtime import PythonChoice, user_data_folder
from ..errors import UserError
from ..session import no_pythons, session
from ..ui import preferences
from ..ui.extras import extras
from ..ui.operators.base import OperatorBase
from . import offer, panel
from .environment import Runtime, choices
from .installer import InstallConfig, Installer

REQUIREMENTS = preferences.ROOT / "models" / "locks"
"""What torch and the generator need, each package with the hashes of its files."""


def runtime(context: bpy.types.Context) -> Runtime:
    """The managed environment, in the user's folder or the default one."""
    chosen = preferences.get(context)
    folder = chosen.runtime_folder if chosen is not None else ""
    whole = folder and not folder.startswith("//")  # a folder beside a .blend may be a stranger's
    return Runtime(Path(folder) if whole else user_data_folder() / "runtime")


def other_pythons(context: bpy.types.Context) -> Iterable[PythonChoice]:
    """The Pythons that come before the built-in one."""
    chosen = preferences.get(context)
    return choices(chosen.python_path if chosen is not None else "", runtime(context), REQUIREMENTS)


def install_config(context: bpy.types.Context) -> InstallConfig:
    """What to install, where, by the preferences."""
    chosen = preferences.get(context)
    return InstallConfig(
        runtime=runtime(context),
        requirements=REQUIREMENTS,
        cpu_index=chosen.cpu_index.strip() if chosen is not None else "",
    )


def installer() -> Installer:
    """The session's installer."""
    assert isinstance(session.installer, Installer)
    return session.installer


def flatpak_info() -> str:
    """What a Flatpak says of itself; empty outside of one."""
    try:
        return Path(offer.FLATPAK_INFO).read_text("utf-8", "replace")
    except OSError:
        return ""


PACKAGING = offer.why_not(os.environ, sys.executable, flatpak_info())
"""Why this packaging of Blender installs nothing; it cannot change while Blender runs."""


class RuntimeOperator(OperatorBase):
    """Starts something in the installer; where there is no window it stays until that is done."""

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """Why the button is grey; empty when it works."""
        if session.active:
            return "A take is being generated; wait for it or press Cancel first."
        return (
            "The generator is being installed or deleted; wait for it or press Cancel first."
            if session.installer.active
            else ""
        )

    def finish(self) -> set[str]:
        """Wait for the installer where nothing else would, and report how it ended."""
        if bpy.app.background:
            session.wait()
        status = session.installer.status
        if status.code:
            raise UserError(status.code, f"{status.message} {status.log}".strip(), status.detail)
        return {"FINISHED"}


class S2C_OT_install_runtime(RuntimeOperator, bpy.types.Operator):
    """Download torch, for a GPU and for models that listen; the built-in engine needs none of it"""

    bl_idname = "s2c.install_runtime"
    bl_label = "Install Generator"

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """Why the button is grey; empty when it works."""
        if PACKAGING:
            return PACKAGING
        if not bpy.app.online_access:
            return "Blender may not go online: allow it under Preferences > System > Network."
        return super().disabled_reason(context)

    def run(self, context: bpy.types.Context) -> set[str]:
        """Begin to build the environment; a running worker of it is ended first."""
        session.machine.unload()
        installer().install(install_config(context), time.monotonic(), online=bpy.app.online_access)
        session.wake()
        return self.finish()


class S2C_OT_delete_runtime(RuntimeOperator, bpy.types.Operator):
    """Delete the generator that Install Generator downloaded, to free its disk space. Your takes stay"""

    bl_idname = "s2c.delete_runtime"
    bl_label = "Delete Generator"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first."""
        return context.window_manager.invoke_confirm(self, event)

    @classmethod
    def disabled_reason(cls, context: bpy.types.Context) -> str:
        """Why the button is grey; empty when it works."""
        reason = super().disabled_reason(context)
        if not reason and not runtime(context).begun():
            return "There is no generator to delete."
        return reason

    def run(self, context: bpy.types.Context) -> set[str]:
        """Begin to delete the environment; a running worker of it is ended first."""
        session.machine.unload()
        installer().delete(install_config(context), time.monotonic())
        session.wake()
        return self.finish()


CLASSES = (S2C_OT_install_runtime, S2C_OT_delete_runtime)


def register() -> None:
    """Let the session know of the installer and of the Pythons that come before the built-in one."""
    session.installer, session.other_pythons = Installer(), other_pythons
    extras.generator_step, extras.draw_preferences = panel.generator_step, panel.draw_preferences
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    """Undo `register`, in reverse."""
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
    extras.generator_step = extras.draw_preferences = None
    session.installer, session.other_pythons = NoInstallation(), no_pythons
