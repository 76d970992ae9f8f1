"""A manual page in the macros of man(7). Text is escaped here and nowhere else.

groff makes typographic signs of "-", "'", "`", "^" and "~", which a shell would not take back, and commands of lines
that begin with "." or "'": each has an escape that all formatters know (groff_char(7), mandoc_char(7)).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_ESCAPES = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", '"': r"\(dq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)
_FONTS = {"`": ("\\fB", "\\fR"), "{": ("\\fI", "\\fR")}
_CLOSING = {"`": "`", "{": "}"}
_COLUMNS = 77  # of a source line, without what keeps it from ending a sentence
_COLUMN = 40  # the second one of a table
_LONG = 40  # of a word that must be breakable, for it might not fit into a line


class Unprintable(Exception):
    """A text holds what has no place on a page; the message shows it."""


def plain(text: str) -> str:
    """Text that reads as it is, spaces too."""
    if not (text.isascii() and text.isprintable()):
        raise Unprintable(f"not printable ASCII: {text!r:.100}")
    return text.translate(_ESCAPES)


def bold(text: str) -> str:
    """What is typed as it stands."""
    return f"\\fB{plain(text)}\\fR"


def italic(text: str) -> str:
    """What stands for something else."""
    return f"\\fI{plain(text)}\\fR"


def marked(text: str) -> str:
    """Prose of our own: `typed as it stands`, {stands for something else}."""
    parts, rest = [], text
    while rest:
        at = min((rest.find(mark) for mark in _FONTS if mark in rest), default=len(rest))
        parts.append(plain(rest[:at]))
        if at == len(rest):
            break
        mark = rest[at]
        inside, closing, rest = rest[at + 1 :].partition(_CLOSING[mark])
        if not closing:
            raise Unprintable(f"{mark} is not closed: {text!r:.100}")
        parts.append(plain(inside).join(_FONTS[mark]))
    return "".join(parts)


def options_bold(text: str) -> str:
    """A text of the tables; the options that it names are bold."""
    words = []
    for word in text.split(" "):
        opening = word[: len(word) - len(word.lstrip("("))]
        name = word[len(opening) :].rstrip(".,;:)")
        is_option = name.startswith("--") and len(name) > 2
        after = word[len(opening) + len(name) :]
        words.append(plain(opening) + bold(name) + plain(after) if is_option else plain(word))
    return " ".join(words)


class Page:
    """One page, from its title to its last line."""

    def __init__(self, name: str, section: int, what: str, date: str, version: str) -> None:
        title = f'.TH {plain(name.upper())} {section} "{date}" "virt\\-agent {plain(version)}" "virt\\-agent"'
        self._lines = [title, ".nh", ".ad l"]
        self.heading("NAME")
        self._fill(f"{plain(name)} \\- {plain(what)}")

    def heading(self, title: str) -> None:
        """A section."""
        self._lines.append(f'.SH "{plain(title)}"')

    def subheading(self, title: str) -> None:
        """A part of a section."""
        self._lines.append(f'.SS "{plain(title)}"')

    def prose(self, text: str) -> None:
        """Paragraphs of our own, an empty line between them."""
        for number, paragraph in enumerate(text.strip().split("\n\n")):
            self._lines += [".PP"] if number or not self._begins() else []
            self._fill(marked(" ".join(paragraph.split())))

    def paragraph(self, escaped: str) -> None:
        """A paragraph that is escaped already."""
        self._lines += [] if self._begins() else [".PP"]
        self._fill(escaped)

    def line(self, escaped: str) -> None:
        """A line that nothing is joined to, as those of a synopsis."""
        self._lines += [] if self._begins() else [".br"]
        self._fill(escaped)

    def term(self, head: str, *bodies: str) -> None:
        """A word, escaped already, and paragraphs that tell of it, so too."""
        self._lines += [".TP", head]
        for number, body in enumerate(bodies):
            self._lines += [".IP"] if number else []
            self._fill(body)

    def table(self, rows: Iterable[tuple[str, str]]) -> None:
        """Words in two columns, escaped already."""
        for number, (left, right) in enumerate(rows):
            self._lines += [".PD 0"] if number == 1 else []
            self._lines += [f".TP {_COLUMN}", left, right]
        self._lines.append(".PD")

    def steps(self, texts: Iterable[str]) -> None:
        """A numbered list, below a term."""
        self._lines += [".PD 0", ".RS"]
        for number, text in enumerate(texts, 1):
            self._lines.append(f".IP {number}. 4")
            self._fill(plain(text))
        self._lines += [".RE", ".PD"]

    def example(self, text: str) -> None:
        """Lines as they stand. .EE switches hyphenation on again."""
        shown = [_safe(plain(line)) for line in text.strip("\n").split("\n")]
        self._lines += [] if self._begins() else [".PP"]
        self._lines += [".in +4n", ".EX", *shown, ".EE", ".nh", ".in"]

    def text(self) -> str:
        """The page."""
        return "\n".join(self._lines) + "\n"

    def _begins(self) -> bool:
        return self._lines[-1].startswith((".SH", ".SS"))

    def _fill(self, escaped: str) -> None:
        line = ""
        for word in map(_breakable, escaped.split()):
            if line and len(line) + 1 + len(word) > _COLUMNS:
                self._lines.append(_open(line))
                line = ""
            line = f"{line} {word}" if line else _safe(word)
        self._lines.append(line)


def _breakable(word: str) -> str:
    return word.replace("/", "/\\:").replace(",", ",\\:") if len(word) > _LONG else word


def _safe(line: str) -> str:
    """A line that is no command; "'" is escaped already."""
    return f"\\&{line}" if line.startswith(".") else line


def _open(line: str) -> str:
    """A line's end is not a sentence's, behind which groff leaves two spaces."""
    return f"{line}\\&" if line.endswith((".", "?", "!", ":")) else line
