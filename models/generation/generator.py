# SPDX-License-Identifier: GPL-3.0-or-later
"""From notes to a take: fingering, positions, diffusion in windows, frame rate, key contact.

    model = load_model("default", "auto")
    take = generate(model, notes, duration_s=12.5, settings=GenerateSettings(seed=3))

Redoing a hand or some seconds of a take is the same sampling with known frames: what is kept is given to the
network as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from models import __version__
from models.body.arms import natural_arms_of, splice_arms, sway_of_style
from models.body.edit_mask import EditMask
from models.body.hand_file import hands_of, same_hands
from models.body.keyboard_size import STANDARD_KEYBOARD, KeyboardSize
from models.body.kinematics import clamp_to_limits
from models.body.motion import Motion
from models.body.notes import Notes
from models.body.player import STYLE_RANGE, Player, Style, style_of_size
from models.body.resampling import frame_count, resample_motion, splice
from models.body.skeleton import HANDS
from models.body.take import Take
from models.checks import check_ranges
from models.conditioning.windows import Listener, ModelInput
from models.config import SAMPLER_NAMES
from models.contact import apply_contact
from models.contact.key_curves import key_curves
from models.contact.refitting import ShownHands, refitted
from models.contact.separation import separate_hands
from models.diffusion.samplers import SAMPLERS
from models.errors import Progress, UserError, no_progress
from models.generation.model import Model
from models.generation.sampling import SamplingSettings, sample_song, song_shift
from models.machine import give_memory_back
from models.music.holding import estimated_pedal, needed_until
from models.music.passages import REACHES_S, Span, frame_spans, passages, rest, silences
from models.music.pedal import Pedal
from models.planning.plan import plan_fingering
from models.planning.playing_hands import PlayingHands

if TYPE_CHECKING:
    from models.music.audio import Audio


@dataclass(frozen=True, kw_only=True)
class GenerateSettings:
    """How to make a take."""

    seed: int = 0
    sampler: str | None = None
    """None: the model's own."""
    steps: int | None = None
    """Network evaluations a window; None: the model's own."""
    contact: float = 1.0
    """Strength of key contact, 0 to 1."""
    fps: float = 30.0
    style: Mapping[str, float] = field(default_factory=dict)
    """Any of `models.body.player.STYLES`, 0 average, ±1 the usual extremes."""
    keyboard: KeyboardSize = STANDARD_KEYBOARD
    """Which keys there are; ``style`` has the hand size beside them already (`KeyboardSize.style`)."""
    device: str = "auto"
    """As asked for; the model already lies on the device that this meant."""
    hand_geometry: Mapping[str, Any] | None = None
    """The hands of another body, an object of `models.body.hand_file`. Their size is in it: that of the style counts
    for nothing then. None for the standard hands, or for those of a take that is kept."""

    def __post_init__(self) -> None:
        if self.sampler is not None and self.sampler not in SAMPLERS:
            raise UserError(
                "unknown_sampler",
                f"There is no sampler called {self.sampler!r}; choose one of: {', '.join(SAMPLER_NAMES)}.",
            )
        check_ranges(self, contact=(0, 1), fps=(1, 960))
        Style.of(self.style)  # or its ValueError

    @cached_property
    def hands(self) -> ShownHands:
        """The hands that are shown."""
        if self.hand_geometry is None:
            return ShownHands(size=Style.of(self.style).size_factor)
        return ShownHands(hands_of(self.hand_geometry), 1.0 / self.keyboard.unit)

    @cached_property
    def told_style(self) -> Style:
        """The style that the networks are told: of other bodies, the size that is nearest to theirs."""
        style = Style.of(self.style)
        if self.hand_geometry is None:
            return style
        nearest = style_of_size(self.hands.geometry.proportion * self.hands.size)
        return dataclasses.replace(style, hand_size=float(np.clip(nearest, *STYLE_RANGE)))

    @property
    def networks_hands(self) -> ShownHands:
        """The hands whose motion the networks make: shown ones, but for other bodies."""
        return self.hands if self.hand_geometry is None else ShownHands(size=self.told_style.size_factor)


