"""What the drivers of EC2's Nitro hardware print: ENA and NVMe, and ixgbevf of the older enhanced networking.

From drivers/net/ethernet/amazon/ena/, drivers/nvme/host/ and drivers/net/ethernet/intel/ixgbevf/ of Linux 5.4 to
6.18. What ena_com.c prints had no device before 5.11, and began with a small letter before 5.10; Amazon's own
builds of it write "[ENA_COM: function]" (EC2 user guide, troubleshooting-ena).
"""

from __future__ import annotations

from .form import Group, Pattern

_ENA = r"^(?:ena(?: (?P<pci>[0-9a-f:.]{7,12}))?(?: (?P<nic>[^\s:]+)(?: \([^)]*\))?)?: ?)(?:\[ENA_COM: \w+\] ?)?"
_ENA_COM = r"^(?:ena(?: (?P<pci>[0-9a-f:.]{7,12}))?(?: (?P<nic>[^\s:]+)(?: \([^)]*\))?)?: ?)?(?:\[ENA_COM: \w+\] ?)?"
_ENA_SUBJECTS = ("{nic}", "{pci}", "ena")
_RESET = ("L28", "ena-ready")
_NVME = r"^nvme (?P<controller>nvme\d+): "
_NVME_SUBJECTS = ("{controller}",)
_TIMEOUT = r"I/O (?:tag )?\d+\b.{0,80}? QID \d+ timeout, "

ENA = Group(
    ("ena ", "ena: ", "ENA_COM"),
    (
        Pattern(
            "L26",
            ("Keep alive watchdog timeout",),
            _ENA + "Keep alive watchdog timeout",
            _ENA_SUBJECTS,
            ("ena 0000:00:05.0 ens5: Keep alive watchdog timeout.",),
            _RESET,
        ),
        Pattern(
            "L27",
            ("rigger reset is on",),
            _ENA + "[Tt]rigger reset is on",
            _ENA_SUBJECTS,
            ("ena 0000:00:05.0 ens5: Trigger reset is on",),
            _RESET,
        ),
        Pattern(
            "L28",
            ("evice reset completed",),
            _ENA + "Device reset completed",
            _ENA_SUBJECTS,
            (
                "ena 0000:00:05.0: Device reset completed successfully",
                "ena 0000:00:05.0: Device reset completed successfully, Driver info: Elastic Network Adapter (ENA) v2.1.0K",
            ),
        ),
        Pattern(
            "L29",
            ("eset attempt failed",),
            _ENA + "Reset attempt failed",
            _ENA_SUBJECTS,
            ("ena 0000:00:05.0: Reset attempt failed. Can not reset the device",),
            _RESET,
        ),
        Pattern(
            "L30",
            ("MSI-X interrupt (cmd ",),
            _ENA_COM
            + r"The ena device (?:sent a|have) completion but the driver didn't receive (?:a|any) MSI-X interrupt"
            r" \(cmd \d+\)",
            _ENA_SUBJECTS,
            (
                "ena 0000:00:05.0 ens5: The ena device sent a completion but the driver didn't receive a MSI-X"
                " interrupt (cmd 8), autopolling mode is OFF",
                "ena: The ena device have completion but the driver didn't receive any MSI-X interrupt (cmd 8)",
            ),
            _RESET,
        ),
        Pattern(
            "L31",
            ("for the admin cmd ",),
            _ENA_COM + r"The ena device (?:didn't send a|doesn't send any) completion for the admin cmd \d+ status \d+",
            _ENA_SUBJECTS,
            (
                "ena 0000:00:05.0 ens5: The ena device didn't send a completion for the admin cmd 11 status 1",
                "ena: The ena device doesn't send any completion for the admin cmd 11 status 1",
            ),
            _RESET,
        ),
        Pattern(
            "L32",
            (" threshold (",),
            _ENA + r"(?:The number of lost tx completions? is above the threshold"
            r"|Lost TX completions are above (?:the )?threshold) \(\d+ > \d+\)",
            _ENA_SUBJECTS,
            (
                "ena 0000:00:05.0 ens5: The number of lost tx completions is above the threshold (129 > 128). Reset"
                " the device",
                "ena 0000:00:05.0 ens5: Lost TX completions are above the threshold (129 > 128). Completion"
                " transmission timeout: 5000.",
            ),
            _RESET,
        ),
        Pattern(
            "L33",
            ("wasn't completed on time",),
            _ENA + r"Found a Tx that wasn't completed on time, qid \d+, index \d+",
            _ENA_SUBJECTS,
            (
                "ena 0000:00:05.0 ens5: Found a Tx that wasn't completed on time, qid 2, index 377.",
                "ena 0000:00:05.0 ens5: Found a Tx that wasn't completed on time, qid 0, index 12. 6000 usecs have"
                " passed since last napi execution. Missing Tx timeout value 5000 msecs",
            ),
            _RESET,
        ),
        Pattern(
            "L34",
            ("otential MSIX issue on ",),
            _ENA + r"Potential MSIX issue on [RT]x side Queue = \d+",
            _ENA_SUBJECTS,
            ("ena 0000:00:05.0 ens5: Potential MSIX issue on Rx side Queue = 1. Reset the device",),
            _RESET,
        ),
        Pattern(
            "L35",
            ("ENA admin queue is not in running state",),
            _ENA + "ENA admin queue is not in running state",
            _ENA_SUBJECTS,
            ("ena 0000:00:05.0 ens5: ENA admin queue is not in running state!",),
            _RESET,
        ),
        Pattern(
            "L36",
            ("rigger refill for ring ",),
            _ENA + r"[Tt]rigger refill for ring \d+",
            _ENA_SUBJECTS,
            ("ena 0000:00:05.0 ens5: Trigger refill for ring 3", "ena 0000:00:05.0 eth0: trigger refill for ring 3"),
        ),
        Pattern(
            "L37",
            ("eading reg failed for timeout",),
            _ENA_COM + r"[Rr]eading reg failed for timeout\. expected: req id",
            _ENA_SUBJECTS,
            (
                "ena 0000:00:05.0 ens5: Reading reg failed for timeout. expected: req id[1] offset[88] actual: req"
                " id[57006] offset[0]",
                "ena: reading reg failed for timeout. expected: req id[10] offset[8] actual: req id[57016] offset[0]",
                "[ENA_COM: ena_com_reg_bar_read32] reading reg failed for timeout. expected: req id[1] offset[88]"
                " actual: req id[57006] offset[0]",
            ),
            _RESET,
        ),
        Pattern(
            "L38",
            ("LLQ is ",),
            _ENA + r"LLQ is (?:not supported Fallback to host mode policy|advertised as supported but device doesn't"
            r" expose mem bar)",
            _ENA_SUBJECTS,
            (
                "ena 0000:00:05.0: LLQ is not supported Fallback to host mode policy.",
                "ena 0000:00:05.0: LLQ is advertised as supported but device doesn't expose mem bar",
            ),
        ),
        Pattern(
            "ena-ready",
            ("Elastic Network Adapter (ENA) found",),
            "",
            _ENA_SUBJECTS,
            ("ena 0000:00:05.0: Elastic Network Adapter (ENA) found at mem febf4000, mac addr 02:00:00:00:00:01",),
            forms=("ena {pci}: Elastic Network Adapter (ENA) found",),
        ),
    ),
)

