# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad take files: one sentence each, on both sides of the process boundary, and never all of the memory."""

import io
import json
import os
import re
import tracemalloc
import zipfile
from pathlib import Path

import bpy
import numpy as np
import pytest
from session_helpers import write_take

from s2c_blender.core.natural_arms import natural_arms
from s2c_blender.core.skeleton import STANDARD_ARMS
from s2c_blender.errors import UserError as BlenderUserError
from s2c_blender.takes.take_arrays import MOST_BYTES, MOST_FRAMES, MOST_KNOTS, MOST_NOTES
from s2c_blender.takes.take_file import at_scene_rate, load_take

try:
    from models.body.take import Take
    from models.errors import UserError
except ImportError:  # the Python of Blender 5.2 has not what the generator needs
    Take = None


def read(path):
    """The take of a file, all steps at once, and how many there were."""
    steps = list(load_take(path))
    return steps[-1], len(steps)


def rewrite(path, **changes):
    """The good take at `path` with other arrays; None leaves one out."""
    with np.load(path, allow_pickle=False) as data:
        arrays = {**dict(data), **changes}
    np.savez(path, **{name: values for name, values in arrays.items() if values is not None})


def with_meta(text):
    return lambda path: rewrite(path, meta=np.array(text))


def with_arms(path, **changes):
    """The good take at `path` as one of format 2."""
    with np.load(path, allow_pickle=False) as data:
        wrist = data["wrist"]
    arms = {
        "elbow": wrist + np.float32([0, -0.25, 0]),
        "shoulder": wrist + np.float32([0, -0.35, 0.25]),
        "keys": KNOTS,
        "meta": np.array('{"format": 2, "seed": 1}'),
    }
    rewrite(path, **{**arms, **changes})


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


KNOTS = np.array([[60, 0.05, 0], [60, 0.1, 1], [60, 0.5, 0], [64, 0.9, 0], [64, 1, 0.9]], np.float32)
GOOD_META = {"format": 1, "seed": 1}
NO_DATA = "as many as are allowed, and the data of none"
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


@pytest.mark.parametrize("name", BAD)
def test_a_bad_take_is_one_sentence(name, tmp_path):
    spoil, words = BAD[name]
    path = tmp_path / "song, seed 1.npz"
    write_take(path)
    spoil(path)
    tracemalloc.start()
    with pytest.raises(BlenderUserError, match=words) as caught:
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    fault = caught.value
    assert fault.code in ("take_unreadable", "take_version", "take_missing")
    assert path.name in fault.message and fault.message.endswith(".") and "\n" not in fault.message
    assert "generate it again" in fault.message
    if name != NO_DATA:
        assert peak < 50 << 20, "memory for data that is not there"


