# SPDX-License-Identifier: GPL-3.0-or-later
"""Files are written in one way only (`whole_file`, one on each side); this reads all sources and finds any other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ALLOWED = {
    "models/whole_file.py": "it is the one way",
    "s2c_blender/core/whole_file.py": "it is the one way on Blender's side",
    "s2c_blender/core/logs.py": "a log that grows, opened as carefully",
    "s2c_blender/takes/take_paths.py: open": "takes a name by making a file that nobody else has",
    "s2c_blender/core/temporary.py": "makes private folders, and the note in them",
    "s2c_blender/takes/read_back.py: savez": "in a private folder",
    "s2c_blender/strip_audio.py: open": "in a private folder",
    "s2c_blender/sounds/decode_script.py: open": "in a private folder",
    "s2c_blender/core/trial_notes.py: write_bytes": "in a private folder",
    "models/plain_file.py: open": "for reading, without waiting for a pipe",
    "models/body/take_arrays.py: open": "for reading, without waiting for a pipe",
    "s2c_blender/takes/take_arrays.py: open": "for reading, without waiting for a pipe",
    "models/worker/channel.py": "the null device, in the place of stdin",
    "models/app/command_line.py": "the null device, in the place of a stdout that is full",
    "training/tables/run.py: copytree": "the folder of a stage, which training begun again replaces file by file",
}
"""Modules, or calls in them, that may write otherwise, each with its reason."""

WRITERS = {
    "write_text", "write_bytes", "save", "savez", "savez_compressed", "save_file", "savetxt", "tofile", "savefig",
    "symlink_to", "rename", "touch", "mkstemp", "mkdtemp", "NamedTemporaryFile", "FileHandler", "dump",
    "copy", "copy2", "copyfile", "copytree", "move",
}  # fmt: skip
OF_MODULES = {
    "save": {"np", "numpy", "torch", "file", "image", "figure"},
    "copy": {"shutil"},
    "dump": {"json", "pickle", "torch"},
    "rename": {"os", "part", "path", "out", "folder"},
    "replace": {"os"},
    "write": {"soundfile", "sf"},
    "open": {"os", "wave", "io", "gzip", "zipfile"},
}
"""Names that mean something else elsewhere (`str.replace`, `dict.copy`) count only on these."""


def writes(source: str) -> list[str]:
    """Names of the calls in `source` that write a file other than inside a `with whole_file(...) as part` to it."""
    found: list[str] = []
    tree = ast.parse(source)
    memory = {
        node.targets[0].id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Call)
        and _name(node.value)[1] == "BytesIO"
    }
    _look(tree, frozenset(memory), found)
    return found


def _look(node: ast.AST, parts: frozenset[str], found: list[str]) -> None:
    if isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            _look(item.context_expr, parts, found)
            if (
                isinstance(item.context_expr, ast.Call)
                and _name(item.context_expr)[1] in ("whole_file", "TemporaryDirectory")
                and isinstance(item.optional_vars, ast.Name)
            ):
                parts |= {item.optional_vars.id}
            elif isinstance(item.optional_vars, ast.Name) and _uses(item.context_expr, parts):
                parts |= {item.optional_vars.id}  # the open file of a part
        for inner in node.body:
            _look(inner, parts, found)
        return
    if isinstance(node, ast.Call) and _is_writer(node) and not _uses(node, parts):
        found.append(_name(node)[1])
    for child in ast.iter_child_nodes(node):
        _look(child, parts, found)


def _name(call: ast.Call) -> tuple[str, str]:
    """(what it is called on, its name)."""
    if isinstance(call.func, ast.Attribute):
        on = call.func.value
        return (on.id if isinstance(on, ast.Name) else "?"), call.func.attr
    return "", call.func.id if isinstance(call.func, ast.Name) else ""


def _uses(node: ast.AST, names: frozenset[str]) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id in names for inner in ast.walk(node))


def _is_writer(call: ast.Call) -> bool:
    on, name = _name(call)
    if name == "open" and on != "os":
        method = on not in ("", "io", "wave", "gzip")
        given = [word.value for word in call.keywords if word.arg == "mode"] or call.args[
            0 if method else 1 :
        ]
        if not given:
            return False
        if isinstance(given[0], ast.Constant):
            return bool(re.fullmatch(r"[bt]*[wax+][rwaxbt+]*|r[bt]*\+[bt]*", str(given[0].value)))
        return not method  # what an archive opens is a name, not a mode
    if name in OF_MODULES:
        return on in OF_MODULES[name]
    return name in WRITERS


@pytest.mark.parametrize(
    "text",
    [
        "open(path, 'w')",
        "path.open(mode='ab')",
        "open(path, mode)",
        "(folder / 'x').write_text('')",
        "np.savez(path, a=1)",
        "torch.save(content, part)",
        "os.replace(part, path)",
        "with whole_file(a) as part:\n    save_file(state, b)",
        "with whole_file(a) as part:\n    pass\nsave_file(state, part)",
        "soundfile.write(path, samples, rate)",
        "os.open(path, os.O_WRONLY)",
    ],
)
def test_a_write_is_seen(text: str) -> None:
    assert writes(text)


@pytest.mark.parametrize(
    "text",
    [
        "open(path, 'rb')",
        "path.open()",
        "text.replace('a', 'b')",
        "with whole_file(a) as part, open(part, 'wb') as file:\n    np.savez(file, a=1)",
        "with whole_file(a) as part:\n    save_file(state, part)",
        "write_text_whole(path, text)",
        "archive = io.BytesIO()\nnp.savez(archive, a=1)",
    ],
)
def test_nothing_else_is_taken_for_a_write(text: str) -> None:
    assert not writes(text)


def test_every_file_is_written_whole(project_root: Path) -> None:
    wrong = []
    used = set()
    for package in ("models", "training", "s2c_blender"):
        for path in sorted((project_root / package).rglob("*.py")):
            where = path.relative_to(project_root).as_posix()
            for call in writes(path.read_text("utf-8")):
                names = {where, f"{where}: {call}"} & ALLOWED.keys()
                used |= names
                if not names:
                    wrong.append(f"{where}: {call}")
    assert not wrong
    assert used == ALLOWED.keys(), "an exception that nobody needs any more"
