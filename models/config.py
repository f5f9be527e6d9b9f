# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that decides the shape and the behaviour of a model, as typed, checked, frozen values.

A model folder holds one `config.json`, which is `ModelConfig` as JSON. Reading is strict: an unknown, missing
or out-of-range value is a `ValueError` that names the field, its value and what is allowed.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from models.body.player import FEWEST_FEATURES, PLAYER_FEATURES, STYLES
from models.checks import BadValue, check_choices, check_range, check_ranges, shown
from models.plain_file import CONFIG, read_plain

JOINT_CHANNELS = 48
"""16 joints of 3 Euler angles: the paper's channels of one hand."""
WRIST_CHANNELS = 3
HAND_SPACE_KEYS = 93
"""Pitches 16 to 108: the 88 keys and what the reflection about D (pitch p -> 124 - p) needs below them."""
NOTE_FEATURES = 3
"""Onset, sustain and the hint about the hand (own hand positive, other hand negative, unknown zero)."""
FINGERS_A_HAND = 5
PLAN_FEATURES = 11
"""What the networks read about each finger (`models.conditioning.finger_features`)."""

FORMAT_VERSION = 1
MOST_STEPS = 1000
"""Evaluations of the network that a model may ask for by itself."""
MOST_ATTENTION = 1 << 24
"""Heads times frames times frames of a window: what a network without shortcuts holds of it is half a gigabyte."""
LONGEST_TEXT = 300


def _check_text(where: str, value: str) -> None:
    if len(value) > LONGEST_TEXT or not value.isprintable():
        raise BadValue(f"{where} is {shown(value)}; it must be a line of at most {LONGEST_TEXT} letters")


