# SPDX-License-Identifier: GPL-3.0-or-later
"""What zips are built for: a system, and the Python of the Blenders that they go into."""

from __future__ import annotations

from dataclasses import dataclass

MINIMUM = "4.5.0"
"""The oldest Blender, by its own name `blender_version_min`."""
MANYLINUX = tuple(f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)) + ("manylinux2014_x86_64",)
MACOS = tuple(f"macosx_{major}_0_{kind}" for major in range(14, 10, -1) for kind in ("arm64", "universal2"))
MACOS += ("macosx_10_9_universal2", "macosx_10_13_universal2")


@dataclass(frozen=True)
class Platform:
    """A system, as Blender names it, as wheels name it, and as the markers of a lock file see it."""

    name: str
    tags: tuple[str, ...]
    """Platform tags of wheels that run there, best first."""
    markers: tuple[tuple[str, str], ...]


PLATFORMS = (
    Platform(
        "linux-x64",
        MANYLINUX,
        (
            ("sys_platform", "linux"),
            ("platform_system", "Linux"),
            ("platform_machine", "x86_64"),
            ("os_name", "posix"),
        ),
    ),
    Platform(
        "windows-x64",
        ("win_amd64",),
        (
            ("sys_platform", "win32"),
            ("platform_system", "Windows"),
            ("platform_machine", "AMD64"),
            ("os_name", "nt"),
        ),
    ),
    Platform(
        "macos-arm64",
        MACOS,
        (
            ("sys_platform", "darwin"),
            ("platform_system", "Darwin"),
            ("platform_machine", "arm64"),
            ("os_name", "posix"),
        ),
    ),
)


@dataclass(frozen=True)
class Python:
    """A Python that Blenders come with."""

    version: str
    first: str = MINIMUM
    """The first Blender that has it."""
    end: str = ""
    """The first Blender that has it no longer; empty while there is none."""


PYTHONS = (Python("3.11", end="5.1.0"), Python("3.13", first="5.1.0"))


@dataclass(frozen=True)
class Target:
    """One zip's platform and Python."""

    platform: Platform
    python: Python

    @property
    def name(self) -> str:
        """For instance `linux-x64-py311`."""
        return f"{self.platform.name}-py{self.tag}"

    @property
    def tag(self) -> str:
        """The Python as wheels write it, `311`."""
        return self.python.version.replace(".", "")

    def markers(self) -> dict[str, str]:
        """What the markers of a lock file are evaluated with."""
        facts = {"implementation_name": "cpython", "platform_python_implementation": "CPython", "extra": ""}
        version = self.python.version
        return {
            **facts,
            **dict(self.platform.markers),
            "python_version": version,
            "python_full_version": f"{version}.0",
        }


def choose(platform: str = "", python: str = "") -> list[Target]:
    """The targets of a platform and a Python; empty means all that Blender's own builds have. ValueError for none.

    Another Python than theirs may be asked for: distributions build Blender with their own.
    """
    platforms = [every for every in PLATFORMS if platform in ("", every.name)]
    pythons = [every for every in PYTHONS if python in ("", every.version)]
    if python and not pythons:
        pythons = [Python(python)]
    if not platforms:
        raise ValueError(f"platform={platform!r}, but there is {', '.join(p.name for p in PLATFORMS)}")
    return [Target(system, version) for version in pythons for system in platforms]
