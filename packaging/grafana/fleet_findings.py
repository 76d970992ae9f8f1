"""Of *Fleet*: what the rules found, who comes up again, and what EC2 announces."""

from __future__ import annotations

from kinds import curves, table
from model import Column, Query, Row
from promql import JOB, ROW_LINK, noted
from words import READINESS as ANSWERS
from words import RULE

_GUEST = (Column("instance", "Guest", link=ROW_LINK), Column("job", "Job"))


def _found(outcome: str) -> str:
    return f'max by (job, instance) (virt_rules{{{JOB}, outcome="{outcome}"}})'


_FIRST = f"topk(50, 1000 * {_found('critical')} + {_found('warning')} > 0)"

FINDINGS = Row(
    "Findings",
    (
        table(
            "Worst findings",
            (f'count_values by (code, name) ("state", virt_rule_state{{{JOB}}} >= 2)',),
            (
                Column("state", "Weight", words=RULE, width=100),
                Column("A", "Guests", width=90),
                Column("code", "Code", width=80),
                Column("name", "Rule"),
            ),
            "What is wrong in the fleet, and on how many guests: critical first.",
            "virt-agent --explain CODE, or docs/rules.md, has the first five minutes, what not to do, and who owns it.",
            "no rule found anything", sort=("Weight", "Guests"),
        ),
        table(
            "Guests to look at first",
            tuple(f"{_found(outcome)} and on (job, instance) {_FIRST}" for outcome in ("critical", "warning")),
            (*_GUEST, Column("A", "Critical", width=90), Column("B", "Warnings", width=90)),
            "The 50 guests with the most critical findings, then with the most warnings.",
            "Open the guest; its findings say what to do in which order.",
            "nothing found on any guest", sort=("Critical", "Warnings"),
        ),
        table(
            "Critical findings, guest by guest",
            (f"topk(100, max by (job, instance, code, name) (virt_rule_state{{{JOB}}} == 3))",),
            (*_GUEST, Column("code", "Code", width=80), Column("name", "Rule")),
            "Which guest has which critical finding, 100 at most.",
            "The same code on many guests at a time is one cause outside: a storage backend, a zone, a rollout.",
            "no critical finding", width=24, height=7, sort=("Code", "-Guest"),
        ),
    ),
)  # fmt: skip


def _told(state: str) -> str:
    return f"sum by (target) (virt_readiness{{{JOB}}} == bool {state})"


READINESS = Row(
    "Ready to come up again",
    (
        table(
            "Readiness by target", (_told("1"), _told("0"), _told("-1")),
            (Column("target", "For"), Column("A", "Ready"), Column("B", "Not ready"), Column("C", "Unknown")),
            "How many guests would come up after a reboot, as HVM, on Nitro. A target that makes no sense for a guest is"
            " not counted.",
            "Unknown is mostly a /boot that the daemon may not read: run virt-agent --readiness reboot as root.",
            "no daemon has looked yet", width=8,
        ),
        table(
            "Not ready",
            (f"topk(200, max by (job, instance, target) (virt_readiness{{{JOB}}} == 0))",),
            (*_GUEST, Column("target", "For"), Column("A", "State", words=ANSWERS)),
            "Which guests would not come up, and as what; 200 at most.",
            "virt-agent --readiness TARGET names each check that failed and its remedy.",
            "every guest that was looked at is ready", width=16, sort=("-For", "-Guest"),
        ),
    ),
)  # fmt: skip

_SPOT = noted(f"virt_spot_action_timestamp_seconds{{{JOB}}}", "event", "spot $1", "action", "(.*)")
_RISK = noted(f"virt_rebalance_recommendation_timestamp_seconds{{{JOB}}}", "event", "spot at raised risk")
_ANNOUNCED = f"virt_scheduled_event_not_before_timestamp_seconds{{{JOB}}} or {_SPOT} or {_RISK}"

MAINTENANCE = Row(
    "Maintenance and migrations",
    (
        table(
            "Scheduled maintenance and spot notices",
            (f"bottomk(200, min by (job, instance, event) ({_ANNOUNCED})) * 1000",),
            (Column("A", "Begins", unit="dateTimeAsIso", width=180), Column("event", "What"), *_GUEST),
            "What EC2 announces, the next first; 200 at most.",
            "instance-stop and instance-retirement end the guest: stop and start it before, which moves it to another"
            " host. system-reboot comes with a reboot: is it ready for one?",
            "nothing announced", width=16, needs="the metadata service of EC2", sort=("-Begins",),
        ),
        curves(
            "Migrations and resumes",
            (Query(f"sum(increase(virt_guest_resumes_total{{{JOB}}}[$__rate_interval]))", "guests resumed"),),
            "How many guests were suspended and resumed, restored or migrated, as far as they noticed.",
            "Many at a time: the hosts are being emptied. Ill guests right after: look at their clocks and frontends.",
            "no daemon scraped", width=8, look="columns",
        ),
    ),
)  # fmt: skip
