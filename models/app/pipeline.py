# SPDX-License-Identifier: GPL-3.0-or-later
"""The one road from a recording or a MIDI file to a take; command line, worker and Python callers use it.

    from models.app.pipeline import Pipeline
    from models.app.request import GenerateRequest

    result = Pipeline().generate(GenerateRequest(midi=Path("song.mid"), output=Path("take.npz"), seed=1))

A `Pipeline` keeps loaded models and transcribed notes, so that another take of the same sound is quick. torch and
the audio libraries are imported when they are first needed.
"""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.app.progress import StageClock
from models.app.request import GenerateRequest, LoadRequest, TranscribeRequest
from models.app.time_estimates import USUAL_STEPS, Expectations, Work
from models.app.transcriber import forget_transcriber, load_transcriber
from models.body.hand_file import hands_of, read_hand_file
from models.body.keyboard_size import STANDARD_KEYBOARD, KeyboardSize, keyboard_of
from models.body.player import style_of_size
from models.body.take import Take
from models.body.take_arrays import MOST_FRAMES, MOST_SECONDS
from models.errors import Remark, UserError, quoted
from models.music.note_source import NoteSource, PlayedNotes, Sound, load_sound, load_sounds
from models.music.notes import MAX_NOTES
from models.music.passages import passages, seconds_of
from models.whole_file import check_output

if TYPE_CHECKING:
    from models.generation.model import Model

MOST_LEFT_OUT = 200
"""Notes that were not played are listed up to this many; their number is always told."""


@dataclass(frozen=True)
class Generated:
    """A take that was written, and facts about it as plain JSON values."""

    take: Take
    facts: dict[str, Any]


