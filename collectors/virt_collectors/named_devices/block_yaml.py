"""The part of YAML that netplan's and cloud-init's own files are written in; no library is needed, and none is asked.

Read are mappings and lists, in blocks and in brackets, plain and quoted words, comments. What goes beyond that
(anchors, tags, texts over several lines, `<<`) is never guessed: where its end is plain, its node says why it was not
read, and all around it stands; where it is not, the whole file is Malformed. A colon ends a key before a blank alone,
so 02:ab:cd:ef:00:01 is one word; and "no" is a word too, for netplan takes all values as words.
"""

from __future__ import annotations

from ..errors import Malformed
from ..record import Record

_DEPTH = 24  # netplan's own nesting ends at eight
_BEYOND = "&*!@`%|>?"  # begins an anchor, an alias, a tag, a block of text, a complex key
_BLANKS = " \t"
_BREAKS = "\r\x85\u2028\u2029"  # end a line too (YAML 1.1, 4.2), which no editor of these files writes alone


class Node(Record):
    """A value and the line of its key or dash, counted from 1; `why` says why it was not read.

    `value` is a word ("" for nothing), a dict of nodes, or a tuple of nodes.
    """

    line: int
    value: str | dict[str, Node] | tuple[Node, ...] = ""
    why: str | None = None


def parse(path: str, lines: list[str]) -> Node:
    """A file's one document; Malformed names the line that is beyond this reader."""
    reader = _Blocks(lines)
    try:
        first = reader.peek()
        return Node(1) if first is None else reader.document(first)
    except _Beyond as beyond:
        raise Malformed(path, f"line {reader.number} {beyond}") from None


class _Line(Record):
    indent: int
    text: str


class _Beyond(Exception):
    """What is not read, and whose end is not known."""


