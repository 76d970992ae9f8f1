"""R-09, R-11 and R-16: kernel parameters that fit one platform, and room for the next kernel."""

from __future__ import annotations

from virt_collectors.host import Space

from .form import INFO, NITRO, OK, REBOOT, TARGETS, TO_PV, UNKNOWN, WARNING, Case, Check, Found
from .next_boot import remaining

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MIB = 1 << 20
_FREE_IN_BOOT, _USED_OF_ROOT = 200 * _MIB, 0.95
_TIMEOUTS = ("nvme_core.io_timeout", "nvme.io_timeout")
_LONGEST = 4_294_967_295
_SHORT_SECONDS = 3600


def _io_timeout(case: Case) -> Iterator[Found]:
    boot = case.next_boot.boot
    if boot is None:
        return
    given = next(((key, boot.value(key)) for key in _TIMEOUTS if boot.value(key)), None)
    remedy = (
        f"Add nvme_core.io_timeout={_LONGEST} to GRUB_CMDLINE_LINUX in /etc/default/grub, then sudo update-grub",
        "Or install the udev rules of amazon-ec2-utils.",
    )
    if given is None:
        what = "EBS volumes get the kernel's I/O timeout of 30 s"
        saw = ("no nvme_core.io_timeout on the next command line; udev's rules were not read",)
        yield Found(WARNING, "nvme_core.io_timeout", what, saw, remedy)
        return
    key, value = given
    # 254 and 255 are the most that kernels with one byte for it take
    if (
        value
        and value.isascii()
        and value.isdecimal()
        and (int(value[:12]) >= _SHORT_SECONDS or value in ("254", "255"))
    ):
        yield Found(OK, key, f"{key}={value}: EBS volumes are waited for")
    else:
        yield Found(WARNING, key, f"{key}={value} is short for EBS volumes", (f"{key}={value}",), remedy)


def _space(case: Case) -> Iterator[Found]:
    space = case.facts.space or {}
    rooms = (("/boot", _room_in_boot), ("/", _room_in_root))
    yield from (judge(space[path]) for path, judge in rooms if path in space)
    unseen = " and ".join(path for path, _ in rooms if path not in space)
    if unseen:
        yield Found(
            UNKNOWN, unseen, f"how full {unseen} are was not seen", ("it could not be asked",), ("df -h / /boot",)
        )


def _room_in_boot(space: Space) -> Found:
    free = f"{space.free // _MIB} MiB of {space.total // _MIB} MiB free"
    if space.free >= _FREE_IN_BOOT:
        return Found(OK, "/boot", f"/boot has room for a kernel: {free}")
    what = f"/boot has little room: {free}"
    return Found(WARNING, "/boot", what, (free,), ("sudo apt autoremove --purge takes old kernels away", "df -h /boot"))


def _room_in_root(space: Space) -> Found:
    used = 1 - space.free / space.total if space.total else 0.0
    if used <= _USED_OF_ROOT:
        return Found(OK, "/", f"/ is {used:.0%} full")
    return Found(WARNING, "/", f"/ is {used:.0%} full", (f"{space.free // _MIB} MiB free",), ("sudo du -xh --max-depth=2 / 2>/dev/null",))  # fmt: skip


def _xen_parameters(case: Case) -> Iterator[Found]:
    boot = case.next_boot.boot
    if boot is None:
        return
    if case.target == REBOOT:
        yield from _shift(case)
        return
    left = [word for word in boot.parameters if word.startswith("xen") or word in ("clocksource=xen", "nopv")]
    if left and case.moving:
        what = f"the next command line has {', '.join(left)}, which is for Xen"
        remedy = ("Remove it from GRUB_CMDLINE_LINUX* in /etc/default/grub", "sudo update-grub")
        yield Found(WARNING, "kernel command line", what, (f"parameters: {' '.join(left)}",), remedy)
    elif case.moving:
        yield Found(OK, "kernel command line", "the next command line has nothing that is for Xen alone")


def _shift(case: Case) -> Iterator[Found]:
    """What --without, or a line that was edited since the last boot, does to the devices."""
    entry = case.next_boot.entry
    line = entry.parameters if entry else ()
    idle = [word for word in case.without if remaining(line, (word,)) == line]
    if idle:
        what = f"{', '.join(idle)} is not on the next command line: without it nothing changes"
        yield Found(INFO, "kernel command line", what, (f"--without {' '.join(idle)}",))
    if case.shift is None:
        return
    words = ("PV drivers take over: sda becomes xvda, ens4 becomes eth0 or enX0",) if case.shift == TO_PV else (
        "PV drivers stay out: xvda becomes sda, disk and network are emulated",
    )  # fmt: skip
    saw = (f"now: {' '.join(case.facts.boot.parameters if case.facts.boot else ())}",)
    yield Found(INFO, "kernel command line", f"at the next boot {words[0]}", saw)


CHECKS = (
    Check(
        code="R-09",
        name="nvme-io-timeout",
        targets=(NITRO,),
        title="NVMe requests are waited for as long as EBS may pause",
        judge=_io_timeout,
        means="When EBS pauses for longer, requests fail in place of waiting, and file systems turn read-only (rule V02).",
        source="EC2 user guide, Amazon EBS and NVMe, I/O operation timeout",
        decides=False,
    ),
    Check(
        code="R-11",
        name="space",
        targets=TARGETS,
        title="/boot and / have room",
        judge=_space,
        means="An upgrade that runs out of room leaves a kernel or an initramfs that is cut short.",
        source="statvfs(3)",
        decides=False,
    ),
    Check(
        code="R-16",
        name="xen-parameters",
        targets=(REBOOT, NITRO),
        title="the next command line fits the platform below",
        judge=_xen_parameters,
        means="Parameters for Xen mean nothing elsewhere or harm, as a clock that is not there; on Xen they decide which"
        " driver has the disks.",
        source="Documentation/admin-guide/kernel-parameters.txt; arch/x86/xen/platform-pci-unplug.c",
        decides=False,
    ),
)
