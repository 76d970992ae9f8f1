"""Of *Fleet*: how many guests there are, what they run on, and which of them are PV."""

from __future__ import annotations

from kinds import bars, curves, number, table
from model import Column, Query, Row
from promql import HOSTS, JOB, NODE_EXPORTER, ROW_LINK, counted, noted, with_host
from words import ANY_IS_ORANGE, ANY_IS_PURPLE, ANY_IS_RED, READINESS, none_is

NO_AGENT = "no agent scraped"
_SOON = 172_800  # seconds; the alert Ec2MaintenanceWithin48h

_INFO = f"virt_guest_info{{{JOB}}}"
_PV = f'virt_guest_info{{{JOB}, guest_mode="pv", role="guest"}}'
_IDENTITY = f"virt_guest_identity_info{{{JOB}}}"
_EVENTS = f"virt_scheduled_event_not_before_timestamp_seconds{{{JOB}}}"

GLANCE = Row(
    "At a glance",
    (
        number(
            "Guests", f"count({_INFO})",
            "How many guests told in the last five minutes what they run on.",
            "Fewer than expected: look at the scrapes that fail, then at the service discovery.", NO_AGENT,
        ),
        number(
            "Scrapes that fail", counted(f"up{{{JOB}}} == bool 0"),
            "How many targets do not answer Prometheus. Of these guests nothing is known here.",
            "The table Agents that do not answer names them; docs/prometheus.md, VirtAgentBlind, has the way there.",
            NO_AGENT, none_is("all answer"), ANY_IS_RED,
        ),
        number(
            "Critical", counted(f"virt_check_status{{{JOB}}} == bool 2"),
            "Guests with data at risk, or with a dead disk or network card.",
            "Look at Guests to look at first, and follow the guest's own report: virt-agent --check.",
            NO_AGENT, none_is("none"), ANY_IS_RED,
        ),
        number(
            "Warning", counted(f"virt_check_status{{{JOB}}} == bool 1"),
            "Guests on which something is broken or announced, without danger to data.",
            "For office hours: Worst findings says what it is.", NO_AGENT, none_is("none"), ANY_IS_ORANGE,
        ),
        number(
            "Unknown", counted(f"virt_check_status{{{JOB}}} == bool 3"),
            "Guests whose hypervisor or whose device in use could not be judged.",
            "virt-agent --check -v on the guest says what could not be read, and why.",
            NO_AGENT, none_is("none"), ANY_IS_PURPLE,
        ),
        number(
            "PV left", f"count({_PV}) or 0 * count({_INFO})",
            "Xen PV guests that are left to move; no Nitro type runs them.",
            "See Leaving PV.", NO_AGENT, none_is("no guest on PV"), ANY_IS_ORANGE,
        ),
        number(
            "Not ready to reboot", counted(f'virt_readiness{{{JOB}, target="reboot"}} == bool 0'),
            "Guests that would not come up again, or without their network, by what lies in /boot now.",
            "Restart none of them before virt-agent --readiness reboot says ready.",
            "no daemon has looked yet", none_is("none"), ANY_IS_RED,
        ),
        number(
            "Maintenance in 48 h", f"count({_EVENTS} - time() < {_SOON}) or 0 * count({_INFO})",
            "What EC2 has announced for the next two days, or has begun, counted by guest and kind.",
            "Stop and start such a guest at a time of your own; see Maintenance.",
            NO_AGENT, none_is("none"), ANY_IS_ORANGE,
        ),
    ),
)  # fmt: skip

_MODE = f"count by (hypervisor, guest_mode) ({noted(_INFO, 'guest_mode', 'host', 'guest_mode', '')})"
_AROUND = noted(noted(_INFO, "cloud", "no cloud", "cloud", ""), "ec2_system", "-", "ec2_system", "")
_KERNELS = f"group by (host, release) ({with_host('node_uname_info')}) and on (host) {HOSTS}"

