# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound to notes: one real clip, and the road around the network with a network that is none."""

from __future__ import annotations

import functools
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.app.transcriber import load_transcriber
from models.body.notes import Notes
from models.errors import Cancelled, UserError
from models.evaluation.scores import note_score
from models.music.audio import Audio, load_audio
from models.music.midi import read_midi
from models.music.sample_rate import resampled
from models.music.transcription import listen as listen_module
from models.music.transcription.listen import listen
from models.music.transcription.note_network import SegmentNotes
from models.music.transcription.transcribe import Key, Segments, Transcription, transcribe

HERE = Path(__file__).resolve().parent
DEMO = HERE.parents[1] / "demo"
CLIP_S = 8.0
RATE, HOP = 44_100, 1024
WITHOUT_TRANSKUN = pytest.mark.skipif(
    importlib.util.find_spec("transkun") is None, reason="transkun is not installed"
)


@functools.lru_cache(maxsize=1)
def clip() -> Notes:
    """What is heard in the first seconds of the demo recording."""
    heard = listen(load_audio(DEMO / "recording.flac", end_s=CLIP_S), load_transcriber("cpu"))
    assert not heard.remarks, "it is a solo piano, in tune"
    return heard.notes


@WITHOUT_TRANSKUN
def test_agrees_with_the_library() -> None:
    """The reference was made by `library_transcription.py`, in this folder."""
    reference = read_midi(HERE / "library_transcription.mid").notes
    assert note_score(clip(), reference).f1 >= 0.98
    assert note_score(clip(), reference, tolerance_s=0.01).f1 >= 0.95


@WITHOUT_TRANSKUN
def test_hears_what_was_played() -> None:
    notes = clip()
    truth = read_midi(DEMO / "recording.mid").notes
    assert note_score(notes, truth.select(truth.onset_s < CLIP_S - 0.1)).f1 >= 0.9
    assert notes.onset_s.dtype == np.float32 and (np.diff(notes.onset_s) >= 0).all()
    assert (notes.offset_s > notes.onset_s).all() and notes.offset_s.max() <= CLIP_S
    assert "torchaudio" not in sys.modules and "pretty_midi" not in sys.modules


