"""P08, X07 to X10, X15: what the Xen below is like, and how it treats this guest."""

from __future__ import annotations

from virt_collectors.xenbus import XenDevice

from ..form import (
    ADVICE,
    CLOUD,
    FAULT,
    HOST,
    INFO,
    WARNING,
    YOU,
    Case,
    Hit,
    Reading,
    Rule,
    Setting,
    growth,
)
from ..host_side import DISK, NIC, ask_host, is_xenserver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NIL_UUID = "00000000-0000-0000-0000-000000000000"
_OLD_HOSTS = ("3.", "4.2.")
_CONNECTING = ("Initialising", "InitWait", "Initialised")
_SECONDS = 300

_SPURIOUS = Setting("X07", "percent", 1, "%", "share of a device's events that may come for nothing", 0, 100)
_LEAST = Setting("X07", "least_events", 10, "events", "so many must have come for nothing in the time looked at")


def _uuid(reading: Reading) -> str | None:
    return reading.facts.hypervisor.uuid if reading.facts.hypervisor else None


def _check_nil_uuid(case: Case) -> Iterator[Hit]:
    if _uuid(case.now) == _NIL_UUID:
        yield Hit("uuid", "the guest's uuid is all zeros", (f"/sys/hypervisor/uuid = {_NIL_UUID}",))


def _devices(reading: Reading) -> dict[str, XenDevice]:
    frontends = reading.facts.xenbus.frontends if reading.facts.xenbus else ()
    return {device.name: device for device in frontends if device.events is not None}


def _check_spurious(case: Case) -> Iterator[Hit]:
    """One alone is usual: netfront takes answers before their interrupt. The kernel delays those that follow another."""
    older = case.within(_SECONDS) or case.before
    if older is None:
        return
    earlier, kinds = _devices(older), {f.name: f.kind for f in case.now.frontends}
    for name, device in _devices(case.now).items():
        if name not in earlier:
            continue
        events = growth(earlier[name].events, device.events)
        spurious = growth(earlier[name].spurious_events, device.spurious_events)
        delayed = growth(earlier[name].eoi_delayed_jiffies, device.eoi_delayed_jiffies)
        if not delayed or spurious < case.value(_LEAST) or spurious * 100 < case.value(_SPURIOUS) * events:
            continue
        yield Hit(
            name,
            f"the host sends {name} events for nothing: {spurious:.0f} of {events:.0f}",
            (
                f"/sys/bus/xen/devices/{name}/xenbus: events grew by {events:.0f}, spurious_events by {spurious:.0f}",
                f"jiffies_eoi_delayed grew by {delayed:.0f}: the kernel throttles it",
            ),
            remedy=(
                f"Ask the host: {ask_host(case.now, NIC if kinds.get(name) == 'nic' else DISK)}",
                "Report it with the host's version; a stop and start moves an instance to another host.",
            ),
        )


def _has_console_devices(reading: Reading) -> bool:
    return reading.xen_guest and any(f.name.startswith(("vfb-", "vkbd-")) and f.driver for f in reading.frontends)


def _check_console_devices(case: Case) -> Iterator[Hit]:
    """Without a driver, or closed, nothing waits for them."""
    for frontend in case.now.frontends:
        if frontend.name.startswith(("vfb-", "vkbd-")) and frontend.driver and frontend.state in _CONNECTING:
            yield Hit(
                frontend.name,
                f"{frontend.name} waits for a host side that does not come",
                (f"/sys/bus/xen/devices/{frontend.name}/state = {frontend.state}, driver {frontend.driver}",),
            )


def _version(reading: Reading) -> str:
    return (reading.facts.hypervisor.version or "") if reading.facts.hypervisor else ""


def _on_amazons_xen(reading: Reading) -> bool:
    return reading.xen_guest and reading.on_ec2 and ".amazon" in _version(reading)


def _check_old_host(case: Case) -> Iterator[Hit]:
    version = _version(case.now)
    if version.startswith(_OLD_HOSTS):
        yield Hit("host", f"the host runs Xen {version}, EC2's oldest", (f"/sys/hypervisor/version: {version}",))


def _may_be_ec2(reading: Reading) -> bool:
    return reading.xen_guest and reading.verdict.cloud is None and not is_xenserver(reading) and bool(_uuid(reading))


def _check_only_uuid(case: Case) -> Iterator[Hit]:
    uuid = (_uuid(case.now) or "").lower()
    if uuid.startswith("ec2"):
        yield Hit(
            "uuid",
            "the uuid looks like EC2's, and nothing else does",
            (f"/sys/hypervisor/uuid = {uuid}", f"Xen version {_version(case.now) or 'unknown'}, without .amazon"),
        )


def _pv_with_report(reading: Reading) -> bool:
    cpu = reading.facts.cpu
    return reading.xen_guest and reading.verdict.guest_mode == "pv" and cpu is not None and cpu.meltdown is not None


