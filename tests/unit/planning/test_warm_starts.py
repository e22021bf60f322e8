"""Fits that start at those of another experiment find them there, or the message says what is missing."""

import pytest
from coin_experiments import experiment_text

from svi_atlas.planning.warm_starts import warm_start, warm_start_problems

GUIDE = "class: AutoNormal"


def at(name):
    return f"{GUIDE}, start: {{experiment: {name}}}"


@pytest.fixture
def problems(planned):
    """A function from experiments' texts by name to the problems of their starts."""

    def find(**texts):
        experiments = {name: planned(text, name) for name, text in texts.items()}
        return [(p.code, p.file, p.key, p.text) for p in warm_start_problems(experiments)]

    return find


FIRST = experiment_text("mine", mine=GUIDE)
SECOND = experiment_text("mine", mine=at("first"))


def test_where_an_autoguide_starts():
    assert warm_start(None) == ""
    assert warm_start({"start": "laplace"}) == ""
    assert warm_start({"start": {"value": {"x": 1}}}) == ""
    assert warm_start({"start": {"experiment": "first"}}) == "first"


def test_fits_that_start_at_others(problems):
    third = experiment_text("mine", mine=at("second"))
    assert problems(first=FIRST, second=SECOND, third=third) == []
    more = FIRST.replace("seeds: 2", "seeds: [7, 8]").replace("[8]", "[8, 32]")
    assert problems(first=more, second=SECOND) == []


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("num_particles: [8]", "num_particles: [1]", "no_such_fits", ["'headstails'", "'mine'", "particles-8", "first.yaml"]),
        ("[headstails]", "[other]", "no_such_fits", ["'headstails'"]),
        ("guides: [mine]", "guides: [beta]", "no_such_fits", ["'mine'"]),
        ("seeds: 2", "seeds: 3", "other_fits", ["seeds", "3", "2"]),
        ("[0.1, 0.01]", "[0.1]", "other_fits", ["step sizes", "[0.1]", "[0.01, 0.1]"]),
        ("seeds: 2", "seeds: 2\n    schedules: [cosine]", "other_fits", ["schedules", "['cosine']"]),
        ("AutoNormal", "AutoDiagonalNormal", "other_guide", ["'mine'", "first.yaml"]),
        ("class: AutoNormal", "class: AutoNormal, options: {init_scale: 1}", "other_guide", ["'mine'"]),
        ("problem: coin", "problem: bimodal", "other_problem", ["'bimodal'"]),
    ],
)  # fmt: skip
def test_fits_that_are_not_there(problems, old, new, code, words):
    assert FIRST.count(old) == 1
    ((found, file, key, text),) = problems(first=FIRST.replace(old, new), second=SECOND)
    assert (found, file, key) == (code, "second.yaml", "autoguides.mine.start.experiment")
    for word in words:
        assert word in text


def test_an_experiment_that_is_not_in_the_run(problems):
    ((code, file, _, text),) = problems(second=SECOND, firs=FIRST)
    assert (code, file) == ("unknown_name", "second.yaml")
    assert "unknown experiment 'first' (did you mean 'firs'?), others of the run are firs" in text
    ((_, _, _, text),) = problems(second=SECOND)
    assert "add it to `experiments` in config/config.yaml" in text
    ((code, *_),) = problems(second=experiment_text("mine", mine=at("second")))
    assert code == "unknown_name"


def test_no_fit_starts_at_itself_by_a_detour(problems):
    one, two = experiment_text("mine", mine=at("two")), experiment_text("mine", mine=at("one"))
    found = problems(one=one, two=two, three=experiment_text("mine", mine=at("one")))
    assert [(code, file) for code, file, *_ in found] == [
        ("circle", "one.yaml"),
        ("circle", "two.yaml"),
    ]
    assert "one starts at two starts at one" in found[0][3]
