# SPDX-License-Identifier: GPL-3.0-or-later
"""How families of characters name their bones, as their makers and users have it, and armatures of them, for tests."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from character_rigs import measured, renamed, with_leaf, with_parent, without_bone

from models.body.skeleton import FINGERS
from s2c_blender.core.character.rest_bones import RestBones

PARTS = ("wrist", "forearm", "upper_arm", "shoulder")
LONG = {"L": "Left", "R": "Right"}
DONOR = dict(zip(PARTS, ("hand", "lowerarm", "upperarm", "clavicle"), strict=True))
"""Parts in the names of the armature that the families without files are made from."""


@dataclass(frozen=True)
class Scheme:
    """How a family names its bones, as its makers and users have it."""

    parts: tuple[str, ...]
    """Of `PARTS`, as far as there are names."""
    thumb: tuple[str, ...]
    """Names of the thumb's bones; fewer than three where its first ones are missing."""
    finger: str
    words: tuple[str, ...]
    """Index to little finger."""
    numbers: tuple[str, ...] = ("1", "2", "3")
    sides: tuple[str, str] = ("L", "R")
    more: Callable[[RestBones, str], RestBones] = lambda bones, side: bones
    """What else such a rig has, for one side."""

    def expected(self, side: str) -> dict[str, str]:
        """Part to bone name."""
        bones = {part: name.format(s=side, l=LONG.get(side)) for part, name in zip(PARTS, self.parts)}
        bones |= {f"thumb{i + 1}": name.format(s=side) for i, name in enumerate(self.thumb)}
        for finger, word in zip(FINGERS[1:], self.words, strict=True):
            for i, n in enumerate(self.numbers):
                bones[f"{finger}{i + 1}"] = self.finger.format(s=side, w=word, n=n.format(w=word))
        return bones

    def armature(self) -> RestBones:
        """An armature of this family with the proportions of MPFB's."""
        bones = measured("mpfb_game_engine")
        for own, side in zip(("_l", "_r"), self.sides, strict=True):
            if len(self.thumb) < 3:
                bones = without_bone(bones, f"thumb_01{own}")
            first = 4 - len(self.thumb)
            table = {f"thumb_0{first + i}{own}": name.format(s=side) for i, name in enumerate(self.thumb)}
            for part, name in zip(PARTS, self.parts):
                table[DONOR[part] + own] = name.format(s=side, l=LONG.get(side))
            for finger, word in zip(FINGERS[1:], self.words, strict=True):
                for i, n in enumerate(self.numbers):
                    table[f"{finger}_0{i + 1}{own}"] = self.finger.format(s=side, w=word, n=n.format(w=word))
            bones = self.more(renamed(bones, table), side)
        return bones


def metacarpals(pattern: str, first: str, words: tuple[str, ...]) -> Callable[[RestBones, str], RestBones]:
    """Adds a bone of the palm before each finger's first one."""

    def add(bones: RestBones, side: str) -> RestBones:
        for word in words:
            bones = with_parent(bones, first.format(s=side, w=word), pattern.format(s=side, w=word), 0.3)
        return bones

    return add


def unreal5(bones: RestBones, side: str) -> RestBones:
    bones = metacarpals("{w}_metacarpal_{s}", "{w}_01_{s}", FINGERS[1:])(bones, side)
    for bone, helper in (
        ("lowerarm", "lowerarm_twist_01"),
        ("lowerarm", "lowerarm_correctiveRoot"),
        ("hand", "wrist_inner"),
    ):
        head = bones.heads[bones.index[f"{bone}_{side}"]]
        bones = with_leaf(bones, f"{bone}_{side}", f"{helper}_{side}", head)
    return bones


def metahuman(bones: RestBones, side: str) -> RestBones:
    bones = unreal5(bones, side)
    wrist = bones.heads[bones.index[f"hand_{side}"]]
    bones = with_leaf(bones, f"hand_{side}", f"hand_correctiveRoot_{side}", wrist)
    for finger in FINGERS[1:]:  # helpers on the way of the fingers
        knuckle = f"{finger}_01_{side}"
        bones = with_leaf(bones, knuckle, f"{finger}_01_half_{side}", bones.heads[bones.index[knuckle]])
    return bones


def auto_rig_pro(bones: RestBones, side: str) -> RestBones:
    bones = metacarpals("c_{w}1_base{s}", "c_{w}1{s}", FINGERS[1:])(bones, side)
    wrist = bones.heads[bones.index[f"hand{side}"]]
    for name in ("c_hand_ik", "c_hand_fk"):
        bones = with_leaf(bones, f"c_shoulder{side}", name + side, wrist)
    return bones


def mmd(bones: RestBones, side: str) -> RestBones:
    bones = with_parent(bones, f"{side}手首", f"{side}手捩", 0.5)
    return with_parent(bones, f"{side}ひじ", f"{side}腕捩", 0.5)


