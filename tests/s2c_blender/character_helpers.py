# SPDX-License-Identifier: GPL-3.0-or-later
"""Armatures of characters to test with, made from rest data; what Blender makes of them."""

import json
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector
from session_helpers import FRAMES, write_arms_take

from s2c_blender.core import skeleton
from s2c_blender.core.character.mapping import CharacterMapping, HandMapping
from s2c_blender.core.character_seat import piano_for
from s2c_blender.export.fbx import export_fbx
from s2c_blender.rig.character import stored
from s2c_blender.takes import sampling
from s2c_blender.takes.hands_on import reader_of

RIGS = Path(__file__).with_name("rigs")
FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def mpfb_armature(name="mixamo", scale=1.0):
    """An armature from MPFB's rest data (CC0). scale: armature units in a metre; the object is scaled back."""
    bones = json.loads((RIGS / f"mpfb_{name}.json").read_text())
    data = bpy.data.armatures.new("Character")
    armature = bpy.data.objects.new("Character", data)
    bpy.context.scene.collection.objects.link(armature)
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for bone, rest in bones.items():
        edit = data.edit_bones.new(bone)
        edit.head = Vector(rest["head"]) * scale
        edit.tail = Vector(rest["tail"]) * scale
        edit.roll = rest["roll"]
    for bone, rest in bones.items():
        edit = data.edit_bones[bone]
        if rest["parent"]:
            edit.parent = data.edit_bones[rest["parent"]]
            edit.use_connect = rest["use_connect"]
    bpy.ops.object.mode_set(mode="OBJECT")
    armature.scale = (1 / scale,) * 3
    bpy.context.view_layer.update()
    return armature


def mixamo_mapping(armature, piano=None):
    """The mapping of Mixamo's names."""
    hands = []
    for side in ("Left", "Right"):
        bones = {"wrist": f"mixamorig:{side}Hand", "forearm": f"mixamorig:{side}ForeArm"}
        bones.update(upper_arm=f"mixamorig:{side}Arm", shoulder=f"mixamorig:{side}Shoulder")
        for finger in FINGERS:
            for joint in (1, 2, 3):
                bones[f"{finger}{joint}"] = f"mixamorig:{side}Hand{finger.title()}{joint}"
        hands.append(HandMapping(bones))
    return CharacterMapping("mixamo", *hands, piano=piano)


def tips_seen(armature, hands, frame):
    """(2, 5, 3) the fingers' contact points in the world at a frame, as Blender evaluates the bones."""
    bpy.context.scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    found = np.full((2, 5, 3), np.nan)
    for hand in hands.hands:
        for finger in filter(None, hand.fingers):
            bone = evaluated.pose.bones[finger.bones[-1]]
            rest = np.array(bone.bone.matrix_local)
            tip = np.linalg.inv(rest) @ np.append(finger.axes.heads[-1], 1.0)
            found[hand.hand, finger.finger] = (np.array(evaluated.matrix_world @ bone.matrix) @ tip)[:3]
    return found


def geometry_tips(geometry, euler, wrist):
    """(frames, 2, 5, 3) contact points that the generator's geometry has for a take's angles, piano frame."""
    found = np.full((len(euler), 2, 5, 3), np.nan)
    for hand, side in enumerate(("left", "right")):
        standard = skeleton.rest_bones(hand)[0].frame
        turns = skeleton.euler_matrices(euler[:, hand])
        hand_turn = standard @ turns[:, 0] @ standard.T
        for finger, name in enumerate(FINGERS):
            own = geometry[side]["fingers"][name]
            if own is None:
                continue
            y, z = np.array(own["y_axis"]), np.array(own["z_axis"])
            frame = hand_turn @ np.stack([np.cross(y, z), y, z], 1)
            place = wrist[:, hand] + hand_turn @ np.array(own["base"])
            for joint, length in zip(skeleton.FINGER_JOINTS[finger], own["lengths"], strict=True):
                frame = frame @ turns[:, joint]
                place = place + length * frame[:, :, 1]
            found[:, hand, finger] = place
    return found


def seated(armature, metres=1.0):
    """The world-to-piano matrix of a piano in front of a Mixamo-named character; metres in a unit of the world."""
    world, bones = armature.matrix_world, armature.data.bones
    ends = [
        [world @ bones[f"mixamorig:{side}{part}"].head_local for part in ("Arm", "ForeArm", "Hand")]
        for side in ("Left", "Right")
    ]
    lengths = [[(b - a).length * metres for a, b in zip(arm, arm[1:], strict=False)] for arm in ends]
    return piano_for([list(arm[0]) for arm in ends], lengths, metres)


def seated_character(scale=1.0, metres=1.0, place=None):
    """A character at a piano of its own, chosen in the panel.

    scale: armature units in a metre; metres: in a unit of the scene; place: a matrix that moves character and piano.
    """
    armature = mpfb_armature(scale=scale)
    armature.matrix_world = Matrix.Scale(1 / metres, 4) @ armature.matrix_world
    bpy.context.view_layer.update()
    piano = seated(armature, metres)
    if place is not None:
        armature.matrix_world = place @ armature.matrix_world
        piano = piano @ np.linalg.inv(np.array(place))
    stored.remember(armature, stored.with_piano(mixamo_mapping(armature), piano))
    bpy.context.scene.s2c_settings.armature = armature
    return armature


