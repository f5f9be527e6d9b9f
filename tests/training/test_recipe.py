# SPDX-License-Identifier: GPL-3.0-or-later
"""From scores to a model that loads, in one command, and again after a stop."""

import argparse

import pytest
from test_evaluation_tables import write_score

from models.generation.model import load_model
from training.__main__ import main
from training.commands.recipe import recipe_main, steps_of


@pytest.fixture
def arguments(tmp_path):
    return argparse.Namespace(
        scores=tmp_path / "scores",
        out=tmp_path / "run",
        folder=tmp_path / "model",
        name="mine",
        hours=0.01,
        minutes=0.1,
        batch=2,
        seed=0,
        processes=1,
        device="cpu",
    )


def test_recipe_stops_at_the_first_step_that_fails(arguments):
    done = []

    def run(step):
        done.append(step[0])
        return 3 if len(done) == 2 else 0

    assert recipe_main(arguments, run) == 3
    assert done == ["synthesise", "train"]


def test_recipe_divides_the_minutes(arguments):
    arguments.minutes = 100.0
    minutes = [float(step[step.index("--minutes") + 1]) for step in steps_of(arguments) if step[0] == "train"]
    assert sum(minutes) == pytest.approx(100.0) and minutes[0] < minutes[1]


def test_recipe_leads_from_scores_to_a_model(arguments):
    for number in range(3):
        write_score(arguments.scores / "lieder" / "abt_franz" / f"piece_{number}.mid", number, seconds=20.0)
    write_score(arguments.scores / "lieder" / "satie_erik" / "piece.mid", 9, seconds=20.0)
    steps = [step[1:] for step in steps_of(arguments)]
    assert all(part for part in steps)
    values = [value for name, value in vars(arguments).items()]
    flags = [f"--{name}" for name in vars(arguments)]
    command = ["recipe", *[str(part) for pair in zip(flags, values, strict=True) for part in pair]]
    assert main(command) == 0
    first = load_model(arguments.folder, "cpu")
    assert first.config.name == "mine"
    assert main(command) == 0  # nothing is left to do: the same weights
    assert load_model(arguments.folder, "cpu").weights_hash == first.weights_hash
