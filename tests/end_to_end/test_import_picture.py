# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture in docs/architecture.md is what the code imports; and the command that draws it draws what there is."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "docs" / "draw_imports.py"


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_imports", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_shows_the_code_as_it_is(drawing: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert drawing.main(["--check"]) == 0, capsys.readouterr().err


def test_an_old_picture_is_noticed_and_drawn_anew(
    drawing: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text(f"before\n{drawing.BEGIN}\nold\n{drawing.END}\nafter\n", "utf-8")
    monkeypatch.setattr(drawing, "ROOT", tmp_path)
    monkeypatch.setattr(drawing, "PAGE", page)
    monkeypatch.setattr(drawing, "pictures", lambda: "new")
    assert drawing.main(["--check"]) == 1
    assert "old" in page.read_text("utf-8")
    assert drawing.main([]) == 0
    assert page.read_text("utf-8") == f"before\n{drawing.BEGIN}\n\nnew\n\n{drawing.END}\nafter\n"
    assert drawing.main(["--check"]) == 0


def test_an_arrow_that_others_imply_is_left_out(drawing: ModuleType) -> None:
    imports = {"top": {"middle", "low"}, "middle": {"low"}, "low": set()}
    assert drawing.arrows(imports) == ([("middle", "low"), ("top", "middle")], [])


def test_rooms_in_a_circle_are_joined_and_keep_their_arrows(drawing: ModuleType) -> None:
    imports = {"one": {"two", "low"}, "two": {"one", "low"}, "low": set()}
    assert drawing.arrows(imports) == ([("one", "low"), ("two", "low")], [("one", "two")])


def test_a_page_without_the_marks_is_refused(drawing: ModuleType) -> None:
    with pytest.raises(ValueError, match="needs a line"):
        drawing.put_in("no marks", "picture")


def test_a_room_is_a_folder_or_a_file_and_many_files_share_a_box(
    drawing: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    house = tmp_path / "small_house"
    files = {"__init__": "", "a": "from small_house.room import b", "c": "", "room/__init__": ""}
    files["room/b"] = "from small_house import c"
    for name, text in files.items():
        path = house / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    graph = drawing.grimp.build_graph("small_house", cache_dir=None)
    assert drawing.rooms_of("small_house", graph) == {"a.py": {"room/"}, "c.py": set(), "room/": {"c.py"}}
    monkeypatch.setattr(drawing, "MOST_FILES", 1)
    assert drawing.rooms_of("small_house", graph) == {"*.py": {"room/"}, "room/": {"*.py"}}
