"""V: NVMe controllers, their settings, and what of EC2's volumes is there; Amazon's statistics are in `ebs`."""

from __future__ import annotations

from virt_collectors.nvme import EBS_MODEL, INSTANCE_STORE_MODEL, ROOT, NvmeController

from ... import block_mapping
from .. import usage
from ..form import ADVICE, CRITICAL, FAULT, HOST, INFO, WARNING, YOU, Case, Hit, Reading, Rule, Setting
from ..host_side import ask_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_RECOVERING = ("new", "resetting", "connecting")
_MOST_TIMEOUT = 4294967295

_RESET_SECONDS = Setting(
    "V01", "reset_seconds", 10, "s", "for how long a controller may reset before it counts as dead"
)
_EBS_TIMEOUT = Setting(
    "V02", "least_milliseconds", 3_600_000, "ms", "the shortest I/O timeout that an EBS volume may have"
)
_STORE_TIMEOUT = Setting(
    "V03", "most_milliseconds", 600_000, "ms", "the longest I/O timeout for an instance store disk"
)
_RETRIES = Setting("V04", "least_retries", 5, "retries", "the fewest retries of a failed request that are enough")


def judged(reading: Reading) -> list[NvmeController]:
    """Controllers with disks behind them: not discovery or administration, and not fabrics, which reconnect at will."""
    controllers = reading.facts.nvme or ()
    return [c for c in controllers if c.transport in (None, "pcie") and c.type in (None, "io")]


def _controllers_here(reading: Reading) -> bool:
    guest = reading.verdict.hypervisor != "none" or reading.on_ec2
    return guest and any(controller.state or _state_lost(reading, controller) for controller in judged(reading))


def _state_lost(reading: Reading, controller: NvmeController) -> bool:
    return any(path.endswith(f"/{controller.name}/state") for path in reading.facts.unreadable)


def _check_live(case: Case) -> Iterator[Hit]:
    for controller in judged(case.now):
        if controller.state in (None, "live"):
            continue
        use = _use(case.now, controller)
        disks = f" ({', '.join(controller.disks)})" if controller.disks else ""
        yield Hit(
            controller.name,
            f"NVMe controller {controller.name}{disks} is {controller.state}",
            (f"/{ROOT}/{controller.name}/state = {controller.state}", use or "nothing is known to use it"),
            _severity_of_state(case, controller, use),
            (
                "See what the driver says: sudo journalctl -k -g nvme",
                f"Ask the host: {_ask(case.now, controller)}",
                "While it resets: wait, I/O goes on when it is live again. When it is dead: detach and attach the volume,"
                " or stop and start the guest; then check the file system.",
            ),
        )


def _use(reading: Reading, controller: NvmeController) -> str | None:
    """A dead controller's disk may be gone while its mount is still there."""
    found = [use for disk in controller.disks if (use := usage.of_disk(reading, disk))]
    gone = [
        m.point for m in reading.facts.mounts or () if not m.device and m.source.startswith(f"/dev/{controller.name}n")
    ]
    return found[0] if found else "mounted on " + ", ".join(gone[:3]) if gone else None


def _severity_of_state(case: Case, controller: NvmeController, use: str | None) -> str:
    if use is None and case.now.facts.mounts is not None:
        return WARNING
    return WARNING if controller.state in _RECOVERING and not _lasts(case, controller.name) else CRITICAL


def _lasts(case: Case, name: str) -> bool:
    """Not live in any reading since one that is old enough."""
    old = [at for at, reading in enumerate(case.history) if case.age(reading) >= case.value(_RESET_SECONDS)]
    return bool(old) and all(_is_down(reading, name) for reading in case.history[old[-1] :])


def _is_down(reading: Reading, name: str) -> bool:
    return any(c.name == name and c.state not in (None, "live") for c in reading.facts.nvme or ())


def _ask(reading: Reading, controller: NvmeController) -> str:
    if controller.volume_id and reading.on_ec2:
        return f"aws ec2 describe-volume-status --volume-ids {controller.volume_id}"
    return ask_host(reading, "disk")


def _timeouts(reading: Reading, model: str) -> list[tuple[str, int]]:
    """Disk and timeout in milliseconds, as far as the kernel shows it (queue/io_timeout, since Linux 5.0)."""
    disks = {disk.name: disk.io_timeout_ms for disk in reading.facts.block_devices or ()}
    names = [disk for controller in reading.facts.nvme or () if controller.model == model for disk in controller.disks]
    return [(name, timeout) for name in names if (timeout := disks.get(name)) is not None]


