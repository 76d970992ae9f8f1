"""GRUB's script language as statements: what grub.cfg is written in (GRUB manual, Shell-like scripting).

Words are kept in pieces, because "$default" and '$default' differ when the script is run. Control structures are those
that the manual names. A file that ends inside a block, or closes what was not opened, is still parsed as far as it goes,
and `Script.problem` says what is wrong: GRUB itself stops there for a key, and shows what it has got of a menu.
"""

from __future__ import annotations

import re

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    Word = tuple[tuple[str, str], ...]  # pieces: what they are, and their text
    Token = str | Word

PLAIN, QUOTED, VARIABLE, QUOTED_VARIABLE = "plain", "quoted", "variable", "quoted variable"
NESTING = 10  # Ubuntu's own grub.cfg has 4

_END, _OPEN, _CLOSE = "\n", "{", "}"
_STRAY = (_OPEN, _CLOSE, "then", "elif", "else", "fi", "do", "done")
_NAME = r"\$(?:\{(?P<braced>[A-Za-z0-9_?@*#]+)\}|(?P<bare>[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?@*#]))"
_TOKEN = re.compile(
    r"(?P<joint>\\\n)|(?P<blank>[ \t\r]+)|(?P<end>[\n;])|(?P<brace>[{}])"
    r"|'(?P<single>[^']*)'|\"(?P<double>[^\"\\]*(?:\\.[^\"\\]*)*)\"|(?P<open>['\"])"
    rf"|\\(?P<escaped>.)|{_NAME}|(?P<plain>[^ \t\r\n;{{}}'\"\\$]+|.)",
    re.DOTALL,
)
_DOUBLE = re.compile(rf"\\(?P<joint>\n)|\\(?P<escaped>[\\\"$])|{_NAME}|(?P<plain>[^\\$]+|.)", re.DOTALL)


class Command(Record):
    """A command's words, and the block that menuentry and submenu take."""

    words: tuple[Word, ...]
    block: tuple[Record, ...] | None = None


class If(Record):
    """Conditions with what they let through, in their order; `otherwise` is the else part."""

    branches: tuple[tuple[tuple[Record, ...], tuple[Record, ...]], ...]
    otherwise: tuple[Record, ...] = ()


class Loop(Record):
    """for, while, until: how often the body runs is not told. The first statement of a for names its variable."""

    kind: str
    head: tuple[Record, ...]
    body: tuple[Record, ...]


class Function(Record):
    """A function's definition."""

    name: str
    body: tuple[Record, ...]


class Script(Record):
    """The statements, and what is wrong with the text, in words."""

    statements: tuple[Record, ...]
    problem: str | None = None


def parse(text: str) -> Script:
    """Any text; blocks nested deeper than NESTING are a problem and left out."""
    parser = _Parser(*_tokens(text))
    return Script(parser.statements((), 0), parser.problem)


def assignment(word: Word) -> tuple[str, Word] | None:
    """The name and the value of NAME=VALUE; None where a word is none."""
    name, sign, rest = word[0][1].partition("=")
    if not sign or word[0][0] not in (PLAIN, QUOTED) or not (name.isascii() and name.isidentifier()):
        return None
    return name, ((word[0][0], rest), *word[1:])


def literal(word: Word) -> str:
    """What stands there without any variable."""
    return "".join(text for kind, text in word if kind in (PLAIN, QUOTED))


def _tokens(text: str) -> tuple[list[Token], str | None]:
    found: list[Token] = []
    pieces: list[tuple[str, str]] = []
    at = 0
    while match := _TOKEN.match(text, at):
        at, kind = match.end(), match.lastgroup
        if kind in ("blank", "end", "brace") and pieces:
            found.append(tuple(pieces))
            pieces = []
        if kind == "open":
            return found, "ends inside quotes"
        if kind == "plain" and not pieces and match["plain"].startswith("#"):
            at = text.find("\n", at - len(match["plain"]))
            at = len(text) if at < 0 else at
        elif kind in ("end", "brace"):
            found.append(_END if kind == "end" else match.group())
        elif kind not in ("blank", "joint"):
            pieces += _double(match["double"]) if kind == "double" else [_piece(match)]
    return [*found, tuple(pieces)] if pieces else found, None


