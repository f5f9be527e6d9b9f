# SPDX-License-Identifier: GPL-3.0-or-later
"""Known fingering: kern reader, split, pianists, the fit's likelihood and the agreement, on small scores made here."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from real_paths import write_real_file

from models.body.notes import Notes
from models.planning.fingering_costs import FITTED_SHAPES, FingeringCosts, ergonomic_tables, load_tables
from models.planning.fingering_lattice import STATE_COUNT, build_lattice, lattice_costs
from training.__main__ import main
from training.fingering.agreement import Agreement, between_editions, with_digits
from training.fingering.fingered import FingeredScore
from training.fingering.fit import FitOptions, _Batch, _tables, fit, windows_of
from training.fingering.kern import read_kern
from training.fingering.pianists import read_pianists
from training.fingering.schools import school_scales
from training.fingering.works import HELD_OUT, Work, group_and_piece, read_works, side_of

KERN = """\
!!!OTL: made for this test
**kern\t**fing\t**kern\t**fing
*part1\t*\t*part1\t*
*ICklav\t*\t*ICklav\t*
*MM60\t*\t*MM60\t*
4C 4E 4G\t5 3 1\t4cc\t3
.\t.\t8qdd\t.
[2C\t5\t8ee\t.
.\t.\t8b-\t2
*\t*\t*^\t*^
.\t.\t4g\t4c\t5\t1
*\t*\t*v\t*v\t*v\t*v
4C]\t.\t4r\t.
8GG\t3-2\t4.f#\t1 2
=\t=\t=\t=
*-\t*-\t*-\t*-
"""


def write(folder: Path, name: str, text: str = KERN) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_kern_has_its_times_pitches_ties_and_digits(tmp_path: Path) -> None:
    score = read_kern(write(tmp_path, "a.krn"))
    assert score is not None
    rows = {
        (round(onset, 3), int(pitch), hand): (round(offset - onset, 3), finger)
        for (onset, offset, pitch, _), hand, finger in zip(
            score.notes.table.tolist(), score.notes.hand.tolist(), score.digits.tolist(), strict=True
        )
    }
    assert rows[0.0, 48, 0] == (1.0, 4) and rows[0.0, 52, 0] == (1.0, 2) and rows[0.0, 55, 0] == (1.0, 0)
    assert rows[0.0, 72, 1] == (1.0, 2)
    assert rows[1.0, 48, 0] == (3.0, 4), "a tie is one note"
    assert rows[1.0, 76, 1] == (0.5, -1) and rows[1.5, 70, 1] == (0.5, 1)
    assert rows[2.0, 67, 1] == (1.0, 4) and rows[2.0, 60, 1] == (1.0, 0), "two layers, two strands of digits"
    assert rows[4.0, 43, 0][1] == -1 and rows[4.0, 66, 1] == (1.5, -1), (
        "substitutions and spare digits are left"
    )
    assert sum(pitch == 74 and 0.9 < onset < 1.0 for onset, pitch, _ in rows) == 1, (
        "a grace note comes before"
    )


def test_english_print_counts_the_thumb_as_a_cross(tmp_path: Path) -> None:
    text = KERN.replace("5 3 1", "4 2 +").replace("\t5\t1\n", "\t4\t+\n").replace("8ee\t.", "8ee\t+")
    score = read_kern(write(tmp_path, "a.krn", text.replace("[2C\t5", "[2C\t4")))
    assert score is not None and score.digits[score.notes.hand == 0][:3].tolist() == [4, 2, 0]


def test_figured_bass_and_broken_spines_are_no_fingering(tmp_path: Path) -> None:
    figures = KERN.replace("\t5\t", "\t6\t").replace("\t2\n", "\t7\n").replace("5 3 1", "6 4")
    assert read_kern(write(tmp_path, "bass.krn", figures)) is None
    with pytest.raises(ValueError, match="tokens"):
        read_kern(write(tmp_path, "broken.krn", KERN.replace("8b-\t2", "8b-")))


def test_editions_of_one_work_lie_on_one_side() -> None:
    one, two = (
        group_and_piece(Path(f"chopin/{name}.krn")) for name in ("010-1b-Sm-007", "010_7-12-1-KI-007")
    )
    assert one == two == ("chopin-010", "chopin-010-007")
    assert side_of("chopin-010") == HELD_OUT and side_of("zelenski-wladyslaw") == HELD_OUT
    assert group_and_piece(Path("polish/a-b-1_sowinski-wojciech--valse-op-3.krn"))[0] == "sowinski-wojciech"


def test_pianists_are_parted_as_for_the_motion_and_give_every_finger(tmp_path: Path) -> None:
    write_real_file(tmp_path / "real.npz", excerpts=5)
    learned, measured = read_pianists(tmp_path / "real.npz")
    assert (len(learned), len(measured)) == (3, 2), "every fourth excerpt is for measuring alone"
    for score in learned + measured:
        assert (score.digits >= 0).all() and score.digits.tolist() == score.notes.finger.tolist()
    both, left, right = (with_digits(measured, hand=hand) for hand in (None, 0, 1))
    assert both == Agreement(left.same + right.same, left.of + right.of) and min(left.of, right.of) > 20


def test_the_command_fits_on_pianists_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "scores" / "chopin", "002-1-A-001.krn")
    write_real_file(tmp_path / "real.npz", excerpts=6, seconds=20)
    command = ["fingering", "--data", str(tmp_path / "scores"), "--fit", "--rounds", "1", "--out"]
    assert main([*command, str(tmp_path / "print.json")]) == 0
    assert "pianists" not in capsys.readouterr().out
    assert main([*command, str(tmp_path / "both.json"), "--real", str(tmp_path / "real.npz")]) == 0
    assert "pianists, held out   left hand" in capsys.readouterr().out
    alone, both = (
        json.loads((tmp_path / name).read_text(encoding="utf-8")) for name in ("print.json", "both.json")
    )
    assert alone["step"] != both["step"], "pianists' steps from key to key are learned"
    assert main([*command, str(tmp_path / "no.json"), "--real", str(tmp_path / "none.npz")]) == 2
    assert not (tmp_path / "no.json").exists()


def test_scales_of_the_schools_never_cross_without_the_thumb() -> None:
    scales = school_scales()
    assert len(scales) == 2 * 12 * 2
    for score in scales:
        towards = np.diff(score.notes.pitch) * np.where(score.notes.hand[1:] == 1, 1, -1)
        fingers = score.digits.astype(int)
        with_thumb = (fingers[1:] == 0) | (fingers[:-1] == 0)
        assert (np.sign(np.diff(fingers))[~with_thumb] == np.sign(towards)[~with_thumb]).all()
        black = np.isin(score.notes.pitch % 12, (1, 3, 6, 8, 10))
        assert not (black & (fingers == 0)).any(), "no thumb on a black key"
    with pytest.raises(ValueError, match="no fingering to fit"):
        fit([], FingeringCosts(), FitOptions())


def test_agreement_counts_printed_notes_only(tmp_path: Path) -> None:
    write(tmp_path / "chopin", "001-1-A-001.krn")
    write(tmp_path / "chopin", "001-1-B-001.krn", KERN.replace("4cc\t3", "4cc\t2"))
    works = read_works(tmp_path)
    found = with_digits([work.score for work in works])
    printed = [int((work.score.digits >= 0).sum()) for work in works]
    assert printed == [8, 8] and found.of == 16 and 0 < found.same <= 16
    assert np.isnan(Agreement(0, 0).share)
    with pytest.raises(FileNotFoundError):
        read_works(tmp_path / "chopin" / "nothing")


def melody(seed: int, count: int, digits: int) -> FingeredScore:
    rng = np.random.default_rng(seed)
    onset = np.arange(count) * 0.25
    table = np.column_stack([onset, onset + 0.25, 64 + rng.integers(-5, 6, count), np.full(count, 80.0)])
    printed = np.full(count, -1, np.int8)
    printed[rng.choice(count, digits, replace=False)] = rng.integers(0, 5, digits)
    return FingeredScore(Path("made"), Notes.from_arrays(table, hand=1), printed)


def test_editions_are_compared_where_both_print() -> None:
    score = melody(1, 40, 20)
    other = score.digits.copy()
    marked = np.flatnonzero(other >= 0)
    other[marked[:5]] = (other[marked[:5]] + 1) % 5
    other[marked[5]] = -1
    works = [
        Work(FingeredScore(score.path, score.notes, printed), "g", "p", "train")
        for printed in (score.digits, other)
    ]
    assert between_editions(works) == Agreement(14, 19)


def test_likelihood_is_the_share_of_agreeing_fingerings() -> None:
    """Against a sum over every fingering of a short line."""
    score = melody(4, 5, 2)
    costs = FingeringCosts(fitted=False)
    lattice = build_lattice(score.notes, 1, costs)
    own, step, skip = lattice_costs(lattice, load_tables(costs))
    shape = [int(STATE_COUNT[n]) for n in lattice.size]
    weight = np.zeros(shape)
    agrees = np.zeros(shape, bool)
    for path in np.ndindex(*shape):
        price = sum(own[i, s] for i, s in enumerate(path))
        price += sum(step[i, path[i - 1], path[i]] for i in range(1, 5))
        price += sum(skip[i, path[i - 2], path[i]] for i in range(2, 5))
        weight[path] = np.exp(-price)
        agrees[path] = all(d < 0 or d == s for d, s in zip(score.digits, path, strict=True))
    zero = {name: torch.zeros(size) for name, size in FITTED_SHAPES.items()}
    loss = _Batch(windows_of(score, costs)).loss(_tables(ergonomic_tables(costs), zero))
    assert float(loss) == pytest.approx(-np.log(weight[agrees].sum() / weight.sum()), rel=1e-2)


def test_fit_learns_what_is_printed() -> None:
    scores = []
    for seed in range(6):
        score = melody(seed, 60, 1)
        thumb = np.where(score.notes.pitch == 64, 2, -1).astype(np.int8)  # always the middle finger on E
        scores.append(FingeredScore(score.path, score.notes, thumb))
    torch.manual_seed(0)
    fitted = fit(scores, FingeringCosts(), FitOptions(rounds=3, batch=4, rate=0.1))
    assert set(fitted) == set(FITTED_SHAPES)
    assert fitted["finger"][0].argmin() == 2 and np.isfinite(fitted["step"]).all()
    with pytest.raises(ValueError, match="above 0"):
        FitOptions(rate=0.0)
