"""The rules on the kernel log: each finds its line on a guest, and is silent on a healthy one."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests import corpus
from tests.logged_guests import (
    AT,
    EC2,
    MEMORY,
    NETFRONT_OLD,
    NOW,
    RESET,
    RULES,
    SHORT,
    SRIOV,
    UPTIME,
    VIRTIO,
    XEN,
    finding,
    guest,
    halted,
    judged,
    line,
    nvme,
    virtio,
    xenbus,
)
from virt_agent.observe import reading_of
from virt_agent.rules.evaluate import evaluate
from virt_agent.rules.form import ADVICE, CRITICAL, INFO, WARNING, Case
from virt_agent.rules.kernel_log.history import HOURS
from virt_collectors.clock import Clock
from virt_collectors.kernel_log import parse_log
from virt_collectors.kernel_patterns import of
from virt_collectors.record import replace


class Ill(NamedTuple):
    """A machine, what its log says, the facts beside it, and what is found; and how the same one is when it is well."""

    name: str
    text: str
    subject: str
    severity: str
    facts: dict[str, Any] = {}
    well: str | None = None  # its log; None for one that says nothing
    well_facts: dict[str, Any] | None = None  # None for the same


def _sample(code: str, name: str, subject: str, severity: str, at: int = 0, well: str | None = None) -> Ill:
    return Ill(name, line(of(code).samples[at]), subject, severity, well=well)


def _ena(code: str, severity: str = WARNING, well: str | None = RESET) -> Ill:
    """Well where the reset that follows succeeded."""
    message = of(code).samples[0]
    return Ill(EC2, line(message), "ens5", severity, well=line(message, well) if well else None)


ILLNESSES: dict[str, Ill] = {
    "L01": _sample("L01", XEN, "xvdb", CRITICAL),
    "L02": _sample("L02", XEN, "xvdb", CRITICAL),
    "L03": Ill(XEN, line("blkfront: xvda: flush diskcache: enabled; persistent grants: disabled; indirect descriptors:"
                         " enabled; bounce buffer: enabled"), "xvda", INFO, well=line(*of("L03").samples)),
    "L04": Ill(XEN, line(*["blkfront: xvda: flush op failed"] * 3), "xvda", WARNING),
    "L05": _sample("L05", XEN, "blkfront", WARNING),
    "L06": Ill("pv", line(of("L06").samples[0]), "xvdb", CRITICAL, xenbus("Closing"), line(of("L06").samples[0]), {}),
    "L07": _sample("L07", XEN, "eth0", CRITICAL),
    "L08": _sample("L08", XEN, "eth0", WARNING),
    "L09": _sample("L09", XEN, "xen-netfront", WARNING),
    "L10": Ill("pv", line(NETFRONT_OLD), "vif-0", WARNING, xenbus("InitWait", "vif-0", "vif"), line(NETFRONT_OLD), {}),
    "L11": Ill("pv", line(of("L11").samples[0]), "xvdb", CRITICAL, xenbus("Initialised"), line(of("L11").samples[0]), {}),
    "L12": _sample("L12", XEN, "vfb-0", INFO),
    "L13": Ill("pv", line(of("L13").samples[0]), "vif-0", INFO, xenbus("Initialising", "vif-0", None),
               line(of("L13").samples[0]), {}),
    "L14": _sample("L14", XEN, "boot", INFO),
    "L15": _sample("L15", XEN, "grant table", WARNING),
    "L16": _sample("L16", XEN, "grant table", WARNING),
    "L17": Ill(XEN, line(of("L17").samples[0]), "balloon", WARNING, SHORT, line(of("L17").samples[0]), {"memory": MEMORY}),
    "L18": _sample("L18", XEN, "balloon", WARNING),
    "L19": Ill(XEN, line(of("L19").samples[0]), "balloon", WARNING, SHORT, line(of("L19").samples[0]), {"memory": MEMORY}),
    "L20": Ill("hvm-nopv", line(of("L20").samples[0]), "platform device", WARNING),
    "L21": Ill("hvm-nopv", line(of("L21").samples[0]), "eth0", INFO),
    "L22": _sample("L22", XEN, "clock", INFO),
    "L23": Ill(XEN, line(of("L23").samples[0]), "tsc", WARNING, {"clock": Clock("hpet", (), UPTIME, NOW)}),
    "L24": Ill(XEN, line(of("L24").samples[0]), "tsc", WARNING, {"clock": Clock("acpi_pm", (), UPTIME, NOW)}),
    "L25": Ill(XEN, line(of("L25").samples[0]), "xen", INFO, well=line(of("L25").samples[0], at=1.0)),
    "L26": _ena("L26"),
    "L27": _ena("L27"),
    "L28": Ill(EC2, line(RESET, RESET, RESET), "ens5", WARNING, well=line(RESET, RESET)),
    "L29": _ena("L29", CRITICAL),
    "L30": _ena("L30"),
    "L31": _ena("L31"),
    "L32": _ena("L32"),
    "L33": Ill(EC2, line(*[of("L33").samples[0]] * 3), "ens5", WARNING, well=line(of("L33").samples[0], RESET)),
    "L34": _ena("L34"),
    "L35": _ena("L35"),
    "L36": _ena("L36", well=None),
    "L37": Ill(EC2, line(*[of("L37").samples[0]] * 3), "ens5", WARNING, well=line(of("L37").samples[0], RESET)),
    "L38": _ena("L38", INFO, well=None),
    "L39": _sample("L39", EC2, "nvme0", WARNING),
    "L40": Ill(EC2, line(of("L40").samples[0]), "nvme0", CRITICAL, nvme("dead"), line(of("L40").samples[0]), nvme("live")),
    "L41": Ill(EC2, line("nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10"), "nvme0", CRITICAL,
               nvme("dead"), line("nvme nvme0: controller is down; will reset: CSTS=0x3"), nvme("live")),
    "L42": Ill(EC2, line("nvme nvme0: Disabling device after reset failure: -19"), "nvme0", CRITICAL, nvme("dead"),
               line("nvme nvme0: IO queues lost", "nvme nvme0: 2/0/0 default/read/poll queues"), nvme("resetting")),
    "L43": Ill(EC2, line(of("L43").samples[1]), "nvme0n1", WARNING),
    "L44": _sample("L44", XEN, "eth0", WARNING),
    "L45": Ill(XEN, line("Buffer I/O error on dev xvdb, logical block 7, lost async page write"), "xvdb", CRITICAL),
    "L46": _sample("L46", XEN, "xvdb", CRITICAL),
    "L47": Ill(XEN, line("EXT4-fs (xvda): Remounting filesystem read-only"), "xvda", CRITICAL, halted("ro"),
               line("EXT4-fs (xvda): Remounting filesystem read-only"), halted(None)),
    "L48": Ill(XEN, line("EXT4-fs error (device xvda): ext4_lookup:1706: inode #131077: comm ls: x"), "xvda", CRITICAL,
               well=line("EXT4-fs error (device xvda): x", "EXT4-fs (xvda): mounted filesystem with ordered data mode.")),
    "L49": _sample("L49", XEN, "jbd2/xvdb-8[923]", WARNING),
    "L50": _sample("L50", XEN, "CPU 1", WARNING),
    "L51": _sample("L51", XEN, "irq4", INFO),
    "L52": _sample("L52", SRIOV, "eth0", WARNING, at=1),
    "L53": _sample("L53", VIRTIO, "eth0", WARNING),
    "L54": Ill(VIRTIO, line(of("L54").samples[0]), "virtio1", WARNING, virtio(None), line(of("L54").samples[0]), {}),
    "L55": _sample("L55", XEN, "event channels", CRITICAL),
}  # fmt: skip


def sick(code: str) -> Case:
    """A guest with the illness."""
    ill = ILLNESSES[code]
    return Case(guest(ill.name, ill.text, **ill.facts))


def healthy(code: str) -> Case:
    """The same kind of guest without it."""
    ill = ILLNESSES[code]
    return Case(guest(ill.name, ill.well or "", **(ill.facts if ill.well_facts is None else ill.well_facts)))


@pytest.mark.parametrize("code", ILLNESSES)
def test_rule_finds_its_line(code: str) -> None:
    ill = ILLNESSES[code]
    judgement = evaluate(tuple(RULES.values()), sick(code))
    found = {each.code: each for each in judgement.findings}
    assert set(found) == {code}, "and none but that"
    assert (found[code].subject, found[code].severity) == (ill.subject, ill.severity)
    assert judgement.states[code] == ill.severity
    assert found[code].since == ("last 02:33:10 UTC" if ill.text.count("\n") == 1 else "last 02:33:12 UTC")
    assert found[code].evidence[0].startswith(f"kernel log: [{AT + ill.text.count(chr(10)) - 1:.6f}] ")
    for text in (found[code].summary, *found[code].evidence, *found[code].remedy):
        assert text.isascii()
        assert "|" not in text
        assert "SUBJECT" not in text
        assert "DEVICE" not in text
    assert len(found[code].summary) <= 100


@pytest.mark.parametrize("code", ILLNESSES)
def test_rule_is_silent_on_a_healthy_guest(code: str) -> None:
    judgement = evaluate(tuple(RULES.values()), healthy(code))
    assert judgement.states[code] == "ok"
    assert code not in {each.code for each in judgement.findings}


@pytest.mark.parametrize("code", ILLNESSES)
def test_what_is_a_day_old_is_history(code: str) -> None:
    ill = ILLNESSES[code]
    later = {
        **ill.facts,
        **({"clock": replace(ill.facts["clock"], uptime_seconds=AT + 86_401)} if "clock" in ill.facts else {}),
    }
    reading = guest(ill.name, ill.text, uptime=AT + 86_402, **later)
    assert judged(reading, hours=24).states[code] == "ok" or ill.text.count("\n") > 1
    assert judged(reading, hours=20).states[code] == "ok"
    assert judged(reading, hours=48).states[code] == ill.severity


def test_every_line_has_its_rule() -> None:
    assert set(ILLNESSES) == set(RULES) == {f"L{number:02d}" for number in range(1, 56)}
    assert all(HOURS in rule.settings and rule.privilege == "kernel log" for rule in RULES.values())
    assert all(rule.avoid.endswith(".") for rule in RULES.values())
    assert all(rule.severity == INFO for rule in RULES.values() if rule.kind == ADVICE)
    assert {code for code, rule in RULES.items() if rule.severity == CRITICAL} == {
        *("L01", "L02", "L07", "L29", "L42", "L45", "L46", "L47", "L48", "L55"),
    }  # fmt: skip


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_an_unreadable_log_makes_no_rule_ok(name: str) -> None:
    reading = guest(name, None)
    states = judged(reading).states
    assert set(states.values()) <= {"unknown"}
    assert set(states) == set(judged(guest(name, "")).states), "and none that does not apply unknown"


@pytest.mark.parametrize("name", ["D27-ec2-i3metal", "D106-xen-host-booted-without-xen", "D76-gce-metal"])
def test_on_bare_metal_no_rule_applies(name: str) -> None:
    everything = line(*[pattern.samples[0] for pattern in map(of, ILLNESSES)])
    assert judged(guest(name, everything)).states == {}


@pytest.mark.parametrize("name", ["pv", "pvh", "pvhvm", "dom0", "dom0-pvh", "nitro-like", "qemu-q35-virtio"])
def test_a_recorded_healthy_guest_is_healthy(name: str) -> None:
    judgement = evaluate(tuple(RULES.values()), Case(reading_of(corpus.facts(corpus.host(name)))))
    assert [each.code for each in judgement.findings if each.severity != INFO] == []
    assert len(judgement.states) <= 40


def test_a_journal_stands_in_for_the_ring() -> None:
    journal = parse_log(line("xvdb disabled for further use"))
    found = finding(guest(XEN, None, kernel_journal=journal), "L02")
    assert found
    assert found.severity == CRITICAL