@pytest.mark.skipif(Take is None, reason="the generator's packages are not installed")
@pytest.mark.parametrize("name", BAD)
def test_the_generator_says_the_same_of_it(name, tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    BAD[name][0](path)
    with pytest.raises(BlenderUserError) as ours:
        read(path)
    tracemalloc.start()
    with pytest.raises(UserError) as theirs:
        Take.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 << 20 or name == NO_DATA, "memory for data that is not there"
    assert theirs.value.code == {"take_unreadable": "take_corrupt"}.get(ours.value.code, ours.value.code)
    assert reason(theirs.value.message) == reason(ours.value.message)
    assert theirs.value.message.endswith("generate it again.")


def reason(message):
    """What follows "because", or whatever it is besides the file's name."""
    return re.sub(r'; generate.*$|.*"take\.npz"', "", message.partition("because")[2] or message)


def test_both_sides_have_one_schema():
    """The rules are one file, which lies in two places because neither package may import the other. So are arms."""
    root = Path(__file__).parents[2]
    for ours, theirs in (
        ("s2c_blender/takes/take_arrays.py", "models/body/take_arrays.py"),
        ("s2c_blender/core/arm_geometry.py", "models/body/arm_geometry.py"),
        ("s2c_blender/core/natural_arms.py", "models/body/natural_arms.py"),
    ):
        assert (root / ours).read_bytes() == (root / theirs).read_bytes()


def test_a_small_file_takes_no_memory_for_frames_that_pack_well(tmp_path):
    """Three gigabytes of zeros in three megabytes are refused by the header; what is allowed stays below 300 MB."""
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, euler=np.zeros((0, 2, 16, 3), np.float32))
    frames = 8_000_000
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (frames, 2, 16, 3)}
    )
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("more.npy", "w") as file:
        file.write(b"\0" * (1 << 20))  # an array that nobody asked for
    with zipfile.ZipFile(path) as archive:
        members = {item: archive.read(item) for item in archive.namelist() if item != "euler.npy"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for item, content in members.items():
            archive.writestr(item, content)
        with archive.open("euler.npy", "w", force_zip64=True) as file:
            file.write(header.getvalue())
            for _ in range(32):
                file.write(bytes(1 << 20))
    tracemalloc.start()
    with pytest.raises(BlenderUserError, match="too many"):
        read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 << 20


def test_notes_that_are_out_of_order_are_put_in_order(tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, notes=np.array([[1, 2, 64, 80], [0, 1, 60, 80]], np.float32))
    take, _ = read(path)
    assert take.notes[:, 2].tolist() == [60, 64] and take.fingering.tolist() == [[1, 2], [1, 0]]


def test_a_good_take_is_read_with_all_it_has(tmp_path):
    euler, wrist = write_take(tmp_path / "take.npz")
    take, _ = read(tmp_path / "take.npz")
    np.testing.assert_array_equal(take.euler, euler)
    np.testing.assert_array_equal(take.wrist, wrist)
    assert take.notes.shape == (2, 4) and take.fps == 30.0 and take.meta["seed"] == 1
    assert take.fingering.dtype == np.int8 and take.fingering.tolist() == [[1, 0], [1, 2]]
    assert take.euler.dtype == take.wrist.dtype == take.notes.dtype == np.float32


def test_a_take_of_format_1_has_no_arms_whatever_else_lies_in_it(tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, elbow=np.zeros((3, 3)))
    take, _ = read(path)
    assert take.elbow is None and take.shoulder is None and take.keys.shape == (0, 3)


def test_arms_and_depths_of_piano_keys_are_read_and_put_in_order(tmp_path):
    path = tmp_path / "take.npz"
    _, wrist = write_take(path)
    with_arms(path, keys=KNOTS[[3, 1, 4, 0, 2]])
    take, _ = read(path)
    np.testing.assert_array_equal(take.elbow, wrist + np.float32([0, -0.25, 0]))
    np.testing.assert_array_equal(take.shoulder, wrist + np.float32([0, -0.35, 0.25]))
    np.testing.assert_array_equal(take.keys, KNOTS)
    assert take.elbow.dtype == take.shoulder.dtype == take.keys.dtype == np.float32


def test_at_another_rate_arms_keep_their_lengths(tmp_path):
    path = tmp_path / "take.npz"
    _, wrist = write_take(path)
    still = np.repeat(wrist[:1], 60, 0)
    shoulder, elbow = natural_arms(still, np.zeros_like(still), 30.0, 1.2, STANDARD_ARMS)
    elbow[20:], shoulder[20:] = elbow[20:] + np.float32(0.02), shoulder[20:] + np.float32(0.03)
    with_arms(
        path, wrist=still, elbow=elbow, shoulder=shoulder, meta=np.array('{"format": 2, "hand_size": 1.2}')
    )
    scene = bpy.data.scenes.new("at 24")
    scene.render.fps, scene.render.fps_base = 24, 1.0
    take = at_scene_rate(read(path)[0], scene)
    assert take.fps == 24 and len(take.elbow) == len(take.shoulder) == len(take.wrist) == 48
    upper, fore = (
        np.linalg.norm(one.astype(float) - other, axis=-1)
        for one, other in ((take.elbow, take.shoulder), (take.wrist, take.elbow))
    )
    np.testing.assert_allclose(upper, np.broadcast_to(1.2 * STANDARD_ARMS.upper_arm, (48, 2)), atol=1e-6)
    np.testing.assert_allclose(fore, np.broadcast_to(1.2 * STANDARD_ARMS.forearm, (48, 2)), atol=1e-6)
    np.testing.assert_allclose(take.shoulder[0], shoulder[0], atol=1e-6)
    assert np.abs(take.shoulder[-1] - shoulder[-1]).max() < 0.02


def test_other_kinds_of_numbers_are_turned_into_ours(tmp_path):
    path = tmp_path / "take.npz"
    euler, _ = write_take(path)
    by_columns = np.asfortranarray(euler.astype(">f8"))
    rewrite(
        path,
        euler=by_columns,
        notes=np.array([[0, 1, 60, 80]]),
        fingering=np.array([[-1, -1]], ">i8"),
        fps=np.array(25),
    )
    take, _ = read(path)
    np.testing.assert_array_equal(take.euler, euler)
    assert take.euler.dtype == np.float32 and take.fingering.dtype == np.int8 and take.fps == 25.0
    assert take.notes.tolist() == [[0, 1, 60, 80]] and take.fingering.tolist() == [[-1, -1]]


def test_a_take_without_notes_is_a_take(tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, notes=np.zeros((0, 4), np.float32), fingering=np.zeros((0, 2), np.int8))
    take, _ = read(path)
    assert take.notes.shape == (0, 4) and take.fingering.shape == (0, 2)


def test_a_long_take_is_read_in_small_steps(tmp_path):
    write_take(tmp_path / "short.npz")
    write_take(tmp_path / "long.npz", frames=20_000)
    (_, short), (_, long) = read(tmp_path / "short.npz"), read(tmp_path / "long.npz")
    assert short < 10 and long - short >= 7


@pytest.mark.skipif(Take is None, reason="the generator's packages are not installed")
def test_what_the_generator_saves_is_read(tmp_path):
    write_take(tmp_path / "take.npz")
    Take.load(tmp_path / "take.npz").save(tmp_path / "saved.npz")
    take, _ = read(tmp_path / "saved.npz")
    assert take.meta["format"] == 2 and len(take.euler) == len(take.elbow) == len(take.shoulder) == 60


@pytest.mark.skipif(Take is None, reason="the generator's packages are not installed")
def test_a_take_for_other_hands_is_read_with_them(tmp_path):
    from models.body.hand_file import object_of
    from models.body.skeleton import STANDARD_HANDS

    path = tmp_path / "take.npz"
    write_take(path)
    described = object_of(STANDARD_HANDS, "Ann")
    take = Take.load(path)
    Take(take.motion, take.notes, {**take.meta, "hand_geometry": described}).save(path)
    found, _ = read(path)
    assert found.meta["hand_geometry"] == described
    assert Take.load(path).geometry.proportion == 1.0


def test_fingering_of_other_notes_is_unknown_on_both_sides(tmp_path):
    path = tmp_path / "take.npz"
    write_take(path)
    rewrite(path, fingering=np.zeros((3, 2), np.int8))
    assert read(path)[0].fingering.tolist() == [[-1, -1], [-1, -1]]
    models = pytest.importorskip("models.body.take", reason="the generator is not installed here")
    assert models.Take.load(path).notes.fingering.tolist() == [[-1, -1], [-1, -1]]