class Pipeline:
    """Generates takes and transcribes recordings, one job at a time."""

    def __init__(self) -> None:
        self._models: dict[tuple[str, str, str], Model] = {}
        self._listener = NoteSource(load_transcriber)
        self._expectations = Expectations()
        self._transcriber_loaded = False

    def load(self, request: LoadRequest) -> Model:
        """The model of a preset or folder on a device; kept until `unload`."""
        from models.generation.model import load_model

        key = (request.preset, request.device, request.engine)
        if key not in self._models:
            self._models[key] = load_model(*key, allow_download=request.allow_download)
        return self._models[key]

    def unload(self) -> None:
        """Forget all models and the transcriber, and give their memory back."""
        self._models.clear()
        self._transcriber_loaded = False
        forget_transcriber()
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()

    def generate(self, request: GenerateRequest, clock: StageClock | None = None) -> Generated:
        """Make a take and write it.

        Raises:
            UserError: for what the caller can put right.
            Cancelled: out of the clock's listener; nothing is written then.
        """
        clock = clock or StageClock()
        clock("prepare", 0, 1)
        pieces = (piece.path for piece in request.sounds or ())
        check_output(
            request.output,
            request.sound,
            request.decoded,
            request.midi,
            request.keep,
            request.hand_geometry,
            *pieces,
        )
        keep = Take.load(request.keep) if request.keep is not None else None
        hands = read_hand_file(request.hand_geometry) if request.hand_geometry is not None else None
        sound = _load_sound(request, lambda: clock("prepare", 0, 1))
        music = None
        if sound is not None and self._listener.must_listen(request, keep, sound):
            work = self._work(request, sound.duration_s, listens=True)
        else:
            music = self._music(request, keep, sound, clock)
            _check_frames(music.duration_s, request.fps)
            work = self._work(request, seconds_of(passages(music.notes, music.duration_s)), listens=False)
        clock.expect(self._expectations.plan(work))
        clock("load", 0, 1)
        model = self.load(
            LoadRequest(
                preset=request.preset,
                device=request.device,
                engine=request.engine,
                allow_download=request.allow_download,
            )
        )
        if work.listens:
            clock("load", 0, 1)
            self._load_transcriber(request.device)
        # Only the model knows how many steps it takes.
        work = dataclasses.replace(work, steps=request.steps or model.config.sampling_steps)
        clock.expect(self._expectations.plan(work))
        clock("load", 1, 1)
        if music is None:
            clock("transcribe", 0, 1)
            music = self._music(request, keep, sound, clock)
        keyboard = _keyboard(request, keep)
        take = _sample(request, model, music, keep, keyboard, hands, clock)
        clock("write", 0, 1)
        take = dataclasses.replace(take, meta={**take.meta, **music.source})
        facts = _facts(request, model, take, lambda: clock("write", 0, 1))
        take.save(request.output)
        clock("write", 1, 1)
        if music.cut:
            facts["cut_to_s"] = round(music.duration_s, 3)
        if music.fit is not None:
            facts["fit"] = {**dataclasses.asdict(music.fit), "sentence": music.fit.sentence}
        if music.parts:
            facts["parts"] = list(music.parts)
        facts["remarks"] = _told([*music.remarks, *_remarks_on(take, facts, keyboard)])
        facts["seconds"] = clock.finish()
        self._expectations.learn(work, facts["seconds"])
        return Generated(take, facts)

    def transcribe(self, request: TranscribeRequest, clock: StageClock | None = None) -> dict[str, Any]:
        """Write a recording's notes as a MIDI file; facts as plain JSON values."""
        from models.music.midi import write_midi

        clock = clock or StageClock()
        clock("prepare", 0, 1)
        check_output(request.output, request.sound)
        sound = load_sound(request.sound, request.sound_start_s, request.sound_end_s)
        listens = self._listener.needs_transcription(sound)
        loads = ("transcriber",) if listens and not self._transcriber_loaded else ()
        work = Work(duration_s=sound.duration_s, listens=listens, loads=loads)
        clock.expect(self._expectations.plan(work))
        if listens:
            clock("load", 0, 1)
            self._load_transcriber(request.device)
            clock("load", 1, 1)
        clock("transcribe", 0, 1)
        heard = self._listener.heard(sound, request.device, clock)
        notes = heard.notes
        clock("write", 0, 1)
        write_midi(request.output, notes)
        seconds = clock.finish()
        self._expectations.learn(work, seconds)
        facts = {"midi": str(request.output), "notes": len(notes), "duration_s": round(sound.duration_s, 3)}
        return {**facts, **sound.source, "remarks": _told(heard.remarks), "seconds": seconds}

    def _load_transcriber(self, device: str) -> None:
        self._listener.prepare(device)
        self._transcriber_loaded = True

    def _music(
        self, request: GenerateRequest, keep: Take | None, sound: Sound | None, clock: StageClock
    ) -> PlayedNotes:
        """The notes of the request, with the recording for models that listen to it."""
        music = self._listener.music(request, keep, sound, clock)
        if not len(music.notes):
            name = quoted(request.source or "")
            raise UserError(
                "no_notes", f"No piano notes were found in {name}; choose a part where the piano plays."
            )
        if len(music.notes) > MAX_NOTES:
            sentence = f"There are {len(music.notes)} notes in this; choose a part of at most {MAX_NOTES}."
            raise UserError("too_many_notes", sentence, str(request.source))
        return music if sound is None else dataclasses.replace(music, audio=sound.audio)

    def _work(self, request: GenerateRequest, duration_s: float, listens: bool) -> Work:
        """What the request has to do, as far as it is known before the model is loaded."""
        loads = []
        if (request.preset, request.device, request.engine) not in self._models:
            loads.append("model")
        if listens and not self._transcriber_loaded:
            loads.append("transcriber")
        return Work(
            duration_s=duration_s,
            listens=listens,
            loads=tuple(loads),
            model=(request.preset, request.device, request.engine),
            steps=request.steps or USUAL_STEPS,
            contact=request.contact > 0,
            range_s=request.range,
        )


def _check_frames(duration_s: float, fps: float) -> None:
    """A take that could not be read again is not made."""
    if duration_s * fps > MOST_FRAMES or duration_s > MOST_SECONDS:
        sentence = (
            f"The take would have {duration_s * fps:,.0f} frames, more than the {MOST_FRAMES:,} of the longest take; "
            "choose fewer frames a second or a part of the music."
        )
        raise UserError("too_many_frames", sentence, f"{duration_s} s at {fps} fps")