def _check_ebs_timeout(case: Case) -> Iterator[Hit]:
    for disk, timeout in _timeouts(case.now, EBS_MODEL):
        if timeout < case.value(_EBS_TIMEOUT):
            yield Hit(
                disk,
                f"EBS volume {disk} fails I/O that takes longer than {timeout / 1000:g} s",
                (f"/sys/block/{disk}/queue/io_timeout = {timeout} (ms)",),
                remedy=(
                    f"Now, until the next boot: sudo tee /sys/block/{disk}/queue/io_timeout <<< {_MOST_TIMEOUT}",
                    f"For good: nvme_core.io_timeout={_MOST_TIMEOUT} on the kernel command line, or the udev rule of"
                    " amazon-ec2-utils (70-ec2-nvme-devices.rules).",
                ),
            )


def _check_store_timeout(case: Case) -> Iterator[Hit]:
    for disk, timeout in _timeouts(case.now, INSTANCE_STORE_MODEL):
        if timeout > case.value(_STORE_TIMEOUT):
            yield Hit(
                disk,
                f"instance store disk {disk} would hang for {timeout / 3_600_000:.0f} h when it dies",
                (f"/sys/block/{disk}/queue/io_timeout = {timeout} (ms)",),
                remedy=(f"Let it fail after 90 s: sudo tee /sys/block/{disk}/queue/io_timeout <<< 90000",),
            )


def _retries(reading: Reading) -> int | None:
    return next((c.max_retries for c in judged(reading) if c.max_retries is not None), None)


def _check_retries(case: Case) -> Iterator[Hit]:
    retries = _retries(case.now)
    if retries is not None and retries < case.value(_RETRIES):
        yield Hit(
            "nvme_core",
            f"a failed NVMe request is tried again {retries} times only",
            (f"/sys/module/nvme_core/parameters/max_retries = {retries}",),
        )


def _mapped_volumes(reading: Reading) -> list[str]:
    """EBS volumes that were mapped at the last start; the root is in there once more where it is listed as ebsN too."""
    return sorted({each.device for each in block_mapping.matched(reading.facts) if block_mapping.is_ebs(each)})


def _on_nitro(reading: Reading) -> bool:
    here = block_mapping.volumes(reading.facts)
    return reading.verdict.ec2_system in ("nitro", "metal") and bool(here and _mapped_volumes(reading))


def _check_missing(case: Case) -> Iterator[Hit]:
    """By their names, where all controllers tell them, else by their number."""
    mapped, here = _mapped_volumes(case.now), block_mapping.volumes(case.now.facts)
    evidence = (
        f"block-device-mapping of the metadata service: {', '.join(mapped[:8])}",
        f"/{ROOT}: {', '.join(_told(controller) for controller in here[:8])}",
    )
    missing = block_mapping.missing(case.now.facts)
    for device in missing or ():
        yield Hit(device, f"EBS volume {device} was mapped at the last start and is not here", evidence)
    if missing is None and len(here) < len(mapped):
        summary = f"{len(mapped)} EBS volumes were mapped at the last start, {len(here)} are here"
        yield Hit("EBS volumes", summary, evidence)


def _told(controller: NvmeController) -> str:
    attached = f" attached as {controller.device_name}" if controller.device_name else ""
    return f"{controller.name} {controller.volume_id}{attached}"


def _has_fstab(reading: Reading) -> bool:
    configuration = reading.facts.configuration
    return reading.on_ec2 and bool(judged(reading)) and configuration is not None and configuration.fstab is not None


def _check_fstab(case: Case) -> Iterator[Hit]:
    configuration = case.now.facts.configuration
    alone = len(judged(case.now)) < 2
    for entry in (configuration.fstab or ()) if configuration else ():
        if entry.source.startswith("/dev/nvme"):
            yield Hit(
                entry.point,
                f"/etc/fstab mounts {entry.source} on {entry.point} by a name that may go to another disk",
                (f"/etc/fstab: {entry.source} {entry.point} {entry.type}",),
                INFO if alone else WARNING,
                (
                    f"See its UUID: lsblk -no UUID {entry.source}",
                    f"Write UUID=... in place of {entry.source} in /etc/fstab; check with: findmnt --verify",
                ),
            )


