"""Large guests as snapshots: `python3 -m tests.generate DIR --disks 1024 --nics 64 --cpus 192`.

A Xen PVHVM guest, the same one for the same arguments. An illness can be planted in it, as
in `Guest(disks=2, closed="vbd-51728")`.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

RELEASE = "6.1.0-56-amd64"
UUID = "a4c1c1f0-0000-4000-8000-000000000001"
MOUNTED_EVERY = 4  # so many disks apart lie the mounted ones
_SECTORS = 20 << 21  # 20 GiB
_FLAGS = (
    "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht syscall nx"
    " mmxext pdpe1gb lm rep_good nopl cpuid extd_apicid tsc_known_freq pni pclmulqdq ssse3 fma cx16 sse4_1 sse4_2"
    " x2apic movbe popcnt aes xsave avx f16c rdrand hypervisor lahf_lm cr8_legacy abm sse4a 3dnowprefetch vmmcall"
    " fsgsbase bmi1 avx2 smep bmi2 adx clflushopt xsaveopt xgetbv1 arat"
)


class Link(NamedTuple):
    """A symbolic link."""

    target: str


Entries = dict[str, str | Link]  # path → a file's text, or a link


class Guest(NamedTuple):
    """How large, and how ill. The illnesses name a frontend ("vbd-51728", "vif-0"), `stalled` a disk ("xvdb")."""

    disks: int = 2
    nics: int = 1
    cpus: int = 2
    closed: str = ""  # its backend has gone
    unbound: str = ""  # no driver took it
    stalled: str = ""  # requests in flight while every task waits for I/O

    def state(self, frontend: str) -> str:
        return {self.closed: "Closed", self.unbound: "Initialising"}.get(frontend, "Connected")


def disk_name(index: int) -> str:
    """The name of the index-th xvd: xvda to xvdz, xvdaa and on (xen-blkfront.c, encode_disk_name)."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return f"xvd{letters}"


def vbd_number(index: int) -> int:
    """The virtual device number of the index-th xvd (docs/man/xen-vbd-interface.7): 16 disks, then extended ones."""
    return 202 << 8 | index << 4 if index < 16 else 1 << 28 | index << 8


def device_number(index: int, partition: int = 0) -> str:
    """major:minor as blkfront makes it: 16 minors for a disk, 256 for an extended one."""
    return f"202:{(index << 4 if index < 16 else index << 8) + partition}"


def entries(guest: Guest) -> Entries:
    """All files and links of the guest."""
    found: Entries = {}
    for part in (platform(), processors(guest.cpus), activity(guest), mounts(guest), routes(guest), modules()):
        found.update(part)
    for index in range(guest.disks):
        found.update(disk(guest, index))
    for index in range(guest.nics):
        found.update(nic(guest, index))
    return found


def platform() -> Entries:
    dmi = {"sys_vendor": "Xen", "product_name": "HVM domU", "bios_vendor": "Xen", "bios_version": "4.17.5"}
    dmi |= {"product_uuid": UUID, "chassis_vendor": "Xen"}
    xen = {"type": "xen", "guest_type": "HVM", "uuid": UUID, "version/major": "4", "version/minor": "17"}
    xen |= {"version/extra": ".5", "properties/features": "00012705"}
    clock = {"current_clocksource": "xen", "available_clocksource": "xen tsc hpet acpi_pm "}
    pci = {"vendor": "0x5853", "device": "0x0001", "class": "0xff8000"}
    return {
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
        "proc/cmdline": f"BOOT_IMAGE=/boot/vmlinuz-{RELEASE} root=/dev/xvda1 ro quiet\n",
        "proc/xen/capabilities": "",
        "proc/sys/kernel/osrelease": f"{RELEASE}\n",
        "proc/uptime": "1036800.21 400.46\n",
        "proc/meminfo": "MemTotal:       16393216 kB\nMemFree:         2625000 kB\n",
        "sys/bus/pci/devices/0000:00:02.0": Link("../../../devices/pci0000:00/0000:00:02.0"),
        "sys/devices/pci0000:00/0000:00:02.0/driver": Link("../../../bus/pci/drivers/xen-platform-pci"),
        "sys/bus/pci/drivers/xen-platform-pci/bind": "",
        "sys/bus/xen-backend/drivers_autoprobe": "1\n",
        "sys/class/dmi/id": Link("../../devices/virtual/dmi/id"),
        **_attributes("sys/devices/virtual/dmi/id", dmi),
        **_attributes("sys/hypervisor", xen),
        **_attributes("sys/devices/system/clocksource/clocksource0", clock),
        **_attributes("sys/devices/pci0000:00/0000:00:02.0", pci),
        **answers(),
    }


