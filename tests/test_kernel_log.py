"""The patterns of the kernel log, what is none of them, and how readings of one log add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import corpus
from virt_collectors import kernel_events
from virt_collectors.errors import SourceError, Unreadable
from virt_collectors.facts import Facts
from virt_collectors.host.recorder import Recorder
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import MemoryTree
from virt_collectors.kernel_events import LogEvent, fill, find_events, is_of_program, merge_events, split_stamp
from virt_collectors.kernel_log import KernelLog, as_news, merge, parse_log, read_kernel_log
from virt_collectors.kernel_patterns import PATTERNS
from virt_collectors.kernel_patterns.form import Pattern
from virt_collectors.record import replace
from virt_collectors.source import Source

SAMPLES = [(pattern, sample) for pattern in PATTERNS for sample in pattern.samples]

# What healthy machines print, and what looks like a fault without being one.
NOISE = """
Cannot get hvm parameter CONSOLE_EVTCHN (18): -22!
* Found PM-Timer Bug on the chipset. Due to workarounds for a bug,
piix4_smbus 0000:00:01.3: SMBus base address uninitialized - upgrade BIOS or use force_addr=0xaddr
Invalid max_queues (4), will use default max: 1.
intel_idle: Please enable MWAIT in BIOS SETUP
xen_netfront: Initialising Xen virtual ethernet driver
xen_netfront: backend supports XDP headroom
vif vif-0 enX0: renamed from eth0
acpi PNP0A03:00: _OSC failed (AE_NOT_FOUND); disabling ASPM
xen:grant_table: Grant tables using version 1 layout
Grant table initialized
xen:balloon: Initialising balloon driver
xen:events: Xen HVM callback vector for event delivery is enabled
xen:xen_privcmd: No target domain found, blocking all hypercalls
vbd vbd-5632: 19 xenbus_dev_probe on device/vbd/5632
vbd vbd-51728: 16 Device in use; refusing to close
blkfront_probe: HVM does not support vbd 768 as xen block device
PM: suspend entry (s2idle)
Freezing user space processes ... (elapsed 0.001 seconds) done.
Freezing remaining freezable tasks ... (elapsed 0.001 seconds) done.
PM: suspend devices took 0.004 seconds
Suspending xenstore...
xen:events: Xen HVM callback vector for event delivery is enabled
xen:grant_table: Grant tables using version 1 layout
xen: --> pirq=16 -> irq=9 (gsi=9)
PM: resume devices took 0.120 seconds
OOM killer enabled.
Restarting tasks ... done.
clocksource: tsc: mask: 0xffffffffffffffff max_cycles: 0x256bc328973, max_idle_ns: 440795290501 ns
clocksource: timekeeping watchdog on CPU0: xen wd-wd read-back delay of 66990ns
clocksource: wd-tsc-wd read-back delay of 110604ns, clock-skew test skipped!
clocksource: timekeeping watchdog on CPU3: hpet retried 2 times before success
tsc: Marking TSC unstable due to clocksource watchdog
I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0
blk_update_request: I/O error, dev fd0, sector 0
blk_update_request: I/O error, dev sr0, sector 2097144 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0
I/O error, dev loop0, sector 0 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 0
blk_update_request: critical target error, dev sda, sector 2048 op 0x3:(DISCARD) flags 0x800 phys_seg 1 prio class 0
print_req_error: critical target error, dev sda, sector 2048 flags 801
print_req_error: critical target error, dev sda, sector 2048
print_req_error: I/O error, dev nvme0n1, sector 1144536 flags 803
I/O error, dev xvda, sector 2048 op 0x9:(WRITE_ZEROES) flags 0x800 phys_seg 0 prio class 2
Buffer I/O error on dev fd0, logical block 0, async page read
Buffer I/O error on dev sr0, logical block 524286, async page read
Buffer I/O error on dev loop3, logical block 0, async page read
Buffer I/O error on dev zram0, logical block 17, lost async page write
JBD2: recovery complete
EXT4-fs (xvda1): INFO: recovery required on readonly filesystem
EXT4-fs (xvda1): write access will be enabled during recovery
EXT4-fs (xvda1): recovery complete
XFS (xvdb): User initiated shutdown (0x1) detected at xfs_fs_goingdown. Shutting down filesystem
nvme nvme0: pci function 0000:00:04.0
nvme nvme1: Ignoring bogus Namespace Identifiers
nvme nvme0: Abort status: 0x0
nvme nvme0: Shutdown timeout set to 8 seconds
nvme0: Identify(0x6), Invalid Field in Command (sct 0x0 / sc 0x2) MORE DNR
nvme0n1: Dataset Management(0x9) @ LBA 2048, 8 blocks, Invalid Field in Command (sct 0x0 / sc 0x2) DNR
ena 0000:00:05.0: ENA device version: 0.10
ena 0000:00:05.0: LLQ is not supported by this AMI
ena 0000:00:05.0 ens5: renamed from eth0
ena 0000:00:05.0 ens5: Local page cache is disabled for less than 16 channels
ixgbevf 0000:00:03.0: NIC Link is Up 10 Gbps
virtio_blk virtio1: [vda] 16777216 512-byte logical blocks (8.59 GB/8.00 GiB)
virtio_net virtio0 eth0: renamed from eth0
rcu: INFO: rcu_preempt self-detected stall on CPU
watchdog: Delayed init of the lockup detector failed: -19
INFO: lockdep is turned off.
serial8250: ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a 16550A
random: crng init done
usb 1-1: Product: EXT4-fs error (device sda1)
audit: type=1400 audit(1.2:3): apparmor="DENIED" comm="INFO: task x:1 blocked for more than 120 seconds"
systemd[1]: Buffer I/O error on dev xvda, logical block 1
dockerd[812]: EXT4-fs error (device xvda1): in a container
snapd[640]: net eth0: Disabled for further use
"""


def stamped(*messages: str, at: float = 5.0) -> str:
    return "".join(f"[{at + number:12.6f}] {message}\n" for number, message in enumerate(messages))


def told(text: str) -> list[tuple[str, str, int]]:
    return [(event.code, event.subject, event.count) for event in find_events(text)]


def test_all_patterns_of_the_reference_are_there() -> None:
    codes = [pattern.code for pattern in PATTERNS]
    assert len(set(codes)) == len(codes)
    assert {f"L{number:02d}" for number in range(1, 56)} <= set(codes)
    cures = {code for pattern in PATTERNS for code in pattern.healed_by}
    assert cures <= set(codes)
    assert {code for code in codes if not code.startswith("L")} <= cures, "a recovery that heals nothing"


@pytest.mark.parametrize(("pattern", "sample"), SAMPLES, ids=[f"{p.code}-{s[:30]}" for p, s in SAMPLES])
def test_each_sample_is_found_by_its_pattern_alone(pattern: Pattern, sample: str) -> None:
    (event,) = find_events(stamped("before", sample, "behind"))
    assert event.code == pattern.code
    assert event.subject
    assert (event.first_seconds, event.last_seconds, event.count) == (6.0, 6.0, 1)
    assert event.message == sample[:200]


@pytest.mark.parametrize(("pattern", "sample"), SAMPLES, ids=[f"{p.code}-{s[:30]}" for p, s in SAMPLES])
def test_a_programs_line_is_never_an_event(pattern: Pattern, sample: str) -> None:
    assert find_events(stamped(f"foo[12]: {sample}", f"{pattern.code}: says {sample}")) == ()


@pytest.mark.parametrize("line", [line for line in NOISE.splitlines() if line])
def test_noise_is_no_event(line: str) -> None:
    assert told(stamped(line)) == []


def test_what_recorded_guests_printed_is_known() -> None:
    """All of them healthy but one: its disk was closed by the host while it was mounted."""
    known = {"L03", "L13", "L21", "L23", "L25", "mounted", "remounted", "nvme-ready"}
    found = {name: {code for code, _, _ in told(corpus.host(name).kernel_log())} for name in corpus.GUESTS}
    assert {name: codes - known for name, codes in found.items() if codes - known} == {
        "pvh-closed": {"L45"},
        "pvhvm-detached": {"L45"},
    }


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        ("ena 0000:00:05.0 eth0 (uninitialized): Trigger reset is on", "eth0"),
        ("ena 0000:00:05.0: Trigger reset is on", "0000:00:05.0"),
        ("ena: Trigger reset is on", "ena"),
        ("critical target error, dev sdb, sector 1 op 0x1:(WRITE) flags 0x20800 phys_seg 1 prio class 0", "sdb"),
        ("print_req_error: I/O error, dev sdc, sector 1 flags 80801", "sdc"),
        ("INFO: task my: task:77 blocked for more than 241 seconds.", "my: task[77]"),
        ("EXT4-fs error (device dm-3): ext4_find_entry:1455: inode #2: comm x", "dm-3"),
        ("xenbus_probe_frontend: Device with no driver: device/vif/1", "vif-1"),
        ("platform_pci_unplug: Blkfront and the Xen platform PCI driver have been compiled for this kernel: unplug"
         " emulated disks.\\x0aYou might have to change the root device\\x0afrom /dev/hd[a-d] to /dev/xvd[a-d]", "disks"),
    ],
)  # fmt: skip
def test_subjects(message: str, subject: str) -> None:
    assert [event.subject for event in find_events(stamped(message))] == [subject]


@pytest.mark.parametrize(
    ("line", "seconds", "message"),
    [
        ("[    5.140900] text", 5.1409, "text"),
        ("[12345678.000001] text", 12345678.000001, "text"),
        ("[    5.140900][    T1] text", 5.1409, "text"),
        ("[    5.140900][   C12] text", 5.1409, "text"),
        ("<6>[    5.140900] text", 5.1409, "text"),
        ("[    5.140900]  vda: vda1", 5.1409, " vda: vda1"),
        ("[    5.140900] [UFW BLOCK] IN=eth0", 5.1409, "[UFW BLOCK] IN=eth0"),
        ("[Thu Nov 20 03:12:44 2026] text", None, "text"),
        ("text", None, "text"),
        ("[", None, "["),
        ("]", None, "]"),
        ("<x>text", None, "<x>text"),
        ("[     .     ] text", None, "[     .     ] text"),
    ],
)
def test_stamps(line: str, seconds: float | None, message: str) -> None:
    assert split_stamp(line) == (seconds, message)


def test_lines_are_counted_by_subject() -> None:
    error = "I/O error, dev xvd{}, sector 8 op 0x1:(WRITE) flags 0x0 phys_seg 1 prio class 0"
    text = stamped(*[error.format(disk) for disk in "abba"], at=10.0)
    first, second = find_events(text)
    assert (first.subject, first.count, first.first_seconds, first.last_seconds) == ("xvda", 2, 10.0, 13.0)
    assert (second.subject, second.count, second.recent_seconds) == ("xvdb", 2, (11.0, 12.0))


def test_subjects_are_bounded_and_nothing_goes_uncounted() -> None:
    text = stamped(*[f"INFO: task proc{n}:{n} blocked for more than 120 seconds." for n in range(5000)])
    events = find_events(text)
    assert len(events) == kernel_events.SUBJECTS + 1
    assert events[-1].subject == kernel_events.OTHERS
    assert sum(event.count for event in events) == 5000
    again = merge_events(events, find_events(text.replace("proc", "other")))
    assert len(again) == kernel_events.SUBJECTS + 1
    assert sum(event.count for event in again) == 10000
    assert all(len(event.recent_seconds) <= 16 and len(event.message) <= 200 for event in again)


def test_a_line_without_end_costs_no_more_than_a_long_one() -> None:
    text = "[    1.000000] I/O error, dev xvda, sector 1 " + "I/O error, dev xvda, sector " * 10_000
    assert told(text) == [("L46", "xvda", 1)]


def test_a_form_takes_words_only() -> None:
    assert fill("XFS ({device}): Ending", "XFS (xvdb): Ending clean") == {"device": "xvdb"}
    assert fill("{a}-{b}", "x-y z") == {"a": "x", "b": "y"}
    assert fill("XFS ({device}): Ending", "XFS (a b): Ending") is None
    assert fill("XFS ({device}): Ending", "XFS (): Ending") is None
    assert fill("XFS ({device}): Ending", "XFS (xvdb) Ending") is None
    assert fill("at {clock}", "at ") is None


def test_a_programs_line_has_a_number_in_brackets() -> None:
    assert is_of_program("systemd[1]: text")
    assert is_of_program("(sd-pam)[77]: text")
    assert not is_of_program("INFO: task a[1]: b")
    assert not is_of_program("[ENA_COM: x] text")
    assert not is_of_program("xvda: x")


# properties

_LINES = st.sampled_from(
    [f"[{n:12.6f}] {sample}" for n, (_, sample) in enumerate(SAMPLES)]
    + [f"[    0.{n:06d}] Hypervisor detected: {n}" for n in range(6)]
    + ["[    1.000000] Xen version: 4.17 and Booting kernel on Xen", "[    2.000000] foo[1]: Xen version 4", "", "text"]
    + ["[    3.000000] virt-agent: kernel log records lost: 12"]
)
_LOGS = st.lists(_LINES, max_size=40).map(lambda lines: "".join(line + "\n" for line in lines))


@given(_LOGS, _LOGS)
def test_two_readings_add_up_to_one(earlier: str, later: str) -> None:
    assert merge(parse_log(earlier), parse_log(later)) == parse_log(earlier + later)


@given(_LOGS, _LOGS, _LOGS)
def test_it_does_not_matter_where_a_log_is_cut(a: str, b: str, c: str) -> None:
    first, second, third = parse_log(a), parse_log(b), parse_log(c)
    assert merge(merge(first, second), third) == merge(first, merge(second, third))


@given(_LOGS, _LOGS)
def test_what_is_new_is_counted_apart(earlier: str, later: str) -> None:
    merged = merge(parse_log(earlier), as_news(parse_log(later)))
    new = {(event.code, event.subject): event.count for event in parse_log(later).events}
    assert {(e.code, e.subject): e.since_start for e in merged.events if e.since_start} == new
    assert all(event.since_start <= event.count for event in merged.events)


_PIECES = [*"[]<>(){}:. \n0T\x00\ud800é", "xen", "ena ", "nvme nvme0: ", "I/O error, dev ", "INFO: task ", "blkfront: "]
_PIECES += [piece for _, sample in SAMPLES for piece in (sample[: len(sample) // 2], sample[len(sample) // 2 :])]


@given(st.lists(st.sampled_from(_PIECES), max_size=30).map("".join))
def test_hostile_text_gives_bounded_events(text: str) -> None:
    log = parse_log(text)
    for event in log.events:
        assert 1 <= event.count <= log.lines
        assert len(event.subject) <= 64
        assert "\n" not in event.message + event.subject


@given(st.text())
def test_any_text_is_a_log(text: str) -> None:
    assert parse_log(text).lines <= text.count("\n") + 1
    stamp, message = split_stamp(text)
    assert text.endswith(message)
    assert stamp is None or stamp >= 0


# the collector


class Following(SnapshotHost):
    """A live machine whose ring gets these texts, one before each reading."""

    live = True

    def __init__(self, *texts: str | SourceError) -> None:
        super().__init__(MemoryTree())
        self._texts = list(texts)

    def kernel_log(self) -> str:
        text = self._texts.pop(0) if self._texts else ""
        if isinstance(text, SourceError):
            raise text
        return text


def test_a_daemon_adds_what_comes_to_what_was() -> None:
    host = Following(
        stamped("xvdb disabled for further use"), stamped("xvdb disabled for further use", "x", at=90.0), ""
    )
    logs: list[KernelLog | None] = [None]
    for _ in range(3):
        logs.append(read_kernel_log(Source(host, Facts(kernel_log=logs[-1]))))
    first, second, third = (log.events[0] if log else None for log in logs[1:])
    assert first == LogEvent("L02", "xvdb", 1, 0, 5.0, 5.0, (5.0,), "xvdb disabled for further use")
    assert second == third == replace(first, count=2, since_start=1, last_seconds=90.0, recent_seconds=(5.0, 90.0))
    assert logs[3] is not None
    assert logs[3] == logs[2]
    assert (logs[3].followed, logs[3].lines) == (True, 3)


def test_a_reading_that_fails_forgets_nothing() -> None:
    host = Following(stamped("xvdb disabled for further use"), Unreadable("dev/kmsg", "broken", "EIO"))
    log = read_kernel_log(Source(host))
    source = Source(host, Facts(kernel_log=log))
    assert read_kernel_log(source) == log
    assert [error.code for error in source.problems] == ["EIO"]


def test_a_snapshot_is_not_followed_and_says_all_at_once() -> None:
    tree = MemoryTree()
    tree.add("virt-agent/kernel.log", stamped("xvdb disabled for further use").encode())
    host = SnapshotHost(tree)
    log = read_kernel_log(Source(host))
    assert log is not None
    assert not log.followed
    assert read_kernel_log(Source(host, Facts(kernel_log=log))) == log


def test_a_recording_of_two_readings_replays_as_one() -> None:
    texts = (stamped("xvdb disabled for further use"), stamped("xvdb disabled for further use", at=90.0))
    recorder = Recorder(Following(*texts))
    log = read_kernel_log(Source(recorder))
    log = read_kernel_log(Source(recorder, Facts(kernel_log=log)))
    assert log is not None
    replayed = parse_log(recorder.recording.kernel_log or "")
    assert replayed.events == tuple(replace(event, since_start=0) for event in log.events)


def test_a_reading_that_brings_nothing_leaves_the_log_as_it_was() -> None:
    class Quiet(SnapshotHost):
        live = True

        def kernel_log(self) -> str:
            return ""

    log = KernelLog(lines=7, followed=True)
    assert read_kernel_log(Source(Quiet(MemoryTree()), Facts(kernel_log=log))) is log
