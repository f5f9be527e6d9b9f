# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which a take file can be bad, and what is said of it."""

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
from take_files import KNOTS, rewrite, with_arms

from s2c_blender.takes.take_arrays import MOST_BYTES, MOST_FRAMES, MOST_KNOTS, MOST_NOTES


def with_meta(text):
    return lambda path: rewrite(path, meta=np.array(text))


def with_knot(index, value):
    def spoil(path):
        knots = KNOTS.copy()
        knots[index] = value
        with_arms(path, keys=knots)

    return spoil


def with_number(name, index, value):
    def spoil(path):
        with np.load(path, allow_pickle=False) as data:
            values = data[name].copy()
        values[index] = value
        rewrite(path, **{name: values})

    return spoil


def cut(path):
    path.write_bytes(path.read_bytes()[:-2000])


def claim(name, shape, dtype="<f4", data=b"\0" * 64):
    """Replace an array by a header that promises more than there is."""

    def spoil(path):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
        with zipfile.ZipFile(path) as archive:
            members = {item: archive.read(item) for item in archive.namelist()}
        members[f"{name}.npy"] = header.getvalue() + data
        with zipfile.ZipFile(path, "w") as archive:
            for item, content in members.items():
                archive.writestr(item, content)

    return spoil


def garble(path):
    """Compressed data that does not unpack."""
    with np.load(path, allow_pickle=False) as data:
        np.savez_compressed(path, **dict(data))
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("euler.npy").header_offset + 60
    content = bytearray(path.read_bytes())
    content[start : start + 64] = b"\xff" * 64
    path.write_bytes(content)


