"""A study fits exactly the posteriors that were listed before its first run."""

import hashlib
from types import SimpleNamespace

import pytest

from svi_atlas.planning.studies import study_problems

LIST = "experiment,model\nstudy,a\nstudy,b\nother,c\n"


def problems_of(tmp_path, models=("a", "b"), text=LIST, digest=None, name="list.csv"):
    (tmp_path / "list.csv").write_text(text)
    digest = digest or hashlib.sha256(LIST.encode()).hexdigest()
    experiment = SimpleNamespace(
        name="study",
        file="config/experiments/study.yaml",
        study={"posteriors": name, "sha256": digest, "also": []},
        cells=[SimpleNamespace(model=model) for model in models],
    )
    return [(found.key, found.text) for found in study_problems({"study": experiment}, tmp_path)]


def test_the_listed_posteriors_are_accepted(tmp_path):
    assert problems_of(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"name": "lost.csv"}, "study.posteriors", "there is no file lost.csv"),
        ({"text": LIST + "study,d\n"}, "study.sha256", "not the one that was fixed before"),
        ({"models": ("a",)}, "study.posteriors", "lists b, which `grid` does not fit"),
        ({"models": ("a", "b", "c")}, "study.posteriors", "`grid` fits c, which"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, changes, key, words):
    ((found, text),) = problems_of(tmp_path, **changes)
    assert found == key
    assert words in text
    assert "config/experiments/study.yaml" in text