def humgen3d(bones: RestBones, side: str) -> RestBones:
    return (
        bones
        if "facs_control" in bones.index
        else with_leaf(bones, f"hand.{side}", "facs_control", np.ones(3))
    )


def mhx(bones: RestBones, side: str) -> RestBones:
    for name in (f"hand.ik.{side}", f"hand.fk.{side}"):
        bones = with_leaf(bones, f"clavicle.{side}", name, bones.heads[bones.index[f"hand.{side}"]])
    return metacarpals("palm_{w}.{s}", "f_{w}.01.{s}", FINGERS[1:])(bones, side)


def cc_game_base(bones: RestBones, side: str) -> RestBones:
    name = "CC_Base_FacialBone"
    return bones if name in bones.index else with_leaf(bones, f"clavicle_{side}", name, np.ones(3))


CAPITAL = ("Index", "Middle", "Ring", "Pinky")
LITTLE = ("Index", "Middle", "Ring", "Little")
MID = ("Index", "Mid", "Ring", "Pinky")
PHALANGES = ("Proximal", "Intermediate", "Distal")
LEFT_RIGHT = ("Left", "Right")
XR, UPPER = "XR_HAND_JOINT_{w}_{n}_EXT.{s}", tuple(map(str.upper, LITTLE))
MADE = {
    "unreal5": Scheme(
        ("hand_{s}", "lowerarm_{s}", "upperarm_{s}", "clavicle_{s}"),
        ("thumb_01_{s}", "thumb_02_{s}", "thumb_03_{s}"),
        "{w}_{n}_{s}",
        FINGERS[1:],
        ("01", "02", "03"),
        ("l", "r"),
        unreal5,
    ),
    "metahuman_body": Scheme(
        ("hand_{s}", "lowerarm_{s}", "upperarm_{s}", "clavicle_{s}"),
        ("thumb_01_{s}", "thumb_02_{s}", "thumb_03_{s}"),
        "{w}_{n}_{s}",
        FINGERS[1:],
        ("01", "02", "03"),
        ("l", "r"),
        metahuman,
    ),
    "character_creator": Scheme(
        ("CC_Base_{s}_Hand", "CC_Base_{s}_Forearm", "CC_Base_{s}_Upperarm", "CC_Base_{s}_Clavicle"),
        ("CC_Base_{s}_Thumb1", "CC_Base_{s}_Thumb2", "CC_Base_{s}_Thumb3"),
        "CC_Base_{s}_{w}{n}",
        MID,
    ),
    "accurig": Scheme(
        ("CC_Base_{s}_Hand", "CC_Base_{s}_Forearm", "CC_Base_{s}_Upperarm", "CC_Base_{s}_Clavicle"),
        ("CC_Base_{s}_Finger00", "CC_Base_{s}_Finger01", "CC_Base_{s}_Finger02"),
        "CC_Base_{s}_Finger{w}{n}",
        tuple("1234"),
        tuple("012"),
    ),
    "iclone": Scheme(
        ("{s}_Hand", "{s}_Forearm", "{s}_Upperarm", "{s}_Clavicle"),
        ("{s}_Thumb1", "{s}_Thumb2", "{s}_Thumb3"),
        "{s}_{w}{n}",
        MID,
    ),
    "auto_rig_pro": Scheme(
        ("hand{s}", "forearm{s}", "arm{s}", "c_shoulder{s}"),
        ("c_thumb1{s}", "c_thumb2{s}", "c_thumb3{s}"),
        "c_{w}{n}{s}",
        FINGERS[1:],
        sides=(".l", ".r"),
        more=auto_rig_pro,
    ),
    "auto_rig_pro_export": Scheme(
        ("hand{s}", "forearm_stretch{s}", "arm_stretch{s}", "shoulder{s}"),
        ("thumb1{s}", "c_thumb2{s}", "c_thumb3{s}"),
        "{n}{s}",
        FINGERS[1:],
        ("{w}1", "c_{w}2", "c_{w}3"),
        (".l", ".r"),
    ),
    "vroid": Scheme(
        ("J_Bip_{s}_Hand", "J_Bip_{s}_LowerArm", "J_Bip_{s}_UpperArm", "J_Bip_{s}_Shoulder"),
        ("J_Bip_{s}_Thumb1", "J_Bip_{s}_Thumb2", "J_Bip_{s}_Thumb3"),
        "J_Bip_{s}_{w}{n}",
        LITTLE,
    ),
    "vroid_symmetric": Scheme(
        ("Hand_{s}", "LowerArm_{s}", "UpperArm_{s}", "Shoulder_{s}"),
        ("Thumb1_{s}", "Thumb2_{s}", "Thumb3_{s}"),
        "{w}{n}_{s}",
        LITTLE,
    ),
    "humanoid": Scheme(
        ("{s}Hand", "{s}LowerArm", "{s}UpperArm", "{s}Shoulder"),
        ("{s}ThumbMetacarpal", "{s}ThumbProximal", "{s}ThumbDistal"),
        "{s}{w}{n}",
        LITTLE,
        PHALANGES,
        LEFT_RIGHT,
    ),
    "mmd": Scheme(
        ("{s}手首", "{s}ひじ", "{s}腕", "{s}肩"),
        ("{s}親指１", "{s}親指２"),
        "{s}{w}{n}",
        ("人指", "中指", "薬指", "小指"),
        tuple("１２３"),
        ("左", "右"),
        mmd,
    ),
    "mmd_suffix": Scheme(
        ("手首.{s}", "ひじ.{s}", "腕.{s}", "肩.{s}"),
        ("親指０.{s}", "親指１.{s}", "親指２.{s}"),
        "{w}{n}.{s}",
        ("人差指", "中指", "薬指", "小指"),
        tuple("１２３"),
    ),
    "mmd_english": Scheme(
        ("Wrist_{s}", "Elbow_{s}", "Arm_{s}", "Shoulder_{s}"),
        ("Thumb1_{s}", "Thumb2_{s}"),
        "{w}Finger{n}_{s}",
        LITTLE,
    ),
    "cats": Scheme(
        ("{l} wrist", "{l} elbow", "{l} arm", "{l} shoulder"),
        ("Thumb0_{s}", "Thumb1_{s}", "Thumb2_{s}"),
        "{w}Finger{n}_{s}",
        LITTLE,
    ),
    "humgen3d": Scheme(
        ("hand.{s}", "forearm.{s}", "upper_arm.{s}", "shoulder.{s}"),
        ("thumb.01.{s}", "thumb.02.{s}", "thumb.03.{s}"),
        "f_{w}.{n}.{s}",
        FINGERS[1:],
        ("01", "02", "03"),
        more=humgen3d,
    ),
    "mhx": Scheme(
        ("hand.{s}", "forearm.{s}", "upper_arm.{s}", "clavicle.{s}"),
        ("thumb.01.{s}", "thumb.02.{s}", "thumb.03.{s}"),
        "f_{w}.{n}.{s}",
        FINGERS[1:],
        ("01", "02", "03"),
        more=mhx,
    ),
    "cc_game_base": Scheme(
        ("hand_{s}", "lowerarm_{s}", "upperarm_{s}", "clavicle_{s}"),
        ("thumb_01_{s}", "thumb_02_{s}", "thumb_03_{s}"),
        "{w}_{n}_{s}",
        FINGERS[1:],
        ("01", "02", "03"),
        ("l", "r"),
        cc_game_base,
    ),
    "openxr": Scheme(
        ("XR_HAND_JOINT_WRIST_EXT.{s}",),
        tuple(XR.format(w="THUMB", n=n, s="{s}") for n in ("METACARPAL", "PROXIMAL", "DISTAL")),
        XR,
        UPPER,
        tuple(map(str.upper, PHALANGES)),
        more=metacarpals(XR.replace("{n}", "METACARPAL"), XR.replace("{n}", "PROXIMAL"), UPPER),
    ),
    "meta_hands": Scheme(
        ("b_{s}_wrist", "b_{s}_forearm_stub"),
        ("b_{s}_thumb1", "b_{s}_thumb2", "b_{s}_thumb3"),
        "b_{s}_{w}{n}",
        FINGERS[1:],
        sides=("l", "r"),
    ),
    "rokoko": Scheme(
        ("{s}Hand", "{s}ForeArm", "{s}Arm", "{s}Shoulder"),
        ("{s}Finger1Metacarpal", "{s}Finger1Proximal", "{s}Finger1Distal"),
        "{s}Finger{w}{n}",
        tuple("2345"),
        ("Proximal", "Medial", "Distal"),
        LEFT_RIGHT,
        metacarpals("{s}Finger{w}Metacarpal", "{s}Finger{w}Proximal", tuple("2345")),
    ),
    "xsens": Scheme(
        ("{s}Hand", "{s}ForeArm", "{s}UpperArm", "{s}Shoulder"),
        ("{s}FirstMC", "{s}FirstPP", "{s}FirstDP"),
        "{s}{w}{n}",
        ("Second", "Third", "Fourth", "Fifth"),
        ("PP", "MP", "DP"),
        LEFT_RIGHT,
        metacarpals("{s}{w}MC", "{s}{w}PP", ("Second", "Third", "Fourth", "Fifth")),
    ),
}

