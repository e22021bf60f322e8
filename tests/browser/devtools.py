"""Headless Chromium, driven through its DevTools protocol: what a page looks like and asks for."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tornado.websocket import WebSocketClientConnection, websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
PATIENCE = 60
"""Seconds to wait for the browser or a page."""

EXAMINE = """
(() => {
  const width = window.innerWidth, name = element =>
    element.tagName.toLowerCase() + (element.className ? '.' + element.className : '') +
    ' ' + JSON.stringify((element.textContent || element.alt || '').trim().slice(0, 60));
  const scrolls = element => {
    for (let e = element; e && e !== document.body; e = e.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(e).overflowX)) return true;
    return false;
  };
  const shown = [...document.body.querySelectorAll('*')].filter(
    e => !e.closest('svg') && e.getClientRects().length && !e.matches('.skip'));
  const hides = e => ['hidden', 'clip'].includes(getComputedStyle(e).overflowX);
  return JSON.stringify({
    overflow: document.documentElement.scrollWidth - width,
    outside: shown.filter(e => {
      const box = e.getBoundingClientRect();
      return box.width && (box.right > width + 1 || box.left < -1) && !scrolls(e);
    }).map(name),
    cut: shown.filter(e => hides(e) && e.textContent.trim() &&
      (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)).map(name),
    images: document.images.length,
    broken: [...document.images].filter(i => !i.complete || !i.naturalWidth).map(name),
    formulas: document.querySelectorAll('math').length,
    links: [...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href')),
    anchors: [...document.querySelectorAll('[id]')].map(e => e.id),
    height: document.documentElement.scrollHeight,
  });
})()
"""


@dataclass(frozen=True)
class Visit:
    """What a visit of a page showed.

    errors: console errors and uncaught exceptions. remote: addresses outside of this machine that
    the page asked for. overflow: pixels the page is wider than the window. outside, cut: elements
    that leave the window, or whose text is cut off. broken: images that did not load.
    """

    errors: list[str]
    remote: list[str]
    overflow: int
    outside: list[str]
    cut: list[str]
    broken: list[str]
    images: int
    formulas: int
    links: list[str]
    anchors: list[str]

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong with the page, in words; empty if nothing is."""
        found = [f"console error: {error}" for error in self.errors]
        found += [f"remote request: {url}" for url in self.remote]
        if self.overflow > 0:
            found.append(f"the page is {self.overflow} pixels wider than the window")
        found += [f"outside of the window: {element}" for element in self.outside]
        found += [f"text cut off: {element}" for element in self.cut]
        return found + [f"image not loaded: {image}" for image in self.broken]


def find() -> str | None:
    """The browser's program, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """A running browser; use it in a `with` block."""

    def __init__(self, program: str):
        self._program = program

    def __enter__(self) -> Browser:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()
        self._process = subprocess.Popen(
            [self._program, *FLAGS, *root, f"--user-data-dir={self._profile.name}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._loop = asyncio.new_event_loop()
        return self

    def __exit__(self, *error) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._loop.close()
        self._profile.cleanup()

    def visit(self, url: str, width: int, screenshot: Path | None = None) -> Visit:
        """Open a page in a window `width` pixels wide; optionally keep a picture of all of it."""
        return self._loop.run_until_complete(
            asyncio.wait_for(self._visit(url, width, screenshot), PATIENCE)
        )

    def _address(self) -> str:
        file = Path(self._profile.name) / "DevToolsActivePort"
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self._program} ended with {self._process.returncode}")
            if file.exists() and len(lines := file.read_text().split()) == 2:
                return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
            time.sleep(0.05)
        raise TimeoutError(f"{self._program} did not open its DevTools port")

    async def _visit(self, url: str, width: int, screenshot: Path | None) -> Visit:
        socket = await websocket_connect(self._address(), max_message_size=2**30)
        session = _Session(socket)
        target = await session.call("Target.createTarget", url="about:blank")
        attached = await session.call("Target.attachToTarget", flatten=True, **target)
        session.id = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            await session.call(f"{domain}.enable")
        window = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        await session.call("Emulation.setDeviceMetricsOverride", **window)
        await session.call("Page.navigate", url=url)
        await session.until("Page.loadEventFired")
        answer = await session.call("Runtime.evaluate", expression=EXAMINE, returnByValue=True)
        seen = json.loads(answer["result"]["value"])
        if screenshot is not None:
            area = {"x": 0, "y": 0, "width": width, "height": seen["height"], "scale": 1}
            picture = await session.call(
                "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=area
            )
            screenshot.write_bytes(base64.b64decode(picture["data"]))
        session.id = None
        await session.call("Target.closeTarget", **target)
        socket.close()
        del seen["height"]
        return Visit(errors=session.errors(), remote=session.remote(), **seen)


class _Session:
    """Commands and events of one connection."""

    def __init__(self, socket: WebSocketClientConnection):
        self.id: str | None = None
        self._socket = socket
        self._count = 0
        self._events: list[dict] = []

    async def call(self, method: str, **parameters) -> dict:
        self._count += 1
        number = self._count
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.write_message(
            json.dumps({**message, "sessionId": self.id} if self.id else message)
        )
        while True:
            answer = await self._receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    async def until(self, event: str) -> None:
        while not any(found["method"] == event for found in self._events):
            await self._receive()

    async def _receive(self) -> dict:
        message = await self._socket.read_message()
        if message is None:
            raise ConnectionError("the browser closed the connection")
        answer = json.loads(message)
        if "method" in answer:
            self._events.append(answer)
        return answer

    def _all(self, method: str) -> list[dict]:
        return [event["params"] for event in self._events if event["method"] == method]

    def errors(self) -> list[str]:
        logged = [event["entry"] for event in self._all("Log.entryAdded")]
        return (
            [
                " ".join(str(part.get("value", part.get("description"))) for part in event["args"])
                for event in self._all("Runtime.consoleAPICalled")
                if event["type"] in ("error", "assert")
            ]
            + [
                event["exceptionDetails"].get("exception", {}).get("description", "exception")
                for event in self._all("Runtime.exceptionThrown")
            ]
            + [entry["text"] for entry in logged if entry["level"] == "error"]
        )

    def remote(self) -> list[str]:
        urls = [event["request"]["url"] for event in self._all("Network.requestWillBeSent")]
        return [url for url in urls if not url.startswith(("file:", "data:", "about:", "blob:"))]
