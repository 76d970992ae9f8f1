"""What the kernel prints of disks, file systems, network cards, tasks, CPUs and clocks, whatever drives them.

From block/blk-core.c and blk-mq.c, fs/buffer.c, fs/ext4/super.c, fs/xfs/, fs/btrfs/, net/sched/sch_generic.c,
kernel/hung_task.c, kernel/watchdog.c, kernel/time/clocksource.c and drivers/virtio/ of Linux 5.4 to 6.18.
"""

from __future__ import annotations

from .form import Group, Pattern

# Floppy and CD drives without a medium, loop devices without a file, memory, and disks over the network.
_DISK = r"(?P<disk>(?!(?:fd|sr|scd|loop|zram|ram|nbd)\d)[\w!/-]+)"
_DEVICE = r"(?P<driver>[\w-]+) (?P<device>\S+?)(?: (?P<nic>[^\s:]+)(?: \([^)]*\))?)?: "

DISKS = Group(
    (),
    (
        Pattern(
            "L45",
            ("Buffer I/O error on dev",),
            rf"^Buffer I/O error on dev(?:ice)? {_DISK},? logical block \d+",
            ("{disk}",),
            (
                "Buffer I/O error on dev xvdc, logical block 16385, lost sync page write",
                "Buffer I/O error on dev nvme1n1p1, logical block 0, async page read",
                "Buffer I/O error on device xvda1, logical block 7",
            ),
        ),
        Pattern(
            "L46",
            (" error, dev ",),
            # not for discards and write zeroes: what they fail to do loses nothing. From 4.17 to 5.1 the operation is
            # the last byte of the flags; without its name a target's error may be a refused discard, and a write that
            # was lost is told by L45 or L47 as well.
            r"^(?:blk_update_request: |print_req_error: |end_request: )?"
            rf"(?:I/O|critical medium|critical target(?=.* op 0x)|timeout|protection) error, dev {_DISK}, sector \d+\b"
            r"(?! op 0x\w+:\((?:DISCARD|SECURE_ERASE|WRITE_ZEROES)\)| flags (?:[\da-f]*0)?[359]$)",
            ("{disk}",),
            (
                "blk_update_request: I/O error, dev xvdb, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 0",
                "I/O error, dev nvme1n1, sector 499204104 op 0x1:(WRITE) flags 0x0 phys_seg 3 prio class 2",
                "print_req_error: I/O error, dev xvda, sector 2097152 flags 0",
                "end_request: I/O error, dev xvda, sector 2097152",
                "critical medium error, dev sda, sector 12 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0",
            ),
        ),
        Pattern(
            "L47",
            ("Remounting filesystem read-only", "hut down due to", "hutting down filesystem", "forced readonly"),
            r"^(?:EXT[34]-fs \((?P<ext>[^)\s]+)\): Remounting filesystem read-only"
            r"|XFS \((?P<xfs>[^)\s]+)\): (?!User initiated).*?(?:[Ss]hut down due to|Shutting down filesystem)"
            r"|BTRFS \w+ \(device (?P<btrfs>[^)\s]+?)(?: state \w+)?\).*?: forced readonly)",
            ("{ext}", "{xfs}", "{btrfs}"),
            (
                "EXT4-fs (xvda1): Remounting filesystem read-only",
                "XFS (nvme0n1p1): Filesystem has been shut down due to log error (0x2).",
                "XFS (xvdb): Log I/O Error Detected. Shutting down filesystem",
                "BTRFS info (device xvdb): forced readonly",
                "BTRFS info (device xvdb state EA): forced readonly",
            ),
            ("mounted", "remounted"),
        ),
        Pattern(
            "L48",
            ("EXT4-fs error", "EXT3-fs error", "mounting fs with errors", "orruption detected", "BTRFS critical"),
            r"^(?:EXT[34]-fs error \(device (?P<ext>[^)\s]+)\)|EXT4-fs \((?P<old>[^)\s]+)\): warning: mounting fs with"
            r" errors|XFS \((?P<xfs>[^)\s]+)\): (?:Metadata )?[Cc]orruption detected"
            r"|BTRFS critical \(device (?P<btrfs>[^)\s]+?)(?: state \w+)?\))",
            ("{ext}", "{old}", "{xfs}", "{btrfs}"),
            (
                "EXT4-fs error (device xvda1): ext4_lookup:1706: inode #131077: comm ls: deleted inode referenced: 131090",
                "EXT4-fs (xvdb): warning: mounting fs with errors, running e2fsck is recommended",
                "XFS (nvme1n1): Metadata corruption detected at xfs_agf_read_verify+0x78/0x140 [xfs], xfs_agf block 0x1",
            ),
            ("mounted",),
        ),
        Pattern(
            "mounted",
            ("mounted filesystem", "nding clean mount", "nding recovery"),
            "",
            ("{device}",),
            (
                "EXT4-fs (xvdb): mounted filesystem with ordered data mode. Quota mode: none.",
                "EXT4-fs (xvda1): mounted filesystem 00000000-0000-4000-8000-000000000001 r/w with ordered data mode."
                " Quota mode: none.",
                "XFS (nvme1n1): Ending clean mount",
            ),
            forms=(
                "EXT4-fs ({device}): mounted filesystem",
                "XFS ({device}): Ending clean mount",
                "XFS ({device}): Ending recovery",
            ),
            unless=(" ro with",),
        ),
        Pattern(
            "remounted",
            ("re-mounted",),
            "",
            ("{device}",),
            (
                "EXT4-fs (xvda1): re-mounted. Opts: discard,errors=remount-ro. Quota mode: none.",
                "EXT4-fs (xvda1): re-mounted 00000000-0000-4000-8000-000000000001 r/w. Quota mode: none.",
            ),
            forms=("EXT4-fs ({device}): re-mounted",),
            unless=(" ro.",),
        ),
    ),
)

