# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw who imports whom into docs/architecture.md, from the code as it is.

    python docs/draw_imports.py            # write the pictures anew
    python docs/draw_imports.py --check    # only say whether they are up to date (a test does this)

One picture a package. A box is a room: a folder of the package, or a file beside the folders. Where there are many
such files, they share one box. An arrow leads from a room to one that it imports. To keep the picture readable an
arrow is left out where a longer way of arrows says the same; the table under the picture names every import. Rooms
that import each other, directly or in a circle, are joined by dotted lines.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("s2c_blender", "models", "training")
BEGIN, END = "<!-- imports: drawn by docs/draw_imports.py -->", "<!-- imports: end -->"
MOST_FILES = 20
"""More files than this beside the folders of a package share one box."""

Imports = Mapping[str, Collection[str]]
"""The rooms that each room imports."""


def rooms_of(package: str, graph: grimp.ImportGraph) -> dict[str, set[str]]:
    """Every room of a package and the rooms that it imports, in order of their names."""
    children = {child for child in graph.find_children(package) if not child.endswith(".__main__")}
    folders = {child for child in children if graph.find_children(child)}
    files = children - folders

    def room(module: str) -> str:
        child = ".".join(module.split(".")[:2])
        if child in folders:
            return child.removeprefix(f"{package}.") + "/"
        return "*.py" if len(files) > MOST_FILES else child.removeprefix(f"{package}.") + ".py"

    inside = {child for child in graph.find_descendants(package) if not child.endswith(".__main__")}
    found: dict[str, set[str]] = {name: set() for name in sorted({room(module) for module in inside})}
    for module in inside:
        others = graph.find_modules_directly_imported_by(module) & inside
        found[room(module)] |= {room(other) for other in others} - {room(module)}
    return found


def reached(imports: Imports, start: str) -> set[str]:
    """The rooms that are imported from `start` on, directly or through others."""
    found: set[str] = set()
    waiting = list(imports[start])
    while waiting:
        room = waiting.pop()
        if room not in found:
            found.add(room)
            waiting.extend(imports[room])
    return found


def arrows(imports: Imports) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The arrows to draw, and the pairs of rooms that import each other directly or lie in one circle."""
    below = {room: reached(imports, room) for room in imports}

    def circle(one: str, other: str) -> bool:
        return other in below[one] and one in below[other]

    straight, joined = [], []
    for room in sorted(imports):
        for other in sorted(imports[room]):
            if circle(room, other):
                pair = (min(room, other), max(room, other))
                if pair not in joined:
                    joined.append(pair)
                continue
            over = (step for step in imports[room] if step != other and not circle(step, other))
            if not any(other in below[step] and not circle(room, step) for step in over):
                straight.append((room, other))
    return straight, joined


def draw(package: str, imports: Imports) -> str:
    """The picture of one package and its table, as Markdown."""
    names = {room: re.sub(r"\W+", "_", f"{package}_{room}").strip("_") for room in sorted(imports)}
    straight, joined = arrows(imports)
    lines = [f"**`{package}/`**", "", "```mermaid", "flowchart TB"]
    lines += [f'    {name}["{room}"]' for room, name in names.items()]
    lines += [f"    {names[room]} --> {names[other]}" for room, other in straight]
    lines += [f"    {names[room]} <-.-> {names[other]}" for room, other in joined]
    lines += ["```", "", "| room | imports |", "|---|---|"]
    lines += [
        f"| `{room}` | {', '.join(f'`{other}`' for other in sorted(imports[room]))} |" for room in imports
    ]
    return "\n".join(lines)


def pictures() -> str:
    """The pictures of all packages, as Markdown."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    between = sorted(
        f"`{one}` imports `{other}`"
        for one in PACKAGES
        for other in PACKAGES
        if one != other and graph.find_shortest_chains(one, other, as_packages=True)
    )
    parts = [f"Between the packages: {', '.join(between) or 'nothing'}."]
    return "\n\n".join([*parts, *(draw(package, rooms_of(package, graph)) for package in PACKAGES)])


def put_in(page: str, picture: str) -> str:
    """A page with the picture between its marks. Raises ValueError when the page has no such marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page needs a line {BEGIN} and, below it, a line {END}")
    return f"{before}{begin}\n\n{picture}\n\n{end}{after}"


def main(argv: list[str] | None = None) -> int:
    """Write the page, or check it; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 when out of date")
    arguments = parser.parse_args(argv)
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    page = PAGE.read_text("utf-8")
    drawn = put_in(page, pictures())
    if drawn == page:
        print(f"The pictures in {PAGE.relative_to(ROOT)} are up to date.")
        return 0
    if arguments.check:
        print(f"{PAGE.relative_to(ROOT)} is out of date: run python docs/draw_imports.py", file=sys.stderr)
        return 1
    PAGE.write_text(drawn, "utf-8")
    print(f"Drawn into {PAGE.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
