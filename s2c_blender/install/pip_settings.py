# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the user's own pip settings the installer's pip obeys. No bpy.

A company may have a mirror in the place of the usual index, a proxy, a certificate: those are kept. An index besides,
a folder of files, another target, constraints and whatever else would change what is installed or where is not.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Mapping

KEPT = ("index-url", "proxy", "cert", "client-cert", "trusted-host")
SECTIONS = ("global", "install", ":env:")
"""Where pip looks for a setting; the last one that has it wins."""
LINE = re.compile(r"([\w:-]+)\.([\w-]+)=(.+)")


def kept(lines: Iterable[str]) -> dict[str, str]:
    """What is kept of the lines of `pip config list`, such as `global.proxy='...'`."""
    found: dict[tuple[str, str], str] = {}
    for line in lines:
        match = LINE.fullmatch(line.strip())
        if match is None or match[1] not in SECTIONS or match[2] not in KEPT:
            continue
        try:
            value = ast.literal_eval(match[3])
        except (ValueError, SyntaxError):
            continue  # a warning that looks like a setting
        found[match[1], match[2]] = str(value)
    return {name: found[section, name] for section in SECTIONS for name in KEPT if (section, name) in found}


def environment(plain: Mapping[str, str], lines: Iterable[str]) -> dict[str, str]:
    """Variables for a pip that reads no file of settings and obeys only what is kept of these lines."""
    settings = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in kept(lines).items()}
    others = {name: value for name, value in plain.items() if not name.upper().startswith("PIP_")}
    return {**others, **settings, "PIP_CONFIG_FILE": os.devnull}
