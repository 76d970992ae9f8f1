"""Which devices there are, by what they are driven and in which state: what became of them from one report to the next.

A disk or card of Xen has two faces: its block device or interface, and its frontend on xenbus, which has the state.
Both come and go together, so a frontend is told apart only where nothing stands above it.
"""

from __future__ import annotations

from virt_collectors.collect import FAILED, STUCK
from virt_collectors.record import Record, replace

from ..devices import is_disk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..report import Report
    from ..rules.form import Reading

APPEARED, VANISHED, CHANGED = "appeared", "vanished", "changed"
_FRONTENDS = {"disk": "disk", "nic": "nic", "cdrom": "CD drive"}
_UNBOUND = "none"


class Device(Record):
    """One device as people call it; its states by name, None for what is not known now. `alone`: nothing stands above."""

    label: str
    states: dict[str, str | None]
    alone: bool = True


class Became(Record):
    """What became of a device: `happened` is one of the three words above, `how` in which state it is or was."""

    topic: str
    name: str
    label: str
    happened: str
    how: str


class DeviceStates:
    """The devices as they were seen last."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Device]] = {}  # by collector

    def changes(self, report: Report) -> Iterator[Became]:
        """What became of them since; nothing for what a collector shows for the first time, or cannot tell now."""
        outcomes = {one.name: one.outcome for one in report.outcomes}
        known, self._known = self._known, {}
        for topic, now in shown(report.reading).items():
            outcome = outcomes.get(topic)
            if outcome is None:  # switched off
                continue
            before = known.get(topic)
            if before is None:
                if now or outcome not in (STUCK, FAILED):
                    self._known[topic] = now
                continue
            self._known[topic] = _onto(before, now, outcome)
            yield from _became(topic, before, self._known[topic])


def shown(reading: Reading) -> dict[str, dict[str, Device]]:
    """The devices by the collector that shows them and by name."""
    facts = reading.facts
    return {
        "xenbus": {
            each.name: Device(
                f"{_FRONTENDS[each.kind]} {each.device or each.name}",
                {"driver": each.driver or _UNBOUND, "state": each.state},
                alone=each.device is None,
            )
            for each in reading.frontends
            if each.kind in _FRONTENDS
        },
        "block_devices": {
            each.name: Device(
                f"{'disk' if is_disk(each) else 'drive'} {each.name}", {"driver": each.driver, "state": each.state}
            )
            for each in facts.block_devices or ()
        },
        "network": {
            each.name: Device(f"nic {each.name}", {"driver": each.driver, "link": each.operstate})
            for each in (facts.network.devices if facts.network else ())
        },
    }


def _onto(before: Mapping[str, Device], now: Mapping[str, Device], outcome: str) -> dict[str, Device]:
    """The devices of now, with what is not known now as it was: of a collector that hangs all, of one that failed much."""
    if outcome == STUCK:
        return dict(before)
    merged = {name: _with_known(before.get(name), each, outcome) for name, each in now.items()}
    return {**before, **merged} if outcome == FAILED else merged


def _with_known(before: Device | None, now: Device, outcome: str) -> Device:
    if before is None:
        return now
    blind = outcome == FAILED  # a driver that could not be read looks as one that is not there
    states = {
        key: before.states.get(key) if state is None or (blind and state == _UNBOUND) else state
        for key, state in now.states.items()
    }
    return now if states == now.states else replace(now, states=states)


def _became(topic: str, before: Mapping[str, Device], now: Mapping[str, Device]) -> Iterator[Became]:
    for name, device in now.items():
        if name in before:
            how = ", ".join(_changed(before[name].states, device.states))
            if how:
                yield Became(topic, name, device.label, CHANGED, how)
        elif device.alone:
            yield Became(topic, name, device.label, APPEARED, _in_words(device))
    for name, device in before.items():
        if name not in now and device.alone:
            yield Became(topic, name, device.label, VANISHED, _in_words(device))


def _changed(before: Mapping[str, str | None], now: Mapping[str, str | None]) -> Iterator[str]:
    for key, state in now.items():
        earlier = before.get(key)
        if earlier is not None and state is not None and earlier != state:
            yield f"{key} {earlier} -> {state}"


def _in_words(device: Device) -> str:
    return ", ".join(f"{key} {state}" for key, state in device.states.items() if state is not None)
