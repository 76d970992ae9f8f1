"""E: what goes wrong with network drivers, ENA above all. ENA heals itself: most of this is over when it is read."""

from __future__ import annotations

from virt_collectors.ethtool import RESET_REASONS

from ..form import CLOUD, CRITICAL, FAULT, HOST, WARNING, YOU, Case, Hit, Reading, Rule, Setting, growth
from .driver_counters import ENA, ena_refused, grown, offers, reports, told, told_when_grown, window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_DAY_SECONDS = 86_400
_GUIDE = "EC2 user guide, Troubleshoot the Elastic Network Adapter"
_PRACTICES = "amzn-drivers, ENA_Linux_Best_Practices.rst"
_KEEP = "Do not reload the ena module over a connection that runs through it."
_LOOK = "See what the driver said: sudo journalctl -k -g ena"
_ASK_AWS = "If it comes again, open a case with AWS: instance id, interface and time (UTC)."

_E02_WINDOW = window("E02")
_E03_RESETS = Setting("E03", "resets", 3, "resets a day", "resets that are too many for a device that heals itself", 1)
_E06_SAMPLES = Setting(
    "E06", "samples", 3, "of 5 samples", "in how many of the last five readings it must have grown", 1, 5
)
_E14_WINDOW = window("E14")
_E14_RATE = Setting(
    "E14", "per_second", 1, "packets a second", "bad checksums that are more than the world's noise", 0.001
)


def _dead(reading: Reading | None, interface: str) -> bool:
    """The card carries the default route and its link is down."""
    nics = reading.facts.network.devices if reading and reading.facts.network else ()
    return any(
        nic.default_route and (nic.carrier is False or nic.operstate in ("down", "lowerlayerdown"))
        for nic in nics
        if nic.name == interface
    )


def _check_reset_failed(case: Case) -> Iterator[Hit]:
    """A card that is dead since stays one; a counter alone says that it was one."""
    then = case.within(case.value(_E02_WINDOW) * 60)
    since = grown(then, case.now, "reset_fail", driver=ENA) if then else {}
    for one in reports(case.now, ENA):
        failed = one.counters.get("reset_fail", 0)
        if failed and _dead(case.now, one.interface) and (case.before is None or _dead(case.before, one.interface)):
            saw = f"ethtool -S {one.interface}: reset_fail = {failed}; default route, link down"
            yield Hit(
                one.interface, f"{one.interface} is dead: ENA could not reset its device", (saw,), severity=CRITICAL
            )
        elif one.interface in since and then:
            saw = told(one.interface, since[one.interface], case.age(then))
            yield Hit(one.interface, f"{one.interface}: a reset of the ENA device failed", (saw,))


def _check_resets(case: Case) -> Iterator[Hit]:
    """So many since the agent started, and so many a day on average."""
    first = case.first or (case.history[0] if case.history else None)
    if first is None:
        return
    days = max(case.age(first) / _DAY_SECONDS, 1.0)
    for interface, by in grown(first, case.now, "total_resets", driver=ENA).items():
        if by["total_resets"] / days >= case.value(_E03_RESETS):
            reasons = grown(first, case.now, *RESET_REASONS, driver=ENA).get(interface, {})
            saw = (told(interface, by, case.age(first)), *([told(interface, reasons, 0)] if reasons else ()))
            yield Hit(interface, f"{interface}: ENA reset its device {by['total_resets']} times", saw)


def _missed(reading: Reading) -> dict[str, int]:
    return {one.interface: one.counters.get("missed_tx", 0) for one in reports(reading, ENA)}


def _check_late(case: Case) -> Iterator[Hit]:
    """Older drivers set missed_tx anew at each look, newer ones add to it (5.9): growth() takes both."""
    for interface, missed in _missed(case.now).items():

        def grew(older: Reading, newer: Reading, name: str = interface) -> bool:
            return growth(_missed(older).get(name), _missed(newer).get(name)) > 0

        if case.often(int(case.value(_E06_SAMPLES)), 5, grew):
            saw = f"ethtool -S {interface}: queue_N_tx_missed_tx grew again and again, {missed} in all"
            yield Hit(interface, f"{interface}: sent packets are confirmed too late", (saw,))


