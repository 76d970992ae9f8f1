"""SECURITY.md says what is there: its paths and tests exist, and what it calls complete is."""

from __future__ import annotations

import ast
import functools
import pathlib
import re
from typing import Any, NamedTuple

import pytest

from tests import corpus
from virt_agent.metrics import METRICS
from virt_collectors.collect import COLLECTORS, Runner
from virt_collectors.host import Host
from virt_collectors.host.snapshot import SnapshotHost

TOP = pathlib.Path(__file__).parents[1]
PAGE = (TOP / "SECURITY.md").read_text()
SHIPPED = ("agent/virt_agent", "collectors/virt_collectors")
NAMED = sorted(set(re.findall(r"`((?:agent|collectors|packaging|systemd|tests|docs)/[\w./-]+(?:::\w+)?)`", PAGE)))

# Where the agent may look: all that any of its readers knows. What SECURITY.md tells in words.
LOOKED_AT = re.compile(
    r"(?:proc|sys|dev|boot|lib/modules|usr/lib/modules|usr/lib/(?:netplan|systemd/network|os-release)|virt-agent|grub)(?:/.*)?|"
    r"|etc/(?:cloud|default/grub(?:\.d)?|initramfs-tools|lvm|mdadm|mdadm\.conf(?:\.d)?|netplan|network|smartmontools|systemd/network"
    r"|udev/rules\.d)(?:/.*)?"
    r"|etc/(?:crypttab|fstab|hdparm\.conf|smartd\.conf|os-release)"
    r"|run/(?:netplan|systemd/network|udev/rules\.d)(?:/.*)?"
    # there or not, and one word
    r"|(?:var/)?run/(?:\.containerenv|host/container-manager|qemu-ga\.pid|secrets/kubernetes\.io/serviceaccount|systemd/container"
    r"|xe-daemon\.pid|xen-guest-agent\.pid)|\.dockerenv|usr/s?bin/(?:qemu-ga|xe-daemon|xen-guest-agent)|usr/lib/qubes/qrexec-agent"
)
NEVER = re.compile(
    r"(?:home|root|etc/(?:g?shadow-?|passwd|ssh|ssl|sudoers.*|krb5.*|machine-id))(?:/.*)?"
    r"|proc/(?:kcore|kmem|(?!1/)\d+/.*|1/(?!cgroup$|environ$|mountinfo$).*)|dev/(?:k?mem|port|sd.*|xvd.*|vd.*|nvme\d+n\d.*)"
)
ASKED_BY_PATH = ("attribute", "file", "head", "names", "link", "exists", "initramfs", "space")


def listening(host: Host, asked: set[str]) -> Host:
    """The host, which notes every path that it is asked for."""

    def noting(name: str) -> Any:
        answer = getattr(host, name)

        def ask(path: str, *more: int) -> Any:
            asked.add(path)
            return answer(path, *more)

        return ask

    for name in ASKED_BY_PATH:
        setattr(host, name, noting(name))
    return host


@pytest.fixture(scope="module")
def asked() -> set[str]:
    """What all collectors, the optional ones too, ask of all known machines."""
    found: set[str] = set()
    for name in corpus.MACHINES:
        Runner(listening(SnapshotHost(corpus.tree(name)), found), corpus.PATIENCE).collect(COLLECTORS, corpus.PATIENCE)
    return found


def test_no_machine_makes_it_ask_for_more(asked: set[str]) -> None:
    assert len(asked) > 800
    assert {"proc/1/environ", "etc/fstab", "etc/netplan", "boot/grub/grub.cfg"} <= asked
    assert sorted(path for path in asked if not LOOKED_AT.fullmatch(path)) == []
    assert sorted(path for path in asked if NEVER.fullmatch(path)) == []


@pytest.mark.parametrize(
    "path",
    ["etc/shadow", "etc/ssh/ssh_host_rsa_key", "root/.aws/credentials", "proc/2211/environ", "proc/1/mem", "dev/xvda1"],
)
def test_what_would_be_more(path: str) -> None:
    assert NEVER.fullmatch(path)
    asked: set[str] = set()
    host = listening(SnapshotHost(corpus.tree(corpus.GUESTS[0])), asked)
    assert not host.exists(path)
    assert asked == {path}


