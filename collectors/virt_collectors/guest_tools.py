"""Which guest tools run: agents through which the host sees inside, asks for a freeze, or opens windows.

Told by the control groups that systemd gives to units that run (/sys/fs/cgroup/system.slice, with cgroup v1 below
`systemd`) and by pid files; so without going through all processes. Units and files: xe-guest-utilities
(mk/xe-linux-distribution.service), xen-guest-agent, qemu (contrib/systemd/qemu-guest-agent.service), openSUSE's
qemu-ga@, qubes-core-agent-linux. A port named org.qemu.guest_agent.0 in /sys/class/virtio-ports says that the host
waits for QEMU's agent.
"""

from __future__ import annotations

from .record import Record
from .source import Source

QEMU_PORT = "org.qemu.guest_agent.0"
_SLICES = ("sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice", "sys/fs/cgroup/unified/system.slice")
_PORTS = "sys/class/virtio-ports"
_SUSE = "system-qemu\\x2dga.slice/qemu-ga@virtio\\x2dports-org.qemu.guest_agent.0.service"
_UNITS = (
    ("xe-daemon", ("xe-linux-distribution.service", "xe-daemon.service")),
    ("xen-guest-agent", ("xen-guest-agent.service",)),
    ("qemu-guest-agent", ("qemu-guest-agent.service", "qemu-ga.service", _SUSE)),
    ("qubes-qrexec-agent", ("qubes-qrexec-agent.service",)),
)
_PID_FILES = (
    ("xe-daemon", "run/xe-daemon.pid"),
    ("xen-guest-agent", "run/xen-guest-agent.pid"),
    ("qemu-guest-agent", "run/qemu-ga.pid"),
)
_PORTS_LIMIT = 64


class GuestTools(Record):
    """The tools that run, by name; `ports` are the names of virtio ports; `visible`: what systemd runs can be seen."""

    running: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    visible: bool = False


def read_guest_tools(source: Source) -> GuestTools | None:
    """None where no host that has tools for its guests shows."""
    ports = tuple(filter(None, [source.text(f"{_PORTS}/{name}/name") for name in source.names(_PORTS)[:_PORTS_LIMIT]]))
    if not ports and not source.exists("sys/hypervisor/type") and not source.exists("proc/xen"):
        return None
    slices = [path for path in _SLICES if source.exists(path)]
    running = [name for name, units in _UNITS if any(source.exists(f"{s}/{unit}") for s in slices for unit in units)]
    running += [name for name, path in _PID_FILES if name not in running and source.exists(path)]
    return GuestTools(tuple(sorted(running)), ports, bool(slices))
