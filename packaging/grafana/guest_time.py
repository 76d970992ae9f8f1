"""Of *Guest*: the kernel log, the clock, memory, the metadata service, the agent."""

from __future__ import annotations

from kinds import curves, number, table
from model import Column, Query, Row
from promql import GUEST, NODE, NODE_EXPORTER, noted
from words import ANSWERS, ANY_IS_ORANGE, READ, RULE, TAKEN, none_is

_EC2 = "the metadata service of EC2"
_LOG = "a daemon that may read the kernel log (CAP_SYSLOG)"
_NAMES = f"group by (code, name) (virt_rule_state{{{GUEST}}})"
_EVENTS = f"sum by (code) (increase(virt_kernel_log_events_total{{{GUEST}}}[$__rate_interval]))"
_LAST = f"max by (code) (virt_kernel_log_last_event_timestamp_seconds{{{GUEST}}})"


def _named(series: str) -> str:
    """With the rule's name; without, where the configuration has switched the rule off."""
    return f"({series}) * on (code) group_left (name) {_NAMES} or on (code) ({series})"


KERNEL_LOG = Row(
    "Kernel log",
    (
        curves(
            "Lines of the kernel log", (Query(f"({_named(_EVENTS)}) > 0", "{{code}} {{name}}"),),
            "When the kernel logged something that a rule knows, by rule.",
            "virt-agent --explain CODE says what the line means. L45 to L48 are data at risk.",
            "no such line in this time, or the daemon may not read the log", look="columns", needs=_LOG,
        ),
        table(
            "Last lines", (f"({_named(_LAST)}) * 1000",),
            (
                Column("A", "Last", unit="dateTimeAsIso", width=180),
                Column("code", "Code", width=80),
                Column("name", "Rule"),
            ),
            "When the kernel last logged each of them, also before the agent started.",
            "A day counts: what is older no longer weighs on the status.",
            "no such line in the log, or it cannot be read", width=9, sort=("Last",),
        ),
        number(
            "Records lost", f"virt_kernel_log_lost_records_total{{{GUEST}}}",
            "Records that the kernel overwrote before the daemon read them.",
            "Many: something floods the log, and lines that matter may be lost with it.",
            "the log is not followed", none_is("none"), ANY_IS_ORANGE, height=8, needs=_LOG,
        ),
    ),
)  # fmt: skip

_STEAL = f'avg by (mode) (rate(node_cpu_seconds_total{{{NODE}, mode="steal"}}[$__rate_interval]))'

CLOCK = Row(
    "Clock, migrations, memory",
    (
        table(
            "Clock and processor rules", (f'max by (code, name) (virt_rule_state{{{GUEST}, code=~"[CM].."}})',),
            (Column("A", "State", words=RULE, width=100), Column("code", "Code", width=80), Column("name", "Rule")),
            "What the rules say of clocksource, time keeping, memory and steal.",
            "virt-agent --explain CODE.", "no such rule applies here", width=8, sort=("State", "-Code"),
        ),
        table(
            "Clocksource in use", (f"group by (clocksource) (node_time_clocksource_current_info{{{NODE}}})",),
            (Column("clocksource", "Clocksource"),),
            "By which clock the kernel tells the time: tsc, xen, kvm-clock.",
            "Another one than yesterday: the kernel gave up on the better one; see the kernel log.",
            "no node_exporter beside the agent", width=4, needs=f"{NODE_EXPORTER}, 1.5 or newer",
        ),
        number(
            "Kernel", Query(f"group by (release) (node_uname_info{{{NODE}}})", "{{release}}"),
            "Which kernel runs.", "Drivers come with it: compare with healthy guests of the same kind in Fleet.",
            "no node_exporter beside the agent", text="name", width=4, height=8, needs=NODE_EXPORTER,
        ),
        curves(
            "Steal", (Query(_STEAL, "steal"),),
            "Which part of the time the processors waited while the host ran others.",
            "On burstable types: credits are used up. Elsewhere above 10 %: a noisy host; stop and start moves the guest.",
            "no node_exporter beside the agent", unit="percentunit", width=8, needs=NODE_EXPORTER,
        ),
        curves(
            "Migrations and resumes",
            (Query(f"increase(virt_guest_resumes_total{{{GUEST}}}[$__rate_interval])", "resumed"),),
            "When the guest was suspended and resumed, restored or migrated.",
            "Illness that begins there is the host's side: compare with the status.",
            "no daemon scraped", width=8, look="columns",
        ),
        curves(
            "Time slept since boot", (Query(f"virt_guest_suspended_seconds_total{{{GUEST}}}", "slept"),),
            "For how long the guest did not run, in all.",
            "A step is a suspend or a long migration; clients saw it as an outage.",
            "the clocks cannot be compared here", unit="s", width=8, needs="a live guest",
        ),
        curves(
            "Xen balloon",
            (
                Query(f"virt_xen_balloon_target_bytes{{{GUEST}}}", "asked for"),
                Query(f"virt_xen_balloon_current_bytes{{{GUEST}}}", "has"),
            ),
            "How much memory the host asks the guest to have, and how much it has.",
            "Asked for far below what it had: the host is short of memory, and this guest will be too.",
            "no balloon here", unit="bytes", width=8, needs="a Xen guest with a balloon",
        ),
    ),
)  # fmt: skip

