"""Whether we look out of a container: marks that container managers leave, and our own namespaces.

The marks are those of systemd's detect_container (src/basic/virt.c). /.dockerenv alone is weak: a
machine whose disk was made from a container image keeps it. Against it stand the namespaces:
the first ones of a kernel have fixed numbers (include/linux/proc_ns.h, since 3.8), and who lives in
the first pid, uts and ipc namespace is in no container.
"""

from __future__ import annotations

from .record import Record
from .source import Source

# PROC_IPC_INIT_INO, PROC_UTS_INIT_INO, PROC_PID_INIT_INO
_FIRST = {"ipc": 0xEFFFFFFF, "uts": 0xEFFFFFFE, "pid": 0xEFFFFFFC}

# The `container` variable of PID 1 and the files that hold the same word.
_WORDS = {
    "lxc": "lxc",
    "lxc-libvirt": "lxc",
    "systemd-nspawn": "systemd-nspawn",
    "docker": "docker",
    "podman": "podman",
    "oci": "other",
    "wsl": "wsl2",
    "rkt": "other",
    "proot": "other",
    "pouch": "other",
}
_CGROUPS = (
    ("/kubepods", "kubernetes"),
    ("/libpod", "podman"),
    ("/docker/", "docker"),
    ("/ecs/", "docker"),
    ("/docker-", "docker"),
    ("/lxc/", "lxc"),
    ("/lxc.payload", "lxc"),
    ("/machine.slice/machine-", "systemd-nspawn"),
)
_FILES = (("run/.containerenv", "podman"), (".dockerenv", "docker"))


class Container(Record):
    """The container's kind by a mark, where that mark is, and whether our namespaces are the machine's first."""

    kind: str | None = None
    mark: str | None = None
    first_namespaces: bool | None = None


def read_container(source: Source) -> Container:
    """The first mark found, strongest kind first."""
    kind, mark = _find(source)
    return Container(kind, mark, _first_namespaces(source))


def _find(source: Source) -> tuple[str | None, str | None]:
    for look in (_wsl, _openvz, _manager, _cgroup, _file, _pod):
        found = look(source)
        if found:
            return found
    return None, None


def _wsl(source: Source) -> tuple[str, str] | None:
    path = "proc/sys/kernel/osrelease"
    release = source.text(path) or ""
    if "WSL2" in release or "microsoft-standard" in release:
        return "wsl2", path
    return ("wsl1", path) if "Microsoft" in release else None


def _openvz(source: Source) -> tuple[str, str] | None:
    return ("openvz", "proc/vz") if source.exists("proc/vz") and not source.exists("proc/bc") else None


def _manager(source: Source) -> tuple[str, str] | None:
    for path in ("run/host/container-manager", "run/systemd/container", "proc/1/environ"):
        word = _environ(source, path) if path == "proc/1/environ" else source.text(path)
        if word:
            return _refine(source, _WORDS.get(word, "other")), path
    return None


def _environ(source: Source, path: str) -> str | None:
    """The variable `container`; the environment may well be longer than a page."""
    entries = (source.raw(path) or b"").split(b"\0")
    found = next((entry for entry in entries if entry.startswith(b"container=")), b"")
    return found.partition(b"=")[2].decode("utf-8", "replace")


def _refine(source: Source, kind: str) -> str:
    """LXD says lxc, Kubernetes runs what says docker or nothing."""
    if kind == "lxc" and (source.exists("dev/lxd/sock") or source.exists("dev/incus/sock")):
        return "lxd"
    return "kubernetes" if kind in ("docker", "podman", "other") and _pod(source) else kind


def _pod(source: Source) -> tuple[str, str] | None:
    """A Kubernetes pod: its service account, unless the owner switched that off, or the variable that all have."""
    if b"KUBERNETES_SERVICE_HOST=" in (source.raw("proc/1/environ") or b""):
        return "kubernetes", "proc/1/environ"
    account = "run/secrets/kubernetes.io/serviceaccount"
    path = next((path for path in (account, f"var/{account}") if source.exists(path)), None)
    return ("kubernetes", path) if path else None


def _cgroup(source: Source) -> tuple[str, str] | None:
    path = "proc/1/cgroup"
    lines = source.lines(path)
    if lines is None:  # a sandbox hides the first process; our own group lies in the same container
        path = "proc/self/cgroup"
        lines = source.lines(path)
    text = "\n".join(lines or [])
    kind = next((kind for mark, kind in _CGROUPS if mark in text), None)
    return (_refine(source, kind), path) if kind else None


def _file(source: Source) -> tuple[str, str] | None:
    return next(((_refine(source, kind), path) for path, kind in _FILES if source.exists(path)), None)


def _first_namespaces(source: Source) -> bool | None:
    """True where pid, uts and ipc are the kernel's first; None where any cannot be read."""
    links = {name: source.link_name(f"proc/self/ns/{name}") for name in _FIRST}
    if None in links.values():
        return None
    return all(links[name] == f"{name}:[{number}]" for name, number in _FIRST.items())
