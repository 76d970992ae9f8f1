"""L26 to L38: what the ENA driver says. A reset that succeeds takes less than a millisecond and heals what led to it."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ..form import ADVICE, CRITICAL, INFO, WARNING, YOU, Case, Setting
from ..host_side import NIC
from .history import within
from .line import Line, Verdict, rule
from .uses import on_dead_nic, on_nic, with_nic

_ena = with_nic("ena")
_SOURCE = "drivers/net/ethernet/amazon/ena/ena_netdev.c"
_COM = "drivers/net/ethernet/amazon/ena/ena_com.c"
_GUIDE = "EC2 user guide, troubleshooting-ena"
_RESETS = Setting("L28", "resets", 3, "resets", "from how many resets on within the hours that lines count", 1, 16)
_LATE = Setting("L33", "lines", 3, "lines", "from how many late packets on within the hours that lines count", 1, 16)
_READS = Setting("L37", "lines", 3, "lines", "from how many failed reads on within the hours that lines count", 1, 16)


def _resets(case: Case, event: LogEvent) -> Verdict | None:
    return on_nic(case, event) if within(case, event) >= case.value(_RESETS) else None


def _late(case: Case, event: LogEvent) -> Verdict | None:
    return _at(case, event, WARNING if within(case, event) >= case.value(_LATE) else INFO)


def _reads(case: Case, event: LogEvent) -> Verdict | None:
    return _at(case, event, WARNING if within(case, event) >= case.value(_READS) else INFO)


def _at(case: Case, event: LogEvent, severity: str) -> Verdict | None:
    worth = on_nic(case, event)
    return worth and Verdict(severity, worth.subject, worth.cause, worth.use)


_UPDATE = "Use a supported kernel with its newest ENA driver: modinfo ena; ethtool -i DEVICE"
_REPEATS = "When it repeats: stop and start the instance, which moves it to other hardware."
_CPU = (
    "Was the CPU starved? See steal and run queues: vmstat 1 5; and where the interrupts go: grep ena /proc/interrupts"
)

RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L26",
            "ena-keep-alive-lost",
            "an ENA card stopped sending keep-alives, and no reset has succeeded since",
            "network card SUBJECT went silent",
            _ena,
            "The device sends a sign of life each second; after six without one the driver resets it.",
            ("Did the reset follow? sudo journalctl -k -g ena", _UPDATE, _REPEATS),
            "Do not unload the driver over the connection that runs through it.",
            f"{_SOURCE}, check_for_missing_keep_alive; {_GUIDE}",
            on_nic,
            ask=NIC,
        ),
        Line(
            "L27",
            "ena-reset-unfinished",
            "an ENA card was to be reset, and no reset has succeeded since",
            "the reset of network card SUBJECT did not end",
            _ena,
            "The driver decided to reset the device; the lines before tell why, its statistics follow.",
            ("See why: sudo journalctl -k -g ena", _REPEATS),
            "Do not unload the driver over the connection that runs through it.",
            f"{_SOURCE}, ena_fw_reset_device",
            on_nic,
            ask=NIC,
        ),
        Line(
            "L28",
            "ena-resets-often",
            "an ENA card was reset again and again",
            "network card SUBJECT was reset",
            _ena,
            "Each reset succeeded and lost little; so many have a cause: a starved CPU, an old driver, or the hardware.",
            ("See what led to each: sudo journalctl -k -g ena", _CPU, _UPDATE, _REPEATS),
            "Do not silence it by raising the driver's timeouts.",
            f"{_SOURCE}, ena_restore_device; ENA_Linux_Best_Practices.rst of amzn-drivers",
            _resets,
            settings=(_RESETS,),
        ),
        Line(
            "L29",
            "ena-reset-attempt-failed",
            "the reset of an ENA card failed",
            "network card SUBJECT could not be reset",
            _ena,
            "The card is out of use until the driver starts anew.",
            (
                "Use the serial console or another interface.",
                "Reboot; when it fails again, stop and start the instance.",
            ),
            "Do not remove the driver by hand on the only interface: use the console.",
            f"{_SOURCE}, ena_restore_device",
            on_dead_nic,
            severity=CRITICAL,
            ask=NIC,
        ),
        Line(
            "L30",
            "ena-interrupt-lost",
            "an interrupt of an ENA card was lost",
            "network card SUBJECT lost an interrupt",
            _ena,
            "The device answered a command and its interrupt never came; the driver resets it or goes on by polling.",
            (_UPDATE, "Report it to AWS with a snapshot when it repeats."),
            "Do not move its interrupts by hand while it happens.",
            f"{_COM}, ena_com_wait_and_process_admin_cq_interrupts",
            on_nic,
        ),
        Line(
            "L31",
            "ena-command-unanswered",
            "an ENA card did not answer a command, and no reset has succeeded since",
            "network card SUBJECT did not answer a command",
            _ena,
            "The driver stops its admin queue and resets the device.",
            ("Did the reset follow? sudo journalctl -k -g ena", _REPEATS),
            "Do not run ethtool in a loop on it: each call is such a command.",
            f"{_COM}, ena_com_wait_and_process_admin_cq_interrupts",
            on_nic,
            ask=NIC,
        ),
        Line(
            "L32",
            "ena-packets-lost",
            "an ENA card finished too many packets late, and no reset has succeeded since",
            "network card SUBJECT left packets unfinished",
            _ena,
            "More packets than allowed were not finished in time: mostly a starved CPU, else the device. A reset follows.",
            (_CPU, _REPEATS),
            "Do not raise the threshold: lost packets stay lost.",
            f"{_SOURCE}, check_missing_comp_in_tx_queue; ENA_Linux_Best_Practices.rst of amzn-drivers",
            on_nic,
        ),
        Line(
            "L33",
            "ena-packet-late",
            "an ENA card finished single packets late",
            "network card SUBJECT finished packets late",
            _ena,
            "A packet was not finished within five seconds. One alone does no harm.",
            (_CPU,),
            "Do not act on a single one.",
            f"{_SOURCE}, check_missing_comp_in_tx_queue",
            _late,
            settings=(_LATE,),
        ),
        Line(
            "L34",
            "ena-queue-without-interrupts",
            "a queue of an ENA card gets no interrupts, and no reset has succeeded since",
            "network card SUBJECT has a queue without interrupts",
            _ena,
            "Packets on that queue wait until the reset that follows.",
            ("Are its interrupts counted? grep -e CPU -e ena /proc/interrupts", _UPDATE, _REPEATS),
            "Do not change interrupt affinities before the reset has ended.",
            f"{_SOURCE}, check_for_rx_interrupt_queue",
            on_nic,
        ),
        Line(
            "L35",
            "ena-admin-queue-stopped",
            "the admin queue of an ENA card stopped, and no reset has succeeded since",
            "network card SUBJECT takes no commands",
            _ena,
            "The driver can neither read statistics nor change settings; it resets the device.",
            ("Did the reset follow? sudo journalctl -k -g ena", _REPEATS),
            "Do not run ethtool in a loop on it: each call waits.",
            f"{_SOURCE}, check_for_admin_com_state",
            on_nic,
            ask=NIC,
        ),
        Line(
            "L36",
            "ena-out-of-buffers",
            "an ENA card ran out of receive buffers",
            "network card SUBJECT ran out of receive buffers",
            _ena,
            "The kernel had no free memory at the moment it was needed; packets were dropped meanwhile.",
            (
                "See what is kept free: sysctl vm.min_free_kbytes; 1 to 3 percent of the memory is advised.",
                "Raise it in /etc/sysctl.d, for example: vm.min_free_kbytes = 524288",
            ),
            "Do not raise it beyond a few percent on a small guest: programs would be killed for it.",
            f"{_SOURCE}, check_for_empty_rx_ring; ENA_Linux_Best_Practices.rst of amzn-drivers",
            on_nic,
            owner=YOU,
        ),
        Line(
            "L37",
            "ena-register-unreadable",
            "registers of an ENA card could not be read",
            "network card SUBJECT: register reads failed",
            _ena,
            "Single failures are retried and do no harm; a series of them means a fault of driver or hardware.",
            ("See how many and when: sudo journalctl -k -g 'reg failed'", _UPDATE, _REPEATS),
            "Do not act on a single one.",
            f"{_COM}, ena_com_reg_bar_read32; {_GUIDE}",
            _reads,
            settings=(_READS,),
            ask=NIC,
        ),
        Line(
            "L38",
            "ena-without-llq",
            "an ENA card works without its low-latency queue",
            "network card SUBJECT works without low-latency queue",
            _ena,
            "Packets take a detour through memory: somewhat higher latency. Older instance types have no such queue.",
            ("A newer instance type has it; nothing else is to be done.",),
            "Do not take it for a fault.",
            f"{_SOURCE}, ena_set_queues_placement_policy",
            on_nic,
            ADVICE,
            INFO,
            YOU,
        ),
    )
)
