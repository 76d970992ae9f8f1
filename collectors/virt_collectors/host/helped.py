"""Another Host, and where that one is refused for want of a privilege, the privileged helper's answers.

A file of the helper's that is not believed is told by damage() and otherwise as if it were not there: the refusal
stands, and what rests on it is reported as not checked.
"""

from __future__ import annotations

from ..errors import Absent, Denied, SourceError, refusal
from . import ATTRIBUTE_LIMIT, FILE_LIMIT, Ethtool, Host, Metadata, NvmeLog, Registers, Space, Uname
from .privileged import BOOT_ID, DEVICE, NVME, STATIC, Answers, PrivilegedFile

_NAMES = 0x40000000, 0x4000FFFF


class Helped(Host):
    """The Host of whoever runs unprivileged beside a helper that is root."""

    def __init__(self, host: Host, directory: str) -> None:
        self._host = host
        self.live = host.live
        self._static = PrivilegedFile(directory, STATIC, self._boot_id)
        self._nvme = PrivilegedFile(directory, NVME, self._boot_id)
        self._recorded: dict[int, Registers] | None = None  # where the helper's CPUID tells more than ours

    def _boot_id(self) -> str:
        return self._host.attribute(BOOT_ID).decode("ascii", "replace").strip()

    def attribute(self, path: str) -> bytes:
        try:
            return self._host.attribute(path)
        except Denied:
            content = self._content(path, ATTRIBUTE_LIMIT)
            if content is None:
                raise
            return content

    def file(self, path: str, limit: int = FILE_LIMIT) -> bytes:
        try:
            return self._host.file(path, limit)
        except Denied:
            content = self._content(path, limit)
            if content is None:
                raise
            return content

    def _content(self, path: str, limit: int) -> bytes | None:
        answers = _believed(self._static)
        content = answers.files.get(path) if answers else None
        return content if content is not None and len(content) <= limit else None

    def nvme_log(self, controller: str) -> NvmeLog:
        try:
            return self._host.nvme_log(controller)
        except (Absent, Denied) as error:  # a sandbox has no such device node
            answers = _believed(self._nvme)
            if answers and controller in answers.refusals:
                raise refusal(error.path, answers.refusals[controller]) from None
            if not answers or controller not in answers.pages:
                raise
            return NvmeLog(answers.pages[controller], answers.time)

    def nvme_device_name(self, controller: str) -> str:
        try:
            return self._host.nvme_device_name(controller)
        except (Absent, Denied):
            answers = _believed(self._nvme)
            if not answers or controller not in answers.device_names:
                raise
            return answers.device_names[controller]

    def cpuid_method(self) -> str:
        """The helper's way where it shows another hypervisor than the plain instruction: inside Xen PV.

        Else our own, for it is of now: a restored guest has a new domain id in there.
        """
        ours = self._own_method()
        answers = _believed(self._static) if ours != DEVICE else None
        if answers and answers.cpuid_method == DEVICE and not (ours and self._agrees(answers.cpuid)):
            self._recorded = answers.cpuid
            return DEVICE
        return ours or self._host.cpuid_method()

    def _own_method(self) -> str | None:
        try:
            return self._host.cpuid_method()
        except Absent:
            return None  # the sandbox does not let us

    def _agrees(self, recorded: dict[int, Registers]) -> bool:
        bases = [leaf for leaf in recorded if _NAMES[0] <= leaf <= _NAMES[1] and leaf % 0x100 == 0]
        try:
            return all(_name(self._host.cpuid(leaf)) == _name(recorded[leaf]) for leaf in bases)
        except SourceError:
            return False

    def cpuid(self, leaf: int) -> Registers:
        if self._recorded is None:
            return self._host.cpuid(leaf)
        if leaf not in self._recorded:
            raise Absent(DEVICE.lstrip("/"), f"the helper recorded no leaf 0x{leaf:08x}", "ENOENT")
        return self._recorded[leaf]

    def damage(self) -> list[SourceError]:
        """What is wrong with the helper's files too; root needs none of them."""
        found = self._host.damage()
        for file in () if self._host.privileged() else (self._static, self._nvme):
            try:
                file.answers()
            except SourceError as error:
                found = [*found, error]
        return found

    # passed on

    def head(self, path: str, limit: int) -> tuple[bytes, int]:
        return self._host.head(path, limit)

    def names(self, path: str) -> list[str]:
        return self._host.names(path)

    def link(self, path: str) -> str:
        return self._host.link(path)

    def real(self, path: str) -> str:
        return self._host.real(path)

    def exists(self, path: str) -> bool:
        return self._host.exists(path)

    def metadata_wanted(self) -> bool | None:
        return self._host.metadata_wanted()

    def begin_metadata(self, seconds: float) -> None:
        self._host.begin_metadata(seconds)

    def metadata(self, path: str) -> Metadata:
        return self._host.metadata(path)

    def metadata_requests(self) -> dict[str, int]:
        return self._host.metadata_requests()

    def initramfs(self, path: str) -> tuple[str, ...]:
        return self._host.initramfs(path)

    def space(self, path: str) -> Space:
        return self._host.space(path)

    def ethtool(self, interface: str) -> Ethtool:
        return self._host.ethtool(interface)

    def kernel_log(self) -> str:
        return self._host.kernel_log()

    def kernel_journal(self) -> str:
        return self._host.kernel_journal()

    def uname(self) -> Uname:
        return self._host.uname()

    def time(self) -> float | None:
        return self._host.time()

    def suspended(self) -> float | None:
        return self._host.suspended()

    def clock_read(self) -> float | None:
        return self._host.clock_read()

    def privileged(self) -> bool | None:
        return self._host.privileged()

    def hidden(self, path: str) -> str | None:
        return self._host.hidden(path)


def _believed(file: PrivilegedFile) -> Answers | None:
    try:
        return file.answers()
    except SourceError:
        return None  # damage() tells why


def _name(registers: Registers) -> tuple[int, int, int]:
    return registers.ebx, registers.ecx, registers.edx
