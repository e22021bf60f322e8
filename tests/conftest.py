"""Tests run JAX on one thread, as jobs do; and one finished run of a tiny configuration for all of them.

On several threads JAX's triangular solve (full-rank guides) may wait for a thread that waits for
it, and a test hangs: seen with jaxlib 0.10.2 on two cores.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from support import Project
from svi_atlas.jobs.runtime import limit_threads

limit_threads(1)  # before JAX is imported

COMPILED = "JAX_COMPILATION_CACHE_DIR"
if (
    COMPILED not in os.environ
):  # of all processes of the tests: most of their time goes into compilation
    folder = tempfile.mkdtemp(prefix="compiled-")
    os.environ[COMPILED] = folder
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

SLOW = {
    "browser": ("pages",),
    "contract": ("guides", "problems"),
    "unit/inference": (
        "acceleration", "cell", "checkpoint", "draws", "fit", "full_data", "guide_check", "guides",
        "affine_gain", "laplace", "natural_gradient", "nonfinite", "optimality", "predictive", "program",
        "search", "standard_base", "whitened",
    ),
    "unit/judgement": ("advice_followed", "planted_faults", "step_size_forecast"),
    "unit/references": ("equal_cost", "quadrature"),
    "unit/sbc": ("ranks", "refit", "uniformity"),
}  # fmt: skip
"""Modules that drive a browser, compile programs of JAX in nearly every test, or simulate much."""


def pytest_collection_modifyitems(items):
    """Mark the tests of these modules as slow."""
    files = {
        Path(__file__).parent / folder / f"test_{name}.py"
        for folder, names in SLOW.items()
        for name in names
    }
    for item in items:
        if item.path in files:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """Makes a project once for all processes of the tests, by its name and what is to be done in it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # a folder of its own in that of all
        folder = folder.parent

    def make(name, prepare):
        with (folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            project = Project(folder / name)
            if not (folder / f"{name}.ok").exists():
                assert not project.path.exists(), f"the project {name!r} could not be made"
                Project.make(project.path)
                prepare(project)
                (folder / f"{name}.ok").touch()
        return project

    return make


@pytest.fixture(scope="session")
def unfinished(once):
    """A project whose jobs are planned, without results. Tests must not change it."""
    return once("unfinished", lambda project: project.plan(write=True))


@pytest.fixture(scope="session")
def finished(once):
    """A project with its results. Tests must not change it."""
    return once("finished", Project.run)
