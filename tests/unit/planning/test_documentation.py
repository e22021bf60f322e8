"""Generated documents say what the code says."""

import pytest

from svi_atlas import cli
from svi_atlas.locations import PROJECT
from svi_atlas.planning.documentation import documents


@pytest.mark.parametrize("name", documents())
def test_committed_documents_are_up_to_date(name):
    assert (PROJECT / name).read_text() == documents()[name], "run `make docs`"


def test_the_command_writes_them_and_leaves_unchanged_ones_alone(tmp_path):
    assert cli.main(["generate", str(tmp_path)]) == 0
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path)) for path in written} == set(documents())
    changed = tmp_path / "docs" / "columns.md"
    changed.write_text("old")
    before = {path: path.stat().st_mtime_ns for path in written if path != changed}
    assert cli.main(["generate", str(tmp_path)]) == 0
    assert changed.read_text() == documents()["docs/columns.md"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