@pytest.mark.parametrize("path", NAMED)
def test_what_it_names_is_there(path: str) -> None:
    file, _, test = path.partition("::")
    assert (TOP / file).exists()
    if test:
        assert re.search(rf"^def {test}\(", (TOP / file).read_text(), re.MULTILINE)


def test_each_attacker_has_tests_against_him() -> None:
    part = PAGE.partition("## Who could attack")[2].partition("\n## ")[0]
    attackers = part.split("\n### ")[1:]
    assert len(attackers) == 9
    assert [text.splitlines()[0] for text in attackers if "`tests/" not in text] == []
    holds = [item for item in re.split(r"\n\* ", part)[1:] if "`tests/" not in item]
    assert holds == []


class Module(NamedTuple):
    path: str
    imports: set[str]
    calls: list[tuple[str, ast.Call]]


@functools.cache
def modules() -> list[Module]:
    paths = [path for top in SHIPPED for path in sorted((TOP / top).rglob("*.py"))]
    return [module(str(path.relative_to(TOP)), list(ast.walk(ast.parse(path.read_text())))) for path in paths]


def module(path: str, nodes: list[ast.AST]) -> Module:
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
    calls = [(ast.unparse(node.func), node) for node in nodes if isinstance(node, ast.Call)]
    return Module(path, {name.partition(".")[0] for name in imported}, calls)


WRITES = {
    *(
        "os.rename",
        "os.replace",
        "os.unlink",
        "os.remove",
        "os.rmdir",
        "os.mkdir",
        "os.makedirs",
        "os.link",
        "os.symlink",
    ),
    *("os.chmod", "os.chown", "os.mkfifo", "os.mknod", "os.truncate", "os.ftruncate", "os.memfd_create"),
}
STARTS = {"subprocess", "multiprocessing", "pty", "_posixsubprocess"}
LOADS = {"ctypes", "mmap", "cffi"}
NOWHERE = {
    *("eval", "exec", "compile", "os.system", "os.popen", "os.fork", "os.posix_spawn", "os.posix_spawnp", "os.execv"),
    *("yaml.load", "yaml.full_load", "yaml.unsafe_load", "pickle.loads", "pickle.load", "marshal.loads", "shelve.open"),
}


OPENED_TO_WRITE = {"os.open": r"O_(CREAT|RDWR|TMPFILE|TRUNC|APPEND)", "open": r"['\"][rb]*[wax+]"}


def does(one: Module) -> bool:
    """Whether a module writes, starts or loads: by what it calls and imports."""
    return bool((STARTS | LOADS) & one.imports) or any(
        name in WRITES or (name in OPENED_TO_WRITE and re.search(OPENED_TO_WRITE[name], ast.unparse(call)))
        for name, call in one.calls
    )


def test_nothing_else_writes_starts_or_loads() -> None:
    table = PAGE.partition("## What is written")[2].partition("\n## ")[0]
    told = set(re.findall(r"`((?:agent|collectors)/[\w./]+)`", table))
    assert {one.path for one in modules() if does(one)} == told


def test_nothing_is_evaluated_and_no_shell_is_used() -> None:
    strays = [
        f"{one.path}:{call.lineno} {called}"
        for one in modules()
        for called, call in one.calls
        if called in NOWHERE or any(word.arg == "shell" for word in call.keywords)
    ]
    assert strays == []


def test_every_label_that_identifies_is_named() -> None:
    kinds = re.compile(
        r".*(?:uuid|serial|mac|address|hostname)|(?:instance|image|volume|interface|zone|availability_zone|event)_id"
    )
    found = {label for definition in METRICS for label in definition.labels if kinds.fullmatch(label)}
    assert found
    told = PAGE.partition("The labels of `/metrics` that identify: ")[2].partition(".")[0]
    assert set(re.findall(r"`(\w+)`", told)) == found
