# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and sites read of the project: the citation, the issue forms, the page for contributors."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))


def test_the_citation_is_of_this_version_and_licence() -> None:
    lines = (ROOT / "CITATION.cff").read_text("utf-8").splitlines()
    top = dict(line.split(": ", 1) for line in lines if re.match(r"[\w-]+: ", line))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (top["cff-version"], top["type"], top["title"]) == ("1.2.0", "software", '"S2C Piano Hands"')
    assert (top["version"], top["license"]) == (project["version"], project["license"])


def test_the_changelog_begins_with_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    versions = re.findall(r"^## \[(.+?)\](.*)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    released = [(name, rest) for name, rest in versions if name != "Unreleased"]
    assert released[0][0] == project["version"]
    assert all(re.fullmatch(r" - \d{4}-\d\d-\d\d", rest) for _, rest in released)
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"date-released: {released[0][1].removeprefix(' - ')}\n" in citation


def test_there_is_a_form_for_each_kind_of_issue() -> None:
    assert [form.stem for form in FORMS] == ["bug", "wish", "wrong_note"]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_an_issue_form_has_what_the_site_needs(form: Path) -> None:
    text = form.read_text("utf-8")
    match = re.match(r"---\nname: .+\nabout: .+\nlabels: .+\n---\n\n", text)
    assert match, "the site shows a form by its name and about"
    assert len(text.splitlines()) <= 50, "nobody fills in a long form"


def test_what_the_forms_send_people_to_is_there() -> None:
    texts = {form.stem: form.read_text("utf-8") for form in FORMS}
    blender = "\n".join(path.read_text("utf-8") for path in (ROOT / "s2c_blender").rglob("*.py"))
    assert "Check Generator" in texts["bug"] and 'bl_label = "Check Generator"' in blender
    assert "logs/worker-" in texts["bug"] and 'PREFIX, SUFFIX = "worker", ".log"' in blender
    assert "failed in Blender" in texts["bug"] and "failed in Blender" in blender
    assert "What cannot be done yet" in texts["wish"]
    assert "## What cannot be done yet" in (ROOT / "docs" / "animators.md").read_text("utf-8")


def test_the_commands_for_contributors_are_commands_of_dev() -> None:
    named = set(re.findall(r"python dev\.py (\w+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    known = set(re.findall(r"^    (\w+) {2,}", (ROOT / "dev.py").read_text("utf-8"), re.MULTILINE))
    assert {"setup", "test", "lint", "format"} <= named <= known
