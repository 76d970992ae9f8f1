"""Of *Fleet*: drivers in ill health, limits that are hit, and the agents themselves."""

from __future__ import annotations

from kinds import bars, curves, number, table
from model import Column, Query, Row
from promql import JOB, NODE_EXPORTER, ROW_LINK, SERIES_LINK, noted, of_hosts
from words import ANY_IS_ORANGE, ANY_IS_RED, none_is

_STALLED = 60  # seconds; the alert GuestDiskStalled
_GUEST = (Column("instance", "Guest", link=ROW_LINK), Column("job", "Job"))
_XEN = f'on (job, instance) virt_guest_info{{{JOB}, hypervisor="xen", role="guest"}}'
_ENA = "the ENA driver's counters (Nitro types, and ENA on Xen)"
_EBS = "EBS volumes on NVMe, and the privileged helper for their log page"

_FRONTENDS = f'virt_xen_frontend_state{{{JOB}, kind=~"disk|nic"}}'
_DISKS = f"virt_block_device_stalled_seconds{{{JOB}}}"
_CONTROLLERS = f"virt_nvme_controller_live{{{JOB}}}"
_ERRORS = f"virt_network_driver_errors_total{{{JOB}}}"
_RESETS = f"virt_ena_watchdog_expirations_total{{{JOB}}}"
_ALLOWANCES = f"virt_ena_allowance_exceeded_packets_total{{{JOB}}}"
_LIMITS = f"virt_ebs_limit_exceeded_seconds_total{{{JOB}}}"
_EMULATED = f'(virt_block_device_info{{{JOB}, kind="emulated"}} or virt_network_device_info{{{JOB}, kind="emulated"}}) and {_XEN}'


def _ill() -> str:
    """Every device in ill health once for each illness, in one set."""
    parts = (
        noted(f"{_DISKS} > {_STALLED}", "illness", "disk stalled"),
        noted(f"{_FRONTENDS} != 4", "illness", "$1 not connected", "kind", "(.*)"),
        noted(
            noted(f"{_CONTROLLERS} == 0", "illness", "NVMe controller not live"), "device", "$1", "controller", "(.*)"
        ),
        noted(f"increase({_ERRORS}[1h]) > 0", "illness", "driver errors: $1", "kind", "(.*)"),
        noted(f"increase({_RESETS}[1h]) > 0", "illness", "ENA watchdog"),
        noted(_EMULATED, "illness", "emulated on Xen"),
    )
    return f"topk(200, group by (job, instance, device, illness) ({' or '.join(parts)}))"


HEALTH = Row(
    "Drivers",
    (
        curves(
            "Drivers in ill health",
            (
                Query(f"sum({_DISKS} > bool {_STALLED})", "disks stalled"),
                Query(f"sum({_FRONTENDS} != bool 4)", "Xen disks and cards not connected"),
                Query(f"sum({_CONTROLLERS} == bool 0)", "NVMe controllers not live"),
                Query(f"sum(increase({_ERRORS}[$__rate_interval]) > bool 0)", "cards with driver errors"),
                Query(f"sum(increase({_RESETS}[$__rate_interval]) > bool 0)", "ENA cards reset by their watchdog"),
            ),
            "How many disks and network cards are ill, by illness, over time.",
            "A step across many guests is one cause outside; a slow rise is a rollout.",
            "no disk or network card of a kind that is judged", width=12, height=9,
        ),
        table(
            "Devices in ill health", (_ill(),),
            (*_GUEST, Column("device", "Device", width=110), Column("illness", "Illness")),
            "Which devices are ill now, or had errors within the last hour; 200 at most.",
            "A stalled or closed disk: keep off its mount, ask the host's side. Emulated on Xen: virt-agent --explain X05.",
            "no device in ill health", height=9, sort=("-Illness", "-Guest"),
        ),
        bars(
            "Disks by driver",
            Query(
                "topk(20, count by (driver, kind) "
                f'({noted(f"virt_block_device_info{{{JOB}}}", "driver", "no driver", "driver", "")}))',
                "{{driver}} ({{kind}})",
            ),
            "By which drivers the disks are reached, and on which path: pv, nvme, virtio, emulated or native.",
            "emulated on a fleet that should be PV or Nitro: see Devices in ill health.", "no disk seen", width=12,
        ),
        bars(
            "Network cards by driver",
            Query(
                "topk(20, count by (driver, kind) "
                f'({noted(f"virt_network_device_info{{{JOB}}}", "driver", "no driver", "driver", "")}))',
                "{{driver}} ({{kind}})",
            ),
            "By which drivers the network is reached, and on which path.",
            "ixgbevf and vif on EC2 are types that could be left for ENA.", "no network card seen", width=12,
        ),
    ),
)  # fmt: skip

