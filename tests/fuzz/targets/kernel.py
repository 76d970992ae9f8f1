"""What the kernel tells as text: its log, by several ways, and the tables of /proc."""

from __future__ import annotations

import errno
import math
from collections import Counter
from collections.abc import Callable, Iterable

from tests import corpus
from virt_collectors.boot import parse_cmdline
from virt_collectors.boot_loader import parse_modules as parse_initramfs_modules
from virt_collectors.configuration import parse_fstab, parse_persistent_net
from virt_collectors.cpu import parse_cpuinfo
from virt_collectors.drivers import parse_modules, parse_paths
from virt_collectors.host import kmsg
from virt_collectors.host.journal import dmesg_form, this_boot
from virt_collectors.host.kmsg import passed_on
from virt_collectors.kernel_events import OTHERS, SUBJECTS, split_stamp
from virt_collectors.kernel_log import KernelLog, as_news, merge, parse_log
from virt_collectors.kernel_patterns import GROUPS
from virt_collectors.kernels import parse_dependencies
from virt_collectors.memory import parse_pressure
from virt_collectors.mounts import parse_halted, parse_line
from virt_collectors.network import parse_ipv6_route, parse_route
from virt_collectors.pci import parse_proc
from virt_collectors.platform import parse_sysinfo
from virt_collectors.sandbox import parse_unit, parse_veils
from virt_collectors.source import whole
from virt_collectors.virtio import parse_features

from ..form import PART, Target, joined, parts, text

_GAP, _NONE_YET = b"EPIPE", b"EAGAIN"


def kernel_log(data: bytes) -> None:
    """Where a log is cut does not matter, and nothing of it goes uncounted."""
    first, second = (text(part) for part in parts(data, 2))
    first += "\n" if first and not first.endswith("\n") else ""
    whole_log, earlier, later = parse_log(first + second), parse_log(first), parse_log(second)
    added = merge(earlier, as_news(later))
    assert _counts(added) == _counts(whole_log)
    assert added.lines == whole_log.lines == earlier.lines + later.lines
    assert added.lost == whole_log.lost
    for log in (added, whole_log):
        assert all(len(banner) <= 200 for banner in log.banners)
        assert len(log.banners) <= 6 * 4
        assert all(len(event.message) <= 200 and len(event.subject) <= 64 for event in log.events)
        named = Counter(event.code for event in log.events if event.subject != OTHERS)
        assert all(count <= SUBJECTS for count in named.values())
    assert sum(event.since_start for event in added.events) == sum(event.count for event in later.events)


def _counts(log: KernelLog) -> Counter[str]:
    found: Counter[str] = Counter()
    for event in log.events:
        found[event.code] += event.count
    return found


