"""The page at "/": what a person wants to know of this guest, rendered here. Plain HTML and CSS, no script.

It does not reload itself, which would take a reader's place away; it says when it looked.

    verdict    the status, the machine in a sentence, its evidence
    picture    hypervisor, buses, drivers, devices as a tree; drawing makes HTML of it
    findings   what is wrong and what to do
    reading    what was checked, what changed, the collectors
    badges     states as shape and word
    style      colours, the style sheet, the Content-Security-Policy that allows it
    markup     HTML from texts that cannot be trusted
"""

from __future__ import annotations

import time

from ... import __version__
from ...render import public as hidden
from ...render.ascii import duration
from ...report import Report
from . import drawing, findings, reading, verdict
from .badges import icon
from .markup import Html, foreign, tag
from .style import POLICY, SHEET

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from virt_collectors.facts import Facts

__all__ = ("POLICY", "render")

_PARTS = (
    ("verdict", "Verdict"), ("guest", "The guest"), ("findings", "Findings"), ("changes", "What changed"), ("read", "How this was read"),
)  # fmt: skip
_PATHS = (
    ("/metrics", "metrics for Prometheus"),
    ("/check", "the report as text"),
    ("/-/healthy", "healthy"),
    ("/-/ready", "ready"),
)
_DOCUMENTS = "man virt-agent, virt-agent --explain CODE, and /usr/share/doc/virt-agent tell more."


def render(report: Report, public: bool = False, ages: Mapping[str, float] | None = None) -> str:
    """The whole page; `public` without what names this guest. `ages` are seconds since each collector read."""
    if public:
        report = hidden.without_identifiers(report)
    parts = (
        verdict.section(report, public),
        drawing.section(report, public),
        findings.section(report),
        reading.changes(report),
        reading.section(report, ages or {}),
    )
    body = (
        tag("a", "Skip to the verdict", href="#main", class_="skip"),
        _header(report, public),
        tag("main", *parts, id="main", tabindex="-1"),
        _footer(),
    )
    return f'<!doctype html><html lang="en">{_head(report, public)}{tag("body", *body)}</html>\n'


def _head(report: Report, public: bool) -> Html:
    name = ("" if public else _hostname(report.reading.facts)) or "virt-agent"
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{report.status.upper()}: {name[:64]}"),
        icon(report.status),
        tag("style", Html(SHEET)),
    )


def _header(report: Report, public: bool) -> Html:
    links = [tag("li", tag("a", title, href=f"#{part}")) for part, title in _PARTS]
    named = [] if public else _identity(report.reading.facts)
    return tag(
        "header",
        tag("p", tag("strong", "virt-agent"), *(tag("span", foreign(part, 64)) for part in named), class_="guest"),
        tag("p", *_look(report.reading.facts), " Reload for a new one.", class_="quiet"),
        tag("nav", tag("ul", *links), aria_label="On this page"),
    )


def _identity(facts: Facts) -> Iterator[str]:
    if _hostname(facts):
        yield _hostname(facts)
    if facts.system and facts.system.kernel:
        yield facts.system.kernel
    if facts.clock and facts.clock.uptime_seconds is not None:
        yield f"up {duration(facts.clock.uptime_seconds)}"


def _hostname(facts: Facts) -> str:
    """Empty where it has none, which the kernel calls (none)."""
    name = (facts.system.hostname if facts.system else None) or ""
    return "" if name == "(none)" else name


def _look(facts: Facts) -> tuple[str, ...]:
    """When all of this was so, by the guest's clock."""
    if facts.clock is None or facts.clock.time is None:
        return ("A look at a recording without a time.",)
    then = time.gmtime(facts.clock.time)
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", then)
    return "A look at ", tag("time", shown, datetime=time.strftime("%Y-%m-%dT%H:%M:%SZ", then)), "."


def _footer() -> Html:
    links = [tag("li", tag("a", title, href=path)) for path, title in _PATHS]
    return tag(
        "footer",
        tag("nav", tag("ul", *links), aria_label="Elsewhere"),
        tag("p", f"virt-agent {__version__}. {_DOCUMENTS}"),
    )