def generate(
    model: Model,
    notes: Notes,
    *,
    duration_s: float,
    settings: GenerateSettings,
    keep: Take | None = None,
    keep_hand: str | None = None,
    redo_range: tuple[float, float] | None = None,
    sound: Audio | None = None,
    pedal: Pedal | None = None,
    progress: Progress = no_progress,
) -> Take:
    """Make a take, or make part of `keep` anew.

    Args:
        notes: sorted by onset; a hand of -1 is found, fingers are found in any case.
        duration_s: length of the take.
        settings: how to make it.
        keep: a take that stays except for `keep_hand` and/or `redo_range`; without either everything is new.
        keep_hand: "left" or "right", the hand to redo.
        redo_range: seconds to redo.
        sound: the recording, for models that listen to it.
        pedal: the sustain pedal; one that never holds, or None, is estimated from the notes.
        progress: called at every sampling step; raises `models.errors.Cancelled`.

    Raises:
        UserError: for settings that this model cannot serve.
    """
    config = model.config
    listener = _listener(model, sound)
    if keep_hand is None and redo_range is None:
        keep = None  # everything is made anew
    elif keep is None:
        raise ValueError("keep_hand and redo_range need keep, the take whose other part stays")
    steps = settings.steps or config.sampling_steps
    if not 1 <= steps <= config.schedule.steps:
        raise UserError(
            "too_many_steps",
            f"The model {model.preset!r} takes 1 to {config.schedule.steps} steps; {steps} were asked for.",
        )
    settings = dataclasses.replace(settings, sampler=settings.sampler or config.sampler, steps=steps)
    if keep is not None:
        settings = dataclasses.replace(settings, hand_geometry=_hands_kept(settings, keep))
    frames = frame_count(duration_s, settings.fps)
    kept = resample_motion(keep.motion, settings.fps, frames) if keep is not None else None
    new_hands = (0, 1) if keep_hand is None else (HANDS.index(keep_hand),)
    edits = EditMask.of_seconds(frames, settings.fps, new_hands, redo_range)
    told = pedal is not None and pedal.ever_holds
    pedal = pedal if pedal is not None and told else estimated_pedal(notes)
    notes = notes.astype(np.float32)
    notes = plan_fingering(
        dataclasses.replace(notes, needed_s=needed_until(notes, pedal)),
        seed=settings.seed,
        keep=keep,
        edits=edits,
        playing=PlayingHands.of(settings.hands.geometry, settings.hands.size),
        keyboard=settings.keyboard,
    )

    player = Player.of_seed(settings.seed, settings.told_style)
    if keep is not None:  # only a hand that is new throughout has a new player
        player = player.keeping(keep.meta, {0, 1} - set(new_hands if redo_range is None else ()))
    sampling = SamplingSettings(
        seed=settings.seed,
        sampler=settings.sampler or config.sampler,
        steps=steps,
        player_vector=player.vector(
            config.style_dim, config.habit_dim, config.player_gain, config.told_tracked
        ),
        liveliness=player.liveliness,
    )
    length = frame_count(duration_s, config.fps)
    edits_of_model = EditMask.of_seconds(length, config.fps, new_hands, redo_range)  # at the model's own rate
    music = ModelInput(notes, config.fps, listener)
    parts = passages(notes, duration_s)
    heard, spans = frame_spans(parts, config.fps, length), frame_spans(parts, settings.fps, frames)
    shift = song_shift(model, music, length, sampling.player_vector, heard)
    known = None if kept is None else _carried_over(kept, settings.hands, settings.networks_hands)
    sampled = sample_song(model, music, length, sampling, known, edits_of_model, progress, shift, heard)
    give_memory_back()  # what each thread has freed: contact is one thread's, and asks for its own
    motion = resample_motion(sampled, settings.fps, frames)
    motion = _carried_over(motion, settings.networks_hands, settings.hands)
    if kept is not None:
        motion = _inside_limits(splice(kept, motion, edits), edits, settings.hands)
    motion = _contact(motion, notes, settings, edits, progress, spans)
    motion = _rested(motion, spans, settings, edits)
    size, sway = settings.hands.size, sway_of_style(settings.style)
    arms = natural_arms_of(motion, size, sway)
    if keep is not None and kept is not None:
        arms = splice_arms(keep.arms_on(kept, size, sway), arms, motion, edits, size)
    meta = _meta(model, settings, keep, keep_hand, redo_range)
    if config.habit_dim:
        meta["habits"] = player.scores.tolist()
    meta["pedal"] = "midi" if told else "estimated"
    if settings.keyboard != STANDARD_KEYBOARD:
        meta["keyboard"] = settings.keyboard.facts()
    keys = key_curves(notes, frames, settings.fps, dip_factor=settings.keyboard.dip_factor)
    return Take(motion, notes, meta, pedal.table, keys, arms)