def kernel_messages(data: bytes) -> None:
    """/dev/kmsg: lines with a stamp, none of a program's, and what was lost is told."""
    waiting = data.split(PART)[::-1]

    def read() -> bytes:
        record = waiting.pop() if waiting else _NONE_YET
        if record in (_GAP, _NONE_YET):
            raise OSError(errno.EPIPE if record == _GAP else errno.EAGAIN, "played")
        return record[: kmsg.RECORD]

    reader, told = kmsg.Reader(read), ""
    while waiting:
        told += reader.news()
    for line in told.removesuffix("\n").split("\n") if told else ():
        seconds, _ = split_stamp(line)
        assert seconds is not None or line.partition("]")[0].strip("[ .0123456789") == "", line
    for record in data.split(PART):
        priority, _, message = record.partition(b"\n")[0].partition(b";")
        programs = priority.partition(b",")[0] not in (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7")
        if programs and len(message) > 8 and b"Detected virtualization" not in message and data.count(message) == 1:
            assert text(message) not in told, message
    assert len(told) <= 2 * len(data) + 100 * (data.count(PART) + 1)


def journal(data: bytes) -> None:
    """What a log daemon kept, in dmesg's form: lines of its own, none of another sender's."""
    given = text(data)
    for line in dmesg_form(given):
        assert line.startswith("[")
        assert line.endswith("\n")
        assert line.partition("] ")[2] in given + "\n"
    for line in this_boot(given):
        assert f" kernel: {line.removesuffix(chr(10))}" in given
    assert this_boot("".join(f"x kernel: {line}" for line in this_boot(given))) == this_boot(given)


def mounts(data: bytes) -> None:
    """A mount is told as the kernel wrote it: escaped again it is the same."""
    for line in text(data).split("\n"):
        found, halted = parse_line(line), parse_halted(line)
        assert halted in (None, "ro", "emergency_ro", "shutdown")
        if found is None:
            continue
        number, point, options, kind, device = found
        again = f"1 2 {number} / {_escaped(point)} {options} shared:1 - {kind} {_escaped(device)} rw"
        assert parse_line(again) == found
    assert len(parse_veils(text(data))) <= text(data).count("\n") * 3 + 3


def _escaped(name: str) -> str:  # fs/proc_namespace.c, mangle
    return "".join(f"\\{ord(sign):03o}" if sign in " \t\n#\\" else sign for sign in name)


# The smaller ones, by the number in the first byte.


def _cmdline(given: str) -> None:
    found = parse_cmdline(given)
    assert all(word and '"' not in word for word in found)
    assert sum(map(len, found)) <= len(given)


def _cpuinfo(given: str) -> None:
    found = parse_cpuinfo(given)
    assert found is None or 1 <= found.processors <= len(given.splitlines())


def _whole(given: str) -> None:
    for base in (10, 16):
        value = whole(given, base)
        assert value is None or value == int(given, base)
        assert value is None or abs(value) < 16**40


def _pressure(given: str) -> None:
    for value in parse_pressure(given):
        assert value is None or (value >= 0 and math.isfinite(value))


def _routes(given: str) -> None:
    lines = given.split("\n")
    for found in (parse_route(lines), parse_ipv6_route(lines)):
        assert found is None or any(found in line.split() for line in lines)


def _pci(given: str) -> None:
    for device in parse_proc(given.split("\n")):
        assert 0 <= device.vendor <= 0xFFFF >= device.device
        assert len(device.address) == 12


def _features(given: str) -> None:
    for kind in (None, 1, 2, 5, 8):
        found = parse_features(given, kind)
        assert (found is None) == (not given or bool(set(given) - {"0", "1"}))


def _modules(given: str) -> None:
    assert all(" " not in name for name in parse_modules(given.split("\n")))
    found = parse_dependencies(given)
    assert set(found.paths) == set(found.needs)
    assert len(found.paths) <= given.count("\n") + 1
    paths = parse_paths(given.encode())
    assert paths is not None
    assert len(paths) <= given.count("\n") + 1


def _fstab(given: str) -> None:
    lines = given.split("\n")
    assert all(entry.source and entry.point for entry in parse_fstab(lines))
    assert set(parse_persistent_net(lines)) <= {line.strip() for line in lines}
    for line in lines:
        word = parse_initramfs_modules(line)
        assert word is None or word in line


def _names(given: str) -> None:
    unit, program = parse_unit(given), parse_sysinfo(given.split("\n"))
    assert unit is None or (unit in given and len(unit) <= 256)
    assert program is None or "\n" not in program


def _descriptors(given: str) -> None:
    pid, count, names = [*given.split("\n"), "", "", ""][:3]
    found = passed_on({"LISTEN_PID": pid, "LISTEN_FDS": count, "LISTEN_FDNAMES": names}, 77)
    assert found is None or (pid == "77" and 3 <= found < 3 + int(count))


_SMALL: tuple[Callable[[str], None], ...] = (
    _cmdline, _cpuinfo, _whole, _pressure, _routes, _pci, _features, _modules, _fstab, _names, _descriptors,
)  # fmt: skip


def tables(data: bytes) -> None:
    """The first byte chooses one of them."""
    if data:
        _SMALL[data[0] % len(_SMALL)](text(data[1:]))


def _log_seeds() -> Iterable[bytes]:
    samples = [pattern.samples[0].encode() for group in GROUPS for pattern in group.patterns]
    for few in zip(samples[::2], samples[1::2], strict=False):
        yield joined(*(b"[    5.140900] " + sample + b"\n" for sample in few))
    yield b"[    0.000000] Booting paravirtualized kernel on Xen HVM\n[    0.000000] Xen version: 4.17.3.\n"


def _record_seeds() -> Iterable[bytes]:
    yield joined(b"6,339,5140900,-;NET: Registered\n SUBSYSTEM=net\n", _GAP, b"4,345,6140900,-;x", _NONE_YET)
    yield joined(
        b"30,340,5140901,-;systemd[1]: Detected virtualization xen.", b"12,341,1,-;program", b"3,342,2,c;\\x1b[31m"
    )


def _journal_seeds() -> Iterable[bytes]:
    yield b"[    5.140900] kernel: text\n[    5.2] systemd[1]: x\n"
    yield b"Nov 20 03:12:44 host kernel: [   12.345678] text\nNov 20 03:12:44 h kernel: [    0.000000] Linux version 6\n"


def _mount_seeds() -> Iterable[bytes]:
    yield b"22 1 8:1 / /a\\040b rw,relatime shared:1 - ext4 /dev/xvda1 rw,errors=remount-ro\n"
    yield b"30 22 0:21 / /proc rw,nosuid - proc proc rw,hidepid=invisible,subset=pid\n31 22 0:5 / /dev ro - tmpfs tmpfs ro\n"


def _table_seeds() -> Iterable[bytes]:
    answers = corpus._answers("D07-ec2-t2micro-xen-on-nitro")["files"]
    named = {0: "proc/cmdline", 1: "proc/cpuinfo", 3: "proc/pressure/io", 4: "proc/net/route", 7: "proc/modules"}
    for number, path in named.items():
        if isinstance(answers.get(path), str):
            yield bytes([number]) + answers[path].encode()[:2000]
    yield b'\x00root=UUID=1 "a b=c d" -- init x\n'
    yield b"\x01processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vmx hypervisor\n\nprocessor\t: 1\n"
    yield from (b"\x02-0x7f", b"\x03some avg10=1.50 avg60=0.0\nfull avg10=0.00 avg60=0\n", b"\x061010")
    yield b"\x04Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    yield b"\x050008\t80861237\t0" + b"\t0" * 14 + b"\tata_piix\n"
    yield b"\x07kernel/a.ko.zst: kernel/b.ko kernel/c.ko\nkernel/b.ko:\n"
    yield b"\x08/dev/xvda1 /a\\040b ext4 defaults,nofail 0 1\nUUID=1 none swap\nMODULES=most # all\n"
    yield b"\x090::/system.slice/virt-agent.service\nVM00 Control Program: KVM/Linux\n"
    yield b"\x0a77\n2\nx:kmsg\n"


TARGETS = (
    Target("kernel_log", "two halves of a log are the whole of it", kernel_log, _log_seeds),
    Target("kernel_messages", "stamped lines, none of a program's", kernel_messages, _record_seeds),
    Target("journal", "lines of the kernel's own, in its form", journal, _journal_seeds),
    Target("mounts", "a mount escaped again is the same mount", mounts, _mount_seeds),
    Target("tables", "a value of the right kind, or None", tables, _table_seeds),
)
