"""The wheel: what is in it, that two builds are the same, that pip and pipx run it away from any checkout."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from functools import cache
from pathlib import Path

from .debian import BUILD, frozen
from .outcome import Wrong, run, same

PACKAGES = ("agent/virt_agent", "collectors/virt_collectors")
METADATA = re.compile(
    r"virt_agent-[0-9.]+\.dist-info/(METADATA|RECORD|WHEEL|entry_points\.txt|top_level\.txt|.*LICENSE"
    r"|sboms/virt-agent\.cdx\.json)"
)
BILL = re.compile(r"virt_agent-[0-9.]+\.dist-info/sboms/.*")
READABLE = 0o644


@cache
def built(above: Path) -> Path:
    run(sys.executable, frozen(above) / BUILD, "wheel", above / "wheel")
    (wheel,) = (above / "wheel").glob("*.whl")
    return wheel


def build(above: Path) -> str:
    return f"{built(above).name}, {built(above).stat().st_size} bytes"


def contents(above: Path) -> str:
    """The two packages with their data, the metadata, and nothing beside."""
    with zipfile.ZipFile(built(above)) as archive:
        modes = {each.filename: each.external_attr >> 16 & 0o777 for each in archive.infolist()}
    expected = set()
    for package in PACKAGES:
        files = [
            path for path in (frozen(above) / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        expected |= {str(path.relative_to(frozen(above) / package.partition("/")[0])) for path in files}
    missing = sorted(expected - set(modes))
    strange = sorted(path for path in set(modes) - expected if not METADATA.fullmatch(path))
    loose = sorted(path for path, mode in modes.items() if mode & ~READABLE and "RECORD" not in path)
    if missing or strange or loose or not any(map(BILL.fullmatch, modes)):
        raise Wrong(f"missing {missing}, too many {strange}, modes {loose}; .dist-info/sboms must be there")
    return f"{len(modes)} files, {len(expected)} of them modules and their data"


def reproducible(above: Path) -> str:
    elsewhere = above / "wheel-elsewhere"
    elsewhere.mkdir()
    before = os.umask(0o077)
    try:
        run(
            sys.executable,
            frozen(above) / BUILD,
            "wheel",
            above / "wheel-again",
            TMPDIR=str(elsewhere),
            TZ="Asia/Kathmandu",
        )
    finally:
        os.umask(before)
    same(built(above), above / "wheel-again" / built(above).name)
    return "the same bytes from another directory, umask, time zone"


def pip(above: Path) -> str:
    """Into a clean environment, with what the wheel itself asks for."""
    home = above / "clean"
    venv.create(home, with_pip=True, symlinks=True)
    run(home / "bin" / "python", "-m", "pip", "install", "--quiet", built(above), directory=above, PYTHONPATH="")
    command = home / "bin" / "virt-agent"
    version = run(command, "--version", directory=above).strip()
    run("sh", "-c", f"{command} --check || [ $? -le 3 ]", directory=above)
    report = run("sh", "-c", f"{command} --json || [ $? -le 3 ]", directory=above)
    if '"schema": 1' not in report:
        raise Wrong(f"--json printed {report[:200]!r}")
    series = scraped(command, above)
    libraries = [line for line in run(home / "bin" / "python", "-m", "pip", "freeze").split() if "==" in line]
    return f"{version}; {series} series scraped; with {', '.join(libraries)}"


def scraped(command: Path, above: Path) -> int:
    """How many series the daemon serves."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [str(command), "--serve", "--web.listen-address", f"127.0.0.1:{port}"]
    with subprocess.Popen(words, cwd=above, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            return sum(not line.startswith(b"#") for line in answer(port).splitlines())
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


def answer(port: int) -> bytes:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
                return bytes(response.read())
        except OSError as error:
            if time.monotonic() > until:
                raise Wrong(f"/metrics is not answered: {error}") from None
            time.sleep(0.2)


def pipx(above: Path) -> str:
    """`pipx run`, with pipx itself from the package index."""
    home = above / "pipx"
    venv.create(home, with_pip=True, symlinks=True)
    run(home / "bin" / "python", "-m", "pip", "install", "--quiet", "pipx", directory=above)
    places = {"PIPX_HOME": str(home / "home"), "PIPX_BIN_DIR": str(home / "out"), "PIPX_MAN_DIR": str(home / "man")}
    words = ("run", "--spec", built(above), "virt-agent", "--version")
    told = run(home / "bin" / "pipx", *words, directory=above, **places).strip()
    if not told.startswith("virt-agent "):
        raise Wrong(f"pipx run printed {told!r}")
    return f"{told}, by pipx {run(home / 'bin' / 'pipx', '--version').strip()}"


CHECKS = {
    "wheel: builds": build,
    "wheel: contents": contents,
    "wheel: reproducible": reproducible,
    "wheel: pip in a clean venv": pip,
    "wheel: pipx run": pipx,
}