def _check_checksums(case: Case) -> Iterator[Hit]:
    then = case.within(case.value(_E14_WINDOW) * 60)
    seconds = case.age(then) if then else 0.0
    if then is None or seconds <= 0:
        return
    for interface, by in grown(then, case.now, "csum_bad").items():
        rate = by["csum_bad"] / seconds
        if rate > case.value(_E14_RATE):
            yield Hit(
                interface,
                f"{interface}: {rate:.1f} packets a second arrive with a bad checksum",
                (told(interface, by, seconds),),
            )


RULES = (
    told_when_grown(
        code="E01",
        name="ena-watchdog",
        title="the ENA device gave no sign of life for 6 seconds and was reset",
        says="the ENA watchdog expired, the driver reset the device",
        names=("wd_expired",),
        means="The device's sign of life, due each second, failed to come for six. The driver reset it: packets of that"
        " time are lost, TCP connections survive. Once is a rare event, again and again is none.",
        remedy=(_LOOK, "Update the kernel, or the ENA driver where it was built by hand.", _ASK_AWS),
        source=f"{_GUIDE}, keep-alive mechanism; ena_netdev.c, check_for_missing_keep_alive",
        owner=CLOUD,
        avoid=_KEEP,
    ),
    Rule(
        code="E02",
        name="ena-reset-failed",
        kind=FAULT,
        severity=WARNING,
        title="ENA could not bring its device back by a reset",
        needs=("ethtool",),
        applies=offers("reset_fail", driver=ENA),
        check=_check_reset_failed,
        means="The driver gives up after a failed reset: the card passes nothing until the driver finds it anew.",
        remedy=(
            "Is another way in there, a console or a second card? Work from there.",
            _LOOK,
            "Reboot; if that does not help, stop and start the instance, which moves it to other hardware.",
        ),
        source="ena_netdev.c, ena_fw_reset_device; amzn-drivers, ena_ethtool.c",
        owner=CLOUD,
        avoid="Do not reboot before the log of this boot is saved where it survives.",
        settings=(_E02_WINDOW,),
        unsure=ena_refused,
    ),
    Rule(
        code="E03",
        name="ena-resets",
        kind=FAULT,
        severity=WARNING,
        title="ENA resets its device too often",
        needs=("ethtool",),
        applies=offers("total_resets", driver=ENA),
        check=_check_resets,
        means="Each reset heals and costs packets; several a day have a cause, mostly processors that come too late to"
        " the card's interrupts.",
        remedy=(
            "See the reasons: sudo journalctl -k -g ena; ethtool -S INTERFACE",
            "Look at the load of the processors that serve it: grep Tx-Rx /proc/interrupts; top, key 1",
            _ASK_AWS,
        ),
        source=f"{_PRACTICES}, device reset and CPU starvation",
        owner=YOU,
        avoid=_KEEP,
        settings=(_E03_RESETS,),
        compare=True,
        unsure=ena_refused,
    ),
    told_when_grown(
        code="E04",
        name="network-transmit-timeout",
        title="the kernel's watchdog found a network card's transmit queue stuck",
        says="a transmit queue was stuck, the kernel called the driver to mend it",
        names=("tx_timeout",),
        means="Nothing was sent from a queue for seconds although packets waited. The driver resets the queue or the"
        " card; packets of that time are lost.",
        remedy=(
            "See what the driver said: sudo journalctl -k -g 'NETDEV WATCHDOG'",
            "If it comes again, ask the host: guest, interface and time (UTC).",
        ),
        source="net/sched/sch_generic.c, dev_watchdog; tx_timeout of ena, ixgbevf and virtio_net",
        owner=HOST,
        avoid="Do not set the interface down and up over the connection that runs through it.",
        driver=None,
    ),
    told_when_grown(
        code="E05",
        name="ena-admin-queue",
        title="ENA's admin queue stopped answering",
        says="the admin queue of the ENA device did not answer",
        names=("admin_q_pause", "admin_q_no_completion"),
        means="Commands to the device got no answer, so the driver resets it. Traffic goes on until then; the device's"
        " own counters, as of exceeded allowances, are missing meanwhile.",
        remedy=(_LOOK, "See whether the reset helped: ethtool -S INTERFACE, admin_q_pause stands still.", _ASK_AWS),
        source=f"{_GUIDE}, statistics; ena_netdev.c, check_for_admin_com_state",
        owner=CLOUD,
        avoid=_KEEP,
    ),
    Rule(
        code="E06",
        name="ena-late-completions",
        kind=FAULT,
        severity=WARNING,
        title="ENA's transmit completions come too late, again and again",
        needs=("ethtool",),
        applies=offers("missed_tx", driver=ENA),
        check=_check_late,
        means="Packets were not confirmed within 5 seconds. That is hardly ever the device: the processor that should"
        " have taken the confirmation was busy, or was not run by the host. Many at once make the driver reset.",
        remedy=(
            "Look at load and steal: top, key 1; the last column of vmstat 1",
            "See which processors serve the card: grep Tx-Rx /proc/interrupts; is irqbalance running?",
            "On a burstable type see its CPU credits in CloudWatch: CPUCreditBalance.",
        ),
        source=f"{_PRACTICES}, CPU starvation; ena_netdev.c, check_missing_comp_in_tx_queue",
        owner=YOU,
        avoid="Do not stop irqbalance: after a reset the interrupts may then all land on one processor.",
        settings=(_E06_SAMPLES,),
        compare=True,
        unsure=ena_refused,
    ),
    told_when_grown(
        code="E12",
        name="ena-out-of-memory",
        title="ENA found no memory for packets to receive",
        says="the ENA driver got no memory for packets to receive",
        names=("page_alloc_fail", "skb_alloc_fail", "refil_partial", "empty_rx_ring"),
        means="The kernel had no free pages when the driver asked, in an interrupt that cannot wait: arriving packets"
        " are dropped, and an empty ring stops receiving until it is refilled.",
        remedy=(
            "See free memory and the reserve: grep ^Mem /proc/meminfo; sysctl vm.min_free_kbytes",
            "Raise the reserve, to 1 to 3 % of the memory: sudo sysctl -w vm.min_free_kbytes=KILOBYTES",
            "If it helps, keep it: a file in /etc/sysctl.d/",
        ),
        source="ena_netdev.c, ena_refill_rx_bufs and check_for_empty_rx_ring; its comment on vm.min_free_kbytes",
        owner=YOU,
        avoid="Do not give more than 5 % to vm.min_free_kbytes: the kernel would kill processes for want of memory.",
    ),
    told_when_grown(
        code="E13",
        name="ena-protocol-errors",
        title="ENA's driver and its device disagree",
        says="the ENA driver and its device disagree about packets",
        names=(
            "dma_mapping_err",
            "prepare_ctx_err",
            "bad_req_id",
            "bad_desc_num",
            "bad_tx_req_id",
            "bad_rx_req_id",
            "bad_rx_desc_num",
        ),
        means="The device named packets the driver did not know, or the driver could not hand packets over: they are"
        " lost, and the driver resets the device where it must. Packet headers beyond 96 bytes count here too.",
        remedy=(
            _LOOK,
            "Update the kernel, or the ENA driver where it was built by hand.",
            "prepare_ctx_err alone: are there long headers, IPv6 extensions with TCP SACK? Large LLQ takes them.",
            _ASK_AWS,
        ),
        source=f"{_GUIDE}, statistics; {_PRACTICES}, headers up to 96 bytes",
        owner=CLOUD,
        avoid=_KEEP,
    ),
    Rule(
        code="E14",
        name="network-bad-checksums",
        kind=FAULT,
        severity=WARNING,
        title="many packets arrive with a bad checksum",
        needs=("ethtool",),
        applies=offers("csum_bad"),
        check=_check_checksums,
        means="Packets arrive damaged, or a sender computes checksums wrongly: the kernel drops them, connections"
        " stall and repeat. A few from the internet are normal.",
        remedy=(
            "See whose they are: sudo tcpdump -ni INTERFACE -vv -c 2000, lines with incorrect or bad cksum",
            "One sender: its offloads are wrong. All senders: open a case with the host or cloud.",
        ),
        source="ena_netdev.c, ena_rx_checksum; ixgbevf/ethtool.c; EC2 user guide, Troubleshoot ENA, statistics",
        owner=YOU,
        avoid="Do not switch off checksum verification: damaged data would get through.",
        settings=(_E14_WINDOW, _E14_RATE),
        compare=True,
        unsure=ena_refused,
    ),
)