RULES = (
    Rule(
        code="V01",
        name="nvme-controller-not-live",
        kind=FAULT,
        severity=CRITICAL,
        title="an NVMe controller is not live",
        needs=("nvme",),
        applies=_controllers_here,
        check=_check_live,
        vital=True,
        unsure=lambda reading: any(c.state is None and _state_lost(reading, c) for c in judged(reading)),
        means="No I/O passes. A controller that resets comes back within seconds, as a rule; a dead one does not, and"
        " what was not yet written to its disks is lost.",
        remedy=(
            "Keep off its disks: no ls, df, sync there, and no plain reboot; what is on their way already may hang.",
            "See what the driver says: sudo journalctl -k -g nvme",
            "Ask the host for the volume's state; on EC2: aws ec2 describe-volume-status --volume-ids VOLUME",
            "Where it does not come back by itself: stop and start the guest, then check the file systems.",
        ),
        source="drivers/nvme/host/sysfs.c, nvme_sysfs_show_state; drivers/nvme/host/pci.c, nvme_timeout",
        owner=HOST,
        avoid="Do not reset the controller or rescan the PCI bus by hand while the driver is at it.",
        settings=(_RESET_SECONDS,),
        confirm=True,
    ),
    Rule(
        code="V02",
        name="ebs-io-timeout-short",
        kind=FAULT,
        severity=WARNING,
        title="an EBS volume has a short I/O timeout",
        needs=("nvme", "block_devices"),
        applies=lambda reading: bool(_timeouts(reading, EBS_MODEL)),
        check=_check_ebs_timeout,
        means="When EBS pauses for longer than that, requests fail in place of waiting, and file systems turn read-only.",
        remedy=(
            f"Now, until the next boot: sudo tee /sys/block/DISK/queue/io_timeout <<< {_MOST_TIMEOUT}",
            f"For good: nvme_core.io_timeout={_MOST_TIMEOUT} on the kernel command line, or the udev rule of amazon-ec2-utils.",
        ),
        source="EC2 user guide, Amazon EBS and NVMe, I/O operation timeout; the kernel's default is 30 s",
        owner=YOU,
        avoid="Do not set the same on instance store disks: one that dies would hang for ever.",
        settings=(_EBS_TIMEOUT,),
    ),
    Rule(
        code="V03",
        name="instance-store-io-timeout-long",
        kind=ADVICE,
        severity=INFO,
        title="an instance store disk has an endless I/O timeout",
        needs=("nvme", "block_devices"),
        applies=lambda reading: bool(_timeouts(reading, INSTANCE_STORE_MODEL)),
        check=_check_store_timeout,
        means="A local disk that dies makes whoever uses it hang, where an error would let the software go on.",
        remedy=("Set it by model with the udev rule of amazon-ec2-utils (70-ec2-nvme-devices.rules).",),
        source="amazon-ec2-utils, 70-ec2-nvme-devices.rules: 90000 ms for instance store",
        owner=YOU,
        avoid="Do not shorten the timeout of EBS volumes with it.",
        settings=(_STORE_TIMEOUT,),
    ),
    Rule(
        code="V04",
        name="nvme-retries-few",
        kind=ADVICE,
        severity=INFO,
        title="failed NVMe requests are tried again less often than by default",
        needs=("nvme",),
        applies=lambda reading: _retries(reading) is not None,
        check=_check_retries,
        means="A passing fault of the controller becomes an I/O error earlier.",
        remedy=("Remove nvme_core.max_retries= from the kernel command line and from /etc/modprobe.d.",),
        source="drivers/nvme/host/core.c, module parameter max_retries, 5 by default",
        owner=YOU,
        avoid="Do not unload nvme_core to change it: the root disk may hang on it.",
        settings=(_RETRIES,),
    ),
    Rule(
        code="V10",
        name="ebs-volume-missing",
        kind=FAULT,
        severity=INFO,
        title="fewer EBS volumes are here than were mapped at the last start",
        needs=("nvme", "imds"),
        applies=_on_nitro,
        check=_check_missing,
        means="A volume was detached since, or was not found at boot; the metadata service keeps the mapping of the last"
        " start, so it cannot tell which.",
        remedy=(
            "See what is attached: aws ec2 describe-volumes --filters Name=attachment.instance-id,Values=INSTANCE-ID",
            "See whether the kernel met trouble: sudo journalctl -k -g nvme",
        ),
        source="EC2 user guide, instance metadata categories: block-device-mapping/ebsN is of the last start",
        owner=YOU,
        avoid="Do not attach the volume a second time before the first attachment is gone.",
        confirm=True,
    ),
    Rule(
        code="V11",
        name="fstab-by-nvme-name",
        kind=FAULT,
        severity=WARNING,
        title="/etc/fstab names an NVMe disk by its number",
        needs=("nvme", "configuration"),
        applies=_has_fstab,
        check=_check_fstab,
        means="NVMe names follow the order in which controllers are found. After a stop and start the name may be another"
        " disk's: the wrong file system is mounted, or the boot stops.",
        remedy=(
            "Find the ids: lsblk -o NAME,UUID,LABEL,MOUNTPOINT",
            "Write UUID= or LABEL= in /etc/fstab, and nofail for data volumes; then test it: sudo findmnt --verify",
        ),
        source="EC2 user guide, Amazon EBS and NVMe: device names are not stable",
        owner=YOU,
        avoid="Do not reboot before findmnt --verify is content.",
    ),
)
