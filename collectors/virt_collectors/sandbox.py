"""What a systemd service's own options hide from it, told by the mounts that systemd made for it (systemd.exec(5)).

systemd lays `systemd/inaccessible/…` of its /run over what a service shall not see (ProtectHome=, ProtectKernelModules=,
ProtectKernelLogs=, InaccessiblePaths=), mounts an almost empty /dev (PrivateDevices=) and a /proc that shows one user's
processes or no general files (ProtectProc=, ProcSubset=; hidepid= and subset=, per mount since Linux 5.8). What
is hidden looks like what is not there: ENOENT, or EACCES where something unreadable lies above.
"""

from __future__ import annotations

from .mounts import parse_line
from .record import Record

_INACCESSIBLE = "/systemd/inaccessible/"
_LIMIT = 4096  # mounts that are looked at
# Who hides a path, by the path: src/core/namespace.c, the tables protect_*_table.
_HIDERS = {
    "home": "ProtectHome",
    "root": "ProtectHome",
    "run/user": "ProtectHome",
    "usr/lib/modules": "ProtectKernelModules",
    "lib/modules": "ProtectKernelModules",
    "proc/kmsg": "ProtectKernelLogs",
    "dev/kmsg": "ProtectKernelLogs",
    "proc/kallsyms": "ProtectKernelTunables",
    "proc/kcore": "ProtectKernelTunables",
}
_PROCESSES = frozenset({"1", "2", "4", "noaccess", "invisible", "ptraceable"})
_ALIASES = (("lib/modules", "usr/lib/modules"),)  # where /lib is a link to usr/lib


class Veil(Record):
    """One thing that is hidden: `path` and all below it, by `option`."""

    path: str
    option: str


class Sandbox(Record):
    """The service that this process is, None for a shell's; and what is hidden from it."""

    unit: str | None
    veils: tuple[Veil, ...]

    def hides(self, path: str) -> str | None:
        """Why a path that is missing may well be there, in words; None where nothing hides it."""
        asked = (path, *(real + path[len(link) :] for link, real in _ALIASES if _below(path, link)))
        veil = next((veil for veil in self.veils if any(_covers(veil.path, each) for each in asked)), None)
        return f"not visible under {veil.option} of {self.unit}" if veil else None


def parse_unit(text: str) -> str | None:
    """The service in /proc/self/cgroup, the innermost; cgroup v1 has a line of systemd's own for it."""
    for line in text.split("\n"):
        number, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if number == "0" or names == "name=systemd":
            found = [part for part in path.split("/") if part.endswith(".service")]
            if found:
                return found[-1][:256]
    return None


def parse_veils(text: str) -> tuple[Veil, ...]:
    """What /proc/self/mountinfo shows to be hidden, in the order of the mounts."""
    found: dict[str, Veil] = {}
    for line in text.split("\n")[:_LIMIT]:
        parsed = parse_line(line)
        if parsed is None:
            continue
        for veil in _veils(line, parsed[1].strip("/"), parsed[2].split(","), parsed[3]):
            found.setdefault(veil.path + veil.option, veil)
    return tuple(found.values())


def _veils(line: str, point: str, options: list[str], kind: str) -> list[Veil]:
    if kind == "proc" and point == "proc":
        return _of_processes(dict(word.partition("=")[::2] for word in line.rpartition(" ")[2].split(",")))
    if kind == "tmpfs" and point == "dev" and "ro" in options:  # a container's own /dev is a tmpfs too, and written
        return [Veil("dev/", "PrivateDevices=yes")]
    if kind == "tmpfs" and line.split(" ")[3].startswith(_INACCESSIBLE):
        option = _HIDERS.get(point)
        return [Veil(point, f"{option}=yes" if option else f"InaccessiblePaths=/{point}")]
    if kind == "tmpfs" and point in ("home", "root", "run/user"):
        return [Veil(f"{point}/", "ProtectHome=tmpfs")]
    return []


def _of_processes(options: dict[str, str]) -> list[Veil]:
    found = []
    if options.get("hidepid") in _PROCESSES:
        found.append(Veil("proc/1", f"ProtectProc={options['hidepid']}"))
    if options.get("subset") == "pid":
        found.append(Veil("proc/", "ProcSubset=pid"))
    return found


def _covers(veil: str, path: str) -> bool:
    """A veil that ends in "/" hides what is below it alone; below /proc, no process of ours."""
    if veil == "proc/" and path.split("/")[1:2] in (["self"], ["thread-self"], ["1"]):
        return False
    return _below(path, veil)


def _below(path: str, above: str) -> bool:
    return path == above or path.startswith(above if above.endswith("/") else f"{above}/")
