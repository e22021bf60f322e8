"""One finished run of a tiny configuration, a copy of it for each test, and the table of edits.

The run, and then the dry runs of the table, are made in the background from when the tests are
collected, so that they cost little beside the unit tests.
"""

import shutil
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from edits import EDITS

from support import Project, kill_group


class Background:
    """One worker that makes the finished run and then the wanted dry runs, in order."""

    def __init__(self, folder, names):
        self.folder = folder
        self.project = Project.make(folder / "finished")
        self.process = self.project.start("--cores", "1", output=folder / "output.txt")
        self.pool = ThreadPoolExecutor(1)
        self.finished: Future = self.pool.submit(self._finish)
        self.plans = {name: self.pool.submit(self._plan, name) for name in names}

    def _finish(self):
        self.process.wait()
        output = (self.folder / "output.txt").read_text()
        if self.process.returncode:
            pytest.fail(
                f"the run of the tiny configuration failed:\n{output[-4000:]}", pytrace=False
            )

    def _plan(self, name):
        """Jobs planned after the edit, and the ones expected."""
        if self.finished.exception():
            pytest.skip("the run of the tiny configuration failed")
        project = self.project.copy(self.folder / name)
        expected = EDITS[name](project)
        planned = project.planned()
        shutil.rmtree(project.path)
        return planned, expected

    def stop(self):
        self.pool.shutdown(wait=False, cancel_futures=True)
        kill_group(self.process)


_background = {}


def pytest_collection_finish(session):
    items = session.items
    if session.config.option.collectonly:
        return
    if any({"finished", "plans"} & set(item.fixturenames) for item in items):
        names = [item.callspec.params["edit"] for item in items if "plans" in item.fixturenames]
        folder = session.config._tmp_path_factory.mktemp("background")
        _background["it"] = Background(folder, names)


def pytest_unconfigure(config):
    if _background:
        _background["it"].stop()


@pytest.fixture(scope="session")
def finished():
    """A project with its results. Tests must not change it."""
    _background["it"].finished.result(timeout=800)
    return _background["it"].project


@pytest.fixture(scope="session")
def plans():
    """Futures of what a dry run plans after each edit, and what it should."""
    return _background["it"].plans


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project to edit."""
    return finished.copy(tmp_path / "project")
