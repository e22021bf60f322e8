"""The data of an experiment is checked against the JSON Schema of its problem."""

import pytest

from svi_atlas.configuration.data_schema import check_data, data_problems
from svi_atlas.errors import InputError

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["rows", "columns"],
    "properties": {
        "rows": {"type": "integer", "minimum": 1, "maximum": 10, "description": "How many."},
        "columns": {"type": "integer", "exclusiveMinimum": 0},
        "noise": {"type": ["number", "string"]},
        "kind": {"enum": ["dense", "sparse"]},
        "names": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"pattern": "^a"}},
        "share": {"exclusiveMaximum": 1, "multipleOf": 0.25},
        "title": {"minLength": 1},
    },
}
GOOD = {"rows": 2, "columns": 1}

BAD = [
    ({"rows": 0}, "too_small", "data.rows", "must be at least 1, found 0 (How many.)"),
    ({"rows": 11}, "too_large", "data.rows", "must be at most 10"),
    ({"columns": 0}, "too_small", "data.columns", "must be greater than 0"),
    ({"rows": True}, "wrong_type", "data.rows", "must be of type integer, found True"),
    ({"noise": []}, "wrong_type", "data.noise", "must be of type number or string"),
    ({"noise": float("nan")}, "not_finite", "data.noise", "must be a finite number"),
    ({"kind": "dens"}, "not_allowed", "data.kind", "dense, sparse (did you mean 'dense'?)"),
    ({"names": []}, "too_few", "data.names", "at least 1 entry"),
    ({"names": ["a", "a"]}, "not_unique", "data.names", "twice"),
    ({"names": ["b"]}, "wrong_pattern", "data.names[0]", "^a"),
    ({"share": 1}, "too_large", "data.share", "less than 1"),
    ({"share": 0.3}, "invalid", "data.share", "multiple"),
    ({"title": ""}, "empty", "data.title", "must not be empty"),
    ({"row": 3}, "unknown_key", "data.row", "key 'data': unknown key 'row' (did you mean 'rows'?)"),
]


@pytest.mark.parametrize(("changes", "code", "key", "words"), BAD)
def test_violations(changes, code, key, words):
    (problem,) = data_problems(GOOD | changes, SCHEMA, "mine.yaml")
    assert (problem.code, problem.file, problem.key) == (code, "mine.yaml", key)
    assert words in problem.text


def test_every_missing_key_is_named_once():
    problems = data_problems({}, SCHEMA, "mine.yaml")
    assert [(problem.code, problem.key) for problem in problems] == [
        ("missing_key", "data.rows"),
        ("missing_key", "data.columns"),
    ]
    assert problems[0].text == "mine.yaml: key 'data': missing key 'rows' (How many.)"


def test_a_key_that_another_one_needs():
    schema = {"dependentRequired": {"heads": ["tails"], "tails": ["heads"]}}
    (problem,) = data_problems({"heads": 1}, schema, "mine.yaml")
    assert (problem.code, problem.key) == ("missing_key", "data.tails")
    assert "missing key 'tails' (needed with 'heads')" in problem.text


@pytest.mark.parametrize(
    ("rules", "code", "words"),
    [
        ({"minProperties": 3}, "too_few", "at least 3 keys"),
        ({"maxProperties": 1}, "too_many", "at most 1 key,"),
    ],
)
def test_the_number_of_keys(rules, code, words):
    (problem,) = data_problems(GOOD, rules, "mine.yaml")
    assert (problem.code, problem.key) == (code, "data")
    assert words in problem.text


def test_all_violations_are_raised_together():
    check_data(GOOD, SCHEMA, "mine.yaml")
    with pytest.raises(InputError) as error:
        check_data({"rows": 0, "columns": 0}, SCHEMA, "mine.yaml", ("settings",))
    assert {problem.key for problem in error.value.problems} == {
        "settings.rows",
        "settings.columns",
    }
