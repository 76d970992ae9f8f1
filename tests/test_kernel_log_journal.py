"""The kernel log from a log daemon, for those who may not read the ring."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import write
from virt_collectors.clock import Clock
from virt_collectors.errors import Denied
from virt_collectors.facts import Facts
from virt_collectors.host import journal
from virt_collectors.host.live import LiveHost
from virt_collectors.kernel_log import KernelLog, read_kernel_journal
from virt_collectors.source import Source

ERROR = "Buffer I/O error on dev xvdb, logical block 7, lost async page write"
KERN_LOG = f"""\
Nov 18 03:12:44 db-17 kernel: [    0.000000] Linux version 6.8.0-1-aws
Nov 18 03:12:50 db-17 kernel: [500000.123456] EXT4-fs error (device xvdz): of the boot before
Nov 20 03:12:44 db-17 kernel: [    0.000000] Linux version 6.8.0-1-aws
Nov 20 03:12:45 db-17 kernel: without a stamp: {ERROR}
Nov 20 03:12:50 db-17 kernel: [   12.345678] {ERROR}
Nov 20 03:12:51 db-17 systemd[1]: [   13.345678] {ERROR}
2026-11-20T03:13:00.123456+00:00 db-17 kernel: [   99.000000] Done
"""
JOURNAL = f"""\
[    5.140900] kernel: {ERROR}
                       and the rest of it
[    6.140900] systemd[1]: {ERROR}
[    7.140900] kernel: [18B blob data]
-- Boot 0123456789abcdef --
"""


def journalctl(directory: pathlib.Path, script: str) -> str:
    """A machine whose journalctl is a shell script, with a journal that can be read."""
    write(
        directory,
        {"run/log/journal/0123456789abcdef/system.journal": "x", "usr/bin/journalctl": f"#!/bin/sh\n{script}\n"},
    )
    (directory / "usr/bin/journalctl").chmod(0o755)
    return f"{directory}/"


def test_kern_log_from_the_last_boot_on(tmp_path: pathlib.Path) -> None:
    write(tmp_path, {"var/log/kern.log": KERN_LOG})
    text = LiveHost(str(tmp_path)).kernel_journal()
    assert text.splitlines() == [
        "[    0.000000] Linux version 6.8.0-1-aws",
        f"[   12.345678] {ERROR}",
        "[   99.000000] Done",
    ]


def test_of_a_large_kern_log_the_end_is_read(tmp_path: pathlib.Path) -> None:
    filler = "".join(f"Nov 20 03:12:45 h kernel: [{n:12.6f}] {'x' * 200}\n" for n in range(1, 30_000))
    write(tmp_path, {"var/log/kern.log": filler + f"Nov 20 03:12:50 h kernel: [99999.000000] {ERROR}\n"})
    text = journal.read(f"{tmp_path}/")
    assert len(text) <= journal.TAIL
    assert text.endswith(f"[99999.000000] {ERROR}\n")


def test_cpus_that_print_side_by_side_are_no_new_boot() -> None:
    lines = "".join(f"Nov 20 h kernel: [{stamp:12.6f}] x\n" for stamp in (5.0, 4.9, 70.0, 69.5))
    assert len(journal.this_boot(lines)) == 4


def test_nothing_readable_is_denied_with_a_reason(tmp_path: pathlib.Path) -> None:
    with pytest.raises(Denied, match="systemd-journal or adm"):
        LiveHost(str(tmp_path)).kernel_journal()
    (tmp_path / "var/log").mkdir(parents=True)
    (tmp_path / "var/log/kern.log").write_bytes(b"\xff\x00 no kernel log\n")
    with pytest.raises(Denied):
        LiveHost(str(tmp_path)).kernel_journal()


@pytest.mark.subprocess
def test_the_journal_without_its_senders(tmp_path: pathlib.Path) -> None:
    root = journalctl(tmp_path, f"cat <<'END'\n{JOURNAL}END")
    assert journal.read(root) == f"[    5.140900] {ERROR}\n[    7.140900] [18B blob data]\n"


@pytest.mark.subprocess
def test_journalctl_is_asked_for_the_kernels_own_lines_of_this_boot(tmp_path: pathlib.Path) -> None:
    root = journalctl(tmp_path, 'echo "[    1.000000] kernel: $*"')
    assert {"-k", "-b", "short-monotonic", "SYSLOG_FACILITY=0", f"--lines={journal.LINES}"} <= set(
        journal.read(root).split()
    )


@pytest.mark.subprocess
@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$"])
def test_a_journal_that_fails_leaves_kern_log(tmp_path: pathlib.Path, script: str) -> None:
    write(tmp_path, {"var/log/kern.log": KERN_LOG})
    assert ERROR in journal.read(journalctl(tmp_path, script))


def test_no_process_starts_where_no_journal_can_be_read(tmp_path: pathlib.Path) -> None:
    """The guard of the tests refuses every process."""
    root = journalctl(tmp_path, "exit 0")
    (tmp_path / "run/log/journal/0123456789abcdef/system.journal").unlink()
    with pytest.raises(Denied):
        journal.read(root)


@given(st.text())
def test_any_text_is_brought_into_form(text: str) -> None:
    for line in [*journal.dmesg_form(text), *journal.this_boot(text)]:
        assert line.startswith("[")
        assert line.endswith("\n")
        assert line.count("\n") == 1


def test_the_collector_asks_only_where_the_ring_could_not_be_read(tmp_path: pathlib.Path) -> None:
    write(tmp_path, {"var/log/kern.log": KERN_LOG})
    host = LiveHost(str(tmp_path))
    assert read_kernel_journal(Source(host, Facts(kernel_log=KernelLog()))) is None
    log = read_kernel_journal(Source(host, Facts()))
    assert log is not None
    assert not log.followed
    assert [(event.code, event.subject) for event in log.events] == [("L45", "xvdb")]


def test_a_log_that_is_not_of_this_boot_tells_nothing(tmp_path: pathlib.Path) -> None:
    """The file ends with an earlier boot: its stamps lie beyond the uptime."""
    write(tmp_path, {"var/log/kern.log": f"Nov 18 h kernel: [500000.000000] {ERROR}\n"})
    log = read_kernel_journal(Source(LiveHost(str(tmp_path)), Facts(clock=Clock(uptime_seconds=3600.0))))
    assert log is not None
    assert log.events == ()


def test_a_denied_journal_is_quiet(tmp_path: pathlib.Path) -> None:
    source = Source(LiveHost(str(tmp_path)), Facts())
    assert read_kernel_journal(source) is None
    assert source.problems == []
    assert source.unreadable == {}, "the ring's refusal says it"
