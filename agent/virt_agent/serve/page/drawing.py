"""The picture as nested lists, which a screen reader tells in order and the style sheet draws with boxes and lines."""

from __future__ import annotations

from ...report import Report, broken
from . import findings, picture
from .badges import mark
from .markup import Html, foreign, join, tag
from .picture import Box

# Without one of these, devices or what is known of them is missing.
_COLLECTORS = frozenset({"xenbus", "virtio", "block_devices", "nvme", "network", "clock", "mounts"})

_FEW = 8


def section(report: Report, public: bool) -> Html:
    """Who offers what to this guest, and what of it is ill."""
    whole = picture.draw(report, public)
    return tag(
        "section",
        tag("h2", "The guest", id="h-guest"),
        tag(
            "p", f"From the hypervisor to its buses, their drivers and the devices: {_summary(whole)}.", class_="quiet"
        ),
        _unread(report),
        _elsewhere(report),
        tag("div", tag("ul", _item(whole), role="list"), class_="tree"),
        aria_labelledby="h-guest",
        id="guest",
    )


def _summary(whole: Box) -> str:
    devices = f"{whole.count} device{'s' * (whole.count != 1)}"
    if not whole.below:
        return "no devices are seen"
    return f"{devices}, none with a finding" if not whole.ill else f"{devices}, {whole.ill} ill"


def _unread(report: Report) -> Html:
    names = sorted(_COLLECTORS & broken(report.outcomes))
    return tag("p", tag("strong", "Not whole: "), f"{', '.join(names)} could not be read.") if names else join(())


def _elsewhere(report: Report) -> Html:
    """What is ill and is no device of the picture, as a disk that was taken away under its mount."""
    found = picture.elsewhere(report)
    links = [
        tag("a", f"{one.code} ", foreign(one.subject, 80), href=findings.place(number)) for number, one in found[:_FEW]
    ]
    listed = join(part if not place else join((", ", part)) for place, part in enumerate(links))
    more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
    return tag("p", tag("strong", "Not in the picture: "), listed, more) if found else join(())


def _item(box: Box) -> Html:
    below = tag("ul", *map(_item, box.below), _hidden(box), role="list") if box.below else ""
    return tag("li", _leaf(box) if not box.below else _inner(box), below)


def _hidden(box: Box) -> Html:
    count, ill = box.hidden.count, box.hidden.ill
    if not count:
        return join(())
    which = f"{ill} of them ill" if ill else "none of them with a finding"
    return tag("li", tag("div", f"and {count} more, {which}", class_="box note"))


def _inner(box: Box) -> Html:
    """Hypervisor, bus or driver: how much of what hangs on it is ill."""
    ill = tag("span", f"{box.ill} of {box.count} ill", class_=f"ill {box.severity}") if box.ill else ""
    return tag("div", _title(box), _note(box), ill, class_="box")


def _leaf(box: Box) -> Html:
    """A device; where it is ill, the way to the finding that says so."""
    severity = box.illness.severity if box.illness else "ok"
    parts = [mark(severity), _title(box), tag("span", foreign(box.state)), _note(box)]
    if box.illness:
        where = tag("a", f"{severity}: {box.illness.code}", href=findings.place(box.illness.number))
        parts.append(tag("span", where, class_="ill"))
    else:
        parts.append(tag("span", ", no finding", class_="unseen"))
    return tag("div", *parts, class_=f"box leaf {severity}")


def _title(box: Box) -> Html:
    return tag("span", foreign(box.title) if box.foreign else box.title, class_="name")


def _note(box: Box) -> Html:
    return tag("span", foreign(box.note, 300), class_="note") if box.note else join(())