_SPOT = noted(f"virt_spot_action_timestamp_seconds{{{GUEST}}}", "event", "spot $1", "action", "(.*)")
_RISK = noted(f"virt_rebalance_recommendation_timestamp_seconds{{{GUEST}}}", "event", "spot at raised risk")
_ANNOUNCED = f"virt_scheduled_event_not_before_timestamp_seconds{{{GUEST}}} or {_SPOT} or {_RISK}"

METADATA = Row(
    "Metadata service",
    (
        number(
            "Metadata service", f"virt_imds_up{{{GUEST}}}",
            "Whether it answers the agent.",
            "A service that is switched off is a policy, no fault; then nobody is told of maintenance.",
            "not asked: no sign of EC2", ANSWERS, needs=_EC2,
        ),
        number(
            "Last answer", f"time() - virt_imds_last_answer_timestamp_seconds{{{GUEST}}}",
            "How long ago it was last asked and answered.",
            "More than some minutes: what is announced since is not known.",
            "never answered", unit="s", needs=_EC2, steps=((None, "green"), (300, "orange")),
        ),
        curves(
            "Requests by answer",
            (Query(f"rate(virt_imds_requests_total{{{GUEST}}}[$__rate_interval])", "{{status}}"),),
            "How often it was asked, by HTTP status, timeout or error.",
            "401 or 403 for good: it is switched off or a proxy is between. timeout: the hop limit, a firewall.",
            "not asked: no sign of EC2", unit="reqps", width=9, needs=_EC2,
        ),
        table(
            "Announced", (f"min by (event) ({_ANNOUNCED}) * 1000",),
            (Column("A", "Begins", unit="dateTimeAsIso", width=180), Column("event", "What")),
            "What EC2 announces for this guest, the next first.",
            "Stop and start it before, at a time of your own: it comes up on another host. Is it ready to?",
            "nothing announced", width=9, needs=_EC2, sort=("-Begins",),
        ),
    ),
)  # fmt: skip

AGENT = Row(
    "The agent",
    (
        table(
            "Collectors",
            (
                f"max by (collector) (virt_agent_collector_success{{{GUEST}}})",
                f"max by (collector) (virt_agent_collector_duration_seconds{{{GUEST}}})",
            ),
            (
                Column("collector", "Collector"),
                Column("A", "Outcome", words=READ, width=140),
                Column("B", "Time", unit="s", width=100),
            ),
            "Which parts of the agent could read their sources, and how long each took.",
            "virt-agent --check -v names file and reason of what failed. A time that grows is a read that hangs.",
            "not scraped", width=8, sort=("-Outcome", "Time"),
        ),
        curves(
            "Memory of the agent", (Query(f"virt_agent_process_resident_memory_bytes{{{GUEST}}}", "resident"),),
            "What the agent costs in memory.", "Growth over days is a bug: report it with the version.",
            "no daemon scraped", unit="bytes", width=5,
        ),
        curves(
            "Processor time of the agent",
            (Query(f"rate(virt_agent_process_cpu_seconds_total{{{GUEST}}}[$__rate_interval])", "used"),),
            "What the agent costs in processor time.", "Well above 1 %: scrapes come too often, or the log is flooded.",
            "no daemon scraped", unit="percentunit", width=5,
        ),
        number(
            "Version", Query(f"virt_agent_build_info{{{GUEST}}}", "{{version}}"),
            "Which version of the agent tells all this.", "Compare with Versions in Fleet.", "not scraped",
            text="name", height=8,
        ),
        number(
            "Configuration", f"virt_agent_config_last_reload_successful{{{GUEST}}}",
            "Whether the configuration was taken when it was last read.",
            "virt-agent --check-config names the line that is wrong.", "no daemon scraped", TAKEN, height=8,
        ),
    ),
)  # fmt: skip
