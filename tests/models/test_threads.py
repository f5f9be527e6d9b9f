# SPDX-License-Identifier: GPL-3.0-or-later
"""The same seed gives the same take, bit for bit, whatever number of threads makes it."""

import threading
import time

import numpy as np
import pytest
import torch
from tiny_model import TINY, tiny_model

from models.body.notes import Notes
from models.errors import Cancelled
from models.generation import sampling
from models.generation.generator import GenerateSettings, generate
from models.generation.model import load_model
from models.generation.steps import counted_steps
from models.networks import torch_engine
from models.thread_pool import Cores, ThreadPool

SECONDS = 60.0


@pytest.fixture
def threads():
    """Sets how many threads torch has; what it had comes back."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def music(seconds):
    times = np.arange(0.3, seconds - 1, 0.31)
    pitch = 60 + (np.arange(len(times)) * 7) % 24 - 12 * (np.arange(len(times)) % 2)
    table = np.stack([times, times + 0.28, pitch, np.full(len(times), 70)], 1).astype(np.float32)
    return Notes.from_arrays(table, hand=np.arange(len(times)) % 2 ^ 1)


def take(model, seconds=SECONDS, **more):
    settings = GenerateSettings(seed=4)
    return generate(model, music(seconds), duration_s=seconds, settings=settings, **more)


def test_a_take_is_the_same_for_any_number_of_threads(threads):
    """The shipped weights: a tiny network's operations are too small to be split at all."""
    model = load_model("default", "cpu", "torch")
    threads(1)
    alone = take(model, 16.0)
    threads(2)
    together = take(model, 16.0)
    assert torch.get_num_threads() == 2
    np.testing.assert_array_equal(alone.motion.euler, together.motion.euler)
    np.testing.assert_array_equal(alone.motion.wrist, together.motion.wrist)
    np.testing.assert_array_equal(alone.notes.fingering, together.notes.fingering)


def test_a_redone_hand_is_the_same_for_any_number_of_threads(threads):
    model = tiny_model()
    first = take(model)
    threads(1)
    alone = take(model, keep=first, keep_hand="left", redo_range=(5.0, 45.0))
    threads(3)
    together = take(model, keep=first, keep_hand="left", redo_range=(5.0, 45.0))
    np.testing.assert_array_equal(alone.motion.euler, together.motion.euler)
    np.testing.assert_array_equal(alone.motion.wrist, together.motion.wrist)


def test_several_threads_sample_and_each_keeps_to_one_core(threads, monkeypatch):
    seen = set()
    together = threading.Barrier(2, timeout=30)
    plain = sampling._windows

    def watched(model, music, starts, *rest):
        if not seen:
            together.wait()  # passes when two pieces are under way at once
        seen.add((threading.current_thread().name, torch.get_num_threads()))
        return plain(model, music, starts, *rest)

    monkeypatch.setattr(sampling, "_windows", watched)
    threads(2)
    take(tiny_model())
    assert len(seen) == 2 and {count for _, count in seen} == {1}


def test_pieces_follow_from_the_song_alone(threads):
    model = tiny_model()
    starts = list(range(11))
    for count in (1, 2, 3):
        threads(count)
        assert list(map(len, model.engine.pieces(starts))) == [2, 2, 2, 2, 3]


def test_a_network_too_large_for_one_core_has_all_of_them(threads, monkeypatch):
    threads(2)
    monkeypatch.setattr(torch_engine, "ONE_CORE_NUMBERS", 10)
    model = tiny_model()
    assert list(map(len, model.engine.pieces(list(range(6))))) == [4, 2]
    with model.engine.pool():
        assert torch.get_num_threads() == 2


def test_progress_counts_up_and_a_cancel_ends_every_thread(threads):
    threads(2)
    model, told = tiny_model(), []

    def listen(stage, step, of):
        told.append((stage, step, of))

    take(model, progress=listen)
    sampled = [(step, of) for stage, step, of in told if stage == "sample"]
    total = sampled[0][1]
    assert sampled == [(step, total) for step in range(total + 1)] and total > 10 * TINY.sampling_steps
    told.clear()

    def stop(stage, step, of):
        listen(stage, step, of)
        if stage == "sample" and step == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        take(model, progress=stop)
    assert told[-1][:2] == ("sample", 4)
    assert torch.get_num_threads() == 2


def test_an_error_in_one_piece_ends_the_others(threads):
    threads(2)
    begun, ended = threading.Event(), threading.Event()

    def both():
        with (
            ThreadPool(2) as pool,
            counted_steps(lambda *told: None, 1 << 30) as step_done,
        ):

            def work(piece):
                if piece == 0:
                    begun.wait(20)
                    raise ValueError("broken")
                begun.set()
                give_up = time.monotonic() + 20
                try:
                    while time.monotonic() < give_up:
                        step_done()
                except Cancelled:
                    ended.set()
                    raise

            pool.each(work, [0, 1])

    with pytest.raises(ValueError, match="broken"):
        both()
    assert ended.is_set()


def test_a_core_that_has_nothing_to_do_takes_half_of_another_ones_piece():
    cores, together = Cores(2), threading.Barrier(2, timeout=30)

    def half(number):
        together.wait()  # breaks unless both are at work
        return number, threading.current_thread().name

    with cores.pool() as pool:
        for _ in range(3):  # and is given back each time
            [((one, first), (other, second))] = pool.each(lambda _piece: cores.halves(half), [0])
            assert (one, other) == (0, 1) and first != second


def test_where_every_core_has_a_piece_nobody_waits_for_another():
    cores, together = Cores(2), threading.Barrier(2, timeout=30)

    def work(piece):
        together.wait()
        halves = cores.halves(lambda number: (piece, number, threading.get_ident()))
        together.wait()
        return halves, threading.get_ident()

    with cores.pool() as pool:
        for piece, (halves, thread) in enumerate(pool.each(work, range(2))):
            assert halves == [(piece, 0, thread), (piece, 1, thread)]


@pytest.mark.parametrize("broken", [0, 1])
def test_an_error_in_a_half_is_raised_and_its_core_goes_on(broken):
    cores = Cores(2)

    def half(number):
        if number == broken:
            raise ValueError("broken")
        return number

    with cores.pool() as pool:
        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                pool.each(lambda _piece: cores.halves(half), [0])
    threads = []

    def well(number):
        threads.append(threading.get_ident())
        return number

    assert cores.halves(well) == [0, 1] and len(set(threads)) == 2
    assert Cores(1).halves(well) == [0, 1] and len(set(threads[2:])) == 1
