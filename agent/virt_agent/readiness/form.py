"""The form of a readiness check, of what it is asked about, and of what it answers."""

from __future__ import annotations

from virt_collectors.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from virt_collectors.boot import Boot
    from virt_collectors.boot_loader import BootEntry, Menu
    from virt_collectors.facts import Facts
    from virt_collectors.kernels import InstalledKernel

    from ..rules.form import Reading

REBOOT, HVM, NITRO = "reboot", "hvm", "nitro"
TARGETS = (REBOOT, HVM, NITRO)
OK, INFO, WARNING, BLOCKER, UNKNOWN = "ok", "info", "warning", "blocker", "unknown"
READY, NOT_READY, WOULD_NOT_BOOT = "ready", "not ready", "would not boot"
EXIT_CODES = {READY: 0, NOT_READY: 1, WOULD_NOT_BOOT: 2, UNKNOWN: 3}
# What a change of the command line does to a Xen HVM guest: PV drivers take its devices over, or leave them.
TO_PV, FROM_PV = "to PV", "from PV"


class NextBoot(Record):
    """What boots next: the menu that counts and its entry, None where it cannot be told; `why` says so.

    `kernel` is the installed one that the entry names, None where it is not among them. `boot` is the command line,
    without what --without takes away.
    """

    menu: Menu | None = None
    entry: BootEntry | None = None
    kernel: InstalledKernel | None = None
    boot: Boot | None = None
    why: str | None = None


class Needs(Record):
    """The drivers without which the next boot finds no root disk, and those of its network; empty where not known.

    `unjudged` says, in words, what else the root file system lies on that no list of drivers covers.
    """

    root: tuple[str, ...] = ()
    network: tuple[str, ...] = ()
    unjudged: str | None = None


class Case(Record):
    """What a check is asked about.

    `moving`: the target is another platform than the one below now. `shift` is TO_PV or FROM_PV where the next command
    line has that effect. `refused` is the command that reads what could not be read for want of root.
    """

    reading: Reading
    target: str
    next_boot: NextBoot
    needs: Needs
    moving: bool
    shift: str | None = None
    without: tuple[str, ...] = ()

    @property
    def facts(self) -> Facts:
        """The reading's."""
        return self.reading.facts

    @property
    def kernels(self) -> tuple[InstalledKernel, ...]:
        """All that are installed, newest first."""
        return self.reading.facts.kernels or ()

    @property
    def command(self) -> str:
        """This mode as root, for what only root may read."""
        without = "".join(f" --without {word}" for word in self.without)
        return f"sudo virt-agent --readiness {self.target}{without}"

    @property
    def renames_disks(self) -> bool:
        """The next boot finds its disks by another driver than this one did."""
        return self.moving or self.shift is not None

    def boots(self, kernel: InstalledKernel) -> bool:
        """It is the next one, or the only one."""
        known = self.next_boot.kernel
        return kernel == known if self.next_boot.entry else len(self.kernels) == 1

    def denied(self, *beginnings: str) -> str | None:
        """A path below these that needs a privilege we lack."""
        refused = (path for path, code in self.facts.unreadable.items() if code in ("EACCES", "EPERM"))
        return next((path for path in refused if path.startswith(beginnings)), None)


class Found(Record):
    """One thing that a check says. `stops_boot`: proven, the next boot finds no kernel, root disk or init."""

    state: str
    subject: str
    summary: str
    saw: tuple[str, ...] = ()
    remedy: tuple[str, ...] = ()
    stops_boot: bool = False


class Check(Record):
    """`judge` says what it finds, OK too: a check that says nothing does not apply.

    Where a check that `decides` is UNKNOWN, nobody can call the guest ready. `outside` is what the EC2 API alone knows.
    """

    code: str
    name: str
    targets: tuple[str, ...]
    title: str
    judge: Callable[[Case], Iterator[Found]]
    means: str
    source: str
    decides: bool = True
    outside: bool = False


class Result(Record):
    """What a check said, as it is told."""

    code: str
    name: str
    state: str
    subject: str
    summary: str
    evidence: tuple[str, ...]
    means: str
    remedy: tuple[str, ...]
    stops_boot: bool
    decides: bool
    outside: bool
    source: str


class KernelState(Record):
    """One installed kernel in words, for a table."""

    release: str
    next: bool
    image: str
    initramfs: str
    root_drivers: str
    network_drivers: str


class Readiness(Record):
    """The answer on one target: READY, NOT_READY, WOULD_NOT_BOOT or UNKNOWN, and what it rests on, gravest first.

    Where the answer is not READY, the first result is its reason.
    """

    target: str
    answer: str
    reason: str
    results: tuple[Result, ...]
    kernels: tuple[KernelState, ...]
    next_boot: NextBoot
    needs: Needs
    without: tuple[str, ...] = ()
