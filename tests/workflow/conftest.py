"""Copies of projects for each test to edit."""

import pytest


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project."""
    return finished.copy(tmp_path / "project")


@pytest.fixture
def without_results(unfinished, tmp_path):
    """A copy of the project without results, whose jobs are planned."""
    return unfinished.copy(tmp_path / "project")
