"""One finished run of a tiny configuration, and a copy of it for each test."""

import pytest

from support import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project with its results. Tests must not change it."""
    project = Project.make(tmp_path_factory.mktemp("finished") / "project")
    project.run()
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project to edit."""
    return finished.copy(tmp_path / "project")
