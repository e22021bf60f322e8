"""One finished run of a tiny configuration, and a copy of it for each test.

The run starts as soon as the tests are collected, so that it is done when it is needed.
"""

import pytest

from support import Project, kill_group

_started = {}


def pytest_collection_finish(session):
    wanted = any({"finished", "project"} & set(item.fixturenames) for item in session.items)
    if wanted and not session.config.option.collectonly:
        folder = session.config._tmp_path_factory.mktemp("finished")
        project = Project.make(folder / "project")
        _started["run"] = project, project.start("--cores", "1", output=folder / "output.txt")


def pytest_unconfigure(config):
    if "run" in _started:
        kill_group(_started["run"][1])


@pytest.fixture(scope="session")
def finished():
    """A project with its results. Tests must not change it."""
    project, process = _started["run"]
    process.wait(timeout=800)
    output = (project.path.parent / "output.txt").read_text()
    assert process.returncode == 0, output
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project to edit."""
    return finished.copy(tmp_path / "project")
