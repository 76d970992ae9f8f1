"""--snapshot FILE and --list FILE: this guest in a file, and what is in it, to be read before it is sent."""

from __future__ import annotations

import json
import sys

from virt_collectors.errors import SourceError
from virt_collectors.host import archive
from virt_collectors.host.recorder import ANSWERS, Recorder, Recording
from virt_collectors.host.tree import DIRECTORY, FILE, LINK, Tree, open_tree
from virt_collectors.redact import redact

from .. import __version__, observe, readiness, report
from ..options import Options, UsageError
from ..render.ascii import WIDTH, clean, size
from ..render.progress import Progress, progress
from .chosen import chosen, host
from .walk import ToldRunner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


_SHORT = 4096  # bytes; longer files are named and not shown
_SHOWN = 60
_REASON = 400  # characters of why a collector did not come to its end; names of the machine's own are in it
_ANSWER_LIMIT, _JSON_LIMIT = 16 << 20, 4 << 20
_LISTED = "ENODATA"
_RUN_SECONDS = 30.0  # what an initramfs holds is noted too


def snapshot(options: Options) -> int:
    """Record this machine, once, by all collectors that look at files."""
    path, full = str(options.get("snapshot")), bool(options.get("full"))
    try:
        archive.check(path)
        with progress(options) as line:
            recording, outcomes = record(options, line)
            line.tell("packing and writing" if full else "redacting, packing and writing")
            clean_recording, redaction = (recording, None) if full else redact(recording)
            found = archive.entries(clean_recording, __version__, redaction)
            packed = archive.pack(found)
            archive.write(path, packed)
    except archive.Refused as error:
        raise UsageError(f"--snapshot: {error}") from None
    for outcome in outcomes:
        print(f"virt-agent: {clean(outcome, _REASON)}", file=sys.stderr)
    kind = "full: NOT redacted" if full else "redacted"
    print(
        f"{clean(path)}: {size(len(packed))}, {len(found)} entries, {kind};"
        f" virt-agent --list {clean(path)} shows what is inside; read it before you send it"
    )
    return 0


def record(options: Options, line: Progress) -> tuple[Recording, list[str]]:
    """What the agent looks at on this machine, and which collectors did not come to their end."""
    recorder, wanted = Recorder(host(options)), chosen(options)
    _, collection = observe.read(
        ToldRunner(recorder, line, _RUN_SECONDS / 3),
        wanted.without_collectors,
        (*readiness.COLLECTORS, *wanted.with_collectors),
        options.get("timeout", _RUN_SECONDS),
    )
    broken = report.broken(collection.outcomes)
    return _settled(recorder.recording), [
        f"{o.name} {o.outcome}: {o.reason}" for o in collection.outcomes if o.name in broken
    ]


def _settled(recording: Recording) -> Recording:
    """A copy: a collector that was left behind in a read may still note its answer."""
    settled = Recording()
    for name, noted in vars(recording).items():
        setattr(settled, name, noted.copy() if isinstance(noted, (dict, set)) else noted)
    return settled


def list_contents(options: Options) -> int:
    """The table of a snapshot's entries."""
    tree = open_tree(str(options.get("list")))
    refused = _answer(tree, "errors")
    count = unread = 0
    for path in _entries(tree):
        if refused.get(path) == _LISTED:
            unread += 1
            continue
        count += 1
        sys.stdout.write("\n".join(_lines(tree, path, refused.get(path))) + "\n")
    listed = f"; {unread} more files were seen in listings and not read" if unread else ""
    sys.stdout.write(f"\n{count} entries{listed}.\n" + "\n".join(_told(tree)) + "\n")
    return 0


def _entries(tree: Tree) -> Iterator[str]:
    """Everything but directories that hold something, in the order of paths, however deep they lie."""
    waiting = _below(tree, "")
    while waiting:
        path = waiting.pop()
        inside = _below(tree, path)
        waiting += inside
        if not inside:
            yield path


def _below(tree: Tree, path: str) -> list[str]:
    """The paths in a directory, the last one first; none where it is no directory, or cannot be read."""
    try:
        names = tree.names(path) if not path or tree.kind(path) == DIRECTORY else []
    except SourceError:
        return []
    return [f"{path}/{name}" if path else name for name in sorted(names, reverse=True)]


def _lines(tree: Tree, path: str, refused: object) -> list[str]:
    """One line, or two where path and content do not fit into one."""
    name = clean(path)
    if refused:
        return _row(name, f"could not be read: {clean(refused)}")
    try:
        return _told_of(tree, path, name, tree.kind(path))
    except SourceError as error:
        return _row(name, clean(error.why))


def _told_of(tree: Tree, path: str, name: str, kind: str | None) -> list[str]:
    if kind == LINK:
        return _row(name, f"-> {clean(tree.target(path))}")
    if kind != FILE:
        return _row(name + ("/" if kind == DIRECTORY else ""), "" if kind == DIRECTORY else "neither file nor link")
    content = tree.content(path, _ANSWER_LIMIT)
    return _row(f"{name}  {size(len(content))}", _glance(content))


def _row(left: str, right: str) -> list[str]:
    if not right or len(left) + 2 + len(right) <= WIDTH:
        return [f"{left}  {right}".rstrip()]
    return [left, f"    {right}"]


def _glance(content: bytes) -> str:
    """The beginning of a short text; nothing of others."""
    if len(content) > _SHORT or b"\0" in content.rstrip(b"\0"):
        return ""
    return clean(" ".join(content.rstrip(b"\0").decode("utf-8", "replace").split()), _SHOWN)


def _told(tree: Tree) -> list[str]:
    """What was redacted, by the snapshot's own word."""
    meta = _answer(tree, "meta")
    if meta.get("redacted") is not True:
        known = "Not redacted" if meta.get("redacted") is False else "Not known to be redacted"
        return [f"{known}: real names, addresses and serial numbers may be in it."]
    counts = meta.get("redaction")
    told = counts if isinstance(counts, dict) else {}
    lines = [f"    {clean(kind)}: {clean(count)}" for kind, count in told.items()]
    return ["Redacted. Replaced by pseudonyms, or dropped:", *lines] if lines else ["Redacted."]


def _answer(tree: Tree, name: str) -> dict[str, Any]:
    """An answer file as far as it can be read: the list is for damaged snapshots too."""
    path = f"{ANSWERS}/{name}.json"
    try:
        found = json.loads(tree.content(path, _JSON_LIMIT)) if tree.kind(path) == FILE else {}
    except (SourceError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
