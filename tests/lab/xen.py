"""The outer machine: Xen and its dom0 under QEMU, and the domains' configurations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from . import courier, images
from .qemu import machine
from .shapes import Dom0, Guest, XenGuest

# SMAP kills the PV dom0 under QEMU 7.2; MWAIT and RDTSCP are emulated wrongly.
PROCESSOR = "EPYC,+svm,-smap,-monitor,-rdtscp"
XEN_ARGUMENTS = (
    "dom0_mem=1024M,max:1024M dom0_max_vcpus=1 dom0_vcpus_pin com1=115200,8n1 console=com1 "
    "loglvl=warning guest_loglvl=warning cpuidle=0 spec-ctrl=no"
)
# No comma may stand here: QEMU splits its -initrd at commas.
DOM0_ARGUMENTS = f"console=hvc0 panic=5 quiet lab_root={images.ROOT_UUIDS['dom0']} lab_stage=inside.dom0"
DOM0_DRIVERS = ("virtio_pci", "virtio_blk", "ext4")
XEN_DRIVERS = ("xen_blkfront", "ata_piix", "sd_mod", "ext4")
OUTER_SECONDS = 600
LIMIT_SECONDS = {"pv": 600, "pvh": 600, "hvm": 900}
ADDRESS, GATEWAY = "10.0.2.15/24", "10.0.2.2"
DISTURBANCE_SECONDS = 240
WATCH_SECONDS = 1500

CONFIG = """\
name="{name}"
type="{kind}"
kernel="{{kernel}}"
ramdisk="{{ramdisk}}"
extra="console={console} panic=5 quiet lab_root={root} \
lab_stage=inside.guest {arguments}"
memory=512
vcpus=1
cpus="1"
tsc_mode="native"
on_poweroff="destroy"
on_reboot="destroy"
on_crash="destroy"
disk=[{disks}]
vif=["bridge=labbr,mac=00:16:3e:5a:00:01"]
{more}
"""
HVM_LINES = (
    'serial="file:/var/log/xen/console/guest-{name}.log"',
    "vga='none'",
    "nographic=1",
    "vnc=0",
    "usb=0",
)
NAMES = {"pv": "xvd", "pvh": "xvd", "hvm": "hd"}
CDROM = {
    "empty": "'format=raw,vdev=hdd,access=ro,devtype=cdrom,target='",
    "iso": "'format=raw,vdev=hdd,access=ro,devtype=cdrom,target={iso}'",
}


class Session:
    """One start of the outer machine with the guests that it is to boot."""

    def __init__(self, release: images.Release, cache: Path, agent: Path, ask: str) -> None:
        self.release = release
        self.cache = cache
        self.agent = agent
        self.ask = ask

    def run(self, domains: Sequence[XenGuest], dom0: Dom0 | None, folder: Path) -> Iterator[str]:
        """Boot them one after the other; yields what dom0 tells, as it comes."""
        share = folder / "share"
        shutil.rmtree(folder, ignore_errors=True)
        (share / "results").mkdir(parents=True)
        plans = [self._plan(guest, share) for guest in domains]
        plan = {"examine": dom0.name if dom0 else "", "ask": self.ask, "domains": plans}
        (share / "plan.json").write_text(json.dumps(plan, indent=1))
        own = courier.pack(self.agent, {}, folder / "dom0.courier")
        silence = OUTER_SECONDS + max((each["limit"] for each in plans), default=0)
        with machine(self._command(own, share), folder / "console.log", folder) as outer:
            yield from outer.follow(silence)

    def _plan(self, guest: XenGuest, share: Path) -> dict[str, Any]:
        disturbed = DISTURBANCE_SECONDS if guest.disturb else 0
        watched = WATCH_SECONDS if guest.watched else 0
        files = {
            "kernel": self.release.kernel(guest.flavour),
            "ramdisk": self._ramdisk(guest, share),
            "courier": courier.pack(self.agent, orders(guest, self.ask), share / "courier.new"),
            "data": images.data_disk(self.cache),
            "iso": images.iso(self.cache),
        }
        for role, source in files.items():
            shutil.copy(source, share / f"{guest.name}.{role}")
        return {
            "name": guest.name,
            "config": config(guest),
            "files": {role: f"{guest.name}.{role}" for role in files},
            "disturb": list(guest.disturb),
            "limit": LIMIT_SECONDS[guest.kind] + disturbed + watched,
        }

    def _ramdisk(self, guest: XenGuest, share: Path) -> Path:
        base = images.ramdisk(self.release, guest.flavour, XEN_DRIVERS)
        if guest.root != "ram":
            return base
        own = courier.pack(self.agent, orders(guest, self.ask), share / "ram.courier")
        plain = images.ramdisk(self.release, guest.flavour, ())
        return images.with_root(plain, self.release, own, share / "ram.ramdisk")

    def _command(self, own: Path, share: Path) -> list[str]:
        release = self.release
        ramdisk = images.ramdisk(release, "amd64", DOM0_DRIVERS)
        disks = (
            f"file={images.root_disk(release, 'dom0')},snapshot=on",
            f"file={own}",
            f"file={images.root_disk(release, 'guest')},snapshot=on",
        )
        drives = [word for disk in disks for word in ("-drive", f"{disk},format=raw,if=virtio")]
        return [
            "-accel",
            "tcg,thread=multi,tb-size=1024",
            "-cpu",
            PROCESSOR,
            "-smp",
            "2",
            "-m",
            "3072",
            "-nographic",
            "-no-reboot",
            "-net",
            "none",
            "-kernel",
            str(images.hypervisor(release)),
            "-append",
            XEN_ARGUMENTS,
            "-initrd",
            f"{release.kernel('amd64')} {DOM0_ARGUMENTS},{ramdisk}",
            *drives,
            "-virtfs",
            f"local,path={share},mount_tag=share,security_model=none,multidevs=remap",
        ]


def config(guest: XenGuest) -> str:
    hvm = guest.kind == "hvm"
    lines = [line.format(name=guest.name) for line in HVM_LINES] if hvm else []
    return CONFIG.format(
        name=guest.name,
        kind=guest.kind,
        console="ttyS0" if hvm else "hvc0",
        root=images.ROOT_UUIDS["guest"],
        arguments=guest.arguments,
        disks=", ".join(_disks(guest)),
        more="\n".join([*lines, *guest.settings]),
    )


def orders(guest: XenGuest, ask: str) -> dict[str, Any]:
    return {
        "name": guest.name,
        "address": ADDRESS,
        "gateway": GATEWAY,
        "disturbed": bool(guest.disturb),
        "watched": guest.watched,
        "ask": ask,
    }


def by_itself(guests: Iterable[Guest]) -> Dom0 | None:
    """The dom0 that is looked at before any guest, if it is among these."""
    return next((g for g in guests if isinstance(g, Dom0) and g.during is None), None)


def _disks(guest: XenGuest) -> list[str]:
    """`phy:`, so that the real xen-blkback serves them and not QEMU."""
    name = NAMES[guest.kind]
    sources = {"a": "/dev/vdc", "b": "{courier}", "c": "{data}"}
    disks = [f"'phy:{source},{name}{letter},w'" for letter, source in sources.items()]
    return [*disks, CDROM[guest.cdrom]] if guest.cdrom else disks