def _check_meltdown(case: Case) -> Iterator[Hit]:
    said = case.now.facts.cpu.meltdown if case.now.facts.cpu else None
    if said and not said.startswith(("Not affected", "Mitigation")):
        yield Hit(
            "meltdown",
            "this PV guest relies on the host against Meltdown",
            (f"/sys/devices/system/cpu/vulnerabilities/meltdown: {said}",),
        )


RULES = (
    Rule(
        code="P08",
        name="uuid-all-zeros",
        kind=ADVICE,
        severity=INFO,
        title="the guest's uuid is all zeros",
        needs=("hypervisor",),
        applies=lambda reading: reading.xen_guest and _uuid(reading) is not None,
        check=_check_nil_uuid,
        means="Xen did not tell who this guest is: a PV shim, a nested Xen, or a toolstack that gives none. It cannot be"
        " named to the host by its uuid.",
        remedy=("Name the guest by the firmware's uuid or by its domain id: sudo dmidecode -s system-uuid",),
        source="canonical/cloud-init#6937; seen in the Xen lab (PV shim)",
        owner=HOST,
    ),
    Rule(
        code="X07",
        name="xen-spurious-events",
        kind=FAULT,
        severity=WARNING,
        title="a backend sends events for nothing",
        needs=("xenbus",),
        applies=lambda reading: reading.xen_guest and bool(_devices(reading)),
        check=_check_spurious,
        means="The host interrupts this guest again and again without having work for it. The kernel throttles the"
        " device, and its throughput falls. Single events for nothing are usual and are not told.",
        remedy=(
            "See which device and how many: grep . /sys/bus/xen/devices/*/xenbus/*",
            "Report it to whoever runs the host, with the host's version: cat /sys/hypervisor/version/extra",
            "A stop and start (not a reboot) moves an instance to another host.",
        ),
        source="drivers/xen/xenbus/xenbus_probe.c, spurious_events and jiffies_eoi_delayed (since 5.10);"
        " drivers/xen/events/events_base.c, xen_irq_lateeoi_locked; XSA-332",
        owner=HOST,
        avoid="Do not raise spurious_threshold: it protects this guest from an event storm.",
        settings=(_SPURIOUS, _LEAST),
        compare=True,
    ),
    Rule(
        code="X08",
        name="xen-console-waits",
        kind=ADVICE,
        severity=INFO,
        title="the virtual screen or keyboard waits for the host",
        needs=("xenbus",),
        applies=_has_console_devices,
        check=_check_console_devices,
        means="No backend answers, which is normal on EC2. But a driver that is bound and still connecting makes the"
        " kernel wait for up to 30 seconds at each boot.",
        remedy=(
            "If boots are slow, keep the drivers out: write 'blacklist xen_fbfront' and 'blacklist xen_kbdfront' to"
            " /etc/modprobe.d/xen-console.conf",
        ),
        source="xenbus_probe_frontend.c, wait_for_devices; coreos/bugs#208",
        owner=YOU,
        confirm=True,
    ),
    Rule(
        code="X09",
        name="old-xen-host",
        kind=ADVICE,
        severity=INFO,
        title="the instance runs on one of EC2's oldest Xen hosts",
        needs=("hypervisor",),
        applies=_on_amazons_xen,
        check=_check_old_host,
        means="Nothing is broken. Newer hosts of the same instance types show Xen 4.11 and are mostly Nitro hardware.",
        remedy=("A stop and start (not a reboot) in a maintenance window may move the instance to a newer host.",),
        source="seen in public boot logs of EC2 instances: Xen 3.4, 4.2 and 4.11, all .amazon",
        owner=CLOUD,
        avoid="Do not stop an instance whose root or data lies on instance store: they are lost.",
    ),
    Rule(
        code="X10",
        name="ec2-by-uuid-only",
        kind=ADVICE,
        severity=INFO,
        title="the uuid alone looks like EC2's",
        needs=("hypervisor",),
        applies=_may_be_ec2,
        check=_check_only_uuid,
        means="One uuid in 4096 begins like those of EC2. Without .amazon in the Xen or BIOS version this is some other"
        " Xen, and tools that look at the uuid alone take it for EC2.",
        remedy=("See what firmware and Xen say: cat /sys/class/dmi/id/sys_vendor /sys/hypervisor/version/extra",),
        source="EC2 user guide, Identify EC2 instances; canonical/cloud-init, ds-identify",
        owner=YOU,
    ),
    Rule(
        code="X15",
        name="pv-without-page-table-isolation",
        kind=ADVICE,
        severity=INFO,
        title="a PV guest cannot isolate its page tables",
        needs=("cpu",),
        applies=_pv_with_report,
        check=_check_meltdown,
        means="On a processor with the Meltdown flaw a 64-bit PV kernel cannot defend itself: only the host can (XPTI)."
        " Whether it does cannot be seen from here.",
        remedy=(
            "Ask whoever runs the host whether XPTI is on for domains: xl dmesg, then look for XPTI",
            "Move to HVM or PVH, whose kernels isolate their page tables themselves.",
        ),
        source="arch/x86/kernel/cpu/bugs.c, cpu_show_common; XSA-254",
        owner=HOST,
    ),
)