ENCODERS = ("notes", "features", "hubert")
OUTPUTS = ("linear", "tanh")
INTERACTIONS = ("none", "concat", "cross_attention", "hcaa")
SCHEDULES = ("linear", "cosine")
SAMPLER_NAMES = ("ancestral", "ddim", "dpm++2m")
REPRESENTATIONS = ("euler", "mano")
LAYOUTS = ("pre_norm", "released")
"""How layers are built: as this project trains them, or as the paper's authors released them."""


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """What the frame features f_a are (Phi_a of the paper)."""

    kind: str = "notes"
    """`notes`: 93-key onset, sustain and hand-hint rolls; `features`: vectors that the caller computed; `hubert`: the
    last hidden state of a HuBERT, from the sound itself (`models.networks.hubert`)."""
    feature_dim: int = HAND_SPACE_KEYS * NOTE_FEATURES
    """Numbers in a frame and hand."""
    centred_bins: int = 27
    """Bins of the hand-centred roll that joins the condition (`notes` only); 0 leaves it out."""
    centred_spacing_m: float = 0.01
    """Distance between two of those bins along the keyboard, metres."""
    finger_plan: bool = True
    """Tell the networks which finger plays what and when (`notes` only)."""
    source: str = ""
    """`hubert` only: folder or hub name of the frozen encoder, for instance facebook/hubert-large-ls960-ft."""
    per_hand: bool = False
    """`hubert` only: each hand has a fine-tuned encoder of its own in the model folder (`hubert.left.safetensors`)."""

    def __post_init__(self) -> None:
        check_choices(self, "encoder.", kind=ENCODERS)
        check_ranges(self, "encoder.", feature_dim=(1, 8192))
        _check_text("encoder.source", self.source)
        check_ranges(self, "encoder.", centred_bins=(0, 128), centred_spacing_m=(0.001, 0.1))
        if self.kind == "notes" and self.feature_dim != HAND_SPACE_KEYS * NOTE_FEATURES:
            raise BadValue(
                f"encoder.feature_dim is {self.feature_dim}; notes have {HAND_SPACE_KEYS * NOTE_FEATURES}"
            )
        if self.kind != "notes" and (self.centred_bins or self.finger_plan):
            raise BadValue(
                "encoder.centred_bins must be 0 and finger_plan false where the encoder does not read notes"
            )
        if self.kind == "hubert" and not (self.source or self.per_hand):
            raise BadValue("encoder.source must name a HuBERT where the model folder holds none (per_hand)")
        if self.kind != "hubert" and (self.source or self.per_hand):
            raise BadValue("encoder.source and per_hand belong to the encoder hubert")

    @property
    def plan_dim(self) -> int:
        """Channels of the finger plan."""
        return FINGERS_A_HAND * PLAN_FEATURES if self.finger_plan else 0

    @property
    def feature_width(self) -> int:
        """Width of f_a: the features and the finger plan."""
        return self.feature_dim + self.plan_dim

    @property
    def centred_dim(self) -> int:
        """Channels seen from the hand: bins x note features x (white, black), and the finger plan again."""
        return self.centred_bins * NOTE_FEATURES * 2 + self.plan_dim


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """A transformer encoder and decoder over the frames, used by predictor and refiner."""

    width: int = 128
    heads: int = 4
    feedforward: int = 384
    encoder_layers: int = 2
    decoder_layers: int = 2
    input_kernel: int = 1
    """Frames that the input layer sees at once (odd); 1 is the paper's per-frame linear layer."""
    dropout: float = 0.0
    layout: str = "pre_norm"
    causal_bias: bool = False
    """Decoder frames attend to earlier ones only, near ones first (`released` only; see `released_transformer`)."""

    def __post_init__(self) -> None:
        check_choices(self, "transformer.", layout=LAYOUTS)
        if self.layout == "released" and self.input_kernel != 1:
            raise BadValue(f"transformer.input_kernel is {self.input_kernel}; the released layout has 1")
        if self.layout != "released" and self.causal_bias:
            raise BadValue("transformer.causal_bias belongs to the released layout")
        check_ranges(
            self,
            "transformer.",
            width=(4, 8192),
            heads=(1, 64),
            feedforward=(4, 32768),
            encoder_layers=(0, 48),
            decoder_layers=(0, 48),
            input_kernel=(1, 63),
            dropout=(0.0, 0.9),
        )
        if self.width % self.heads:
            raise BadValue(
                f"transformer.width {self.width} must be a multiple of transformer.heads {self.heads}"
            )
        if self.input_kernel % 2 == 0:
            raise BadValue(f"transformer.input_kernel is {self.input_kernel}; it must be odd")


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """The 1D U-Net of one hand."""

    widths: tuple[int, ...] = (160, 224, 288)
    """Channels of each resolution; the last is the bottleneck. n widths halve the frames n - 1 times."""
    patch: int = 2
    """Neighbouring frames that enter and leave as one; 1 is the paper's U-Net."""
    blocks_per_level: int = 2
    groups: int = 8
    attention_heads: int = 4
    head_width: int = 32
    """Channels of one head of the bottleneck's self-attention."""
    input_kernel: int = 3
    """Frames (patches) that the input layer sees at once (odd)."""
    noise_embedding: int = 0
    """Width of the linear layer that lifts the noisy motion before it meets the condition; 0 leaves it out."""
    time_width: int = 256
    noise_gain: bool = True
    """Add the noisy motion to the result, each channel times a gain that follows from the timestep. v of a
    channel that hardly varies is nearly all noise, which the network then need not carry through its
    layers."""
    layout: str = "pre_norm"

    def __post_init__(self) -> None:
        check_choices(self, "unet.", layout=LAYOUTS)
        if self.layout == "released" and self.patch != 1:
            raise BadValue(f"unet.patch is {self.patch}; the released layout has 1")
        if not 2 <= len(self.widths) <= 6:
            raise BadValue(f"unet.widths has {len(self.widths)} entries; it needs 2 to 6")
        check_ranges(self, "unet.", patch=(1, 8), groups=(1, 64))
        for width in self.widths:
            check_range("unet.widths", width, 4, 8192)
            if width % self.groups:
                raise BadValue(
                    f"unet.widths has {width}; every width must be a multiple of unet.groups {self.groups}"
                )
        check_ranges(
            self,
            "unet.",
            blocks_per_level=(1, 8),
            attention_heads=(1, 64),
            head_width=(4, 1024),
            input_kernel=(1, 31),
            noise_embedding=(0, 8192),
            time_width=(8, 8192),
        )
        if self.input_kernel % 2 == 0:
            raise BadValue(f"unet.input_kernel is {self.input_kernel}; it must be odd")

    @property
    def stride(self) -> int:
        """Frames must be a multiple of this."""
        return self.patch << (len(self.widths) - 1)


