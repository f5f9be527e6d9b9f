"""Which part of a MIDI file is the piano's, which hand each stave is for, and choosing another part."""

from pathlib import Path

import pytest
from midi_bytes import QUARTER, codes, meta, name, notes, program, read, smf

from models.errors import UserError
from models.music.midi import list_parts

HIGH, LOW = (72, 74, 76), (48, 50)
VOICE, BASS, DRUMS = (64, 65, 67, 69), (40, 41, 43, 45, 47), (36, 38, 42, 46, 49, 51)


def band(*pianos: bytes) -> bytes:
    return smf(
        meta(0x51, b"\7\xa1\x20") + name("Song"),
        name("Vocals") + program(53, 1) + notes(VOICE, 1),
        name("Bass") + program(33, 2) + notes(BASS, 2),
        name("Drums") + notes(DRUMS, 9),
        *pianos,
    )


@pytest.mark.parametrize(
    "piano",
    [
        pytest.param(name("Piano") + notes(HIGH), id="by its name"),
        pytest.param(program(0) + notes(HIGH), id="by its instrument"),
        pytest.param(name("Klavier") + program(48) + notes(HIGH), id="by its name alone"),
        pytest.param(name("Track 5") + program(2) + notes(HIGH), id="by another piano"),
        pytest.param(name("Rhodes") + program(4) + notes(HIGH), id="an electric one"),
        pytest.param(notes(HIGH), id="the one that says nothing"),
    ],
)
def test_the_piano_of_a_band_is_played_and_the_others_are_counted(tmp_path: Path, piano: bytes) -> None:
    found = read(tmp_path, band(piano))
    assert found.notes.pitch.tolist() == list(HIGH)
    assert codes(found) == ["other_parts"]
    sentence = found.remarks[0].sentence
    assert "15 notes of" in sentence and '"Vocals" (part 1)' in sentence and '"Drums" (part 3)' in sentence
    assert [(part.number, part.notes, part.chosen) for part in found.parts] == [
        (1, 4, False), (2, 5, False), (3, 6, False), (4, 3, True),
    ]  # fmt: skip


def test_both_hands_of_the_piano_of_a_band(tmp_path: Path) -> None:
    right, left = (name("Piano") + program(0, i) + notes(keys, i) for i, keys in enumerate((HIGH, LOW)))
    for pair in ((right, left), (right, left.replace(name("Piano"), b""))):
        found = read(tmp_path, band(*pair))
        assert len(found.parts) == 4
        assert dict(zip(found.notes.pitch.tolist(), found.notes.hand.tolist())) == dict.fromkeys(
            HIGH, 1
        ) | dict.fromkeys(LOW, 0)


def test_a_real_piano_comes_before_an_electric_one(tmp_path: Path) -> None:
    found = read(tmp_path, band(program(4, 5) + notes(LOW, 5), program(0, 6) + notes(HIGH, 6)))
    assert found.notes.pitch.tolist() == list(HIGH)


def test_channels_of_one_track(tmp_path: Path) -> None:
    body = (
        name("Piano concerto")
        + program(0, 0)
        + program(48, 1)
        + notes(HIGH)
        + notes(LOW, 1)
        + notes(DRUMS, 9)
    )
    found = read(tmp_path, smf(body, kind=0))
    assert found.notes.pitch.tolist() == list(HIGH)
    assert [part.name for part in found.parts] == ["piano", "ensemble", "drums"]


def test_a_part_is_chosen_by_number_or_name(tmp_path: Path) -> None:
    data = band(name("Piano") + notes(HIGH))
    for part in ("1", " vocals ", "Vocal", "VOCALS"):
        found = read(tmp_path, data, part)
        assert found.notes.pitch.tolist() == list(VOICE), part
        assert '"Vocals" (part 1) is played' in found.remarks[0].sentence
    assert len(read(tmp_path, data, "1, 4").notes) == 7
    assert len(read(tmp_path, data, "drums").notes) == 6
    for part in ("7", "0", "Harp", " ", "1,x", "9" * 50):
        with pytest.raises(
            UserError, match=r'has no part .*its parts are "Vocals" \(part 1\), .* and "Piano"'
        ) as caught:
            read(tmp_path, data, part)
        assert caught.value.code == "bad_part"
    with pytest.raises(UserError, match="it has no notes at all"):
        read(tmp_path, smf(b""), "1")


def test_the_parts_are_listed(tmp_path: Path) -> None:
    read(tmp_path, band(name("Piano") + notes(HIGH)))
    facts = [part.facts() for part in list_parts(tmp_path / "a.mid")]
    assert facts[0] == {"number": 1, "name": "Vocals", "program": 53, "notes": 4, "chosen": False}
    assert facts[3] == {"number": 4, "name": "Piano", "program": None, "notes": 3, "chosen": True}


def test_without_a_piano_all_are_played_and_that_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, band())
    assert len(found.notes) == 9 and codes(found) == ["other_parts", "no_piano_part"]
    alone = read(tmp_path, smf(name("Violin") + program(40) + notes(HIGH)))
    assert len(alone.notes) == 3 and not alone.remarks
    organ = read(tmp_path, band(name("Church Organ") + program(19) + notes(HIGH)))
    assert organ.notes.pitch.tolist() == list(HIGH)  # the nearest to a piano