_STEAL = 'avg by (instance) (rate(node_cpu_seconds_total{mode="steal"}'

LIMITS = Row(
    "Limits and neighbours",
    (
        curves(
            "ENA: packets beyond an allowance",
            (Query(f"sum by (allowance) (rate({_ALLOWANCES}[$__rate_interval]))", "{{allowance}}"),),
            "How many packets a second were queued or dropped because an instance met a limit of its type.",
            "bw_in, bw_out, pps: a larger type. conntrack: fewer tracked flows. linklocal: cache DNS on the guest.",
            "no ENA card with these counters", unit="pps", needs=_ENA,
        ),
        curves(
            "EBS: volumes at a limit",
            (Query(f"sum by (limit) (rate({_LIMITS}[$__rate_interval]))", "{{limit}}"),),
            "How many volumes ask for more than they get, on average at each moment, by the limit they meet.",
            "volume_*: more IOPS or throughput for the volume. instance_*: a larger type, no volume helps.",
            "no volume whose counters can be read", needs=_EBS,
        ),
        bars(
            "Guests with most packets beyond an allowance",
            Query(f"topk(10, sum by (job, instance) (increase({_ALLOWANCES}[$__range])) > 0)", "{{instance}}"),
            "Who met the limits of its network most, in the time shown.",
            "A packet there is mostly late, not lost; whether it hurts, the application's latency says.",
            "no packet beyond an allowance", width=8, needs=_ENA, link=SERIES_LINK,
        ),
        bars(
            "Volumes most often at a limit",
            Query(
                f"topk(10, max by (job, instance, device) (rate({_LIMITS}[$__range])) > 0)", "{{instance}} {{device}}"
            ),
            "Which volumes spent the largest part of the time shown at their limit.",
            "Near 100 %: the volume is too small for its work. Bursts of some percent do no harm.",
            "no volume at a limit", unit="percentunit", width=8, needs=_EBS, link=SERIES_LINK,
        ),
        bars(
            "Guests with most steal",
            Query(f"topk(10, {of_hosts(f'{_STEAL}[$__range]))')})", "{{instance}}"),
            "Who waits for the processor while the host runs others, as a part of the time shown.",
            "On burstable types: credits are used up, take a larger or unlimited one. Elsewhere: a noisy host, move.",
            "no node_exporter beside an agent", unit="percentunit", width=8, needs=NODE_EXPORTER, link=SERIES_LINK,
            steps=((None, "blue"), (0.1, "orange"), (0.3, "red")),
        ),
    ),
)  # fmt: skip

AGENTS = Row(
    "The agents",
    (
        bars(
            "Versions", Query(f"sort_desc(count by (version) (virt_agent_build_info{{{JOB}}}))", "{{version}}"),
            "Which versions of the agent run.", "More than one: a rollout that is under way, or stuck.",
            "no agent scraped",
        ),
        table(
            "Agents that do not answer", (f"topk(200, max by (job, instance) (up{{{JOB}}} == 0))",),
            _GUEST,
            "Which targets Prometheus cannot scrape; 200 at most.",
            "Does the guest answer at all? Its console says. If it does: systemctl status virt-agent, then the network.",
            "every agent answers", width=6, sort=("-Guest",),
        ),
        table(
            "Collectors that fail",
            (f"topk(200, max by (job, instance, collector) (virt_agent_collector_success{{{JOB}}} == 0))",),
            (*_GUEST, Column("collector", "Collector")),
            "Which part of which agent could not read its sources, or hangs; 200 at most.",
            "virt-agent --check -v names file and reason. One that hangs mostly hangs on a dead disk: do not restart it.",
            "every collector reads", width=6, sort=("-Collector", "-Guest"),
        ),
        number(
            "Series dropped", f"sum(virt_agent_series_dropped{{{JOB}}})",
            "Series that agents left out because a guest would have more than 2,000.",
            "A guest with hundreds of devices: scrape what matters, or drop by metric_relabel_configs.",
            "no agent scraped", none_is("none"), ANY_IS_ORANGE, height=8,
        ),
        number(
            "Configurations not taken",
            f"sum(virt_agent_config_last_reload_successful{{{JOB}}} == bool 0)",
            "Agents whose configuration was wrong when it was last read; the one before is in force.",
            "virt-agent --check-config on the guest names the line.", "no daemon scraped",
            none_is("none"), ANY_IS_RED, height=8,
        ),
    ),
)  # fmt: skip
