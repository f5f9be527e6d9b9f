# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender shows has no control characters, no endless numbers, and a bounded length, wherever it came from."""

import ast
from pathlib import Path

import pytest

from s2c_blender.errors import UserError
from s2c_blender.plain_text import MOST, sentence, shown

PACKAGE = Path(__file__).resolve().parents[2] / "s2c_blender"
NASTY = "\x1b[31mred\x07 \u202egnorw\u2066 a\nb\r\tc\x00 \ud800 \u200b" + "9" * 400 + "z" * 5000


@pytest.mark.parametrize("show", [shown, sentence, lambda text: UserError("code", text).message])
def test_nasty_text_becomes_one_bounded_line(show):
    text = show(NASTY)
    assert text.isprintable() and len(text) <= MOST and "  " not in text
    assert text.startswith("[31mred gnorw a b c 999999…z") and text.encode("utf-8")


@pytest.mark.parametrize(
    "text", ["", "Größe: 3.5 s, ♪ C♯4.", "日本語 take.npz is gone.", "12345678901234567 frames"]
)
def test_ordinary_text_stays(text):
    assert shown(text) == text


def test_a_sentence_ends():
    assert sentence("It broke") == "It broke." and sentence("Why?") == "Why?" and sentence(" \n") == ""


def test_a_megabyte_is_cut_at_once():
    assert shown("x" * 10_000_000).endswith("…") and shown(" " * 10_000_000 + "x") == "…"


def calls(name):
    """Every call of a method `name` in the package, with its file."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                yield path.relative_to(PACKAGE).as_posix(), node


def test_only_one_place_reports_and_only_cleaned_text():
    places = [(where, ast.unparse(node)) for where, node in calls("report")]
    assert places == [("ui/operators/base.py", "self.report({level}, shown(text))")]
    assert [ast.unparse(node.args[0]) for _, node in calls("poll_message_set")] == ["shown(reason)"]


KNOWN = {
    "ui/drawing.py: line",  # a line of `shown(text)`
    "ui/drawing.py: data.bl_rna.properties[name].name",  # a name of ours
    "ui/panels.py: title",  # words of ours
    "ui/panels.py: short",
    "ui/preferences_page.py: PANEL_HINT",
}


def pieces(text):
    """What an expression may show."""
    if isinstance(text, ast.IfExp):
        return [text.body, text.orelse]
    if isinstance(text, ast.JoinedStr):
        return [part.value for part in text.values]
    return [text]


def is_cleaned(part):
    called = isinstance(part, ast.Call) and ast.unparse(part.func) == "shown"
    return called or not isinstance(part, ast.expr) or isinstance(part, ast.Constant)


@pytest.mark.parametrize("name", ["label", "progress"])
def test_what_is_drawn_is_a_text_of_ours_or_cleaned(name):
    found = set()
    for where, node in calls(name):
        text = next(word.value for word in node.keywords if word.arg == "text")
        found.update(f"{where}: {ast.unparse(part)}" for part in pieces(text) if not is_cleaned(part))
    assert found <= KNOWN
