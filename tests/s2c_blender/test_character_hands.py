# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's hand as geometry and as rotations of bones: one and the same hand, on any rig."""

from dataclasses import replace

import numpy as np
import pytest
from character_rigs import (
    angles,
    by_names,
    check_exact,
    check_flexion,
    measured,
    mirrored,
    moved,
    rolled,
    rotation,
)

from models.body.hand_file import hands_of
from models.body.skeleton import FINGER_JOINTS, FINGERS, HANDS, JOINTS, STANDARD_HANDS
from s2c_blender.core import skeleton
from s2c_blender.core.character.hands import CharacterHands
from s2c_blender.core.character.mapping import CharacterMapping, HandMapping
from s2c_blender.core.character.rest_bones import RestBones, metres_of
from s2c_blender.errors import UserError

FIVE = ("thumb", "index", "middle", "ring", "pinky")
CAPITAL = ("Thumb", "Index", "Middle", "Ring", "Pinky")
DAZ = ("Thumb", "Index", "Mid", "Ring", "Pinky")
LR, LEFT_RIGHT = (".L", ".R"), ("Left", "Right")
RIGIFY = ("thumb", "f_index", "f_middle", "f_ring", "f_pinky")
RIGS = {
    "rigify_metarig": by_names("hand{side}", "{finger}.0{n}{side}", RIGIFY, LR),
    "rigify_deform": by_names("DEF-hand{side}", "DEF-{finger}.0{n}{side}", RIGIFY, LR),
    "makehuman": by_names("wrist{side}", "finger{finger}-{n}{side}", tuple("12345"), LR),
    "mpfb_game_engine": by_names("hand{side}", "{finger}_0{n}{side}", FIVE, ("_l", "_r")),
    "unreal4": by_names("hand{side}", "{finger}_0{n}{side}", FIVE, ("_l", "_r")),
    "mixamo_fbx": by_names("mixamorig:{side}Hand", "mixamorig:{side}Hand{finger}{n}", CAPITAL, LEFT_RIGHT),
    "mixamo_glb": by_names("mixamorig_{side}Hand", "mixamorig_{side}Hand{finger}{n}", CAPITAL, LEFT_RIGHT),
    "mpfb_mixamo": by_names("mixamorig:{side}Hand", "mixamorig:{side}Hand{finger}{n}", CAPITAL, LEFT_RIGHT),
    "ready_player_me": by_names("{side}Hand", "{side}Hand{finger}{n}", CAPITAL, LEFT_RIGHT),
    "daz_genesis8": by_names(
        "{side}Hand", "{side}{finger}{n}", ("Thumb", "Index", "Mid", "Ring", "Pinky"), ("l", "r")
    ),
    "daz_genesis9": by_names(
        "{side}_hand", "{side}_{finger}{n}", ("thumb", "index", "mid", "ring", "pinky"), ("l", "r")
    ),
    "smplx": by_names("{side}_wrist", "{side}_{finger}{n}", FIVE, ("left", "right")),
    "gdquest": by_names(
        "hand{side}", "{finger}_0{n}{side}", ("thumb", "index", "middle", "ring", ""), (".l", ".r")
    ),
}


@pytest.mark.parametrize("name", RIGS)
def test_posed_bones_are_where_the_generator_has_the_joints(name: str) -> None:
    for seed in range(3):
        check_exact(measured(name), RIGS[name], seed)
        check_exact(moved(rolled(measured(name), seed), seed, 0.01 * 7**seed), RIGS[name], seed)


@pytest.mark.parametrize("name", RIGS)
def test_angles_survive_the_way_to_the_bones_and_back(name: str) -> None:
    hands = CharacterHands.of(rolled(measured(name), 5), RIGS[name])
    euler = np.stack([angles(seed, hands) for seed in range(20)])
    back = hands.finger_euler(hands.finger_rotations(euler))
    for hand in hands.hands:
        wrist = euler[:, hand.hand, 0]
        assert hand.wrist_euler(hand.wrist_orientations(wrist)) == pytest.approx(wrist, abs=1e-9)
        for finger in range(5):
            joints = FINGER_JOINTS[finger]
            expected = euler[:, hand.hand, joints] if hand.fingers[finger] else np.zeros((20, 3, 3))
            assert back[:, hand.hand, joints] == pytest.approx(expected, abs=1e-9)
    assert not back[:, :, 0].any()


