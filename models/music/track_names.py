# SPDX-License-Identifier: GPL-3.0-or-later
"""What the name of a track says: which hand, which player, whether a piano or another instrument.

Names come in many languages and encodings, and nothing in a file says in which. The words below are those with which
notation programs, keyboards and people name staves; they are looked for without accents, in small letters.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from functools import lru_cache

from models.body.notes import UNKNOWN

LEFT, RIGHT = 0, 1
_REMEMBERED = 1024
"""Names: a file may have 65,535 tracks of one name."""


def _words(*words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{'|'.join(words)})(?![^\W\d])")


_HANDS = (
    _words(
        *(
            r"left(?:hand)?",
            r"l\.? ?h\.?",
            "l hand",
            r"link(?:s|e|er|en)(?:hand)?",
            r"li\. ?hand",
            "gauche",
            r"m\. ?g\.?",
        ),
        *(
            "sinistra",
            "sinistro",
            r"m\. ?s\.?",
            "sx",
            "izquierd[ao]",
            "izq",
            r"m\. ?i\.?",
            "esquerd[ao]",
            r"m\. ?e\.?",
        ),
        *("lewa", "lewej", "lewy", "лев(?:ая|ои|ыи|ую|а)", r"л\. ?р\.?", "лев", "ліва", "leva", "bal kez"),
        *("vanster", "venstre", "vasen", "sol el", "stanga", "αριστερο?[ιη]?"),
        *(
            "лява",
            "лева",
            "lijeva",
            "lava ruka",
            "esquerra",
            "vasak",
            "kaire",
            "kreisa",
            "vinstri",
            "tay trai",
            "kiri",
        ),
    ),
    _words(
        *(
            r"right(?:hand)?",
            r"r\.? ?h\.?",
            "r hand",
            r"recht(?:s|e|er|en)(?:hand)?",
            r"re\. ?hand",
            "droite?",
            r"m\. ?d\.?",
        ),
        *("destr[ao]", "dx", "derech[ao]", "direit[ao]"),
        *("prawa", "prawej", "prawy", "прав(?:ая|ои|ыи|ую|а)", r"п\. ?р\.?", "прав", "prava", "jobb kez"),
        *("hoger", "hoyre", "hojre", "oikea", "sag el", "dreapta", "δεξι[αο]?"),
        *(
            "дясна",
            "десна",
            "desna",
            "dreta",
            "dereita",
            "parem",
            "desine",
            "laba roka",
            "hægri",
            "tay phai",
            "kanan",
        ),
    ),
)
"""Names of the hands; Latin and Cyrillic letters, Greek."""
_SIGNS = (
    re.compile("左|왼|ซ้าย|שמאל|يسرى|يسار|چپ|बाय|बाएँ"),
    re.compile("右|오른|ขวา|ימין|يمنى|يمين|راست|दाय|दाएँ|दाहिन"),
)
"""The same in writings that set no spaces or write words together: of East Asia, Thai, Hebrew, Arabic, Hindi."""
_STAVES = (
    _words(
        *(
            "bass",
            "basso",
            "basse",
            "bassi",
            "bas",
            "baix[ao]",
            "bajo",
            "lower",
            "low",
            "down",
            "bottom",
            "unten",
            "untere[sr]?",
        ),
        *("inferiore?", "inferieure?", "grave", "l", "ms", "mg", "mi", "me", "lr", "li"),
        *("f[- ]?clef", "cle de fa", "bass-?schlussel", "dol", "низ", "нижн(?:ии|яя)", "бас", "басовыи"),
    ),
    _words(
        *(
            "treble",
            "discant",
            "diskant",
            "descant",
            "upper",
            "high",
            "up",
            "top",
            "oben",
            "obere[sr]?",
            "haut",
        ),
        *("superiore?", "superieure?", "acuto", "r", "md", "pr", "re", "g[- ]?clef", "cle de sol"),
        *("violin-?schlussel", "sol", "gora", "верх", "верхн(?:ии|яя)", "скрипичныи", "дискант"),
    ),
)
"""Names of the staves. They stand for hands only where both do: alone, a bass is an instrument."""
_STAFF_SIGNS = (re.compile("低音|ヘ音|下"), re.compile("高音|ト音|上"))
_PEDAL = _words("pedale?", "pedals?", "педаль")
_PLAYERS = (
    _words("primo", "prima", "player (?:1|i|one)", "spieler 1", r"1\. ?spieler", "1st player"),
    _words("secondo", "seconda", "player (?:2|ii|two)", "spieler 2", r"2\. ?spieler", "2nd player"),
)
_PIANO = re.compile(
    r"pian|klavier|clavier|flugel|\bpno\b|\bpf\b|\bpfte\b|steinway|yamaha c|bechstein|bosendorfer"
    "|пиано|пианино|рояль|фортепиано|ピアノ|鋼琴|钢琴|피아노"
)
_KEYBOARD = re.compile(
    r"keyboard|\bkeys\b|\bkeyb|teclado|tastiera|rhodes|wurli|harpsichord|cembalo|clavecin|clavinet|clavicembalo"
    "|клавесин|клавиш|キーボード|键盘"
)
_OTHERS = re.compile(
    "violin|viola|viool|violon|geige|bratsche|cello|contrabas|kontrabas|double ?bass|string|streich|corde|archi|orchest"
    "|flute|flote|flauto|oboe|hautbois|clarinet|klarinet|bassoon|fagott|french ?horn|\\bhorn|trumpet|trompet|tromb"
    "|posaune|tuba|brass|sax|guitar|gitar|guitare|chitarr|\\bgtr|banjo|mandolin|ukulele|\\bharp\\b|\\bharfe|\\barpa\\b"
    "|organ|orgel|\\borgue|accord|akkord|drum|percus|schlagz|batteri|bateria|timpani|pauken|cymbal|\\bkit\\b|vocal|voice"
    "|\\bvox\\b|singer|sing\\b|gesang|\\bchant\\b|\\bcanto\\b|choir|\\bchor\\b|choeur|\\bcoro\\b|\\bvoce\\b|\\bvoz\\b"
    "|\\blead\\b|melod|\\bpad\\b|synth|marimba|vibra|xylo|glocken|celest|\\bbells?\\b|click|metronom"
    "|\\bbass\\b|\\bbasse\\b|\\bbasso\\b|\\bbajo\\b|\\baltos?\\b|\\btenor|\\bbariton|sopran"
    "|скрипк|гитар|\\bбас\\b|ударн|барабан|голос|вокал|флейт|хор\\b|ギター|ドラム|ベース|ボーカル|バイオリン|ヴァイオリン|吉他|贝斯|小提琴"
)
_ROLES = re.compile("melod|мелоди|メロディ|旋律")
_JIS_ESCAPE = b"\x1b$"
"""With it begins Japanese in seven bits."""
_ENCODINGS = (
    "cp1251",
    "koi8_r",
    "cp866",
    "shift_jis",
    "gb18030",
    "euc_jp",
    "big5",
    "euc_kr",
    "cp1253",
    "cp1254",
)
"""Tried in this order where the bytes are no UTF-8: the first in which the name says something is right."""


@lru_cache(maxsize=_REMEMBERED)
def text_of(name: bytes) -> str:
    """The bytes of a name as text."""
    if name[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _clean(name.decode("utf-16", "replace"))
    if len(name) > 3 and name.count(0) * 3 > len(name):
        return _clean(name.decode("utf-16-le" if name[1] == 0 else "utf-16-be", "replace"))
    if _JIS_ESCAPE in name:
        return _clean(name.decode("iso2022_jp", "replace"))
    try:
        return _clean(name.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _clean(_told(name) or name.decode("latin-1"))


def _told(name: bytes) -> str:
    """The text of bytes that are no UTF-8, in the encoding in which it says something; empty if in none."""
    texts = [name.decode("latin-1")]
    for encoding in _ENCODINGS:
        with contextlib.suppress(UnicodeDecodeError):
            texts.append(name.decode(encoding))
    named = [text for text in texts if hand_of_name(text) != UNKNOWN]
    named += [text for text in texts if says_piano(text) or says_other(text)]
    named += [text for text in texts if staff_of_name(text) != UNKNOWN]
    return named[0] if named else ""


@lru_cache(maxsize=_REMEMBERED)
def hand_of_name(name: str) -> int:
    """0 or 1 where a name speaks of the left or the right hand, -1 where of neither or both."""
    return _one_of(_HANDS, _SIGNS, name)


@lru_cache(maxsize=_REMEMBERED)
def staff_of_name(name: str) -> int:
    """0 or 1 where a name speaks of the lower or the upper staff, -1 where of neither or both."""
    return _one_of(_STAVES, _STAFF_SIGNS, name)


def player_of_name(name: str) -> int:
    """0 primo, 1 secondo of music for four hands; -1 neither."""
    return next((i for i, words in enumerate(_PLAYERS) if words.search(_plain(name))), UNKNOWN)


def says_piano(name: str) -> bool:
    """Whether it speaks of a piano."""
    return bool(_PIANO.search(_plain(name)))


def says_keyboard(name: str) -> bool:
    """Whether it speaks of another instrument that is played as a piano is."""
    return bool(_KEYBOARD.search(_plain(name)))


@lru_cache(maxsize=_REMEMBERED)
def says_other(name: str) -> bool:
    """Whether it speaks of an instrument or a voice that is no piano."""
    return bool(_OTHERS.search(_plain(name))) and not says_piano(name) and not says_keyboard(name)


def says_role(name: str) -> bool:
    """Whether it speaks of a melody, which a voice of a band may play, or a pianist's hand."""
    return bool(_ROLES.search(_plain(name)))


