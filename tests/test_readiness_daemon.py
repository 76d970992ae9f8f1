"""The daemon's own readiness: when it looks, and what it says when it cannot."""

from __future__ import annotations

import pytest

from tests import corpus
from virt_agent.observe import reading_of
from virt_agent.serve.readiness import ReadinessWatch, boot_state, targets
from virt_collectors.host import Space
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def booted(**more: bytes) -> MemoryTree:
    """A guest with a /boot that can be changed."""
    tree = corpus.copy("pvhvm")
    tree.add("boot/vmlinuz-6.1.0-1-amd64", b"")
    tree.add("boot/grub/grub.cfg", b"set default=0\n")
    for path, content in more.items():
        tree.add(path, content)
    return tree


def watch(tree: MemoryTree, clock: Clock, without: tuple[str, ...] = ()) -> ReadinessWatch:
    host = SnapshotHost(tree)
    return ReadinessWatch(host, lambda: corpus.facts(host), without, clock)


class Counting(SnapshotHost):
    """Counts how often somebody really looks."""

    looks = 0

    def space(self, path: str) -> Space:
        self.looks += path == ""
        return Space(100, 50)


def test_it_looks_once_a_day_and_when_boot_changes() -> None:
    clock, tree = Clock(), booted()
    host = Counting(tree)
    watched = ReadinessWatch(host, lambda: corpus.facts(host), (), clock)
    assert watched.told() == {}
    counts = []
    for clock.now in (0.0, 60.0, 86_399.0, 86_400.0, 86_460.0):
        watched.look()
        counts.append(host.looks)
    assert counts == [1, 1, 1, 2, 2]
    assert set(watched._answers) == {"reboot"}
    tree.add("boot/vmlinuz-6.1.0-2-amd64", b"")
    watched.look()
    assert host.looks == 3


@pytest.mark.parametrize(
    "path", ["etc/fstab", "boot/grub/grub.cfg", "boot/grub/menu.lst", "boot/loader/entries/a.conf"]
)
def test_what_decides_is_watched(path: str) -> None:
    before, after = booted(), booted()
    after.add(path, b"changed\n")
    assert boot_state(SnapshotHost(before)) != boot_state(SnapshotHost(after))
    assert boot_state(SnapshotHost(before)) == boot_state(SnapshotHost(booted()))


def test_a_thread_that_hangs_makes_all_unknown() -> None:
    clock = Clock()
    watched = watch(booted(), clock)
    watched.look()
    watched._answers = {"reboot": "ready"}
    clock.now = 601.0
    assert watched.told() == {"reboot": "unknown"}


def test_without_facts_it_waits() -> None:
    host = SnapshotHost(booted())
    watched = ReadinessWatch(host, lambda: None, (), Clock())
    watched.look()
    assert watched.told() == {}


def test_a_collector_that_is_switched_off_stays_off() -> None:
    clock = Clock()
    watched = watch(booted(), clock, ("kernels",))
    watched.look()
    assert watched.told() == {"reboot": "unknown"}


@pytest.mark.parametrize(("name", "expected"), [
    ("pvhvm", ("reboot",)), ("D01-ec2-m1small-pv", ("reboot", "hvm", "nitro")),
    ("D07-ec2-t2micro-xen-on-nitro", ("reboot", "nitro")), ("D20-ec2-c5large", ("reboot",)), ("D16-docker-on-ec2-xen", ()),
])  # fmt: skip
def test_targets_that_make_sense(name: str, expected: tuple[str, ...]) -> None:
    assert targets(reading_of(corpus.facts(corpus.host(name)))) == expected
