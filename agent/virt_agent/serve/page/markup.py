"""HTML from values that cannot be trusted: whatever is not Html already is neutralised and escaped, in one place.

Device names, firmware texts and command lines come from outside. Characters that are not printable (controls, those
that turn the direction of writing, invisible ones, lone surrogates) become U+FFFD, so that no name can show itself as
another or break the page.
"""

from __future__ import annotations

from html import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_STRANGE = "\N{REPLACEMENT CHARACTER}"
_VOID = frozenset({"link", "meta"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def markup(text: str) -> Html:
    """The text as HTML."""
    if isinstance(text, Html):
        return text
    if not text.isprintable():
        text = "".join(character if character.isprintable() else _STRANGE for character in text)
    return Html(escape(text))


def tag(element: str, *content: str, **attributes: str) -> Html:
    """An element with its content; class_ is the attribute class, aria_label is aria-label."""
    named = "".join(f' {name.strip("_").replace("_", "-")}="{markup(value)}"' for name, value in attributes.items())
    inside = "".join(map(markup, content))
    return Html(f"<{element}{named}>" if element in _VOID else f"<{element}{named}>{inside}</{element}>")


def join(parts: Iterable[str]) -> Html:
    """The parts one after the other."""
    return Html("".join(map(markup, parts)))


def foreign(text: object, limit: int = 200) -> Html:
    """A text from outside, cut at limit; the direction of its writing ends with it."""
    found = str(text)
    return tag("bdi", found if len(found) <= limit else f"{found[: limit - 3]}...")


def facts(entries: Iterable[tuple[str, str]]) -> Html:
    """A description list of headings and what they say; "" where there is none."""
    found = join(tag("div", tag("dt", heading), tag("dd", says)) for heading, says in entries if says)
    return tag("dl", found) if found else found