def repack(change):
    """The same arrays in an archive that `change` has a hand in: it gets the archive and the content by name."""

    def spoil(path):
        with zipfile.ZipFile(path) as archive:
            members = {item: archive.read(item) for item in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            change(archive, members)

    return spoil


def packed_as(kind):
    def change(archive, members):
        for name, content in members.items():
            archive.writestr(name, content, kind)

    return repack(change)


def crowded(archive, members):
    for name, content in members.items():
        archive.writestr(name, content)
    for i in range(2000):
        archive.writestr(f"{i}.npy", b"")


def endless_header(archive, members):
    """A header of 200 MB of blanks, which pack to next to nothing."""
    members["euler.npy"] = b"\x93NUMPY\x02\x00" + (200 << 20).to_bytes(4, "little") + b" " * (200 << 20)
    for name, content in members.items():
        archive.writestr(name, content, zipfile.ZIP_DEFLATED)


def longer(archive, members):
    members["wrist.npy"] += b"\0" * 100
    for name, content in members.items():
        archive.writestr(name, content)


def no_array(archive, members):
    members["notes.npy"] = b"These are the notes: c, d, e."
    for name, content in members.items():
        archive.writestr(name, content)


def locked(path):
    """Every member says that it is encrypted."""
    content = path.read_bytes()
    for sign, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        parts = content.split(sign)
        content = sign.join(
            [parts[0], *(p[: at - 4] + bytes([p[at - 4] | 1]) + p[at - 3 :] for p in parts[1:])]
        )
    path.write_bytes(content)


def another_number(path):
    """One changed bit in the wrists, so that the checksum does not fit."""
    packed_as(zipfile.ZIP_STORED)(path)
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("wrist.npy").header_offset + 300
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def with_directory_of(size):
    def spoil(path):
        content = bytearray(path.read_bytes())
        content[-10:-6] = size.to_bytes(4, "little")
        path.write_bytes(content)

    return spoil


def large_locator(path):
    content = path.read_bytes()
    path.write_bytes(content[:-22] + b"PK\x06\x07" + b"\0" * 16 + content[-22:])


def in_its_place(make):
    def spoil(path):
        path.unlink()
        make(path)

    return spoil


def sparse(path):
    with path.open("r+b") as file:
        file.truncate(MOST_BYTES + 1)


def with_more_meta(**more):
    return with_meta(json.dumps({**GOOD_META, **more}))


GOOD_META = {"format": 1, "seed": 1}


BAD = {
    "frames of another shape": (lambda p: rewrite(p, euler=np.zeros((60, 2, 15, 3), np.float32)), "shape"),
    "wrists of another shape": (lambda p: rewrite(p, wrist=np.zeros((60, 3), np.float32)), "shape"),
    "wrists of another length": (lambda p: rewrite(p, wrist=np.zeros((59, 2, 3), np.float32)), "length"),
    "notes of another shape": (lambda p: rewrite(p, notes=np.zeros((2, 5), np.float32)), "shape"),
    "one hand in the fingering": (lambda p: rewrite(p, fingering=np.zeros((2, 1), np.int8)), "shape"),
    "fingering of a sixth finger": (with_number("fingering", (0, 1), 5), "fingers that there are not"),
    "fingering of a third hand": (with_number("fingering", (0, 0), 2), "fingers that there are not"),
    "fingering in fractions": (lambda p: rewrite(p, fingering=np.zeros((2, 2), np.float32)), "kind"),
    "no fingering": (lambda p: rewrite(p, fingering=None), "no fingering"),
    "no notes": (lambda p: rewrite(p, notes=None), "no notes"),
    "a note that is no number": (with_number("notes", (1, 2), np.nan), "not finite"),
    "an angle that is no number": (with_number("euler", (59, 1, 15, 2), np.nan), "not finite"),
    "an infinite wrist": (with_number("wrist", (0, 0, 0), np.inf), "not finite"),
    "a wrist beyond single numbers": (
        lambda p: rewrite(p, wrist=np.full((60, 2, 3), 1e300)),
        "not finite",
    ),
    "frame rate 0": (lambda p: rewrite(p, fps=np.float64(0)), "frame rate"),
    "frame rate below 0": (lambda p: rewrite(p, fps=np.float64(-30)), "frame rate"),
    "infinite frame rate": (lambda p: rewrite(p, fps=np.float64(np.inf)), "frame rate"),
    "frame rate that is no number": (lambda p: rewrite(p, fps=np.float64(np.nan)), "frame rate"),
    "two frame rates": (lambda p: rewrite(p, fps=np.array([30.0, 30.0])), "frame rate"),
    "a word as frame rate": (lambda p: rewrite(p, fps=np.array("thirty")), "frame rate"),
    "meta that is no JSON": (with_meta("{format: 1"), "no JSON"),
    "meta that is nested without end": (with_meta("[" * 100_000), "no JSON"),
    "meta that is a list": (with_meta("[1]"), "no JSON object"),
    "meta that is a number": (lambda p: rewrite(p, meta=np.array(1)), "description"),
    "format 3": (with_meta(json.dumps({"format": 3})), "another version"),
    "format 2 without arms": (with_more_meta(format=2), "no elbows"),
    "no shoulders": (lambda p: with_arms(p, shoulder=None), "no shoulders"),
    "elbows of another shape": (lambda p: with_arms(p, elbow=np.zeros((60, 3), np.float32)), "shape"),
    "elbows of another length": (
        lambda p: with_arms(p, elbow=np.zeros((61, 2, 3), np.float32)),
        "elbows and joint angles differ in length",
    ),
    "shoulders of another length": (
        lambda p: with_arms(p, shoulder=np.zeros((1, 2, 3), np.float32)),
        "shoulders and joint angles differ in length",
    ),
    "an elbow that is no number": (
        lambda p: with_arms(p, elbow=np.full((60, 2, 3), np.nan, np.float32)),
        "elbows that are not finite",
    ),
    "a shoulder in another country": (
        lambda p: with_arms(p, shoulder=np.full((60, 2, 3), -2000, np.float32)),
        "shoulders beyond",
    ),
    "elbows in whole metres": (lambda p: with_arms(p, elbow=np.zeros((60, 2, 3), np.int32)), "kind"),
    "piano keys of another shape": (lambda p: with_arms(p, keys=np.zeros((4, 2), np.float32)), "shape"),
    "piano key 200": (with_knot((0, 0), 200), "keys that there are not"),
    "a piano key between two": (with_knot((0, 0), 60.5), "keys that there are not"),
    "a piano key through the floor": (with_knot((1, 2), 1.5), "further down than they go"),
    "a piano key above its place": (with_knot((1, 2), -0.5), "beyond"),
    "a piano key that is no number": (with_knot((1, 1), np.nan), "not finite"),
    "too many knots": (claim("keys", (MOST_KNOTS + 1, 3)), "too many"),
    "no format": (with_meta("{}"), "another version"),
    "a format that is a text": (with_meta('{"format": "1"}'), "another version"),
    "pickled objects": (
        lambda p: rewrite(p, notes=np.array([[None] * 4, [{}] * 4], dtype=object)),
        "kind",
    ),
    "texts as angles": (lambda p: rewrite(p, euler=np.full((60, 2, 16, 3), "a")), "kind"),
    "a cut file": (cut, "damaged"),
    "data that does not unpack": (garble, "damaged"),
    "no file at all": (lambda p: p.unlink(), "does not exist"),
    "an empty file": (lambda p: p.write_bytes(b""), "empty"),
    "a text": (lambda p: p.write_text("not a take"), "damaged"),
    "12 million frames, and the data of none": (claim("euler", (12_000_000, 2, 16, 3)), "too many"),
    "as many as are allowed, and the data of none": (claim("euler", (MOST_FRAMES, 2, 16, 3)), "cut off"),
    "too many notes": (claim("notes", (MOST_NOTES + 1, 4)), "too many"),
    "less than no frames": (claim("euler", (-1, 2, 16, 3)), "too many"),
    "a text as long as the memory": (claim("meta", (), "<U100000000"), "kind"),
    "encrypted": (locked, "password"),
    "packed with LZMA": (packed_as(zipfile.ZIP_LZMA), "packed"),
    "packed with bzip2": (packed_as(zipfile.ZIP_BZIP2), "packed"),
    "two thousand arrays more": (repack(crowded), "more than a take"),
    "a directory of 3 GB": (with_directory_of(3 << 30), "more than a take"),
    "a directory of a large archive": (large_locator, "damaged"),
    "a header of 200 MB": (repack(endless_header), "no array"),
    "more than the header says": (repack(longer), "too long"),
    "a text as notes": (repack(no_array), "no array"),
    "a wrong checksum": (another_number, "damaged"),
    "larger than a take can be": (sparse, "larger than"),
    "a named pipe": (in_its_place(getattr(os, "mkfifo", None) or Path.mkdir), "no plain file"),
    "a folder": (in_its_place(Path.mkdir), "no plain file"),
    "a device": (in_its_place(lambda p: p.symlink_to(os.devnull)), "no plain file"),
    "a link to nothing": (in_its_place(lambda p: p.symlink_to("nothing")), "does not exist"),
    "complex angles": (lambda p: rewrite(p, euler=np.zeros((60, 2, 16, 3), np.complex64)), "kind"),
    "dates as notes": (lambda p: rewrite(p, notes=np.zeros((2, 4), "datetime64[s]")), "kind"),
    "truths as fingering": (lambda p: rewrite(p, fingering=np.zeros((2, 2), bool)), "kind"),
    "records as notes": (claim("notes", (2, 4), [("a", "<f4")]), "kind"),
    "shape in fractions": (claim("notes", (2.0, 4)), "shape"),
    "shape of a billion billions": (claim("notes", (10**18, 4)), "too many"),
    "angles that no hand turns": (with_number("euler", (0, 0, 0, 0), 1e30), "beyond"),
    "a wrist in another country": (with_number("wrist", (0, 0, 0), 1e5), "beyond"),
    "a note in a year": (with_number("notes", (0, 1), 3e7), "beyond"),
    "a note before the beginning": (with_number("notes", (0, 0), -1), "beyond"),
    "a note that ends before it begins": (with_number("notes", (1, 0), 3), "before they begin"),
    "a pitch of 200": (with_number("notes", (0, 2), 200), "beyond 127"),
    "finger 99": (with_number("fingering", (0, 1), 99), "fingers that there are not"),
    "finger 2^40": (lambda p: rewrite(p, fingering=np.full((2, 2), 2**40)), "fingers that there are not"),
    "frame rate 1e-300": (lambda p: rewrite(p, fps=np.float64(1e-300)), "frame rate"),
    "frame rate 1e300": (lambda p: rewrite(p, fps=np.float64(1e300)), "frame rate"),
    "a frame rate of big endian NaN": (lambda p: rewrite(p, fps=np.array(np.nan, ">f8")), "frame rate"),
    "four hours": (
        lambda p: rewrite(
            p,
            euler=np.zeros((15_000, 2, 16, 3), np.float16),
            wrist=np.zeros((15_000, 2, 3), np.float16),
            fps=np.array(1),
        ),
        "hours",
    ),
    "Infinity in the meta": (with_meta('{"format": 1, "hand_size": Infinity}'), "no JSON"),
    "an endless hand": (with_meta('{"format": 1, "hand_size": 1e999}'), "hand_size"),
    "a hand of 400 digits": (with_meta('{"format": 1, "hand_size": 1%s}' % ("0" * 400)), "hand_size"),
    "a hand of no size": (with_more_meta(hand_size=0), "hand_size"),
    "a hand size in words": (with_more_meta(hand_size="large"), "hand_size"),
    "a seed in words": (with_more_meta(seed=[1]), "seed"),
    "a hash that clears the screen": (with_more_meta(sound_sha256="\x1b[2J"), "no hash"),
    "half a player": (with_more_meta(habits=[[0, 0, 0]]), "habits"),
    "a player of 400 digits": (with_more_meta(habits=[[10**400, 0, 0]] * 2), "habits"),
    "hands in words": (with_more_meta(hand_geometry="mine"), "hand_geometry"),
    "hands in a list": (with_more_meta(hand_geometry=[1, 2]), "hand_geometry"),
    "format true": (with_meta('{"format": true}'), "another version"),
    "format 1.0": (with_meta('{"format": 1.0}'), "another version"),
    "no frames": (
        lambda p: rewrite(
            p, euler=np.zeros((0, 2, 16, 3), np.float32), wrist=np.zeros((0, 2, 3), np.float32)
        ),
        "no frames",
    ),
}
