"""Rules with one mistake each: the tests of alerts.yml must notice every one."""

from __future__ import annotations

import pathlib
import tempfile

from .promtool import HERE, RULES, run

# What stands in the rules, and the mistake
MISTAKES = (
    ("stalled_seconds > 60\n        for: 1m", "stalled_seconds > 60\n        for: 0m"),
    ("          or on (job, instance, device)\n          virt_block_device_stalled_seconds > 60\n", ""),
    ("or on (job, instance, device)", "or"),
    ("topk by (job, instance) (1, virt_guest_identity_info{", "(virt_guest_identity_info{"),
    ('identity_info{availability_zone_id!=""}\n', "identity_info\n"),
    ("count by (availability_zone_id, instance)", "count by (availability_zone_id, instance, job)"),
    (") >= 5", ") >= 4"),
    (") >= 5", ") >= 6"),
    ('{kind=~"disk|nic"} != 4', " != 4"),
    ('{device=""} == 1', "== 1"),
    ('{code="X03"} == 0', '{code="X03"}'),
    ("controller_live == 0\n        for: 2m", "controller_live == 0\n        for: 1m"),
    ("L45|L46|L47|L48", "L45|L46|L47|L48|L49"),
    ("[10m]) > 0", "[30m]) > 0"),
    ('{code="B11"} == 3', '{code="B11"} >= 2'),
    ("and on (job, instance) virt_guest_info", "and on (instance) virt_guest_info"),
    (', role="guest"}', "}"),
    ('hypervisor="xen", ', ""),
    ("[6h]) >= 2\n        for: 5m", "[6h]) >= 2\n        for: 0m"),
    ("[6h]) >= 2", "[6h]) >= 1"),
    ("conntrack|linklocal", "conntrack|linklocal|pps"),
    ("[5m]) > 1\n        for: 10m", "[5m]) > 1\n        for: 1m"),
    ("172800", "864000"),
    ('virt_readiness{target="reboot"} == 0', 'virt_readiness{target="reboot"} != 1'),
    ('virt_readiness{target="reboot"} == 0', "virt_readiness == 0"),
    ("for: 1h", "for: 5m"),
    ('up{job=~"virt-agent.*"}', "up"),
    ("min without (collector)", "min by (job, instance)"),
    ("for: 15m", "for: 1m"),
)


def check() -> list[str]:
    """The mistakes that nobody noticed."""
    rules = RULES.read_text()
    return [
        f"a mistake in the rules goes unnoticed: {stands!r} made {mistake!r}"
        for stands, mistake in MISTAKES
        if stands not in rules or not _noticed(rules.replace(stands, mistake))
    ]


def _noticed(rules: str) -> bool:
    """By a test that fails; rules that do not even load prove nothing."""
    with tempfile.TemporaryDirectory() as directory:
        wrong, tests = pathlib.Path(directory, "rules.yml"), pathlib.Path(directory, "alerts.yml")
        wrong.write_text(rules)
        tests.write_text(
            (HERE / "alerts.yml").read_text().replace(f"../../packaging/prometheus/rules/{RULES.name}", wrong.name)
        )
        content, said = run("promtool", "check", "rules", str(wrong))
        if not content:
            raise ValueError(f"the mistake is a slip of its own: {said}")
        return not run("promtool", "test", "rules", str(tests))[0]
