"""What the user chose: which rules are judged, how loud they are, and where their thresholds lie.

The command line gives `only`, `ignored` and `strict`; the configuration gives overrides and settings.
"""

from __future__ import annotations

from virt_collectors.record import Record


class Override(Record):
    """A rule switched off, or with another severity, for one subject or for all, until the end of a day (UTC)."""

    code: str
    reason: str
    severity: str | None = None  # None: switched off
    subject: str | None = None
    until: str | None = None

    def in_force(self, today: str) -> bool:
        """Days are ISO 8601 texts; an unknown today ("") is before any."""
        return self.until is None or today <= self.until


class Selection(Record):
    """What the user chose to see; shown in every output."""

    only: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    strict: bool = False
    overrides: tuple[Override, ...] = ()
    settings: dict[str, float] = {}

    @property
    def everything(self) -> bool:
        """Nothing was chosen among the rules."""
        return not (self.ignored or self.only or self.overrides)

    def judges(self, code: str, today: str) -> bool:
        """False where the rule is not to be judged at all."""
        if code in self.ignored or (self.only and code not in self.only):
            return False
        found = self.override(code, None, today)
        return found is None or found.severity is not None

    def override(self, code: str, subject: str | None, today: str) -> Override | None:
        """What applies to a finding: the override for its subject, else that for all of the rule's."""
        chosen = [each for each in self.overrides if each.code == code and each.in_force(today)]
        return next((each for each in chosen if subject is not None and each.subject == subject), None) or next(
            (each for each in chosen if each.subject is None), None
        )
