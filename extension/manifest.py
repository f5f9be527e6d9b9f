# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest of a zip: the project's own, with what its edition, its platform and its wheels add or take away."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from extension.contents import Edition
from extension.targets import Target
from locks.make import ROOT

SOURCE = ROOT / "blender_manifest.toml"
CREDITS = Path(__file__).with_name("credits.toml")
WEIGHTS_OF = "transkun"
"""The package whose weights lie in every zip that has networks."""


def project_version() -> str:
    """The version that is built."""
    return str(tomllib.loads(SOURCE.read_text("utf-8"))["version"])


def package_of(wheel: str) -> str:
    """The package that a wheel's file name begins with, lower case with hyphens."""
    return re.sub(r"[-_.]+", "-", wheel.split("-")[0]).lower()


def manifest(edition: Edition, target: Target | None, wheels: Sequence[str]) -> dict[str, Any]:
    """The manifest's values; target: None for a zip without wheels, which goes into any Blender on any system."""
    values = tomllib.loads(SOURCE.read_text("utf-8"))
    if edition is Edition.SELF_CONTAINED:
        del values["permissions"]["network"]
    if target is None:
        return values
    values["blender_version_min"] = target.python.first
    if target.python.end:
        values["blender_version_max"] = target.python.end
    values["platforms"] = [target.platform.name]
    credited = credits_of([*map(package_of, wheels), WEIGHTS_OF])
    for key, added in credited.items():
        values[key] = list(dict.fromkeys([*values[key], *added]))
    values["wheels"] = [f"./wheels/{name}" for name in sorted(wheels)]
    return values


def credits_of(packages: Iterable[str]) -> dict[str, list[str]]:
    """Licences and copyright holders of packages, as a manifest lists them. KeyError for one that has none."""
    known = tomllib.loads(CREDITS.read_text("utf-8"))
    entries = [known[name] for name in packages]
    return {
        "license": [f"SPDX:{name}" for entry in entries for name in entry["license"]],
        "copyright": [holder for entry in entries for holder in entry["copyright"]],
    }


def as_toml(values: dict[str, Any]) -> str:
    """TOML of texts, lists of texts, and tables of texts, which is all that a manifest has."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items()]
    for name in (key for key in values if key not in plain):
        lines += ["", f"[{name}]", *(f"{key} = {_value(value)}" for key, value in values[name].items())]
    return "\n".join(lines) + "\n"


def _value(value: str | list[str]) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return "[\n" + "".join(f"    {json.dumps(item, ensure_ascii=False)},\n" for item in value) + "]"
