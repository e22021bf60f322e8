"""Models of any signature, called with all data."""

import pytest

from svi_atlas.inference.signature import takes_data

DATA = {"x": 1, "y": 2, "n": 3}


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda data: data, DATA),
        (lambda batch: batch, DATA),
        (lambda: "nothing", "nothing"),
        (lambda x: x, 1),
        (lambda x, y=None: (x, y), (1, 2)),
        (lambda y, x: (x, y), (1, 2)),
        (lambda x, *, n: (x, n), (1, 3)),
        (lambda x, z=7: (x, z), (1, 7)),
        (lambda data, z=7: (data, z), (DATA, 7)),
        (lambda *data: data, (DATA,)),
    ],
)
def test_what_a_function_is_called_with(function, expected):
    adapted = takes_data(function)
    result = adapted(DATA)
    assert result == expected
    assert takes_data(adapted)(DATA) == expected


def test_a_function_that_takes_all_data_is_itself():
    def model(data):
        pass

    assert takes_data(model) is model


def test_what_is_missing_is_named():
    def line(x, slope, curve):
        pass

    with pytest.raises(TypeError, match=r"line\(\) asks for 'slope', 'curve', .*'x', 'y', 'n'"):
        takes_data(line)(DATA)


def test_without_data_a_function_that_takes_them_by_name_raises():
    with pytest.raises(TypeError, match="takes its data by name"):
        takes_data(lambda x, y=None: (x, y))(None)
    assert takes_data(lambda batch: batch)(None) is None
