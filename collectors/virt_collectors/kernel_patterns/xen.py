"""What Xen's frontends, grant tables, balloon and event channels print.

From the printk formats of drivers/block/xen-blkfront.c, drivers/net/xen-netfront.c, drivers/xen/ and
arch/x86/xen/ in Linux 5.4 to 6.18. The lines on backends whose answers make no sense came with the hardening of the
frontends in 5.16 and with XSA-396, in stable kernels of 2021 and 2022.
"""

from __future__ import annotations

from .form import Group, Pattern

_NETFRONT = r"^(?:net (?P<nic>[^\s:]+)|vif (?P<vif>vif-\S+?)(?: (?P<name>[^\s:]+))?): "
_NETFRONT_SUBJECTS = ("{nic}", "{name}", "{vif}")
_FATAL = (
    r"reading backend fields at|setup_indirect at|xlvbd_add at|(?:starting|completing|ending) transaction"
    r"|creating netdev|reading virtual-device|parsing \S+/mac|allocating |granting access to ring page"
    r"|bind_evtchn_to_irqhandler|writing [\w-]+|failed to |negotiat"
)

# Lines of a disk or network card by its name: no word of Xen in them.
FRONTENDS = Group(
    (),
    (
        Pattern(
            "L01",
            ("illegal number of responses", ": response "),
            r"^(?P<disk>(?:xvd|sd|hd)\w+): (?:illegal number of responses \d+|response has incorrect id \(-?\d+\)"
            r"|response references no pending request|response has wrong operation \(\d+ instead of \d+\))",
            ("{disk}",),
            (
                "xvdb: illegal number of responses 4294967295",
                "xvda: response has incorrect id (2147483650)",
                "xvda: response references no pending request",
                "xvda: response has wrong operation (1 instead of 0)",
            ),
        ),
        Pattern(
            "L02",
            ("disabled for further use",),
            r"^(?P<disk>(?:xvd|sd|hd)\w+) disabled for further use",
            ("{disk}",),
            ("xvdb disabled for further use",),
        ),
        Pattern(
            "L03",
            ("blkfront: ",),
            "",
            ("{disk}",),
            (
                "blkfront: xvda: barrier or flush: disabled; persistent grants: disabled; indirect descriptors:"
                " enabled;",
                "blkfront: xvda: flush diskcache: enabled; persistent grants: enabled; indirect descriptors:"
                " enabled; bounce buffer: enabled",
                "blkfront: xvdf: barrier: enabled; persistent grants: disabled; indirect descriptors: disabled;"
                " bounce buffer: disabled;",
            ),
            forms=(
                "blkfront: {disk}: barrier or flush: disabled;",
                "blkfront: {disk}: flush diskcache: enabled;",
                "blkfront: {disk}: barrier: enabled;",
            ),
        ),
        Pattern(
            "L04",
            ("op failed",),
            r"^blkfront: (?P<disk>\S+): (?:empty )?\S+(?: \S+)? op failed",
            ("{disk}",),
            ("blkfront: xvda: flush op failed", "blkfront: xvdb: empty flush op failed"),
        ),
        Pattern(
            "L05",
            ("has not unmapped grant",),
            r"^(?:xen_blkfront: )?backed has not unmapped grant: \d+",
            ("blkfront",),
            ("backed has not unmapped grant: 1073",),
        ),
        Pattern(
            "L06",
            ("vbd-", "vif-", "console-", "pci-0"),
            r"^\w+ (?P<device>(?:vbd|vif|console|pci)-\d+): -?\d+ (?:" + _FATAL + ")",
            ("{device}",),
            (
                "vbd vbd-51728: 2 reading backend fields at /local/domain/0/backend/vbd/7/51728",
                "vbd vbd-51712: 12 xlvbd_add at /local/domain/0/backend/vbd/7/51712",
                "vif vif-0: 28 starting transaction",
                "vif vif-0: 12 creating netdev",
                "xen vif-1: 22 parsing device/vif/1/mac",
            ),
        ),
        Pattern(
            "L07",
            ("llegal number of responses", "esponse has incorrect", "inactive request", "Grant still in use",
             "RX producer index", "isabled for further use"),
            _NETFRONT + r"(?:Illegal number of responses \d+|Response has incorrect id \(-?\d+\)"
            r"|Response for inactive request|Grant still in use by backend domain"
            r"|RX producer index going backwards|Disabled for further use)",
            _NETFRONT_SUBJECTS,
            (
                "net eth0: Illegal number of responses 4294967040",
                "vif vif-0: Illegal number of responses 512",
                "net eth0: Response has incorrect id (65535)",
                "vif vif-0 enX0: Grant still in use by backend domain",
                "net eth0: Disabled for further use",
            ),
        ),
        Pattern(
            "L08",
            ("Bad rx response id", "rx->offset: ", "Need more slots", "Too many slots", "issing extra info",
             "nvalid extra type"),
            _NETFRONT + r"(?:Bad rx response id \d+|rx->offset: -?\w+, size: -?\d+|Need more slots|Too many slots"
            r"|Missing extra info|Invalid extra type: \d+)",
            _NETFRONT_SUBJECTS,
            (
                "net eth0: rx->offset: 0, size: -1",
                "net eth0: Need more slots",
                "vif vif-0 eth0: Bad rx response id 17",
            ),
        ),
        Pattern(
            "L10",
            ("does not support copying receive path",),
            r"^(?:(?:vif|xen) (?P<vif>vif-\S+): |(?:xennet|xen_netfront): )?"
            r"backend does not support copying receive path",
            ("{vif}", "xen-netfront"),
            (
                "vif vif-0: backend does not support copying receive path",
                "xen_netfront: backend does not support copying receive path",
            ),
        ),
    ),
)  # fmt: skip

