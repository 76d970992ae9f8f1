"""What a redacted snapshot keeps of the kernel log: every line that a rule looks at, and what it is about."""

from __future__ import annotations

import pytest

from virt_collectors.host.kmsg import LOST
from virt_collectors.kernel_log import parse_log
from virt_collectors.kernel_patterns import PATTERNS
from virt_collectors.redact.cmdline import CommandLine
from virt_collectors.redact.identifiers import Scrubber
from virt_collectors.redact.kernel_log import kernel_log
from virt_collectors.redact.pseudonyms import Pseudonyms

SAMPLES = [(pattern.code, sample) for pattern in PATTERNS for sample in pattern.samples]


def redacted(text: str, *hosts: str) -> str:
    names = Pseudonyms()
    for host in hosts:
        names.host(host)
    scrubber = Scrubber(names)
    return kernel_log(scrubber, CommandLine(scrubber), text)


@pytest.mark.parametrize(("code", "sample"), SAMPLES, ids=[f"{code}-{sample[:30]}" for code, sample in SAMPLES])
@pytest.mark.parametrize("stamp", ["[    5.140900] ", "[    5.140900][    T1] ", "<6>[    5.140900] "])
def test_each_kind_of_line_survives_with_its_subject(code: str, sample: str, stamp: str) -> None:
    before, after = parse_log(f"{stamp}{sample}\n"), parse_log(redacted(f"{stamp}{sample}\n"))
    assert [(e.code, e.subject, e.last_seconds) for e in after.events] == [
        (e.code, e.subject, e.last_seconds) for e in before.events
    ]
    assert [event.code for event in after.events] == [code]


@pytest.mark.parametrize("host", ["xen", "ena", "nvme", "disk", "task", "error", "device", "kernel", "controller"])
def test_a_hosts_name_changes_no_event(host: str) -> None:
    text = "".join(f"[    5.140900] {sample}\n" for _, sample in SAMPLES)
    assert [(e.code, e.count) for e in parse_log(redacted(text, host)).events] == [
        (e.code, e.count) for e in parse_log(text).events
    ]


def test_the_line_on_lost_records_survives() -> None:
    assert parse_log(redacted(f"[    5.140900] {LOST.decode()}7\n")).lost == 7