def _listener(model: Model, sound: Audio | None) -> Listener | None:
    """What a model that listens to sound hears; None for one that reads notes."""
    if model.config.encoder.kind == "notes":
        return None
    if sound is None:
        raise UserError(
            "needs_sound",
            f"The model {model.preset!r} listens to a recording; give it one, or choose the model default.",
        )
    listener = model.engine.listener(sound)
    if listener is None:
        raise UserError(
            "encoder_missing",
            f"The model {model.preset!r} has no sound encoder; install the model again, or choose default.",
        )
    return listener


def _hands_kept(settings: GenerateSettings, keep: Take) -> Mapping[str, Any] | None:
    """The hands of a take that is redone in part, which are those asked for or none are asked for.

    Angles are of the hand that they were made for: on another one, kept fingertips would lie beside their keys.
    """
    own: Mapping[str, Any] | None = keep.meta.get("hand_geometry")
    if settings.hand_geometry is None:
        return own
    if (
        own is None and "hand_size" not in keep.meta
    ):  # read back from an armature; it says nothing of its hands
        return settings.hand_geometry
    if not same_hands(keep.geometry, settings.hands.geometry):
        raise UserError(
            "other_hands",
            "The take that is kept was made for other hands than those that it shall be redone for; make a whole new "
            "take for these hands.",
        )
    return settings.hand_geometry


def _carried_over(motion: Motion, own: ShownHands, to: ShownHands) -> Motion:
    """The motion on other hands (`refitted`); as it is where these are the same."""
    return motion if own == to else refitted(motion, own, to)


def _inside_limits(motion: Motion, edits: EditMask, hands: ShownHands) -> Motion:
    """The redone part inside the joint limits: bending it to meet the kept part may have led out of them."""
    limited = clamp_to_limits(motion.euler, hands.geometry)
    euler = np.where(edits.free[..., None, None], limited, motion.euler)
    return Motion(euler, motion.wrist, motion.fps)


def _contact(
    motion: Motion,
    notes: Notes,
    settings: GenerateSettings,
    edits: EditMask,
    progress: Progress,
    spans: list[Span],
) -> Motion:
    """Key contact for what was made anew."""
    return apply_contact(
        motion,
        notes,
        strength=settings.contact,
        hand_size=settings.hands.size,
        geometry=settings.hands.geometry,
        dip_factor=settings.keyboard.dip_factor,
        style=Style.of(settings.style),
        edits=edits,
        progress=progress,
        spans=spans,
    ).motion


def _rested(motion: Motion, spans: list[Span], settings: GenerateSettings, edits: EditMask) -> Motion:
    """What was made anew with hands at rest in long silences, and apart on their way out of them."""
    for hand in edits.hands:
        for start, stop in edits.runs(hand):
            motion = rest(motion, silences(spans, start, stop), (hand,))
    if settings.contact == 0:
        return motion
    for low, high in silences(spans, *edits.span):
        part = slice(max(high - round(2 * REACHES_S * motion.fps), low), high)
        way = Motion(motion.euler[part], motion.wrist[part], motion.fps)
        apart = separate_hands(
            way, edits.part(part.start, part.stop), settings.hands.size, settings.hands.geometry
        )
        motion.wrist[part] = apart
    return motion


def _meta(
    model: Model,
    settings: GenerateSettings,
    keep: Take | None,
    keep_hand: str | None,
    redo_range: tuple[float, float] | None,
) -> dict[str, Any]:
    meta: dict[str, Any] = {
        "seed": settings.seed,
        "preset": model.preset,
        "engine": model.engine.name,
        "weights_sha256": model.weights_hash,
        "sampler": settings.sampler,
        "steps": settings.steps,
        "style": {name: float(value) for name, value in settings.style.items()},
        "hand_size": settings.hands.size,
        "contact": settings.contact,
        "version": __version__,
    }
    if settings.hand_geometry is not None:
        meta["hand_geometry"] = dict(settings.hand_geometry)
    if keep is not None:
        meta["redone"] = {
            "hand": keep_hand,
            "range": list(redo_range) if redo_range else None,
            "kept_seed": keep.meta.get("seed"),
        }
    return meta