class _Blocks:
    """Lines one after the other, without comments and empty ones."""

    def __init__(self, lines: list[str]) -> None:
        self.number = 0  # of the line that was looked at last
        self._lines = lines
        self._next: _Line | None = None
        self._begun = False

    def peek(self) -> _Line | None:
        """The next line that says something; None at the end."""
        while self._next is None and self.number < len(self._lines):
            raw = self._lines[self.number].rstrip()
            self.number += 1
            if any(mark in raw for mark in _BREAKS):
                raise _Beyond("has a line's end in its middle")
            text = raw.lstrip(" ")
            if text.startswith("\t"):
                raise _Beyond("is indented by a tab")
            if text and not text.startswith("#") and (self._begun or raw != "---"):
                self._next = _Line(len(raw) - len(text), text)
            self._begun = self._begun or bool(text and not text.startswith("#"))
        return self._next

    def take(self) -> _Line:
        """The line that was seen by peek()."""
        line = self.peek()
        assert line is not None
        self._next = None
        return line

    def document(self, first: _Line) -> Node:
        found = self._block(first.indent, 0)
        if self.peek() is not None:
            raise _Beyond("is not indented as the lines above")
        return found

    def _block(self, indent: int, depth: int) -> Node:
        """What stands at one indentation."""
        line, number = self.peek(), self.number
        if depth > _DEPTH:
            raise _Beyond("is nested too deeply")
        items = line is not None and _is_item(line.text)
        return Node(number, self._list(indent, depth) if items else self._mapping(indent, depth))

    def _here(self, indent: int) -> _Line | None:
        """The next line, where it stands at this indentation."""
        line = self.peek()
        if line is not None and line.indent > indent:
            raise _Beyond("is not indented as the lines above")
        return line if line is not None and line.indent == indent else None

    def _mapping(self, indent: int, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while (line := self._here(indent)) and not (found and _is_item(line.text)):
            number = self.number
            key, rest = _key(self.take().text)
            value = self._value(rest, indent, depth, rest[0] in "&!") if rest else self._below(indent, depth)
            twice = f"{key[:40]!r} is there twice" if key in found else None
            found[key] = Node(number, "", twice) if twice else Node(number, value.value, value.why)
        return found

    def _below(self, indent: int, depth: int) -> Node:
        """What belongs to a key that ends its line: a list may stand at the key's own indentation."""
        number, line = self.number, self.peek()
        if line is not None and (line.indent > indent or (line.indent == indent and _is_item(line.text))):
            return self._block(line.indent, depth + 1)
        return Node(number)

    def _list(self, indent: int, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        while (line := self._here(indent)) and _is_item(line.text):
            self.take()
            rest = _uncommented(line.text[1:])
            if _is_item(rest) or (rest and rest[0] not in "{[\"'" and _split(rest)[1]):
                self._next = _Line(indent + len(line.text) - len(line.text[1:].lstrip()), rest)
                found.append(self._block(self._next.indent, depth + 1))
            elif rest:
                found.append(self._value(rest, indent, depth))
            else:
                number, below = self.number, self.peek()
                deeper = below is not None and below.indent > indent
                found.append(self._block(below.indent, depth + 1) if below and deeper else Node(number))
        return tuple(found)

    def _value(self, rest: str, indent: int, depth: int, marked: bool = False) -> Node:
        """What follows a key or a dash on its line; what is marked may be a list at the key's own indentation."""
        number = self.number
        if rest[0] in "{[":
            brackets = _Brackets(self, rest)
            value = brackets.value(depth)
            brackets.end()
            return Node(number, value)
        word, why = _word(rest)
        if self._skip(indent, marked):
            why = why or "goes over several lines"
        return Node(number, why=why) if why else Node(number, word)

    def _skip(self, indent: int, items: bool) -> bool:
        """Pass over what is indented deeper, and items beside it; True where there was something."""
        said = False
        while self.number < len(self._lines):
            raw = self._lines[self.number]
            text = raw.strip()
            margin = len(raw) - len(raw.lstrip(" "))
            if text and margin <= indent and not (items and margin == indent and _is_item(text)):
                break
            said = said or bool(text and not text.startswith("#"))
            self.number += 1
        return said


class _Brackets:
    """A value in brackets, over as many lines as it takes."""

    def __init__(self, blocks: _Blocks, text: str) -> None:
        self._blocks = blocks
        self._text = text
        self._at = 0

    def value(self, depth: int) -> str | dict[str, Node] | tuple[Node, ...]:
        """A mapping, a list or a word."""
        if depth > _DEPTH:
            raise _Beyond("is nested too deeply")
        first = self._peek()
        if first not in ("{", "["):
            return self._word()
        self._at += 1
        return self._mapping(depth) if first == "{" else self._list(depth)

    def end(self) -> None:
        """Nothing but a comment may follow."""
        if _uncommented(self._text[self._at :]):
            raise _Beyond("goes on after its bracket")

    def _peek(self) -> str:
        """The next character that is no blank; lines are added where this one ends."""
        while True:
            while self._text[self._at : self._at + 1] in tuple(_BLANKS):
                self._at += 1
            comment = self._text[self._at : self._at + 1] == "#" and self._text[self._at - 1] in _BLANKS
            if self._at < len(self._text) and not comment:
                return self._text[self._at]
            if self._blocks.peek() is None:
                raise _Beyond("ends inside a bracket")
            self._text, self._at = " " + self._blocks.take().text, 1

    def _mapping(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        while self._peek() != "}":
            number, key = self._blocks.number, self._word()
            value: str | dict[str, Node] | tuple[Node, ...] = ""
            if self._peek() == ":":
                self._at += 1
                value = "" if self._peek() in ",}" else self.value(depth + 1)
            found[key] = Node(number, why=f"{key[:40]!r} is there twice") if key in found else Node(number, value)
            self._comma("}")
        self._at += 1
        return found

    def _list(self, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        while self._peek() != "]":
            found.append(Node(self._blocks.number, self.value(depth + 1)))
            self._comma("]")
        self._at += 1
        return tuple(found)

    def _comma(self, closing: str) -> None:
        if self._peek() == ",":
            self._at += 1
        elif self._peek() != closing:
            raise _Beyond("has not the form of a list in brackets")

    def _word(self) -> str:
        first = self._peek()
        if first in _BEYOND or first in ",:":
            raise _Beyond(f"has {first!r} in brackets")
        if first in "\"'":
            word, self._at = _quoted(self._text, self._at)
            return word
        began = self._at
        while self._at < len(self._text) and not self._ends_word():
            self._at += 1
        return self._text[began : self._at].rstrip()

    def _ends_word(self) -> bool:
        here, after = self._text[self._at], self._text[self._at + 1 : self._at + 2]
        if here == ":":
            return after == "" or after in " \t,[]{}"
        return here in ",[]{}" or (here in _BLANKS and after == "#")


def _is_item(text: str) -> bool:
    return text[:1] == "-" and text[1:2].strip(_BLANKS) == ""


def _key(text: str) -> tuple[str, str]:
    """A line's key and what follows it."""
    if text[0] in "\"'":
        key, end = _quoted(text)
        rest = text[end:].lstrip(_BLANKS)
        colon, rest = rest[:1], rest[1:]
        proper = colon == ":" and rest[:1].strip(_BLANKS) == ""
    else:
        key, colon, rest = _split(text)
        proper = colon == ":" and bool(key) and key[0] not in _BEYOND + "{}[],#" and key != "<<" and " #" not in key
    if not proper:
        raise _Beyond("has not the form key: value")
    return key, _uncommented(rest)


def _split(text: str) -> tuple[str, str, str]:
    """Before and after the first colon that ends a key."""
    for at, character in enumerate(text):
        if character == ":" and text[at + 1 : at + 2].strip(_BLANKS) == "":
            return text[:at].rstrip(_BLANKS), ":", text[at + 1 :]
    return text, "", ""


def _uncommented(text: str) -> str:
    """Without the blanks around it; a comment alone is nothing."""
    stripped = text.strip(_BLANKS)
    return "" if stripped.startswith("#") and (text != stripped or not text) else stripped


def _word(rest: str) -> tuple[str, str | None]:
    """One word, or why it was not read."""
    if rest[0] in _BEYOND + ",}]" or _is_item(rest):
        return "", f"begins with {rest[0]!r}"
    if rest[0] in "\"'":
        word, end = _quoted(rest)
        return word, "goes on after its quotation mark" if _uncommented(rest[end:]) else None
    word = rest.replace("\t#", " #").split(" #")[0].rstrip(_BLANKS)
    return word, "has two colons" if _split(word)[1] else None


def _quoted(text: str, begin: int = 0) -> tuple[str, int]:
    """The word in quotation marks that begins there, and where it ends, behind its mark."""
    mark, at = text[begin], begin + 1
    word: list[str] = []
    while at < len(text):
        character, after = text[at], text[at + 1 : at + 2]
        if mark == "'" and character == after == "'":
            at += 1
        elif character == mark:
            return "".join(word), at + 1
        elif mark == '"' and character == "\\":
            if after == "" or after not in '"\\/':
                raise _Beyond("has an escape that is not known here")
            character, at = after, at + 1
        word.append(character)
        at += 1
    raise _Beyond("has a quotation mark that is not closed")
