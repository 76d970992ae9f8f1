"""What judges inside the test machine (tests/vm), where no machine is needed for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.vm import packages, table
from tests.vm.inside import hardening, life, package, probe
from tests.vm.inside.hardening import DONE, HELD_BY_NAMESPACES, HELD_BY_SECCOMP

PROMISES = HELD_BY_NAMESPACES | HELD_BY_SECCOMP
# Told as evidence; what they show depends on the release.
WITHOUT_PROMISE = {"list /dev", "netlink socket"}
KEPT = {
    attempt: "done" if hardening.promised(attempt, PROMISES) in (DONE, None) else "EPERM" for attempt in probe.ATTEMPTS
}


def test_every_attempt_of_the_probe_has_a_promise_and_every_promise_an_attempt() -> None:
    without = {attempt for attempt in probe.ATTEMPTS if hardening.promised(attempt, PROMISES) is None}
    assert without == WITHOUT_PROMISE | set(hardening.HIDDEN)
    for begin in PROMISES:
        assert any(attempt.startswith(begin) for attempt in probe.ATTEMPTS), begin


def test_a_sandbox_that_holds_is_judged_so() -> None:
    assert hardening.broken(KEPT, PROMISES) == []


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        ("make /etc/probe", "done"),
        ("read /etc/shadow", "done 64 bytes"),
        ("connect elsewhere", "done hello"),
        ("connect loopback", "EPERM"),
        ("connect metadata IPv6", "ENETUNREACH"),
        ("writable code", "done"),
        ("become root", "done"),
        ("list /home", "done admin"),
        ("others' processes", "done 31"),
    ],
)
def test_what_does_not_hold_is_named(attempt: str, outcome: str) -> None:
    assert hardening.broken({**KEPT, attempt: outcome}, PROMISES) == [f"{attempt}: {outcome}"]


def test_a_child_that_the_filter_kills_was_refused() -> None:
    assert hardening.broken({**KEPT, "new user namespace": "killed by SIGSYS"}, PROMISES) == []


def test_who_is_not_in_the_filter_is_judged_by_the_namespaces_alone() -> None:
    free = {**KEPT, "writable code": "done", "new user namespace": "done"}
    assert hardening.broken(free, HELD_BY_NAMESPACES) == []


@pytest.mark.parametrize(
    ("line", "complains"),
    [
        ("Setting up virt-agent (0.1.0) ...", False),
        ("dpkg: warning: unable to delete old directory '/usr/share/virt-agent': Directory not empty", True),
        ("Failed to preset unit: unit is masked", True),
        ("W: --force-yes is deprecated", True),
    ],
)
def test_complaints_of_apt_and_dpkg_are_found(line: str, complains: bool) -> None:
    assert bool(package.COMPLAINT.search(line)) is complains


def test_the_news_of_a_guest_are_no_complaint_of_the_service() -> None:
    assert "a finding came code=C02 severity=warning".startswith(life.NEWS)
    assert not "the configuration was not taken".startswith(life.NEWS)


def test_a_promise_is_told_in_one_line_with_its_time() -> None:
    told = json.dumps({"name": "purge leaves nothing", "kept": False, "seconds": 12.25, "seen": "left: group x"})
    (line,) = table.lines("bookworm", [table.promise(told)])
    assert line.split() == ["bookworm:", "BROKEN", "12.2", "s", *["purge", "leaves", "nothing", "left:", "group", "x"]]


def test_the_previous_version_is_the_same_program_with_another_configuration(tmp_path: Path) -> None:
    older = packages.older(packages.TREE, tmp_path / "older")
    assert (older / "packaging/debian/changelog").read_text().startswith(f"virt-agent ({packages.PREVIOUS})")
    ours, theirs = ((tree / "packaging/config.toml").read_text() for tree in (packages.TREE, older))
    assert theirs != ours
    assert theirs.startswith(ours)
    assert (older / "agent/virt_agent/__main__.py").read_text() == (
        packages.TREE / "agent/virt_agent/__main__.py"
    ).read_text()
