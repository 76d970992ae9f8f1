"""A guest to be damaged, and what there is to complain about when the agent has looked at it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from tests.generate import Guest, write
from virt_agent import metrics, observe, report
from virt_agent.__main__ import main
from virt_agent.render import document, text
from virt_agent.selection import Selection

from . import watch
from .damage import FAILED, FORM, KNOWN, Case

MODES = ("--check", "--json", "--detect", "--metrics")
COLUMNS = 80
GUESTS = Path(__file__).parent.parent / "guests"
GENERATED = {"generated": Guest(disks=20, nics=3, cpus=4), "generated-closed": Guest(disks=3, closed="vbd-51728")}
INTERNAL = "internal error"  # collect.run: an exception that no reader expected
ANSWERS = "virt-agent/"

# Files that have a form which the collectors check; in others any text is legal.
FORMS = (
    *("proc/cpuinfo", "proc/meminfo", "proc/stat", "proc/uptime", "proc/self/mountinfo", "proc/net/route"),
    *("proc/pressure/io", "properties/features", "entries/0-0/raw", "tables/DMI", ".json"),
    *("/size", "/ro", "/stat", "/inflight", "/queue/io_timeout", "/carrier", "/mtu", "_kb"),
    *("/vendor", "/class"),
)
# A kernel log may be as large as that.
ANY_SIZE = ("virt-agent/kernel.log",)


class Output(NamedTuple):
    """What a run of the command gave."""

    mode: str
    code: int
    out: str
    err: str

    def complaints(self) -> Iterator[str]:
        if self.code not in (0, 1, 2, 3):
            yield f"{self.mode} ended with exit code {self.code}"
        if self.err:
            yield f"{self.mode} wrote to stderr: {self.err[-400:]!r}"
        if not self.out.strip():
            yield f"{self.mode} printed nothing"
        if "Traceback" in self.out:
            yield f"{self.mode} printed a traceback"


class Subject:
    """A guest laid out in a directory of our own."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.root = root
        self.readers, self._seen = watch.asked(root)
        self.unread = [path for path in watch.files(root) if path not in self._seen]
        self._names = watch.Names(root)
        self.pristine = self.look()

    def look(self) -> report.Report:
        host = observe.open_host(str(self.root))
        return observe.observe(host, Selection(), optional=("processor",))

    def complaints(self, damages: Sequence[Case]) -> Iterator[str]:
        """All that is wrong with what the agent makes of the guest as it lies there now."""
        found = self.look()
        yield from _broken(found)
        yield from self._leaks(damages, found)
        if len(damages) == 1:
            yield from self._silence(damages[0], found)
        yield from told_well(found)

    def _leaks(self, damages: Iterable[Case], found: report.Report) -> Iterator[str]:
        """A collector that looks at none of the damaged files has the same facts and the same outcome as before."""
        touched = {name for case in damages for name in self._seen.get(case.path, ())}
        for name in watch.differing(self.pristine, found):
            if name not in touched:
                yield f"{name} differs, though it looks at none of the damaged files"

    def _silence(self, case: Case, found: report.Report) -> Iterator[str]:
        """The damage is told: a file's by all that read it, an answer's or a wrong form by one of them at least."""
        readers = self.readers.get(case.path, set())
        told = case.damage.told
        failed = {name for name, path in self._names.failed(found) if path == case.path}
        if not readers or (case.damage.name == "huge" and case.path in ANY_SIZE):
            return
        every = told == FAILED and not case.path.startswith(ANSWERS)
        if (told == FAILED or (told == FORM and case.path.endswith(FORMS))) and (
            not failed or (every and failed != readers)
        ):
            yield f"{', '.join(sorted(failed)) or 'no collector'} failed because of it, not {', '.join(sorted(readers))}"
        elif told == KNOWN and case.path not in self._names.unreadable(found):
            yield "the file is not told as unreadable"

    def outputs(self) -> Iterator[Output]:
        """The command in each mode, in this process."""
        for mode in MODES:
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                code = main([mode, "--root", str(self.root)])
            yield Output(mode, code, out.getvalue(), err.getvalue())


def guests() -> list[str]:
    """The recorded ones and the generated ones, by name."""
    return [*sorted(archive.name.removesuffix(".tar.xz") for archive in GUESTS.glob("*.tar.xz")), *GENERATED]


def lay_out(name: str, root: Path) -> Subject:
    """The guest in a new directory."""
    root.mkdir()
    if name in GENERATED:
        write(GENERATED[name], str(root))
    else:
        with tarfile.open(GUESTS / f"{name}.tar.xz") as archive:
            # Our own files. Python 3.12 and 3.13 want it said; 3.10 does not know it.
            archive.extraction_filter = getattr(tarfile, "fully_trusted_filter", None)
            archive.extractall(root)
    return Subject(name, root)


def _broken(found: report.Report) -> Iterator[str]:
    for outcome in found.outcomes:
        if INTERNAL in (outcome.reason or "") or outcome.outcome == "stuck":
            yield f"collector {outcome.name} {outcome.outcome}: {outcome.reason}"


def told_well(found: report.Report) -> Iterator[str]:
    """Every format keeps its form whatever stands in the guest's files."""
    for verbosity in (0, 2):
        for line in text.render(found, text.Style(verbosity)).splitlines():
            long = len(line) > COLUMNS and " " in line.strip()  # a path is not broken, so that it can be copied
            if long or "|" in line or not (line.isascii() and line.isprintable()):
                yield f"--check prints {line!r}"
    if json.loads(document.render(found))["status"] != found.status:
        yield "--json tells another status"
    if not list(text_string_to_metric_families(metrics.render(found).decode())):
        yield "--metrics is empty"
