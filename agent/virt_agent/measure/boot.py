"""How long this boot's phases took, as systemd noted them; where it is not there, the kernel's log knows one.

`systemctl show` gives microseconds by properties of the manager (org.freedesktop.systemd1(5)). Firmware and
loader are counted backwards from the kernel's start, and 0 unless EFI firmware told them; the others count from
it (systemd, src/analyze/analyze-time-data.c). A boot gives each of them once.
"""

from __future__ import annotations

import re
import subprocess

from virt_collectors.errors import SourceError

from .rounds import Measured

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NAMES = ("boot_firmware", "boot_loader", "boot_kernel", "boot_initrd", "boot_userspace")
PROPERTIES = ("Firmware", "Loader", "InitRD", "Userspace", "Finish")
COMMAND = (
    "systemctl",
    "show",
    "-p",
    ",".join([f"{name}TimestampMonotonic" for name in PROPERTIES] + ["SoftRebootsCount"]),
)
SECONDS = 2.0
_NOT_TOLD = "only EFI firmware tells it, by a boot loader that passes it on"
# init/main.c, run_init_process; the first one is the initrd's where there is one
_FIRST_PROCESS = re.compile(r"^(?:<\d+>)?\[\s*(\d+\.\d+)\] Run /\S+ as init process", re.MULTILINE)


def read(ask: Callable[[], str], kernel_log: Callable[[], str], container: str | None) -> dict[str, Measured]:
    """One value or one reason for each phase."""
    if container:
        return dict.fromkeys(NAMES, Measured(reason=f"a container ({container}) is not booted"))
    try:
        return phases(properties(ask()))
    except (OSError, subprocess.SubprocessError) as error:
        reason = f"systemd does not answer ({_why(error)})"
    found = dict.fromkeys(NAMES, Measured(reason=reason))
    try:
        seconds = first_process(kernel_log())
    except SourceError as error:
        return {**found, "boot_kernel": Measured(reason=f"{reason}, and the kernel log: {error.why}")}
    return found if seconds is None else {**found, "boot_kernel": Measured((seconds,))}


def ask_systemd() -> str:
    """The manager's properties; any user may ask. A process, a short one."""
    done = subprocess.run(  # noqa: S603  the command is ours, and fixed
        COMMAND, capture_output=True, check=True, timeout=SECONDS, text=True, errors="replace"
    )
    return done.stdout


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = " ".join(str(error.stderr or "").split())
        return said.partition(".")[0][:100] or f"systemctl exits {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"not within {SECONDS:g} s"
    return "no systemctl" if isinstance(error, FileNotFoundError) else str(error)[:100]


def properties(text: str) -> dict[str, int]:
    """The numbers among the lines NAME=VALUE."""
    pairs = (line.partition("=")[::2] for line in text.splitlines())
    return {name: int(value) for name, value in pairs if value.isascii() and value.isdecimal() and len(value) < 20}


def phases(found: Mapping[str, int]) -> dict[str, Measured]:
    """The phases by the properties."""
    firmware, loader, initrd, userspace, finish = (found.get(f"{name}TimestampMonotonic", 0) for name in PROPERTIES)
    if found.get("SoftRebootsCount"):
        return dict.fromkeys(NAMES, Measured(reason="user space was rebooted alone since (systemctl soft-reboot)"))
    if not userspace:
        return dict.fromkeys(NAMES, Measured(reason="systemd does not tell"))
    return {
        "boot_firmware": _phase(firmware - loader if firmware and loader else None, _NOT_TOLD),
        "boot_loader": _phase(loader or None, _NOT_TOLD),
        "boot_kernel": _phase(initrd or userspace, ""),
        "boot_initrd": _phase(userspace - initrd if initrd else None, "systemd ran in no initrd, if there was one"),
        "boot_userspace": _phase(
            finish - userspace if finish else None, "the boot is not finished: a unit still starts"
        ),
    }


def _phase(microseconds: int | None, missing: str) -> Measured:
    if microseconds is not None and microseconds < 0:
        return Measured(reason="systemd's times are not in order")
    return Measured(reason=missing) if microseconds is None else Measured((microseconds / 1e6,))


def first_process(log: str) -> float | None:
    """Seconds from the kernel's start to its first process; None where the ring has run over that line."""
    found = _FIRST_PROCESS.search(log)
    return float(found[1]) if found else None
