# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say leads somewhere: links, pictures, headings, pages named in the code; and a README that is read."""

from __future__ import annotations

import argparse
import dataclasses
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from models.app.cli import build_parser
from models.app.request import GenerateRequest, LoadRequest, TranscribeRequest
from models.body.player import STYLES
from models.body.take_arrays import ARRAYS
from models.music.sound_piece import SoundPiece
from models.worker.machine import hello_facts
from models.worker.server import METHODS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("benchmarks", "demo", "docs", "extension", "locks", "models", "s2c_blender", "tests", "training")
TEXTS = (".py", ".md", ".toml", ".txt", ".json", ".cfg")
MOST_LINES = 90
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PAGE = re.compile(r"\bdocs/[\w/-]+\.(?:md|png|jpg)\b")
PACKAGES = ("s2c_blender", "models", "training")
FILE = re.compile(rf"`((?:{'|'.join(ROOMS)})/[\w/]+\.py)(?:::(\w+))?`")
DOTTED = re.compile(r"`((?:models|s2c_blender|training)(?:\.\w+)+)`")
HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("pytorch", "org/whl"),
        ("anaconda", "org"),
        ("npmjs", "org"),
        ("deb", "debian", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
    )
]
"""Hosts of package registries, in pieces, so that this file names none."""


def texts() -> Iterator[Path]:
    """Every text of the project."""
    yield from (path for path in sorted(ROOT.iterdir()) if path.suffix in TEXTS and path.is_file())
    yield ROOT / ".ci" / "run"
    for room in ROOMS:
        yield from (path for path in sorted((ROOT / room).rglob("*")) if path.suffix in TEXTS)


def pages() -> list[Path]:
    """Every page of the project."""
    found = [path for path in texts() if path.suffix == ".md"]
    assert ROOT / "README.md" in found and ROOT / "docs" / "animators.md" in found
    return found