@WITHOUT_TRANSKUN
def test_the_mel_filters_of_the_checkpoint_are_the_published_ones() -> None:
    """Triangles between points equally spaced in mel = 2595 log10(1 + f / 700), 30 to 8000 Hz, peak 1 (HTK)."""
    import torch

    from models.networks.transcription.network import NetworkConfig, load_network

    config = NetworkConfig.published()
    spectrum = load_network(torch.device("cpu")).spectrum
    filters = np.zeros((config.window_size // 2 + 1, config.n_mels))
    filters[spectrum.heard] = spectrum.filters.numpy()
    ends = 2595 * np.log10(1 + np.array([30, 8000]) / 700)
    points = 700 * (10 ** (np.linspace(*ends, config.n_mels + 2) / 2595) - 1)
    frequency = np.linspace(0, config.fs / 2, config.window_size // 2 + 1)[:, None]
    rising = (frequency - points[:-2]) / np.diff(points)[:-1]
    falling = (points[2:] - frequency) / np.diff(points)[1:]
    np.testing.assert_allclose(filters, np.minimum(rising, falling).clip(0), atol=1e-3)


class Listener:
    """A network for one key: it hears a note wherever the sound is above 0, exactly."""

    rate, hop, ticks = RATE, HOP, 2

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def hear(
        self, sound: NDArray[np.float32], start: NDArray[np.int64], tick: Callable[[], None]
    ) -> list[SegmentNotes]:
        self.lengths.append(sound.shape[1])
        on = sound[0] > 0
        begins = np.flatnonzero(on & ~np.roll(on, 1))
        ends = np.flatnonzero(on & ~np.roll(on, -1)) + 1
        if on[0] and (not len(begins) or begins[0] != 0):
            begins = np.concatenate([[0], begins])
        if on[-1] and (not len(ends) or ends[-1] != len(on)):
            ends = np.concatenate([ends, [len(on)]])
        fits = begins / HOP >= start[39] - 1
        begins, ends = begins[fits], ends[fits]
        tick()
        frames = [np.array([]) for _ in range(2)]
        heard = [SegmentNotes(21 + key, *frames, *frames, *[np.array([])] * 4) for key in range(88)]
        whole = (np.rint(begins / HOP).astype(int), np.rint(ends / HOP).astype(int))
        velocity = np.full(len(begins), 64)
        score = np.where(ends - begins < RATE // 20, 1.0, 5.0)
        heard[39] = SegmentNotes(
            60, begins / HOP, ends / HOP, *whole, velocity, begins > 0, ends < len(on), score
        )
        tick()
        return heard


@pytest.fixture
def listener() -> Listener:
    return Listener()


def played(spans: list[tuple[float, float]], seconds: float, rate: int = RATE) -> Audio:
    samples = np.full((round(seconds * rate), 1), -0.5, np.float32)
    for begin, end in spans:
        samples[round(begin * rate) : round(end * rate)] = 0.5
    return Audio(samples, rate, "")


@pytest.mark.parametrize("seconds", [3.0, 14.0, 14.1, 29.0, 61.0])
def test_notes_cross_segments_whole(listener: Listener, seconds: float) -> None:
    generator = np.random.default_rng(int(seconds))
    edges = np.cumsum(generator.choice([0.1, 0.2, 0.7, 3.0, 9.0, 21.0], 60))
    spans = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b < seconds - 0.05] or [
        (0.5, 1.0)
    ]
    notes = transcribe(played(spans, seconds), listener).notes
    np.testing.assert_allclose(notes.table[:, :2], spans, atol=1e-4)
    assert set(listener.lengths) == {690 * HOP}


def test_a_note_until_the_end_and_one_from_the_beginning(listener: Listener) -> None:
    notes = transcribe(played([(0, 1), (2, 40)], 40), listener).notes
    np.testing.assert_allclose(notes.table[:, :2], [[0, 1], [2, 40]], atol=1e-4)


def test_quiet_segments_are_not_listened_to(listener: Listener) -> None:
    samples = np.zeros((60 * RATE, 1), np.float32)
    samples[RATE : 2 * RATE] = 0.5
    transcribe(Audio(samples, RATE, ""), listener)
    assert len(listener.lengths) == 1
    with pytest.raises(UserError) as caught:
        transcribe(Audio(np.zeros((60 * RATE, 1), np.float32), RATE, ""), listener)
    assert caught.value.code == "no_notes"


def test_progress_and_cancel(listener: Listener) -> None:
    steps: list[tuple[str, int, int]] = []
    sound = played([(1, 2)], 40)
    transcribe(sound, listener, progress=lambda *step: steps.append(step))
    assert {stage for stage, _, _ in steps} == {"transcribe"}
    counted = [step for _, step, _ in steps]
    assert counted == sorted(counted) and counted[0] == 0 and counted[-1] == steps[0][2]
    before = len(listener.lengths)

    def cancel(stage: str, step: int, of: int) -> None:
        if len(listener.lengths) > before:
            raise Cancelled

    with pytest.raises(Cancelled):
        transcribe(sound, listener, progress=cancel)
    assert len(listener.lengths) == before + 1


def test_segments_cover_the_sound() -> None:
    for hops in (1, 400, 604, 605, 5000, 77_777):
        cut = Segments.of(hops, RATE / HOP)
        assert cut.first(0) < 0 and cut.first(cut.count - 1) + cut.length >= hops + cut.margin
        assert cut.length == 690 and (cut.count == 1 or cut.length - cut.step >= 43)
        for index in range(cut.count - 1):
            assert (
                cut.first(index + 1)
                < cut.first(index) + cut.decides_before(index)
                < cut.first(index) + cut.length
            )


def test_a_key_struck_again_ends_the_note_before() -> None:
    key = Key()
    one = np.array([1])
    yes, no = np.array([True]), np.array([False])
    key.hear(
        SegmentNotes(
            60, np.array([10.0]), np.array([690.0]), one * 10, one * 690, one * 50, yes, no, one * 9
        ),
        0,
        600,
        518,
    )
    key.hear(
        SegmentNotes(60, np.array([20.5]), np.array([50.0]), one * 20, one * 50, one * 70, yes, yes, one),
        518,
        600,
        1036,
    )
    assert key.notes == [(10.0, 538.5, 50), (538.5, 568.0, 70)] and not key.held and key.free_from == 568
    assert key.doubtful == 1


def test_doubtful_notes_are_counted_once(listener: Listener) -> None:
    found = transcribe(played([(1, 1.04), (5, 6), (14.5, 14.54), (15, 35)], 60), listener)
    assert len(found.notes) == 4 and found.doubtful == 2


def shares(count: int, doubtful: int, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """What is said of so many notes in 30 s of noise."""
    rows = [(0.2 * i, 0.2 * i + 0.1, 60, 64) for i in range(count)]
    made = Transcription(Notes.from_arrays(np.array(rows, np.float32)), doubtful)
    monkeypatch.setattr(listen_module.by_ear, "transcribe", lambda *asked: made)
    noise = np.random.default_rng(0).normal(size=(30 * 8000, 1)).astype(np.float32)
    return tuple(remark.sentence for remark in listen(Audio(noise, 8000, ""), Listener()).remarks)


@pytest.mark.parametrize(
    ("count", "doubtful", "said"),
    [
        (100, 5, False),
        (100, 19, True),
        (12, 2, False),
        (12, 3, True),
        (2, 2, True),
        (2, 1, False),
        (1, 1, True),
    ],
)
def test_what_is_hardly_a_piano_is_said(
    monkeypatch: pytest.MonkeyPatch, count: int, doubtful: int, said: bool
) -> None:
    sentences = shares(count, doubtful, monkeypatch)
    words = f"This sounds little like a solo piano: {count} notes in 30 s, {doubtful} of them doubtful."
    assert sentences == ((words,) if said else ())


@WITHOUT_TRANSKUN
def test_an_organ_is_hardly_a_piano() -> None:
    """Pipes go on as they begin; nothing is struck and dies away."""
    rate = 22_050
    time = np.arange(6 * rate) / rate
    sound = np.zeros(len(time))
    for i, begin in enumerate(np.arange(0.4, 5.2, 0.4)):
        inside = (time >= begin) & (time < begin + 0.4)
        since = time[inside] - begin
        for pitch in (60 + (0, 2, 4, 5, 7, 9, 11, 12, 9, 7, 4, 2)[i], 48 + 7 * (i % 2)):
            phase = 2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * since
            level = np.minimum(1, since / 0.02) * np.minimum(1, (0.4 - since) / 0.03)
            sound[inside] += level * sum(np.sin(n * phase) / n for n in range(1, 9))
    (remark,) = listen(
        Audio((0.1 * sound)[:, None].astype(np.float32), rate, ""), load_transcriber("cpu")
    ).remarks
    assert remark.code == "not_a_piano"


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 44_101, 48_000, 96_000])
def test_parts_are_resampled_as_the_whole(rate: int) -> None:
    time = np.arange(3 * rate) / rate
    audio = Audio(np.sin(2 * np.pi * np.stack([440 * time, 1000 * time], 1)).astype(np.float32), rate, "")
    whole = resampled(audio, RATE, -1000, 4 * RATE)
    assert whole.shape == (2, 4 * RATE) and whole.dtype == np.float32
    np.testing.assert_allclose(
        resampled(audio, RATE, 51_234, 7777), whole[:, 52_234 : 52_234 + 7777], atol=1e-5
    )
    expected = np.sin(2 * np.pi * np.array([[440], [1000]]) * np.arange(RATE, 2 * RATE) / RATE)
    np.testing.assert_allclose(whole[:, 1000 + RATE : 1000 + 2 * RATE], expected, atol=2e-3)
    assert not whole[:, :900].any() and not whole[:, 1000 + 3 * RATE + 900 :].any()
