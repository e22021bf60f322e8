"""Tests run JAX on one thread, as jobs do; and one finished run of a tiny configuration for all of them.

On several threads JAX's triangular solve (full-rank guides) may wait for a thread that waits for
it, and a test hangs: seen with jaxlib 0.10.2 on two cores.
"""

import fcntl
import os

import pytest

from support import Project
from svi_atlas.jobs.runtime import limit_threads

limit_threads(1)  # before JAX is imported


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
