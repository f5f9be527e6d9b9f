# SPDX-License-Identifier: GPL-3.0-or-later
"""Small faults put into the code, one at a time: do the tests notice? See docs/lab/mutation.md.

    python benchmarks/mutation.py --area contact --count 70 --seed 1 --out runs/contact.json
    python benchmarks/mutation.py --again runs/contact.json     # the survivors alone, with today's tests

A sample, drawn with the seed, of all the faults that an area's code can have (an operator, a number, a condition, a
statement) is tried in a copy of the checkout, with the tests of that area, those that name the changed module first,
until one fails. What no test notices is printed: each is a test that is missing, or code that makes no difference.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CPU_SECONDS = 90
"""Tests that work longer than this have noticed: the fault made something endless."""
QUICK = "not thousands_of_notes and not cheapest_path_of_all and not cut_into_stretches and not whatever_is_redone"
"""What is judged by the clock, or takes seconds for every fault, is left out."""
AREAS = {
    "contact": (
        ["models/contact"],
        ["tests/models/test_contact*.py", "tests/models/test_yielding.py", "tests/models/test_fingering.py",
         "tests/models/test_hands.py"],
    ),
    "sampling": (
        ["models/generation/sampling.py"],
        ["tests/models/test_sampling.py", "tests/models/test_generator.py", "tests/models/test_seams.py"],
    ),
    "core": (
        [f"s2c_blender/core/{name}.py"
         for name in ("keyboard", "protocol", "resampling", "skeleton", "splicing", "timebase", "warm_memory")],
        ["tests/s2c_blender/test_core_*.py", "tests/s2c_blender/test_scene_operators.py",
         "tests/s2c_blender/test_redo_range.py", "tests/s2c_blender/test_hand_file.py"],
    ),
    "processes": (  # their tests start workers and environments: minutes for every fault that is not noticed
        [f"s2c_blender/core/{name}.py" for name in ("installer", "jobs", "process", "runtime", "worker_client")],
        ["tests/s2c_blender/test_core_*.py"],
    ),
}  # fmt: skip
LEFT_OUT = {".git", ".venv", ".venv-blender52", "__pycache__", "dist", "runs", ".ruff_cache", ".mypy_cache"}

COMPARES: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.Gt], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.Lt], ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
}  # fmt: skip
OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "minimum": "maximum", "maximum": "minimum",
         "floor": "ceil", "ceil": "floor", "amin": "amax", "amax": "amin", "argmin": "argmax",
         "argmax": "argmin"}  # fmt: skip


def places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Every node that may be changed, as its parent, the field, and the index in it; annotations and messages not."""
    skipped = {"annotation", "returns", "decorator_list", "type_params", "ctx"}
    for name, value in ast.iter_fields(tree):
        if name in skipped or isinstance(
            tree, (ast.Raise, ast.Assert, ast.JoinedStr, ast.Import, ast.ImportFrom)
        ):
            continue
        if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
            continue
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(node, ast.AST):
                yield tree, name, index if isinstance(value, list) else None
                yield from places(node)


def changes(node: ast.AST) -> list[ast.AST]:
    """What a fault could make of a node."""
    if isinstance(node, ast.Compare):
        return [_with(node, ops=[kind(), *node.ops[1:]]) for kind in COMPARES[type(node.ops[0])]]
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        return [_with(node, op=OPERATORS[type(node.op)]())]
    if isinstance(node, ast.UnaryOp):
        return [node.operand]
    if isinstance(node, ast.BoolOp):
        return [_with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())]
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        value = node.value
        wrong = (
            not value
            if isinstance(value, bool)
            else value + 1
            if isinstance(value, int)
            else 2 * value or 1.0
        )
        return [ast.Constant(wrong)]
    if isinstance(node, (ast.If, ast.While)):
        return [_with(node, test=ast.Constant(False))]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    if isinstance(node, ast.Name) and node.id in NAMES:
        return [ast.Name(NAMES[node.id], node.ctx)]
    if isinstance(node, ast.Attribute) and node.attr in NAMES:
        return [_with(node, attr=NAMES[node.attr])]
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return [ast.Pass()]
    return []


