"""What the counters of network drivers say between two readings, and the form that most of their rules have."""

from __future__ import annotations

from virt_collectors.ethtool import DriverReport

from ..form import FAULT, WARNING, Case, Hit, Reading, Rule, Setting, growth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENA = "ena"
_LONGEST_MINUTES = 10.0  # readings are kept about so long


def reports(reading: Reading, driver: str | None = None) -> tuple[DriverReport, ...]:
    """Of all interfaces whose driver could be asked, or of one driver's."""
    return tuple(one for one in reading.facts.ethtool or () if driver in (None, one.driver))


def offers(*names: str, driver: str | None = None) -> Callable[[Reading], bool]:
    """Whether an interface has one of these counters."""
    return lambda reading: any(name in one.counters for one in reports(reading, driver) for name in names)


def ena_refused(reading: Reading) -> bool:
    """An ENA interface is there whose driver refused to be asked."""
    nics = reading.facts.network.devices if reading.facts.network else ()
    return any(nic.driver == ENA and f"ethtool:{nic.name}" in reading.facts.unreadable for nic in nics)


def grown(older: Reading, newer: Reading, *names: str, driver: str | None = None) -> dict[str, dict[str, int]]:
    """By how much which counter grew, by interface; what did not grow is left out."""
    before = {one.interface: one.counters for one in reports(older, driver)}
    found: dict[str, dict[str, int]] = {}
    for one in reports(newer, driver):
        then = before.get(one.interface, {})
        by = {name: int(growth(then.get(name), one.counters.get(name))) for name in names}
        if any(by.values()):
            found[one.interface] = {name: amount for name, amount in by.items() if amount}
    return found


def told(interface: str, by: dict[str, int], seconds: float) -> str:
    """The evidence: "ethtool -S eth0: wd_expired +1 in 15 s"."""
    span = f" in {seconds:.0f} s" if seconds >= 1 else ""
    return f"ethtool -S {interface}: {', '.join(f'{name} +{amount}' for name, amount in by.items())}{span}"


def window(code: str) -> Setting:
    """For how long a rule tells of a counter that grew."""
    meaning = "for how long this is told after the counter grew; readings are kept for some ten minutes"
    return Setting(code, "window_minutes", _LONGEST_MINUTES, "minutes", meaning, 0.1, _LONGEST_MINUTES)


def told_when_grown(
    code: str,
    name: str,
    title: str,
    says: str,
    names: tuple[str, ...],
    means: str,
    remedy: tuple[str, ...],
    source: str,
    owner: str,
    avoid: str,
    kind: str = FAULT,
    severity: str = WARNING,
    driver: str | None = ENA,
) -> Rule:
    """A rule on counters that stand still on a healthy machine. `says` is said of the interface, in the summary."""
    setting = window(code)

    def check(case: Case) -> Iterator[Hit]:
        then = case.within(case.value(setting) * 60)
        for interface, by in grown(then, case.now, *names, driver=driver).items() if then else ():
            yield Hit(interface, f"{interface}: {says}", (told(interface, by, case.age(then)) if then else "",))

    return Rule(
        code=code,
        name=name,
        kind=kind,
        severity=severity,
        title=title,
        needs=("ethtool",),
        applies=offers(*names, driver=driver),
        check=check,
        means=means,
        remedy=remedy,
        source=source,
        owner=owner,
        avoid=avoid,
        settings=(setting,),
        compare=True,
        unsure=ena_refused,
    )
