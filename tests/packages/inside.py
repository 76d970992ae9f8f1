"""Runs as root in the layer, by Debian's python3: the life of the package, from `apt install` to purge.

A line of JSON for each step; the first that fails ends it with code 1 and says why on standard error.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

LUGGAGE = Path("/luggage")
MACHINE, WRITTEN = "/machine", "/written"  # the lower and the upper layer
PACKAGE = LUGGAGE / "virt-agent.deb"
CONFIG = Path("/etc/virt-agent/config.toml")
PRIVATE = Path("/usr/share/virt-agent")
EDITED = "# kept over upgrades\n[rules.P01]\nenabled = false\nreason = 'a test'\n"
FOR_TESTS = "python3-pytest, python3-hypothesis, python3-jsonschema, python3-yaml"
# What dpkg, apt and their like note of any package, and what no package is asked to leave alone.
NOTES = ("/luggage", MACHINE, WRITTEN, "/tmp", "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/log")
NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all", "--")
APT = ("apt-get", "--yes", "--quiet=2", "--no-install-recommends", "-oDpkg::Options::=--force-confold")


OK = range(1)
ANSWERS = range(4)  # of --check


class Wrong(Exception):
    """The message says what was expected and what was seen."""


def main() -> int:
    os.environ |= {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    before: set[str] = set()
    for name, step in STEPS.items():
        started = time.monotonic()
        try:
            seen = step(before)
        except Wrong as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(json.dumps({"step": name, "seen": seen, "seconds": time.monotonic() - started}), flush=True)
    return 0


def run(*words: str, codes: range = OK, **more: str) -> str:
    done = subprocess.run(
        words, env={**os.environ, **more}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode not in codes:
        raise Wrong(f"{' '.join(words)} ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout + done.stderr


def changes() -> set[str]:
    """Paths that the layer adds to the machine (+) or hides from it (-)."""
    found = set()
    for directory, names, files in os.walk(WRITTEN):
        below = directory.removeprefix(WRITTEN)
        names[:] = [name for name in names if f"{below}/{name}" not in NOTES]
        for path in (f"{below}/{name}" for name in (*names, *files)):
            now, once = os.path.lexists(path), os.path.lexists(MACHINE + path)
            if now != once:
                found.add(("+" if now else "-") + path)
    return found


def dependencies(before: set[str]) -> str:
    """Installed first, so that what is seen later is the package's own doing."""
    asked = run("dpkg-deb", "--field", str(PACKAGE), "Depends").strip().removeprefix("Depends: ")
    try:
        run(*APT, "satisfy", asked, FOR_TESTS)
    except Wrong:  # lists of packages that are old or were never fetched
        run("apt-get", "--quiet=2", "update")
        run(*APT, "satisfy", asked, FOR_TESTS)
    before |= changes()
    return asked


def install(_before: set[str]) -> str:
    run(*APT, "install", str(PACKAGE))
    state = run("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", "virt-agent")
    if not state.startswith("installed "):
        raise Wrong(f"dpkg says {state}")
    if run("dpkg", "--verify", "virt-agent"):
        raise Wrong("dpkg --verify sees changed files")
    return state


def command(_before: set[str]) -> str:
    """As root and as a user without any privilege."""
    first = run("virt-agent", "--check", codes=ANSWERS).splitlines()[0]
    unprivileged = run(*NOBODY, "virt-agent", "--check", codes=ANSWERS).splitlines()[0]
    if not first.startswith("VIRT-AGENT ") or first.split(" (")[0] != unprivileged.split(" (")[0]:
        raise Wrong(f"root sees {first!r}, nobody {unprivileged!r}")
    return first


def pages(_before: set[str]) -> str:
    """dpkg of a container image may be told to leave out pages: then dpkg lists them and they are not there."""
    listed = [
        path for path in run("dpkg", "--listfiles", "virt-agent").split() if path.startswith("/usr/share/man/man")
    ]
    listed = [path for path in listed if path.endswith(".gz")]
    there = [path for path in listed if os.path.exists(path)]
    if len(listed) != 4:
        raise Wrong(f"four pages expected: {listed}")
    found = []
    for path in there:
        section, page = path.removesuffix(".gz").rpartition(".")[2], Path(path.removesuffix(".gz")).stem
        if os.path.exists("/usr/bin/man"):
            found.append(run("man", "--where", section, page).strip())
    return f"{len(listed)} packaged, {len(there)} kept by this machine, {len(found)} found by man"