def _with(node: ast.AST, **fields: object) -> ast.AST:
    made = copy.copy(node)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def mutants(path: Path) -> list[dict[str, object]]:
    """All faults of a file: where, what stood there, what stands there now, and the text of the whole file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[dict[str, object]] = []
    for parent, name, index in list(places(tree)):
        value = getattr(parent, name)
        node = value if index is None else value[index]
        for new in changes(node):
            _put(parent, name, index, new)
            found.append(
                {
                    "file": path.relative_to(ROOT).as_posix(),
                    "line": getattr(node, "lineno", 0),
                    "before": _short(node),
                    "after": _short(new),
                    "text": ast.unparse(ast.fix_missing_locations(tree)),
                }
            )
            _put(parent, name, index, node)
    return found


def _put(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(node))).split())
    return text if len(text) <= 70 else text[:67] + "..."


def tests_of(area: str, file: str, root: Path) -> list[str]:
    """The area's test files, those that name the changed module first."""
    files = [path for pattern in AREAS[area][1] for path in sorted(root.glob(pattern))]
    stem = Path(file).stem
    named = [
        path for path in files if f"{stem} import" in (text := path.read_text("utf-8")) or f" {stem}" in text
    ]
    if area in ("core", "processes"):  # most of its modules know nothing of each other
        files = named or files
    return [str(path.relative_to(root)) for path in [*named, *(path for path in files if path not in named)]]


def warm_up(area: str) -> None:
    """Import, once for all, what tests import of other people's code; a fork has it at no cost."""
    for name in (
        "numpy",
        "pytest",
        *(
            ()
            if area in ("core", "processes")
            else ("torch", "scipy.signal", "scipy.ndimage", "safetensors.torch")
        ),
    ):
        importlib.import_module(name)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def noticed(area: str, mutant: dict[str, object], copied: Path) -> str:
    """`killed`, `endless` or `survived`."""
    path = copied / str(mutant["file"])
    whole = path.read_bytes()
    path.write_text(str(mutant["text"]), encoding="utf-8")
    try:
        child = os.fork()
        if child == 0:
            _run_tests(tests_of(area, str(mutant["file"]), copied), copied)
        _, ended = os.waitpid(child, 0)
    finally:
        path.write_bytes(whole)
    if os.WIFSIGNALED(ended):
        return "endless" if os.WTERMSIG(ended) in (signal.SIGXCPU, signal.SIGKILL) else "killed"
    return "survived" if os.WEXITSTATUS(ended) == 0 else "killed"


def _run_tests(files: list[str], copied: Path) -> None:
    """In a process of its own, which ends here: seconds of work are limited, not of waiting for a busy machine."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.chdir(copied)
        sys.path[:] = [
            str(copied),
            *(item for item in sys.path if Path(item or ".").resolve() != ROOT / "benchmarks"),
        ]
        sys.dont_write_bytecode = True
        status = int(sys.modules["pytest"].main(["-q", "-x", "-p", "no:cacheprovider", "-k", QUICK, *files]))
    finally:
        os._exit(status)


def main() -> None:
    """Try a sample of faults, or the survivors of an earlier run, and write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--area", choices=AREAS)
    parser.add_argument("--count", type=int, default=70)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--again", type=Path, help="the survivors in this file")
    parser.add_argument("--from", type=int, default=0, dest="first", help="pass over so many of the sample")
    arguments = parser.parse_args()
    if arguments.again:
        told = json.loads(arguments.again.read_text("utf-8"))
        area, chosen = told["area"], [item for item in told["mutants"] if item["status"] == "survived"]
    else:
        area = arguments.area or parser.error("--area or --again is needed")
        files = [
            path
            for name in AREAS[area][0]
            for path in ([ROOT / name] if name.endswith(".py") else sorted((ROOT / name).glob("*.py")))
        ]
        every = [mutant for path in files for mutant in mutants(path)]
        chosen = random.Random(arguments.seed).sample(every, min(arguments.count, len(every)))
        chosen = chosen[arguments.first :]
        print(f"{area}: {len(every)} possible faults, {len(chosen)} of them tried")
    os.environ["OMP_NUM_THREADS"] = "1"
    warm_up(area)
    with tempfile.TemporaryDirectory() as folder:
        copied = Path(folder) / "checkout"
        shutil.copytree(ROOT, copied, ignore=lambda _, names: LEFT_OUT & set(names))
        begun = time.monotonic()
        for number, mutant in enumerate(chosen, start=1):
            mutant["status"] = noticed(area, mutant, copied)
            where = f"{mutant['file']}:{mutant['line']}"
            print(
                f"{number:3} {mutant['status']:9} {where}  {mutant['before']}  ->  {mutant['after']}",
                flush=True,
            )
            if arguments.out:
                arguments.out.write_text(
                    json.dumps({"area": area, "seed": arguments.seed, "mutants": chosen[:number]})
                )
    counts = Counter(str(mutant["status"]) for mutant in chosen)
    share = counts["survived"] / max(len(chosen), 1)
    print(
        f"{area}: {counts['survived']} of {len(chosen)} survived ({share:.0%}), {time.monotonic() - begun:.0f} s"
    )


if __name__ == "__main__":
    main()