def answers() -> Entries:
    """What is no file of the guest's."""
    uname = ["Linux", "db-17", RELEASE, "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)", "x86_64"]
    meta = {"schema": 1, "agent_version": "0.1.0", "time": "2026-11-20T03:12:09Z", "uname": uname, "privileged": True}
    leaves = {
        0x00000001: (0x00800F12, 0x00040800, 0xFEF83203, 0x178BFBFD),
        0x40000000: (0x40000005, 0x566E6558, 0x65584D4D, 0x4D4D566E),  # "XenVMMXenVMM"
        0x40000001: (0x00040011, 0, 0, 0),
        0x40000002: (1, 0x40000000, 0, 0),
        0x40000004: (0x5C, 0, 41, 0),
    }
    written = {
        f"0x{leaf:08x}": {name: f"0x{value:08x}" for name, value in zip(("eax", "ebx", "ecx", "edx"), row, strict=True)}
        for leaf, row in leaves.items()
    }
    log = "[    0.000000] Hypervisor detected: Xen HVM\n[    0.000000] Booting paravirtualized kernel on Xen HVM\n"
    return {
        "virt-agent/meta.json": json.dumps(meta),
        "virt-agent/cpuid.json": json.dumps({"method": "instruction", "leaves": written}),
        "virt-agent/errors.json": "{}",
        "virt-agent/kernel.log": log,
    }


def processors(count: int) -> Entries:
    """/proc/cpuinfo (arch/x86/kernel/cpu/proc.c)."""
    text = (
        "processor\t: {cpu}\nvendor_id\t: AuthenticAMD\ncpu family\t: 23\nmodel\t\t: 1\n"
        "model name\t: AMD EPYC Processor\nstepping\t: 2\nmicrocode\t: 0x1000065\ncpu MHz\t\t: 2585.928\n"
        "cache size\t: 512 KB\nphysical id\t: 0\nsiblings\t: {count}\ncore id\t\t: {cpu}\ncpu cores\t: {count}\n"
        "apicid\t\t: {cpu}\ninitial apicid\t: {cpu}\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: 13\n"
        "wp\t\t: yes\nflags\t\t: {flags}\nbugs\t\t: fxsave_leak null_seg spectre_v1 spectre_v2 retbleed srso div0\n"
        "bogomips\t: 5171.85\nTLB size\t: 1024 4K pages\nclflush size\t: 64\ncache_alignment\t: 64\n"
        "address sizes\t: 40 bits physical, 48 bits virtual\npower management:\n\n"
    )
    return {"proc/cpuinfo": "".join(text.format(cpu=cpu, count=count, flags=_FLAGS) for cpu in range(count))}


def activity(guest: Guest) -> Entries:
    """/proc/stat with its line of all interrupts, and /proc/pressure/io."""
    times = (34170, 120, 13300, 2218000, 910, 0, 140, 77, 0, 0)
    rows = ["cpu  " + " ".join(str(time * guest.cpus) for time in times)]
    rows += [f"cpu{cpu} " + " ".join(map(str, times)) for cpu in range(guest.cpus)]
    # Event channels: 6 for each CPU (timer, IPIs, spinlock), 1 for each queue of a device; the rest of nr_irqs is 0.
    used = [1000 + at * 7 for at in range(6 * guest.cpus + guest.disks + guest.nics)]
    rows.append(" ".join(map(str, ["intr", sum(used), *used, *[0] * (256 + 16 * guest.cpus)])))
    rows += ["ctxt 5617000", "btime 1763599929", "processes 148000", "procs_running 1", "procs_blocked 0"]
    rows.append("softirq 2639000 0 735000 6 3000 0 0 1000 0 0 1900000")
    full = "97.20" if guest.stalled else "0.00"
    pressure = f"some avg10={full} avg60=0.00 avg300=0.00 total=1\nfull avg10={full} avg60=0.00 avg300=0.00 total=1\n"
    return {"proc/stat": "\n".join(rows) + "\n", "proc/pressure/io": pressure}


def mounts(guest: Guest) -> Entries:
    """The root on xvda1, and every fourth disk on its own."""
    rows = [
        "22 29 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw",
        "23 29 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw",
    ]
    rows += [
        f"{40 + at} 29 {number} / {point} rw,relatime shared:1 - ext4 /dev/{name} rw"
        for at, (number, point, name) in enumerate(_mounted(guest))
    ]
    numbers = {f"sys/dev/block/{number}": Link(f"../../class/block/{name}") for number, _, name in _mounted(guest)}
    return {"proc/self/mountinfo": "\n".join(rows) + "\n", **numbers}


def _mounted(guest: Guest) -> Iterator[tuple[str, str, str]]:
    """Device number, mount point and block device of each mount."""
    if guest.disks:
        yield device_number(0, 1), "/", "xvda1"
    for index in range(MOUNTED_EVERY, guest.disks, MOUNTED_EVERY):
        yield device_number(index), f"/data/{index:04d}", disk_name(index)


