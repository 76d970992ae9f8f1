"""How a rule on lines of the kernel log is made: one for each kind of line."""

from __future__ import annotations

from virt_collectors.kernel_events import OTHERS, LogEvent
from virt_collectors.record import Record

from ..form import FAULT, HOST, SEVERITIES, WARNING, Case, Hit, Reading, Rule, Setting
from ..host_side import DISK, NIC, ask_host
from .history import HOURS, counting, log_of, since

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_APART = 4  # subjects that are told one by one; of more, all but the first are counted
_PRIVILEGE = "kernel log"
BY_NAME = "by name"  # a disk or a network card, as its name on xenbus tells


class Verdict(Record):
    """What a line is worth: its severity, what it is about if not what it says, and the rule that tells its cause."""

    severity: str | None = None
    subject: str | None = None
    cause: str | None = None
    use: str | None = None


def plainly(_case: Case, _event: LogEvent) -> Verdict | None:
    """Worth what the rule says."""
    return Verdict()


class Line(Record):
    """The rule on one kind of line.

    `happened` says in a few words what befell SUBJECT. `weigh` gives None for a line that does not count. In `remedy`
    DEVICE stands for the subject; with `ask` the host is asked about its disks or network cards first. `together`
    makes one finding of all subjects.
    """

    code: str
    name: str
    title: str
    happened: str
    applies: Callable[[Reading], bool]
    means: str
    remedy: tuple[str, ...]
    avoid: str
    source: str
    weigh: Callable[[Case, LogEvent], Verdict | None] = plainly
    kind: str = FAULT
    severity: str = WARNING
    owner: str = HOST
    ask: str | None = None
    together: bool = False
    settings: tuple[Setting, ...] = ()


def rule(line: Line) -> Rule:
    """The rule, with what all of them have in common."""
    return Rule(
        code=line.code,
        name=line.name,
        kind=line.kind,
        severity=line.severity,
        title=line.title,
        needs=("kernel_log",),
        applies=line.applies,
        check=lambda case: _check(line, case),
        means=line.means,
        remedy=(*line.remedy, *(("Ask the host what became of it there.",) if line.ask else ())),
        source=line.source,
        owner=line.owner,
        avoid=line.avoid,
        settings=(HOURS, *line.settings),
        unsure=lambda reading: line.applies(reading) and not _known(reading),
        privilege=_PRIVILEGE,
    )


def _known(reading: Reading) -> bool:
    """A journal that was read at the daemon's start tells what was, not what is."""
    log = log_of(reading)
    return log is not None and log.current


def _check(line: Line, case: Case) -> Iterator[Hit]:
    found = [(event, worth) for event in counting(case, line.code) if (worth := line.weigh(case, event))]
    found.sort(key=lambda each: (-_rank(line, each[1]), -(each[0].last_seconds or 0.0)))
    if line.together or len(found) > _APART:
        if found:
            yield _hit(line, case, found)
    else:
        yield from (_hit(line, case, [each]) for each in found)


def _rank(line: Line, worth: Verdict) -> int:
    return SEVERITIES.index(worth.severity or line.severity)


def _hit(line: Line, case: Case, found: list[tuple[LogEvent, Verdict]]) -> Hit:
    """One finding of the first event, with the others counted."""
    event, worth = found[0]
    subject = worth.subject or event.subject
    others = len(found) - 1
    named = f"{subject}, {others} more" if others else subject
    lines = sum(each.count for each, _ in found)
    last = max((each.last_seconds for each, _ in found if each.last_seconds is not None), default=None)
    return Hit(
        subject=named,
        summary=f"{line.happened.replace('SUBJECT', named)} ({lines} line{'s' * (lines != 1)})",
        saw=tuple(_quoted(each) for each, _ in found[:3]) + ((worth.use,) if worth.use else ()),
        severity=worth.severity,
        remedy=_remedy(line, case.now, event, subject),
        same_cause_as=worth.cause,
        since=since(case.now, last),
    )


def _quoted(event: LogEvent) -> str:
    stamp = "" if event.last_seconds is None else f"[{event.last_seconds:.6f}] "
    said = event.message.replace("|", "/").encode("ascii", "replace").decode()
    more = f" ({event.count} lines of {event.subject if event.subject == OTHERS else 'this kind'})"
    return f"kernel log: {stamp}{said}" + (more if event.count > 1 else "")


def _remedy(line: Line, reading: Reading, event: LogEvent, subject: str) -> tuple[str, ...]:
    steps = tuple(step.replace("DEVICE", subject) for step in line.remedy)
    if line.ask is None:
        return steps
    kind = line.ask if line.ask != BY_NAME else NIC if event.subject.startswith("vif-") else DISK
    return (*steps, f"Ask the host what became of it there: {ask_host(reading, kind)}")
