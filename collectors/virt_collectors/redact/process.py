"""What procfs tells of process 1 and of processors: the marks of a container stay, names and numbers go."""

from __future__ import annotations

import re

from .identifiers import Scrubber
from .tables import words

# Parts of a control group's path by which container.py knows its manager; what follows them is a name.
_MARKS = re.compile(
    r"(?:docker|libpod|lxc\.payload|machine|crio|cri-containerd|kubepods|podman|lxc|user|session|system|init)(?=[-_.:]|$)"
)
_GROUPS = words(
    "docker lxc lxc.payload lxc.monitor libpod libpod_parent kubepods kubepods.slice besteffort burstable guaranteed"
    " system.slice user.slice machine.slice init.scope actions_job ecs podman garden system user"
)


def environ(text: str) -> str:
    """PID 1's environment: `container=` alone."""
    kept = [entry for entry in text.split("\0") if entry.startswith("container=")]
    return "".join(f"container={word(entry.partition('=')[2])}\0" for entry in kept)


def word(text: str) -> str:
    """A container manager's name."""
    return text if re.fullmatch(r"[A-Za-z0-9_.-]{0,32}\s*", text) else "redacted"


def cgroup(scrubber: Scrubber, text: str) -> str:
    """/proc/1/cgroup: hierarchy, controllers, path."""
    return "".join(_cgroup_line(scrubber, line) + "\n" for line in text.splitlines())


def _cgroup_line(scrubber: Scrubber, line: str) -> str:
    number, _, rest = line.partition(":")
    controllers, _, path = rest.partition(":")
    parts = "/".join(_group(scrubber, part) for part in path.split("/"))
    clean = re.fullmatch(r"[a-z_,=0-9]{0,80}", controllers)
    return f"{number if number.isdecimal() else 0}:{controllers if clean else ''}:{parts}"


def _group(scrubber: Scrubber, part: str) -> str:
    if not part or part in _GROUPS or part == "..":
        return part
    mark = _MARKS.match(part)
    if mark is None:
        return scrubber.names.give("control group", part, lambda number: f"group-{number}")
    return mark[0] + part[mark.end()] + scrubber.names.give("control group", part, lambda number: f"group-{number}")


def cpuinfo(scrubber: Scrubber, text: str) -> str:
    """/proc/cpuinfo: boards write their serial number there (arch/arm/kernel/setup.c)."""
    return re.sub(r"(?m)^(Serial\s*:\s*)(\S+)", lambda match: match[1] + scrubber.names.serial(match[2]), text)


_RELEASE_KEYS = words(
    "NAME ID ID_LIKE PRETTY_NAME VERSION VERSION_ID VERSION_CODENAME UBUNTU_CODENAME VARIANT VARIANT_ID"
    " PLATFORM_ID CPE_NAME"
)


def os_release(text: str) -> str:
    """os-release(5): what names the distribution."""
    return "".join(line + "\n" for line in text.splitlines() if line.partition("=")[0] in _RELEASE_KEYS)


_SYSINFO_KEYS = ("Manufacturer:", "Type:", "Model:", "VM00 Control Program:", "LPAR Number:", "CPUs ")


def sysinfo(text: str) -> str:
    """/proc/sysinfo of a Z machine: what names the hypervisor, without machine, partition and guest names."""
    return "".join(line + "\n" for line in text.splitlines() if line.strip().startswith(_SYSINFO_KEYS))