REST = Group(
    (),
    (
        Pattern(
            "L23",
            ("as unstable because the skew is too large",),
            "",
            ("{clock}",),
            (
                "clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc' as unstable because the skew is"
                " too large:",
            ),
            forms=(
                "clocksource: timekeeping watchdog on CPU{cpu}: Marking clocksource '{clock}' as unstable because the skew is too large",
                "timekeeping watchdog on CPU{cpu}: Marking clocksource '{clock}' as unstable because the skew is too large",
            ),
        ),
        Pattern(
            "L24",
            ("read-back delay",),
            r"^(?:clocksource: )?timekeeping watchdog on CPU\d+: wd-(?P<clock>[\w-]+?)-wd (?:excessive )?read-back delay"
            r" (?:of )?\d+ns.*\bmarking (?:\S+ )?unstable",
            ("{clock}",),
            (
                "clocksource: timekeeping watchdog on CPU227: wd-tsc-wd excessive read-back delay of 153560ns vs. limit"
                " of 125000ns, wd-wd read-back delay only 11440ns, attempt 3, marking tsc unstable",
                "clocksource: timekeeping watchdog on CPU13: wd-tsc-wd read-back delay 1000614ns, attempt 3, marking"
                " unstable",
            ),
        ),
        Pattern(
            "L25",
            ("witched to clocksource ",),
            "",
            ("{clock}",),
            ("clocksource: Switched to clocksource xen", "Switched to clocksource tsc"),
            forms=(
                "clocksource: Switched to clocksource {clock}",
                "Switched to clocksource {clock}",
            ),
        ),
        Pattern(
            "L44",
            ("NETDEV WATCHDOG",),
            rf"^(?:{_DEVICE})?NETDEV WATCHDOG: (?:CPU: \d+: )?(?:(?P<old>\S+) \(\S*\): )?transmit queue \d+ timed out",
            ("{old}", "{nic}", "{device}"),
            (
                "NETDEV WATCHDOG: eth0 (vif): transmit queue 0 timed out",
                "NETDEV WATCHDOG: ens5 (ena): transmit queue 1 timed out 5068 ms",
                "ena 0000:00:05.0 ens5: NETDEV WATCHDOG: CPU: 1: transmit queue 0 timed out 5068 ms",
            ),
            ("L28", "ena-ready"),
        ),
        Pattern(
            "L49",
            ("INFO: task ",),
            r"^INFO: task (?P<task>.{1,32}?):(?P<pid>\d+)(?:, parent .{1,32}?:\d+)? blocked (?:[\w /]{1,40} )?"
            r"for more than \d+ s",
            ("{task}[{pid}]",),
            (
                "INFO: task jbd2/xvdb-8:923 blocked for more than 122 seconds.",
                "INFO: task postgres:2211 blocked in I/O wait for more than 120 seconds.",
            ),
        ),
        Pattern(
            "L50",
            ("soft lockup - CPU#",),
            r"^(?:watchdog: )?BUG: soft lockup - CPU#(?P<cpu>\d+) stuck for \d+s",
            ("CPU {cpu}",),
            (
                "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:2:51]",
                "BUG: soft lockup - CPU#0 stuck for 23s! [swapper/0:0]",
            ),
        ),
        Pattern(
            "L51",
            ("too much work for irq",),
            r"^(?:serial8250|ttyS\d+): too much work for irq(?P<irq>\d+)",
            ("irq{irq}",),
            ("serial8250: too much work for irq4", "ttyS0: too much work for irq4"),
        ),
        Pattern(
            "L52",
            ("etected Tx Unit Hang", "PF still in reset state", "erhaps the PF Driver"),
            r"^(?:ixgbevf|igbvf) (?P<device>\S+?)(?: (?P<nic>[^\s:]+)(?: \([^)]*\))?)?: (?:Detected Tx Unit Hang"
            r"|PF still in reset state|Unable to start - perhaps the PF Driver)",
            ("{nic}", "{device}"),
            (
                "ixgbevf 0000:00:03.0: PF still in reset state.  Is the PF interface up?",
                "ixgbevf 0000:00:03.0 eth0: Detected Tx Unit Hang",
                "ixgbevf 0000:00:03.0 eth0: Unable to start - perhaps the PF Driver isn't up yet",
            ),
        ),
        Pattern(
            "L53",
            ("TX timeout on queue",),
            r"^virtio_net (?P<device>virtio\d+)(?: (?P<nic>[^\s:]+)(?: \([^)]*\))?)?: TX timeout on queue: \d+",
            ("{nic}", "{device}"),
            (
                "virtio_net virtio0 eth0: TX timeout on queue: 0, sq: output.0, vq: 0x1, name: output.0, 5120000 usecs ago",
            ),
        ),
        Pattern(
            "L54",
            ("VIRTIO_F_VERSION_1",),
            r"^[\w-]+ (?P<device>virtio\d+): (?:virtio: )?(?:device uses modern interface but does not have"
            r"|device must provide) VIRTIO_F_VERSION_1",
            ("{device}",),
            (
                "virtio_blk virtio1: virtio: device uses modern interface but does not have VIRTIO_F_VERSION_1",
                "virtio_net virtio0: device uses modern interface but does not have VIRTIO_F_VERSION_1",
                "virtio virtio2: device must provide VIRTIO_F_VERSION_1",
            ),
        ),
    ),
)
