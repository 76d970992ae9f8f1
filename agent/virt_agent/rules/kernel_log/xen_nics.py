"""L07 to L10: what xen-netfront says."""

from __future__ import annotations

from virt_collectors.kernel_events import LogEvent

from ..form import CRITICAL, HOST, YOU, Case
from ..host_side import NIC
from .line import Line, Verdict, rule
from .uses import on_dead_nic, on_nic, with_frontend, with_nic

_netfront = with_nic("xen-netfront")
_SOURCE = "drivers/net/xen-netfront.c"


def _not_connected(case: Case, event: LogEvent) -> Verdict | None:
    waiting = [f for f in case.now.frontends if f.kind == "nic" and f.state not in ("Connected", None)]
    mine = [f for f in waiting if f.name == event.subject or not event.subject.startswith("vif-")]
    return Verdict(subject=mine[0].name) if mine else None


RULES = tuple(
    rule(line)
    for line in (
        Line(
            "L07",
            "netfront-stopped",
            "xen-netfront has stopped a network card, for the host's answers made no sense",
            "network card SUBJECT was stopped by its driver",
            _netfront,
            "Since 2021 netfront stops a card for good when the host's answers make no sense: it looks up, and no packet"
            " passes until its driver starts anew.",
            (
                "Use the console: what comes over DEVICE does not reach the guest.",
                "Detach and attach the interface on the host, or reboot.",
            ),
            "Do not wait for it to come back: the driver never uses it again.",
            f"{_SOURCE}, xennet_tx_buf_gc, xennet_get_responses (hardened in Linux 5.16 and stable kernels); XSA-396",
            on_dead_nic,
            severity=CRITICAL,
            ask=NIC,
        ),
        Line(
            "L08",
            "netfront-bad-packet",
            "xen-netfront dropped packets that the host gave it in a bad form",
            "network card SUBJECT got malformed packets from the host",
            _netfront,
            "Received packets are dropped. A few after a migration do no harm; many mean a fault in the host's backend.",
            ("Does it go on? sudo journalctl -k -f -g DEVICE; ip -s link show DEVICE",),
            "Do not change the MTU or offloads before it is known that it goes on.",
            f"{_SOURCE}, xennet_get_responses, xennet_get_extras",
            on_nic,
            ask=NIC,
        ),
        Line(
            "L09",
            "netfront-packet-too-long",
            "xen-netfront met packets in more pieces than the host takes",
            "SUBJECT: packets in too many pieces",
            _netfront,
            "Old kernels dropped such packets, so connections stall; kernels since 4.0 put them together first.",
            (
                "Use a supported kernel.",
                "Until then: sudo ethtool -K INTERFACE sg off, which costs throughput.",
            ),
            "Do not lower the MTU for this alone: the pieces are not made by it.",
            f"{_SOURCE}, xennet_start_xmit",
            owner=YOU,
        ),
        Line(
            "L10",
            "netback-too-old",
            "the host's network backend is too old for this kernel",
            "network card SUBJECT: the host's backend is too old",
            with_frontend("nic"),
            "The backend does not offer the copying receive path, the only one that Linux has had since 3.0: the card"
            " does not connect.",
            ("Detach and attach the interface after the host was updated.",),
            "Do not look for the fault in this guest.",
            f"{_SOURCE}, talk_to_netback",
            _not_connected,
            owner=HOST,
            ask=NIC,
        ),
    )
)