XEN = Group(
    ("xen", "Xen", "XEN"),
    (
        Pattern(
            "L09",
            ("skb rides the rocket",),
            r"^(?:xen_netfront: )?xennet: skb rides the rocket: \d+ slots",
            ("xen-netfront",),
            (
                "xennet: skb rides the rocket: 19 slots",
                "xen_netfront: xennet: skb rides the rocket: 19 slots, 1514 bytes",
            ),
        ),
        Pattern(
            "L11",
            ("imeout connecting to device: ",),
            r"^(?:xenbus_probe_frontend|XENBUS): Timeout connecting to device: device/(?P<type>vbd|vif)/(?P<number>\d+) "
            r"\(local state (?P<local>\d+), remote state (?P<remote>\d+)\)",
            ("{type}-{number}",),
            (
                "xenbus_probe_frontend: Timeout connecting to device: device/vbd/51728 (local state 3, remote state 2)",
                "XENBUS: Timeout connecting to device: device/vif/0 (local state 1, remote state 1)",
            ),
        ),
        Pattern(
            "L12",
            ("imeout connecting to device: ",),
            r"^(?:xenbus_probe_frontend|XENBUS): Timeout connecting to device: device/(?P<type>vfb|vkbd)/(?P<number>\d+) ",
            ("{type}-{number}",),
            (
                "xenbus_probe_frontend: Timeout connecting to device: device/vfb/0 (local state 3, remote state 1)",
                "xenbus_probe_frontend: Timeout connecting to device: device/vkbd/0 (local state 3, remote state 1)",
            ),
        ),
        Pattern(
            "L13",
            ("evice with no driver: ",),
            "",
            ("{type}-{number}",),
            (
                "xenbus_probe_frontend: Device with no driver: device/vif/0",
                "XENBUS: Device with no driver: device/vbd/51712",
            ),
            forms=(
                "xenbus_probe_frontend: Device with no driver: device/{type}/{number}",
                "XENBUS: Device with no driver: device/{type}/{number}",
            ),
        ),
        Pattern(
            "L14",
            ("aiting for devices to initialise: ",),
            r"^(?:xenbus_probe_frontend|XENBUS): Waiting for devices to initialise: ",
            ("boot",),
            ("xenbus_probe_frontend: Waiting for devices to initialise: 25s...20s...15s...",),
        ),
        Pattern(
            "L15",
            ("max_grant_frames reached",),
            r"^(?:xen:grant_table: )?xen/grant-table: max_grant_frames reached cur=\d+ extra=\d+ limit=(?P<limit>\d+)",
            ("grant table",),
            (
                "xen:grant_table: xen/grant-table: max_grant_frames reached cur=32 extra=1 limit=32"
                " gnttab_free_count=1 req_entries=32",
            ),
        ),
        Pattern(
            "L16",
            ("leaking g.e. ",),
            r"^(?:xen:grant_table: )?(?:WARNING: )?leaking g\.e\. ",
            ("grant table",),
            (
                "xen:grant_table: leaking g.e. 0x4d2 (pfn 0x1f3a2)",
                "xen:grant_table: leaking g.e. 0x4d2 (pfn 0xffffffffffffffff) (total deferred 12, total leaked 1)",
            ),
        ),
        Pattern(
            "L17",
            ("annot add additional memory",),
            r"^(?:xen:balloon|xen_balloon): Cannot add additional memory \((?P<errno>-?\d+)\)",
            ("balloon",),
            ("xen:balloon: Cannot add additional memory (-17)",),
        ),
        Pattern(
            "L18",
            ("xen-balloon thread could not",),
            r"^(?:xen:balloon: )?xen-balloon thread could not be started",
            ("balloon",),
            ("xen:balloon: xen-balloon thread could not be started, ballooning will not work!",),
        ),
        Pattern(
            "L19",
            ("nitial ballooning ",),
            r"^(?:xen:balloon: )?Initial ballooning (?:failed|stalling for \d+s), -?\d+ pages need to be freed",
            ("balloon",),
            (
                "xen:balloon: Initial ballooning failed, 131072 pages need to be freed.",
                "xen:balloon: Initial ballooning stalling for 60s, 4096 pages need to be freed.",
            ),
        ),
        Pattern(
            "L20",
            ("Xen Platform",),
            r"^(?:platform_pci_unplug: )?Xen Platform(?: PCI)?: (?:unrecognised magic value|blacklisted by host"
            r"|unknown I/O protocol version)",
            ("platform device",),
            (
                "platform_pci_unplug: Xen Platform PCI: unrecognised magic value",
                "Xen Platform PCI: unknown I/O protocol version 3",
                "platform_pci_unplug: Xen Platform: blacklisted by host",
            ),
        ),
        Pattern(
            "L21",
            ("unplug emulated ",),
            "",
            ("{what}",),
            (
                "platform_pci_unplug: Netfront and the Xen platform PCI driver have been compiled for this kernel:"
                " unplug emulated NICs.",
                "platform_pci_unplug: Blkfront and the Xen platform PCI driver have been compiled for this kernel:"
                " unplug emulated disks.",
            ),
            forms=(
                "platform_pci_unplug: Netfront and the Xen platform PCI driver have been compiled for this kernel: unplug emulated {what}.",
                "platform_pci_unplug: Blkfront and the Xen platform PCI driver have been compiled for this kernel: unplug emulated {what}.",
                "Netfront and the Xen platform PCI driver have been compiled for this kernel: unplug emulated {what}.",
                "Blkfront and the Xen platform PCI driver have been compiled for this kernel: unplug emulated {what}.",
            ),
        ),
        Pattern(
            "L22",
            ("PVCLOCK not supported",),
            r"^xen: (?:VDSO_CLOCKMODE|VCLOCK)_PVCLOCK not supported \((?P<why>tsc unstable|err -?\d+)\)",
            ("clock",),
            (
                "xen: VDSO_CLOCKMODE_PVCLOCK not supported (tsc unstable)",
                "xen: VCLOCK_PVCLOCK not supported (err -38)",
            ),
        ),
        Pattern(
            "L55",
            ("kernel BUG at drivers/xen/events",),
            r"^kernel BUG at (?:\S*/)?drivers/xen/events/events_base\.c",
            ("event channels",),
            ("kernel BUG at drivers/xen/events/events_base.c:1234!",),
        ),
    ),
)
