"""G: the tools through which the host sees into this guest."""

from __future__ import annotations

from virt_collectors.guest_tools import QEMU_PORT

from ..form import FAULT, INFO, WARNING, YOU, Case, Hit, Reading, Rule
from ..host_side import GUEST, QUBES_AGENT, ask_host, called, is_qubes, is_xenserver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_XAPI_TOOLS = ("xe-daemon", "xen-guest-agent")
_QEMU_AGENT = "qemu-guest-agent"
_UNITS = {"xe-daemon": "xe-linux-distribution"}  # the others are called as their tool
_INSTALL = {
    "xe-daemon": "Install them: from the guest tools ISO (xe-guest-utilities), or your distribution's xen-guest-agent",
    _QEMU_AGENT: "Install it: sudo apt install qemu-guest-agent",
    QUBES_AGENT: "Install it: qubes-core-agent, from Qubes' own packages for this distribution",
}
_WITHOUT = {
    "xe-daemon": "the host does not see this guest's addresses and memory, and may refuse to migrate or suspend it",
    _QEMU_AGENT: "the host cannot freeze file systems for a backup, set passwords, or see addresses",
    QUBES_AGENT: "no program can be started in this qube from outside, and no file copied",
}


def expected(reading: Reading) -> tuple[str, ...]:
    """The tools of which the host waits for one; empty where it waits for none."""
    if reading.verdict.layers.container is not None or reading.on_ec2 or not reading.virtual:
        return ()
    if is_qubes(reading):
        return (QUBES_AGENT,)
    if reading.xen_guest and is_xenserver(reading):
        return _XAPI_TOOLS
    tools = reading.facts.guest_tools
    return (_QEMU_AGENT,) if tools is not None and QEMU_PORT in tools.ports else ()


def _running(reading: Reading) -> tuple[str, ...]:
    return reading.facts.guest_tools.running if reading.facts.guest_tools else ()


def _installed(reading: Reading) -> tuple[str, ...]:
    return reading.facts.configuration.installed_tools if reading.facts.configuration else ()


def _cannot_see(reading: Reading) -> bool:
    tools = reading.facts.guest_tools
    return bool(expected(reading)) and (tools is None or not (tools.visible or tools.running))


def _check_missing(case: Case) -> Iterator[Hit]:
    wanted = expected(case.now)
    if not wanted or set(wanted) & set(_running(case.now)) or _cannot_see(case.now):
        return
    stopped = [name for name in wanted if name in _installed(case.now)]
    name = stopped[0] if stopped else wanted[0]
    unit = _UNITS.get(name, name)
    host = (f"Look from the host: {ask_host(case.now, GUEST)}",)
    if stopped:
        yield Hit(
            name,
            f"guest tools {name} are installed and do not run",
            (f"no {unit}.service below /sys/fs/cgroup/system.slice", called(case.now)),
            WARNING,
            (f"See why: systemctl status {unit}; start them: sudo systemctl enable --now {unit}", *host),
        )
        return
    yield Hit(
        name,
        f"no guest tools ({' or '.join(wanted)}): {_WITHOUT[name]}",
        (f"neither installed nor running: {', '.join(wanted)}", called(case.now)),
        INFO,
        (_INSTALL[name], *host),
    )


def _check_two(case: Case) -> Iterator[Hit]:
    both = [name for name in _XAPI_TOOLS if name in _running(case.now)]
    if len(both) > 1:
        yield Hit(
            " and ".join(both),
            f"two guest tools run at once: {' and '.join(both)}",
            (f"both have a service below /sys/fs/cgroup/system.slice: {', '.join(both)}", called(case.now)),
        )


RULES = (
    Rule(
        code="G01",
        name="guest-tools-not-running",
        kind=FAULT,
        severity=WARNING,
        title="the guest tools that the host waits for are missing or stopped",
        needs=("guest_tools",),
        applies=lambda reading: bool(expected(reading)),
        check=_check_missing,
        unsure=_cannot_see,
        means="XenServer, XCP-ng, Qubes and hosts with QEMU's agent port see and steer this guest through its tools:"
        " without them there are no addresses in the console, no clean backups, and migration may be refused.",
        remedy=(
            "Are they stopped? systemctl status xe-linux-distribution xen-guest-agent qemu-guest-agent",
            "Start those that are installed: sudo systemctl enable --now UNIT",
            "Else install the set for this host: xe-guest-utilities or xen-guest-agent (XenServer, XCP-ng),"
            " qemu-guest-agent (QEMU), qubes-core-agent (Qubes).",
        ),
        source="xenserver/xe-guest-utilities; xen-project/xen-guest-agent; qemu, contrib/systemd; qubes-core-agent-linux",
        owner=YOU,
        avoid="Do not install a second set beside one that only needs a start.",
        confirm=True,
    ),
    Rule(
        code="G02",
        name="two-guest-tools",
        kind=FAULT,
        severity=WARNING,
        title="two guest tools run at once",
        needs=("guest_tools",),
        applies=lambda reading: reading.xen_guest and bool(_running(reading)),
        check=_check_two,
        means="xe-daemon and xen-guest-agent write the same nodes of xenstore: the host shows now one's values, now the"
        " other's. Their packages conflict for that reason.",
        remedy=("Keep xen-guest-agent: sudo apt remove xe-guest-utilities, or the other way round.",),
        source="xen-guest-agent, its packages conflict with xe-guest-utilities",
        owner=YOU,
    ),
)
