"""One finished run of a tiny configuration, and a copy of it for each test."""

import fcntl
import os

import pytest

from support import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A project with its results, made once for all processes of the tests. Tests must not change it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # a folder of its own in that of all
        folder = folder.parent
    with (folder / "finished.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        project = Project(folder / "finished")
        if not (folder / "finished.ok").exists():
            assert not project.path.exists(), "the run of the tiny configuration failed"
            Project.make(project.path).run()
            (folder / "finished.ok").touch()
    return project


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project to edit."""
    return finished.copy(tmp_path / "project")
