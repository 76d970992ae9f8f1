"""Answers of network drivers: numbers, and texts that a driver's author chose."""

from __future__ import annotations

import re

from ..host import Ethtool
from ..record import replace
from .identifiers import Scrubber

_NAME = re.compile(r"[A-Za-z0-9_.:/()\[\] -]{1,32}")  # ETH_GSTRING_LEN


def ethtool(scrubber: Scrubber, answer: Ethtool) -> Ethtool:
    """The answer, its texts without what looks like an address or an id."""
    return replace(
        answer,
        driver=_text(scrubber, answer.driver),
        version=_text(scrubber, answer.version),
        firmware=_text(scrubber, answer.firmware),
        bus_info=_text(scrubber, answer.bus_info),
        statistics=_counters(scrubber, answer.statistics),
        channels=_counters(scrubber, answer.channels),
        ring=_counters(scrubber, answer.ring),
    )


def _text(scrubber: Scrubber, text: str | None) -> str | None:
    return None if text is None else scrubber.forms(text)


def _counters(scrubber: Scrubber, found: dict[str, int]) -> dict[str, int]:
    known = {name: value for name, value in found.items() if _NAME.fullmatch(name)}
    scrubber.names.drop("driver counters", len(found) - len(known))
    return {scrubber.forms(name): value for name, value in known.items()}