def pole_rig():
    """A character whose arms follow controls by Blender's own IK, with Auto-Rig Pro's names for them."""
    armature = mpfb_armature()
    bpy.ops.object.mode_set(mode="EDIT")
    edits = armature.data.edit_bones
    for side, end in (("Left", ".l"), ("Right", ".r")):
        names = {"Arm": "arm", "ForeArm": "forearm", "Hand": "hand", "Shoulder": "c_shoulder"}
        for old, new in names.items():
            edits[f"mixamorig:{side}{old}"].name = new + end
        for finger in FINGERS:
            for joint in (1, 2, 3):
                edits[f"mixamorig:{side}Hand{finger.title()}{joint}"].name = f"c_{finger}{joint}{end}"
        for part in ("arm", "forearm", "hand"):
            control = edits.new(f"c_{part}_fk{end}")
            control.head, control.tail = edits[part + end].head, edits[part + end].tail
            control.roll, control.parent = edits[part + end].roll, edits[part + end].parent
        hand, elbow = edits.new(f"c_hand_ik{end}"), edits.new(f"c_arms_pole{end}")
        hand.head, hand.tail, hand.roll = (getattr(edits["hand" + end], n) for n in ("head", "tail", "roll"))
        elbow.head = edits["forearm" + end].head + Vector((0, 0.3, 0))
        elbow.tail = elbow.head + Vector((0, 0, 0.05))
        # A straight arm knows no way to bend; this one does, as rigs with IK do.
        edits["forearm" + end].head += Vector((0, 0.02, 0))
        edits["arm" + end].tail = edits["forearm" + end].head
    bpy.ops.object.mode_set(mode="OBJECT")
    for end in (".l", ".r"):
        ik = armature.pose.bones["forearm" + end].constraints.new("IK")
        ik.target = ik.pole_target = armature
        ik.subtarget, ik.pole_subtarget, ik.chain_count = f"c_hand_ik{end}", f"c_arms_pole{end}", 2
        ik.iterations = 500
        copied = armature.pose.bones["hand" + end].constraints.new("COPY_ROTATION")
        copied.target, copied.subtarget = armature, f"c_hand_ik{end}"
        armature.pose.bones[f"c_hand_ik{end}"]["ik_fk_switch"] = 0.0
    bpy.context.view_layer.update()
    return armature


def add_shell(armature):
    """A triangle on every bone, so that files of the armature have a pose to bind to."""
    mesh = bpy.data.meshes.new("Shell")
    item = bpy.data.objects.new("Shell", mesh)
    bones = armature.data.bones
    corners = [
        bone.matrix_local @ Vector(at) for bone in bones for at in ((0, 0, 0), (0.3, 0, 0), (0, 0.3, 0))
    ]
    mesh.from_pydata(corners, [], [(3 * i, 3 * i + 1, 3 * i + 2) for i in range(len(bones))])
    for i, bone in enumerate(bones):
        item.vertex_groups.new(name=bone.name).add([3 * i, 3 * i + 1, 3 * i + 2], 1.0, "REPLACE")
    item.modifiers.new("Armature", "ARMATURE").object = armature
    item.parent = armature
    bpy.context.scene.collection.objects.link(item)


def check_fbx(armature, path, preset, words):
    """An exported take is what Blender's own newer FBX reader, another program than its exporter, makes of the file."""
    export_fbx(bpy.context, armature, path, preset)
    wanted = {frame: joints(armature, frame, words) for frame in (1, 20, 40)}
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    bpy.ops.wm.fbx_import(filepath=str(path))
    again = next(item for item in bpy.data.objects if item.type == "ARMATURE")
    first = int(min(curve.range()[0] for curve in curves_of(again)))
    for frame, there in wanted.items():
        found = joints(again, first + frame - 1, words)
        assert len(there) > 20 and set(there) <= set(found)
        for name, (place, turn) in there.items():
            assert np.linalg.norm(found[name][0] - place) < 1e-4, (name, frame)
            angle = np.degrees(np.arccos(np.clip((np.trace(found[name][1].T @ turn) - 1) / 2, -1, 1)))
            assert angle < 0.1, (name, frame, angle)


def curves_of(armature):
    data = armature.animation_data
    bag = data.action.layers[0].strips[0].channelbag(data.action_slot)
    return list(bag.fcurves)


def joints(armature, frame, words):
    """Where each bone with one of `words` in its name is in the world, and how it is turned from rest there."""
    bpy.context.scene.frame_set(frame)
    evaluated = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    found = {}
    for bone in evaluated.pose.bones:
        if any(word in bone.name for word in words):
            place = (evaluated.matrix_world @ bone.matrix).translation
            world = np.array(evaluated.matrix_world.to_3x3().normalized())
            turn = np.array((bone.matrix @ bone.bone.matrix_local.inverted()).to_3x3().normalized())
            found[bone.name] = np.array(place), world @ turn @ world.T
    return found


def far_take(path: Path, shift: float = 0.34) -> dict[str, np.ndarray]:
    """Both hands go up the keyboard in the middle of the take, where the right arm is too short."""
    arrays = write_arms_take(path)
    there = np.exp(-(((np.arange(FRAMES) - 30) / 8.0) ** 2))
    arrays["wrist"][:, :, 0] += (shift * there)[:, None].astype(np.float32)
    write_arms_take(path, arrays)
    return arrays


def made_and_applied(folder, start, write=write_arms_take):
    """Put a take that `write` makes in a folder onto the character, from frame ``start`` on; its arrays."""
    arrays = write(folder / "made.npz")
    assert bpy.ops.s2c.apply_take(filepath=str(folder / "made.npz"), frame_start=start) == {"FINISHED"}
    assert "Something else" not in bpy.context.scene.s2c_settings.result
    return arrays


def read_back(armature, start):
    """The take that evaluated bones show, read as the extension reads it."""
    reader = reader_of(armature, FRAMES)
    for _ in sampling.sample(armature.session_uid, armature.name, range(start, start + FRAMES), reader):
        pass
    return reader
