"""R-06 and R-15: who calls disks by names that the next boot may not know.

An entry of fstab without nofail is required by local-fs.target: where its device does not come within 90 s
(x-systemd.device-timeout=), systemd ends in emergency mode, where no ssh is (systemd.mount(5), systemd.special(7)).
Swap areas and network shares do not stop the boot.
"""

from __future__ import annotations

from virt_collectors.configuration import FstabEntry

from . import names
from .form import BLOCKER, INFO, NITRO, OK, TARGETS, UNKNOWN, WARNING, Case, Check, Found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NOT_AT_BOOT = frozenset({"noauto", "x-systemd.automount", "_netdev"})
_SHOWN = 6
_BUILDS_THE_ROOT = ("etc/crypttab", "etc/mdadm", "etc/lvm")
_BY_ID = "Its id: lsblk -o NAME,UUID,LABEL; write UUID=... in its place in /etc/fstab, nofail for data volumes"
_TEST = "Test it: sudo findmnt --verify"


def _fstab(case: Case) -> Iterator[Found]:
    configuration = case.facts.configuration
    if configuration is None or (configuration.fstab is None and "etc/fstab" in case.facts.unreadable):
        yield Found(
            UNKNOWN, "/etc/fstab", "/etc/fstab could not be read", ("it is what mounts the disks",), (case.command,)
        )
        return
    entries = [entry for entry in configuration.fstab or () if is_mounted_at_boot(entry)]
    found = [finding for entry in entries for finding in _entry(case, entry)]
    count = f"{len(entries)} entr{'y' if len(entries) == 1 else 'ies'}"
    yield from found or [Found(OK, "/etc/fstab", f"/etc/fstab: {count} for disks, all found again")]


def is_mounted_at_boot(entry: FstabEntry) -> bool:
    """A local disk that systemd mounts or swaps on by itself."""
    return names.is_disk_name(entry.source) and _NOT_AT_BOOT.isdisjoint(entry.options)


def _fate(case: Case, entry: FstabEntry) -> str:
    """What is mounted there now was found, maybe by a link of somebody's own (/dev/xvdf on Amazon Linux, LVM's)."""
    fate = names.fate(case, entry.source)
    mounted = any(mount.point == entry.point and mount.device for mount in case.facts.mounts or ())
    unseen = fate in (names.NOWHERE, names.NOT_TOLD) and names.link_of(entry.source) is None
    return names.THERE if mounted and unseen and not case.renames_disks else fate


def _entry(case: Case, entry: FstabEntry) -> Iterator[Found]:
    fate = _fate(case, entry)
    saw = (f"/etc/fstab: {entry.source} {entry.point} {entry.type} {','.join(entry.options)}",)
    if fate in (names.NOWHERE, names.GONE):
        yield _lost(case, entry, saw)
    elif fate == names.MOVABLE:
        what = f"maybe another disk on {entry.point} at the next boot: {entry.source}"
        yield Found(WARNING, entry.source, what, saw, (_BY_ID, _TEST))
    elif fate == names.NOT_TOLD and _is_essential(entry):
        what = f"whether there is a disk for {entry.point} is not known: {entry.source}"
        yield Found(UNKNOWN, entry.source, what, saw, ("sudo blkid", _TEST))


def _is_essential(entry: FstabEntry) -> bool:
    return "nofail" not in entry.options and entry.type != "swap" and entry.point.startswith("/")


def _lost(case: Case, entry: FstabEntry, saw: tuple[str, ...]) -> Found:
    what = f"no disk for {entry.point} at the next boot: {entry.source}"
    remedy = (_BY_ID, _TEST)
    if not _is_essential(entry):
        return Found(WARNING, entry.source, what, saw, remedy)
    timeout = next((word for word in entry.options if word.startswith("x-systemd.device-timeout=")), None)
    saw = (*saw, f"waits {timeout.partition('=')[2] if timeout else '90 s'} for it, then emergency mode: no nofail")
    if _has_links_for_old_names(case, entry):
        note = "Amazon Linux has udev rules that keep the old name as a link, where the volume is attached under it"
        return Found(WARNING, entry.source, what, (*saw, note), remedy)
    return Found(BLOCKER, entry.source, what, saw, remedy, stops_boot=True)


def _has_links_for_old_names(case: Case, entry: FstabEntry) -> bool:
    """amazon-ec2-utils, 70-ec2-nvme-devices.rules: /dev/sdf and /dev/xvdf lead to the volume attached as such."""
    on_nitro = case.target == NITRO or case.reading.verdict.ec2_system == "nitro"
    return (
        on_nitro and (case.facts.os or "").startswith("Amazon Linux") and names.by_kernel_name(entry.source) is not None
    )


def _users(case: Case) -> Iterator[Found]:
    """The root file system behind a mapping is put together by these files, from the initramfs."""
    found = case.facts.device_names
    if found is None:
        yield Found(UNKNOWN, "device names", "who calls disks by name could not be read", ("no files were read",), (case.command,))  # fmt: skip
        return
    lost = [use for use in found.disks if _goes_away(case, use.device)]
    for use in lost[:_SHOWN]:
        builds = use.path.startswith(_BUILDS_THE_ROOT) and case.moving and _root_is_mapped(case)
        what = f"/{use.path} calls a disk {use.device}, which is no disk at the next boot"
        saw = (f"/{use.path}:{use.line}: {use.text}",)
        remedy = (f"Write UUID=... or /dev/disk/by-uuid/... there: sudo blkid {use.device}",)
        yield Found(BLOCKER if builds else WARNING, f"/{use.path}", what, saw, remedy)
    if len(lost) > _SHOWN:
        yield Found(INFO, "device names", f"{len(lost) - _SHOWN} more lines call disks by such names")
    unread = [text for text in found.problems if text.startswith(tuple(f"/{path}" for path in _BUILDS_THE_ROOT))]
    if unread:
        ask = (case.command,) if case.denied(*_BUILDS_THE_ROOT) else ()
        what = "files that name disks could not be read whole"
        state = UNKNOWN if case.moving and _root_is_mapped(case) else INFO
        yield Found(state, "device names", what, tuple(unread[:_SHOWN]), ask)
    elif not lost:
        what = "crypttab, mdadm.conf, lvm.conf and resume= call no disk by a name that goes away"
        yield Found(OK, "device names", what)


def _goes_away(case: Case, device: str) -> bool:
    """A pattern (lvm.conf has some) stands for no disk in particular: only a change of the prefix ends it."""
    fate = names.fate(case, device)
    gone = fate == names.GONE or names.ends_with_its_prefix(case, device)
    return gone or (fate == names.NOWHERE and device.rpartition("/")[2].isalnum())


def _root_is_mapped(case: Case) -> bool:
    return any(m.point == "/" and (m.device or "").startswith(("dm-", "md")) for m in case.facts.mounts or ())


CHECKS = (
    Check(
        code="R-06",
        name="fstab",
        targets=TARGETS,
        title="the disks of /etc/fstab are found again",
        judge=_fstab,
        means="systemd waits for the disk and ends in emergency mode: no network, no ssh.",
        source="fstab(5), systemd.mount(5); EC2 user guide, Device naming",
    ),
    Check(
        code="R-15",
        name="disks-by-name",
        targets=TARGETS,
        title="nothing else calls disks by names that go away",
        judge=_users,
        means="Encrypted disks, arrays and volume groups are put together by these names.",
        source="crypttab(5), mdadm.conf(5), lvm.conf(5), initramfs-tools(7)",
    ),
)
