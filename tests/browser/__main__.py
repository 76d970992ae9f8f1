"""`python -m tests.browser`: the page in a real headless Chromium, against real daemons on loopback.

Needs chromium and chromedriver (Debian: chromium, chromium-driver); `tests/slow.sh` installs them. With `--update`, the
pictures of docs/images are made anew: look at them.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable
from functools import partial

from tests import corpus

from . import agents, checks, pictures
from .driver import PROGRAMS, Browser, browsing

_HEALTHY, _ILL = "pvhvm-cdrom-iso", "pvh-closed"
_EVIL = {"eth0": "<img src=x onerror=alert(1)>", "xvda": "\u202eadvx\u2066\n'\"><script>alert(1)"}
_GUESTS: dict[str, Callable[[], contextlib.AbstractContextManager[str]]] = {
    "healthy": lambda: contextlib.nullcontext(corpus.archive(_HEALTHY)),
    "ill": lambda: contextlib.nullcontext(corpus.archive(_ILL)),
    "without a driver": lambda: contextlib.nullcontext(corpus.archive("pvhvm-nonet")),
    "on Nitro": lambda: contextlib.nullcontext(corpus.archive("nitro-like")),
    "with hostile names": lambda: agents.renamed("pvhvm", **_EVIL),
}


def main(arguments: list[str]) -> int:
    """1 where something is wrong or missing."""
    missing = [package for package, program in PROGRAMS.items() if not shutil.which(program)]
    if missing:
        print(f"tests.browser: not run, for this is missing: apt-get install {' '.join(missing)}")
        return 1
    failed = 0
    with browsing() as browser:
        print(f"Chromium {browser.version}")
        for name, guest in _GUESTS.items():
            with guest() as root, agents.serving(root) as url:
                failed += _tell(name, partial(_complaints, browser, url))
                if name == "ill":
                    failed += _tell("mistakes are seen", partial(_unseen, browser, url))
                if "--update" in arguments:
                    failed += _tell(f"{name}: pictures", partial(pictures.take, browser, url, name))
    return 1 if failed else 0


def _complaints(browser: Browser, url: str) -> list[str]:
    found = []
    for name, check in checks.CHECKS.items():
        _open(browser, url)
        found += [f"{name}: {complaint}" for complaint in check(browser)]
    return found


def _unseen(browser: Browser, url: str) -> list[str]:
    found = []
    for name, mistake in checks.MISTAKES.items():
        _open(browser, url)
        browser.run(mistake)
        found += [] if checks.CHECKS[name](browser) else [f"{name} has nothing against {mistake}"]
    browser.log("browser")
    return found


def _open(browser: Browser, url: str) -> None:
    browser.resize(1280, 800)
    browser.prefer("light")
    checks.requests(browser)
    browser.open(url)


def _tell(name: str, check: Callable[[], list[str]]) -> bool:
    began = time.monotonic()
    complaints = check()
    print(f"{'FAILED' if complaints else 'passed'}  {time.monotonic() - began:5.1f} s  {name}", flush=True)
    for complaint in complaints:
        print(f"        {complaint}")
    return bool(complaints)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