def completion(_before: set[str]) -> str:
    """bash, asked as a person's Tab would."""
    script = """
        . /usr/share/bash-completion/completions/virt-agent
        COMP_WORDS=(virt-agent --che) COMP_CWORD=1 COMP_LINE="virt-agent --che" COMP_POINT=16
        eval "$(complete -p virt-agent | sed -n 's/.*-F \\([^ ]*\\).*/\\1/p')" virt-agent --che virt-agent
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    offered = run("bash", "--norc", "-c", script).split()
    if "--check" not in offered:
        raise Wrong(f"--che is completed by {offered}")
    if "#compdef virt-agent" not in Path("/usr/share/zsh/vendor-completions/_virt-agent").read_text():
        raise Wrong("zsh's completion does not begin with #compdef virt-agent")
    return " ".join(offered)


def byte_code(_before: set[str]) -> str:
    sources = list(PRIVATE.rglob("*.py"))
    compiled = list(PRIVATE.rglob("*.pyc"))
    if len(compiled) != len(sources):
        raise Wrong(f"{len(sources)} modules, {len(compiled)} compiled")
    return f"{len(compiled)} modules compiled"


def daemon(_before: set[str]) -> str:
    """With Debian's own libraries, as nobody; ended by SIGTERM as systemd would."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [*NOBODY, "virt-agent", "--serve", "--web.listen-address", f"127.0.0.1:{port}"]
    with (
        open("/tmp/daemon.log", "w+b") as log,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log) as process,
    ):
        try:
            healthy = answer(port, "/-/healthy")
            series = sum(not line.startswith(b"#") for line in answer(port, "/metrics").splitlines())
        except Wrong as error:
            raise Wrong(f"{error}; its log: {Path(log.name).read_text()}") from None
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()
    told = Path("/tmp/daemon.log").read_text()
    if series < 50 or process.returncode not in (0, 143):
        raise Wrong(f"{series} series, ended with {process.returncode}: {told}")
    return f"/-/healthy says {healthy.decode().strip()!r}, {series} series, {len(told.splitlines())} lines of log"


def answer(port: int, path: str) -> bytes:
    until = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
                return bytes(response.read())
        except OSError as error:
            if time.monotonic() > until:
                raise Wrong(f"{path} is not answered: {error}") from None
            time.sleep(0.2)


def autopkgtest(name: str) -> str:
    """One of debian/tests, as autopkgtest runs it: in the source, with a directory to write in."""
    scratch = Path("/tmp/autopkgtest") / name
    scratch.mkdir(parents=True)
    words = ["sh", "-c", f"cd {LUGGAGE}/source && debian/tests/{name}"]
    return run(*words, AUTOPKGTEST_TMP=str(scratch)).strip().splitlines()[-1]


def smoke(_before: set[str]) -> str:
    return autopkgtest("smoke")


def goldens(_before: set[str]) -> str:
    return autopkgtest("goldens")


def upgrade(_before: set[str]) -> str:
    """The next version brings another configuration; the admin's own is kept."""
    CONFIG.write_text(EDITED)
    unpacked = Path("/tmp/next")
    run("dpkg-deb", "--raw-extract", str(PACKAGE), str(unpacked))
    control = unpacked / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9:"))
    (unpacked / "etc" / "virt-agent" / "config.toml").write_text("# another default\n")
    run("dpkg-deb", "--build", str(unpacked), "/tmp/next.deb")
    run(*APT, "install", "/tmp/next.deb")
    if CONFIG.read_text() != EDITED:
        raise Wrong(f"{CONFIG} was edited, and an upgrade changed it")
    run("virt-agent", "--check", "-q", codes=ANSWERS)
    return run("dpkg-query", "--show", "--showformat=${Version}", "virt-agent") + ", the edited configuration kept"


def remove(_before: set[str]) -> str:
    run(*APT, "remove", "virt-agent")
    if PRIVATE.exists() or not CONFIG.exists():
        raise Wrong(f"{PRIVATE} should be gone ({PRIVATE.exists()}), {CONFIG} still there ({CONFIG.exists()})")
    return f"{PRIVATE} gone, {CONFIG} kept"


def purge(before: set[str]) -> str:
    """With what an admin would have added and what the units would have left in /run."""
    (CONFIG.parent / "web.yml").write_text("# the admin's\n")
    kept = Path("/run/private/virt-agent")
    kept.mkdir(parents=True)
    (kept / "static.json").touch()
    Path("/run/virt-agent").symlink_to("private/virt-agent")
    run(*APT, "purge", "virt-agent")
    left = sorted(changes() ^ before) + [path for path in ("/run/virt-agent", str(kept)) if os.path.lexists(path)]
    if left:
        raise Wrong(f"other than before the installation: {left}")
    if run("sh", "-c", "getent passwd virt-agent; getent group | grep virt-agent; true"):
        raise Wrong("a user or a group of virt-agent's is left behind")
    if run("sh", "-c", "ls /var/lib/dpkg/info/virt-agent.* 2>/dev/null; true"):
        raise Wrong("dpkg still keeps notes of virt-agent")
    return f"no path left; the {len(before)} of other packages as before"


STEPS = {
    "dependencies": dependencies,
    "apt install": install,
    "virt-agent --check": command,
    "manual": pages,
    "completion": completion,
    "byte code": byte_code,
    "daemon": daemon,
    "autopkgtest smoke": smoke,
    "autopkgtest goldens": goldens,
    "upgrade": upgrade,
    "remove": remove,
    "purge": purge,
}

if __name__ == "__main__":
    sys.exit(main())
