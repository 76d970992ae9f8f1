"""What the drivers of network interfaces report by ethtool, under one set of names.

Drivers name their counters as they like, and ENA anew every few years: "queue_3_rx_bad_csum" is "…_csum_bad" since
2022, "phc_err" is three counters today. Those of queues are added up over the queues. They begin anew with the
driver, some with a reset of the device: one that fell has not run backwards. Names: ena_ethtool.c of the kernel and of
amzn-drivers, ixgbevf/ethtool.c, virtio_net.c (since 6.11 "tx0_tx_timeouts", before "tx_queue_0_tx_timeouts").
"""

from __future__ import annotations

from .errors import SourceError
from .network import ROOT
from .record import Record
from .source import Source, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .host import Ethtool

ALLOWANCES = ("bw_in", "bw_out", "pps", "conntrack", "linklocal")
# Why ENA reset its device, in the driver of amzn-drivers, beside wd_expired, tx_timeout and admin_q_pause.
RESET_REASONS = (
    "missing_tx_cmpl",
    "missing_intr",
    "missing_first_intr",
    "missing_admin_interrupt",
    "suspected_poll_starvation",
    "lost_interrupt",
    "os_netdev_wd",
    "admin_to",
    "device_request_reset",
    "invalid_state",
    "rx_desc_malformed",
    "tx_desc_malformed",
    "bad_tx_req_id",
    "bad_rx_req_id",
    "bad_rx_desc_num",
)
_ENA = (
    "wd_expired",
    "tx_timeout",
    "admin_q_pause",
    "total_resets",
    "reset_fail",
    "conntrack_allowance_available",
    "ena_srd_mode",
    "ena_srd_tx_pkts",
    "ena_srd_eligible_tx_pkts",
    "ena_srd_rx_pkts",
    "ena_srd_resource_utilization",
    "phc_cnt",
    "phc_exp",
    "phc_skp",
    *RESET_REASONS,
    *(f"{allowance}_allowance_exceeded" for allowance in ALLOWANCES),
)
# driver: its own name of a counter of the whole device: ours
_DEVICE: dict[str, dict[str, str]] = {
    "ena": {
        **{name: name for name in _ENA},
        "ena_admin_q_no_completion": "admin_q_no_completion",
        "phc_err": "phc_errors",
        "phc_err_dv": "phc_errors",
        "phc_err_ts": "phc_errors",
        "phc_err_eb": "phc_errors",
    },
    "ixgbevf": {"tx_timeout_count": "tx_timeout", "rx_csum_offload_errors": "csum_bad"},
    "vif": {"rx_gso_checksum_fixup": "rx_gso_checksum_fixup"},  # xen-netfront
}
# driver: what stands before the queue's number
_BEFORE_NUMBER: dict[str, tuple[str, ...]] = {"ena": ("queue_",), "virtio_net": ("tx_queue_", "tx")}
# driver: what stands behind it: ours
_QUEUE: dict[str, dict[str, str]] = {
    "ena": {
        "tx_missed_tx": "missed_tx",
        "xdp_tx_missed_tx": "missed_tx",
        "tx_dma_mapping_err": "dma_mapping_err",
        "xdp_tx_dma_mapping_err": "dma_mapping_err",
        "rx_dma_mapping_err": "dma_mapping_err",
        "tx_prepare_ctx_err": "prepare_ctx_err",
        "tx_bad_req_id": "bad_req_id",
        "rx_bad_req_id": "bad_req_id",
        "rx_bad_desc_num": "bad_desc_num",
        "rx_page_alloc_fail": "page_alloc_fail",
        "rx_skb_alloc_fail": "skb_alloc_fail",
        "rx_refil_partial": "refil_partial",
        "rx_empty_rx_ring": "empty_rx_ring",
        "rx_csum_bad": "csum_bad",
        "rx_bad_csum": "csum_bad",
    },
    "virtio_net": {"tx_timeouts": "tx_timeout"},
}
_BAR1 = 1


class DriverReport(Record):
    """One interface; None and {} where the driver does not offer it. `counters` are under the names above.

    `channels` and `ring` hold settings and their maxima ("max_…"). `second_bar` is ENA's third version: since it, the
    device has a BAR1 on the PCI bus (amzn-drivers, ENA_Linux_Best_Practices.rst); None for other drivers.
    """

    interface: str
    driver: str | None = None
    version: str | None = None
    firmware: str | None = None
    bus_info: str | None = None
    channels: dict[str, int] = {}
    ring: dict[str, int] = {}
    scatter_gather: bool | None = None
    counters: dict[str, int] = {}
    second_bar: bool | None = None


def read_ethtool(source: Source) -> tuple[DriverReport, ...] | None:
    """Of the interfaces with a device below; None where there are none, or none could be asked."""
    names = [name for name in source.names(ROOT) if source.exists(f"{ROOT}/{name}/device")]
    found = []
    for name in names:
        try:
            answer = source.host.ethtool(name)
        except SourceError as error:
            source.note(error, tolerate=("EOPNOTSUPP",))
            continue
        second_bar = _second_bar(source, name) if answer.driver == "ena" else None
        found.append(_report(name, answer, second_bar))
    return tuple(found) or None


def _report(name: str, answer: Ethtool, second_bar: bool | None) -> DriverReport:
    return DriverReport(
        interface=name,
        driver=answer.driver,
        version=answer.version,
        firmware=answer.firmware,
        bus_info=answer.bus_info,
        channels=answer.channels,
        ring=answer.ring,
        scatter_gather=answer.scatter_gather,
        counters=counters(answer.driver or "", answer.statistics),
        second_bar=second_bar,
    )


def _second_bar(source: Source, name: str) -> bool | None:
    """By the second line of /sys/bus/pci/devices/…/resource: start, end and flags in hexadecimal, 0 where unused."""
    path = f"{ROOT}/{name}/device/resource"
    lines = (source.text(path) or "").split("\n")
    if len(lines) <= _BAR1:
        return None
    start, _, rest = lines[_BAR1].partition(" ")
    end = whole(rest.partition(" ")[0], 16)
    if whole(start, 16) is None or end is None:
        source.malformed(path, f"{lines[_BAR1][:60]!r} is not the place of a BAR")
        return None
    return end != 0


def counters(driver: str, statistics: dict[str, int]) -> dict[str, int]:
    """The counters of interest by our names, those of queues and those that became several added up."""
    device, queue, before = _DEVICE.get(driver, {}), _QUEUE.get(driver, {}), _BEFORE_NUMBER.get(driver, ())
    found: dict[str, int] = {}
    for name, value in statistics.items():
        ours = device.get(name) or queue.get(_behind_number(name, before))
        if ours:
            found[ours] = found.get(ours, 0) + value
    return found


def _behind_number(name: str, before: tuple[str, ...]) -> str:
    """What follows the queue's number, as rx_csum_bad in queue_12_rx_csum_bad; empty where there is no number."""
    for prefix in before:
        number, _, rest = name[len(prefix) :].partition("_")
        if name.startswith(prefix) and number.isascii() and number.isdecimal():
            return rest
    return ""