def anchors(page: Path) -> set[str]:
    """What a link may name in a page, by the rule of the sites that show it: the words of each heading."""
    found = set()
    for heading in re.findall(r"^#+ +(.+)$", FENCE.sub("", page.read_text("utf-8")), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        found.add(words.strip().replace(" ", "-"))
    return found


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def broken_links(page: Path) -> list[str]:
    """The links of a page into the project that lead nowhere."""
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        aim = (page.parent / path).resolve() if path else page
        if not aim.exists() or not aim.is_relative_to(ROOT) or (anchor and anchor not in anchors(aim)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", pages(), ids=named)
def test_links_and_pictures_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# A `word`, and another\n", "utf-8")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md) [b](other.md#a-word-and-another) [c](#here) ![d](missing.png) [e](other.md#nowhere)\n"
        "[f](https://example.org) [g\ngoes on](../outside.md)\n\n```\n[h](code.md)\n```\n\n## Here\n",
        "utf-8",
    )
    assert broken_links(page) == ["missing.png", "other.md#nowhere", "../outside.md"]


def test_pages_and_pictures_that_texts_name_are_there() -> None:
    missing = {
        (named(path), page)
        for path in texts()
        for page in PAGE.findall(path.read_text("utf-8"))
        if not (ROOT / page).is_file()
    }
    assert missing == set()


def defines(source: str, name: str) -> bool:
    """Whether a file defines a function, a class or a constant of that name."""
    return (
        re.search(rf"^ *(?:def|class) {name}\b|^{name}\b(?:, \w+)* *[:=]", source, re.MULTILINE) is not None
    )


def missing_code(text: str) -> list[str]:
    """The files, functions and modules that a page names and that are not there."""
    missing = []
    for name, inside in FILE.findall(text):
        path = ROOT / name
        if not path.is_file() or (inside and not defines(path.read_text("utf-8"), inside)):
            missing.append(f"{name}::{inside}" if inside else name)
    for name in DOTTED.findall(text):
        parent, _, last = name.rpartition(".")
        module, outer = ROOT / name.replace(".", "/"), ROOT / parent.replace(".", "/")
        files = [outer.with_suffix(".py"), outer / "__init__.py"]
        inside_of = [path.read_text("utf-8") for path in files if path.is_file()]
        if not (
            module.is_dir() or module.with_suffix(".py").is_file() or any(defines(s, last) for s in inside_of)
        ):
            missing.append(name)
    return missing


@pytest.mark.parametrize("page", [page for page in pages() if page.name != "CHANGELOG.md"], ids=named)
def test_code_that_a_page_names_is_there(page: Path) -> None:
    assert missing_code(page.read_text("utf-8")) == []


def test_code_that_is_not_there_is_found() -> None:
    text = (
        "`models/body/player.py::STYLES` `models/body/player.py::styles` `models/body/gone.py` "
        "`models.body.player` `models.body.player.STYLES` `models.body.player.styles` `models.body.gone`"
    )
    gone = [
        "models/body/player.py::styles",
        "models/body/gone.py",
        "models.body.player.styles",
        "models.body.gone",
    ]
    assert missing_code(text) == gone


def part_of(page: Path, heading: str) -> str:
    """What stands under a heading of the second order."""
    _, _, rest = page.read_text("utf-8").partition(f"\n## {heading}\n")
    return rest.partition("\n## ")[0]


def test_the_tour_answers_four_questions_with_names_in_the_code() -> None:
    tour = part_of(ROOT / "docs" / "architecture.md", "A tour: four questions")
    answers = re.split(r"^\*\*(.+\?)\*\*", tour, flags=re.MULTILINE)[1:]
    questions = dict(zip(answers[::2], answers[1::2], strict=True))
    assert list(questions) == [
        "Where is a stroke's shape decided?",
        "Where is a hand kept while the other is redone?",
        "Where is Blender's undo step made?",
        "How do I add an export format?",
    ]
    assert all(any(inside for _, inside in FILE.findall(answer)) for answer in questions.values())
    assert "undo_push" in (ROOT / "s2c_blender" / "takes" / "write_take.py").read_text("utf-8")
    assert "docs/architecture.md#a-tour-four-questions" in (ROOT / "README.md").read_text("utf-8")


def rooms_in_the_page(package: str) -> list[str]:
    """The rooms of a package's table, from top to bottom."""
    text = part_of(ROOT / "docs" / "architecture.md", "The rooms")
    table = text[text.index(f"**`{package}/`") :].partition("\n**`")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_has_a_line(package: str) -> None:
    rooms = {
        path.name + "/" * path.is_dir()
        for path in (ROOT / package).iterdir()
        if not path.name.startswith(("__", "."))
        and path.name != "README.md"
        and (
            path.is_file() or any(file.suffix != ".pyc" for file in path.rglob("*.*"))
        )  # not what a move left
    }
    assert set(rooms_in_the_page(package)) == rooms


@pytest.mark.parametrize("package", PACKAGES)
def test_the_rooms_stand_in_the_order_of_the_layers(package: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    rules = part_of(ROOT / "docs" / "architecture.md", "Import rules")
    assert len(re.findall(r"^\d+\. ", rules, re.MULTILINE)) == len(contracts)
    layers = next(c["layers"] for c in contracts if c.get("containers") == [package])
    level = {room: index for index, layer in enumerate(layers) for room in re.findall(r"\w+", layer)}
    names = [room.rstrip("/").removesuffix(".py") for room in rooms_in_the_page(package)]
    levels = [level[name] for name in names if name in level]
    assert len(levels) == len(level) and levels == sorted(levels)


def test_the_glossary_says_each_word_once() -> None:
    rows = re.findall(
        r"^\| \*\*(.+?)\*\* \|", (ROOT / "docs" / "glossary.md").read_text("utf-8"), re.MULTILINE
    )
    words = [word for row in rows for word in row.split(", ")]
    assert len(words) > 80 and sorted(set(words)) == sorted(words)


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= MOST_LINES


def test_no_text_names_the_host_of_a_package_registry() -> None:
    assert [
        (named(path), host) for path in texts() for host in HOSTS if host in path.read_text("utf-8").lower()
    ] == []


def words_between(page: str, begin: str, end: str) -> set[str]:
    """The words that a part of a page sets in code letters."""
    part = page[page.index(begin) : page.index(end, page.index(begin))]
    return set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", part))))


def fields(*kinds: type) -> set[str]:
    return {field.name for kind in kinds for field in dataclasses.fields(kind)}


def test_the_formats_name_what_the_worker_is_asked() -> None:
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    methods = words_between(page, "## Worker protocol", "**Parameters of")
    assert {*METHODS, *hello_facts(), *fields(LoadRequest, TranscribeRequest)} <= methods
    parameters = words_between(page, "**Parameters of", "**Result of")
    assert {*STYLES, *fields(GenerateRequest, SoundPiece)} <= parameters


def test_the_formats_name_the_arrays_of_a_take() -> None:
    page = (ROOT / "docs" / "formats.md").read_text("utf-8")
    assert set(ARRAYS) <= words_between(page, "| array |", "`meta` is an object")


def test_the_formats_name_every_option_of_the_generator() -> None:
    names = part_of(ROOT / "docs" / "formats.md", "Names that callers rely on")
    subcommands = next(
        a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)
    ).choices
    assert set(subcommands) == {"generate", "transcribe", "evaluate", "benchmark", "export"}
    for command, parser in subcommands.items():
        line = re.search(rf"^\| `{command}` \|.*$", names, re.MULTILINE)
        assert line, command
        options = {option for action in parser._actions for option in action.option_strings}
        said = set(re.findall(r"`(--?[\w-]+)", line[0])) | {"--help", "-h", "--json", "--debug"}
        assert said == options - {"--output"}  # its short form is the one that is named


def test_the_formats_name_every_operator_that_makes_something() -> None:
    operators = part_of(ROOT / "docs" / "formats.md", "Names that callers rely on")
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "s2c_blender").rglob("*.py"))
    there = set(re.findall(r'bl_idname = "(s2c\.\w+)"', source))
    of_the_panel = {"s2c.jump_to_note", "s2c.dismiss_message", "s2c.open_guide", "s2c.show_panel"}
    assert set(re.findall(r"`(s2c\.\w+)`", operators)) == there - of_the_panel


def test_every_promise_names_a_test_that_is_there() -> None:
    promises = re.findall(
        r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "security.md").read_text("utf-8")
    )
    assert len(promises) >= 40
    for name, function in promises:
        source = (ROOT / name).read_text("utf-8")
        assert not function or re.search(rf"^def {function}\(", source, re.MULTILINE), f"{name}::{function}"