RUNS_ON = Row(
    "What the guests run on",
    (
        bars(
            "Guests by mode", Query(f"sort_desc({_MODE})", "{{hypervisor}} {{guest_mode}}"),
            "Which hypervisor the guests run on, and in which mode; host is bare metal.",
            "hvm on xen is a guest on emulated devices: see Drivers in ill health.", NO_AGENT,
        ),
        bars(
            "Guests by cloud and system",
            Query(f"sort_desc(count by (cloud, ec2_system) ({_AROUND}))", "{{cloud}} {{ec2_system}}"),
            "In which cloud they run, and on EC2 on which system: xen, xen-on-nitro, nitro or metal.",
            "unknown needs the metadata service: only it tells xen from xen-on-nitro for sure.", NO_AGENT,
        ),
        bars(
            "Guests by kernel", Query(f"topk(25, count by (release) ({_KERNELS}))", "{{release}}"),
            "Which kernels run, the 25 most frequent ones.",
            "A rare one beside an ill guest is worth a look: drivers come with the kernel.",
            "no node_exporter beside an agent", needs=NODE_EXPORTER,
        ),
        bars(
            "Guests by instance type",
            Query(
                f'topk(25, count by (instance_type) (virt_guest_identity_info{{{JOB}, instance_type!=""}}))',
                "{{instance_type}}",
            ),
            "Which EC2 types they have, the 25 most frequent ones.",
            "virt-agent --instance-type NAME says what a type can do and what follows it.", "no guest on EC2",
        ),
        curves(
            "Guests over time", (Query(_MODE, "{{hypervisor}} {{guest_mode}}"),),
            "How the fleet moves from one mode to another.",
            "A step down that no other curve takes up: agents that are not scraped any more.",
            NO_AGENT, look="stacked",
        ),
        bars(
            "Xen below",
            Query(
                f'topk(25, count by (xen_version) (virt_guest_info{{{JOB}, hypervisor="xen", xen_version!=""}}))',
                "Xen {{xen_version}}",
            ),
            "Which versions of Xen the guests run on; on EC2 4.11.amazon is Xen on Nitro hardware or the last of Xen.",
            "An old one beside its neighbours is a host that was not upgraded.", "no guest on Xen",
        ),
        bars(
            "Guests by zone",
            Query(
                f'topk(25, count by (availability_zone_id) (virt_guest_identity_info{{{JOB}, availability_zone_id!=""}}))',
                "{{availability_zone_id}}",
            ),
            "In which EC2 zones they run, by the zone's id, which is the same for all accounts.",
            "Illness that follows a zone is EC2's: see DisksStalledInOneZone.",
            "no guest knows its zone", needs="the metadata service of EC2",
        ),
    ),
)  # fmt: skip


_PV_WITH_TYPE = (
    f"topk(200, group by (job, instance, xen_version, instance_type) ({_PV} * on (job, instance) group_left"
    f" (instance_type) max by (job, instance, instance_type) ({_IDENTITY})))"
)


def _of_pv(series: str) -> str:
    """A value of each guest in the table."""
    return f"max by (job, instance) ({series}) and on (job, instance) {_PV_WITH_TYPE}"


PV = Row(
    "Leaving PV",
    (
        curves(
            "PV guests left", (Query(f"count({_PV}) or 0 * count({_INFO})", "PV guests"),),
            "How many guests are left to move; the way to zero.",
            "A step up is a PV guest that was started anew: somebody still builds from a PV image.",
            NO_AGENT, width=8,
        ),
        table(
            "PV guests and their way out",
            (
                _PV_WITH_TYPE,
                _of_pv(f'virt_readiness{{{JOB}, target="hvm"}}'),
                _of_pv(f'virt_readiness{{{JOB}, target="nitro"}}'),
            ),
            (
                Column("instance", "Guest", link=ROW_LINK),
                Column("job", "Job"),
                Column("instance_type", "Type"),
                Column("xen_version", "Xen"),
                Column("B", "For HVM", words=READINESS),
                Column("C", "For Nitro", words=READINESS),
            ),
            "Which guests are PV, 200 at most, and whether each would come up as HVM and on Nitro.",
            "Ready: move it, docs/pv-hvm-nitro.md. Not ready: virt-agent --readiness hvm says what is missing.",
            "no guest on PV", width=16, sort=("For HVM",),
        ),
    ),
)  # fmt: skip
