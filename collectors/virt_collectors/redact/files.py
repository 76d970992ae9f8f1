"""Which file of a snapshot is treated how. The first row that fits counts.

What no row knows loses the identifiers that their form gives away, and outside sysfs and procfs, where
the kernel chooses the words, the names known from elsewhere too.
"""

from __future__ import annotations

import re

from . import boot_loader, device_files, firmware, mounts, names, network, process
from .cmdline import CommandLine
from .identifiers import Scrubber
from .kernel_log import redact_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SERIALS = "serial|serial_number|serial-number|wwid|wwn|nguid|eui|uuid|hostid|unique_id|unique_number|subsysnqn|hostnqn|ifalias|phys_\\w+_id"


_WITH_DEVICES = r"lvm/lvm\.conf|lvm/devices/system\.devices|mdadm(/mdadm)?\.conf(\.d/.*)?|(smartmontools/)?smartd\.conf|hdparm\.conf"


class Files:
    """Redacts files by their paths."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._called = scrubber.names
        self.command_line = CommandLine(scrubber)
        self._rows = [(re.compile(pattern), treat) for pattern, treat in self._table()]

    def content(self, path: str, content: bytes) -> bytes:
        """The file's redacted bytes."""
        if re.fullmatch(r"sys/firmware/dmi/(tables/DMI|entries/.*/raw)", path):
            return firmware.smbios(content)
        text = content.decode("utf-8", "surrogateescape")
        return self._treatment(path)(text).encode("utf-8", "surrogateescape")

    def path(self, path: str) -> str:
        """A file's path or a link's target, without identifiers."""
        before, dev, below = path.rpartition("dev/")
        if dev and below.startswith(("mapper/", "disk/")) and before in ("", "/"):
            return before + names.device(self._called, f"/dev/{below}")[1:]
        return self._scrubber.forms(path)

    def _treatment(self, path: str) -> Callable[[str], str]:
        return next((treat for pattern, treat in self._rows if pattern.fullmatch(path)), self._scrubber.text)

    def _table(self) -> tuple[tuple[str, Callable[[str], str]], ...]:
        scrubber, line, given = self._scrubber, self.command_line, self._called

        def menu(text: str) -> str:
            return boot_loader.menu(scrubber, line, text)

        dmi = [
            (rf"sys/(class|devices/virtual)/dmi/id/{name}", self._dmi(name))
            for name in ("product_uuid", *firmware.NUMBERED)
        ]
        return (
            *dmi,
            (r"sys/(class|devices/virtual)/dmi/id/\w+", _keep),
            (r"sys/hypervisor/(?!uuid).*|sys/module/.*|sys/.*/(version|firmware_rev|class_id|modalias)", _keep),
            (r"sys/.*/virtio\d+/features", _keep),
            (r"sys/.*/dm/name", self._stripped(lambda value: names.mapped(given, value))),
            (rf"(sys|proc/device-tree)/.*/({_SERIALS})", self._stripped(given.serial)),
            (r"proc/device-tree/chosen/bootargs", line.line),
            (r"proc/(modules|stat|meminfo|uptime|pressure/\w+|bus/pci/devices|sys/kernel/(osrelease|arch))", _keep),
            (r"(usr/)?lib/modules/.*|boot/(config|System\.map)-.*", _keep),
            (r"proc/cmdline", line.text),
            (r"proc/sysinfo", process.sysinfo),
            (r"proc/device-tree/ibm,partition-name", self._stripped(lambda value: given.word("partition", value))),
            (r"proc/cpuinfo", lambda text: process.cpuinfo(scrubber, text)),
            (r"proc/(1|self)/environ", process.environ),
            (r"proc/(1|self)/cgroup", lambda text: process.cgroup(scrubber, text)),
            (r"run/(systemd/container|host/container-manager)", process.word),
            (r"proc/(\w+/)?mountinfo", lambda text: mounts.mountinfo(scrubber, text)),
            (r"proc/(\w+/)?mounts|etc/(fstab|mtab)", lambda text: mounts.fstab(scrubber, text)),
            (r"etc/udev/rules\.d/.*\.rules", lambda text: network.udev_rules(scrubber, text)),
            (r"etc/crypttab", lambda text: mounts.crypttab(scrubber, text)),
            (r"proc/(\w+/)?net/route", lambda text: network.route(given, text)),
            (r"proc/(\w+/)?net/ipv6_route", lambda text: network.ipv6_route(given, text)),
            (r"proc/sys/kernel/hostname|etc/hostname", self._stripped(given.host)),
            (
                r"proc/sys/kernel/domainname",
                self._stripped(lambda value: value if value == "(none)" else given.domain(value)),
            ),
            (r"proc/version", lambda text: redact_line(scrubber, line, text)),
            (r"(etc|usr/lib)/os-release", process.os_release),
            (r"(etc|run|usr/lib)/netplan/.*\.ya?ml", lambda text: network.netplan(scrubber, text)),
            (r"etc/network/interfaces(\.d/.*)?", lambda text: device_files.interfaces(scrubber, text)),
            (r"(etc|usr/lib)/systemd/network/.*", lambda text: device_files.networkd(scrubber, text)),
            (r"etc/cloud/cloud\.cfg\.d/.*", device_files.cloud_config),
            (r"etc/initramfs-tools/.*", lambda text: device_files.initramfs_tools(scrubber, text)),
            (rf"etc/({_WITH_DEVICES})", lambda text: device_files.devices(scrubber, text)),
            (r"etc/default/grub(\.d/.*)?", lambda text: boot_loader.settings(scrubber, line, text)),
            (r"(boot/)?(efi/.*/|grub2?/)(grub\.cfg|custom\.cfg|menu\.lst|grub\.conf)|boot/loader/entries/.*", menu),
            (r"boot/(efi/.*|grub2?)/grubenv", lambda text: boot_loader.environment(scrubber, line, text)),
            (r"(sys|proc)/.*", scrubber.forms),
        )

    def _dmi(self, name: str) -> Callable[[str], str]:
        return lambda text: firmware.text(self._called, name, text)

    def _stripped(self, treat: Callable[[str], str]) -> Callable[[str], str]:
        """A file with one value: what stands around it stays."""

        def treated(text: str) -> str:
            value = text.strip(" \t\n\0")
            return text.replace(value, treat(value)) if value else text

        return treated


def _keep(text: str) -> str:
    return text
