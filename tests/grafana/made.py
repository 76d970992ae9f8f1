"""Guests that nobody recorded: ENA, EBS, maintenance, a dead controller, made by the agent's own code from made answers.

Their counters grow with each scrape, as those of a live guest do. Beside them a node_exporter of each recorded guest.
"""

from __future__ import annotations

import contextlib
import datetime
import http.server
import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from tests import corpus, ebs_page
from tests.test_collectors_state import ANSWERS, META
from tests.test_rules_ena import STILL
from virt_agent import metrics, observe
from virt_agent.metrics.definition import Reload, Watched
from virt_agent.selection import Selection
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.kernel_log import KernelLog, as_news, parse_log
from virt_collectors.record import replace

NITRO, PV, BOXED = "D20-ec2-c5large", "D01-ec2-m1small-pv", "D16-docker-on-ec2-xen"
_CONTROLLER = "sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0"
_IN_FLIGHT = "sys/devices/vbd-2049/block/xvda1/inflight"
_READS = ((0, 512, 90), (512, 4096, 9), (4096, 65536, 1))
_FIGURES = {
    "virt_agent_process_cpu_seconds_total": 0.01,
    "virt_agent_process_resident_memory_bytes": 3e7,
    "virt_agent_process_open_fds": 9.0,
    "virt_agent_process_threads": 7.0,
    "virt_agent_process_start_time_seconds": 1.7e9,
}


def _exposition(tree: MemoryTree, watched: Watched, log: str = "", turn: int = 0) -> bytes:
    tree.add("virt-agent/meta.json", json.dumps({"schema": 1, "time": _iso(time.time())}).encode())
    tree.add("proc/uptime", b"50000.00 90000.00\n")
    report = observe.observe(SnapshotHost(tree), Selection(), optional=("nvme_latencies",))
    followed = replace(as_news(parse_log(log * turn)), followed=True) if log else KernelLog(followed=True)
    reading = replace(report.reading, facts=replace(report.reading.facts, kernel_log=followed))
    return metrics.render(replace(report, reading=reading), watched)


def _iso(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat()


def _watched(turn: int, readiness: dict[str, str], stalled: dict[str, float], taken: bool = True) -> Watched:
    figures = {name: value * (turn if name.endswith("_total") else 1) for name, value in _FIGURES.items()}
    requests = {"200": 19 * turn, "404": 3, "timeout": turn}
    return Watched(stalled, figures, turn // 4, requests, readiness, Reload(taken, 1.7e9))


def _ena(turn: int) -> dict[str, Any]:
    still = ("conntrack_allowance_available", "ena_srd_mode")
    statistics = {name: value if name in still else value + 7 * turn for name, value in STILL.items()}
    return {"driver": "ena", "version": "2.13.3g", "bus_info": "0000:00:05.0", "statistics": statistics}


def _metadata(begins: float) -> bytes:
    """What a spot instance with maintenance ahead is told."""
    event = {
        "Code": "instance-stop",
        "State": "active",
        "NotBefore": _iso(begins)[:19] + "Z",
        "EventId": "instance-event-1",
    }
    told = {**ANSWERS, f"{META}/events/maintenance/scheduled": json.dumps([event])}
    told[f"{META}/placement/availability-zone-id"] = "use1-az4"
    known = json.loads(corpus.tree(NITRO).content("virt-agent/imds.json", 1 << 22))
    known["responses"] |= {path: {"status": 200, "body": body} for path, body in told.items()}
    return json.dumps(known).encode()


def nitro(turn: int) -> bytes:
    """A busy spot instance: ENA Express, all allowances exceeded, a volume at its limits, an announced stop."""
    tree = corpus.copy(NITRO)
    spent = 200_000 * turn
    volume = ebs_page.Fields(
        read_ops=100 * turn, read_time=spent, volume_iops=spent, volume_throughput=spent // 2,
        instance_iops=spent // 4, instance_throughput=spent // 8,
    )  # fmt: skip
    reads = tuple((lower, upper, count * turn) for lower, upper, count in _READS)
    tree.add("virt-agent/nvme/nvme0.d0", ebs_page.page(volume, reads, reads))
    tree.add("virt-agent/ethtool/ens5.json", json.dumps(_ena(turn)).encode())
    tree.add("virt-agent/imds.json", _metadata(time.time() + 86_400))
    log = "[49000.000000] ena 0000:00:05.0 ens5: Keep alive watchdog timeout.\n"
    return _exposition(tree, _watched(turn, {"reboot": "ready"}, {"nvme0n1": 0.0}), log, turn)


def old(turn: int) -> bytes:
    """A PV instance whose disk hangs, and which is not ready to become anything else."""
    readiness = {"reboot": "not ready", "hvm": "not ready", "nitro": "unknown"}
    log = "[49000.000000] xvda1: I/O error\n[49001.000000] xvdb disabled for further use\n"
    tree = corpus.copy(PV)
    tree.add(_IN_FLIGHT, b"       1        2\n")
    return _exposition(tree, _watched(turn, readiness, {"xvda1": 95.0 + turn}), log, turn)


def broken(turn: int) -> bytes:
    """A dead controller, a file that cannot be read, and a configuration that was not taken."""
    tree = corpus.copy(NITRO)
    tree.add(f"{_CONTROLLER}/state", b"dead\n")
    tree.add("virt-agent/errors.json", json.dumps({"proc/meminfo": "EIO"}).encode())
    return _exposition(tree, _watched(turn, {"reboot": "unknown"}, {}, taken=False))


def boxed(turn: int) -> bytes:
    """An agent in a container."""
    return _exposition(corpus.copy(BOXED), _watched(turn, {}, {}))


def node(release: str, clocksource: str) -> Callable[[int], bytes]:
    """As much of node_exporter as the dashboards ask for, with a tenth of steal."""

    def exposition(turn: int) -> bytes:
        steal = "".join(f'node_cpu_seconds_total{{cpu="{cpu}",mode="steal"}} {0.1 * turn:g}\n' for cpu in (0, 1))
        return (
            f'node_uname_info{{nodename="x",release="{release}",sysname="Linux"}} 1\n{steal}'
            f'node_time_clocksource_current_info{{clocksource="{clocksource}",device="0"}} 1\n'
        ).encode()

    return exposition


GUESTS: dict[str, Callable[[int], bytes]] = {"nitro": nitro, "old": old, "broken": broken, "boxed": boxed}
NODES = {
    **{name: node("6.1.0-56-amd64", "xen") for name in corpus.GUESTS},
    "nitro": node("6.8.0-1069-aws", "tsc"),
    "old": node("3.2.0-54-virtual", "xen"),
    "broken": node("6.8.0-1069-aws", "tsc"),
    "boxed": node("5.4.0-1103-aws", "xen"),
    "stranger": node("4.4.0", "tsc"),  # has no agent, and must not be seen
}
GONE = "gone"  # an agent that answers no more, and a node_exporter whose silence is none of our business


class Server(http.server.ThreadingHTTPServer):
    """Serves /guest/NAME and /node/NAME on a free port of loopback."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.turns = {f"/{kind}/{name}": itertools.count(1) for kind, known in _KINDS.items() for name in known}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.server_port}"


_KINDS = {"guest": GUESTS, "node": NODES}


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        kind, _, name = self.path.strip("/").partition("/")
        make = _KINDS.get(kind, {}).get(name)
        if make is None:
            self.send_error(503)
            return
        body = make(next(self.server.turns[self.path]))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # Prometheus ends when all is asked
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
