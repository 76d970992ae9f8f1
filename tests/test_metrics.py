"""The exposition: what an SRE's Prometheus gets."""

from __future__ import annotations

import json
import pathlib

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests import corpus, ebs_page
from tests.test_rules_ena import CARD
from virt_agent import metrics, observe
from virt_agent.metrics import METRICS
from virt_agent.metrics.definition import Reload, Watched
from virt_agent.render import document
from virt_agent.report import Report
from virt_agent.selection import Selection
from virt_collectors.block import BlockDevice
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.imds import Imds
from virt_collectors.imds_events import ScheduledEvent, SpotAction
from virt_collectors.kernel_log import KernelLog
from virt_collectors.record import replace

WATCHED = Watched({"xvda": 3.5}, {"virt_agent_process_threads": 2.0, "virt_agent_process_cpu_seconds_total": 0.4})


def made(name: str) -> Report:
    return observe.observe(corpus.host(name), Selection())


def samples(report: Report, watched: Watched | None = None) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in parse_text(metrics.render(report, watched).decode()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


def value(report: Report, metric: str, /, **labels: str) -> float | None:
    found = samples(report, WATCHED)
    return next((v for (n, given), v in found.items() if n == metric and labels.items() <= dict(given).items()), None)


@pytest.mark.parametrize("name", corpus.MACHINES)
def test_a_strict_parser_takes_it_and_no_sample_is_there_twice(name: str) -> None:
    report = made(name)
    text = metrics.Page().render("application/openmetrics-text; version=1.0.0", report, WATCHED)[0].decode()
    names = [family.name for family in parse_open_metrics(text)]
    assert len(names) == len(set(names))
    assert len(samples(report, WATCHED)) > 40


def on_nitro() -> Report:
    """An EBS volume's and a network card's own counters."""
    tree = corpus.copy("D20-ec2-c5large")
    tree.add("virt-agent/nvme/nvme0.d0", ebs_page.page())
    told = {"schema": 1, "time": "2026-11-21T10:00:00+00:00", "suspended_seconds": 3.4}
    tree.add("virt-agent/meta.json", json.dumps(told).encode())
    report = observe.observe(SnapshotHost(tree), Selection(), optional=("nvme_latencies",))
    log = KernelLog(lines=1, followed=True)
    reboot = ScheduledEvent("system-reboot", "active", 1548061243.0)
    announced = Imds("ok", maintenance=(reboot,), spot_action=SpotAction("stop", 1.0), rebalance_time=1.0, asked=1.0)
    facts = replace(report.reading.facts, ethtool=(CARD,), kernel_log=log, imds=announced)
    return replace(report, reading=replace(report.reading, facts=facts))


def test_every_family_is_in_the_table_and_every_line_of_the_table_appears_somewhere() -> None:
    seen: set[str] = set()
    process = {definition.name: 1.0 for definition in METRICS if "process" in definition.name}
    watched = Watched({}, process, imds_requests={"200": 1}, readiness={"reboot": "ready"}, reload=Reload(True, 1.0))
    for report in [*map(made, corpus.GUESTS), made("D20-ec2-c5large"), on_nitro()]:
        for family in metrics.families(report, watched):
            seen |= {family.name} if family.type == "histogram" else {sample.name for sample in family.samples}
    table = {definition.name for definition in METRICS}
    assert seen <= table
    assert table - seen == set()


def test_names_keep_the_conventions() -> None:
    for definition in METRICS:
        assert definition.name.startswith("virt_")
        assert (definition.type == "counter") == definition.name.endswith("_total")
        assert definition.help.endswith(".")
        assert len(definition.labels) == len(set(definition.labels))


def test_the_verdict_is_one_series() -> None:
    report = made("D07-ec2-t2micro-xen-on-nitro")
    assert value(report, "virt_guest_info", hypervisor="xen", guest_mode="pvhvm", role="guest", cloud="aws",
                 ec2_system="xen-on-nitro", container="", xen_version="4.11.amazon") == 1  # fmt: skip
    assert value(report, "virt_guest_identity_info", instance_type="t2.micro") == 1
    assert value(report, "virt_verdict_confidence") == 3


def test_words_that_do_not_apply_are_empty_and_those_that_cannot_be_told_unknown() -> None:
    assert value(made("D27-ec2-i3metal"), "virt_guest_info", hypervisor="none", guest_mode="") == 1
    empty = observe.observe(SnapshotHost(MemoryTree()), Selection())
    assert value(empty, "virt_guest_info", hypervisor="unknown", guest_mode="unknown") == 1


def test_rules_are_exported_when_they_pass_too() -> None:
    report = made("pvhvm-nonet")
    assert value(report, "virt_rule_state", code="X02", name="xen-frontend-closed") == 0
    assert value(report, "virt_rule_state", code="X04") == 2
    assert value(report, "virt_rule_state", code="C03") == -1
    assert value(report, "virt_rule_state", code="P01") is None
    assert value(report, "virt_check_status") == 1
    assert value(report, "virt_rules", outcome="warning") == 1


def test_devices() -> None:
    report = made("pvhvm-nonet")
    assert value(report, "virt_xen_frontend_state", frontend="vbd-768", device="xvda", kind="disk") == 4
    assert value(report, "virt_xen_frontend_state", frontend="vif-0", kind="nic", device="") == 1
    assert value(report, "virt_block_device_info", device="xvda", driver="xen-blkfront", kind="pv") == 1
    assert value(report, "virt_block_device_stalled_seconds", device="xvda") == 3.5
    assert value(report, "virt_block_device_stalled_seconds", device="xvdb") == 0
    assert value(made("nitro-like"), "virt_nvme_controller_live", controller="nvme0") == 1
    assert value(made("qemu-pc-emulated"), "virt_block_device_info", device="sr0", kind="emulated") is None


def test_stalls_are_known_to_a_daemon_alone() -> None:
    found = samples(made("pvhvm"))
    assert not [key for key in found if key[0] == "virt_block_device_stalled_seconds"]


def test_the_budget_holds_for_two_disks_and_a_network_card() -> None:
    assert len(samples(made("pv"), WATCHED)) <= 200


def test_beyond_the_cap_devices_are_counted_and_not_exported() -> None:
    report = made("pvhvm")
    disks = tuple(BlockDevice(f"xvd{number}", "xen-blkfront", "xen", in_flight=0) for number in range(3000))
    now = replace(report.reading, facts=replace(report.reading.facts, block_devices=disks))
    found = samples(replace(report, reading=now), WATCHED)
    assert len(found) == metrics.CAP + 1
    assert found["virt_agent_series_dropped", ()] > 3000
    assert ("virt_check_status", ()) in found


@pytest.mark.parametrize("name", ['a"b', "a\nb", "a\\b", "\x1b[31mred", "\u202eevil", "\ud800", "x" * 1_000_000, ""])
def test_hostile_device_names_stay_one_short_label(name: str) -> None:
    report = made("pvhvm")
    disks = (BlockDevice(name, "xen-blkfront", "xen"),)
    now = replace(report.reading, facts=replace(report.reading.facts, block_devices=disks))
    found = samples(replace(report, reading=now))
    label = next(dict(labels)["device"] for (n, labels) in found if n == "virt_block_device_info")
    assert len(label) <= 128
    assert label.isprintable()


def test_negotiation() -> None:
    report = made("pvhvm")
    page = metrics.Page()
    found, kind = page.render("application/openmetrics-text; version=1.0.0,text/plain;q=0.5", report, None)
    assert kind.startswith("application/openmetrics-text")
    assert found.endswith(b"\n# EOF\n")
    assert found.count(b"# EOF") == 1
    found, kind = page.render("", report, None)
    assert kind.startswith("text/plain; version=")
    assert b"# EOF" not in found


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_what_is_not_encoded_again_is_what_would_be(accept: str) -> None:
    """A page that has seen other machines gives each the same bytes as a fresh one."""
    page = metrics.Page()
    reports = [made(name) for name in ("pvhvm", "pvhvm-nonet", "D20-ec2-c5large", "dom0")]
    for report in [*reports, *reports]:
        for watched in (None, WATCHED, Watched(imds_requests={"200": 7})):
            assert page.render(accept, report, watched) == metrics.Page().render(accept, report, watched)
    assert page.render("", reports[0], WATCHED)[0] == metrics.render(reports[0], WATCHED)


def test_the_schema_lies_in_the_package() -> None:
    assert (pathlib.Path(document.__file__).parent / "schema.json").exists()
