"""Optimisers are checked before any job, and what has been checked costs nothing."""

import pytest
from coin_experiments import experiment_text

from svi_atlas.configuration.load import read_experiment
from svi_atlas.planning import optimizers
from svi_atlas.planning.optimizers import optimizer_problems


@pytest.fixture
def problems(tmp_path):
    """A function that checks the optimisers of an experiment's text."""

    def check(text):
        path = tmp_path / "tiny.yaml"
        path.write_text(text)
        return optimizer_problems(
            {"tiny": read_experiment(path)}, {"tiny": "tiny.yaml"}, tmp_path / "cache"
        )

    return check


@pytest.fixture
def asked(monkeypatch):
    """The questions to the process with JAX, each answered with "no good"."""
    questions = []

    def answer(command, optimizers):
        questions.append((command, optimizers))
        return ["no good"] * optimizers.count('"name"')

    monkeypatch.setattr(optimizers, "ask", answer)
    return questions


PLAIN = experiment_text("beta")
MOMENTUM = "optimizer: {name: Momentum, options: {mass: 0.9}}\n"


def test_plain_adam_starts_no_process(problems, asked):
    assert problems(PLAIN) == problems(PLAIN + "optimizer: ClippedAdam\n") == []
    assert asked == []


def test_every_optimiser_of_a_file_is_checked(problems, asked):
    fit = "{guide: beta, num_particles: 1, step_size: 1, optimizer: SM3"
    text = (
        PLAIN.replace("seeds: 2", "seeds: 2\n    optimizer: SGD")
        + f"{MOMENTUM}single: {{a: {fit}, seed: 1}}}}\nsbc: {{b: {fit}}}}}\n"
    )
    found = problems(text)
    assert [(problem.code, problem.file, problem.key) for problem in found] == [
        ("bad_optimizer", "tiny.yaml", f"{place}optimizer")
        for place in ("", "grid[0].", "single.a.", "sbc.b.")
    ]
    assert found[0].text == "tiny.yaml: key 'optimizer': no good"
    ((command, content),) = asked
    assert command == "check-optimizers"
    assert content.count("SM3") == 1


def test_what_has_been_checked_is_known(problems, asked):
    assert problems(PLAIN + MOMENTUM) == problems(PLAIN + MOMENTUM)
    assert len(asked) == 1
    problems(PLAIN + MOMENTUM.replace("0.9", "0.8"))
    assert len(asked) == 2


@pytest.mark.parametrize("option", ["step_size", "learning_rate"])
def test_the_step_size_is_no_option(problems, asked, option):
    (problem,) = problems(f"{PLAIN}optimizer: {{name: Adam, options: {{{option}: 0.1}}}}\n")
    assert (problem.code, problem.key) == ("step_size_twice", f"optimizer.options.{option}")
    assert asked == []


@pytest.mark.slow
def test_real_optimisers(problems):
    text = PLAIN.replace("seeds: 2", "seeds: 2\n    optimizer: optax.adamw")
    assert problems(text + MOMENTUM) == []
    bad = {
        "adam": ["'adam'", "'Adam'"],
        "Minimize": ["'Minimize'"],
        "optax.adamm": ["'optax.adamm'", "'optax.adam"],
        "Momentum": ["'Momentum'", "mass"],
        "{name: Adam, options: {beta: 1}}": ["'Adam'", "beta"],
        "{name: Adam, options: {b1: word}}": ["'Adam'"],
    }
    blocks = "".join(
        f"  a{index}: {{guide: beta, num_particles: 1, step_size: 1, seed: 1, optimizer: {written}}}\n"
        for index, written in enumerate(bad)
    )
    found = problems(f"{PLAIN}single:\n{blocks}")
    assert [problem.key for problem in found] == [
        f"single.a{index}.optimizer" for index in range(len(bad))
    ]
    for problem, words in zip(found, bad.values(), strict=True):
        for word in words:
            assert word in problem.text