@lru_cache(maxsize=_REMEMBERED)
def without_hand(name: str) -> str:
    """What remains of a name without the words for hands and staves: the same for both staves of an instrument."""
    text = _plain(name)
    for words in (*_HANDS, *_SIGNS, *_STAVES, *_STAFF_SIGNS):
        text = words.sub(" ", text)
    text = re.sub(r"\b(?:staff|stave|system|staves)\W?[12]\b", " ", text)
    text = re.sub(r"\b(?:hand|main|mano|mao|reka|ruka|рука|staff|stave|clef|system)\b|手|譜表|손", " ", text)
    return " ".join(re.findall(r"\w+", text))


def _one_of(words: tuple[re.Pattern[str], ...], signs: tuple[re.Pattern[str], ...], name: str) -> int:
    text = _plain(name)
    if _PEDAL.search(text):
        return UNKNOWN
    left, right = (bool(words[i].search(text) or signs[i].search(text)) for i in (LEFT, RIGHT))
    return UNKNOWN if left == right else int(right)


def _plain(name: str) -> str:
    """Small letters without accents, one space between words."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)  # pianoRH
    text = (
        unicodedata.normalize("NFKD", name.casefold()).replace("ø", "o").replace("ł", "l").replace("_", " ")
    )
    return unicodedata.normalize(
        "NFC", " ".join("".join(c for c in text if not "\u0300" <= c <= "\u036f").split())
    )


def _clean(text: str) -> str:
    return text.replace("\0", "").strip()
