"""Hands, players and instruments by the names of tracks."""

import pytest

from models.music.track_names import (
    hand_of_name,
    player_of_name,
    says_keyboard,
    says_other,
    says_piano,
    staff_of_name,
    text_of,
    without_hand,
)

PAIRS = {
    "English": [
        ("left hand", "right hand"),
        ("Piano LH", "Piano RH"),
        ("l.h.", "r.h."),
        ("left2", "right 2"),
        ("pianoLH", "pianoRH"),
    ],
    "German": [("linke Hand", "rechte Hand"), ("Klavier links", "Klavier rechts"), ("Linke", "Rechte")],
    "French": [("Main gauche", "Main droite"), ("m.g.", "m.d."), ("M.G", "M.D")],
    "Italian": [("mano sinistra", "mano destra"), ("M.S.", "M.D."), ("sx", "dx")],
    "Spanish": [("Mano izquierda", "Mano derecha"), ("m.i.", "m.d.")],
    "Portuguese": [("Mão esquerda", "Mão direita"), ("m.e.", "m.d.")],
    "Dutch": [("linkerhand", "rechterhand")],
    "Polish": [("lewa ręka", "prawa ręka")],
    "Czech": [("levá ruka", "pravá ruka")],
    "Swedish": [("vänster", "höger")],
    "Danish": [("venstre hånd", "højre hånd")],
    "Hungarian": [("bal kéz", "jobb kéz")],
    "Turkish": [("sol el", "sağ el")],
    "Greek": [("αριστερό", "δεξί")],
    "Russian": [("левая рука", "правая рука"), ("Левая", "Правая"), ("л.р.", "п.р.")],
    "Ukrainian": [("ліва рука", "права рука")],
    "Japanese": [("左手", "右手"), ("ピアノ左", "ピアノ右")],
    "Chinese": [("钢琴左手", "钢琴右手")],
    "Korean": [("왼손", "오른손")],
    "Bulgarian": [("лява ръка", "дясна ръка")],
    "Croatian": [("lijeva ruka", "desna ruka")],
    "Catalan": [("mà esquerra", "mà dreta")],
    "Vietnamese": [("tay trái", "tay phải")],
    "Indonesian": [("tangan kiri", "tangan kanan")],
    "Thai": [("มือซ้าย", "มือขวา")],
    "Hebrew": [("יד שמאל", "יד ימין")],
    "Arabic": [("اليد اليسرى", "اليد اليمنى")],
    "Hindi": [("बायाँ हाथ", "दायाँ हाथ")],
}


@pytest.mark.parametrize("language", PAIRS)
def test_hands_in_many_languages(language: str) -> None:
    for left, right in PAIRS[language]:
        assert (hand_of_name(left), hand_of_name(right)) == (0, 1), (left, right)
        assert without_hand(left) == without_hand(right)


@pytest.mark.parametrize(
    ("name", "hand"),
    [("left", 0), ("Piano RIGHT", 1), ("R.H.", 1), ("l. h.", 0), ("piano_lh", 0), ("Rh", 1)]
    + [("Piano", -1), ("left and right", -1), ("bright piano", -1), ("", -1), ("copyright 1998", -1)]
    + [("Right pedal", -1), ("Der Lindenbaum", -1), ("Mi", -1), ("Bass", -1), ("links und rechts", -1)],
)
def test_hands_of_track_names(name: str, hand: int) -> None:
    assert hand_of_name(name) == hand


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("Piano Bass", "Piano Treble"), ("lower", "upper"), ("Piano, down", "Piano, up"), ("down:", "up:")]
    + [("unten", "oben"), ("Bassschlüssel", "Violinschlüssel"), ("低音", "高音"), ("Piano (L)", "Piano (R)")],
)
def test_staves(lower: str, upper: str) -> None:
    assert (staff_of_name(lower), staff_of_name(upper)) == (0, 1)
    assert hand_of_name(lower) == hand_of_name(upper) == -1  # alone they say nothing of hands


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("shift_jis", "右手"), ("euc_jp", "左手"), ("gbk", "左手"), ("big5", "右手"), ("euc_kr", "왼손")]
    + [("cp1251", "правая рука"), ("koi8_r", "левая рука"), ("cp866", "левая"), ("latin-1", "Mão direita")]
    + [("utf-16", "right"), ("utf-16-le", "left"), ("utf-16-be", "left"), ("utf-8-sig", "Linke Hand")]
    + [("latin-1", "Flügel"), ("cp1251", "Фортепиано"), ("shift_jis", "ピアノ"), ("latin-1", "Violão é")]
    + [("iso2022_jp", "右手"), ("cp1254", "Sağ el"), ("shift_jis", "高音部"), ("cp1250", "Pravá ruka")],
)
def test_names_in_the_encodings_of_their_countries(encoding: str, name: str) -> None:
    assert text_of(name.encode(encoding)) == name


def test_any_bytes_are_a_name() -> None:
    for data in (b"", b"\xff", b"\xff\xfe\0", b"\0\0\0\0\0", bytes(range(256))):
        assert "\0" not in text_of(data)


def test_players_and_instruments() -> None:
    assert [player_of_name(name) for name in ("Primo", "SECONDO right", "Piano", "2. Spieler")] == [
        0,
        1,
        -1,
        1,
    ]
    assert says_piano("Flügel") and says_piano("Grand Piano") and says_piano("фортепиано")
    assert says_keyboard("Cembalo") and not says_piano("Cembalo")
    for other in ("Violin", "Gesang", "Bass", "Schlagzeug", "Guitarra", "скрипка", "ドラム", "Melody"):
        assert says_other(other), other
    for piano in ("Piano", "Accompaniment right", "Piano & strings", "Nocturne op. 9", "Fuga 1", ""):
        assert not says_other(piano), piano
