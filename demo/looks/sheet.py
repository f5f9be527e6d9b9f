# SPDX-License-Identifier: GPL-3.0-or-later
"""Many pictures on one sheet: a grid of equal cells with captions, written by Blender's own image code."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
"""(height, width, 3), 0 to 1, as displayed; row 0 is the top."""

BACKGROUND = 0.09
FOOT = 16
"""Pixels below a picture for its caption."""
HEAD = 22
GAP = 3
TITLE_SIZE, CAPTION_SIZE = 14, 11


@dataclass(frozen=True)
class Cell:
    """A picture and what stands below it."""

    pixels: Pixels
    caption: str


@dataclass(frozen=True)
class Row:
    """Pictures side by side under a title."""

    title: str
    cells: list[Cell] = field(default_factory=list)


def read_pixels(path: Path) -> Pixels:
    """A picture file as displayed."""
    image = bpy.data.images.load(str(path))
    try:
        image.colorspace_settings.name = "Non-Color"  # bytes as they are, no conversion to linear light
        width, height = image.size
        flat = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(flat)
        return flat.reshape(height, width, image.channels)[::-1, :, :3].copy()
    finally:
        bpy.data.images.remove(image)


def compose(rows: list[Row]) -> tuple[Pixels, list[tuple[int, int, int, str]]]:
    """The sheet without its words, and the words: x, y of the baseline from the top, size, text.

    All pictures must be of one size.
    """
    shapes = {cell.pixels.shape for row in rows for cell in row.cells}
    if len(shapes) != 1:
        raise ValueError(f"a sheet needs pictures of one size, not of {sorted(shapes)}")
    height, width, _ = shapes.pop()
    columns = max(len(row.cells) for row in rows)
    row_height = HEAD + height + FOOT
    sheet = np.full((len(rows) * row_height, columns * (width + GAP) + GAP, 3), BACKGROUND, np.float32)
    words: list[tuple[int, int, int, str]] = []
    for r, row in enumerate(rows):
        top = r * row_height
        words.append((GAP + 2, top + HEAD - 6, TITLE_SIZE, row.title))
        for c, cell in enumerate(row.cells):
            left = GAP + c * (width + GAP)
            sheet[top + HEAD : top + HEAD + height, left : left + width] = cell.pixels
            words.append((left + 2, top + HEAD + height + FOOT - 4, CAPTION_SIZE, cell.caption))
    return sheet, words


def write_sheet(rows: list[Row], path: Path, *, quality: int = 72) -> None:
    """Write the sheet; the suffix of ``path`` says whether as JPEG or PNG."""
    formats = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    if path.suffix.lower() not in formats:
        raise ValueError(f"{path.name}: a sheet is a .jpg or a .png")
    sheet, words = compose(rows)
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.png"
        _save(sheet, bare, "PNG", 100)
        _letter(bare, words, len(sheet))
        _save(read_pixels(bare), path, formats[path.suffix.lower()], quality)


def _letter(path: Path, words: list[tuple[int, int, int, str]], height: int) -> None:
    """Write words into a picture file, in Blender's own font; needs neither window nor graphics card."""
    import blf  # these two are found only after bpy
    import imbuf

    buffer = imbuf.load(str(path))
    on_picture: Any = blf.bind_imbuf(0, buffer)
    with on_picture:
        blf.color(0, 0.92, 0.92, 0.92, 1.0)
        for x, y, size, text in words:
            blf.size(0, size)
            blf.position(0, x, height - y, 0)
            blf.draw_buffer(0, text)
    imbuf.write(buffer, filepath=str(path))
    buffer.free()


def _save(pixels: Pixels, path: Path, file_format: str, quality: int) -> None:
    height, width, _ = pixels.shape
    image = bpy.data.images.new("S2C Sheet", width, height, alpha=False)
    try:
        image.colorspace_settings.name = "Non-Color"
        flat = np.ones((height, width, 4), np.float32)
        flat[..., :3] = pixels[::-1]
        image.pixels.foreach_set(flat.ravel())
        image.file_format = file_format
        image.save(filepath=str(path), quality=quality)
    finally:
        bpy.data.images.remove(image)
