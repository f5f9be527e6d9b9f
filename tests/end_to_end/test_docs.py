# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say leads somewhere: links, pictures, headings, pages named in the code; and a README that is read."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from models.app.request import GenerateRequest, LoadRequest, TranscribeRequest
from models.body.player import STYLES
from models.body.take_arrays import ARRAYS
from models.music.sound_piece import SoundPiece
from models.worker.machine import hello_facts
from models.worker.server import METHODS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("benchmarks", "demo", "docs", "models", "s2c_blender", "tests", "training")
TEXTS = (".py", ".md", ".toml", ".txt", ".json", ".cfg")
MOST_LINES = 90
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
PAGE = re.compile(r"\bdocs/[\w/-]+\.(?:md|png|jpg)\b")
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


def test_every_promise_names_a_test_that_is_there() -> None:
    promises = re.findall(
        r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "docs" / "security.md").read_text("utf-8")
    )
    assert len(promises) >= 40
    for name, function in promises:
        source = (ROOT / name).read_text("utf-8")
        assert not function or re.search(rf"^def {function}\(", source, re.MULTILINE), f"{name}::{function}"