@dataclass(frozen=True, kw_only=True)
class InteractionConfig:
    """How the two streams meet at the bottleneck (the ablation of the paper's table 2)."""

    kind: str = "hcaa"
    heads: int = 4
    lambda_init: float = 0.1
    """The constant of eq. 7."""
    causal: bool = False
    """A frame attends only to frames before it (the authors' released code)."""
    layer_norm: bool = True
    """Normalise the difference of eq. 6 before the output layer."""
    mlp: bool = False
    """A two-layer perceptron after the output layer (the authors' released code)."""
    residual: bool = True
    """Add the stream's own features to the result."""
    out_bias: bool = True
    """A bias in the output layer (HCAA; the authors' released code has none)."""

    def __post_init__(self) -> None:
        check_choices(self, "interaction.", kind=INTERACTIONS)
        check_ranges(self, "interaction.", heads=(1, 64), lambda_init=(-2.0, 2.0))


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """The noise schedule of eq. 1 and 2."""

    kind: str = "cosine"
    steps: int = 1000
    """T."""
    beta_start: float = 1e-4
    """beta_1, linear schedule only."""
    beta_end: float = 0.02
    """beta_T, linear schedule only."""

    def __post_init__(self) -> None:
        check_choices(self, "schedule.", kind=SCHEDULES)
        check_ranges(
            self, "schedule.", steps=(2, 10000), beta_start=(1e-7, 0.5), beta_end=(self.beta_start, 0.999)
        )


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """How motion and positions become numbers around zero: value = mean + std x number, in hand space."""

    euler_mean: tuple[float, ...] = (0.0,) * JOINT_CHANNELS
    """Radians, one for each joint channel."""
    euler_std: tuple[float, ...] = (1.0,) * JOINT_CHANNELS
    position_mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    """Metres."""
    position_std: tuple[float, ...] = (1.0, 1.0, 1.0)
    residual_std: tuple[float, ...] = (1.0, 1.0, 1.0)
    """Metres; the wrist's offset from the predicted position has mean zero by construction."""
    finger_reach: tuple[float, ...] = (0.0,) * FINGERS_A_HAND
    """Metres; X of each fingertip from the wrist while it holds a key, thumb first."""
    reaching: tuple[float, ...] = (0.0,) * JOINT_CHANNELS
    """The unit direction of the joint channels in which a hand reaches out with all long fingers and draws them in;
    zeros where it was not measured."""

    def __post_init__(self) -> None:
        sizes = {
            "euler_mean": JOINT_CHANNELS,
            "euler_std": JOINT_CHANNELS,
            "position_mean": WRIST_CHANNELS,
            "position_std": WRIST_CHANNELS,
            "residual_std": WRIST_CHANNELS,
            "finger_reach": FINGERS_A_HAND,
            "reaching": JOINT_CHANNELS,
        }
        for name, size in sizes.items():
            values = getattr(self, name)
            if len(values) != size:
                raise BadValue(f"statistics.{name} has {len(values)} values; it needs {size}")
            low, high = (1e-6, 1e3) if name.endswith("_std") else (-1e3, 1e3)
            for value in values:
                check_range(f"statistics.{name}", value, low, high)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A whole model: two stages, schedule, statistics."""

    name: str = "default"
    format_version: int = FORMAT_VERSION
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    predictor: TransformerConfig = field(default_factory=lambda: TransformerConfig(input_kernel=9))
    predictor_output: str = "linear"
    """`tanh` bounds the predicted positions to one unit of `statistics.position_std` around the mean."""
    refiner: TransformerConfig = field(
        default_factory=lambda: TransformerConfig(
            width=96, heads=4, feedforward=256, encoder_layers=1, decoder_layers=1, input_kernel=5
        )
    )
    unet: UNetConfig = field(default_factory=UNetConfig)
    interaction: InteractionConfig = field(default_factory=InteractionConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    statistics: Statistics = field(default_factory=Statistics)
    representation: str = "euler"
    """What a hand's 48 channels and its position are: `euler` XYZ angles in bone frames and the wrist over the piano;
    `mano` rotation vectors and the camera's view, as PianoMotion10M stores them (`models.body.mano`)."""
    wrist_residual: bool = True
    """Three more channels: the wrist's offset from the predicted position, so that diffusion shapes the wrist too."""
    decoupled_noise: bool = True
    """Each hand starts from noise of its own; off gives both hands the same noise (the paper's ablation)."""
    shared_start: bool = False
    """Sampling starts both hands from the same x_T and then draws for each (the authors' released code)."""
    known_frames: bool = True
    """A channel tells each stream which frames are given; without it sampling puts them back after every step."""
    position_sharing: bool = True
    """Each stream sees both hands' positions; off leaves it its own only (the paper's ablation)."""
    shared_hands: bool = True
    """One set of weights serves both hands, the left one mirrored into the right one's space; off: a set each."""
    style_dim: int = 5
    """Style numbers (hand size, curl, wrist height, energy, looseness); 0 for a model without style."""
    habit_dim: int = 0
    """So many of `models.body.player.PLAYER_FEATURES` the networks are told of each hand; 0 for none of them."""
    window_frames: int = 240
    fps: float = 30.0
    sampler: str = "dpm++2m"
    """The sampler where the caller names none: `ancestral` (Algorithm 1), `ddim` or `dpm++2m`."""
    sampling_steps: int = 12
    """Its evaluations of the network."""
    smoothing_frames: float = 0.7
    """Spread of the Gaussian that takes the trembling out of the sampled motion before key contact, frames; 0 leaves
    it. Contact puts the quick movements of striking fingers back in."""
    still_smoothing_frames: float = 0.0
    """The same of wrists that hardly move, where it is the larger one (`models.body.smoothing`)."""
    pose_noise: float = 1.0
    """Spread of the noise that sampling begins with, the joint angles' channels. A little above 1 gives back what few
    evaluations and networks that are not perfect take from the variety of the motion."""
    wrist_noise: float = 1.0
    """The same for the wrist's channels; more of it also makes the wrist tremble."""
    reach_noise: float = 1.0
    """Factor on what of the joints' noise lies along `statistics.reaching`: hands reach out and draw in less than what
    they learned from, where their fingers move enough each for itself."""
    liveliness: float = 0.0
    """Deviation, from one player to another, of the logarithm of a factor on the noise of each hand
    (`models.generation.noise.liveliness`)."""
    liveliness_within: float = 0.0
    """The same from one second to another: hands are calm for a while, and busy for another."""
    player_gain: float = 1.0
    """The networks are told the player's scores times this: what they answer is about half of what they are told."""
    told_tracked: float = 1.0
    """What the networks are told as the player's feature ``tracked``."""
    clamp: float = 0.0
    """Bound of the estimated clean motion in every sampling step, normalised units; 0 means none."""

    def __post_init__(self) -> None:
        if len(self.name) > LONGEST_TEXT:
            raise BadValue(f"name has {len(self.name)} letters; it must have at most {LONGEST_TEXT}")
        if not self.name or not all(c.isalnum() or c in "-_." for c in self.name):
            raise BadValue(f"name is {self.name!r}; it must be letters, digits, '-', '_' or '.'")
        if self.format_version != FORMAT_VERSION:
            raise BadValue(
                f"format_version is {shown(self.format_version)}; this version reads {FORMAT_VERSION}"
            )
        check_choices(self, "model.", predictor_output=OUTPUTS, representation=REPRESENTATIONS)
        if self.representation == "mano" and (self.shared_hands or self.wrist_residual):
            raise BadValue("representation mano needs shared_hands and wrist_residual false")
        check_ranges(self, "model.", style_dim=(0, 64))
        fits = self.style_dim == len(STYLES) and FEWEST_FEATURES <= self.habit_dim <= len(PLAYER_FEATURES)
        if self.habit_dim and not fits:
            raise BadValue(
                f"style_dim and habit_dim are {(self.style_dim, self.habit_dim)}; with habits they must be "
                f"{len(STYLES)} and {FEWEST_FEATURES} to {len(PLAYER_FEATURES)}"
            )
        check_ranges(self, "model.", window_frames=(8, 4096), fps=(1.0, 240.0))
        heads = max(
            self.predictor.heads, self.refiner.heads, self.unet.attention_heads, self.interaction.heads
        )
        if heads * self.window_frames**2 > MOST_ATTENTION:
            raise BadValue(
                f"window_frames is {self.window_frames}; with {heads} heads that is more than a computer can hold"
            )
        check_choices(self, "model.", sampler=SAMPLER_NAMES)
        check_ranges(
            self,
            "model.",
            sampling_steps=(1, min(self.schedule.steps, MOST_STEPS)),
            smoothing_frames=(0.0, 30.0),
            still_smoothing_frames=(0.0, 30.0),
            pose_noise=(0.0, 2.0),
            wrist_noise=(0.0, 2.0),
            reach_noise=(0.0, 4.0),
            liveliness=(0.0, 1.0),
            liveliness_within=(0.0, 1.0),
            player_gain=(0.0, 4.0),
            told_tracked=(-4.0, 4.0),
            clamp=(0.0, 100.0),
        )
        if self.window_frames % self.unet.stride:
            raise BadValue(
                f"window_frames {self.window_frames} must be a multiple of {self.unet.stride}, "
                f"because of unet.patch and the {len(self.unet.widths)} entries of unet.widths"
            )
        if self.unet.layout == "released" and self.player_dim:
            raise BadValue(f"style_dim is {self.style_dim}; the released layout of the U-Net knows no style")
        if (
            self.interaction.kind in ("hcaa", "cross_attention")
            and self.unet.widths[-1] % self.interaction.heads
        ):
            raise BadValue(
                f"interaction.heads {self.interaction.heads} must divide the last of unet.widths, "
                f"{self.unet.widths[-1]}"
            )

    @property
    def channels(self) -> int:
        """Channels of one hand's motion."""
        return JOINT_CHANNELS + (WRIST_CHANNELS if self.wrist_residual else 0)

    @property
    def player_dim(self) -> int:
        """Numbers that a hand's networks are told of its player: style, then habits."""
        return self.style_dim + self.habit_dim

    @property
    def condition_dim(self) -> int:
        """Width of c = [refined f_a, P_own, P_other, hand-centred roll and finger plan]."""
        positions = WRIST_CHANNELS * (2 if self.position_sharing else 1)
        return self.refiner.width + positions + self.encoder.centred_dim

    def to_json(self) -> str:
        """The text of `config.json`."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read `to_json`'s text; `ValueError` for anything unknown, missing a type or out of range."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadValue("it is no JSON") from error
        if not isinstance(data, dict):
            raise BadValue("the configuration must be a JSON object")
        config: ModelConfig = _build(cls, data, "")
        return config

    @classmethod
    def load(cls, path: Path) -> ModelConfig:
        """Read a `config.json`."""
        return cls.from_json(read_plain(Path(path), CONFIG).decode("utf-8"))


def _build(kind: type, data: dict[str, Any], where: str) -> Any:
    """An instance of the dataclass `kind` from JSON data, strict about names and types."""
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise BadValue(f"the setting {shown(where + unknown[0])} is not known")
    return kind(**{name: _convert(hints[name], value, f"{where}{name}") for name, value in data.items()})


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise BadValue(f"{where} is {shown(value)}; it must be an object")
        return _build(hint, value, where + ".")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, (list, tuple)):
            raise BadValue(f"{where} is {shown(value)}; it must be a list")
        return tuple(_convert(typing.get_args(hint)[0], item, where) for item in value)
    if isinstance(hint, types.UnionType):
        raise TypeError(f"{where}: unions are not supported in configurations")
    if hint is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63:
        return float(value)
    if hint in (int, float, str, bool) and type(value) is not hint:
        raise BadValue(f"{where} is {shown(value)}; it must be of type {hint.__name__}")
    return value
