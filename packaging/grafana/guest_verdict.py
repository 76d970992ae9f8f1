"""Of *Guest*: how it is, what it is, and what the rules found."""

from __future__ import annotations

from kinds import bars, number, states, table, text
from model import Column, Query, Row
from promql import GUEST
from words import (
    ANSWERS,
    ANY_IS_ORANGE,
    CONFIDENCE,
    READINESS,
    RULE,
    STATUS,
    YES,
    none_is,
)

NOT_SCRAPED = "not scraped"

GLANCE = Row(
    "At a glance",
    (
        number(
            "Status", f"virt_check_status{{{GUEST}}}",
            "What virt-agent --check would say now.",
            "critical: data at risk, or a dead disk or card; see Findings before you touch the guest.",
            NOT_SCRAPED, STATUS,
        ),
        number(
            "Agent", f"up{{{GUEST}}}",
            "Whether Prometheus could scrape the agent last.",
            "Where it does not answer, all else here ends five minutes after its last word.",
            "no such target", ANSWERS,
        ),
        number(
            "What it is", Query(f"virt_guest_info{{{GUEST}}}", "{{hypervisor}} {{guest_mode}}"),
            "Whom its kernel talks to, and in which mode.",
            "The verdict in words has the rest; none is bare metal.", NOT_SCRAPED, text="name",
        ),
        number(
            "Confidence", f"virt_verdict_confidence{{{GUEST}}}",
            "How sure the verdict is.",
            "low and medium: the guest's own report lists the signs, and those that could not be read.",
            NOT_SCRAPED, CONFIDENCE,
        ),
        number(
            "Contradictions", f"virt_verdict_conflicts{{{GUEST}}}",
            "How many signs of the verdict argue against each other.",
            "One is worth a look: a hypervisor that poses as another, a nested one, an image that was moved.",
            NOT_SCRAPED, none_is("none"), ANY_IS_ORANGE,
        ),
        number(
            "Ready to come up as", Query(f"virt_readiness{{{GUEST}}}", "{{target}}"),
            "Whether it comes up again after a reboot, as HVM, on Nitro.",
            "Not ready: virt-agent --readiness TARGET on the guest names what is missing.",
            "no daemon has looked yet", READINESS, width=6,
        ),
        number(
            "Can host VMs", f"virt_can_host_vms{{{GUEST}}}",
            "Whether VT-x or AMD-V and /dev/kvm are usable in here.",
            "Nothing to do; it tells a host or a nested hypervisor from a guest.", NOT_SCRAPED, YES,
        ),
    ),
)  # fmt: skip

_WORDS = ("hypervisor", "guest_mode", "virtualization_type", "role", "cloud", "ec2_system", "container", "xen_version")
_NAMES = ("vm_uuid", "instance_id", "instance_type", "availability_zone_id", "image_id")
_TITLES = {
    "hypervisor": "Hypervisor",
    "guest_mode": "Mode",
    "virtualization_type": "EC2's word",
    "role": "Role",
    "cloud": "Cloud",
    "ec2_system": "EC2 system",
    "container": "Container",
    "xen_version": "Xen",
    "vm_uuid": "UUID",
    "instance_id": "Instance id",
    "instance_type": "Type",
    "availability_zone_id": "Zone",
    "image_id": "Image",
}
_EVIDENCE = """Each sign of the verdict, where it was read and what it argues for, is told by the guest itself:

* [the report](http://${instance}/check) and [the page](http://${instance}/), where `instance` is its address
* `sudo virt-agent --check -v` on the guest, or `virt-agent --json` for a program
"""


def _columns(labels: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(Column(label, _TITLES[label]) for label in labels)


VERDICT = Row(
    "Verdict",
    (
        table(
            "The verdict in words", (f"group by ({', '.join(_WORDS)}) (virt_guest_info{{{GUEST}}})",),
            _columns(_WORDS),
            "What the guest runs on, as separate answers; - does not apply.",
            "Two rows: it was another guest earlier, in the last five minutes.", NOT_SCRAPED, height=4,
        ),
        table(
            "How host and cloud know it", (f"group by ({', '.join(_NAMES)}) (virt_guest_identity_info{{{GUEST}}})",),
            _columns(_NAMES),
            "By which names to ask the host's side or EC2 about it.",
            "Where EC2's are -, the metadata service is off or this is not EC2.", NOT_SCRAPED, height=4,
        ),
        text(
            "Evidence", _EVIDENCE,
            "Where the signs are, one by one, that the verdict is made of.",
            "Read them where the confidence is not high.", width=12, height=5,
        ),
        states(
            "Status over time", Query(f"virt_check_status{{{GUEST}}}", "status"),
            "When the guest became ill, and when it was well again.",
            "Compare with the kernel log and the resumes below.", NOT_SCRAPED, STATUS, height=5,
        ),
    ),
)  # fmt: skip

FINDINGS = Row(
    "Findings",
    (
        table(
            "What the rules found", (f"max by (code, name) (virt_rule_state{{{GUEST}}} >= 1)",),
            (
                Column("A", "Weight", words=RULE, width=100),
                Column("code", "Code", width=80),
                Column("name", "Rule"),
            ),
            "What is wrong now, critical first; info is advice or a limit, and no fault.",
            "virt-agent --explain CODE, or docs/rules.md: the first five minutes, what not to do, who owns it.",
            "nothing found", width=8, sort=("Weight",),
        ),
        table(
            "What could not be judged", (f"max by (code, name) (virt_rule_state{{{GUEST}}} == -1)",),
            (Column("code", "Code", width=80), Column("name", "Rule")),
            "Rules that apply here and could not be judged: unread is not healthy.",
            "Mostly a privilege: the package's unit has it, a daemon in a container has not.",
            "every rule was judged", width=5, sort=("-Code",),
        ),
        bars(
            "Rules by outcome", Query(f"virt_rules{{{GUEST}}}", "{{outcome}}"),
            "How many rules apply here, and how each ended; off was switched off by the configuration.",
            "virt-agent --rules lists them.", NOT_SCRAPED, width=3,
        ),
        states(
            "Warnings and critical findings over time",
            Query(f"max by (code, name) (virt_rule_state{{{GUEST}}} >= 2)", "{{code}} {{name}}"),
            "Since when something is wrong, and what came first.",
            "What came first is often the cause of the rest.", "no warning and nothing critical", RULE, width=8,
        ),
    ),
)  # fmt: skip