def test_music_for_four_hands(tmp_path: Path) -> None:
    data = smf(name("Primo") + notes(HIGH), name("Secondo") + notes(LOW, 1))
    both = read(tmp_path, data)
    assert len(both.notes) == 5 and codes(both) == ["four_hands"] and (both.notes.hand == -1).all()
    assert 'four hands ("Primo" (part 1) and "Secondo" (part 2))' in both.remarks[0].sentence
    second = read(tmp_path, data, "secondo")
    assert second.notes.pitch.tolist() == list(LOW) and codes(second) == ["other_parts"]
    staves = smf(
        *(
            name(f"{who} {hand}") + notes(keys, i)
            for i, (who, hand, keys) in enumerate(
                (
                    ("Primo", "right", HIGH),
                    ("Primo", "left", VOICE),
                    ("Secondo", "right", BASS),
                    ("Secondo", "left", LOW),
                )
            )
        )
    )
    first = read(tmp_path, staves, "Primo")
    assert len(first.notes) == 7 and set(first.notes.hand.tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("first", "second", "hands"),
    [
        pytest.param((name("Piano"), HIGH), (name("Piano"), LOW), [1, 0], id="one name"),
        pytest.param((name("Piano"), HIGH), (b"", LOW), [1, 0], id="a name for the first"),
        pytest.param((b"", HIGH), (b"", LOW), [1, 0], id="no names"),
        pytest.param((b"", LOW), (b"", HIGH), [0, 1], id="the left hand first"),
        pytest.param((b"", (60, 64)), (b"", (59, 66)), [1, 0], id="crossing"),
        pytest.param((name("lower"), HIGH), (name("upper"), LOW), [0, 1], id="staves"),
        pytest.param((name("Piano left"), HIGH), (name("Piano right"), LOW), [0, 1], id="hands"),
        pytest.param((name("Bass"), LOW), (name("Piano"), HIGH), [-1, -1], id="a bass is an instrument"),
        pytest.param((name("Nocturne"), HIGH), (name("Fugue"), LOW), [-1, -1], id="titles"),
    ],
)
def test_hands_of_two_staves(
    tmp_path: Path,
    first: tuple[bytes, tuple[int, ...]],
    second: tuple[bytes, tuple[int, ...]],
    hands: list[int],
) -> None:
    found = read(
        tmp_path,
        smf(first[0] + program(0) + notes(first[1]), second[0] + program(0, 1) + notes(second[1], 1)),
    )
    of_pitch = dict(zip(found.notes.pitch.tolist(), found.notes.hand.tolist()))
    for stave, hand in zip((first, second), hands):
        assert {of_pitch.get(pitch, hand) for pitch in stave[1]} == {hand}


def test_numbered_staves_are_hands(tmp_path: Path) -> None:
    found = read(tmp_path, smf(name("Staff 1") + notes(HIGH), name("Staff 2") + notes(LOW, 1)))
    assert set(found.notes.hand[found.notes.pitch >= min(HIGH)].tolist()) == {1}
    assert set(found.notes.hand[found.notes.pitch <= max(LOW)].tolist()) == {0}


def test_a_melody_is_the_pianos_where_nothing_else_is_called_a_piano(tmp_path: Path) -> None:
    tune = name("Melody") + notes(HIGH)
    alone = read(tmp_path, smf(tune, name("Accompaniment") + notes(LOW, 1)))
    assert len(alone.notes) == len(HIGH) + len(LOW) and codes(alone) == []
    beside = read(tmp_path, smf(tune, name("Piano") + notes(LOW, 1)))
    assert len(beside.notes) == len(LOW) and codes(beside) == ["other_parts"]
    sung = read(tmp_path, smf(name("Melody") + program(52) + notes(HIGH), name("Chords") + notes(LOW, 1)))
    assert len(sung.notes) == len(LOW)


def test_three_staves_without_names_are_no_hands(tmp_path: Path) -> None:
    found = read(tmp_path, smf(notes(HIGH), notes(LOW, 1), notes(VOICE, 2)))
    assert (found.notes.hand == -1).all() and len(found.parts) == 1


def test_what_both_hands_strike_at_once_is_struck_once(tmp_path: Path) -> None:
    found = read(tmp_path, smf(name("right") + notes((60, 62, 64)), name("left") + notes((60, 50, 64), 1)))
    assert found.notes.pitch.tolist() == [60, 50, 62, 64]
    assert found.notes.hand.tolist() == [-1, 0, 1, -1]  # whichever hand is nearer
    assert codes(found) == ["unison_merged"] and found.remarks[0].sentence.startswith("2 notes")


def test_a_key_that_one_hand_holds_is_let_go_before_the_other_strikes_it(tmp_path: Path) -> None:
    long = bytes((0, 0x90, 60, 80)) + QUARTER * 1 + b"\x90\x41\x50" + QUARTER + b"\x80\x3c\0\0\x80\x41\0"
    late = QUARTER + b"\x91\x3c\x50" + QUARTER + b"\x81\x3c\0"
    found = read(tmp_path, smf(name("right") + long, name("left") + late))
    assert found.notes.pitch.tolist() == [60, 60, 65]
    assert found.notes.offset_s.tolist() == [0.25, 0.5, 0.5] and found.notes.hand.tolist() == [1, 0, 1]
