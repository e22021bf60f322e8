"""The system's browser, started once for a module of tests."""

from __future__ import annotations

import pytest
import visits

MISSING = (
    f"there is no {' or '.join(visits.PROGRAMS)} on the path: install Chromium to check the pages in a "
    "browser (on Debian: apt-get install chromium)"
)


@pytest.fixture(scope="module")
def browser():
    program = visits.find_program()
    if program is None:
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = visits.launch(playwright.chromium, program)
        yield running
        running.close()