def _piece(match: re.Match[str], quoted: bool = False) -> tuple[str, str]:
    kind = str(match.lastgroup)
    if kind in ("braced", "bare"):
        return QUOTED_VARIABLE if quoted else VARIABLE, match[kind]
    return PLAIN if kind == "plain" and not quoted else QUOTED, match[kind]


def _double(text: str) -> list[tuple[str, str]]:
    """What stands between double quotes; "" is a word too."""
    found = [_piece(match, quoted=True) for match in _DOUBLE.finditer(text) if match.lastgroup != "joint"]
    return found or [(QUOTED, "")]


class _Parser:
    def __init__(self, tokens: list[Token], problem: str | None) -> None:
        self._tokens = tokens
        self._at = 0
        self.problem = problem

    def statements(self, ends: tuple[str, ...], depth: int) -> tuple[Record, ...]:
        """Up to one of the ends, which is left to be taken, or to the end of the text."""
        found: list[Record] = []
        while (word := self._keyword()) is not None:
            if word in ends:
                return tuple(found)
            statement = self._statement(word, depth + 1)
            if statement is not None:
                found.append(statement)
        if ends:
            self._blame("ends inside a block")
        return tuple(found)

    def _statement(self, word: str, depth: int) -> Record | None:
        if word != _END and (depth > NESTING or word in _STRAY):
            self._blame(f'has a "{word}" where none belongs' if word in _STRAY else f"is nested deeper than {NESTING}")
            word = _END
        if word == _END:
            self._at += 1
            return None
        kind = self._kinds.get(word)
        return kind(self, depth) if kind else self._command(depth)

    def _keyword(self) -> str | None:
        """The next token as text, "" where it is a word that can be no keyword; None at the end."""
        if self._at >= len(self._tokens):
            return None
        token = self._tokens[self._at]
        if isinstance(token, str):
            return token
        return token[0][1] if len(token) == 1 and token[0][0] == PLAIN else ""

    def _take(self, *wanted: str) -> None:
        """Pass over a keyword, and over the line's end before it."""
        while self._keyword() == _END and _END not in wanted:
            self._at += 1
        if self._keyword() in wanted:
            self._at += 1
        else:
            self._blame(f'lacks a "{wanted[0]}"')

    def _blame(self, problem: str) -> None:
        self.problem = self.problem or problem

    def _command(self, depth: int) -> Command:
        words: list[Word] = []
        block = None
        while (word := self._keyword()) not in (None, _END, _CLOSE):
            if word == _OPEN:
                block = self._block(depth)
                break
            token = self._tokens[self._at]
            assert not isinstance(token, str)
            words.append(token)
            self._at += 1
        return Command(tuple(words), block)

    def _block(self, depth: int) -> tuple[Record, ...]:
        self._take(_OPEN)
        body = self.statements((_CLOSE,), depth)
        self._take(_CLOSE)
        return body

    def _if(self, depth: int) -> If:
        branches = []
        while self._keyword() in ("if", "elif"):
            self._at += 1
            condition = self.statements(("then",), depth)
            self._take("then")
            branches.append((condition, self.statements(("elif", "else", "fi"), depth)))
        otherwise: tuple[Record, ...] = ()
        if self._keyword() == "else":
            self._at += 1
            otherwise = self.statements(("fi",), depth)
        self._take("fi")
        return If(tuple(branches), otherwise)

    def _loop(self, depth: int) -> Loop:
        kind = self._keyword() or ""
        self._at += 1
        head = self.statements(("do",), depth)
        self._take("do")
        body = self.statements(("done",), depth)
        self._take("done")
        return Loop(kind, head, body)

    def _function(self, depth: int) -> Function:
        self._at += 1
        name = self._keyword() or ""
        self._at += 1
        return Function(name, self._block(depth))

    _kinds = {"if": _if, "for": _loop, "while": _loop, "until": _loop, "function": _function}
