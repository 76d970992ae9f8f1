"""Identifiers in free text: what their form alone gives away, and the words known from elsewhere.

One pass over the text, so that no pseudonym is taken for a value again.
"""

from __future__ import annotations

import re

from .pseudonyms import Pseudonyms

_ALONE, _END = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
# Resource prefixes of the EC2 API reference, "Resource IDs".
_PREFIXES = "i|vol|ami|aki|ari|eni|snap|subnet|vpc|sg|r|acl|igw|rtb|nat|lt|eipalloc|eipassoc|fs|h|cr|pl|dopt|bi"
_FORMS = (
    (
        "secret",
        r"(?i:passw(?:or)?d|passphrase|(?<![a-z])pass|secret|token|credentials?|api_?key|private_?key|psk)[=:]\S+",
    ),
    ("email", r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[A-Za-z]{2,20}"),
    ("uuid", _ALONE + r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}" + _END),
    ("resource", _ALONE + rf"(?:(?:{_PREFIXES})-|vol)(?:[0-9a-f]{{17}}|[0-9a-f]{{8}})" + _END),
    # At most 40: a run of colons that ends badly is tried again from each of them.
    ("colons", _ALONE + r"(?:[0-9A-Fa-f]{0,4}:){2,40}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4})" + _END),
    ("dashes", r"(?<![0-9A-Za-z-])(?:[0-9A-Fa-f]{2}-){5,6}[0-9A-Fa-f]{2}(?![0-9A-Za-z-])"),
    ("hexadecimal", _ALONE + r"(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-fA-F]{32})" + _END),
    ("ipv4", r"(?<![0-9A-Za-z.])\d{1,3}(?:\.\d{1,3}){3}(?![0-9A-Za-z]|\.\d)"),
)
_PATTERN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _FORMS), re.ASCII)
_MAC = re.compile(r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])")


class Scrubber:
    """Replaces identifiers; with the words that the pseudonyms knew when it was made."""

    def __init__(self, names: Pseudonyms) -> None:
        self.names = names
        self._words, self._parts = (dict(known) for known in names.known())
        self._pattern = re.compile("|".join([*self._known(), _PATTERN.pattern]), re.ASCII)

    def _known(self) -> list[str]:
        found = []
        for name, before, known in (("word", _ALONE, self._words), ("part", "(?<=/)", self._parts)):
            longest_first = sorted(known, key=lambda value: (-len(value), value))
            if known:
                found.append(f"(?P<{name}>{before}(?:{'|'.join(map(re.escape, longest_first))}){_END})")
        return found

    def text(self, text: str) -> str:
        """Free text: forms and known words."""
        return self._pattern.sub(self._replace, text)

    def forms(self, text: str) -> str:
        """Attributes and paths, whose words are the kernel's: forms alone."""
        return _PATTERN.sub(self._replace, text)

    def _replace(self, match: re.Match[str]) -> str:
        kind, value = match.lastgroup or "", match[0]
        if kind in ("word", "part"):
            return (self._words if kind == "word" else self._parts)[value]
        if kind == "secret":
            return (
                re.split("[=:]", value, maxsplit=1)[0] + value[len(re.split("[=:]", value, maxsplit=1)[0])] + "redacted"
            )
        if kind == "email":
            return self.names.give("mail address", value, lambda number: f"mail-{number}@example.org")
        if kind == "colons":
            return self._colons(value)
        if kind == "dashes":
            return value[:-17] + self.names.mac(value[-17:])
        replaced: str = getattr(self.names, kind)(value)
        return replaced

    def _colons(self, value: str) -> str:
        """MAC addresses, of InfiniBand and of firewall lines in a row, else an IPv6 address."""
        if _MAC.search(value):
            return _MAC.sub(lambda match: self.names.mac(match[0]), value)
        return self.names.ipv6(value)