NVME = Group(
    ("nvme",),
    (
        Pattern(
            "L39",
            (" timeout, aborting", " timeout, completion polled"),
            _NVME + _TIMEOUT + "(?:aborting|completion polled)",
            _NVME_SUBJECTS,
            (
                "nvme nvme0: I/O 123 QID 4 timeout, aborting",
                "nvme nvme0: I/O 26 QID 3 timeout, completion polled",
                "nvme nvme1: I/O 5 (I/O Cmd) QID 1 timeout, aborting",
                "nvme nvme1: I/O tag 512 (2200) opcode 0x1 (I/O Cmd) QID 2 timeout, aborting req_op:WRITE(1) size:4096",
                "nvme nvme1: I/O tag 5 (0005) QID 0 timeout, completion polled",
            ),
        ),
        Pattern(
            "L40",
            (" timeout, reset controller", " timeout, disable controller"),
            _NVME + _TIMEOUT + "(?:reset|disable) controller",
            _NVME_SUBJECTS,
            (
                "nvme nvme0: I/O 8 QID 0 timeout, reset controller",
                "nvme nvme0: I/O tag 17 (1011) opcode 0x2 (I/O Cmd) QID 1 timeout, reset controller",
                "nvme nvme0: I/O 24 QID 0 timeout, disable controller",
            ),
            ("nvme-ready",),
        ),
        Pattern(
            "L41",
            ("controller is down; will reset",),
            _NVME + "controller is down; will reset: CSTS=0x[0-9a-f]+",
            _NVME_SUBJECTS,
            (
                "nvme nvme1: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10",
                "nvme nvme1: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS read failed (134)",
            ),
            ("nvme-ready",),
        ),
        Pattern(
            "L42",
            ("evice after reset failure", "after probe failure", "IO queues lost", "evice not ready; aborting"),
            _NVME + r"(?:Disabling device after reset failure: -?\d+|Removing after probe failure status: -?\d+"
            r"|IO queues lost|Device not ready; aborting \w+)",
            _NVME_SUBJECTS,
            (
                "nvme nvme1: Disabling device after reset failure: -19",
                "nvme nvme1: Removing after probe failure status: -19",
                "nvme nvme0: IO queues lost",
                "nvme nvme1: Device not ready; aborting reset, CSTS=0x1",
                "nvme nvme1: Device not ready; aborting initialisation",
            ),
            ("nvme-ready",),
        ),
        Pattern(
            "L43",
            ("(sct 0x",),
            # not for discards and write zeroes: what they fail to do loses nothing
            r"^(?P<disk>nvme\d+(?:c\d+)?n\d+): [\w /-]{1,40}\(0x(?!9\)|8\))[0-9a-f]+\) @ LBA \d+, \d+ blocks, .{1,60}?"
            r" \(sct 0x[0-9a-f]+ / sc 0x[0-9a-f]+\)",
            ("{disk}",),
            (
                "nvme1n1: Read(0x2) @ LBA 66560, 8 blocks, Unrecovered Read Error (sct 0x2 / sc 0x81) DNR",
                "nvme0n1: I/O Cmd(0x1) @ LBA 0, 256 blocks, Host Aborted Command (sct 0x3 / sc 0x71)",
            ),
        ),
        Pattern(
            "nvme-ready",
            ("default/read/poll queues",),
            "",
            _NVME_SUBJECTS,
            ("nvme nvme1: 2/0/0 default/read/poll queues",),
            forms=("nvme {controller}: {queues} default/read/poll queues",),
        ),
    ),
)
