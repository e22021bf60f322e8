"""Visits of a page with headless Chromium: what the page looks like and what it asks for."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from playwright.sync_api import Browser, BrowserType, ConsoleMessage

EXAMINE = (Path(__file__).parent / "examine.js").read_text()
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",  # root in a container has no sandbox; only pages of our own are opened
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
LOCAL = ("file:", "data:", "about:", "blob:")
"""Beginnings of addresses that are on this machine."""

HEIGHT, MAX_PHONE_WIDTH = 900, 600
"""Pixels of the window."""

PATIENCE = 60_000
"""Milliseconds to wait for the browser or a page."""


@dataclass(frozen=True)
class Visit:
    """What a visit of a page showed.

    Attributes
    ----------
    errors
        Console errors and uncaught exceptions.
    remote
        Addresses outside of this machine that the page asked for.
    overflow
        Pixels by which the page is wider than the window.
    outside, cut
        Elements that leave the window, and elements whose text is cut off.
    broken
        Images that did not load.
    landmarks
        Which of header, main and footer the page has, which every page of the report has.
    images, formulas
        How many there are.
    links, anchors
        Targets of the links, and places in the page to which a link may lead.
    """

    errors: list[str]
    remote: list[str]
    overflow: int
    outside: list[str]
    cut: list[str]
    broken: list[str]
    landmarks: list[str]
    images: int
    formulas: int
    links: list[str]
    anchors: list[str]

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong with the page, in words; empty if nothing is."""
        faults = [f"console error: {error}" for error in self.errors]
        faults += [f"remote request: {url}" for url in self.remote]
        if self.overflow > 0:
            faults.append(f"the page is {self.overflow} pixels wider than the window")
        faults += [f"outside of the window: {element}" for element in self.outside]
        faults += [f"text cut off: {element}" for element in self.cut]
        return faults + [f"image not loaded: {image}" for image in self.broken]

    def dead_links(self, page: Path) -> list[str]:
        """Links of the page that lead nowhere: to no file beside it, or to no place in it."""
        return [link for link in self.links if not self._leads_somewhere(link, page)]

    def _leads_somewhere(self, link: str, page: Path) -> bool:
        file, _, anchor = unquote(link).partition("#")
        if "://" in file or not file:
            return bool(file) or anchor in self.anchors
        return (page.parent / file).exists()


def find_program() -> str | None:
    """The program of the system's browser, if there is one."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


def launch(chromium: BrowserType, program: str) -> Browser:
    """Start the system's browser; no browser is downloaded."""
    return chromium.launch(executable_path=program, args=FLAGS, timeout=PATIENCE)


def visit(browser: Browser, page: Path, width: int) -> Visit:
    """Open a page in a window `width` pixels wide, as on a phone if it is narrow."""
    errors: list[str] = []
    remote: list[str] = []

    def log(message: ConsoleMessage) -> None:
        if message.type in ("error", "assert"):
            errors.append(message.text)

    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT}, is_mobile=width < MAX_PHONE_WIDTH
    )
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    tab.on("console", log)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: remote.append(request.url))
    tab.goto(page.as_uri())
    seen = tab.evaluate(EXAMINE)
    context.close()
    remote = [url for url in remote if not url.startswith(LOCAL)]
    return Visit(errors=errors, remote=remote, **seen)
