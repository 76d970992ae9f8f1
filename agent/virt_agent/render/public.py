"""The report as it may be shown to anybody who can reach the port: nothing in it names this guest.

What identifies is taken out of the facts themselves, so that no renderer can show it, and what stands in a finding's
words (a volume in a command to type, a card named by its MAC address) is taken out by its form or by its value.
"""

from __future__ import annotations

import re

from virt_collectors.facts import Facts
from virt_collectors.record import Record, replace
from virt_collectors.redact import names as places
from virt_collectors.redact.identifiers import Scrubber
from virt_collectors.redact.pseudonyms import Pseudonyms

from ..report import Report
from ..rules.form import Finding, Reading
from ..selection import Override
from . import words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HIDDEN = "***"
# Interfaces that udev names by their MAC address (systemd.net-naming-scheme(7)): enx78e7d1ea46da.
_NAMED_BY_MAC = re.compile(r"(?<![0-9A-Za-z])((?:en|wl|ww|sl|ib)x)[0-9a-f]{12}(?![0-9A-Za-z])", re.ASCII)
_LINK_LOCAL = re.compile(
    r"(?<![0-9A-Za-z.])(?!169\.254\.169\.)169\.254\.\d{1,3}\.\d{1,3}(?![0-9A-Za-z]|\.\d)", re.ASCII
)
_NO_IDENTIFIER = frozenset({"", "none", "unknown", "not specified", "amazon ec2", "no asset tag", "default string"})
_SHORTEST = 4
_LEFT_OUT = (
    "names, identifiers and evidence. Ask on this machine (http://localhost:PORT/check) or over TLS with a"
    " password or client certificate: --web.config.file."
)


class _Nameless(Pseudonyms):
    """Gives all values one name, which tells nothing of them."""

    def give(self, kind: str, value: str, form: Callable[[int], str]) -> str:  # noqa: ARG002
        return HIDDEN


def without_identifiers(report: Report) -> Report:
    """A report to be rendered for strangers."""
    hide = Hiding(report.reading.facts)
    return replace(
        report,
        reading=_reading(report.reading, hide),
        findings=tuple(_finding(finding, hide) for finding in report.findings),
        outcomes=tuple(replace(each, reason=each.reason and "why is left out") for each in report.outcomes),
        selection=replace(
            report.selection, overrides=tuple(_override(each, hide) for each in report.selection.overrides)
        ),
        changes=tuple(
            replace(each, text=hide.text(each.text if each.public is None else each.public), detail="")
            for each in report.changes
        ),
    )


def entries(reading: Reading) -> list[tuple[str, str | None]]:
    """The verdict without what it was seen from, and where the rest is shown."""
    return [
        ("Type", words.kind_of(reading)),
        ("Cloud", words.cloud(reading)),
        *words.layers(reading),
        ("Sure", reading.verdict.confidence),
        ("Left out", _LEFT_OUT),
    ]


class Hiding:
    """Takes identifiers out of texts: those of certain forms, and those of these facts."""

    def __init__(self, facts: Facts) -> None:
        names = _Nameless()
        for value in set(identifiers(facts)):
            names.know(value, HIDDEN)  # but for words of common use, as a host called "disk"
        for point, source in _mounted(facts):
            places.directory(names, point)
            places.device(names, source)
        self._scrubber = Scrubber(names)

    def text(self, text: str) -> str:
        found = _NAMED_BY_MAC.sub(rf"\1{HIDDEN}", text)
        return self._scrubber.text(_LINK_LOCAL.sub(HIDDEN, found))

    def texts(self, texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(self.text(text) for text in texts)


def identifiers(facts: Facts) -> Iterator[str]:
    """The values that name this guest, its disks, its cards or its place, each whole."""
    for value in _named(facts):
        if value and len(value) >= _SHORTEST and value.strip().casefold() not in _NO_IDENTIFIER:
            yield value
            yield value.strip().lower()
            yield value.strip().upper()


def _named(facts: Facts) -> Iterator[str | None]:
    yield from _fields(facts.system, "hostname")
    yield from _fields(facts.hypervisor, "uuid")
    yield from _fields(facts.dmi, "product_uuid", "product_serial", "board_asset_tag", "chassis_asset_tag")
    yield from _fields(facts.imds, "instance_id", "image_id", "kernel_id", "ramdisk_id", "manifest_path", "mac")
    yield from _fields(facts.imds, "availability_zone", "availability_zone_id")
    for interface in facts.imds.interfaces if facts.imds else ():
        yield from _fields(interface, "mac", "interface_id")
    yield from facts.imds.macs if facts.imds else ()
    yield from (event.event_id for event in (facts.imds.maintenance if facts.imds else ()))
    for disk in facts.block_devices or ():
        yield from _fields(disk, "serial", "volume_id")
    for controller in facts.nvme or ():
        yield from _fields(controller, "serial", "volume_id")
    for nic in facts.network.devices if facts.network else ():
        yield from _fields(nic, "address")


def _mounted(facts: Facts) -> Iterator[tuple[str, str]]:
    """Mount points, volumes and labels, which people name, for customers at times."""
    yield from ((mount.point, mount.source) for mount in facts.mounts or ())
    fstab = facts.configuration.fstab if facts.configuration else None
    yield from ((entry.point, entry.source) for entry in fstab or ())


def _fields(record: Record | None, *names: str) -> list[str | None]:
    return [] if record is None else [getattr(record, name) for name in names]


def _reading(reading: Reading, hide: Hiding) -> Reading:
    """Only what a public text is made of is gone through: who adds to it finds the rest here unchanged."""
    facts = reading.facts
    disks, network = facts.block_devices, facts.network
    known = replace(
        facts,
        imds=facts.imds and replace(facts.imds, instance_id=None, availability_zone=None, availability_zone_id=None),
        dmi=facts.dmi and replace(facts.dmi, board_asset_tag=None, product_name=_shown(facts.dmi.product_name, hide)),
        block_devices=disks and tuple(replace(disk, name=hide.text(disk.name), volume_id=None) for disk in disks),
        network=network
        and replace(network, devices=tuple(replace(nic, name=hide.text(nic.name)) for nic in network.devices)),
    )
    return replace(reading, facts=known, mounts={disk: _points(points) for disk, points in reading.mounts.items()})


def _shown(text: str | None, hide: Hiding) -> str | None:
    return None if text is None else hide.text(text)


def _points(points: tuple[str, ...]) -> tuple[str, ...]:
    """Mount points are named by people, for customers at times."""
    return tuple("/" if point == "/" else "mounted" for point in points)


def _finding(finding: Finding, hide: Hiding) -> Finding:
    return replace(
        finding,
        subject=hide.text(finding.subject),
        summary=hide.text(finding.summary),
        evidence=(),
        means=hide.text(finding.means),
        remedy=hide.texts(finding.remedy),
        same_cause_as=finding.same_cause_as and hide.text(finding.same_cause_as),
        since=finding.since and hide.text(finding.since),
    )


def _override(override: Override, hide: Hiding) -> Override:
    return replace(override, reason="why is left out", subject=override.subject and hide.text(override.subject))
