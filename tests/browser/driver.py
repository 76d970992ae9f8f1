"""A headless Chromium, driven by chromedriver over plain HTTP and JSON (W3C WebDriver, and the DevTools commands)."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

PROGRAMS = {"chromium": "chromium", "chromium-driver": "chromedriver"}  # Debian's package, the program looked for
PATIENCE = 60.0
_FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en",
)  # fmt: skip
_LISTENS = re.compile(rb"successfully on port (\d+)")


class Refused(RuntimeError):
    """The browser did not do what it was told."""


class Browser:
    """One window."""

    def __init__(self, port: int, directory: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        flags = [*_FLAGS, f"--user-data-dir={directory}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": flags, "binary": "/usr/bin/chromium"},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        self._session = ""
        told = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{told['sessionId']}"
        self.version = told["capabilities"]["browserVersion"]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        value = json.loads(answer.read())["value"]
        if answer.status != 200:
            raise Refused(f"{path}: {value['error']}: {value['message'].splitlines()[0]}")
        return value

    def tell(self, command: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        body = {"cmd": command, "params": parameters}
        return self._ask("POST", f"{self._session}/goog/cdp/execute", body)

    def open(self, url: str) -> None:
        """Load a page, whole."""
        self._ask("POST", f"{self._session}/url", {"url": url})

    def run(self, script: str) -> Any:
        """What a function's body returns, run in the page by the driver, which the page's policy does not hold."""
        return self._ask("POST", f"{self._session}/execute/sync", {"script": script, "args": []})

    def press(self, key: str) -> None:
        """One key, down and up."""
        keys = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        action = {"type": "key", "id": "keyboard", "actions": keys}
        self._ask("POST", f"{self._session}/actions", {"actions": [action]})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What came since it was last asked: "browser" is the console, "performance" the DevTools events."""
        entries: list[dict[str, Any]] = self._ask("POST", f"{self._session}/se/log", {"type": kind})
        return entries

    def resize(self, width: int, height: int, mobile: bool = False, scale: float = 1) -> None:
        """The window's size in CSS pixels."""
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile
        )

    def prefer(self, scheme: str, media: str = "") -> None:
        """light or dark."""
        self.tell(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def picture(self, most: int) -> bytes:
        """The page as PNG, to its end or to so many pixels."""
        size = self.tell("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], most), "scale": 1}
        told = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(told["data"])

    def close(self) -> None:
        """End it."""
        self._ask("DELETE", self._session)
        self._connection.close()


@contextlib.contextmanager
def browsing() -> Iterator[Browser]:
    """A browser with an empty profile, ended with its driver."""
    with tempfile.TemporaryDirectory(prefix="virt-agent-browser-") as directory, _driver() as port:
        browser = Browser(port, directory)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def _driver() -> Iterator[int]:
    """chromedriver on a free port of loopback."""
    words = ["chromedriver", "--port=0", "--log-level=SEVERE"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield _port(process)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        found = _LISTENS.search(line)
        if found:
            return int(found[1])
    raise Refused("chromedriver ended without listening")
