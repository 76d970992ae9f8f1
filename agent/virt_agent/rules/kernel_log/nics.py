"""L44 and L52 to L54: network cards of any kind, SR-IOV functions, virtio."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ..form import HOST, Case, Reading
from ..host_side import NIC
from .line import Line, Verdict, rule
from .uses import inside, on_nic, with_nic, with_nics


def _has_virtio(reading: Reading) -> bool:
    return inside(reading) and bool(reading.facts.virtio)


def _unbound(case: Case, event: LogEvent) -> Verdict | None:
    """Only while no driver serves the device."""
    device = next((each for each in case.now.facts.virtio or () if each.name == event.subject), None)
    return Verdict() if device is not None and not device.driver else None


RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L44",
            "transmit-queue-stalled",
            "a network card sent nothing for seconds though packets waited",
            "network card SUBJECT stopped sending",
            with_nics,
            "The driver is told to repair it, mostly by a reset. On a PV or virtio card the host did not take the packets.",
            (
                "Does it send now? ip -s link show DEVICE",
                "Compare the time of the line with migrations and with steal.",
            ),
            "Do not restart the network from a session that runs over it.",
            "net/sched/sch_generic.c, dev_watchdog",
            on_nic,
            ask=NIC,
        ),
        Line(
            "L52",
            "sriov-function-stuck",
            "an SR-IOV network card waits for the host, or hangs",
            "network card SUBJECT does not get on with the host's driver",
            with_nic("ixgbevf"),
            "The virtual function needs the host's driver for the physical card, which was being reset or not there.",
            (
                "Does it have a link now? ip -br link show DEVICE",
                "Stop and start the guest when it stays without one.",
            ),
            "Do not reload ixgbevf over the connection that runs through it.",
            "drivers/net/ethernet/intel/ixgbevf/ixgbevf_main.c",
            on_nic,
            ask=NIC,
        ),
        Line(
            "L53",
            "virtio-net-stalled",
            "the host did not take packets from a virtio network card",
            "virtio network card SUBJECT stopped sending",
            with_nic("virtio_net"),
            "The host's side of the queue (vhost, or the device model) stood still for seconds.",
            (
                "Does it send now? ip -s link show DEVICE",
                "Compare the time of the line with migrations and with steal.",
            ),
            "Do not restart the network from a session that runs over it.",
            "drivers/net/virtio_net.c, virtnet_tx_timeout (since 5.17)",
            on_nic,
            ask=NIC,
        ),
        Line(
            "L54",
            "virtio-device-refused",
            "a virtio device was refused for the features that it offers",
            "virtio device SUBJECT was refused",
            _has_virtio,
            "Device and driver do not agree on the virtio version: the device has no driver.",
            ("Update the hypervisor, or set disable-legacy and disable-modern as its documentation says.",),
            "Do not look for the fault in this guest's configuration.",
            "drivers/virtio/virtio_pci_modern.c, vp_finalize_features; drivers/virtio/virtio.c",
            _unbound,
            owner=HOST,
        ),
    )
)
