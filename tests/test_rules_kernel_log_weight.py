"""How loud a line of the kernel log is: by what uses the device, by its cause, by how many there are."""

from __future__ import annotations

from typing import Any

import pytest

from tests import corpus
from tests.logged_guests import (
    EC2,
    XEN,
    causes,
    finding,
    guest,
    judged,
    line,
    mounted,
    xenbus,
)
from tests.test_rules_kernel_log import sick
from virt_agent.observe import reading_of
from virt_agent.rules.form import CRITICAL, INFO, WARNING
from virt_collectors.kernel_patterns import of
from virt_collectors.mounts import Mount
from virt_collectors.record import replace


def test_a_disk_that_nothing_uses_is_a_warning() -> None:
    mounts: dict[str, Any] = {"mounts": (Mount("/", "/dev/xvda", "ext4", False, "xvda", ("xvda",)),)}
    found = finding(guest(XEN, line("I/O error, dev xvdb, sector 8"), **mounts), "L46")
    assert found
    assert found.severity == WARNING
    assert "nothing is known to use it" in found.evidence


def test_a_file_system_in_a_file_is_a_warning() -> None:
    found = finding(guest(XEN, line("EXT4-fs error (device loop0): trigger_test_error:129: comm bash: test")), "L48")
    assert found
    assert found.severity == WARNING


def test_a_mounted_mapping_of_no_known_disk_is_critical() -> None:
    found = finding(guest(XEN, line("EXT4-fs error (device dm-3): x"), **mounted("dm-3", "nbd0")), "L48")
    assert found
    assert found.severity == CRITICAL
    assert found.evidence[1:] == ("mounted on /data",)


def test_a_card_that_nothing_uses_is_a_warning() -> None:
    known = corpus.facts(corpus.host(EC2)).network
    assert known
    idle: dict[str, Any] = {
        "network": replace(known, devices=tuple(replace(nic, operstate="down") for nic in known.devices))
    }
    found = finding(guest(EC2, line(of("L29").samples[0]), **idle), "L29")
    assert found
    assert found.severity == WARNING


def test_a_closed_disk_is_the_cause_of_its_errors_and_of_hung_tasks() -> None:
    text = line(
        "Buffer I/O error on dev xvdb, logical block 7", "INFO: task postgres:2211 blocked for more than 120 seconds."
    )
    assert causes(guest("pv", text, **xenbus("Closed"))) == {"L45": "X02", "L49": "X02"}
    assert {each.same_cause_as for each in judged(guest("pv", text)).findings} == {None}


def test_a_card_without_driver_is_told_by_x04() -> None:
    assert causes(sick("L13").now) == {"L13": "X04"}


def test_an_empty_cd_drive_is_no_device_without_driver() -> None:
    reading = reading_of(corpus.facts(corpus.host("pvhvm-cdrom-iso")))
    assert "cdrom" in {frontend.kind for frontend in reading.frontends}
    assert judged(reading).states["L13"] == "ok"


@pytest.mark.parametrize(("clock", "state"), [("xen", INFO), ("kvm-clock", INFO), ("hpet", WARNING), ("tsc", "ok")])
def test_a_rejected_clock_matters_by_what_came_for_it(clock: str, state: str) -> None:
    reading = guest(XEN, line(of("L23").samples[0]), current=clock)
    assert judged(reading).states["L23"] == state
    assert causes(reading).get("L23") == ("C02" if clock == "hpet" else None)


def test_only_the_latest_switch_of_the_clock_is_told() -> None:
    text = line("clocksource: Switched to clocksource hpet", "clocksource: Switched to clocksource xen")
    assert [each.subject for each in judged(guest(XEN, text)).findings] == ["xen"]


def test_pvh_has_no_platform_device_to_refuse_it() -> None:
    """Kernels before 5.9 print it in every PVH guest."""
    assert "L20" not in judged(guest("pvh", line(of("L20").samples[0]))).states
    assert judged(guest(XEN, line(of("L20").samples[0]))).states["L20"] == "ok", "all PV drivers are there"


def test_hung_tasks_are_one_finding() -> None:
    tasks = [f"INFO: task postgres:{2211 + n} blocked for more than 120 seconds." for n in range(5)]
    (found,) = judged(guest(XEN, line(*tasks))).findings
    assert (found.code, found.subject) == ("L49", "postgres[2215], 4 more")
    assert found.summary == "task postgres[2215], 4 more hung (5 lines)"
    assert found.since == "last 02:33:14 UTC"


def test_many_disks_are_one_finding_and_few_are_one_each() -> None:
    errors = [f"I/O error, dev xvdb{n}, sector 8" for n in range(1, 10)]
    (found,) = judged(guest(XEN, line(*errors))).findings
    assert found.subject == "xvdb9, 8 more"
    assert len(judged(guest(XEN, line(*errors[:4]))).findings) == 4


def test_a_foreign_line_is_told_in_ascii_without_a_bar() -> None:
    (found,) = judged(guest(XEN, line("EXT4-fs error (device xvda): a|b caf\xe9 \x1b[31m"))).findings
    assert found.evidence[0].isascii()
    assert "|" not in found.evidence[0]


def test_the_remedy_speaks_the_hosts_dialect() -> None:
    found = finding(guest(EC2, line("nvme nvme0: I/O 1 QID 2 timeout, aborting")), "L39")
    assert found
    assert "aws ec2 describe-volumes" in found.remedy[-1]
    nic = finding(guest(XEN, line("net eth0: Disabled for further use")), "L07")
    assert nic
    assert "xl network-list" in nic.remedy[-1]
    assert nic.remedy[0].endswith("what comes over eth0 does not reach the guest.")