FIVE = ("thumb", "index", "middle", "ring", "pinky")
RIGIFY = ("thumb", "f_index", "f_middle", "f_ring", "f_pinky")
HANDS_OF_MIXAMO = ("Thumb", *CAPITAL)
DAZ = ("Thumb", *MID)
MEASURED: dict[str, tuple[str, tuple[str, ...], tuple[str, tuple[str, ...], tuple[str, str]]]] = {
    # armature: family; wrist, forearm, upper arm, shoulder; scheme and words of fingers, sides
    "rigify_metarig": (
        "rigify_metarig",
        ("hand{s}", "forearm{s}", "upper_arm{s}", "shoulder{s}"),
        ("{w}.0{n}{s}", RIGIFY, (".L", ".R")),
    ),
    "rigify_deform": (
        "rigify_deform",
        ("DEF-hand{s}", "DEF-forearm{s}", "DEF-upper_arm{s}", "DEF-shoulder{s}"),
        ("DEF-{w}.0{n}{s}", RIGIFY, (".L", ".R")),
    ),
    "makehuman": (
        "makehuman_default",
        ("wrist{s}", "lowerarm01{s}", "upperarm01{s}", "clavicle{s}"),
        ("finger{w}-{n}{s}", tuple("12345"), (".L", ".R")),
    ),
    "mpfb_game_engine": (
        "mpfb_game_engine",
        ("hand_{s}", "lowerarm_{s}", "upperarm_{s}", "clavicle_{s}"),
        ("{w}_0{n}_{s}", FIVE, ("l", "r")),
    ),
    "smplx": (
        "smplx",
        ("{s}_wrist", "{s}_elbow", "{s}_shoulder", "{s}_collar"),
        ("{s}_{w}{n}", FIVE, ("left", "right")),
    ),
    "unreal4": (
        "unreal4",
        ("hand_{s}", "lowerarm_{s}", "upperarm_{s}", "clavicle_{s}"),
        ("{w}_0{n}_{s}", FIVE, ("l", "r")),
    ),
    "gdquest": (
        "gdquest",
        ("hand{s}", "lowerarm{s}", "upperarm{s}", "clavicle{s}"),
        ("{w}_0{n}{s}", FIVE[:4], (".l", ".r")),
    ),
    "mixamo_fbx": (
        "mixamo",
        ("mixamorig:{s}Hand", "mixamorig:{s}ForeArm", "mixamorig:{s}Arm", "mixamorig:{s}Shoulder"),
        ("mixamorig:{s}Hand{w}{n}", HANDS_OF_MIXAMO, LEFT_RIGHT),
    ),
    "mixamo_glb": (
        "mixamo",
        ("mixamorig_{s}Hand", "mixamorig_{s}ForeArm", "mixamorig_{s}Arm", "mixamorig_{s}Shoulder"),
        ("mixamorig_{s}Hand{w}{n}", HANDS_OF_MIXAMO, LEFT_RIGHT),
    ),
    "ready_player_me": (
        "humanik",
        ("{s}Hand", "{s}ForeArm", "{s}Arm", "{s}Shoulder"),
        ("{s}Hand{w}{n}", HANDS_OF_MIXAMO, LEFT_RIGHT),
    ),
    "daz_genesis8": (
        "daz_genesis8",
        ("{s}Hand", "{s}ForearmBend", "{s}ShldrBend", "{s}Collar"),
        ("{s}{w}{n}", DAZ, ("l", "r")),
    ),
    "daz_genesis9": (
        "daz_genesis9",
        ("{s}_hand", "{s}_forearm", "{s}_upperarm", "{s}_shoulder"),
        ("{s}_{w}{n}", tuple(map(str.lower, DAZ)), ("l", "r")),
    ),
    "vrm_addon": (
        "vrm_addon",
        ("hand.{s}", "lower_arm.{s}", "upper_arm.{s}", "shoulder.{s}"),
        ("{w}_{n}.{s}", tuple(map(str.lower, ("Thumb", *LITTLE))), ("L", "R")),
    ),
    "rocketbox_biped": (
        "biped",
        ("Bip01 {s} Hand", "Bip01 {s} Forearm", "Bip01 {s} UpperArm", "Bip01 {s} Clavicle"),
        ("Bip01 {s} Finger{w}{n}", tuple("01234"), ("L", "R")),
    ),
}
NUMBERED = {"vrm_addon": tuple(map(str.lower, PHALANGES)), "biped": ("", "1", "2")}


def expected_of(name: str) -> list[dict[str, str]]:
    """The bones of both hands of a measured armature."""
    key, parts, (finger, words, sides) = MEASURED[name]
    hands = []
    for side in sides:
        own = {part: pattern.format(s=side) for part, pattern in zip(PARTS, parts, strict=True)}
        for which, word in zip(FINGERS, words):
            for i, n in enumerate(NUMBERED.get(key, ("1", "2", "3"))):
                own[f"{which}{i + 1}"] = finger.format(s=side, w=word, n=n)
        hands.append(own)
    return hands