def _load_sound(request: GenerateRequest, tell: Callable[[], None]) -> Sound | None:
    """The recording of the request, where it has one."""
    if request.sounds is not None:
        return load_sounds(request.sounds, tell, request.decoded)
    if request.sound is None:
        return None
    return load_sound(request.sound, request.sound_start_s, request.sound_end_s, request.decoded)


def _keyboard(request: GenerateRequest, keep: Take | None) -> KeyboardSize:
    """The keys that are played: those asked for, or else those of the kept take."""
    if request.keyboard is not None:
        return request.keyboard
    return keyboard_of(keep.meta) if keep is not None else STANDARD_KEYBOARD


def _sample(
    request: GenerateRequest,
    model: Model,
    music: PlayedNotes,
    keep: Take | None,
    keyboard: KeyboardSize,
    hands: dict[str, Any] | None,
    clock: StageClock,
) -> Take:
    from models.generation.generator import GenerateSettings, generate

    settings = GenerateSettings(
        seed=request.seed,
        sampler=request.sampler,
        steps=request.steps,
        contact=request.contact,
        fps=request.fps,
        style=_style(request, keyboard, hands),
        device=request.device,
        hand_geometry=hands,
        keyboard=keyboard,
    )
    return generate(
        model,
        music.notes,
        duration_s=music.duration_s,
        settings=settings,
        keep=keep,
        keep_hand=request.hand,
        redo_range=request.range,
        sound=music.audio,
        pedal=music.pedal,
        progress=clock,
    )


def _style(
    request: GenerateRequest, keyboard: KeyboardSize, hands: dict[str, Any] | None
) -> dict[str, float]:
    """The style, with the hand size beside these keys; other bodies bring their own size, which has to fit, too."""
    if hands is None:
        return keyboard.style(request.style)
    keyboard.style({"hand_size": style_of_size(hands_of(hands).proportion)})  # or its UserError
    return {**request.style, "hand_size": 0.0}


def _told(remarks: Sequence[Remark]) -> list[dict[str, str]]:
    """Remarks as plain JSON values."""
    return [{"code": remark.code, "sentence": remark.sentence} for remark in remarks]


def _remarks_on(take: Take, facts: dict[str, Any], keyboard: KeyboardSize) -> list[Remark]:
    from models.app.left_out import remarks_on
    from models.planning.playing_hands import PlayingHands

    playing = PlayingHands.of(take.geometry, float(take.meta["hand_size"]))
    return remarks_on(take.notes, take.motion.fps, facts["notes_played"], facts["notes"], keyboard, playing)


def _facts(request: GenerateRequest, model: Model, take: Take, tick: Callable[[], None]) -> dict[str, Any]:
    """What the caller is told of a take.

    `notes` are the presses that the 88 keys can play (a unison of two voices is one), `notes_played` those that a
    fingertip hits, `left_out` the others: `notes` is `notes_played` plus `left_out_total`.
    """
    from models.evaluation.scores import take_onsets

    onsets = take_onsets(take, tick)
    score = onsets.score
    names = ("sampler", "steps", "sound_sha256", "midi_sha256")
    return {
        "take": str(request.output),
        "seed": request.seed,
        "preset": model.preset,
        "weights_sha256": model.weights_hash,
        "engine": model.engine.name,
        "device": model.engine.device,
        "notes": score.hits + score.missed,
        "notes_played": score.hits,
        "false_strikes": score.false,
        "left_out_total": score.missed,
        "left_out": [
            {"time_s": round(time_s, 4), "pitch": int(pitch)}
            for time_s, pitch in onsets.left_out[:MOST_LEFT_OUT].tolist()
        ],
        "frames": take.motion.frames,
        "fps": take.motion.fps,
        "onset_f1": round(score.f1, 4),
        **{name: take.meta[name] for name in names if name in take.meta},
    }