def routes(guest: Guest) -> Entries:
    rows = ["Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"]
    rows += ["eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0"] if guest.nics else []
    rows += [f"eth{at}\t{at:02X}00000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0" for at in range(guest.nics)]
    return {
        "proc/net/route": "\n".join(rows) + "\n",
        "sys/class/net/lo": Link("../../devices/virtual/net/lo"),
        "sys/devices/virtual/net/lo/mtu": "65536\n",
    }


def modules() -> Entries:
    """As many as in Debian's kernel: 250 built in, 4,000 to be loaded, 600 kB of modules.dep."""
    builtin = [f"kernel/drivers/part{at % 40}/builtin_{at:03d}.ko" for at in range(250)]
    kept = [f"kernel/drivers/part{at % 90}/some-driver-{at:04d}.ko" for at in range(4000)]
    depends = [f"{path}: {kept[at // 2]} {kept[at // 3]}" for at, path in enumerate(kept)]
    depends += [f"kernel/drivers/net/xen-netfront.ko: {kept[0]}", f"kernel/drivers/block/xen-blkfront.ko: {kept[0]}"]
    return {
        f"lib/modules/{RELEASE}/modules.builtin": "\n".join(builtin) + "\n",
        f"lib/modules/{RELEASE}/modules.dep": "\n".join(depends) + "\n",
        "proc/modules": "".join(
            f"{name} 49152 1 - Live 0xffffffffc0486000 (E)\n" for name in ("xen_netfront", "xen_blkfront", "ext4")
        ),
    }


def disk(guest: Guest, index: int) -> Entries:
    """A vbd on xenbus, with the block device above it where blkfront took it. xvda has a partition."""
    name, vbd = disk_name(index), f"vbd-{vbd_number(index)}"
    found = frontend(guest, vbd, index)
    if guest.unbound == vbd:
        return found
    above = f"sys/devices/{vbd}/block/{name}"
    busy = guest.stalled == name
    figures = {"size": _SECTORS, "ro": 0, "dev": device_number(index)}
    figures |= {"stat": f"{199 + index:8d} 0 16454 3440 {71 + index:8d} 0 9120 812 0 3508 3440 0 0 0 0 0 0"}
    figures |= {"inflight": f"       0 {14 if busy else 0:8d}", "queue/scheduler": "[mq-deadline] none"}
    found |= {f"{above}/device": Link(f"../../../{vbd}"), **_attributes(above, figures)}
    found |= {f"sys/{view}/{name}": Link(f"{up}/devices/{vbd}/block/{name}") for view, up in _VIEWS}
    if index == 0:
        found |= _attributes(f"{above}/{name}1", {"partition": 1, "size": _SECTORS - 2048, "dev": device_number(0, 1)})
        found[f"sys/class/block/{name}1"] = Link(f"../../devices/{vbd}/block/{name}/{name}1")
    return found


_VIEWS = (("block", ".."), ("class/block", "../.."))


def nic(guest: Guest, index: int) -> Entries:
    """A vif on xenbus, with the interface above it where netfront took it."""
    name, vif = f"eth{index}", f"vif-{index}"
    found = frontend(guest, vif, index)
    if guest.unbound == vif:
        return found
    above = f"sys/devices/{vif}/net/{name}"
    figures = {"address": f"00:16:3e:00:{index >> 8:02x}:{index & 255:02x}", "operstate": "up", "carrier": 1}
    found |= {f"{above}/device": Link(f"../../../{vif}"), **_attributes(above, {**figures, "mtu": 1500})}
    found[f"sys/class/net/{name}"] = Link(f"../../devices/{vif}/net/{name}")
    return found


def frontend(guest: Guest, name: str, index: int) -> Entries:
    kind = name.partition("-")[0]
    above = f"sys/devices/{name}"
    figures = {"state": guest.state(name), "devtype": kind, "modalias": f"xen:{kind}"}
    found: Entries = {f"sys/bus/xen/devices/{name}": Link(f"../../../devices/{name}"), **_attributes(above, figures)}
    found[f"{above}/subsystem"] = Link("../../bus/xen")
    if guest.unbound != name:
        found |= {f"{above}/driver": Link(f"../../bus/xen/drivers/{kind}"), f"sys/bus/xen/drivers/{kind}/bind": ""}
    return found


def _attributes(above: str, values: Mapping[str, object]) -> Entries:
    return {f"{above}/{name}": f"{value}\n" for name, value in values.items()}


def write(guest: Guest, directory: str) -> None:
    """Lay the guest out under a directory."""
    for path, entry in entries(guest).items():
        full = os.path.join(directory, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if isinstance(entry, Link):
            os.symlink(entry.target, full)
        else:
            with open(full, "w") as file:
                file.write(entry)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python3 -m tests.generate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory")
    for field, default in Guest._field_defaults.items():
        parser.add_argument(f"--{field}", type=type(default), default=default)
    given = vars(parser.parse_args())
    write(Guest(**{field: given[field] for field in Guest._fields}), given["directory"])


if __name__ == "__main__":
    main()
