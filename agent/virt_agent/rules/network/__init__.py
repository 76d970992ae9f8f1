"""Network cards, their drivers, and what was bought of the network."""

from __future__ import annotations

from ..form import Rule
from . import cards, ec2, ena, ena_driver, ena_limits, interfaces

RULES: tuple[Rule, ...] = (
    *cards.RULES,
    *ec2.RULES,
    *ena.RULES,
    *ena_driver.RULES,
    *ena_limits.RULES,
    *interfaces.RULES,
)
