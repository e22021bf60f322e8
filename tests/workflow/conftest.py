"""A copy of one finished run for each test."""

import pytest


@pytest.fixture
def project(finished, tmp_path):
    """A copy of the finished project to edit."""
    return finished.copy(tmp_path / "project")
