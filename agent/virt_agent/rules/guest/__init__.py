"""The guest as a whole: what it is, its clock, its processors, its tools, what its cloud announces."""

from __future__ import annotations

from ..form import Rule
from . import clock, ec2, memory, metadata, platform, tools

RULES: tuple[Rule, ...] = (
    *clock.RULES,
    *ec2.RULES,
    *memory.RULES,
    *metadata.RULES,
    *platform.RULES,
    *tools.RULES,
)
