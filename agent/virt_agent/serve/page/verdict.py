"""What the guest is, in a sentence, and every sign that says so."""

from __future__ import annotations

from ...render import public as hidden
from ...render import text, words
from ...render.text import all_entries
from ...report import Report
from ...verdict.confidence import supports
from ...verdict.signs import Evidence
from .badges import badge
from .markup import Html, foreign, join, tag
from .markup import facts as listed

_WITNESSES = 4


def section(report: Report, public: bool) -> Html:
    """The status with its reason, then the machine and its proof."""
    _, _, reason = text.headline(report).partition(": ")
    entries = hidden.entries(report.reading) if public else all_entries(report, text.Style(verbosity=1))
    said = [(heading, foreign(told, 400)) for heading, told in entries if told]
    machine = words.headline(report.reading)
    parts = [
        tag("p", badge(report.status, "big")),
        tag("h1", foreign(reason), id="h-verdict"),
        join(()) if machine in reason else tag("p", foreign(machine), class_="kind"),
        listed(said if public else [("Because", _because(report)), *said]),
        join(()) if public else _signs(report),
    ]
    return tag("section", *parts, class_=f"verdict {report.status}", aria_labelledby="h-verdict", id="verdict")


def _because(report: Report) -> Html:
    """The strongest sign of each kind for this hypervisor: witnesses that do not know of each other."""
    verdict = report.reading.verdict
    witnesses: dict[str, Evidence] = {}
    for sign in verdict.evidence:
        if supports(sign, verdict.hypervisor) and sign.value and not sign.error:
            witnesses.setdefault(sign.kind, sign)
    said = [join((tag("code", foreign(sign.source)), " says ", _value(sign))) for sign in witnesses.values()]
    return join(part if not number else join(("; ", part)) for number, part in enumerate(said[:_WITNESSES]))


def _signs(report: Report) -> Html:
    evidence = report.reading.verdict.evidence
    return tag(
        "details",
        tag("summary", f"All {len(evidence)} signs: what was looked at, what it said, what it argues for"),
        tag("ul", *map(_sign, evidence), class_="signs"),
    )


def _sign(sign: Evidence) -> Html:
    says = ", ".join(f"{key} {word}" for key, word in sign.argues_for.items()) or "nothing"
    told = join((tag("code", foreign(sign.source)), ": ", _value(sign), " argues for ", foreign(says)))
    return tag("li", tag("span", sign.weight, class_="quiet"), tag("span", told))


def _value(sign: Evidence) -> Html:
    if sign.error:
        return join((f"not readable ({sign.error})",))
    return tag("strong", foreign(sign.value, 100)) if sign.value else join(("(empty)",))
