"""V12: virtio devices whose device or driver gave up."""

from __future__ import annotations

from virt_collectors.virtio import DRIVER_OK, FAILED, NEEDS_RESET, ROOT, VirtioDevice

from .. import usage
from ..form import CRITICAL, FAULT, HOST, WARNING, Case, Hit, Reading, Rule
from ..host_side import ask_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def _applies(reading: Reading) -> bool:
    return reading.verdict.hypervisor != "none" and bool(reading.facts.virtio)


def _use(reading: Reading, device: VirtioDevice) -> tuple[str | None, str | None]:
    """The disk or interface on it that is in use, and for what; the first one where none is."""
    below = [disk.name for disk in reading.facts.block_devices or () if f"/{device.name}/" in (disk.path or "")]
    disks = tuple(dict.fromkeys((*device.disks, *below)))
    found = [(name, usage.of_disk(reading, name)) for name in disks]
    found += [(name, usage.of_nic(reading, name)) for name in device.interfaces]
    return next((pair for pair in found if pair[1]), found[0] if found else (None, None))


def _check_failed(case: Case) -> Iterator[Hit]:
    for device in case.now.facts.virtio or ():
        said = _trouble(device)
        if said is None or device.status is None:
            continue
        name, use = _use(case.now, device)
        subject = name or device.name
        broken = bool(device.status & (NEEDS_RESET | FAILED))
        kind = "nic" if device.interfaces else "disk"
        yield Hit(
            subject,
            f"virtio device {device.name} ({device.driver or 'no driver'}, {name or 'no disk or interface'}) {said}",
            (
                f"/{ROOT}/{device.name}/status = 0x{device.status:08x}, driver {device.driver or 'none'}",
                use or "nothing is known to use it",
            ),
            CRITICAL if broken and use else WARNING,
            (
                "See what the driver says: sudo journalctl -k -g virtio",
                f"Ask the host: {ask_host(case.now, kind)}",
                "Detach and attach the device on the host, or stop and start the guest.",
            ),
        )


def _trouble(device: VirtioDevice) -> str | None:
    """What the status says is wrong; None where nothing is, or where no driver has taken the device."""
    if device.status is None:
        return None
    if device.status & FAILED:
        return "was given up by its driver"
    if device.status & NEEDS_RESET:
        return "broke down and needs a reset"
    return "has a driver that does not run it" if device.driver and not device.status & DRIVER_OK else None


def _unsure(reading: Reading) -> bool:
    lost = [device for device in reading.facts.virtio or () if device.driver and device.status is None]
    return any(path.endswith(f"/{device.name}/status") for device in lost for path in reading.facts.unreadable)


RULES = (
    Rule(
        code="V12",
        name="virtio-device-failed",
        kind=FAULT,
        severity=CRITICAL,
        title="a virtio device broke down, or its driver does not run it",
        needs=("virtio",),
        applies=_applies,
        check=_check_failed,
        vital=True,
        unsure=_unsure,
        means="The queues between guest and host are dead: requests that are in them never return.",
        remedy=(
            "See what the driver says: sudo journalctl -k -g virtio",
            "Ask the host whether the device's process runs, and what it logged (QEMU's log there).",
            "Detach and attach the device on the host, or stop and start the guest.",
        ),
        source="virtio specification 2.1, device status field; DEVICE_NEEDS_RESET 64, FAILED 128, DRIVER_OK 4",
        owner=HOST,
        avoid="Do not unbind or reload the driver while a file system on the device is mounted: it hangs.",
        confirm=True,
    ),
)