@pytest.mark.parametrize("name", RIGS)
def test_flexion_brings_every_tip_toward_the_palm_on_both_sides(name: str) -> None:
    check_flexion(measured(name), RIGS[name])


def built_in(scale: float = 1.0) -> RestBones:
    """Our own armature as anybody's."""
    both = [bone for hand in range(2) for bone in skeleton.rest_bones(hand, scale)]
    names = [bone.name for bone in both]
    parents = [-1 if bone.parent < 0 else 16 * (i // 16) + bone.parent for i, bone in enumerate(both)]
    arrays = (np.stack([getattr(bone, part) for bone in both]) for part in ("head", "tail", "frame"))
    return RestBones(tuple(names), np.array(parents), *arrays)


def test_our_own_rig_is_the_standard_hand_and_its_angles_are_its_rotations() -> None:
    hands = CharacterHands.of(built_in(1.1), RIGS["rigify_metarig"])
    data = hands.geometry("ours")
    assert data["format"] == 1 and data["name"] == "ours" and set(data) == {"format", "name", "left", "right"}
    for hand, side in enumerate(HANDS):
        for finger, name in enumerate(FINGERS):
            found = data[side]["fingers"][name]
            y, z = np.array(found["y_axis"]), np.array(found["z_axis"])
            frame = np.stack([np.cross(y, z), y, z], axis=1)
            assert frame == pytest.approx(STANDARD_HANDS.finger_frames[hand, finger], abs=1e-8)
            assert found["base"] == pytest.approx(1.1 * STANDARD_HANDS.finger_bases[hand, finger], abs=1e-12)
            assert found["lengths"] == pytest.approx(1.1 * STANDARD_HANDS.lengths[hand, finger], abs=1e-12)
            assert found["radii"] == pytest.approx(1.1 * STANDARD_HANDS.radii[hand, finger], abs=1e-12)
            assert found["locked"] == []
    assert hands.size == pytest.approx(1.1)
    euler = angles(0, hands)
    rotations = hands.finger_rotations(euler)
    for hand in range(2):
        for joint in range(1, 16):
            bone = skeleton.rest_bones(hand)[joint].name
            assert rotations[bone] == pytest.approx(skeleton.euler_matrices(euler[hand, joint]), abs=1e-9)


def test_a_finger_with_two_bones_has_its_last_one_cut_in_two() -> None:
    full = RIGS["unreal4"]
    left, right = (
        {k: v for k, v in hand.bones.items() if k not in ("ring3", "thumb3")} for hand in full.hands
    )
    mapping = CharacterMapping("x", HandMapping(left), HandMapping(right))
    bones = measured("unreal4")
    for seed in range(3):
        check_exact(bones, mapping, seed)
    data = CharacterHands.of(bones, mapping).geometry("x")
    whole = CharacterHands.of(bones, full).geometry("x")
    for side in HANDS:
        for name in ("ring", "thumb"):
            short, long = data[side]["fingers"][name], whole[side]["fingers"][name]
            assert short["locked"] == [3] and long["locked"] == []
            # The tip is now the third bone's head, so the second bone alone is cut, in the standard proportions.
            index = FINGERS.index(name)
            assert sum(short["lengths"][1:]) == pytest.approx(long["lengths"][1])
            assert short["lengths"][2] / short["lengths"][1] == pytest.approx(
                STANDARD_HANDS.lengths[0, index, 2] / STANDARD_HANDS.lengths[0, index, 1]
            )
        assert data[side]["fingers"]["index"]["locked"] == []


def test_what_a_missing_joint_would_turn_the_last_bone_turns() -> None:
    left, right = ({k: v for k, v in hand.bones.items() if k != "ring3"} for hand in RIGS["unreal4"].hands)
    hands = CharacterHands.of(
        measured("unreal4"), CharacterMapping("x", HandMapping(left), HandMapping(right))
    )
    euler = np.zeros((2, 16, 3))
    ring2, ring3 = JOINTS.index("ring2"), JOINTS.index("ring3")
    euler[:, ring2, 0], euler[:, ring3, 0] = 0.3, 0.4
    back = hands.finger_euler(hands.finger_rotations(euler))
    assert back[:, ring2, 0] == pytest.approx([0.7, 0.7]) and not back[:, ring3].any()


def test_a_missing_finger_is_no_finger() -> None:
    data = CharacterHands.of(measured("gdquest"), RIGS["gdquest"]).geometry("x")
    assert [data[side]["fingers"]["pinky"] for side in HANDS] == [None, None]
    assert all(data[side]["fingers"][name] for side in HANDS for name in FIVE[:4])


def test_tip_joints_end_the_finger_and_a_wrong_tail_does_not() -> None:
    bones = measured("ready_player_me")
    fingers = CharacterHands.of(bones, RIGS["ready_player_me"]).right.fingers
    for finger, word in zip(fingers, CAPITAL, strict=True):
        assert finger is not None
        assert finger.axes.heads[-1] == pytest.approx(bones.heads[bones.index[f"RightHand{word}4"]])
    bones = measured("unreal4")  # the importer's tails of last bones stand a quarter turn off
    for hand in CharacterHands.of(bones, RIGS["unreal4"]).hands:
        for finger in filter(None, hand.fingers):
            before, last = finger.axes.frames[-2:, :, 1]
            assert before @ last > 0.85
            assert 0.7 < finger.lengths[2] / finger.lengths[1] < 1.05


def test_measured_tips_and_thickness_count() -> None:
    bones, full = measured("mixamo_fbx"), RIGS["mixamo_fbx"]
    last = full.left.bones["index3"]
    tips = (None, (last, (0.0, 2.5, 0.3)), None, None, None)
    mapping = replace(
        full, left=replace(full.left, tips=tips, radii=(None, (1.0, 0.9, 0.8, 0.7), None, None, None))
    )
    check_exact(bones, mapping, 1)
    index = CharacterHands.of(bones, mapping).left.fingers[1]
    assert index is not None
    assert index.axes.heads[-1] == pytest.approx(bones.in_armature_space(bones.index[last], tips[1][1]))
    assert index.radii == pytest.approx([0.010, 0.009, 0.008, 0.007])
    assert index.lengths[2] == pytest.approx(0.01 * np.hypot(2.5, 0.3))


def refused(bones: RestBones, mapping: CharacterMapping) -> str:
    with pytest.raises(UserError) as error:
        CharacterHands.of(bones, mapping)
    assert error.value.message.endswith(".") and error.value.message.count(". ") == 0
    return error.value.message


def without(mapping: CharacterMapping, *parts: str) -> CharacterMapping:
    hands = [replace(h, bones={k: v for k, v in h.bones.items() if k not in parts}) for h in mapping.hands]
    return replace(mapping, left=hands[0], right=hands[1])


def with_bones(mapping: CharacterMapping, **bones: str) -> CharacterMapping:
    return replace(mapping, left=replace(mapping.left, bones={**mapping.left.bones, **bones}))


def test_hands_that_cannot_be_played_are_refused_in_one_sentence() -> None:
    bones, full = measured("unreal4"), RIGS["unreal4"]
    assert "no wrist" in refused(bones, without(full, "wrist"))
    assert 'no bone "hand_x"' in refused(bones, with_bones(full, wrist="hand_x"))
    assert "lacks a joint" in refused(bones, without(full, "ring2"))
    assert "twice" in refused(bones, with_bones(full, ring1="index_01_l"))
    assert "Both hands" in refused(bones, replace(full, right=full.left))
    one = [f"{finger}{n}" for finger in FIVE[2:] for n in (1, 2, 3)]
    assert "fewer than two fingers" in refused(bones, without(full, *one))
    swapped = with_bones(
        full,
        **{f"{a}{n}": f"{b}_0{n}_l" for a, b in (("index", "ring"), ("ring", "index")) for n in (1, 2, 3)},
    )
    assert "out of order" in refused(bones, swapped)
    crossed = with_bones(full, index2="middle_02_l", middle2="index_02_l")
    assert "does not hang on" in refused(bones, crossed)
    stiff = np.ones(len(bones.names), bool)
    stiff[bones.index["index_02_r"]] = False
    assert "Inherit Rotation" in refused(replace(bones, inherits=stiff), full)


def bent(bones: RestBones, name: str, axis: str, degrees: float) -> RestBones:
    """The armature with a bone and all below it turned at rest, about the hand's own canonical axis."""
    frame = CharacterHands.of(measured("unreal4"), RIGS["unreal4"]).left.frame
    way = frame[:, "xyz".index(axis)]
    half = np.radians(degrees) / 2
    turn = rotation(np.array([np.cos(half), *(np.sin(half) * way)]))
    bone = bones.index[name]
    moving = [i for i in range(len(bones.names)) if i == bone or bone in bones.ancestors(i)]
    heads, tails, frames = bones.heads.copy(), bones.tails.copy(), bones.frames.copy()
    for places in (heads, tails):
        places[moving] = (places[moving] - bones.heads[bone]) @ turn.T + bones.heads[bone]
    frames[moving] = turn @ frames[moving]
    return replace(bones, heads=heads, tails=tails, frames=frames)


def test_hands_that_are_no_hands_at_rest_are_refused() -> None:
    bones, full = measured("unreal4"), RIGS["unreal4"]
    for degrees in (-50, -60):
        curled = bones
        for joint in ("01", "02", "03"):
            curled = bent(curled, f"middle_{joint}_l", "x", degrees)
        assert "bent into a fist" in refused(curled, full)
    zigzag, last = bent(bones, "ring_02_l", "z", 110), bones.index["ring_03_l"]
    ahead = CharacterHands.of(bones, full).left.frame @ (0.0, 4.0, 0.0)
    tip = tuple(zigzag.in_bone_space(last, zigzag.heads[last] + ahead))
    with_tip = replace(full.left, tips=(None, None, None, ("ring_03_l", tip), None))
    assert "bent sideways" in refused(zigzag, replace(full, left=with_tip))
    assert "or backwards" in refused(bent(bones, "index_01_l", "z", 170), full)
    thumb = bones.index["thumb_01_l"]
    moving = [i for i in range(len(bones.names)) if i == thumb or thumb in bones.ancestors(i)]
    heads = bones.heads.copy()
    heads[moving] += 2 * (heads[bones.index["pinky_01_l"]] - heads[bones.index["index_01_l"]])
    assert "thumb on the side of the little finger" in refused(replace(bones, heads=heads), full)
    heads = bones.heads.copy()
    heads[bones.index["middle_02_l"]] = heads[bones.index["middle_01_l"]]
    assert "at one place" in refused(replace(bones, heads=heads), full)
    heads = bones.heads.copy()
    wrist, middle = (heads[bones.index[name]] for name in ("hand_l", "middle_01_l"))
    for share, finger in zip((1.2, 1.1, 0.9), ("index", "ring", "pinky"), strict=True):
        heads[bones.index[f"{finger}_01_l"]] = wrist + share * (middle - wrist)
    assert "in one line" in refused(replace(bones, heads=heads), full)
    for change in (np.diag([1.0, 1.0, -1.0]), 1.1 * np.eye(3)):
        frames = bones.frames.copy()
        frames[bones.index["ring_02_r"]] = frames[bones.index["ring_02_r"]] @ change
        assert "scaled or mirrored at rest" in refused(replace(bones, frames=frames), full)
    tip = replace(full.left, tips=(("hand_l", (0.0, 1.0, 0.0)), None, None, None, None))
    assert "which is not its last bone" in refused(bones, replace(full, left=tip))


def test_bones_are_looked_at_before_they_are_used() -> None:
    bones = measured("unreal4")
    for wrong in (
        {"heads": bones.heads[:-1]},
        {"parents": np.roll(np.arange(len(bones.names)), 1)},  # a ring
        {"parents": np.full(len(bones.names), len(bones.names))},
        {"names": ("hand_l",) * len(bones.names)},
    ):
        with pytest.raises(ValueError, match=r"shape|ring|one name"):
            replace(bones, **wrong)
    for odd in ({"heads": np.full_like(bones.heads, np.nan)}, {"metres": 0.0}, {"metres": np.inf}):
        with pytest.raises(UserError, match="no numbers"):
            replace(bones, **odd)


def test_a_left_hand_mapped_as_the_right_one_is_noticed() -> None:
    for name in ("unreal4", "makehuman", "mixamo_fbx", "rigify_metarig", "ready_player_me"):
        exchanged = replace(RIGS[name], left=RIGS[name].right, right=RIGS[name].left)
        assert "backwards" in refused(measured(name), exchanged), name


def test_a_flat_armature_is_refused() -> None:
    bones = measured("webxr_left")
    bones = replace(bones, names=tuple(f"l {name}" for name in bones.names))
    other = mirrored(bones, {name: f"r {name[2:]}" for name in bones.names})
    both = RestBones(
        bones.names + other.names,
        np.full(50, -1),
        np.concatenate([bones.heads, other.heads]),
        np.concatenate([bones.tails, other.tails]),
        np.concatenate([bones.frames, other.frames]),
    )
    parts = ("phalanx-proximal", "phalanx-intermediate", "phalanx-distal")
    hands = []
    for side in "lr":
        own = {"wrist": f"{side} wrist"}
        own |= {f"{f}{n + 1}": f"{side} {f}-finger-{p}" for f in FIVE[1:] for n, p in enumerate(parts)}
        hands.append(HandMapping(own))
    message = refused(both, CharacterMapping("x", *hands))
    assert "does not hang on" in message and "Edit Mode" in message


def test_scale_in_metres_and_scales_that_are_refused() -> None:
    turn = rotation(np.array([1.0, 2.0, -0.5, 0.3]))
    assert metres_of(0.01 * turn) == pytest.approx(0.01)
    assert metres_of(np.diag([2.0, 2.0, 2.0, 1.0])) == pytest.approx(2.0)
    for matrix, word in (
        (turn @ np.diag([1, 2, 1]), "stretched"),
        (turn @ np.diag([-1, 1, 1]), "mirrored"),
        (np.zeros((3, 3)), "zero"),
        (np.diag([1, 2, 1]) @ turn, "stretched"),
    ):
        with pytest.raises(UserError, match=word):
            metres_of(matrix)


def test_hands_of_another_size_than_a_piano_is_made_for_are_refused() -> None:
    bones, mapping = measured("unreal4"), RIGS["unreal4"]
    for metres in (0.1, 0.001):
        hands = CharacterHands.of(replace(bones, metres=metres), mapping)
        with pytest.raises(UserError, match="scale the character"):
            hands.geometry("x")
    radii = ((9.0, 9.0, 9.0, 9.0), None, None, None, None)
    thick = replace(mapping, left=replace(mapping.left, radii=radii))
    with pytest.raises(UserError, match="18 cm thick"):
        CharacterHands.of(bones, thick).geometry("x")
    longest = CharacterHands.of(bones, mapping).geometry("A\n" * 200)["name"]
    assert len(longest) <= 120 and longest.isprintable()


def test_any_mapping_and_any_armature_give_hands_or_a_sentence() -> None:
    random = np.random.default_rng(7)
    full, bones = RIGS["unreal4"], measured("unreal4")
    heads, played, refusals = bones.heads, 0, set()
    for turn in range(400):
        own = [dict(hand.bones) for hand in full.hands]
        for _ in range(turn % 4):  # other bones, or none
            hand, part = random.integers(2), str(random.choice(list(full.left.bones)))
            own[hand][part] = str(random.choice(bones.names))
            if random.random() < 0.3:
                del own[hand][part]
        places = heads.copy()
        chosen = random.random(len(places)) < 0.05 * (turn % 3)
        kinds = (np.zeros(3), heads[3], heads[random.permutation(len(heads))[0]], 100 * random.normal(size=3))
        places[chosen] = kinds[turn % 4]
        try:
            with np.errstate(all="raise"):
                hands = CharacterHands.of(
                    replace(bones, heads=places), CharacterMapping("x", *(HandMapping(hand) for hand in own))
                )
                geometry = hands.geometry("x")
        except UserError as error:
            refusals.add(error.code)
            continue
        played += 1
        hands_of(geometry)  # the generator takes whatever is given to it
        assert all(
            np.isfinite(turns).all() for turns in hands.finger_rotations(np.zeros((2, 16, 3))).values()
        )
    assert played > 40 and refusals >= {"character_hand", "character_chain", "character_size"}
