"""Which collector reads which file of a guest, and whether a report tells of a file that it could not read."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from virt_agent.report import Report
from virt_collectors.collect import COLLECTORS, FAILED, STUCK, run
from virt_collectors.errors import SourceError
from virt_collectors.host.snapshot import SnapshotHost
from virt_collectors.host.tree import DirectoryTree


class WatchedTree(DirectoryTree):
    """A snapshot's directory that notes what was looked at and what was read, by real path."""

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.seen: set[str] = set()
        self.read: set[str] = set()

    def kind(self, path: str) -> str | None:
        self.seen.add(path)
        return super().kind(path)

    def content(self, path: str, limit: int) -> bytes:
        self.read.add(path)
        return super().content(path, limit)


class Asked(NamedTuple):
    """The collectors by what they read, and by what they looked at (for being there, if nothing else)."""

    read: dict[str, set[str]]
    seen: dict[str, set[str]]


def asked(root: Path) -> Asked:
    """What each collector asks of a guest."""
    found = Asked({}, {})
    for collector in COLLECTORS:
        tree = WatchedTree(root)
        run(SnapshotHost(tree), collector)
        for paths, names in ((tree.read, found.read), (tree.seen, found.seen)):
            for path in paths:
                names.setdefault(path, set()).add(collector.name)
    return found


def files(root: Path) -> list[str]:
    """Every regular file of a guest, without links."""
    return sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file() and not file.is_symlink())


class Names:
    """Real paths of what a report names, by the links that the undamaged guest has."""

    def __init__(self, root: Path) -> None:
        self._host = SnapshotHost(DirectoryTree(str(root)))
        links = (str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink())
        self._links = {link: self._follow(link) for link in links}

    def real(self, path: str) -> str:
        """Only files are damaged: the way to their directory can still be followed, a link to one is remembered."""
        above, _, name = path.rpartition("/")
        entry = f"{self._follow(above)}/{name}".lstrip("/")
        return self._links.get(entry, entry)

    def _follow(self, path: str) -> str:
        try:
            return self._host.real(path)
        except SourceError:
            return path

    def failed(self, report: Report) -> set[tuple[str, str]]:
        """Each failed or stuck collector with the file that its reason names."""
        return {
            (outcome.name, self.real((outcome.reason or "").partition(": ")[0].lstrip("/")))
            for outcome in report.outcomes
            if outcome.outcome in (FAILED, STUCK)
        }

    def unreadable(self, report: Report) -> set[str]:
        """The files that the report holds as unreadable."""
        return {self.real(path) for path in report.reading.facts.unreadable}


def differing(one: Report, other: Report) -> list[str]:
    """The collectors whose facts or outcome differ."""
    facts, others = one.reading.facts, other.reading.facts
    names = [name for name in type(facts).fields if name != "unreadable"]
    found = [name for name in names if getattr(facts, name) != getattr(others, name)]
    ends = [{outcome.name: (outcome.outcome, outcome.reason) for outcome in report.outcomes} for report in (one, other)]
    return found + [name for name in ends[0] if name not in found and ends[0][name] != ends[1].get(name)]
